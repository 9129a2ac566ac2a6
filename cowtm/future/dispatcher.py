"""Starts jobs, sees them through, and makes states of what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from time import time as now
from typing import TYPE_CHECKING, Any

from cowtm.delta import Delta
from cowtm.display import names_text
from cowtm.errors import BadInput, JobFailed
from cowtm.future.job import LOCAL, Job, Task
from cowtm.future.landing import Departure, Given, Handover
from cowtm.future.merging import Merge
from cowtm.future.outputs import Outputs
from cowtm.future.pool import Pool
from cowtm.future.running import Place, Running
from cowtm.interrupts import deferred_interrupts
from cowtm.mirror import is_variable
from cowtm.saved.tolerant import said
from cowtm.timeline import State

if TYPE_CHECKING:
    from cowtm.future.elsewhere import Elsewhere
    from cowtm.future.inside import End
    from cowtm.future.kernel import Message
    from cowtm.future.surroundings import Surroundings
    from cowtm.future.worker import Worker
    from cowtm.lookup import Lookup
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe
    from cowtm.timeline import Number


LISTED = 12
"""Things that can't be handed over that are named."""


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
        new_outputs: gives what takes the outputs of a job that starts now.
        listeners: are called with a job and each message of its cell, in the job's thread.
        landed: is called with a job and its cell's result, while no capture runs.
        starting: is called with each job just before it starts.
        watchers: are called with a job, in any thread, when its status changes.
        say: shows one line to the user.
        objects_for: gives what a source needs besides variables, as names that are hidden.
        pool: the workers.
        modules: gives those that jobs elsewhere are to find imported.
        elsewhere: what else runs jobs, by the name that the user knows it by.

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
        self.new_outputs: Callable[[], Outputs] = Outputs
        self.listeners: list[Callable[[Job, Message], object]] = []
        self.landed: Callable[[Job, Any], object] = lambda job, result: None  # noqa: ARG005
        self.objects_for: Callable[[str], dict[str, Any]] = lambda source: {}  # noqa: ARG005
        self.starting: Callable[[Job], object] = lambda job: None  # noqa: ARG005
        self.watchers: list[Callable[[Job], object]] = []
        self.say: Callable[[str], object] = lambda line: None  # noqa: ARG005
        self.pool = Pool(make_worker, 2)
        self.elsewhere: dict[str, Elsewhere] = {}
        self.modules: Callable[[], list[str]] = list
        self._scribe = scribe
        self._recorder = recorder
        self._lookup = lookup
        self._surroundings = surroundings
        self._running: dict[Job, Running] = {}
        self._given: dict[Job, Given] = {}
        self._departures: dict[tuple[Number, bool], Departure] | None = None
        self._said = ""

    # -- starting ------------------------------------------------------------------------------

    def start(self, task: Task, given: Given) -> Job:
        """Start a job: its cell runs as soon as a worker is free.

        Raises:
            StateNotFound: the state that it is to begin from is gone.

        """
        scribe = self._scribe
        with scribe.lock:
            timeline = scribe.timeline
            hidden = {**given.hidden, **self.objects_for(task.source)}
            having = replace(given, hidden=hidden)
            place = self._place_of(task)
            known = timeline[task.start].by_reference
            handover = Handover(self._departure(task.start, lend=place.lends), having, known)
            start = handover.start(task.cell, self._surroundings(), reseed=task.reseed)
            job = Job(task, self, self.new_outputs(), self.place())
            timeline.expect(
                State(
                    number=task.number,
                    parent=task.start,
                    delta=Delta(),
                    source=task.source,
                    started=now(),
                )
            )
            running = self._running[job] = Running(job, handover, start, self, place)
            self._given[job] = given
            self.jobs.append(job)
            self._say_lost(known, handover)
        job.watch(self._tell)
        self.starting(job)
        place.submit(running)
        return job

    @contextmanager
    def together(self) -> Iterator[None]:
        """Read a state once for all jobs that are started from it in a block; under the lock."""
        self._departures = {}
        try:
            yield
        finally:
            self._departures = None

    def _departure(self, start: Number, *, lend: bool) -> Departure:
        """Have a state ready to be handed over."""
        shared = {} if self._departures is None else self._departures
        departure = shared.get((start, lend))
        if departure is None:
            delta = self._scribe.timeline.path(self._scribe.position, start)
            departure = Departure(self._recorder, self._lookup, delta, lend=lend)
            shared[start, lend] = departure
        return departure

    def connect(self, target: Any, name: str) -> None:
        """Have jobs run elsewhere; those that were sent somewhere before stay there.

        Raises:
            BadInput: nothing can be submitted to it.

        """
        # A session that does not connect anything need not wait for the import.
        from cowtm.future.elsewhere import Elsewhere, name_of_target  # noqa: PLC0415

        known = name_of_target(target)
        name = name or known
        self.elsewhere[name] = Elsewhere(target, name, self.modules)

    def _place_of(self, task: Task) -> Place:
        """Give what runs a job.

        Raises:
            BadInput: nothing is connected under that name.

        """
        if task.on == LOCAL:
            return self.pool
        if task.on not in self.elsewhere:
            known = ", ".join([LOCAL, *self.elsewhere])
            raise BadInput(
                f"nothing is connected as {task.on!r}; there is: {known}. "
                "tm.connect(client) connects a client of dask or an executor"
            )
        return self.elsewhere[task.on]

    def _say_lost(self, known: Mapping[str, str], handover: Handover) -> None:
        """Name what a job can't have, unless that was just said of another.

        Args:
            known: variable -> what in it is by reference.
            handover: to the job.

        """
        staying = filter(is_variable, handover.staying)
        named = [f"{name} ({known[name]})" for name in sorted(staying)]
        lost = [*named, *handover.lost]
        said = f"{names_text(lost, LISTED)} can't be handed over" if lost else ""
        if said and said != self._said:
            self.say(f"cowtm: {said} to a job; using it there raises an error.")
        self._said = said
        for module in handover.edited:
            self.say(
                f"cowtm: {module} was edited since it was imported; the job has it as its file is "
                f"now. importlib.reload({module}) loads it here."
            )

    def _tell(self, job: Job) -> None:
        for watcher in self.watchers:
            watcher(job)

    def stop(self, job: Job) -> bool:
        """Stop a job that is queued or running; it is told of its end.

        Returns:
            Whether that will be so: not if it is over, or as good as over.

        """
        running = self._running.get(job)
        if running is None:
            return False
        if running.place.stop(running):
            return True
        if not running.is_landing:
            self.say(f"cowtm: job {job.number} can't be stopped on {job.task.on}; it goes on.")
        return False

    def stop_all(self, why: str) -> None:
        """Stop all jobs, and have them know why."""
        for job in [*self._running]:
            job.explain(why)
            self.stop(job)

    def again(self, job: Job) -> Job:
        """Start a job that does the same once more, from the same state."""
        scribe = self._scribe
        with scribe.lock:
            cell = scribe.current_cell()
            number = scribe.timeline.free_number(cell)
            return self.start(replace(job.task, number=number, cell=cell), self._given[job])

    def merge(self, job: Job, ours: object, theirs: object) -> tuple[str, ...]:
        """Bring what a job changed into the variables; returns their names."""
        scribe, recorder = self._scribe, self._recorder
        with scribe.lock:
            here = scribe.arrive()
            to_start = scribe.timeline.path_to_origin(here, job.number)
            to_end = scribe.timeline.path(here, job.number)
            left_out = recorder.unsaved.__contains__
            merge = Merge(job.number, self._lookup, to_start, to_end, left_out)
            delta, names = merge.step(ours=ours, theirs=theirs)
            with deferred_interrupts():
                recorder.spare_unsaved(delta)
                recorder.mirror.restore(delta, left_out)
                recorder.merged(delta, names)
                scribe.record_part()
        return names

    def close(self) -> None:
        """End all jobs and workers."""
        self.stop_all("the session ended")
        places: list[Place] = [self.pool, *self.elsewhere.values()]
        places += [running.place for running in [*self._running.values()]]
        for place in dict.fromkeys(places):
            place.close()
        for job in self.jobs:
            job.leave()

    # -- what jobs tell ------------------------------------------------------------------------

    def hear(self, job: Job, message: Message) -> None:
        """Take what a job's cell says."""
        with job.hearing:
            job.outputs.add(message.kind, message.content, message.metadata)
            for listener in self.listeners:
                listener(job, message)

    def land(self, job: Job, handover: Handover, end: End, error: str | None) -> Any:
        """Make a state of what a job did; returns the result of its cell."""
        scribe = self._scribe
        with scribe.lock:
            self._running.pop(job, None)
            if not scribe.timeline.is_expected(job.number):
                raise JobFailed("the session ended, or goes on from a journal: nobody expects it")
            handover.land(
                scribe.timeline,
                job.number,
                end,
                error=error,
                duration=job.elapsed,
                outputs=job.outputs,
            )
            for why in handover.lacks:
                scribe.keeper.words.append(
                    f"cowtm: not all that job {job.number} made can be made here: {why}; "
                    "using what is missing raises an error."
                )
            try:
                result = self._lookup.result(job.number)
            except Exception as refusal:  # of any kind: its own code makes it
                raise JobFailed(
                    f"its state is there, but its result can't be made here: {said(refusal)}"
                ) from refusal
            scribe.keeper.ask()
            self.landed(job, result)
        return result

    def give_up(self, job: Job, why: str) -> None:
        """Take note that there will be no state."""
        with self._scribe.lock:
            self._running.pop(job, None)
            self._scribe.timeline.give_up(job.number, why)
