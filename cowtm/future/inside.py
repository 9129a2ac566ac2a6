"""What runs inside a worker, around the cell of a job: bring a state in, tell what came of it.

A worker is an IPython kernel like any other. `begin` fills its namespace with the state that the
job starts from, the cell is executed as any cell is, `end` tells what it changed, `clear` makes
room for the next job.
"""

from __future__ import annotations

import ctypes
import pickle
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cowtm.arena import Place
from cowtm.delta import Delta, Difference
from cowtm.errors import BadInput
from cowtm.kinds.base import resolved
from cowtm.mapping import Mapped
from cowtm.native import UNSET, Content, Node
from cowtm.recorder import LENT, Recorder
from cowtm.resuming import attach_ambient
from cowtm.saved.bundle import Bundle, Exchange

if TYPE_CHECKING:
    from cowtm.chunks import Chunk, ChunkStore
    from cowtm.future.surroundings import Surroundings
    from cowtm.generations import Key


@dataclass(frozen=True, slots=True)
class Start:
    """What a job begins with, as it is handed over: pickled."""

    number: int
    """The number that its cell has."""
    bundle: Bundle
    """The state."""
    surroundings: Surroundings
    """What its code is to find."""
    reseed: bool
    """Whether it draws other random numbers than the session would."""
    hidden: tuple[str, ...]
    """Names among what is lent that are no variables of the state that it makes."""


@dataclass(frozen=True, slots=True)
class End:
    """What came of a job, as it is handed back: pickled."""

    bundle: Bundle
    """The step from the state that it began with."""
    names: tuple[str, ...]
    """Variables that it changed, sorted."""
    by_reference: dict[str, str]
    """Variable -> what in it is by reference."""
    error: bytes | None
    """Page with the exception that ended it, if one did and it can be sent."""


@dataclass(slots=True)
class _Job:
    """The job that this worker is at."""

    recorder: Recorder
    exchange: Exchange
    known: dict[str, Any]
    """What the worker's namespace had of its own."""
    modules: frozenset[str]
    """Modules that were there before."""
    threads: frozenset[int | None]
    """Threads that were there before."""
    results: list[Any] = field(default_factory=list)
    """What IPython says of cells that ended."""
    lent: tuple[memoryview, ...] = ()
    """Memory that the session reads what came of the job from."""


_job: _Job | None = None


def prepare(shell: Any, modules: Iterable[str]) -> None:
    """Make a kernel a worker: to be called once, before the first job.

    Args:
        shell: the kernel's.
        modules: to be imported ahead, so that jobs need not wait for that.

    """
    _die_with_parent()
    shell.history_manager.enabled = False  # what jobs run is in the session's history already
    for name in modules:
        with suppress(ImportError):
            import_module(name)


def _die_with_parent() -> None:
    """Have the system end this process when the one that started it ends, whatever way."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def begin(shell: Any, start: Start) -> None:
    """Bring the state in that a job starts from."""
    global _job  # noqa: PLW0603  a worker is at one job at a time
    start.surroundings.take_over(shell)
    home: dict[str, Any] = shell.user_ns
    known = dict(home)
    hidden = dict(home)
    recorder = Recorder(home, lambda name, value: hidden.get(name, hidden) is value)
    exchange = Exchange(recorder.mirror)
    _job = _Job(recorder, exchange, known, frozenset(sys.modules), _threads())
    with Mapped() as mapped:
        received = exchange.receive(start.bundle, _Taker(recorder.mirror.store, mapped))
        step = Delta(
            Difference({}, received.names),
            Difference({}, cast("dict[Any, object]", received.contents)),
        )
        recorder.reset_ambient(but=received.names)
        attach_ambient(recorder.mirror, step, recorder.ambient)
        recorder.mirror.restore(step, lambda _: False)
    recorder.travelled(step)
    if start.reseed:
        _reseed()
    lent = resolved(received.names.get(LENT, {}))
    home.update(lent)
    hidden.update({name: lent[name] for name in start.hidden})
    shell.execution_count = start.number
    shell.events.register("post_run_cell", _note_result)


class _Taker:
    """Takes chunks in: those that can be mapped are not copied."""

    def __init__(self, store: ChunkStore, mapped: Mapped) -> None:
        self._store = store
        self._mapped = mapped

    def __call__(self, key: Key, where: Place | bytes) -> Chunk:
        memory: memoryview | bytes = (
            self._mapped.read_only(where, key[1]) if isinstance(where, Place) else where
        )
        return self._store.accept(key, memory)


def _reseed() -> None:
    """Have global generators draw anew, from what the system gives."""
    for module, function in _SEEDS:
        if module in sys.modules:
            cast("Callable[[], object]", getattr(sys.modules[module], function))()


_SEEDS = (("random", "seed"), ("numpy.random", "seed"), ("torch", "seed"))
"""Modules with a global generator, and what seeds it."""


def _note_result(result: Any) -> None:
    """Keep what became of the job's cell."""
    if _job is not None and result is not None and result.info.store_history:
        _job.results.append(result)


def end(shell: Any, *, lend: bool) -> End:
    """Tell what the cell changed.

    Args:
        shell: the worker's.
        lend: whether who reads it is on this machine, and can map memory of this process.

    """
    job = _current()
    shell.events.unregister("post_run_cell", _note_result)
    last = job.results[-1] if job.results else None
    result = None if last is None else last.result
    error = None if last is None else last.error_before_exec or last.error_in_exec
    page = None if error is None else job.exchange.page(error)
    captured = job.recorder.capture(result=UNSET if result is None else result, everything=True)
    names, contents = captured.delta.bindings, captured.delta.contents
    sent = job.exchange.send(
        names.after,
        cast("Iterable[tuple[Node, Content]]", contents.after.items()),
        unbound=[name for name in names.before if name not in names.after],
        gone=[cast("Node", node) for node in contents.before if node not in contents.after],
        lend=lend,
    )
    job.lent = sent.lent
    return End(
        sent.bundle,
        captured.names,
        captured.by_reference,
        page,
    )


def clear(shell: Any) -> bool:
    """Let go of the job: the next one finds nothing of it.

    Returns:
        Whether the worker is as good as new; if not, it is not to be used again.

    """
    global _job
    job, _job = _job, None
    if job is None:
        return True
    home = shell.user_ns
    for name in [name for name in home if name not in job.known]:
        del home[name]
    home.update(job.known)
    job.recorder.mirror.table.clear()
    shell.displayhook.flush()
    for name in set(sys.modules) - job.modules:
        if _is_users(sys.modules[name]):
            del sys.modules[name]
    return _threads() <= job.threads


def _current() -> _Job:
    if _job is None:
        msg = "this worker has no job"
        raise RuntimeError(msg)
    return _job


def _threads() -> frozenset[int | None]:
    return frozenset(thread.ident for thread in threading.enumerate())


def _is_users(module: Any) -> bool:
    """Tell the user's own modules: their files may be edited before the next job."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and not file.startswith(_INSTALLED)


_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
"""Folders whose modules nobody edits."""


# -- by files --------------------------------------------------------------------------------------


def begin_from(shell: Any, path: str) -> None:
    """`begin` with what is in a file, which is removed."""
    file = Path(path)
    start = pickle.loads(file.read_bytes())  # noqa: S301  the session wrote it
    file.unlink()
    if not isinstance(start, Start):
        raise BadInput(f"{path} holds no start of a job")
    begin(shell, start)


def end_into(shell: Any, path: str, *, lend: bool) -> None:
    """`end`, pickled into a file."""
    Path(path).write_bytes(pickle.dumps(end(shell, lend=lend), pickle.HIGHEST_PROTOCOL))
