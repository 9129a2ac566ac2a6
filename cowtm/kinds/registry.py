"""Which kind a type has: leaves, built-ins, the notebook's own, libraries, everything else.

The order of the questions, the first that answers decides:

1. immutable leaves, by exact type;
2. exact built-in containers, functions, cells, ...;
3. what is never recorded (files, locks, threads, ...);
4. types of libraries that have a file here;
5. classes derived from built-in containers and values;
6. plain instances, read raw;
7. everything else, taken apart by `__reduce_ex__`.
"""

from __future__ import annotations

import _random
import array
import contextvars
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import types
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from cowtm.chunks import Chunk, ChunkStore
from cowtm.errors import BadInput
from cowtm.kinds.ambient import Surroundings
from cowtm.kinds.base import (
    ByValue,
    InstanceKind,
    Kind,
    class_dict,
    has_hidden_fields,
    is_heap_type,
    mro_of,
    name_of,
    plain_instances,
)
from cowtm.kinds.buffers import BytesKind, MemoryviewKind
from cowtm.kinds.caches import CachedChoice
from cowtm.kinds.classes import ClassChoice, MemberKind
from cowtm.kinds.containers import EXACT, SUBCLASSES
from cowtm.kinds.contexts import ContextVariableKind
from cowtm.kinds.decimals import ContextKind, Current, CurrentKind
from cowtm.kinds.functions import (
    BuiltinChoice,
    CellKind,
    FunctionChoice,
    MethodKind,
    PartialKind,
    PropertyKind,
    ProxyChoice,
    SliceKind,
    ViewKind,
    WrapperKind,
)
from cowtm.kinds.guarded import GuardedKind, is_guarded
from cowtm.kinds.instances import (
    VALUE_BASES,
    ExceptionKind,
    SimpleNamespaceKind,
    ValueSubclassKind,
    ZoneKind,
)
from cowtm.kinds.modules import ModuleChoice, folder_here
from cowtm.kinds.opaque import OpaqueKind
from cowtm.kinds.randoms import RandomKind
from cowtm.kinds.reference import Unmade, reference_for
from cowtm.native import SELECT, UNSET, TrackingNamespace

LEAVES: frozenset[type] = frozenset(
    {
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
        types.CodeType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.WrapperDescriptorType,
        types.GenericAlias,
        types.UnionType,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        type(datetime.date.min.isocalendar()),
        decimal.Decimal,
        fractions.Fraction,
        uuid.UUID,
        pathlib.PurePosixPath,
        pathlib.PureWindowsPath,
        pathlib.PosixPath,
        re.Pattern,
        re.Match,
        Chunk,
        type(UNSET),
        Unmade,
        TrackingNamespace,  # `names = locals()`: the namespace itself
    }
)
"""Exact types whose objects never change and hold nothing that does."""

LEAF_BASES: tuple[type, ...] = (
    enum.Enum,
    types.ModuleType,
    weakref.ref,
    ByValue,
)
"""Classes whose subclasses are leaves too.

A weak reference must not make a state reach what it refers to: it would keep that alive.
"""

LEAF_NAMES: frozenset[tuple[str, str]] = frozenset(
    {
        ("typing", "_GenericAlias"),
        ("typing", "_SpecialForm"),
        ("typing", "TypeVar"),
        ("typing", "ParamSpec"),
        ("typing", "TypeVarTuple"),
        ("typing", "NewType"),
        ("_struct", "Struct"),
        ("sqlite3", "Row"),
        ("_regex", "Match"),
        ("_regex", "Pattern"),
    }
)
"""(module, name) of further leaves."""

LIBRARIES: dict[str, str] = {
    "torch": "cowtm.kinds.tensors",
    "xgboost": "cowtm.kinds.boosters",
    "lightgbm": "cowtm.kinds.boosters",
    "numpy": "cowtm.kinds.arrays",
    "pandas": "cowtm.kinds.frames",
    "matplotlib": "cowtm.kinds.figures",
    "traitlets": "cowtm.kinds.widgets",
    "comm": "cowtm.kinds.widgets",
    "mmap": "cowtm.kinds.mapped",
    "ctypes": "cowtm.kinds.foreign",
    "_ctypes": "cowtm.kinds.foreign",
    "pyarrow": "cowtm.kinds.arrow",
    "polars": "cowtm.kinds.columns",
    "PIL": "cowtm.kinds.images",
    "sympy": "cowtm.kinds.symbols",
}
"""Root package of a type -> the file with its kinds."""

NAMELESS: dict[tuple[str, str], str] = {("builtins", "ImagingCore"): "cowtm.kinds.images"}
"""(module, name) of a type of C's that does not say which library it is of -> the same."""

AMBIENT: dict[str, str] = {
    "sklearn": "cowtm.kinds.estimators",
    "decimal": "cowtm.kinds.decimals",
    "torch": "cowtm.kinds.tensors",
    "matplotlib": "cowtm.kinds.styles",
    "matplotlib._pylab_helpers": "cowtm.kinds.figures",
}
"""Module that the user may have imported -> the file that tells what of it belongs to a state."""

ENTRY_POINTS = "cowtm.kinds"
"""Group of entry points by which other packages add to `LIBRARIES`: a root package, our file."""


def register(package: str, file: str) -> None:
    """Have objects of a library be recorded by kinds of its own.

    Args:
        package: root package of the objects' types, as in ``numpy``.
        file: name of the module with the kinds. It is imported once an object of the library shows
            up, and has two functions: ``kind_for(cls, store)`` gives the kind of a type, None if
            it is like any other; ``is_leaf(cls)`` tells types whose objects never change. If
            there is a function ``beside()``, it gives objects that were found to have changed
            with those that were looked at. See `docs/adding-a-library.md`.

    Raises:
        BadInput: the package has kinds already, of another file.

    """
    known = LIBRARIES.setdefault(package, file)
    if known != file:
        raise BadInput(
            f"objects of {package} are recorded by {known} already; "
            f"register {file} for another package, or change {known}"
        )


def surroundings() -> Surroundings:
    """Give what finds objects that belong to a state though no variable leads to them."""
    return Surroundings(dict(AMBIENT))


@functools.cache
def _installed() -> Mapping[str, str]:
    """Return what other packages that are installed add: package -> file."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}


def _file_for(package: str) -> str | None:
    return LIBRARIES.get(package) or _installed().get(package)


class Kinds:
    """Finds the kind of a type, for one namespace.

    Args:
        home: the namespace.
        store: where memory goes.
        folder: the notebook's: modules below it are the user's own. The present one if left out.

    Attributes:
        modules: tells the user's own modules.

    """

    def __init__(
        self, home: dict[str, Any], store: ChunkStore, folder: pathlib.Path | None = None
    ) -> None:
        self.folder = folder_here() if folder is None else folder
        self._home = home
        self._store = store
        self._classes = ClassChoice(home)
        self._known: dict[int, tuple[type, Kind | None]] = {}
        self._beside: dict[str, Callable[[], Iterable[object]]] = {}
        self.has_destructors = False
        self.modules = ModuleChoice(home, self.folder)
        exact: dict[type, Kind] = {
            **EXACT,
            types.FunctionType: FunctionChoice(home),
            types.CellType: CellKind(),
            types.MethodType: MethodKind(),
            types.BuiltinMethodType: BuiltinChoice(),
            types.MethodWrapperType: BuiltinChoice(),
            types.MappingProxyType: ProxyChoice(),
            types.ModuleType: self.modules,
            slice: SliceKind(),
            memoryview: MemoryviewKind(),
            contextvars.ContextVar: ContextVariableKind(),
            Current: CurrentKind(),
        }
        self._exact = {id(cls): kind for cls, kind in exact.items()}
        named = [*exact.items(), (type, self._classes)]
        self._types = {id(kind.tracked or kind): cls for cls, kind in named}

    def kind_of(self, value: Any) -> Kind | None:
        """Give the kind of an object; of a type always the same."""
        kind = self.classify(type(value))
        return kind if kind is None else kind.select(value)

    def classify(self, cls: type) -> Kind | None:
        """Give the kind of a type, always the same; None if its objects are immutable leaves.

        Types are told by where they are: comparing or hashing them would ask their metaclass.
        """
        known = self._known.get(id(cls))
        if known is None:
            known = self._known[id(cls)] = cls, self._find(cls)
            self.has_destructors |= _runs_code_at_its_end(cls)
        return known[1]

    def beside(self) -> list[object]:
        """Give objects that were found to have changed with those that were looked at."""
        return [value for find in self._beside.values() for value in find()]

    def named(self, cls: type) -> Kind:
        """Give the kind of recorded objects of a type: what `name_of` says, read back.

        Raises:
            LookupError: objects of that type are not recorded.

        """
        kind = self.classify(cls)
        if kind is not None and kind.code == SELECT:
            kind = kind.tracked
        if kind is None:
            msg = f"objects of type {cls.__name__} are not recorded here"
            raise LookupError(msg)
        return kind

    def name_of(self, kind: Kind) -> type:
        """Give the type that `named` finds a kind by."""
        return kind.cls if kind.cls is not None else self._types[id(kind)]

    def _find(self, cls: type) -> Kind | None:
        if id(cls) in _LEAVES:
            return None
        exact = self._exact.get(id(cls))
        if exact is not None:
            return exact
        mro = mro_of(cls)
        bases = {id(base) for base in mro}
        if id(type) in bases:
            return self._classes
        if id(enum.Enum) in bases and self._classes.select(cls) is not None:
            return MemberKind(cls)
        if not _LEAF_BASES.isdisjoint(bases) or name_of(cls) in LEAF_NAMES:
            return None
        if id(tuple) in bases and name_of(cls)[0] in _OF_SYSTEM and not is_heap_type(cls):
            return (
                None  # results of its calls: tuples of numbers and texts, and more than they show
            )
        if id(datetime.tzinfo) in bases and name_of(cls)[0] != self._home.get("__name__"):
            return None  # libraries ask for their own by identity
        return reference_for(cls) or self._other(cls, mro)

    def _other(self, cls: type, mro: tuple[type, ...]) -> Kind | None:
        for base in mro:
            name = name_of(base)
            file = NAMELESS.get(name) or _file_for(name[0].partition(".")[0])
            if file is not None:
                library = import_module(file)
                if hasattr(library, "beside"):
                    self._beside[file] = library.beside
                if library.is_leaf(base):
                    return None
                kind: Kind | None = library.kind_for(cls, self._store)
                if kind is not None:
                    return kind
        bases = {id(base) for base in mro}
        for base, make in self._bases():
            if id(base) in bases:
                if make in _OF_CONTAINERS and has_hidden_fields(cls, base):
                    break
                return make(cls)
        if is_guarded(cls):
            return GuardedKind(cls)
        if plain_instances(cls):
            return InstanceKind(cls)
        return OpaqueKind(cls, self.kind_of)

    def _bases(self) -> list[tuple[type, Callable[[type], Kind]]]:
        return [
            *SUBCLASSES,
            (BaseException, ExceptionKind),
            (functools.partial, PartialKind),
            (decimal.Context, ContextKind),
            (_CACHED, lambda cls: CachedChoice(cls, self.kind_of)),
            (types.SimpleNamespace, SimpleNamespaceKind),
            (datetime.tzinfo, ZoneKind),
            (bytearray, lambda cls: BytesKind(cls, self._store)),
            (array.array, lambda cls: BytesKind(cls, self._store)),
            (_RANDOM, RandomKind),
            (property, PropertyKind),
            (staticmethod, WrapperKind),
            (classmethod, WrapperKind),
            (type({}.keys()), ViewKind),
            (type({}.values()), ViewKind),
            (type({}.items()), ViewKind),
            *((base, _value_of(base)) for base in VALUE_BASES),
        ]


_OF_SYSTEM = frozenset({"grp", "os", "posix", "pwd", "resource", "sys", "time"})

_OF_CONTAINERS = frozenset(make for _, make in SUBCLASSES)


def _runs_code_at_its_end(cls: type) -> bool:
    """Tell whether Python code may run when an object of a type is let go of."""
    return any(cls is suspended for suspended in _SUSPENDED) or any(
        "__del__" in class_dict(base) for base in mro_of(cls)
    )


_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
"""What runs its ``finally`` clauses then."""


def _value_of(base: type) -> Callable[[type], Kind]:
    return lambda cls: ValueSubclassKind(cls, base)


_RANDOM: type = _random.Random
_CACHED: type = functools._lru_cache_wrapper  # noqa: SLF001  it has no other name
_LEAVES = frozenset(map(id, LEAVES))
_LEAF_BASES = frozenset(map(id, LEAF_BASES))
