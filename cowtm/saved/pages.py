"""Pages of the journal: values as bytes, in which what a process has by name is named.

A page is a pickle. Nodes, chunks, kinds, classes of the notebook and the namespace itself are not
pickled but named (pickle's persistent ids); another process puts its own in their place. Functions
and classes that only a leaf leads to go by value, by cloudpickle.
"""

from __future__ import annotations

import _collections_abc
import ctypes
import enum
import functools
import io
import pickle
import re
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from sys import intern, modules
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import cloudpickle

from cowtm.chunks import Chunk
from cowtm.errors import Damaged
from cowtm.kinds.base import Kind, class_dict, dead_reference, is_heap_type, name_of
from cowtm.kinds.functions import Globals
from cowtm.kinds.opaque import ENDED
from cowtm.kinds.reference import ReferenceKind, Unmade
from cowtm.kinds.registry import NAMELESS
from cowtm.native import Node, TrackingNamespace, code_names
from cowtm.saved import packages, tolerant
from cowtm.saved.births import combination, combination_of, is_named
from cowtm.saved.parameters import PARAMETERS, Made, made_of, make
from cowtm.versions import Rearranged, slots_of

BIG = 1 << 16
"""Strings and bytes above this many bytes are kept as chunks: each once, whoever refers to it."""

MANY = 64
"""Slots that are looked through to find out whether they can be pickled by themselves."""

PROTOCOL = 5

Name: TypeAlias = tuple[Any, ...] | int
"""What stands for an object: a node's number, or a tuple that begins with a word."""


class Process(Protocol):
    """What a process has that pages name."""

    home: dict[str, Any]
    reader_has_modules: bool
    """Whether pages are read where the modules of this process can be imported."""
    unmade: dict[Name, Unmade]
    """Name -> what is in place of what is not found by it."""
    lacks: dict[str, None]
    """Why something that was read could not be made, each reason once."""

    def node(self, oid: int) -> Node:
        """Give the node of a number."""

    def class_number(self, cls: type) -> int | None:
        """Give the number of a class of the notebook, None for others."""

    def class_of(self, oid: int) -> type:
        """Give the class of the notebook with a number, made anew if need be."""

    def type_of(self, kind: Kind) -> type:
        """Give the type whose objects are of a kind."""

    def kind(self, cls: type) -> Kind:
        """Give the kind of recorded objects of a type."""

    def globals_of(self, names: dict[str, Any]) -> Globals:
        """Give the leaf that stands for a namespace in the contents of functions."""

    def split(self, memory: memoryview) -> list[Chunk]:
        """Give the chunks of some memory."""

    def chunk(self, digest: bytes, size: int) -> Chunk:
        """Give the chunk of a digest."""

    def number_of(self, value: object) -> int | None:
        """Give the number of a recorded object, None for others."""

    def object_of(self, oid: int | None, make: Callable[[], Any]) -> Any:
        """Give the object of a number, which is made if there is none; a new one if None."""

    def hold(self, value: object) -> tuple[str, int]:
        """Keep an object that can't be pickled; says whose it is, and a number."""

    def held(self, owner: str, number: int, otherwise: Callable[[], Any]) -> Any:
        """Give back what was kept, or what is in its place in another process: one for ever."""


@dataclass(slots=True)
class Page:
    """What was pickled."""

    data: bytes
    """The pickle."""
    chunks: list[Chunk] = field(default_factory=list)
    """The chunks that it names."""
    lost: list[str] = field(default_factory=list)
    """What of it could not be pickled, in words: only this process has it."""


def dump(value: list[Any], process: Process) -> Page:
    """Pickle a list of items, each a tuple; what can't be is kept by this process."""
    page = Page(b"")
    try:
        page.data = _dumps(value, process, page)
    except Exception:  # noqa: BLE001  found one by one below
        page = Page(b"")
        whole = [_portable(item, process, page) for item in value]
        page.chunks.clear()
        page.data = _dumps(whole, process, page)
    return page


def load(data: bytes, process: Process) -> list[Any]:
    """Read a page; what of it can't be made here is an `Unmade`.

    Raises:
        Exception: it is damaged.

    """
    unpickler = _Unpickler(io.BytesIO(data), process)
    loaded: list[Any]
    try:
        loaded = unpickler.load()
    except (MemoryError, Damaged):
        raise
    except Exception:  # noqa: BLE001  of any kind, from whatever is made
        named = unpickler.persistent_load
        loaded = tolerant.load(data, named, process.unmade, process.lacks)
    return loaded


def compact(slots: tuple[Any, ...]) -> tuple[Any, ...] | bytes:
    """Pickle slots by themselves if they are many and none of them is to be named.

    Pickle asks for the name of each object that it meets, which takes longer than the rest.
    """
    if len(slots) < MANY:
        return slots
    types = set(map(type, slots))
    if not types <= _SIMPLE:
        return slots
    if str in types and max(len(slot) for slot in slots if type(slot) is str) > BIG:
        return slots
    return pickle.dumps(slots, PROTOCOL)


def expand(slots: tuple[Any, ...] | bytes) -> tuple[Any, ...]:
    """Give back what `compact` was given."""
    return pickle.loads(slots) if type(slots) is bytes else slots  # type: ignore[return-value]  # noqa: S301


def interned(slot: Any) -> Any:
    """Make what may be an attribute's name the interned one, which look-ups and classes expect."""
    return intern(slot) if type(slot) is str and slot.isidentifier() else slot


_SIMPLE = frozenset({int, float, complex, bool, type(None), str})


ELSEWHERE = "only the process that recorded it has it"
"""Why something is not here that could not be pickled."""


class Unportable:
    """Stands for an object that only the process which wrote the page has."""

    __slots__ = ("name",)

    def __init__(self, name: Name) -> None:
        self.name = name


def _dumps(value: object, process: Process, page: Page) -> bytes:
    file = io.BytesIO()
    pickler = _Pickler(file, process, page)
    try:
        pickler.dump(value)
    finally:
        pickler.forget()
    return file.getvalue()


def _portable(value: Any, process: Process, page: Page) -> Any:
    """Give a value in which every part that can't be pickled is replaced."""
    try:
        _dumps(value, process, page)
    except Exception:  # noqa: BLE001  of any kind, from whatever the user put there
        if type(value) is tuple or type(value) is list:  # a list: the kinds of a page
            return type(value)(_portable(part, process, page) for part in value)
        return Unportable(_held(value, process, page))
    return value


def _held(value: object, process: Process, page: Page) -> Name:
    what = _words(value)
    page.lost.append(what)
    return "held", *process.hold(value), what


def _words(value: object) -> str:
    """Say what an object is without asking it."""
    cls = value.cls if isinstance(value, Kind) and value.cls is not None else type(value)
    return f"a {type.__dict__['__qualname__'].__get__(cls)}"


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """Pickles, naming what the process has."""

    def __init__(self, file: io.BytesIO, process: Process, page: Page) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._process = process
        self._page = page
        # By address: a type may refuse to be hashed. Those met stay alive with the page's values.
        self._by_type: dict[int, Callable[[Any], Name | None] | None] = {
            **dict.fromkeys(map(id, _PLAIN)),
            id(Node): lambda node: int(node.oid),
            id(Chunk): self._name_chunk,
            id(str): self._name_text,
            id(bytes): self._name_bytes,
            id(dict): self._name_namespace,
            id(TrackingNamespace): lambda _: ("home",),
            id(Globals): self._name_globals,
            **dict.fromkeys(map(id, LOCKS), self._name_lock),
            id(Unportable): lambda value: value.name,
            id(Unmade): lambda value: value.name or None,
            id(MemberDescriptorType): self._name_descriptor,
            id(GetSetDescriptorType): self._name_descriptor,
            **dict.fromkeys(map(id, PARAMETERS), self._name_parameter),
        }

    def forget(self) -> None:
        """Let go of what was pickled at once: the methods here make a cycle."""
        self._by_type.clear()

    def persistent_id(self, obj: Any) -> Name | None:
        """Name what the process has; None has it pickled."""
        cls = type(obj)
        try:
            name = self._by_type[id(cls)]
        except KeyError:
            name = self._by_type[id(cls)] = self._namer(cls)
        return None if name is None else name(obj)

    def _namer(self, cls: type) -> Callable[[Any], Name | None] | None:
        """Find out how objects of a type are named."""
        if issubclass(cls, Kind):
            return self._name_kind
        if issubclass(cls, type):
            return self._name_class
        if issubclass(cls, enum.Enum) and self._process.class_number(cls) is not None:
            return self._name_member
        if issubclass(cls, weakref.ref):
            return self._name_reference
        return None

    def _name_kind(self, kind: Any) -> Name:
        if isinstance(kind, ReferenceKind):
            return "by reference", *kind.named
        return "kind", self._process.type_of(kind), slots_of(kind)

    def _name_chunk(self, chunk: Chunk) -> Name:
        self._page.chunks.append(chunk)
        return "chunk", chunk.digest, chunk.size

    def _name_text(self, text: str) -> Name | None:
        if len(text) <= BIG:
            return None
        return "text", *self._put(text.encode("utf-8", "surrogatepass"))

    def _name_bytes(self, data: bytes) -> Name | None:
        return None if len(data) <= BIG else ("bytes", *self._put(data))

    def _put(self, data: bytes) -> list[Chunk]:
        return self._process.split(memoryview(data))

    def _name_globals(self, value: Globals) -> Name:
        if value.names is self._process.home:
            return ("globals", None)
        module = module_of(value.names)
        return self._hold(value) if module is None else ("globals", module)

    def _name_descriptor(self, value: Any) -> Name | None:
        return "attribute", value.__objclass__, value.__name__

    def _name_namespace(self, names: dict[Any, Any]) -> Name | None:
        if names is self._process.home:
            return ("home",)
        if names is modules:
            return ("modules",)
        module = module_of(names)
        return None if module is None else ("module", module)

    def _name_lock(self, lock: Any) -> Name:
        return "lock", self._process.number_of(lock), LOCKS.index(type(lock))

    def _name_class(self, cls: type) -> Name | None:
        number = self._process.class_number(cls)
        if number is not None:
            return "class", number
        known = _HIDDEN_TYPES.get(id(cls))
        if known is not None:
            return "type", known[0]
        if name_of(cls) in NAMELESS:
            return "nameless type", name_of(cls)
        if issubclass(cls, ctypes.Array) and not _is_found(cls):
            return "array type", cls._type_, cls._length_
        _have_module(name_of(cls)[0])
        return _name_by_object(cls) if is_heap_type(cls) and not _is_found(cls) else None

    def _name_member(self, member: enum.Enum) -> Name:
        if is_named(member):
            return "member", type(member), member._name_
        made = combination_of(member)
        return "combination", *self._process.hold(member), type(member), *made

    def _name_parameter(self, parameter: Any) -> Name | None:
        made = made_of(parameter, self._process.home)
        return None if made is None else ("parameter", *self._process.hold(parameter), made)

    def _hold(self, value: object) -> Name:
        return _held(value, self._process, self._page)

    def _name_reference(self, value: object) -> Name:
        self._page.lost.append("a weak reference")
        return "reference", *self._process.hold(value)

    def reducer_override(self, obj: Any) -> Any:
        """Have functions of the notebook use the namespace that they are read into."""
        if type(obj) is FunctionType and (self._is_of_notebook(obj) or self._uses_module(obj)):
            names, own = self._globals_of(obj)
            made = (obj.__code__, names, obj.__name__, obj.__defaults__, obj.__closure__)
            fields = {name: getattr(obj, name) for name in _FIELDS}
            return FunctionType, made, (vars(obj), fields, own), None, None, _set_fields
        if type(obj) is _ALIAS:
            # Asking the class for it again would run code of a class that is empty yet.
            return _bare, (_ALIAS,), vars(obj)
        if type(obj) is Unmade:
            return obj.reduced()
        if type(obj) is ModuleType:
            package = packages.reduced(obj, self._process.home)
            if package is not None:
                return package
        reduce = _REDUCERS.get(name_of(type(obj)))
        if reduce is not None:
            return reduce(obj)
        return super().reducer_override(obj)

    def _is_of_notebook(self, function: FunctionType) -> bool:
        home = self._process.home
        module: object = function.__module__
        return function.__globals__ is home or module == home.get("__name__")

    def _uses_module(self, function: FunctionType) -> bool:
        """Tell whether a function that is not found by its name is to have a module's namespace.

        It is an older version of one that was edited, or another function made it.
        """
        if not self._process.reader_has_modules or module_of(function.__globals__) is None:
            return False
        found: object = modules.get(function.__module__)
        for name in function.__qualname__.split("."):
            found = getattr(found, name, None)
        return found is not function

    def _globals_of(self, function: FunctionType) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the namespace of a function, and what to put into it if that has no name.

        A library that writes methods for a class of the notebook gives them a namespace so.
        """
        names = function.__globals__
        if names is self._process.home or module_of(names) is not None:
            return names, {}
        used = code_names(function.__code__)
        return {}, {name: names[name] for name in names if name in used}


def _reduce_field(field: Any) -> Any:
    """Reduce a field of sympy's: those that it has itself by name, others to how they are made."""
    cls = type(field)
    name = cls.__name__[0] * 2  # RR, CC
    if getattr(modules[cls.__module__], name, None) is field:
        return name
    made = cls(field.precision)
    return cls, (field.precision, *(() if made == field else (None, float(field.tolerance))))


_REDUCERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("mpmath.rational", "mpq"): lambda value: (type(value), value._mpq_),
    ("sympy.polys.domains.complexfield", "ComplexField"): _reduce_field,
    ("sympy.polys.domains.realfield", "RealField"): _reduce_field,
}
"""(module, name) of types whose own pickles can't be read -> what pickles them."""


def _bare(cls: type) -> Any:
    """Make an object whose attributes are given to it afterwards."""
    return object.__new__(cls)


_ALIAS: type = type(Generic[TypeVar("_Any")])  # type: ignore[index]
"""What `Stack[int]` is, for a class that derives from `Generic`."""


def module_of(names: dict[Any, Any]) -> str | None:
    """Return the name of the module whose namespace a dict is, None for others."""
    name = names.get("__name__")
    module = modules.get(name) if type(name) is str else None
    return name if module is not None and vars(module) is names else None


_OF_CTYPES: tuple[type, ...] = (
    ctypes.Structure,
    ctypes.Union,
    ctypes.Array,
    ctypes._SimpleCData,  # noqa: SLF001  it has no other name
    ctypes._Pointer,  # noqa: SLF001
    ctypes.CFUNCTYPE(None),
)


def _hidden_types() -> dict[int, tuple[str, type]]:
    """Find the built-in types that have a name where nobody looks, or none at all."""
    found = {name: held for name, held in vars(_collections_abc).items() if type(held) is type}
    found |= {
        "str_ascii_iterator": type(iter("a")),
        "str_iterator": type(iter("\u2026")),
        "lru_cache": functools._lru_cache_wrapper,  # noqa: SLF001  what lru_cache makes
        "callable_iterator": type(iter(int, 1)),
        "builtin_method": type(re.compile("").match),  # of a type that C code made at run time
        **{f"{cls.__module__} {cls.__name__}": cls for cls, _ in ENDED},
        **{f"ctypes {cls.__name__}": type(cls) for cls in _OF_CTYPES},
    }
    return {id(held): (name, held) for name, held in found.items() if not _is_found(held)}


def _have_module(name: object) -> None:
    """Have a module that its package imports on demand: what is in it is found by name then.

    `numpy.recarray` says that it is in `numpy.rec`.
    """
    if type(name) is str and name not in modules and name.partition(".")[0] in modules:
        with suppress(Exception):  # there is none of that name
            import_module(name)


def _is_found(cls: type) -> bool:
    return getattr(modules.get(cls.__module__), cls.__qualname__, None) is cls


def _name_by_object(cls: type) -> Name | None:
    """Name a class that has no name itself, by an object of it that its package has.

    `sympy.doctest` is of a class that a function made.
    """
    package = name_of(cls)[0].partition(".")[0]
    for name, value in (vars(modules[package]) if package in modules else {}).copy().items():
        if type(value) is cls:
            return "type of", package, name
    return None


_HIDDEN_TYPES = _hidden_types()
_TYPES = dict(_HIDDEN_TYPES.values())
LOCKS: tuple[type, ...] = (type(threading.Lock()), type(threading.RLock()))
"""Types of locks: what holds one, such as a condition, needs that very one."""

_PLAIN = (int, float, complex, bool, type(None), tuple, list, set, frozenset, type(Ellipsis))
_FIELDS = ("__kwdefaults__", "__annotations__", "__doc__", "__module__", "__qualname__")


def _set_fields(
    function: Any, state: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
) -> None:
    """Give a function read back its attributes, and a namespace of its own what it held."""
    attributes, fields, names = state
    vars(function).update(attributes)
    for name, value in fields.items():
        setattr(function, name, value)
    if names:
        function.__globals__.update(names)


class _Unpickler(pickle.Unpickler):
    """Unpickles, putting what this process has in place of names."""

    def __init__(self, file: io.BytesIO, process: Process) -> None:
        super().__init__(file)
        self._process = process

    def persistent_load(self, pid: Any) -> Any:
        """Give what a name stands for."""
        if type(pid) is int:
            return self._process.node(pid)
        word, *rest = pid
        return _READERS[word](self._process, *rest)


def _read_text(_: Process, *chunks: Chunk) -> str:
    return b"".join(chunk.read() for chunk in chunks).decode("utf-8", "surrogatepass")


def _read_bytes(_: Process, *chunks: Chunk) -> bytes:
    return b"".join(chunk.read() for chunk in chunks)


def _read_global(_: Process, module: str, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), import_module(module))


def _read_globals(process: Process, name: str | None) -> Globals:
    return process.globals_of(process.home if name is None else vars(import_module(name)))


def _read_kind(process: Process, cls: type, slots: tuple[str, ...]) -> Kind | Rearranged:
    kind = process.kind(cls)
    return kind if slots_of(kind) == slots else Rearranged(kind, slots)


def _read_by_reference(_: Process, what: str, resource: bool, quiet: bool) -> ReferenceKind:  # noqa: FBT001
    return ReferenceKind(what, resource=resource, quiet=quiet)


def _read_reference(process: Process, owner: str, number: int) -> Any:
    return process.held(owner, number, dead_reference)


def _read_parameter(process: Process, owner: str, number: int, made: Made) -> Any:
    return process.held(owner, number, lambda: make(made))


def _read_attribute(_: Process, cls: type, name: str) -> Any:
    return class_dict(cls)[name]


def _read_member(_: Process, cls: Any, name: str) -> Any:
    return cls._member_map_[name]  # aliases and all


def _read_held(process: Process, owner: str, number: int, what: str) -> Any:
    name = "held", owner, number, what
    return process.held(owner, number, lambda: Unmade(what, ELSEWHERE, name))


def _read_combination(process: Process, owner: str, number: int, *made: Any) -> Any:
    return process.held(owner, number, lambda: combination(*made))


_READERS: dict[str, Callable[..., Any]] = {
    "chunk": lambda process, digest, size: process.chunk(digest, size),
    "text": _read_text,
    "bytes": _read_bytes,
    "home": lambda process: process.home,
    "modules": lambda _: modules,
    "globals": _read_globals,
    "lock": lambda process, number, which: process.object_of(number, LOCKS[which]),
    "module": lambda _, name: vars(import_module(name)),
    "type": lambda _, name: _TYPES[name],
    "nameless type": lambda _, name: import_module(NAMELESS[name]).NAMELESS[name],
    "attribute": _read_attribute,
    "array type": lambda _, element, length: element * length,
    "class": lambda process, number: process.class_of(number),
    "member": _read_member,
    "type of": lambda _, module, name: type(getattr(import_module(module), name)),
    "combination": _read_combination,
    "parameter": _read_parameter,
    "kind": _read_kind,
    "by reference": _read_by_reference,
    "reference": _read_reference,
    "held": _read_held,
    "global": _read_global,
}
