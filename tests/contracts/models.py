"""Classes that libraries make of annotations, patterns of `regex`, data of `cffi`."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, describes, describes_leaf

ATTRS = """
import functools
import attr, attrs

@attrs.define
class Slim:
    a: int
    b: list = attrs.Factory(list)

@attrs.frozen
class Frozen:
    a: int
    b: list = attrs.field(factory=list, validator=attrs.validators.instance_of(list))

@attr.s
class Old:
    a = attr.ib(default=1, converter=int)
    b = attr.ib(factory=dict)

@attrs.define(slots=False)
class Wide:
    a: int = 1
    @functools.cached_property
    def double(self):
        return [self.a * 2]

@attrs.define
class Kept:
    a: int = 1
    @functools.cached_property
    def double(self):
        return [self.a * 2]
"""

PYDANTIC = """
import functools, typing
import pydantic

class Model(pydantic.BaseModel):
    a: int
    b: list[int] = []
    c: typing.Optional["Model"] = None
    _hidden: list = pydantic.PrivateAttr(default_factory=list)
    @functools.cached_property
    def double(self):
        return [self.a * 2]
    @pydantic.computed_field
    @property
    def triple(self) -> int:
        return self.a * 3
    @pydantic.field_validator("a")
    @classmethod
    def check(cls, value):
        if value > 1000:
            raise ValueError("too much")
        return value

class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", validate_assignment=True)
    a: int = 1

class Frozen(pydantic.BaseModel, frozen=True):
    b: list = []

class Derived(Model):
    d: str = "x"

class Root(pydantic.RootModel[list[int]]):
    pass

@pydantic.dataclasses.dataclass
class Data:
    a: int
    b: list = pydantic.Field(default_factory=list)
"""

CFFI = """
import cffi

def new(kind, *given):
    return cffi.FFI().new(kind, *given)
"""

FAMILIES = [
    Family(
        "instances of classes made by attrs",
        {
            "define": Example("Slim(1)", ("x.b.append(1)", "x.a = 5", "x.b = x")),
            "frozen": Example("Frozen(1)", ("x.b.append(1)", "object.__setattr__(x, 'a', 6)")),
            "attr.s": Example("Old(1)", ("x.b['k'] = 1", "x.a = 5", "x.extra = x")),
            "cached_property": Example("Wide(1)", ("x.double", "x.double.append(5)", "x.a = 3")),
            "cached_property in slots": Example(
                "Kept(1)",
                ("x.double", "x.double.append(5)", "x.a = 3"),
                saved="what attrs makes for it has globals of its own",
            ),
            "class": Example("[Slim, Slim(1)]", ("Slim.more = 5", "x[1].a = 3")),
            "evolve": Example("[Frozen(1)]", ("x.append(attrs.evolve(x[0], a=2))",)),
        },
        prelude=ATTRS,
        needs=("attrs",),
        how="class, slots, `__dict__`",
    ),
    Family(
        "models and dataclasses of pydantic",
        {
            "model": Example(
                "Model(a=1)",
                (
                    "x.b.append(1)",
                    "x.a = 5",
                    "x._hidden.append(x)",
                    "x.double",
                    "x.double.append(3)",
                    "x.c = Model(a=2)",
                    "x.c.a = 9",
                ),
            ),
            "fields set": Example(
                "Model(a=1)", ("x.__pydantic_fields_set__.add('b')", "x.model_fields_set.clear()")
            ),
            "further fields": Example(
                "Open(a=1, z=[2])", ("x.z.append(3)", "x.q = 5", "x.a = 4", "del x.q")
            ),
            "frozen": Example("Frozen()", ("x.b.append(1)",)),
            "derived": Example("[Derived(a=1), Derived]", ("x[0].d = 'e'",)),
            "root": Example("Root([1, 2])", ("x.root.append(3)",)),
            "dataclass": Example("Data(1)", ("x.b.append(3)", "x.a = 5")),
            "class of a cell": Example(
                "[Model(a=1)]",
                ("class Late(Model):\n    e: int = 4", "x.append(Late(a=2))", "x[1].e = 7"),
            ),
            "validation": Example(
                "[Model(a=1), 0]",
                (
                    "x.append(Model.model_validate({'a': 5}).a)",
                    "x[1] = Model(a=2).model_dump()",
                    "x.append(Model.model_validate_json('{\"a\": 3}'))",
                ),
            ),
            "adapter": Example(
                "[pydantic.TypeAdapter(list[int]), [1]]",
                ("x[1].append(x[0].validate_python(['1']))",),
            ),
        },
        prelude=PYDANTIC,
        needs=("pydantic",),
        how="as instances; what pydantic compiles from a class it makes again when it is asked",
    ),
    Family(
        "patterns and matches of regex",
        {
            "pattern": Example("[regex.compile('(?P<a>b+)')]", ("x[0] = regex.compile('c')",)),
            "match": Example(
                "[regex.match('(a)(b)', 'ab'), 1]",
                ("x[1] = x[0].span(2)",),
                saved="a match of a pattern can't be pickled",
            ),
        },
        prelude="import regex",
        needs=("regex",),
        how="by reference: they never change",
    ),
    Family(
        "data of cffi",
        {
            "data": Example(
                "[new('int[3]', [1, 2, 3]), [1]]",
                ("x[0][0] = 5; x[1].append(1)", "x[1].append(2)"),
                by_reference="a __CDataOwn (cannot pickle '_cffi_backend.__CDataOwn' object)",
                copies=False,
                saved="data of cffi can't be pickled",
            ),
        },
        prelude=CFFI,
        needs=("cffi",),
        how="by reference, held",
    ),
]


@describes("_cffi_backend._CDataBase", "_cffi_backend.__CDataOwn")
def _data(_: Any, value: Any) -> tuple[Any, ...]:
    return "itself", id(value)


@describes_leaf("regex.Match", "_regex.Match")
def _match(value: Any) -> tuple[Any, ...]:
    return value.re.pattern, value.string, value.regs


@describes_leaf("regex.Pattern", "_regex.Pattern")
def _pattern(value: Any) -> tuple[Any, ...]:
    return value.pattern, value.flags


@describes("attr._make._CountingAttr", "attr._make.Attribute")
def _field(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe settings; attrs has one mapping for all that have no metadata, in each process.

    The number of one that is being made counts all that were made: that is an identity.
    """
    plainly = {
        "metadata": lambda mapping: walk.pairs(mapping.items()),
        "counter": lambda number: ("itself", number),
    }
    return tuple(
        (name, plainly.get(name, walk.token)(getattr(value, name))) for name in value.__slots__
    )
