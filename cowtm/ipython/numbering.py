"""Knows the number of the cell that runs: IPython tells it for sure only at the cell's end."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Numbering:
    """The numbers of a shell's cells.

    Newer versions of IPython raise `execution_count` before a cell runs, older ones after it;
    which it is shows with the first cell.

    Attributes:
        running: the number of the cell that ran when this was made, None outside of one.

    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.running = _running_cell(shell)
        self._number = shell.execution_count - 1 if self.running is None else self.running
        self._next = self._number + 1
        self._ahead = 0

    def begin(self, *, stored: bool) -> None:
        """Take note that a cell begins; one that is not stored has no number."""
        if not stored:
            return
        count = self._shell.execution_count
        if count in (self._next, self._next + 1):
            self._ahead = count - self._next
        self._number = count - self._ahead

    def end(self, number: int | None) -> None:
        """Take note that the cell of that number ended."""
        if number is not None:
            self._number, self._next = number, number + 1

    def current(self) -> int:
        """Return the number of the cell that runs or ran last."""
        return self._number


def _running_cell(shell: InteractiveShell) -> int | None:
    """Return the number of the cell that is running, None outside of one."""
    manager: Any = shell.history_manager
    history: list[str] = manager.input_hist_parsed
    count: int = shell.execution_count
    last = len(history) - 1
    return last if last >= 1 and last >= count - 1 and is_inside(shell) else None


def is_inside(shell: InteractiveShell) -> bool:
    """Tell whether a cell runs now in this thread: its code is on the stack."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001
    while frame is not None:
        if frame.f_code.co_name == "run_code" and frame.f_locals.get("self") is shell:
            return True
        frame = frame.f_back
    return False
