"""One job on its way: from the pool, through a worker, into the timeline."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cowtm.errors import JobFailed, WorkerDied
from cowtm.future.job import DIED, FAILED, Job

if TYPE_CHECKING:
    from cowtm.future.inside import End
    from cowtm.future.kernel import Message
    from cowtm.future.landing import Handover
    from cowtm.future.worker import Outcome, Worker


class Lands(Protocol):
    """Who makes states of what jobs did."""

    def hear(self, job: Job, message: Message) -> None:
        """Take what a job's cell says."""

    def land(self, job: Job, handover: Handover, end: End, error: str | None) -> Any:
        """Make a state of what a job did; returns the result of its cell."""

    def give_up(self, job: Job, why: str) -> None:
        """Take note that there will be no state."""


class Place(Protocol):
    """Who runs jobs: the workers of this machine, or somebody elsewhere."""

    @property
    def lends(self) -> bool:
        """Whether it can map memory of this process."""

    def submit(self, running: Running, /) -> None:
        """Have a job run, as soon as may be."""

    def stop(self, running: Running, /) -> bool:
        """Stop a job; tells whether it will be."""

    def close(self) -> None:
        """Let go of all jobs, now."""


class Running:
    """A job that waits for a worker, or runs on one: what a pool runs.

    Args:
        job: the job.
        handover: of the state that it begins from.
        start: what its worker begins with, pickled.
        lands: makes a state of what it did.
        place: runs it.

    Attributes:
        is_stopped: whether it is to end.
        is_landing: whether what it did is being made a state.
        start: what its worker begins with, pickled.
        place: runs it.

    """

    def __init__(
        self, job: Job, handover: Handover, start: bytes, lands: Lands, place: Place
    ) -> None:
        self.job = job
        self.is_stopped = False
        self.is_landing = False
        self.start = start
        self.place = place
        self._handover = handover
        self._lands = lands
        self._lock = threading.Lock()

    def stop(self) -> bool:
        """Have it end; tells whether it will: not once what it did is being made a state."""
        with self._lock:
            self.is_stopped = not self.is_landing
            return self.is_stopped

    @property
    def source(self) -> str:
        """What its cell is."""
        return self.job.source

    def begin(self) -> None:
        """Take note that it is on its way to a worker of which nothing is known."""
        self.job.begin(lambda: None)

    def run(self, worker: Worker) -> bool:
        """Run on a worker; tells whether the worker is as good as new afterwards."""
        job = self.job
        try:
            if not job.running():
                job.begin(lambda: worker.memory)
            outcome = worker.run(
                self.start,
                job.source,
                lambda said: self._lands.hear(job, said),
                lambda: not self.is_stopped,
            )
            self._take(outcome)
        except WorkerDied as error:
            self.fail(error)
            return False
        except JobFailed as error:
            self._end(error, FAILED)
            return False
        except Exception as error:  # noqa: BLE001  the session goes on, whatever a job runs into
            self._end(JobFailed(f"{type(error).__name__}: {error}"), FAILED)
            return False
        try:
            return worker.clear()
        except (WorkerDied, RuntimeError):  # it is of no more use, but the job is over
            return False

    def _take(self, outcome: Outcome | None) -> None:
        """Take what a worker says."""
        with self._lock:
            self.is_landing = not self.is_stopped
        if outcome is not None and self.is_landing:
            self.land(outcome.end, outcome.error)
        else:
            self.stopped()

    def land(self, end: End, error: Mapping[str, Any] | None) -> None:
        """Make a state of what the cell did, and tell the job."""
        name = None if error is None else error["ename"]
        result = self._lands.land(self.job, self._handover, end, name)
        if error is None:
            self.job.finish(result)
        else:
            self.job.fail(self._exception(end, error))

    def fail(self, error: WorkerDied) -> None:
        """Take note that the worker died, or could not be started."""
        self._end(error, DIED)

    def stopped(self) -> None:
        """Take note that it was cancelled."""
        self._lands.give_up(self.job, "its job was cancelled")
        self.job.stopped()

    def _end(self, error: Exception, status: str) -> None:
        if self.is_stopped:
            self.stopped()
            return
        self._lands.give_up(self.job, str(error))
        self.job.fail(error, status)

    def _exception(self, end: End, error: Mapping[str, Any]) -> BaseException:
        """Give the exception that ended the cell, with its traceback's text as the cause."""
        text = "\n".join(error["traceback"])
        raised: BaseException | None = None
        if end.error is not None:
            try:
                raised = self._handover.exception(end.error)
            except Exception:  # noqa: BLE001  its class can't be made here: then it is named
                raised = None
        if raised is None:
            raised = JobFailed(f"{error['ename']}: {error['evalue']}")
        raised.__cause__ = JobFailed(f"in job {self.job.number}:\n{text}")
        return raised
