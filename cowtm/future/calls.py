"""What users call to run something in the background, and to see what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice, product
from keyword import iskeyword
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from cowtm.display import brief
from cowtm.errors import BadInput
from cowtm.future.job import LOCAL, OVER, QUEUED, RUNNING, Job, Task
from cowtm.future.jobs import Jobs
from cowtm.future.landing import Given
from cowtm.future.notices import Notices
from cowtm.timeline import Number, as_number
from cowtm.transcript import Output, text_of_all

if TYPE_CHECKING:
    from cowtm.future.dispatcher import Dispatcher
    from cowtm.lookup import Lookup
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe

MakeDispatcher: TypeAlias = "Callable[[Scribe, Recorder, Lookup], Dispatcher]"

SAME, NEW = "same", "new"
"""Which random numbers a job draws: those that the session would have drawn, or others."""

MOST = 1_000
"""Jobs that one cell may start: more are rather a mistake."""

FUNCTION, ARGUMENTS, KEYWORDS = "__cowtm_function__", "__cowtm_arguments__", "__cowtm_keywords__"
"""What a call in the background is made of, in its job."""


class Futures:
    """A part of the time machine: cells in the background."""

    _scribe: Scribe
    _recorder: Recorder
    _lookup: Lookup
    _lock: threading.RLock
    _say: Callable[[str], None]

    def __init__(self) -> None:
        self._make_dispatcher: MakeDispatcher | None = None
        self._dispatcher: Dispatcher | None = None
        self._notices = Notices(self._names_of, self._say)
        self._show_again: Callable[[Iterable[Output], Job | None], None] = _print

    # -- starting ------------------------------------------------------------------------------

    def submit(  # noqa: PLR0913  what a job can be told, each with its name
        self,
        source: str,
        *,
        after: Number | None = None,
        name: str = "",
        seed: str = SAME,
        given: Mapping[str, Any] | None = None,
        on: str = LOCAL,
    ) -> Job:
        """Run a cell in the background, on a snapshot of the variables.

        Args:
            source: the cell.
            after: the state that it starts from; the present if left out.
            name: what the job is called.
            seed: "same" has it draw the random numbers that the session would have drawn, "new"
                others.
            given: variables that it has besides, by name; those of the state give way.
            on: where it runs: "local" is this machine; for others see `connect`.

        Returns:
            The job: a `concurrent.futures.Future`. Its state is in the timeline when it is done.

        Raises:
            BadInput: there is nothing to run, `seed` is neither, or a key can't be a name.
            StateNotFound: no such state.

        Example:
            In [1]: total = 1

            In [2]: job = tm.submit("total = sum(range(1_000_000))")

            In [3]: job.result()

            In [4]: tm.vars(job.number, "total"), total
            Out[4]: (499999500000, 1)

        """
        besides = _given(given or {})
        return self._start(source, after=after, name=name, seed=seed, given=besides, on=on)

    def connect(self, target: Any, name: str = "") -> None:
        """Have jobs run elsewhere, by ``%%future --on dask`` or ``tm.submit(source, on="dask")``.

        Each takes the variables along as bytes, and runs in a kernel of its own that is started for
        it; cowtm must be installed there. What it put out is shown when it is over. It can be
        cancelled only as long as nobody has begun with it.

        Args:
            target: a client of `dask.distributed`, or an executor of `concurrent.futures`.
            name: what it is called; "dask" or "executor" if left out.

        Raises:
            BadInput: nothing can be submitted to it.

        Example:
            In [1]: from concurrent.futures import ThreadPoolExecutor

            In [2]: tm.connect(ThreadPoolExecutor(1))

            In [3]: tm.submit("6 * 7", on="executor").result()
            Out[3]: 42

        """
        self._dispatch().connect(target, name)

    def thread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Job:
        """Call a function in the background, on a snapshot of the variables.

        What it is given is a snapshot too: what the call changes in it is in the job's state.

        Raises:
            BadInput: it can't be called.

        Example:
            In [1]: job = tm.thread(pow, 2, 10)

            In [2]: job.result()
            Out[2]: 1024

        """
        if not callable(function):
            raise BadInput(f"thread takes a function, and its arguments; got {function!r}")
        hidden = {FUNCTION: function, ARGUMENTS: args, KEYWORDS: kwargs}
        name = getattr(function, "__name__", "")
        source = f"{FUNCTION}(*{ARGUMENTS}, **{KEYWORDS})"
        return self._start(source, name=name, given=Given({}, hidden))

    def start_cell(self, source: str, **how: Any) -> Job:
        """Have the running cell's state be made by a job: what ``%%future`` does.

        Args:
            source: what the job runs.
            how: after, name, seed, on, as for `submit`.

        Raises:
            BadInput: the cell has a job already.

        """
        with self._lock, self._scribe.giving_away() as cell:
            return self._start(source, number=cell, **how)

    def start_each(
        self, source: str, each: Mapping[str, Iterable[Any]], *, name: str = "", **how: Any
    ) -> list[Job]:
        """Start a job for each value: what ``%%future --each`` does.

        Args:
            source: what they run.
            each: variable -> its values; of several every combination is tried.
            name: what they are called, before the values.
            how: after, seed, on, as for `submit`.

        Raises:
            BadInput: there is no value, or there are too many; no job was started.

        """
        values = {variable: _values(variable, given) for variable, given in each.items()}
        count = prod(map(len, values.values()))
        if not 0 < count <= MOST:
            raise BadInput(f"--each gives {count} jobs; it takes 1 to {MOST}")
        with self._lock, self._dispatch().together():
            how["after"] = self._start_of(how.get("after"))
            return [
                self._start(
                    source,
                    name=f"{name}: {_said(chosen)}" if name else _said(chosen),
                    given=_given(chosen),
                    **how,
                )
                for chosen in (
                    dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())
                )
            ]

    def _start(  # noqa: PLR0913  what a job can be told, each with its name
        self,
        source: str,
        *,
        after: Number | None = None,
        name: str = "",
        seed: str = SAME,
        given: Given | None = None,
        number: Number | None = None,
        on: str = LOCAL,
    ) -> Job:
        if not (_is(str, source) and source.strip()):
            raise BadInput(f"a job runs the source of a cell; got {source!r}")
        if seed not in (SAME, NEW):
            raise BadInput(f"seed is {SAME!r} or {NEW!r}, got {seed!r}")
        dispatcher = self._dispatch()
        with self._lock:
            start = self._start_of(after)
            cell = self._scribe.current_cell()
            timeline = self._scribe.timeline
            if number is None or timeline.is_expected(number) or number == start:
                number = timeline.free_number(cell)
            task = Task(number, cell, start, source, name, reseed=seed == NEW, on=on)
            return dispatcher.start(task, given or Given({}, {}))

    def _start_of(self, after: Number | None) -> Number:
        """Return the state that a job begins from; what the running cell changed goes into it."""
        if after is not None:
            return as_number(after)
        self._scribe.record_part()
        return self._scribe.position

    def _dispatch(self) -> Dispatcher:
        self._scribe.timeline.must_go_on()
        if self._dispatcher is None:
            if self._make_dispatcher is None:
                raise BadInput("this time machine has no shell: nothing can run in the background")
            dispatcher = self._make_dispatcher(self._scribe, self._recorder, self._lookup)
            dispatcher.watchers.append(self._notices.hear)
            dispatcher.say = self._say
            self._dispatcher = dispatcher
        return self._dispatcher

    # -- what becomes of it --------------------------------------------------------------------

    @property
    def jobs(self) -> Jobs:
        """All jobs of this session, newest last.

        Example:
            In [1]: job = tm.submit("6 * 7")

            In [2]: tm.jobs[-1].result()
            Out[2]: 42

        """
        self._scribe.timeline.must_go_on()
        return Jobs([] if self._dispatcher is None else self._dispatcher.jobs)

    @property
    def running(self) -> list[Number]:
        """The numbers of jobs that run, or wait for a worker.

        Example:
            In [1]: job = tm.submit("6 * 7")

            In [2]: job.result()
            Out[2]: 42

            In [3]: tm.running
            Out[3]: []

        """
        return [job.number for job in self.jobs if job.status in (QUEUED, RUNNING)]

    @property
    def finished(self) -> list[Number]:
        """The numbers of jobs that are over, whatever way.

        Example:
            In [1]: job = tm.submit("6 * 7")

            In [2]: job.result()
            Out[2]: 42

            In [3]: tm.finished == [job.number]
            Out[3]: True

        """
        return [job.number for job in self.jobs if job.status in OVER]

    def replay(self, cell: Number) -> None:
        """Show again, here, what a cell or a job put out; of a job that runs it goes on here.

        Displays are as they were last updated. Also after the page was reloaded or the cell was run
        again, and of jobs that failed, died or were cancelled. Of a cell that started several jobs,
        what they put out comes after what it did itself.

        Args:
            cell: the cell's or the job's number.

        Raises:
            StateNotFound: there is neither of that number.
            BadInput: nothing was recorded of what it put out.

        Example:
            In [1]: print("six times seven is"); 6 * 7
            six times seven is
            Out[1]: 42

            In [2]: tm.replay(1)
            six times seven is
            Out[1]: 42

        """
        number = as_number(cell)
        with self._lock:
            jobs = [job for job in self.jobs if job.number == number][-1:]
            if not jobs:
                jobs = [job for job in self.jobs if job.task.cell == number]
                outputs = self._scribe.timeline[number].outputs
                if outputs is None and not jobs:
                    raise BadInput(f"what cell {number} put out was not recorded")
                if outputs is not None:
                    self._show_again([dict(output) for output in outputs], None)
        for job in jobs:
            with job.hearing:
                self._show_again(job.outputs.named(), job)

    def notify_jupyter(self, on: bool | None = None) -> bool:  # noqa: FBT001  the seed system's call
        """Switch on or off that the end of a job is told below the next cell; or tell which it is.

        Of a job whose result was asked for, or that was cancelled, nothing is told.

        Example:
            In [1]: tm.notify_jupyter()
            Out[1]: True

            In [2]: tm.notify_jupyter(False)
            Out[2]: False

        """
        self._notices.jupyter = _switch("notify_jupyter", on, self._notices.jupyter)
        return self._notices.jupyter

    def notify_terminal(self, on: bool | None = None) -> bool:  # noqa: FBT001  the seed system's call
        """Switch on or off that the end of a job is told in the terminal; or tell which it is.

        That is the one from which the notebook's server was started.

        Example:
            In [1]: tm.notify_terminal()
            Out[1]: False

            In [2]: tm.notify_terminal(True)
            Out[2]: True

        """
        self._notices.terminal = _switch("notify_terminal", on, self._notices.terminal)
        return self._notices.terminal

    # -- for the hooks -------------------------------------------------------------------------

    def on_terminal(self, write: Callable[[str], None]) -> None:
        """Have lines for the server's terminal be written by a function."""
        self._notices.write = write

    def on_future(self, make: MakeDispatcher) -> None:
        """Have jobs run by the dispatcher that a function makes when the first is started."""
        self._make_dispatcher = make

    def on_replay(self, show: Callable[[Iterable[Output], Job | None], None]) -> None:
        """Have outputs shown again by a function; it is told whose they are if a job's."""
        self._show_again = show

    def _names_of(self, number: Number) -> tuple[str, ...] | None:
        timeline = self._scribe.timeline
        return timeline[number].names if number in timeline else None

    def _stop_jobs(self, why: str) -> None:
        if self._dispatcher is not None:
            self._dispatcher.stop_all(why)

    def _close_future(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None


def _switch(call: str, on: object, now: bool) -> bool:  # noqa: FBT001  what it is
    """Return what a user switched something to; None leaves it."""
    if on is None:
        return now
    if not isinstance(on, bool):
        raise BadInput(f"{call} takes True or False, got {on!r}")
    return on


def _given(variables: Mapping[str, Any]) -> Given:
    if not _is(Mapping, variables):
        raise BadInput(f"given takes variables by their names: {{'x': 1}}; got {variables!r}")
    for name in variables:
        if not _is(str, name) or not name.isidentifier() or iskeyword(name):
            raise BadInput(f"{name!r} can't be the name of a variable; no job was started")
    return Given(dict(variables), {})


def _values(variable: str, given: Iterable[Any]) -> list[Any]:
    if not _is(Iterable, given):
        raise BadInput(f"--each takes several values: {variable}=[1, 2]; got {variable}={given!r}")
    return [*islice(given, MOST + 1)]


def _said(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={brief(value)}" for name, value in chosen.items())


def _print(outputs: Iterable[Output], _job: Job | None) -> None:
    print(text_of_all(outputs), end="")  # noqa: T201  the user asked for it


def _is(kind: type, value: object) -> bool:
    """Tell whether a user gave what we say we take."""
    return isinstance(value, kind)
