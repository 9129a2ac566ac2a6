"""What is not recorded but stays by reference: generators, locks, files, connections, threads.

A state that holds such an object gives the very same object back, in the condition it is in.
Resources (files, sockets, generators, ...) are held weakly, so that they are closed when the user
lets go of them; asked for later they come back as a `Lost`, which says what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    GeneratorType,
    TracebackType,
)
from typing import Any, NoReturn, Self

from cowtm.errors import NotHere
from cowtm.kinds.base import Kind, mro_of, name_of
from cowtm.native import REFERENCE, Content


class Lost:
    """Stands where an object was that could only be kept by reference and is not here.

    To have it does no harm; to use it in whatever way raises `NotHere`.

    Attributes:
        what: what it was, in words.

    """

    __slots__ = ("__weakref__", "_name", "_why", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self._name = ""
        self._why = "was kept by reference only, and is gone"

    def explain(self, why: str) -> None:
        """Have it say why it is not here."""
        self._why = why

    def name_it(self, name: str) -> None:
        """Have it say what variable it is bound to."""
        self._name = name

    def __repr__(self) -> str:
        """Say what was here."""
        return f"<lost: {self.what}; it {self._why}>"

    def __getattr__(self, name: str) -> NoReturn:
        """Say why there is nothing."""
        if name in Lost.__slots__:  # of one that is being made
            raise AttributeError(name)
        named = f"{self._name}: " if self._name else ""
        raise NotHere(f"{named}{self.what} {self._why}")

    def __bool__(self) -> bool:
        """Be there, as the object was."""
        return True

    def __iter__(self) -> Any:
        """Be what iterators go over, so that those can be made again; the first step raises."""
        return self

    __aiter__ = __iter__

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        self.__getattr__("")
        raise AssertionError

    __call__ = __enter__ = __exit__ = __aenter__ = __aexit__ = __await__ = _refuse
    __next__ = __anext__ = __len__ = __contains__ = _refuse
    __getitem__ = __setitem__ = __delitem__ = _refuse
    __int__ = __float__ = __complex__ = __index__ = __round__ = _refuse
    __neg__ = __pos__ = __abs__ = __invert__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = _refuse
    __pow__ = __divmod__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = _refuse
    __rmod__ = __rpow__ = __rdivmod__ = __rand__ = __ror__ = __rxor__ = _refuse
    __rlshift__ = __rrshift__ = _refuse


class Unmade(Lost):
    """Stands where a leaf was to be read that can't be made in this process.

    Written again it is what it was: where it can be made, it is.

    Attributes:
        why: it can't be made.
        name: what stands for it in pages; empty if it is made by a call.
        recipe: of such a one what `object.__reduce__` gives, in a list.

    """

    __slots__ = ("name", "recipe", "why")

    def __init__(
        self,
        what: str,
        why: str,
        name: tuple[Any, ...],
        function: Any = None,
        args: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(what)
        self.why = why
        self.name = name
        self.recipe: list[Any] = [function, args, None, [], [], None]
        self.explain(f"can't be made here ({why})")

    def reduced(self) -> tuple[Any, ...]:
        """Give what pickles it as what it was."""
        function, args, state, items, pairs, setter = self.recipe
        return function, args, state, iter(items), iter(pairs), setter


class ReferenceKind(Kind):
    """An object kept by reference: a text that says what it is."""

    name = "by reference"
    code = REFERENCE
    frozen = True

    def __init__(self, what: str, *, resource: bool = False, quiet: bool = False) -> None:
        self.what = what
        self.keep = not resource
        self.quiet = quiet
        self.follow = resource

    @property
    def named(self) -> tuple[str, bool, bool]:
        """What `ReferenceKind` is called with for such a kind."""
        return self.what, self.follow, self.quiet

    @classmethod
    def because(cls, value: Any, error: Exception) -> ReferenceKind:
        """Make the kind for an object that could not be read."""
        said = str(error).strip().splitlines()
        why = said[0] if said else type(error).__name__
        return cls(f"{article(type(value))} ({why[:80]})")

    @property
    def content(self) -> Content:
        """What an object of this kind holds."""
        return Content(self, (self.what,))

    def parts(self, value: Any) -> Sequence[object]:  # noqa: ARG002
        """Give the text."""
        return [self.what]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Give a placeholder: the object is gone."""
        return Lost(parts[0])


class UnmadeKind(ReferenceKind):
    """An object that can't be made in this process: in the one that it came from it is whole.

    Args:
        lost: stands in pages for the object's own kind.
        quiet: whether it is told of in another way.

    """

    def __init__(self, lost: Unmade, *, quiet: bool) -> None:
        super().__init__(f"{lost.what} ({lost.why})", quiet=quiet)
        self.why = lost.why
        self._lost = lost.what

    @classmethod
    def of(cls, kind: Any, why: str, *, quiet: bool = True) -> Self:
        """Make the kind for an object of another one, and say why it can't be made."""
        what = article(kind.cls) if kind.cls is not None else f"a {kind.name}"
        return cls(Unmade(what, why, ()), quiet=quiet)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Give a placeholder that says why it is none."""
        lost = Lost(self._lost)
        lost.explain(f"can't be made here ({self.why})")
        return lost


def article(cls: type) -> str:
    """Name a type with its article: ``a generator``, ``an Event``."""
    name = type.__dict__["__name__"].__get__(cls)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


RESOURCES: dict[type, str] = {
    GeneratorType: "a generator",
    CoroutineType: "a coroutine",
    AsyncGeneratorType: "an asynchronous generator",
    FrameType: "a frame",
    TracebackType: "a traceback",
    type(iter({})): "an iterator over a dict",
    type(iter({}.values())): "an iterator over a dict",
    type(iter({}.items())): "an iterator over a dict",
    type(iter(set())): "an iterator over a set",
}
"""Exact types that are let go when the user lets go of them."""

BY_NAME: dict[tuple[str, str], str] = {
    ("_io", "_IOBase"): "an open file",
    ("_socket", "socket"): "a socket",
    ("threading", "Thread"): "a thread",
    ("subprocess", "Popen"): "a process",
    ("multiprocessing.process", "BaseProcess"): "a process",
    ("concurrent.futures._base", "Executor"): "an executor",
    ("concurrent.futures._base", "Future"): "a future",
    ("asyncio.events", "AbstractEventLoop"): "an event loop",
    ("asyncio.events", "Handle"): "a scheduled call",
    ("_asyncio", "Future"): "a future",
    ("_asyncio", "Task"): "a task",
    ("sqlite3", "Connection"): "a database connection",
    ("sqlite3", "Cursor"): "a database cursor",
    ("_duckdb", "DuckDBPyConnection"): "a database connection",
    ("_duckdb", "DuckDBPyRelation"): "a database query",
    ("duckdb._relation", "DuckDBPyRelation"): "a database query",
    ("duckdb.duckdb", "DuckDBPyConnection"): "a database connection",
    ("duckdb.duckdb", "DuckDBPyRelation"): "a database query",
    ("tqdm.std", "tqdm"): "a progress bar",
    ("_contextvars", "Context"): "a context",
    ("pyarrow.lib", "NativeFile"): "an open file",
}
"""(module, name) of a base class -> what an instance is called; resources, held weakly."""

LASTING: dict[tuple[str, str], str] = {
    ("_thread", "lock"): "a lock",
    ("_thread", "RLock"): "a lock",
    ("threading", "Condition"): "a condition",
    ("threading", "Event"): "an event",
    ("threading", "Semaphore"): "a semaphore",
    ("threading", "Barrier"): "a barrier",
    ("_thread", "_local"): "thread-local data",
    ("asyncio.locks", "Lock"): "a lock",
    ("os", "_Environ"): "the environment of the process",
}
"""The same for what costs nothing to hold, and what an object made anew could not do without."""

QUIET: dict[tuple[str, str], str] = {
    ("logging", "Logger"): "a logger",
    ("ipykernel.iostream", "OutStream"): "the output of cells",
    ("logging", "Manager"): "the logging manager",
    ("IPython.core.interactiveshell", "InteractiveShell"): "the shell",
    ("traitlets.config.configurable", "SingletonConfigurable"): "an application",
    ("pandas._libs.index", "IndexEngine"): "a look-up table of an index",
    ("pandas._libs.hashtable", "HashTable"): "a look-up table of an index",
}
"""The same for what belongs to the session, not to a state: no notice is given."""


def reference_for(cls: type) -> ReferenceKind | None:
    """Give the kind of a type whose objects are never recorded, or None."""
    is_ours = name_of(cls)[0].partition(".")[0] == "cowtm"
    if is_ours and not issubclass(cls, dict | BaseException):
        # Our own reports: recording them would record the recording.
        return ReferenceKind("a report of cowtm", resource=True, quiet=True)
    for known, what in RESOURCES.items():
        if cls is known:
            return ReferenceKind(what, resource=True)
    for base in mro_of(cls):
        key = name_of(base)
        if key in BY_NAME and key != ("_io", "BytesIO"):
            return ReferenceKind(BY_NAME[key], resource=True)
        if key in LASTING:
            return ReferenceKind(LASTING[key])
        if key in QUIET:
            return ReferenceKind(QUIET[key], quiet=True)
        if key in (("_io", "BytesIO"), ("_io", "StringIO")):
            return None
    return None
