"""Cells in the background, in a shell: ``%%future``, ``%%thread``, ``%jobs``."""

from __future__ import annotations

import atexit
import sys
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from cowtm.errors import BadInput
from cowtm.ipython.frontend import frontend_of
from cowtm.kinds.registry import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from cowtm.future.dispatcher import Dispatcher
    from cowtm.future.job import Job
    from cowtm.future.jobs import Jobs
    from cowtm.future.worker import Message, Worker
    from cowtm.ipython.config import TimeMachine as Settings
    from cowtm.lookup import Lookup
    from cowtm.machine import TimeMachine
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe
    from cowtm.timeline import Number


options: Any = import_module("IPython.core.magic_arguments")
"""IPython's parser of options, which has no types."""


def _with_options(method: Any) -> Any:
    """Give a magic the options of a job."""
    described = [
        options.argument("--after", metavar="N", help="the state to start from, else the present"),
        options.argument("--name", default="", help="what the job is called"),
        options.argument(
            "--seed",
            choices=("same", "new"),
            default="same",
            help="same: draw the random numbers that the session would have drawn; new: others",
        ),
    ]
    for option in reversed(described):
        method = option(method)
    return options.magic_arguments()(method)


class Background:
    """The jobs of one shell: runs them, shows what they put out, binds what they give.

    Args:
        shell: whose cells start jobs.
        settings: its settings.
        is_busy: tells whether a cell runs.

    """

    def __init__(self, shell: Any, settings: Settings, is_busy: Callable[[], bool]) -> None:
        self._shell = shell
        self._settings = settings
        self._is_busy = is_busy
        self._frontend = frontend_of(shell)
        self._results: deque[tuple[Number, Any]] = deque()

    def make(self, scribe: Scribe, recorder: Recorder, lookup: Lookup) -> Dispatcher:
        """Make what runs jobs, when the first is started."""
        # A session without jobs need not wait for the import of what starts kernels.
        from cowtm.future.dispatcher import Dispatcher  # noqa: PLC0415
        from cowtm.future.surroundings import Surroundings  # noqa: PLC0415

        dispatcher = Dispatcher(
            scribe, recorder, lookup, lambda: Surroundings.of(self._shell), self._make_worker
        )
        dispatcher.pool.size = self._settings.max_workers
        dispatcher.place = self._frontend.here
        dispatcher.listeners.append(self._show)
        dispatcher.landed = self._landed
        atexit.register(dispatcher.close)
        return dispatcher

    def _make_worker(self) -> Worker:
        from cowtm.future.worker import Worker  # noqa: PLC0415  as in `make`

        return Worker([name for name in LIBRARIES if name in sys.modules])

    def _show(self, job: Job, message: Message) -> None:
        self._frontend.show(job.place, message)

    def _landed(self, job: Job, result: Any) -> None:
        """Bind what a job gave; while a cell runs, that waits for its end."""
        if result is not None:
            self._results.append((job.number, result))
            if not self._is_busy():
                self.bind_results()

    def bind_results(self) -> None:
        """Bind what jobs gave, as IPython does with results of cells."""
        names = self._shell.user_ns
        while self._results:
            number, result = self._results.popleft()
            names["_oh"][number] = names[f"_{number}"] = result


@magics_class
class FutureMagics(Magics):
    """Run cells in the background."""

    def __init__(self, shell: InteractiveShell, machine: TimeMachine) -> None:
        super().__init__(shell)
        self._machine = machine

    @cell_magic
    @_with_options
    def future(self, line: str, cell: str) -> None:
        """Run this cell in the background, on a snapshot of the variables."""
        self._start(options.parse_argstring(self.future, line), cell)

    @cell_magic
    @_with_options
    def thread(self, line: str, cell: str) -> None:
        """Run this cell in the background: another word for ``%%future``."""
        self._start(options.parse_argstring(self.thread, line), cell)

    def _start(self, told: Any, cell: str) -> None:
        self._machine.start_cell(cell, after=told.after, name=told.name, seed=told.seed)

    @line_magic
    def jobs(self, line: str) -> Jobs:
        """List the jobs of this session, newest last."""
        if line.strip():
            raise BadInput("%jobs takes nothing; tm.jobs[-1] is the newest job")
        return self._machine.jobs
