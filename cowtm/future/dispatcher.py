"""Starts jobs, sees them through, and makes states of what they did."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cowtm.delta import Delta
from cowtm.errors import BadInput
from cowtm.future.job import Job, Task
from cowtm.future.landing import Given, Handover
from cowtm.future.outputs import Outputs
from cowtm.future.pool import Pool
from cowtm.future.running import Running
from cowtm.timeline import State

if TYPE_CHECKING:
    from cowtm.future.inside import End
    from cowtm.future.surroundings import Surroundings
    from cowtm.future.worker import Message, Worker
    from cowtm.lookup import Lookup
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe


class Dispatcher:
    """The jobs of one session.

    Thread safety: every call may come from any thread.

    Args:
        scribe: writes the timeline.
        recorder: of the session.
        lookup: at its states.
        surroundings: gives what a cell finds besides variables.

    Attributes:
        jobs: all jobs, newest last.
        place: tells where the output of a job that starts now is to be shown.
        listeners: are called with a job and each message of its cell, in the job's thread.
        landed: is called with a job and its cell's result, while no capture runs.
        pool: the workers.

    """

    def __init__(
        self,
        scribe: Scribe,
        recorder: Recorder,
        lookup: Lookup,
        surroundings: Callable[[], Surroundings],
        make_worker: Callable[[], Worker],
    ) -> None:
        self.jobs: list[Job] = []
        self.place: Callable[[], Any] = lambda: None
        self.listeners: list[Callable[[Job, Message], object]] = []
        self.landed: Callable[[Job, Any], object] = lambda job, result: None  # noqa: ARG005
        self.pool = Pool(make_worker, 2)
        self._scribe = scribe
        self._recorder = recorder
        self._lookup = lookup
        self._surroundings = surroundings
        self._running: dict[Job, Running] = {}

    # -- starting ------------------------------------------------------------------------------

    def start(self, task: Task, given: Given) -> Job:
        """Start a job: its cell runs as soon as a worker is free.

        Raises:
            StateNotFound: the state that it is to begin from is gone.

        """
        scribe = self._scribe
        with scribe.lock:
            timeline = scribe.timeline
            delta = timeline.path(scribe.position, task.start)
            handover = Handover(self._recorder, self._lookup, delta, given, lend=True)
            start = handover.start(task.cell, self._surroundings(), reseed=task.reseed)
            job = Job(task, self, Outputs(), self.place())
            timeline.expect(
                State(
                    number=task.number,
                    parent=task.start,
                    delta=Delta(),
                    source=task.source,
                    started=time.time(),
                )
            )
            running = self._running[job] = Running(job, handover, start, self)
            self.jobs.append(job)
        self.pool.submit(running)
        return job

    def stop(self, job: Job) -> None:
        """Stop a job that is queued or running; it is told of its end."""
        running = self._running.get(job)
        if running is None:
            return
        running.is_stopped = True
        if self.pool.withdraw(running):
            running.stopped()
        else:
            self.pool.interrupt(running)

    def again(self, job: Job) -> Job:
        """Start a job that does the same once more."""
        raise BadInput(f"job {job.number} can't be started again yet")

    def merge(self, job: Job, ours: object, theirs: object) -> tuple[str, ...]:
        """Bring what a job changed into the variables; returns their names."""
        raise BadInput(f"job {job.number} can't be merged yet: {ours} {theirs}")

    def close(self) -> None:
        """End all jobs and workers."""
        for running in [*self._running.values()]:
            running.is_stopped = True
            if self.pool.withdraw(running):
                running.stopped()
        self.pool.close()

    # -- what jobs tell ------------------------------------------------------------------------

    def hear(self, job: Job, message: Message) -> None:
        """Take what a job's cell says."""
        job.outputs.add(message.kind, message.content, message.metadata)
        for listener in self.listeners:
            listener(job, message)

    def land(self, job: Job, handover: Handover, end: End, error: str | None) -> Any:
        """Make a state of what a job did; returns the result of its cell."""
        scribe = self._scribe
        with scribe.lock:
            self._running.pop(job, None)
            if not scribe.timeline.is_expected(job.number):  # the session was unhooked meanwhile
                return None
            handover.land(scribe.timeline, job.number, end, error=error, duration=job.elapsed)
            result = self._lookup.result(job.number)
            scribe.keeper.ask()
            self.landed(job, result)
        return result

    def give_up(self, job: Job, why: str) -> None:
        """Take note that there will be no state."""
        with self._scribe.lock:
            self._running.pop(job, None)
            self._scribe.timeline.give_up(job.number, why)
