"""A job: a cell that runs in the background, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from cowtm.display import Report, Table, shorten, size_text, time_text
from cowtm.errors import BadInput, Unhooked
from cowtm.interrupts import GLANCE

if TYPE_CHECKING:
    from cowtm.future.outputs import Outputs
    from cowtm.timeline import Number

QUEUED, RUNNING, DONE, FAILED, CANCELLED, DIED = (
    "queued",
    "running",
    "done",
    "failed",
    "cancelled",
    "died",
)
"""What a job can be."""

GRACE = 3.0
"""Seconds, by default, that a job has to end when it is cancelled: what takes longer to give up is
hardly going to."""

LOCAL = "local"
"""Where jobs run: on this machine, unless something else is said."""

OVER = frozenset({DONE, FAILED, CANCELLED, DIED})


@dataclass(frozen=True, slots=True)
class Task:
    """What a job is to do."""

    number: Number
    """Of the state that it makes."""
    cell: int
    """Of the cell that started it."""
    start: Number
    """The state that it begins from."""
    source: str
    """What it runs."""
    name: str = ""
    """What the user calls it."""
    reseed: bool = False
    """Whether it draws other random numbers than the session would."""
    on: str = LOCAL
    """Where it runs: on this machine, or what is connected under that name."""


class Owner(Protocol):
    """Who runs a job and takes care of its state."""

    def stop(self, job: Job) -> bool:
        """Stop a job that is queued or running; tells whether it will be."""

    def again(self, job: Job) -> Job:
        """Start a job that does the same once more."""

    def merge(self, job: Job, ours: object, theirs: object) -> tuple[str, ...]:
        """Bring what a job changed into the variables; returns their names."""


class _Nobody:
    """Owns the jobs of a session that ended."""

    def stop(self, *_: object) -> NoReturn:
        """Do nothing of what an owner does."""
        raise Unhooked

    again = merge = stop


def see_through(jobs: Iterable[Job]) -> None:
    """Wait until jobs are over, or until an interrupt."""
    left: set[Future[Any]] = set(jobs)
    while left:
        left = wait(left, GLANCE).not_done


ICONS = {QUEUED: "○", RUNNING: "▶", DONE: "✓", FAILED: "✗", CANCELLED: "■", DIED: "✗"}
"""What is shown before the word."""


class Job(Report, Future[Any]):
    """A cell that runs in the background.

    It is a `concurrent.futures.Future`: `result`, `exception`, `add_done_callback` and the
    functions of `concurrent.futures` do with it what they do with others.

    Attributes:
        task: what it does.
        outputs: what it put out, as Jupyter knows it.
        place: where its output is shown, as the front end knows it.
        replayed: where it is shown besides: in the cell that last asked for it; None if none did.
        hearing: is held while its output is taken in and shown.
        value: the result, once it is done.
        is_known: whether somebody was given its result or its error.

    """

    def __init__(self, task: Task, owner: Owner, outputs: Outputs, place: Any = None) -> None:
        super().__init__()
        self.task = task
        self.outputs = outputs
        self.place = place
        self.replayed: Any = None
        self.hearing = threading.RLock()
        self.value: Any = None
        self.is_known = False
        self._owner = owner
        self._status = QUEUED
        self._reason = ""
        self._began: float | None = None
        self._ended: float | None = None
        self._watchers: list[Callable[[Job], object]] = []
        self._memory: Callable[[], int | None] = lambda: None

    # -- what it is at -------------------------------------------------------------------------

    @property
    def number(self) -> Number:
        """The state that it makes: `tm.vars` and `tm.past` take it once the job is done."""
        return self.task.number

    @property
    def name(self) -> str:
        """What the user called it; empty if not."""
        return self.task.name

    @property
    def title(self) -> str:
        """Its number and name, in words."""
        return f"job {self.number}" + (f" ({self.name})" if self.name else "")

    @property
    def source(self) -> str:
        """What it runs."""
        return self.task.source

    @property
    def status(self) -> str:
        """queued, running, done, failed, cancelled or died."""
        return self._status

    @property
    def reason(self) -> str:
        """Why it failed or died, in words; empty otherwise."""
        return self._reason

    @property
    def elapsed(self) -> float:
        """Seconds that it has run, or ran."""
        if self._began is None:
            return 0.0
        return (self._ended or monotonic()) - self._began

    @property
    def progress(self) -> float | None:
        """How far it is, 0 to 1, as the last progress bar in its output tells; None without one."""
        return self.outputs.progress

    @property
    def memory(self) -> int | None:
        """Bytes of memory that its worker takes; None if none runs it."""
        return self._memory() if self._status == RUNNING else None

    def _table(self) -> Table:
        task, progress, memory = self.task, self.progress, self.memory
        rows = [
            ("source", shorten(task.source, 60)),
            ("began from", f"state {task.start}"),
            ("ran", "" if self._began is None else time_text(self.elapsed)),
            ("progress", "" if progress is None else f"{progress:.0%}"),
            ("memory", "" if memory is None else size_text(memory)),
            ("result", "" if self.value is None else shorten(type(self.value).__name__)),
            ("reason", self._reason),
        ]
        title = f"{self.title}: {ICONS[self.status]} {self.status}"
        return Table(title, ("", ""), [row for row in rows if row[1]])

    # -- as a future ---------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its end, and return the result of its cell, a fresh object.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: it is not over.
            CancelledError: it was cancelled.
            WorkerDied: its process ended before it did.
            BaseException: what ended its cell.

        """
        if timeout is None:
            see_through([self])
        try:
            return super().result(timeout)
        finally:
            self.is_known = self.is_known or self.done()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for its end, and return what ended its cell; None if nothing did.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: it is not over.
            CancelledError: it was cancelled.

        """
        if timeout is None:
            see_through([self])
        try:
            return super().exception(timeout)
        finally:
            self.is_known = self.is_known or self.done()

    def running(self) -> bool:
        """Tell whether it runs now."""
        return self._status == RUNNING

    def cancel(self) -> bool:
        """Stop it: it is interrupted, and its worker is killed if that does not help.

        Returns:
            Whether it is stopped now or will be in a moment; not if it was over.

        """
        if self._status in OVER:
            return self._status == CANCELLED
        self.is_known = self._owner.stop(self)
        return self.is_known

    def rerun(self) -> Job:
        """Start it once more, from the same state; the new job is a part of the running cell.

        Raises:
            StateNotFound: that state is gone.
            Unhooked: the session is no longer recorded.

        """
        return self._owner.again(self)

    def merge(self, *, ours: Any = (), theirs: Any = ()) -> tuple[str, ...]:
        """Bring what it changed into the variables of the present, in place.

        What the job changed and the session did not since it began becomes as the job made it;
        sharing is kept. Results, random generators, and the user's modules that no variable holds
        stay as they are. It is a part of the running cell: `undo` takes it back.

        Args:
            ours: variables changed on both sides that stay as they are; True for all.
            theirs: variables changed on both sides that become what the job made; True for all.

        Returns:
            The variables that changed.

        Raises:
            BadInput: it is not done; or both sides changed variables that are named in neither;
                or what is to stay shares an object with what is not. Nothing was changed.
            StateNotFound: its state, or what it began from, is gone.
            CannotRestore: something could not be brought here; nothing was changed.
            Unhooked: the session is no longer recorded.

        """
        if self._status not in (DONE, FAILED):
            how = "died" if self._status == DIED else f"is {self._status}"
            raise BadInput(f"job {self.number} {how}: there is nothing to merge")
        return self._owner.merge(self, ours, theirs)

    # -- for who runs it -----------------------------------------------------------------------

    def watch(self, watcher: Callable[[Job], object]) -> None:
        """Have something called, from any thread, whenever its status changes."""
        self._watchers.append(watcher)

    def begin(self, memory: Callable[[], int | None]) -> None:
        """Take note that it runs."""
        self._began = monotonic()
        self._memory = memory
        self._status = RUNNING
        self._tell()

    def finish(self, result: Any) -> None:
        """Take note that it is done."""
        self.value, self._reason = result, ""
        self._end(DONE)
        self.set_result(result)
        self._tell()

    def fail(self, error: BaseException, status: str = FAILED) -> None:
        """Take note that it failed or died."""
        self._reason = f"{type(error).__name__}: {error}" if status == FAILED else str(error)
        self._end(status)
        self.set_exception(error)
        self._tell()

    def leave(self) -> None:
        """Take note that who ran it is no more: what it gave is all that is left."""
        self._owner = _Nobody()
        self._watchers.clear()

    def explain(self, reason: str) -> None:
        """Take note why it is about to be stopped, if the user did not ask for it."""
        self._reason = reason

    def stopped(self) -> None:
        """Take note that it was stopped."""
        self._end(CANCELLED)
        super().cancel()
        self.set_running_or_notify_cancel()
        self._tell()

    def _end(self, status: str) -> None:
        self._ended = monotonic()
        self._memory = lambda: None
        self._status = status

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher(self)
