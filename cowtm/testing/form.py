"""The form of a namespace: everything that can be told about its objects, as one plain value.

Objects are numbered in the order in which a walk from the names meets them, so two namespaces have
equal forms exactly when they hold equal values, shared in the same way, cycles included. Nothing of
cowtm's way of recording is used here: a mistake there is not repeated here. Objects of libraries
are described by functions that `describes` registers.
"""

from __future__ import annotations

import array
import builtins
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import mmap
import pathlib
import random
import re
import sys
import types
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from cowtm.interrupts import paused_collection

Token = Any
"""A number of an object, or the description of a leaf."""


@dataclass(slots=True)
class Form:
    """What a walk found.

    Two are equal when names and records are; the objects are only what they were made from.
    """

    names: dict[str, Token]
    """Name -> token."""
    records: list[tuple[Any, ...]]
    """Number -> what that object is."""
    objects: list[Any] = field(compare=False, repr=False)
    """Number -> the object itself, alive."""
    made: set[int] = field(compare=False, repr=False)
    """Numbers of objects made for the walk, or that holding would change: `__dict__`."""

    def difference(self, other: Form) -> str:
        """Say where two forms differ first; empty if they are equal."""
        for name in sorted({*self.names, *other.names}):
            if self.names.get(name) != other.names.get(name):
                return f"{name}: {self.names.get(name)!r} is not {other.names.get(name)!r}"
        for number, (mine, theirs) in enumerate(itertools.zip_longest(self.records, other.records)):
            if mine != theirs:
                return f"{self.path(number)}: {_first(mine, theirs)}"
        return "" if list(self.names) == list(other.names) else "the order of names"

    def impersonal(self) -> Form:
        """Give the form without addresses: of what is known by identity alone, only its type."""
        names: dict[str, Token] = {n: _impersonal(token) for n, token in self.names.items()}
        with paused_collection():
            return Form(names, [_impersonal(record) for record in self.records], [], set())

    def by_reference(self) -> set[int]:
        """Give the numbers of the objects that are known by identity alone."""
        return {at for at, record in enumerate(self.records) if record[1:2] == ("itself",)}

    def reached(self, names: Iterable[str]) -> set[int]:
        """Give the numbers of the objects that some names lead to."""
        found: set[int] = set()
        stack = [self.names[name] for name in names]
        while stack:
            token = stack.pop()
            if type(token) is not tuple:
                continue
            if token[:1] == ("#",):
                if token[1] not in found:
                    found.add(token[1])
                    stack.append(self.records[token[1]])
            else:
                stack.extend(token)
        return found

    def is_constant(self, number: int) -> bool:
        """Tell whether an object can be shared by all states: a tuple of constants."""
        record = self.records[number]
        return record[0] in ("builtins.tuple", "builtins.frozenset") and all(
            token[0] != "#" or self.is_constant(token[1]) for token in record[1:]
        )

    def path(self, number: int) -> str:
        """Tell how to get to an object."""
        for name, token in self.names.items():
            if token == ("#", number):
                return name
        for holder, record in enumerate(self.records[:number]):
            for place, token in enumerate(record):
                if token == ("#", number) or _holds(token, number):
                    return f"{self.path(holder)}[{place}]"
        return "?"


def _holds(token: Any, number: int) -> bool:
    return type(token) is tuple and any(
        part == ("#", number) or _holds(part, number) for part in token
    )


def _impersonal(token: Any) -> Any:
    if type(token) is not tuple:
        return token
    if "itself" in token[:2]:
        return "itself", *token[:1]
    if token[:1] == ("class",) and type(token[1]) is int:
        return "class", *token[2:]
    # nearly all parts are numbers of objects and leaves, which are passed by here
    return tuple(
        [
            part if type(part) is not tuple or part[:1] in _IMPERSONAL else _impersonal(part)
            for part in token
        ]
    )


_IMPERSONAL = (("#",), ("=",))
"""How tokens begin that have no address in them."""


def _first(mine: Any, theirs: Any) -> str:
    if type(mine) is tuple and type(theirs) is tuple and len(mine) == len(theirs):
        for place, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            if left != right:
                return f"{place}: {_first(left, right)}"
    return f"{mine!r:.200} is not {theirs!r:.200}"


LEAVES = (
    int,
    float,
    complex,
    bool,
    str,
    bytes,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
    range,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PosixPath,
    re.Pattern,
)

_LEAVES = frozenset(map(id, LEAVES))
"""A class may be one that can't be hashed."""

_CONSTANTS = [
    "Timestamp",
    "Timedelta",
    "Interval",
    "NaTType",
    "NAType",
    "GenericAlias",
    "UnionType",
    "Match",
]
"""Further types of constants, by name."""


def form_of(
    names: Mapping[str, Any], *, classes: bool = True, constants: bool = True, module: str
) -> Form:
    """Describe what some names lead to.

    Args:
        names: name -> object.
        classes: whether classes of the namespace are described too; else they are told by
            identity, as befits copies that share them.
        constants: whether tuples of constants count as objects, which may be shared; else they are
            told by value, as befits what was stored.
        module: what the namespace is called.

    """
    walk = Walk(classes=classes, constants=constants, module=module)
    tokens = {name: walk.token(value) for name, value in names.items()}
    walk.run()
    tokens["<memory>"] = walk.extents()
    return Form(tokens, walk.records, walk.objects, walk.made)


def session_form(
    home: Mapping[str, Any], *, classes: bool = True, constants: bool = True, module: str
) -> Form:
    """Describe the variables of a namespace, and what belongs to a state besides."""
    names = {name: home[name] for name in sorted(home) if not name.startswith("__")}
    walk = Walk(classes=classes, constants=constants, module=module)
    tokens = {name: walk.token(value) for name, value in names.items()}
    tokens |= {name: describe(walk) for name, describe in _registered_ambient.items()}
    walk.run()
    form = Form(tokens, walk.records, walk.objects, walk.made)
    form.names["<memory>"] = walk.extents()
    *drawn, left_over = random.getstate()
    form.names["<random>"] = hash((*drawn, repr(left_over)))
    state: Any = np.random.get_state()
    form.names["<numpy.random>"] = hash((state[1].tobytes(), *state[2:]))
    return form


class _Type:
    """What a walk finds out once of a type: it stays so until the walk is over."""

    __slots__ = ("attributes", "cls", "describe", "is_plain", "leaf", "module", "name")

    def __init__(self, cls: type) -> None:
        self.cls = cls  # held, so that no other gets its address
        self.name = _name(cls)
        self.module = type.__dict__["__module__"].__get__(cls)
        self.leaf = _registered(_registered_leaves, cls)
        self.describe = _registered(_registered_describers, cls)
        self.is_plain = not (
            issubclass(cls, _MAY_BE_LEAVES)
            or cls.__name__ in _CONSTANTS
            or cls.__module__ == "typing"
        )
        """Whether all objects of it are objects, unless something is registered."""
        self.attributes = [
            (name, member)
            for base in cls.__mro__
            for name, member in vars(base).items()
            if (name == "__dict__" and type(member) in _DICT_MEMBERS)
            or _is_field(base, name, member)
        ]
        """Descriptors of slots and of `__dict__`."""


class Walk:
    """Numbers the objects that are met, and describes each in turn."""

    def __init__(self, *, classes: bool, constants: bool, module: str) -> None:
        self.records: list[tuple[Any, ...]] = []
        self.objects: list[Any] = []
        self.made: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._places: list[tuple[int, int]] = []
        self._types: dict[int, _Type] = {}
        self._classes = classes
        self._constants = constants
        self._module = module

    def run(self) -> None:
        """Describe all that was met, and all that this leads to."""
        with paused_collection():
            for value in self.objects:  # of which there are more and more
                self.records.append((self._class(type(value)), *self.describe(value)))

    def _class(self, cls: type) -> Token:
        """Tell a class: one of the namespace may be one of several that have the same name."""
        known = self._type(cls)
        return self.token(cls) if known.module == self._module else known.name

    def _type(self, cls: type) -> _Type:
        known = self._types.get(id(cls))
        if known is None:
            known = self._types[id(cls)] = _Type(cls)
        return known

    def token(self, value: Any) -> Token:
        """Give what stands for a value: its description if it is a leaf, else its number."""
        number = self._numbers.get(id(value))
        if number is not None:
            return "#", number
        leaf = self.leaf(value)
        if leaf is not None:
            return leaf
        self._numbers[id(value)] = number = len(self.objects)
        self.objects.append(value)
        return "#", number

    def place(self, address: int, size: int) -> Token:
        """Give what stands for some memory: objects share it that lie in one extent of it.

        Args:
            address: where it begins.
            size: bytes.

        """
        self._places.append((address, size))
        return "place", len(self._places) - 1

    def extents(self) -> tuple[tuple[int, int], ...]:
        """Tell for each place in which extent of memory it lies, and where in that.

        Extents are what overlapping places cover, numbered as they were met.
        """
        starts: dict[int, int] = {}
        start = end = 0
        for address, size in sorted(self._places):
            if address >= end:
                start = address
            starts[address] = start
            end = max(end, address + size)
        numbers: dict[int, int] = {}
        return tuple(
            (numbers.setdefault(starts[address], len(numbers)), address - starts[address])
            for address, _ in self._places
        )

    def tokens(self, values: Iterable[Any]) -> tuple[Token, ...]:
        """Give what stands for some values."""
        return tuple(map(self.token, values))

    def pairs(self, mapping: Iterable[tuple[Any, Any]]) -> tuple[Token, ...]:
        """Give what stands for keys and values in turn."""
        return tuple(map(self.token, itertools.chain.from_iterable(mapping)))

    def leaf(self, value: Any) -> Token | None:
        """Describe what never changes; None for anything else."""
        cls = type(value)
        if id(cls) in _LEAVES:
            return "=", cls.__name__, repr(value)
        known = self._type(cls)
        said = known.leaf(value) if known.leaf is not None else None
        if said is not None:
            return "=", cls.__name__, said
        if known.is_plain:
            return None
        name = value.__name__ if type(value) in _NUMPY_FUNCTIONS else ""
        if name and vars(np).get(name) is value:
            return "function", "numpy", name
        return self._leaf(value, type(value))

    def _leaf(self, value: Any, cls: type) -> Token | None:
        if issubclass(cls, enum.Enum):
            return "enum", self._class(cls), value.name
        if issubclass(cls, np.generic | np.dtype) and not issubclass(cls, np.void):
            return "=", cls.__name__, repr(value)
        if issubclass(cls, type):
            if type.__dict__["__module__"].__get__(value) != self._module:
                return "class", _name(value)
            return None if self._classes else ("class", id(value), _name(value))
        if cls.__name__ in _CONSTANTS or cls.__module__ == "typing":
            return "=", cls.__name__, repr(value)
        if issubclass(cls, types.ModuleType):
            name = vars(value).get("__name__")
            is_known = cls is not types.ModuleType or name is None or name in sys.modules
            return ("module", name) if is_known or vars(value).get("__spec__") else None
        if issubclass(cls, weakref.ref):
            return "weak reference", cls.__name__
        if value is vars(builtins) or value is sys.modules:  # what the process has one of
            return ("the process's",)
        if cls is types.CodeType:
            return "code", _code(value)
        if cls is types.BuiltinFunctionType and (
            value.__self__ is None or isinstance(value.__self__, types.ModuleType | type)
        ):
            return "builtin", value.__qualname__
        if cls is types.FunctionType and value.__module__ != self._module:
            return "function", value.__module__, value.__qualname__
        return None if self._constants else self.constant(value)

    def constant(self, value: Any) -> Token | None:
        """Tell a tuple of constants by value; None for anything else."""
        if type(value) is not tuple and type(value) is not frozenset:
            return None
        parts = [part for part in map(self.leaf, value) if part is not None]
        if len(parts) < len(value):
            return None
        ordered = parts if type(value) is tuple else sorted(parts)
        return "constant", type(value).__name__, *ordered

    def describe(self, value: Any) -> tuple[Any, ...]:
        """Say what an object is and holds."""
        registered = self._type(type(value)).describe
        if registered is not None:
            return registered(self, value)
        for base, describe in _DESCRIBERS:
            if isinstance(value, base):
                return describe(self, value)
        cls = type(value)
        known = len(self.objects)
        if str(cls.__module__).partition(".")[0] == "pandas":
            described = self.frame(value)
        elif not any(base.__flags__ & _HEAP_TYPE for base in cls.__mro__) or _is_of_c(cls):
            described = self.reduced(value)
        else:
            return ("instance", *self.attributes(value))
        self.made.update(range(known, len(self.objects)))  # for the asking
        return described

    def reduced(self, value: Any) -> tuple[Any, ...]:
        """Describe an object of C's by what pickle would take of it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pieces = value.__reduce_ex__(4)
            except Exception:  # noqa: BLE001  it refuses, in whatever words
                return ("itself", id(value))
        return "reduced", tuple(
            self.tokens(piece) if type(piece) is tuple else self.token(piece)
            for piece in (pieces if type(pieces) is tuple else (pieces,))
        )

    def frame(self, value: Any) -> tuple[Any, ...]:
        """Describe a frame, series or index by what its methods say."""
        if not hasattr(value, "iloc") and not hasattr(value, "get_loc"):
            return ("something of pandas",)
        elements = self.tokens(value.to_numpy(dtype=object).ravel().tolist())
        described: tuple[Any, ...] = (
            "frame",
            str(getattr(value, "name", "")),
            value.shape,
            elements,
        )
        for part in ("index", "columns", "attrs", "dtypes", "names"):
            if part == "dtypes" and hasattr(value, part):
                described += (str(value.dtypes),)
            elif hasattr(value, part):
                described += (part, self.token(getattr(value, part)))
        return described

    def attributes(self, value: Any) -> tuple[Token, ...]:
        """Describe slots and `__dict__`; the dict is an object, so that others may share it."""
        found: list[Any] = []
        mapping = None
        for name, member in self._type(type(value)).attributes:
            if name == "__dict__":
                mapping = member.__get__(value) if mapping is None else mapping
                continue
            try:
                found.append((name, self.token(member.__get__(value))))
            except AttributeError:
                found.append((name, "unset"))
        if mapping is not None:
            token = self.token(mapping)
            self.made.add(token[1])
            found.append(("__dict__", token))
        return tuple(found)

    def function(self, value: Any) -> tuple[Any, ...]:
        """Describe code, defaults, closure cells and attributes."""
        return (
            "function",
            _code(value.__code__),
            value.__name__,
            value.__qualname__,
            value.__doc__,
            self.token(value.__defaults__),
            self.token(value.__kwdefaults__),
            self.pairs(sorted(value.__annotations__.items())),
            self.tokens(value.__closure__ or ()),
            self.pairs(vars(value).items()),
        )

    def cell(self, value: Any) -> tuple[Any, ...]:
        """Describe a closure cell."""
        try:
            return "cell", self.token(value.cell_contents)
        except ValueError:
            return "cell", "unset"

    def klass(self, value: Any) -> tuple[Any, ...]:
        """Describe bases and attributes of a class."""
        own = {
            name: held
            for name, held in type.__dict__["__dict__"].__get__(value).items()
            if name not in ("__dict__", "__weakref__", "_abc_impl", "__abstractmethods__")
            and type(held) is not types.GetSetDescriptorType
            and type(held) is not types.MemberDescriptorType
        }
        return "class", value.__qualname__, self.tokens(value.__bases__), self.pairs(own.items())

    def array(self, value: Any) -> tuple[Any, ...]:
        """Describe layout, flags, memory, and whose memory it is."""
        root = root_of(value)
        plain = np.ndarray.view(value, np.ndarray)
        head = (
            "array",
            repr(plain.dtype),
            str(plain.dtype.metadata),
            plain.shape,
            plain.strides,
            plain.flags.writeable,
            self.attributes(value),
        )
        if root is value or not _shows_memory(root):
            if not (plain.flags.writeable or plain.dtype.hasobject) and _is_constant(root):
                return *head, plain.tobytes("A")  # nobody can tell whose memory it is
            return *head, self.memory_of(plain)
        held = plain.tobytes() if not plain.dtype.hasobject else 0
        return *head, _address(plain) - _address(root), self.token(root), held

    def memory_of(self, array: Any) -> tuple[Any, ...]:
        """Describe what memory an array is in that nothing else is known to own."""
        low, high = np.lib.array_utils.byte_bounds(array)
        objects = array.dtype.hasobject
        held = self.tokens(array.ravel("K").tolist()) if objects else array.tobytes("A")
        return held, self.place(low, high - low) if array.size else "empty"

    def memory(self, value: memoryview) -> tuple[Any, ...]:
        """Describe a view and what it views."""
        try:
            held = self.token(value.obj)
        except ValueError:
            return ("released",)
        return value.format, value.shape, value.readonly, value.tobytes(), held


_NUMPY_FUNCTIONS = (np.ufunc, type(np.average))
"""Types of numpy's own functions, which never change."""

_MAY_BE_LEAVES = (
    *(*_NUMPY_FUNCTIONS, np.generic, np.dtype, enum.Enum, type, weakref.ref, dict),
    *(types.ModuleType, types.CodeType, types.BuiltinFunctionType, types.FunctionType),
    *(tuple, frozenset),
)
"""Types of which some objects are leaves, and others are not."""

Describe = Callable[[Walk, Any], tuple[Any, ...]]
"""Says what an object is, as a tuple of plain values and of tokens of what it holds."""

_Function = TypeVar("_Function")

_registered_describers: dict[str, Describe] = {}
_registered_leaves: dict[str, Callable[[Any], object]] = {}
_registered_ambient: dict[str, Callable[[Walk], Token]] = {}


def describes(*classes: str) -> Callable[[Describe], Describe]:
    """Register a function that describes objects of a library, and of classes derived from its own.

    Args:
        classes: their full names, as in ``numpy.ndarray``; the library need not be imported.

    """

    def register(describe: Describe) -> Describe:
        _registered_describers.update(dict.fromkeys(classes, describe))
        return describe

    return register


def describes_leaf(*classes: str) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
    """Register a function that gives a plain value for objects of some types that never change.

    It gives None for one that is to be described as any other object.

    Args:
        classes: their full names; those derived from them are described so too.

    """

    def register(describe: Callable[[Any], object]) -> Callable[[Any], object]:
        _registered_leaves.update(dict.fromkeys(classes, describe))
        return describe

    return register


def describes_ambient(name: str) -> Callable[[Callable[[Walk], Token]], Callable[[Walk], Token]]:
    """Register a function that describes what belongs to a state though no variable leads to it.

    Args:
        name: what it is called, in angle brackets. The function gives the same for a library that
            is not imported and for one that was not used yet.

    """

    def register(describe: Callable[[Walk], Token]) -> Callable[[Walk], Token]:
        _registered_ambient[name] = describe
        return describe

    return register


def _registered(functions: Mapping[str, _Function], cls: type) -> _Function | None:
    for base in cls.__mro__:
        found = functions.get(_name(base))
        if found is not None:
            return found
    return None


def _is_of_c(cls: type) -> bool:
    """Tell types that an extension made at run time: their fields are in C alone."""
    return not any("__dict__" in vars(base) or "__slots__" in vars(base) for base in cls.__mro__)


def _is_field(cls: type, name: str, member: Any) -> bool:
    return (
        type(member) is types.MemberDescriptorType
        and ("__slots__" in vars(cls) or issubclass(cls, BaseException))
        and name not in ("__dict__", "__weakref__")
    )


_DICT_MEMBERS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_HEAP_TYPE = 1 << 9


def root_of(value: Any) -> Any:
    """Return what owns the memory of an array or a record; numpy puts its own objects between."""
    while True:
        below = None
        if type(value) is memoryview:
            below = value.obj
        elif type(value) is np.nditer:
            below = _iterated(value)
        elif hasattr(type(value), "untyped_storage"):  # a tensor
            below = value.untyped_storage()
        elif isinstance(value, np.ndarray | np.void) or hasattr(value, "__array_interface__"):
            below = getattr(value, "base", None)
        if below is None:
            return value
        value = below


def _iterated(iterator: Any) -> Any:
    """Return the array that an iterator goes over; None once it is closed."""
    try:
        return iterator.operands[0]
    except ValueError:
        return None


def _shows_memory(root: Any) -> bool:
    """Tell objects whose memory Python's users know from what a library keeps beneath arrays."""
    if isinstance(root, np.ndarray | np.void) or hasattr(type(root), "data_ptr"):
        return True
    return isinstance(root, mmap.mmap)


def _is_constant(root: Any) -> bool:
    """Tell memory that nobody writes to: polars copies before it writes to what others see."""
    if type(root).__name__ == "PySeries":
        return True
    try:
        with memoryview(root) as memory:
            return memory.readonly
    except TypeError:
        return False


def _address(value: Any) -> int:
    if hasattr(type(value), "data_ptr"):  # a storage of tensors
        return int(value.data_ptr())
    if not isinstance(value, np.ndarray):
        value = np.frombuffer(value, np.uint8)
    address: int = value.__array_interface__["data"][0]
    return address


def _name(cls: type) -> str:
    return f"{type.__dict__['__module__'].__get__(cls)}.{cls.__qualname__}"


def _code(code: types.CodeType) -> tuple[Any, ...]:
    constants = tuple(
        _code(const) if isinstance(const, types.CodeType) else (type(const).__name__, repr(const))
        for const in code.co_consts
    )
    return code.co_name, code.co_code, code.co_names, code.co_freevars, constants


def _rank(value: Any) -> Any:
    """Order the elements of a set, without regard to where they are in memory."""
    if isinstance(value, tuple):
        return "tuple", tuple(_rank(part) for part in value)
    if type(value) in LEAVES:
        return type(value).__name__, repr(value)
    return "object", _name(type(value)), repr(getattr(value, "__dict__", {}).get("tag"))


def _subclass(
    body: Callable[[Walk, Any], tuple[Any, ...]],
) -> Callable[[Walk, Any], tuple[Any, ...]]:
    return lambda walk, value: (*body(walk, value), *walk.attributes(value))


_DESCRIBERS: list[tuple[Any, Callable[[Walk, Any], tuple[Any, ...]]]] = [
    (type, Walk.klass),
    (types.FunctionType, Walk.function),
    (types.CellType, Walk.cell),
    (types.MethodType, lambda w, v: (w.token(v.__func__), w.token(v.__self__))),
    (types.BuiltinMethodType, lambda w, v: (v.__name__, w.token(v.__self__))),
    (
        functools.partial,
        _subclass(lambda w, v: (*w.tokens((v.func, v.args)), w.pairs(v.keywords.items()))),
    ),
    (property, _subclass(lambda w, v: w.tokens((v.fget, v.fset, v.fdel)))),
    (staticmethod, _subclass(lambda w, v: w.tokens((v.__func__,)))),
    (classmethod, _subclass(lambda w, v: w.tokens((v.__func__,)))),
    (
        types.ModuleType,
        lambda w, v: w.pairs(i for i in vars(v).items() if not i[0].startswith("__")),
    ),
    (types.SimpleNamespace, _subclass(lambda w, v: ())),  # noqa: ARG005
    (type({}.keys()), lambda w, v: w.pairs(v.mapping.items())),
    (type({}.values()), lambda w, v: w.pairs(v.mapping.items())),
    (type({}.items()), lambda w, v: w.pairs(v.mapping.items())),
    (np.ndarray, Walk.array),
    (np.void, lambda w, v: (repr(v.dtype), v.tobytes(), w.token(root_of(v)))),
    (list, _subclass(lambda w, v: w.tokens(list.__iter__(v)))),
    (tuple, _subclass(lambda w, v: w.tokens(tuple.__iter__(v)))),
    (
        collections.defaultdict,
        _subclass(lambda w, v: (w.token(v.default_factory), *w.pairs(dict.items(v)))),
    ),
    (
        collections.OrderedDict,
        _subclass(lambda w, v: w.pairs(collections.OrderedDict.items(v))),
    ),
    (dict, _subclass(lambda w, v: w.pairs(dict.items(v)))),
    (set, _subclass(lambda w, v: w.tokens(sorted(set.__iter__(v), key=_rank)))),
    (frozenset, _subclass(lambda w, v: w.tokens(sorted(frozenset.__iter__(v), key=_rank)))),
    (collections.deque, _subclass(lambda w, v: (v.maxlen, *w.tokens(v)))),
    (bytearray, _subclass(lambda w, v: w.memory_of(np.frombuffer(v, np.uint8)))),
    (
        array.array,
        _subclass(lambda w, v: (v.typecode, *w.memory_of(np.frombuffer(v, np.uint8)))),
    ),
    (memoryview, Walk.memory),
    (np.random.Generator, lambda w, v: (w.token(v.bit_generator),)),
    (np.random.BitGenerator, lambda _, v: (repr(v.state),)),
    (np.random.RandomState, lambda _, v: (repr(v.get_state(legacy=False)),)),
    (random.Random, _subclass(lambda _, v: (hash(repr(v.getstate())),))),
    (types.MappingProxyType, lambda w, v: w.pairs(v.items())),
    (io.BytesIO, _subclass(lambda _, v: (v.getvalue(), v.tell()))),
    (io.StringIO, _subclass(lambda _, v: (v.getvalue(), v.tell()))),
    (
        BaseException,
        _subclass(
            lambda w, v: w.tokens((v.args, v.__cause__, v.__context__, v.__suppress_context__))
        ),
    ),
]
