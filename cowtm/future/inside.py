"""What runs inside a worker, around the cell of a job: bring a state in, tell what came of it.

A worker is an IPython kernel like any other. `begin` fills its namespace with the state that the
job starts from, the cell is executed as any cell is, `end` tells what it changed, `clear` makes
room for the next job. What must be as it was before the next one comes is in `traces`.
"""

from __future__ import annotations

import base64
import faulthandler
import importlib
import importlib.metadata
import os
import pickle
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cowtm.changes import changed_variables
from cowtm.delta import Delta, Difference
from cowtm.errors import BadInput
from cowtm.future.cells import LAST, OBJECTS, forget_results, is_last, take_objects
from cowtm.future.launch import ERRORS
from cowtm.future.refusals import EXTENSION, MACHINE, Absent, forbid
from cowtm.future.taking import Taker
from cowtm.future.tape import TAPE, Tape, tape_output
from cowtm.future.traces import Traces
from cowtm.kinds.base import resolved
from cowtm.kinds.reference import Lost
from cowtm.mapping import Mapped
from cowtm.native import UNSET, Content, Node
from cowtm.recorder import LENT, Recorder
from cowtm.resuming import attach_ambient
from cowtm.saved.bundle import Bundle, Exchange
from cowtm.unmade import is_unmade, lines_of, name_them, restore_what_can_be

if TYPE_CHECKING:
    from cowtm.future.surroundings import Surroundings


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
    folder: Path | None
    """The notebook's."""
    roots: tuple[str, ...]
    """Folders that modules of the user's were imported from, when they were."""


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
    traces: Traces
    """What the process was like before."""
    results: list[Any] = field(default_factory=list)
    """What IPython says of cells that ended."""
    lent: tuple[memoryview, ...] = ()
    """Memory that the session reads what came of the job from."""
    missing: list[str] = field(default_factory=list)
    """What to say of what could not be made here, in lines."""


@dataclass(slots=True)
class _Worker:
    """This process, once it is a worker."""

    shell: Any
    """The kernel's shell."""
    process: int
    """Its number: a process that a job forks off is none."""
    magics: list[tuple[Any, Any]]
    """What knows of magics, and what it knew before any job."""
    tape: Tape | None
    """What the last words of a job are on."""
    job: _Job | None = None
    """What it is at."""
    held: bytearray = field(default_factory=bytearray)
    """What is being handed over, piece by piece."""


_worker: _Worker | None = None


def prepare(shell: Any, modules: Iterable[str], version: str) -> None:
    """Make a kernel a worker: to be called once, before the first job.

    Args:
        shell: the kernel's.
        modules: to be imported ahead, so that jobs need not wait for that.
        version: of cowtm, where jobs come from.

    Raises:
        BadInput: another version is installed here.

    """
    global _worker  # noqa: PLW0603  a process is one worker
    if version != installed():
        raise BadInput(
            f"the worker has cowtm {installed()}, the session {version}: what one of them "
            "writes the other may not be able to read; install the same"
        )
    errors = os.environ.pop(ERRORS, None)
    if errors is not None:  # or what ends the process for good would be told to itself
        faulthandler.enable(int(errors), all_threads=False)
    tape = os.environ.pop(TAPE, None)
    shell.history_manager.enabled = False  # what jobs run is in the session's history already
    forbid(shell)
    for name in [name for name in shell.user_ns if not _is_of_ipython(name)]:
        del shell.user_ns[name]  # what a profile's startup files bound: the session has it, or not
    shell.events.register("pre_run_cell", _begin_cell)
    shell.events.register("post_run_cell", _note_result)
    for name in modules:
        with suppress(ImportError):
            import_module(name)
    magics = [(known, known.copy()) for known in _of_magics(shell.magics_manager)]
    _worker = _Worker(shell, os.getpid(), magics, None if tape is None else tape_output(int(tape)))


def _of_magics(manager: Any) -> list[Any]:
    """Give the mappings and sets in which a shell knows its magics.

    IPython imports a class of magics, from 9.18 on, when one of them is used; it knows for which
    ones it did. Versions before have all from the beginning.
    """
    return [*manager.magics.values(), manager.registry, getattr(manager, "_loaded_lazy", set())]


def installed() -> str:
    """Tell which version of cowtm is installed; nothing if it runs without being installed."""
    try:
        return importlib.metadata.version("cowtm")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _is_of_ipython(name: str) -> bool:
    return name.startswith("_") or name in ("In", "Out", "get_ipython", "exit", "quit", "open")


def begin(start: Start) -> None:
    """Bring the state in that a job starts from."""
    worker = _this()
    shell = worker.shell
    start.surroundings.take_over(shell, start.number)
    importlib.invalidate_caches()  # there may be files that are new
    home: dict[str, Any] = shell.user_ns
    known = dict(home)
    home[MACHINE] = Absent()
    hidden = dict(home)

    def is_hidden(name: str, value: object) -> bool:
        return is_last(name, value, shell) if name in LAST else hidden.get(name, hidden) is value

    recorder = Recorder(home, is_hidden, start.folder)
    exchange = Exchange(recorder.mirror)
    worker.job = _Job(recorder, exchange, known, frozenset(sys.modules), Traces.of(shell))
    with Mapped() as mapped, _importing_from(start.roots), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the job hears of what its own code does
        store = recorder.mirror.store
        taker = Taker(store, mapped)
        received = exchange.receive(start.bundle, taker)
        step = Delta(
            Difference({}, received.names),
            Difference({}, cast("dict[Any, object]", received.contents)),
        )
        recorder.reset_ambient(but=received.names)
        attach_ambient(recorder.mirror, step, recorder.ambient)
        usual, store.ready = store.ready, taker.row
        step = restore_what_can_be(recorder.mirror, step, exchange.lacks)
        store.ready = usual
    if not worker.job.modules.issuperset(sys.modules):  # what came with the state logs by itself
        start.surroundings.preferences.logs.take_over()
    worker.job.traces = worker.job.traces.with_new_libraries()
    recorder.travelled(step)
    if start.reseed:
        _reseed()
    lent = resolved(received.names.get(LENT, {}))
    home.update(lent)
    hidden.update({name: lent[name] for name in start.hidden})
    if OBJECTS in start.hidden:
        take_objects(home.pop(OBJECTS), shell)
    shell.execution_count = start.number
    for node in recorder.mirror.table.live():
        if type(node.object) is Lost and not is_unmade(node):
            node.object.explain(NOT_HANDED_OVER)
    name_them(recorder.mirror)
    if exchange.lacks:
        worker.job.missing += lines_of(recorder.mirror, "in a background cell")


@contextmanager
def _importing_from(folders: Iterable[str]) -> Iterator[None]:
    """Find modules in some folders too: where the working directory was is imported from here."""
    path = [*sys.path]
    sys.path += folders
    try:
        yield
    finally:
        sys.path[:] = path


NOT_HANDED_OVER = "can't be handed over to a background cell; make one in the cell"


def _reseed() -> None:
    """Have global generators draw anew, from what the system gives."""
    for module, function in _SEEDS:
        if module in sys.modules:
            cast("Callable[[], object]", getattr(sys.modules[module], function))()


_SEEDS = (("random", "seed"), ("numpy.random", "seed"), ("torch", "seed"))
"""Modules with a global generator, and what seeds it."""


def _begin_cell(_: Any = None) -> None:
    """Say, in the output of the job's cell, what it has to do without."""
    worker = _this()
    job = worker.job
    if worker.tape is not None:
        worker.tape.begin()
    while job is not None and job.missing:
        print(job.missing.pop(0), file=sys.stderr)  # noqa: T201  for the user


def _note_result(result: Any) -> None:
    """Keep what became of the job's cell."""
    worker = _this()
    if os.getpid() != worker.process:
        os._exit(0)  # forked off by the cell, and past its end: it must not answer for the worker
    if worker.job is not None and result is not None and result.info.store_history:
        worker.job.results.append(result)


def end(*, lend: bool) -> End:
    """Tell what the cell changed.

    Args:
        lend: whether who reads it is on this machine, and can map memory of this process.

    """
    job = _current()
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
        changed_variables(captured.names, captured.delta, job.recorder.mirror),
        captured.by_reference,
        page,
    )


def clear() -> bool:
    """Let go of the job: the next one finds nothing of it.

    Returns:
        Whether the worker is as good as new; if not, it is not to be used again.

    """
    worker = _this()
    shell, job = worker.shell, worker.job
    worker.job = None
    worker.held.clear()
    if job is None:
        return True
    home = shell.user_ns
    for name in [name for name in home if name not in job.known]:
        del home[name]
    home.update(job.known)
    job.recorder.reset_ambient(but=())
    job.recorder.mirror.table.clear()
    forget_results(shell)
    for name in set(sys.modules) - job.modules:
        if _is_users(name, sys.modules[name]):
            del sys.modules[name]
    for known, before in worker.magics:
        known.clear()
        known.update(before)
    return Traces.of(shell).is_like(job.traces)


def _this() -> _Worker:
    if _worker is None:
        msg = "this process is no worker"
        raise RuntimeError(msg)
    return _worker


def _current() -> _Job:
    job = _this().job
    if job is None:
        msg = "this worker has no job"
        raise RuntimeError(msg)
    return job


def _is_users(name: str, module: Any) -> bool:
    """Tell the user's own modules: their files may be edited before the next job."""
    file = getattr(module, "__file__", None)
    is_ours = name.partition(".")[0] == EXTENSION
    return isinstance(file, str) and not is_ours and not file.startswith(_INSTALLED)


_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
"""Folders whose modules nobody edits."""


# -- by files, or piece by piece -------------------------------------------------------------------


def begin_from(path: str) -> None:
    """`begin` with what is in a file."""
    _begin(Path(path).read_bytes())


def end_into(path: str, *, lend: bool) -> None:
    """`end`, pickled into a file."""
    Path(path).write_bytes(pickle.dumps(end(lend=lend), pickle.HIGHEST_PROTOCOL))


def hold(piece: str) -> None:
    """Keep a piece of what `begin_held` begins with, in base 85."""
    _this().held += base64.b85decode(piece)


def begin_held() -> None:
    """`begin` with what was handed over piece by piece."""
    held = _this().held
    start = bytes(held)
    held.clear()
    _begin(start)


def end_held() -> int:
    """`end`, kept to be handed over piece by piece; returns how many bytes."""
    _this().held = bytearray(pickle.dumps(end(lend=False), pickle.HIGHEST_PROTOCOL))
    return len(_this().held)


def give(first: int, last: int) -> str:
    """Give a piece of what `end_held` keeps, in base 85."""
    return base64.b85encode(_this().held[first:last]).decode()


def _begin(data: bytes) -> None:
    start = pickle.loads(data)  # noqa: S301  the session wrote it
    if not isinstance(start, Start):
        raise BadInput("what was handed over is no start of a job")
    begin(start)
