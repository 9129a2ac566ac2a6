"""Tells the user that a job ended: below the next cell that ends, and in the server's terminal.

Whoever asked for the result, or cancelled the job, knows, and is not told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from cowtm.display import names_text, time_text
from cowtm.future.job import CANCELLED, DONE, FAILED, OVER, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cowtm.timeline import Number


class Notices:
    """The notices of one session.

    Thread safety: jobs may end in any thread.

    Args:
        names_of: gives the variables that a state's cell changed; None if it is gone.
        say: shows one line to the user, below the cell that runs.

    Attributes:
        jupyter: whether the user is told in the notebook.
        terminal: whether the user is told in the terminal that the server was started from.
        write: writes a line there.

    """

    def __init__(
        self, names_of: Callable[[Number], Sequence[str] | None], say: Callable[[str], None]
    ) -> None:
        self.jupyter = True
        self.terminal = False
        self.write: Callable[[str], None] = lambda line: None  # noqa: ARG005
        self._names_of = names_of
        self._say = say
        self._ended: deque[Job] = deque()

    def hear(self, job: Job) -> None:
        """Take note of what a job is at now."""
        if job.status not in OVER:
            return
        if self.jupyter:
            self._ended.append(job)
        if self.terminal:
            self.write(self._line(job))

    def tell(self) -> None:
        """Tell of the jobs that ended since the last time."""
        while self._ended:
            job = self._ended.popleft()
            if self.jupyter and not job.is_known:
                self._say(self._line(job))

    def _line(self, job: Job) -> str:
        after = f"after {time_text(job.elapsed)}"
        if job.status == DONE:
            names = self._names_of(job.number)
            changed = "" if names is None else f"; it changed {names_text(names) or 'nothing'}"
            return f"cowtm: {job.title} is done {after}{changed}."
        if job.status == CANCELLED:
            return f"cowtm: {job.title} was cancelled {after}{_because(job)}."
        how = "failed" if job.status == FAILED else "died"
        return f"cowtm: {job.title} {how} {after}{_because(job)}."


def _because(job: Job) -> str:
    return f": {job.reason}" if job.reason else ""
