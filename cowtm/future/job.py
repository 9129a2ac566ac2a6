"""A job: a cell that runs in the background, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cowtm.errors import BadInput

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
    also: tuple[tuple[str, Any], ...] = ()
    """Variables that it has besides those of the state, with their values."""


class Owner(Protocol):
    """Who runs a job and takes care of its state."""

    def stop(self, job: Job) -> None:
        """Stop a job that is queued or running; it is told of its end."""

    def again(self, job: Job) -> Job:
        """Start a job that does the same once more."""

    def merge(self, job: Job, ours: object, theirs: object) -> tuple[str, ...]:
        """Bring what a job changed into the variables; returns their names."""


class Job(Future[Any]):
    """A cell that runs in the background.

    It is a `concurrent.futures.Future`: `result`, `exception`, `add_done_callback` and the
    functions of `concurrent.futures` do with it what they do with others.

    Attributes:
        task: what it does.
        outputs: what it put out, as Jupyter knows it.
        place: where its output is shown, as the front end knows it.

    """

    def __init__(self, task: Task, owner: Owner, outputs: Outputs, place: Any = None) -> None:
        super().__init__()
        self.task = task
        self.outputs = outputs
        self.place = place
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
        return (self._ended or time.monotonic()) - self._began

    @property
    def progress(self) -> float | None:
        """How far it is, 0 to 1, as the last progress bar in its output tells; None without one."""
        return self.outputs.progress

    @property
    def memory(self) -> int | None:
        """Bytes of memory that its worker takes; None if none runs it."""
        return self._memory() if self._status == RUNNING else None

    # -- as a future ---------------------------------------------------------------------------

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
        self._owner.stop(self)
        return True

    def rerun(self) -> Job:
        """Start it once more, from the same state; the new job is a part of the running cell.

        Raises:
            StateNotFound: that state is gone.

        """
        return self._owner.again(self)

    def merge(self, *, ours: Any = (), theirs: Any = ()) -> tuple[str, ...]:
        """Bring what it changed into the variables of the present.

        Args:
            ours: variables changed on both sides that stay as they are; True for all.
            theirs: variables changed on both sides that become what the job made; True for all.

        Returns:
            The variables that changed.

        Raises:
            BadInput: it is not done; or both sides changed variables that are named in neither.

        """
        if self._status not in (DONE, FAILED):
            raise BadInput(f"job {self.number} is {self._status}: there is nothing to merge")
        return self._owner.merge(self, ours, theirs)

    # -- for who runs it -----------------------------------------------------------------------

    def watch(self, watcher: Callable[[Job], object]) -> None:
        """Have something called, from any thread, whenever its status changes."""
        self._watchers.append(watcher)

    def begin(self, memory: Callable[[], int | None]) -> None:
        """Take note that it runs."""
        self._began = time.monotonic()
        self._memory = memory
        self._status = RUNNING
        self._tell()

    def finish(self, result: Any) -> None:
        """Take note that it is done."""
        self._end(DONE)
        self.set_result(result)
        self._tell()

    def fail(self, error: BaseException, status: str = FAILED) -> None:
        """Take note that it failed or died."""
        self._reason = f"{type(error).__name__}: {error}" if status == FAILED else str(error)
        self._end(status)
        self.set_exception(error)
        self._tell()

    def stopped(self) -> None:
        """Take note that it was stopped."""
        self._end(CANCELLED)
        super().cancel()
        self.set_running_or_notify_cancel()
        self._tell()

    def _end(self, status: str) -> None:
        self._ended = time.monotonic()
        self._memory = lambda: None
        self._status = status

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher(self)
