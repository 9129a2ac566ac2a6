"""What users call to run something in the background, and to see what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from cowtm.errors import BadInput
from cowtm.future.job import OVER, QUEUED, RUNNING, Job, Task
from cowtm.future.jobs import Jobs
from cowtm.future.landing import Given
from cowtm.timeline import Number, as_number

if TYPE_CHECKING:
    from cowtm.future.dispatcher import Dispatcher
    from cowtm.lookup import Lookup
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe

MakeDispatcher: TypeAlias = "Callable[[Scribe, Recorder, Lookup], Dispatcher]"

SAME, NEW = "same", "new"
"""Which random numbers a job draws: those that the session would have drawn, or others."""

FUNCTION, ARGUMENTS, KEYWORDS = "__cowtm_function__", "__cowtm_arguments__", "__cowtm_keywords__"
"""What a call in the background is made of, in its job."""


class Futures:
    """A part of the time machine: cells in the background."""

    _scribe: Scribe
    _recorder: Recorder
    _lookup: Lookup
    _lock: threading.RLock

    def __init__(self) -> None:
        self._make_dispatcher: MakeDispatcher | None = None
        self._dispatcher: Dispatcher | None = None

    # -- starting ------------------------------------------------------------------------------

    def submit(
        self, source: str, *, after: Number | None = None, name: str = "", seed: str = SAME
    ) -> Job:
        """Run a cell in the background, on a snapshot of the variables.

        Args:
            source: the cell.
            after: the state that it starts from; the present if left out.
            name: what the job is called.
            seed: "same" has it draw the random numbers that the session would have drawn, "new"
                others.

        Raises:
            BadInput: there is nothing to run, or `seed` is neither.
            StateNotFound: no such state.

        Example:
            In [1]: total = 1

            In [2]: job = tm.submit("total = sum(range(1_000_000))")

            In [3]: job.result()

            In [4]: tm.vars(job.number, "total"), total
            Out[4]: (499999500000, 1)

        """
        return self._start(source, after=after, name=name, seed=seed)

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

    def start_cell(
        self,
        source: str,
        *,
        given: Mapping[str, Any] | None = None,
        number: Number | None = None,
        **how: Any,
    ) -> Job:
        """Have the running cell's state be made by a job: what ``%%future`` does.

        Args:
            source: what the job runs.
            given: variables that it has besides.
            number: of the state that it makes; the cell's if left out.
            how: after, name, seed, as for `submit`.

        Raises:
            BadInput: the cell has a job already.

        """
        with self._lock, self._scribe.giving_away() as cell:
            return self._start(
                source,
                given=Given(given or {}, {}),
                number=cell if number is None else number,
                **how,
            )

    def _start(  # noqa: PLR0913  what a job can be told, each with its name
        self,
        source: str,
        *,
        after: Number | None = None,
        name: str = "",
        seed: str = SAME,
        given: Given | None = None,
        number: Number | None = None,
    ) -> Job:
        if not (_is(str, source) and source.strip()):
            raise BadInput(f"a job runs the source of a cell; got {source!r}")
        if seed not in (SAME, NEW):
            raise BadInput(f"seed is {SAME!r} or {NEW!r}, got {seed!r}")
        dispatcher = self._dispatch()
        with self._lock:
            here = self._scribe.arrive()
            start = here if after is None else as_number(after)
            cell = self._scribe.current_cell()
            number = self._scribe.timeline.free_number(cell) if number is None else number
            task = Task(number, cell, start, source, name, reseed=seed == NEW)
            return dispatcher.start(task, given or Given({}, {}))

    def _dispatch(self) -> Dispatcher:
        if self._dispatcher is None:
            if self._make_dispatcher is None:
                raise BadInput("this time machine has no shell: nothing can run in the background")
            self._dispatcher = self._make_dispatcher(self._scribe, self._recorder, self._lookup)
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
        return Jobs([] if self._dispatcher is None else self._dispatcher.jobs)

    @property
    def running(self) -> list[Number]:
        """The numbers of jobs that run, or wait for a worker."""
        return [job.number for job in self.jobs if job.status in (QUEUED, RUNNING)]

    @property
    def finished(self) -> list[Number]:
        """The numbers of jobs that are over, whatever way."""
        return [job.number for job in self.jobs if job.status in OVER]

    # -- for the hooks -------------------------------------------------------------------------

    def on_future(self, make: MakeDispatcher) -> None:
        """Have jobs run by the dispatcher that a function makes when the first is started."""
        self._make_dispatcher = make

    def _close_future(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None


def _is(kind: type, value: object) -> bool:
    """Tell whether a user gave what we say we take."""
    return isinstance(value, kind)
