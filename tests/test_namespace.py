"""The view of the namespace: it behaves as the dict behind it and notes what goes through it."""

from __future__ import annotations

import builtins
import copy
import gc
import importlib.util
import json
import pickle
import sys
import textwrap
import threading
import traceback
import weakref
from collections import Counter, OrderedDict
from importlib import import_module
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import said_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import NativeModule

    from cowtm.twin.namespace import TrackingNamespace


class Crasher:
    """A key that hashes like a name and raises when it is compared, or hashed at all."""

    def __init__(
        self, name: str = "", error: Exception | None = None, *, hashes: bool = True
    ) -> None:
        self.name = name
        self.error = error or RuntimeError("compared")
        self.hashes = hashes

    def __hash__(self) -> int:
        if not self.hashes:
            raise self.error
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        raise self.error


class NameLike(str):
    """A key that is a str, but not exactly."""

    __slots__ = ()


class Probe:
    """Something that a weak reference can watch."""


def run_cell(native_module: NativeModule, view: TrackingNamespace, source: str) -> None:
    """Run `source` as IPython would run a cell, on the view."""
    code = compile(textwrap.dedent(source), "<cell>", "exec")
    native_module.CellRunner(exec, view)(code, view.home, view.home)


@pytest.fixture
def code_names(native_module: NativeModule) -> Callable[[CodeType], frozenset[str]]:
    """Give the function `code_names` of the implementation under test."""
    module = import_module(native_module.TrackingNamespace.__module__)
    function: Callable[[CodeType], frozenset[str]] = module.code_names
    return function


# ---- it behaves as the dict behind it -----------------------------------------------------------


def keywords(**named: object) -> dict[str, object]:
    """Give what was passed by name."""
    return named


def matched(mapping: Any) -> object:
    """Take a mapping apart with `match`."""
    match mapping:
        case {"a": value, **rest}:
            return value, rest
        case _:
            return None


def store(mapping: Any, key: Any, value: Any) -> None:
    """Write one item."""
    mapping[key] = value


def delete(mapping: Any, key: Any, _value: Any) -> None:
    """Delete one item."""
    del mapping[key]


def update_in_place(mapping: Any, key: Any, value: Any) -> None:
    """Join another dict, which leaves the same object."""
    former = mapping
    mapping |= {key: value}
    assert mapping is former


def update_in_place_with_pairs(mapping: Any, key: Any, value: Any) -> None:
    """Join pairs, as only |= can."""
    mapping |= [(key, value)]


def update_another(mapping: Any, key: Any, value: Any) -> object:
    """Join the mapping to a plain dict."""
    other = {key: value}
    other.update(mapping)
    other |= mapping
    return other


def clear(mapping: Any) -> object:
    """Clear a mapping by code that runs in it."""
    home = mapping.home if hasattr(mapping, "home") else {}
    return FunctionType((lambda m: m.clear()).__code__, home)(mapping)


# Each takes the mapping, a key and a value; what it gives or raises must be the same for both.
OPERATIONS: dict[str, Callable[[Any, Any, Any], object]] = {
    "m[k]": lambda m, k, _: m[k],
    "m[k] = v": store,
    "del m[k]": delete,
    "k in m": lambda m, k, _: k in m,
    "len": lambda m, *_: len(m),
    "bool": lambda m, *_: bool(m),
    "iter": lambda m, *_: list(m),
    "reversed": lambda m, *_: list(reversed(m)),
    "repr": lambda m, *_: repr(m),
    "str": lambda m, *_: str(m),
    "hash": lambda m, *_: hash(m),
    "get": lambda m, k, _: m.get(k),
    "get with default": lambda m, k, v: m.get(k, v),
    "get without key": lambda m, *_: m.get(),
    "setdefault": lambda m, k, _: m.setdefault(k),
    "setdefault with default": lambda m, k, v: m.setdefault(k, v),
    "pop": lambda m, k, _: m.pop(k),
    "pop with default": lambda m, k, v: m.pop(k, v),
    "popitem": lambda m, *_: m.popitem(),
    "keys": lambda m, *_: m.keys() | set(),
    "items": lambda m, *_: list(m.items()),
    "values": lambda m, *_: list(m.values()),
    "live keys": lambda m, *_: type(m.keys()),
    "update with dict": lambda m, k, v: m.update({k: v}),
    "update with pairs": lambda m, k, v: m.update([(k, v)]),
    "update by name": lambda m, _, v: m.update(a=v),
    "update with both": lambda m, k, v: m.update({k: v}, b=v),
    "update with itself": lambda m, *_: m.update(m),
    "update with nothing": lambda m, *_: m.update(),
    "update with a number": lambda m, *_: m.update(1),
    "clear": lambda m, *_: clear(m),
    "copy": lambda m, *_: m.copy(),
    "fromkeys": lambda m, k, v: m.fromkeys([k], v),
    "m | d": lambda m, k, v: m | {k: v},
    "d | m": lambda m, k, v: {k: v} | m,
    "m | m": lambda m, *_: m | m,
    "m | number": lambda m, *_: m | 1,
    "m |= d": update_in_place,
    "m |= pairs": update_in_place_with_pairs,
    "m == d": lambda m, k, v: m == {k: v},
    "d == m": lambda m, k, v: {k: v} == m,
    "m != d": lambda m, k, v: m != {k: v},
    "m == its copy": lambda m, *_: m == m.copy() and m.copy() == m,
    "m == number": lambda m, *_: m == 1,
    "m < d": lambda m, *_: m < {},
    "dict": lambda m, *_: dict(m),
    "{**m}": lambda m, *_: {**m},
    "f(**m)": lambda m, *_: keywords(**m),
    "list": lambda m, *_: [*m],
    "set": lambda m, *_: set(m),
    "OrderedDict": lambda m, *_: OrderedDict(m),
    "Counter": lambda m, *_: Counter(m),
    "update of another": update_another,
    "mappingproxy": lambda m, k, _: MappingProxyType(m).get(k),
    "class": lambda m, *_: sorted(vars(type("C", (), m)).keys() - {"__doc__", "__module__"}),
    "match": lambda m, *_: matched(m),
    "% formatting": lambda m, *_: "%(a)s" % m,  # noqa: UP031 -- it has a path of its own
    "format_map": lambda m, *_: "{a}".format_map(m),
    "json": lambda m, *_: json.dumps(m),
    # Where C indents (since 3.13) an empty view gives an empty line between the braces.
    "json, indented": lambda m, *_: json.dumps(m, indent=1) if m else "{}",
    "copy.copy": lambda m, *_: copy.copy(m),
    "deepcopy": lambda m, *_: copy.deepcopy(m),
    "pickle 2": lambda m, *_: pickle.loads(pickle.dumps(m, 2)),
    "pickle 5": lambda m, *_: pickle.loads(pickle.dumps(m, 5)),
    "pure pickle": lambda m, *_: pickle.loads(pickle._dumps(m)),  # type: ignore[attr-defined]
    "isinstance": lambda m, *_: isinstance(m, dict),
}

KEYS = st.sampled_from(["a", "b", "c", "__builtins__", NameLike("a"), 1, (1, 2), None, [1]])
VALUES = st.sampled_from([0, "text", None, (1,)])
STEPS = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), KEYS, VALUES), max_size=12)


def outcome(operation: Callable[[Any, Any, Any], object], *arguments: object) -> object:
    """Give what an operation gives, with its type, or what it raises."""
    try:
        value = operation(*arguments)
    except KeyError as error:
        return KeyError, error.args
    except Exception as error:  # noqa: BLE001 -- any error, if it is the same on both sides
        return type(error)
    return type(value), value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(start=st.dictionaries(st.sampled_from(["a", "b", 1]), VALUES), steps=STEPS)
def test_it_behaves_as_a_dict(
    native_module: NativeModule, start: dict[Any, Any], steps: list[tuple[str, Any, Any]]
) -> None:
    """Any sequence of operations gives and leaves behind what it would with a plain dict."""
    model, home = dict(start), dict(start)
    view = native_module.TrackingNamespace(home)
    for name, key, value in steps:
        expected = outcome(OPERATIONS[name], model, key, value)
        assert outcome(OPERATIONS[name], view, key, value) == expected, name
        assert list(home.items()) == list(model.items()), name
    assert view.home is home
    assert dict.keys(view) == {"__builtins__"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_that_of_a_dict(native_module: NativeModule, name: str) -> None:
    """Each operation, on an empty and on a filled namespace."""
    for start in ({}, {"a": 1, "b": "text"}):
        model, home = dict(start), dict(start)
        view = native_module.TrackingNamespace(home)
        expected = outcome(OPERATIONS[name], model, "a", 3)
        assert outcome(OPERATIONS[name], view, "a", 3) == expected
        assert list(home.items()) == list(model.items())


def test_every_method_of_dict_is_its_own(native_module: NativeModule) -> None:
    """No method is inherited that would look into the view's own storage."""
    own = vars(native_module.TrackingNamespace)
    harmless = {"__class_getitem__", "__getattribute__", "__sizeof__"}
    without_storage = {"__lt__", "__le__", "__gt__", "__ge__"}
    assert vars(dict).keys() - own.keys() <= harmless | without_storage


def test_operators_take_views_on_both_sides(native_module: NativeModule) -> None:
    """Two views compare and join as their dicts do."""
    one = native_module.TrackingNamespace({"a": 1})
    other = native_module.TrackingNamespace({"b": 2})
    same = native_module.TrackingNamespace({"a": 1})
    assert one == same
    assert one != other
    assert one | other == {"a": 1, "b": 2}
    one |= other
    assert one.home == {"a": 1, "b": 2}
    assert type(one) is native_module.TrackingNamespace


def test_a_namespace_that_holds_itself(native_module: NativeModule) -> None:
    """`ns = locals()` makes a cycle that copying, pickling and printing survive."""
    view = native_module.TrackingNamespace({"a": [1]})
    view["ns"] = view
    assert repr(view) == "{'a': [1], 'ns': {...}}"
    for other in (copy.deepcopy(view), pickle.loads(pickle.dumps(view))):
        assert type(other) is dict
        assert other["ns"] is other
        assert other["a"] == [1]
        assert other["a"] is not view["a"]


def test_live_keys_follow_home(native_module: NativeModule) -> None:
    """keys(), items() and values() stay attached, as those of a dict."""
    view = native_module.TrackingNamespace({})
    keys, items, values = view.keys(), view.items(), view.values()
    view["a"] = 1
    assert (list(keys), list(items), list(values)) == (["a"], [("a", 1)], [1])


@pytest.mark.parametrize("error", [RuntimeError("hashed"), KeyError("hashed")], ids=repr)
def test_a_key_that_cannot_be_hashed(native_module: NativeModule, error: Exception) -> None:
    """What a key's __hash__ raises reaches the caller as it is, a KeyError too."""
    view = native_module.TrackingNamespace({"a": 1})
    key = Crasher(error=error, hashes=False)
    for name in ("m[k]", "m[k] = v", "del m[k]", "k in m", "get", "setdefault", "pop with default"):
        with pytest.raises(type(error)) as caught:
            OPERATIONS[name](view, key, 1)
        assert caught.value is error, name
    assert view.home == {"a": 1}


@pytest.mark.parametrize("error", [RuntimeError("compared"), KeyError("compared")], ids=repr)
@pytest.mark.parametrize("name", ["m[k]", "m[k] = v", "del m[k]", "k in m", "get", "pop"])
def test_a_key_that_cannot_be_compared(
    native_module: NativeModule, name: str, error: Exception
) -> None:
    """What a stored key's __eq__ raises reaches the caller: no builtin is found instead."""
    home: dict[Any, Any] = {Crasher("len", error): 1}
    view = native_module.TrackingNamespace(home)
    with pytest.raises(type(error)) as caught:
        OPERATIONS[name](view, "len", 1)
    assert caught.value is error
    assert list(home.values()) == [1]


def test_a_missing_key_is_named(native_module: NativeModule) -> None:
    """The KeyError holds the key, also when the key is a tuple."""
    view = native_module.TrackingNamespace({})
    missing: list[object] = ["nowhere", (1, 2), ()]
    for key in missing:
        with pytest.raises(KeyError) as caught:
            view[key]
        assert caught.value.args == (key,)


def test_a_comparison_that_empties_the_namespace(native_module: NativeModule) -> None:
    """User code that runs during a lookup may take the namespace apart."""
    home: dict[Any, Any] = {}
    view = native_module.TrackingNamespace(home)

    class Vandal:
        def __hash__(self) -> int:
            return hash("name")

        def __eq__(self, other: object) -> bool:
            clear(view)
            view.reset()
            view["x" * 50] = [1]
            return True

    for name in ("m[k]", "get", "k in m", "m[k] = v", "setdefault", "pop with default"):
        home.clear()
        home[Vandal()] = object()
        outcome(OPERATIONS[name], view, "name", object())
        assert isinstance(dict(view), dict)


# ---- builtins -----------------------------------------------------------------------------------


def test_a_subscript_finds_builtins(native_module: NativeModule) -> None:
    """A missing name gives the builtin, from the module or from its dict; home comes first."""
    for where in (builtins, vars(builtins)):
        view = native_module.TrackingNamespace({"__builtins__": where, "max": 1})
        assert view["len"] is len
        assert view["max"] == 1
    assert native_module.TrackingNamespace({})["len"] is len


def test_only_a_subscript_finds_builtins(native_module: NativeModule) -> None:
    """`in`, get and the others tell what home holds."""
    view = native_module.TrackingNamespace({"__builtins__": builtins})
    assert "len" not in view
    assert view.get("len") is None
    assert view.pop("len", None) is None
    with pytest.raises(KeyError):
        del view["len"]
    with pytest.raises(KeyError):
        view[NameLike("len")]
    assert view.setdefault("len", 1) == 1
    assert view["len"] == 1


def test_other_builtins_are_respected(native_module: NativeModule) -> None:
    """A namespace with builtins of its own sees these, and no others."""
    view = native_module.TrackingNamespace({"__builtins__": {"only": 1}})
    run_cell(native_module, view, "x = only")
    assert view["x"] == 1
    with pytest.raises(NameError, match="'len' is not defined"):
        run_cell(native_module, view, "len")


def test_builtins_are_those_at_the_start_of_the_cell(native_module: NativeModule) -> None:
    """A change of __builtins__ shows in the next cell, as it does without the view."""
    source = "__builtins__ = {'only': 1}; x = len([1])"
    plain: dict[str, Any] = {}
    exec(source, plain)  # noqa: S102 -- the builtin is the model
    view = native_module.TrackingNamespace({})
    run_cell(native_module, view, source)
    assert view["x"] == plain["x"] == 1
    run_cell(native_module, view, "x = only + 1")
    assert view["x"] == 2
    with pytest.raises(NameError):
        run_cell(native_module, view, "len")


def test_builtins_that_are_no_dict(native_module: NativeModule) -> None:
    """Builtins of another type are asked by the interpreter itself."""

    class Shouting(dict[str, Any]):
        def __getitem__(self, name: str) -> str:
            return name.upper()

    view = native_module.TrackingNamespace({"__builtins__": Shouting(quiet="stored")})
    run_cell(native_module, view, "x = quiet")
    assert view["x"] == "QUIET"
    with pytest.raises(KeyError):
        view["quiet"]


# ---- it notes names -----------------------------------------------------------------------------

STATEMENTS = {
    "read": ("a", {"a"}),
    "read of a builtin": ("len", {"len"}),
    "assignment": ("x = 1", {"x"}),
    "several targets": ("x = (y, *z) = [1, 2]", {"x", "y", "z"}),
    "annotated": ("x: int = 1", {"x"}),
    "augmented": ("a += 1", {"a"}),
    "item": ("d['k'] = 1", {"d"}),
    "attribute": ("o.k = 1", {"o"}),
    "delete": ("del a", {"a"}),
    "for": ("for i, j in [(1, 2)]: pass", {"i", "j"}),
    "with": ("with manager as w: pass", {"manager", "w"}),
    "import": ("import os.path", {"os"}),
    "import as": ("import os.path as p", {"p"}),
    "from import": ("from os import sep as s, getcwd", {"s", "getcwd"}),
    "star": ("from os.path import *", {"join", "split"}),
    "def": ("@decorator\ndef f(x=a): pass", {"f", "decorator", "a"}),
    "lambda": ("f = lambda x=a: b", {"f", "a"}),
    "async def": ("async def f(): pass", {"f"}),
    "class": ("class C(base): x = 1", {"C", "base"}),
    "except": ("try: 1/0\nexcept ZeroDivisionError as e: e", {"e", "ZeroDivisionError"}),
    "except group": (
        "try: raise ExceptionGroup('', [ValueError()])\nexcept* ValueError as e: e",
        {"e", "ExceptionGroup", "ValueError"},
    ),
    "match": ("match [1, 2]:\n case [x, *rest]: pass", {"x", "rest"}),
    "match a mapping": ("match d:\n case {'k': x, **rest}: pass", {"d", "x", "rest"}),
    "walrus": ("(x := 1)", {"x"}),
    "conditional": ("if a: b", {"a", "b"}),
    "while": ("while a: a = 0", {"a"}),
    "comprehension": ("[x for x in d]", {"d"}),
    "f-string": ("f'{a}{b!r}'", {"a", "b"}),
    "assert": ("assert a", {"a"}),
    "exec": ("exec('x = a')", {"x", "a"}),
    "eval": ("eval('a')", {"a", "eval"}),
    "nested exec": ("exec('exec(\"x = a\")')", {"x", "a"}),
    "locals": ("locals()['x'] = 1", {"x"}),
    "vars": ("vars()['x'] = 1", {"x"}),
    "global": ("global x\nx = 1", set()),
    "nothing": ("1", set()),
}
if sys.version_info >= (3, 12):
    STATEMENTS["type alias"] = ("type T = int", {"T"})
    STATEMENTS["generic function"] = ("def f[T](x: T): pass", {"f"})


def names_to_use() -> dict[str, Any]:
    """Give a namespace in which every statement above works."""
    home: dict[str, Any] = {"a": 1, "b": 2, "d": {"k": 1}, "base": Probe, "o": Probe()}
    home["decorator"] = lambda function: function
    home["manager"] = memoryview(b"")
    return home


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_notes_its_names(
    native_module: NativeModule,
    code_names: Callable[[CodeType], frozenset[str]],
    statement: str,
) -> None:
    """What runs on the view has the effect it has without, and its names are noted."""
    source, expected = STATEMENTS[statement]
    plain = names_to_use()
    exec(source, plain)  # noqa: S102 -- the builtin is the model
    home = names_to_use()
    view = native_module.TrackingNamespace(home)
    run_cell(native_module, view, source)
    assert list(home) == list(plain)
    assert expected <= view.names
    assert not view.everything
    [code] = view.codes
    assert (home.keys() - names_to_use().keys() - {"__builtins__", "__annotations__"}) <= (
        view.names | code_names(code)
    )


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_name_is_noted_without_use(native_module: NativeModule, statement: str) -> None:
    """A statement notes no name that is not in it, but for those that it imports."""
    source, _ = STATEMENTS[statement]
    view = native_module.TrackingNamespace(names_to_use())
    run_cell(native_module, view, source)
    if statement != "star":
        ours = view.names - {"__annotations__", "__name__", "__type_params__"}
        assert {name for name in ours if name not in source} == set()


@pytest.mark.parametrize(
    "name",
    ["m[k]", "m[k] = v", "del m[k]", "k in m", "get", "setdefault", "pop", "pop with default"],
)
def test_operations_about_one_name(native_module: NativeModule, name: str) -> None:
    """They note that name, whether it is there or not, and nothing else."""
    for home in ({}, {"a": 1, "b": 2}):
        view = native_module.TrackingNamespace(dict(home))
        outcome(OPERATIONS[name], view, "a", 1)
        assert view.names == {"a"}
        assert not view.everything


@pytest.mark.parametrize(
    "name",
    [
        *("iter", "reversed", "repr", "keys", "items", "values", "live keys", "copy", "clear"),
        *("update with dict", "update by name", "m | d", "d | m", "m |= d", "m == d", "d == m"),
        *(
            "m != d",
            "dict",
            "{**m}",
            "f(**m)",
            "match",
            "json",
            "copy.copy",
            "deepcopy",
            "pickle 5",
        ),
    ],
)
def test_operations_about_everything(native_module: NativeModule, name: str) -> None:
    """What goes over the whole namespace may have used every name, until the next reset."""
    view = native_module.TrackingNamespace({"a": 1})
    outcome(OPERATIONS[name], view, "b", 1)
    assert view.everything
    view.reset()
    assert not view.everything


def test_others_that_take_it_for_a_copy_can_not_clear_it(native_module: NativeModule) -> None:
    """A library finds it in the frame that called it, and thinks that it was made for it."""
    home = {"a": 1}
    view = native_module.TrackingNamespace(home)
    view.clear()
    assert home == view == {"a": 1}
    clear(view)
    assert home == view == {}


def test_popitem_notes_what_it_took(native_module: NativeModule) -> None:
    """The name is known only afterwards."""
    view = native_module.TrackingNamespace({"a": 1, "b": 2})
    assert view.popitem() == ("b", 2)
    assert view.names == {"b"}
    assert not view.everything


def test_len_and_truth_use_no_name(native_module: NativeModule) -> None:
    """How many names there are is not what they mean."""
    view = native_module.TrackingNamespace({"a": 1})
    assert len(view) == 1
    assert view
    assert view.names == frozenset()
    assert not view.everything


@pytest.mark.parametrize("key", [1, (1, 2), None, NameLike("a")], ids=repr)
def test_keys_that_are_no_names(native_module: NativeModule, key: Any) -> None:
    """They pass through; what was used is then not told by names alone."""
    view = native_module.TrackingNamespace({})
    view[key] = [1]
    assert view.home == {key: [1]}
    assert view.names == frozenset()
    assert view.everything


def test_a_name_that_fails_is_noted(native_module: NativeModule) -> None:
    """A cell that stops with a NameError has asked for that name."""
    view = native_module.TrackingNamespace({})
    for source in ("nowhere", "del nowhere"):
        with pytest.raises(NameError, match="name 'nowhere' is not defined"):
            run_cell(native_module, view, source)
        assert "nowhere" in view.names
        view.reset()


def test_more_names_than_the_cache_holds(native_module: NativeModule) -> None:
    """Every one of some thousand names is noted, in every round."""
    names = [f"name_{number}" for number in range(3_000)]
    source = "\n".join(f"{name} = 0" for name in names)
    view = native_module.TrackingNamespace({})
    for _ in range(3):
        run_cell(native_module, view, source)
        assert view.names == frozenset(names)
        view.reset()
        assert view.names == frozenset()


def test_names_that_die_are_not_confused(native_module: NativeModule) -> None:
    """A name whose string died is not mistaken for the next one at the same address."""
    view = native_module.TrackingNamespace({})
    for number in range(5_000):
        view[f"name {number}"] = number
        del view[f"name {number}"]
    assert view.names == {f"name {number}" for number in range(5_000)}


def test_what_was_noted_is_a_value(native_module: NativeModule) -> None:
    """Names and codes given out do not change when more is noted or all is forgotten."""
    view = native_module.TrackingNamespace({"a": 1})
    run_cell(native_module, view, "a")
    names, codes = view.names, view.codes
    run_cell(native_module, view, "b = a")
    assert len(view.codes) == 2
    view.reset()
    assert type(names) is frozenset
    assert names == {"a"}
    assert type(codes) is tuple
    assert [code.co_names for code in codes] == [("a",)]
    assert view.names == frozenset()
    assert not view.codes


def test_attributes_are_read_only(native_module: NativeModule) -> None:
    """The view cannot be given another home or other notes."""
    view = native_module.TrackingNamespace({})
    for name in ("home", "names", "codes", "everything", "other"):
        with pytest.raises(AttributeError):
            setattr(view, name, {})


def test_home_is_exactly_a_dict(native_module: NativeModule) -> None:
    """Anything else is refused, by name."""
    with pytest.raises(TypeError, match="home must be exactly a dict, not Counter"):
        native_module.TrackingNamespace(Counter())
    make: Any = native_module.TrackingNamespace
    with pytest.raises(TypeError):
        make()
    with pytest.raises(TypeError):
        make({}, {})
    home: dict[str, Any] = {}
    assert native_module.TrackingNamespace(home=home).home is home


def test_initialising_again_does_nothing(native_module: NativeModule) -> None:
    """dict.__init__ would write into the view's own storage."""
    view = native_module.TrackingNamespace({"a": 1})
    view.__init__({"b": 2})
    assert view == {"a": 1}
    assert dict.keys(view) == {"__builtins__"}


# ---- what is written behind its back ------------------------------------------------------------


def test_globals_of_a_function_made_by_exec(native_module: NativeModule) -> None:
    """A `global` statement under exec(..., locals()) reaches home at once."""
    view = native_module.TrackingNamespace({})
    run_cell(
        native_module,
        view,
        '''
        exec("""
        count = 0
        def tick():
            global count
            count += 1
            return count
        """.replace("        ", ""), locals())
        ticks = [tick() for _ in range(3)]
        seen = count
        tick()
        ''',
    )
    assert view.home["ticks"] == [1, 2, 3]
    assert view.home["seen"] == 3
    assert view.home["count"] == 4
    assert "count" in view.names


def test_strays_are_carried_over(native_module: NativeModule) -> None:
    """Whatever asks first finds in home what C code wrote to the view's own storage."""
    questions: dict[str, Callable[[TrackingNamespace], object]] = {
        "subscript": lambda view: view["stray"] == 1,
        "contains": lambda view: "stray" in view,
        "len": lambda view: len(view) == 1,
        "iter": lambda view: list(view) == ["stray"],
        "names": lambda view: view.names == {"stray"},
        "home": lambda view: view.home == {"stray": 1},
        "everything": lambda view: view.everything is False and view.names == {"stray"},
        "copy": lambda view: view.copy() == {"stray": 1},
    }
    for name, question in questions.items():
        view = native_module.TrackingNamespace({})
        home = view.home
        dict.__setitem__(view, "stray", 1)
        assert question(view), name
        assert home == {"stray": 1}, name
        assert dict.keys(view) == {"__builtins__"}, name


def test_strays_are_carried_over_when_the_cell_fails(native_module: NativeModule) -> None:
    """The error is the cell's own, and home is complete."""
    home: dict[str, Any] = {}
    view = native_module.TrackingNamespace(home)
    with pytest.raises(ZeroDivisionError):
        run_cell(native_module, view, "exec('global x; x = 1; 1/0', locals())")
    assert home["x"] == 1


# ---- who runs cells -----------------------------------------------------------------------------


def test_a_cell_runs_on_the_view(native_module: NativeModule) -> None:
    """Its locals are the view, its globals the real, exact dict."""
    home: dict[str, Any] = {}
    view = native_module.TrackingNamespace(home)
    run_cell(native_module, view, "g, l = globals(), locals()")
    assert home["g"] is home
    assert type(home["g"]) is dict
    assert home["l"] is view


def test_eval_runs_expressions_and_coroutines(native_module: NativeModule) -> None:
    """The value comes back; a coroutine's names are noted when it runs."""
    view = native_module.TrackingNamespace({"a": 20})
    runner = native_module.CellRunner(eval, view)
    assert runner(compile("a + 1", "<cell>", "eval"), view.home, view.home) == 21
    view.reset()
    top_level_await = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile("async def f(): return a\nx = await f()", "<cell>", "exec", top_level_await)
    coroutine = runner(code, view.home, view.home)
    assert view.names == frozenset()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert view.home["x"] == 20
    assert view.names >= {"f", "x"}
    assert view.codes == (code,)


def test_other_calls_are_those_of_the_builtin(native_module: NativeModule) -> None:
    """Other namespaces, and source that is no code object, pass through unnoted."""
    view = native_module.TrackingNamespace({"a": 1})
    code = compile("x = a", "<cell>", "exec")
    runner = native_module.CellRunner(exec, view)
    other: dict[str, Any] = {"a": 2}
    assert runner(code, other) is None
    assert other["x"] == 2
    names: dict[str, Any] = {}
    runner(code, other, names)
    assert names == {"x": 2}
    runner("y = a", view.home, view.home)
    assert view.home["y"] == 1
    runner(code, view.home)
    assert view.home["x"] == 1
    assert (view.names, view.codes, view.everything) == (frozenset(), (), False)


def test_namespaces_left_out_are_the_callers(native_module: NativeModule) -> None:
    """With one argument, or None, code sees the variables of the function that called."""
    evaluate = native_module.CellRunner(eval, native_module.TrackingNamespace({}))
    run = native_module.CellRunner(exec, native_module.TrackingNamespace({}))
    local = 3
    assert evaluate("local + 1") == 4
    assert evaluate("local + 1", None) == 4
    assert evaluate("local + 1", None, None) == 4
    assert evaluate("local, Probe", None, {"local": 5}) == (5, Probe)
    assert evaluate("globals()") is globals()
    run("local = 7")
    assert local == 3
    run("global written_by_test\nwritten_by_test = local")
    assert globals().pop("written_by_test") == 3


def ask(call: Any, keywords: dict[str, Any], _: object) -> object:
    """Call `eval`, or what stands for it, from a function with a variable of its own."""
    local = 3
    return call("local", **keywords), local


@pytest.mark.parametrize(
    "keywords",
    [
        {"globals": {"local": 1}},
        {"globals": {}, "locals": {"local": 2}},
        {"globals": None, "locals": {"local": 2}},
        {"locals": {"local": 2}},
        {"globals": None},
        {"locals": None},
        {"globals": None, "locals": None},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_namespaces_by_keyword(native_module: NativeModule, keywords: dict[str, Any]) -> None:
    """Keywords are taken where the builtin takes them, that is since Python 3.13."""
    evaluate = native_module.CellRunner(eval, native_module.TrackingNamespace({}))
    assert outcome(ask, evaluate, keywords, None) == outcome(ask, eval, keywords, None)


def test_closures_are_passed_on(native_module: NativeModule) -> None:
    """The argument `closure` of exec works, also for a cell on the view."""
    cell_variable = [1]

    def function() -> None:
        cell_variable.append(2)

    assert isinstance(function, FunctionType)
    view = native_module.TrackingNamespace({})
    run: Any = native_module.CellRunner(exec, view)
    run(function.__code__, view.home, view.home, closure=function.__closure__)
    run(function.__code__, {}, closure=function.__closure__)
    assert cell_variable == [1, 2, 2]
    assert view.codes == (function.__code__,)
    with pytest.raises(TypeError):
        run(function.__code__, view.home, view.home)


def test_an_embedded_shell_keeps_its_globals(native_module: NativeModule) -> None:
    """Where globals and locals are two, a global hides the builtin of the same name."""
    home: dict[str, Any] = {"a": 1}
    outer = {"len": "mine"}
    view = native_module.TrackingNamespace(home)
    code = compile("x = len, a", "<cell>", "exec")
    native_module.CellRunner(exec, view)(code, outer, home)
    assert home["x"] == ("mine", 1)
    assert view.everything
    assert view.codes == (code,)


def test_a_runner_needs_a_view(native_module: NativeModule) -> None:
    """Anything else is refused when the runner is made."""
    runner: Any = native_module.CellRunner
    with pytest.raises(TypeError):
        runner(exec, {})
    with pytest.raises(TypeError):
        runner(exec)


def test_wrong_calls_fail_as_the_builtin(native_module: NativeModule) -> None:
    """No argument, or one too many, is the builtin's to refuse."""
    view = native_module.TrackingNamespace({})
    run: Any = native_module.CellRunner(exec, view)
    code = compile("x = 1", "<cell>", "exec")
    wrong: list[tuple[object, ...]] = [(), (1,), (code, 1), (code, view.home, view.home, 1)]
    for arguments in wrong:
        with pytest.raises(TypeError):
            run(*arguments)
    assert view.home == {}


def frames(error: BaseException) -> list[tuple[str, str]]:
    """Give file and function of every frame of a traceback."""
    stack = traceback.extract_tb(error.__traceback__)
    return [(frame.filename, frame.name) for frame in stack]


@pytest.mark.parametrize(
    "source",
    [
        "1/0",
        "def f(): g()\ndef g(): raise KeyError('x')\nf()",
        "nowhere",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "try: 1/0\nexcept ZeroDivisionError as e: raise ValueError from e",
        "exec('1/0')",
        "exec('1 +')",
    ],
)
def test_tracebacks_are_those_of_the_builtin(native_module: NativeModule, source: str) -> None:
    """No frame is added, neither to the error nor to the one behind it."""
    code = compile(source, "<cell>", "exec")
    view = native_module.TrackingNamespace({})
    caught: list[BaseException] = []
    for run, names in ((exec, {}), (native_module.CellRunner(exec, view), view.home)):
        try:
            run(code, names, names)
        except BaseException as error:  # noqa: BLE001 -- SystemExit and KeyboardInterrupt too
            caught.append(error)
    plain, on_view = caught
    assert type(on_view) is type(plain)
    assert on_view.args == plain.args
    assert frames(on_view) == frames(plain)
    assert (on_view.__context__ is None) == (plain.__context__ is None)
    if on_view.__context__ is not None and plain.__context__ is not None:
        assert frames(on_view.__context__) == frames(plain.__context__)


def test_tracebacks_of_other_calls(native_module: NativeModule) -> None:
    """A call that passes through adds no frame either."""
    runner = native_module.CellRunner(exec, native_module.TrackingNamespace({}))
    with pytest.raises(SyntaxError) as caught:
        runner("1 +", {})
    assert [name for _, name in frames(caught.value)] == ["test_tracebacks_of_other_calls"]


def test_an_error_keeps_nothing_alive(native_module: NativeModule) -> None:
    """Once handled, a failed cell's variables go without the help of the collector."""
    view = native_module.TrackingNamespace({"Probe": Probe, "refs": []})
    gc.disable()
    try:
        source = """
        import weakref
        def f():
            probe = Probe()
            refs.append(weakref.ref(probe))
            1/0
        f()
        """
        try:
            run_cell(native_module, view, source)
        except ZeroDivisionError:
            alive = view.home["refs"][0]() is not None
        assert alive
        assert view.home["refs"][0]() is None
    finally:
        gc.enable()


# ---- names in code ------------------------------------------------------------------------------


def test_names_of_nested_code(code_names: Callable[[CodeType], frozenset[str]]) -> None:
    """Functions, classes, lambdas and comprehensions at any depth count."""
    source = """
    top = first
    def f(argument=default):
        global written
        written = [second(item.attribute) for item in third]
        class C:
            def method(self):
                return lambda: fourth
    """
    names = code_names(compile(textwrap.dedent(source), "<cell>", "exec"))
    assert type(names) is frozenset
    assert names >= {"top", "first", "default", "written", "second", "third", "fourth", "f"}
    assert "argument" not in names
    assert "self" not in names


def test_deeply_nested_code(code_names: Callable[[CodeType], frozenset[str]]) -> None:
    """Ten thousand levels do not overflow."""
    code = compile("innermost", "<cell>", "exec")
    for _ in range(10_000):
        code = code.replace(co_consts=(code,), co_names=("outer",))
    assert code_names(code) == {"innermost", "outer"}


def test_only_code_has_names(code_names: Callable[[CodeType], frozenset[str]]) -> None:
    """Source text or a function is refused."""
    for other in ("x = 1", test_only_code_has_names):
        with pytest.raises(TypeError, match="code must be a code object, not "):
            code_names(other)  # type: ignore[arg-type]


# ---- memory and threads -------------------------------------------------------------------------


def test_cycles_are_collected(native_module: NativeModule) -> None:
    """A namespace that holds its own view and runner goes when nothing else holds it."""
    home: dict[str, Any] = {"probe": Probe()}
    view = native_module.TrackingNamespace(home)
    home["view"] = view
    home["runner"] = native_module.CellRunner(exec, view)
    run_cell(native_module, view, "def f(): return probe\nns = locals()")
    watch = weakref.ref(home["probe"])
    del home, view
    gc.collect()
    assert watch() is None


def test_the_collector_sees_all_parts(native_module: NativeModule) -> None:
    """What a view and a runner hold is what they tell the collector."""
    home: dict[str, Any] = {}
    view = native_module.TrackingNamespace(home)
    runner = native_module.CellRunner(exec, view)
    assert any(part is home for part in gc.get_referents(view))
    assert any(part is view for part in gc.get_referents(runner))


@pytest.mark.long
def test_reference_counts_come_back(native_module: NativeModule) -> None:
    """After any operation, failed ones included, what took part is held no more than before."""
    key, value = f"a name of this test only, {len(OPERATIONS)}", Probe()
    home: dict[str, Any] = {}
    view = native_module.TrackingNamespace(home)
    crasher = Crasher("x", hashes=False)
    before = [sys.getrefcount(part) for part in (key, value, home, view, crasher)]
    for name, operation in OPERATIONS.items():
        outcome(operation, view, key, value)
        home.clear()
        outcome(operation, view, crasher, value)
        home.clear()
        view.reset()
        crasher.error.__traceback__ = None
        gc.collect()
        after = [sys.getrefcount(part) for part in (key, value, home, view, crasher)]
        assert after == before, name


def test_reference_counts_of_what_lives_longer(native_module: NativeModule) -> None:
    """Views and runners that went hold neither their types nor any builtins."""
    own_builtins: dict[str, Any] = {"only": 1}
    lasting = [own_builtins, vars(builtins), native_module.TrackingNamespace]
    lasting.append(native_module.CellRunner)

    def use() -> None:
        for home in ({}, {"__builtins__": own_builtins}, {"__builtins__": builtins}):
            view = native_module.TrackingNamespace(home)
            run_cell(native_module, view, "a = 1")
            with pytest.raises(NameError):
                run_cell(native_module, view, "nowhere")

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(part) for part in lasting]

    use()
    before = counts()
    rounds = 10
    for _ in range(rounds):
        use()
    # Functions elsewhere hold the builtins too, and may go meanwhile: a leak would add up.
    grown = [now - then for now, then in zip(counts(), before, strict=True)]
    assert grown[:1] + grown[2:] == [0, 0, 0]
    assert grown[1] < rounds


LEAK_SCRIPT = """
import ctypes, gc, importlib, sys
import test_namespace as tests

module = importlib.import_module(sys.argv[1])
sources = [source for source, _ in tests.STATEMENTS.values()]
codes = [compile(source, "<cell>", "exec") for source in sources]
failing = compile("def f(): nowhere\\nf()", "<cell>", "exec")


def use(number):
    home = tests.names_to_use()
    view = module.TrackingNamespace(home)
    run = module.CellRunner(exec, view)
    for code in codes:
        run(code, home, home)
        home.update(tests.names_to_use())
    try:
        run(failing, home, home)
    except NameError:
        view.names, view.codes, view.everything
    view.reset()
    for operation in tests.OPERATIONS.values():
        tests.outcome(operation, view, "key", 1)
        tests.outcome(operation, view, tests.Crasher(hashes=False), 1)
        view.get("key"), view.names
    home["view"] = view
    view[f"name {number}"] = 1
    module.code_names(failing)
    dict.__setitem__(view, "stray", 1)
    for wrong in (lambda: module.TrackingNamespace(1), lambda: module.CellRunner(1, 2)):
        try:
            wrong()
        except TypeError:
            continue


def blocks():
    ctypes.pythonapi.PyType_ClearCache()  # it holds names, ever other ones
    gc.collect()
    return sys.getallocatedblocks()


for number in range(20):
    use(number)
before = blocks()
for number in range(100):
    use(number)
print(blocks() - before)
"""


def test_nothing_leaks(native_module: NativeModule) -> None:
    """A hundred more rounds of everything leave no more blocks of memory behind."""
    [left] = said_by(LEAK_SCRIPT, native_module.TrackingNamespace.__module__)
    assert abs(int(left)) < 10


def test_threads_share_a_view(native_module: NativeModule) -> None:
    """Writes from threads all arrive, while another thread reads and resets the notes."""
    view = native_module.TrackingNamespace({})
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for step in range(500):
            view[f"name_{number}_{step}"] = step

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        assert view.names <= {f"name_{n}_{s}" for n in range(3) for s in range(500)}
        view.reset()
    for thread in threads:
        thread.join()
    assert len(view.home) == 1_500


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.usefixtures("native_module")
def test_two_module_objects_share_nothing() -> None:
    """Loaded a second time, the extension makes types of its own, and goes when let go."""
    import cowtm._native as first  # noqa: PLC0415 -- exists only where it was built

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location("cowtm._native", first.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    second = load()
    assert second.TrackingNamespace is not first.TrackingNamespace
    view = second.TrackingNamespace({"a": 1})
    assert view == first.TrackingNamespace({"a": 1})
    with pytest.raises(TypeError):
        first.CellRunner(exec, view)
    watch = weakref.ref(second.TrackingNamespace)
    del second
    gc.collect()
    assert watch() is not None
    assert view["a"] == 1
    assert view["len"] is len
    del view
    gc.collect()
    assert watch() is None
