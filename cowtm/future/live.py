"""Keeps what is shown of jobs up to date, in the cells that started them.

A board is put into a cell once and written over in its place. One thread looks after all boards; it
is there only as long as some job is not over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import sleep
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

if TYPE_CHECKING:
    from cowtm.future.board import Board
    from cowtm.future.job import Job

Show: TypeAlias = Callable[[Any, str, Mapping[str, Any]], object]
"""Shows something: the place, what kind of message it is, and its content."""

SOON = 0.1
"""Seconds between two looks at what is shown."""

PERIOD = 0.5
"""Seconds between two updates of the time that a job has run; longer for one that has run long."""

SHARE = 0.01
"""Of the time that a job has run, how long it may be until the next update."""


class Live:
    """The boards that are shown.

    Thread safety: every call may come from any thread.

    Args:
        show: shows something in a cell, from any thread.

    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._boards: dict[Board, _Shown] = {}
        self._thread: threading.Thread | None = None
        self._changed = False
        self._closed = False
        self._change = threading.Condition()

    def put(self, board: Board, job: Job, place: Any) -> None:
        """Have a job be shown on a board, which is put into its cell with the first."""
        job.watch(self._note)
        with self._change:
            board.jobs.append(job)
            shown = self._boards.get(board)
            if shown is None:
                shown = self._boards[board] = _Shown(place, uuid4().hex)
                self._send(board, shown, "display_data")
            self._changed = True
            self._change.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="cowtm-live", daemon=True)
                self._thread.start()

    def refresh(self) -> None:
        """Show at once what has changed: the cell that waited for it is about to end."""
        self._update()

    def close(self) -> None:
        """Show how it ended, and nothing more."""
        with self._change:
            thread = self._thread
            self._closed = self._changed = True
            self._change.notify_all()
        if thread is not None:
            thread.join()

    def _note(self, _job: Job) -> None:
        with self._change:
            self._changed = True
            self._change.notify_all()

    def _serve(self) -> None:
        while self._wait():
            self._update()
            sleep(SOON)  # changes in quick succession are shown together

    def _wait(self) -> bool:
        """Wait until something is to be shown anew; tells whether there is anything left to do."""
        with self._change:
            running = [job for board in self._boards for job in board.jobs if job.running()]
            longest = max((job.elapsed for job in running), default=0.0)
            self._change.wait_for(
                lambda: self._changed, max(PERIOD, longest * SHARE) if running else None
            )
            self._changed = False
            if not self._boards:
                self._thread = None
            return bool(self._boards)

    def _update(self) -> None:
        with self._change:
            for board, shown in [*self._boards.items()]:
                over = board.is_over or self._closed
                self._send(board, shown, "update_display_data")
                if over:
                    del self._boards[board]
                    self._changed = True  # perhaps it was the last one

    def _send(self, board: Board, shown: _Shown, kind: str) -> None:
        data = board.data()
        if data != shown.data:
            shown.data = data
            transient = {"display_id": shown.display}
            content = {"data": dict(data), "metadata": {}, "transient": transient}
            self._show(shown.place, kind, content)


class _Shown:
    """Where a board is shown, and what was shown last.

    Args:
        place: the cell.
        display: the name of the output that is written over.

    """

    def __init__(self, place: Any, display: str) -> None:
        self.place = place
        self.display = display
        self.data: Mapping[str, Any] = {}
