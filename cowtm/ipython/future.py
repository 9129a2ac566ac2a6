"""Cells in the background, in a shell: ``%%future``, ``%%thread``, ``%jobs``."""

from __future__ import annotations

import atexit
import os
import sys
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from cowtm.errors import BadInput
from cowtm.future.board import Board
from cowtm.future.live import Live
from cowtm.ipython.options import parse, with_options
from cowtm.kinds.registry import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from cowtm.future.dispatcher import Dispatcher
    from cowtm.future.job import Job
    from cowtm.future.jobs import Jobs
    from cowtm.future.record import Record
    from cowtm.future.worker import Worker
    from cowtm.ipython.batch import Batch
    from cowtm.ipython.config import TimeMachine as Settings
    from cowtm.ipython.frontend import Frontend
    from cowtm.lookup import Lookup
    from cowtm.machine import TimeMachine
    from cowtm.recorder import Recorder
    from cowtm.scribe import Scribe
    from cowtm.timeline import Number


class Background:
    """The jobs of one shell: runs them, shows what they put out, binds what they give.

    Args:
        shell: whose cells start jobs.
        settings: its settings.
        is_busy: tells whether a cell runs.
        frontend: shows what they put out.
        record: of the session's outputs.

    """

    def __init__(
        self,
        shell: Any,
        settings: Settings,
        is_busy: Callable[[], bool],
        frontend: Frontend,
        record: Record,
    ) -> None:
        self._shell = shell
        self._settings = settings
        self._is_busy = is_busy
        self._frontend = frontend
        self._record = record
        self._results: deque[tuple[Number, Any]] = deque()
        self._dispatcher: Dispatcher | None = None
        self._live = Live(frontend.put)
        self._board: Board | None = None
        self._kernel = ""

    def make(self, scribe: Scribe, recorder: Recorder, lookup: Lookup) -> Dispatcher:
        """Make what runs jobs, when the first is started."""
        # A session without jobs need not wait for the import of what starts kernels.
        from cowtm.future.cells import objects_for  # noqa: PLC0415
        from cowtm.future.dispatcher import Dispatcher  # noqa: PLC0415
        from cowtm.future.surroundings import Surroundings  # noqa: PLC0415

        dispatcher = Dispatcher(
            scribe, recorder, lookup, lambda: Surroundings.of(self._shell), self._make_worker
        )
        self._dispatcher = dispatcher
        self.apply_settings()
        dispatcher.starting = self._starting
        dispatcher.objects_for = lambda source: objects_for(source, self._shell)
        dispatcher.modules = _libraries
        dispatcher.place = self._frontend.here
        dispatcher.new_outputs = self._record.new
        dispatcher.listeners.append(self._frontend.show)
        dispatcher.landed = self._landed
        atexit.register(dispatcher.close)
        return dispatcher

    def apply_settings(self) -> None:
        """Have the workers be as the settings say now."""
        if self._dispatcher is not None:
            self._dispatcher.pool.size = self._settings.max_workers
            self._dispatcher.pool.grace = self._settings.cancel_grace
            self._use_kernel(self._dispatcher)

    def _use_kernel(self, dispatcher: Dispatcher) -> None:
        """Have jobs run by the kernel that the settings name; those that run go on."""
        if self._kernel != self._settings.worker_kernel:
            self._kernel = self._settings.worker_kernel
            dispatcher.pool.lends = not self._kernel
            dispatcher.pool.renew()

    def close(self) -> None:
        """Let go of what runs jobs, after it was closed."""
        if self._dispatcher is not None:
            atexit.unregister(self._dispatcher.close)
            self._dispatcher = None
        self._live.close()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the jobs that are started in a block together, in the cell that runs."""
        self._board = board = Board()
        try:
            yield
        finally:
            self._board = None
            if board.is_over:
                self._live.refresh()
        if board.jobs and getattr(self._shell, "kernel", None) is None:
            print(f"cowtm: {board.started}; %jobs lists all.")  # noqa: T201  for the user

    def _starting(self, job: Job) -> None:
        if self._board is not None:
            self._live.put(self._board, job, job.place)

    def _make_worker(self) -> Worker:
        from cowtm.future.worker import Worker  # noqa: PLC0415  as in `make`

        return Worker(_libraries(), self._kernel or None)

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


def write_to_terminal(line: str) -> None:
    """Write a line where the kernel was started, past the notebook, which takes standard error."""
    original = getattr(sys.stderr, "_original_stdstream_copy", None)
    data = f"{line}\n".encode()
    with suppress(OSError):  # that terminal may be gone
        os.write(2 if original is None else original, data)


def _libraries() -> list[str]:
    """Return the libraries in use that take their time to be imported."""
    return [name for name in LIBRARIES if name in sys.modules]


@magics_class
class FutureMagics(Magics):
    """Run cells in the background."""

    def __init__(
        self,
        shell: InteractiveShell,
        machine: TimeMachine,
        batch: Batch,
        background: Background,
    ) -> None:
        super().__init__(shell)
        self._machine = machine
        self._batch = batch
        self._background = background

    @cell_magic
    @with_options
    def future(self, line: str, cell: str) -> None:
        """Run this cell in the background, on a snapshot of the variables.

        It returns at once, and its output comes below it as it is made. What it changes is the
        state of this cell: see ``tm.vars(n)``, ``tm.past(n)``, ``tm.jobs[-1].merge()``.
        """
        self._start(self.future, line, cell)

    @cell_magic
    @with_options
    def thread(self, line: str, cell: str) -> None:
        """Run this cell in the background: another word for ``%%future``."""
        self._start(self.thread, line, cell)

    def _start(self, magic: Any, line: str, cell: str) -> None:
        shell: Any = self.shell
        told = parse(magic, line, shell.ev)
        start = self._machine.start_each if "each" in told else self._machine.start_cell
        with self._background.shown():
            self._batch.run(lambda: start(cell, **told))

    @line_magic
    def replay(self, line: str) -> None:
        """Show again what a cell or a job put out: ``%replay 3``."""
        if not line.strip():
            raise BadInput("which cell? For example: %replay 3; %timeline and %jobs list them")
        self._machine.replay(line.strip())

    @line_magic
    def jobs(self, line: str) -> Jobs:
        """List the jobs of this session, newest last."""
        if line.strip():
            raise BadInput("%jobs takes nothing; tm.jobs[-1] is the newest job")
        return self._machine.jobs
