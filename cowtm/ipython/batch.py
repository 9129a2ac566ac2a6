"""``%%future`` where a program runs the notebook: what comes after a cell's end is seen by nobody.

There the cell waits for its job, and fails with it, so that a run that is to stop at the first
error does. A setting can have that everywhere, or run the code as if ``%%future`` were not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cowtm.errors import BadInput, CowtmError, JobFailed
from cowtm.future.job import FAILED, Job, see_through
from cowtm.interrupts import deferred_interrupts

if TYPE_CHECKING:
    from cowtm.ipython.config import TimeMachine as Settings
    from cowtm.ipython.frontend import Frontend
    from cowtm.transcript import Output

AUTO, ALWAYS, WAIT, FOREGROUND = "auto", "always", "wait", "foreground"
"""Where cells of the background run: see `TimeMachine.background`."""

_MAGIC = re.compile(r"%%(future|thread)(\s+--(name|seed)([ =]\S+))*\s*")
"""The first line of a cell that can run in the foreground as well."""


class Batch:
    """Decides whether cells wait for their jobs.

    Args:
        settings: of the session.
        frontend: what the user sees it through.

    """

    def __init__(self, settings: Settings, frontend: Frontend) -> None:
        self._settings = settings
        self._frontend = frontend

    def strip(self, lines: list[str]) -> list[str]:
        """Give the lines of a cell without the magic, if it is to run in the foreground."""
        if self._settings.background != FOREGROUND or not lines or not _MAGIC.fullmatch(lines[0]):
            return lines
        return lines[1:]

    def run(self, start: Callable[[], Job | Iterable[Job]]) -> None:
        """Start jobs, and wait for them if the running cell is to.

        Raises:
            BadInput: they can't run in the foreground, as it is set.
            BaseException: what ended the first job that failed.

        """
        where = self._settings.background
        if where == FOREGROUND:
            raise BadInput(
                "%%future can't run in the foreground with these options; "
                "%config TimeMachine.background = 'wait' runs it in the background and waits for it"
            )
        if where == ALWAYS or (where == AUTO and not self._frontend.drops_late_output):
            _start(start)
            return
        with self._frontend.waiting():
            jobs = _run(start)
        ends = [(job, error) for job in jobs if (error := _error_of(job)) is not None]
        for job, _ in ends[1:]:  # the first is shown as the cell's own
            self._frontend.replay(_errors_in(job), None)
        if ends:
            raise ends[0][1]


def _start(start: Callable[[], Job | Iterable[Job]]) -> list[Job]:
    """Start jobs, all of them even if an interrupt comes between."""
    with deferred_interrupts():
        started = start()
        return [started] if isinstance(started, Job) else [*started]


def _run(start: Callable[[], Job | Iterable[Job]]) -> list[Job]:
    """Start jobs and wait until they are over; an interrupt ends them."""
    jobs: list[Job] = []
    try:
        with deferred_interrupts():
            jobs += _start(start)
        see_through(jobs)
    except KeyboardInterrupt:
        for job in jobs:
            job.cancel()
        see_through(jobs)
        raise
    return jobs


def _errors_in(job: Job) -> list[Output]:
    return [output for output in job.outputs if output["output_type"] == "error"]


def _error_of(job: Job) -> BaseException | None:
    """Return what ended a job, which shows itself as it did in the job."""
    if job.cancelled():
        return BadInput(f"job {job.number} was cancelled")
    error = job.exception()
    shown = _errors_in(job)
    if error is None or isinstance(error, CowtmError) or job.status != FAILED or not shown:
        return error
    lines: list[str] = shown[-1]["traceback"]
    if isinstance(error, SyntaxError | SystemExit):  # IPython shows these its own way
        error = type(type(error).__name__, (JobFailed,), {})(str(error))
    as_found: Any = error
    as_found._render_traceback_ = lambda: lines  # by which IPython asks
    return error
