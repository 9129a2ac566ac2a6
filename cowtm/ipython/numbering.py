"""Knows the number of the cell that runs: IPython tells it for sure only at the cell's end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
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
        self._moved = False

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
        self._moved = False
        if number is not None:
            self._number, self._next = number, number + 1

    def go_on_after(self, sources: Mapping[int, str]) -> None:
        """Have the cell that runs be numbered after others, which were not run here.

        Args:
            sources: of those cells, by number.

        """
        last = max(sources, default=0)
        if last < self._number:
            return
        self._number = last + 1
        self._moved = True
        self._shell.execution_count = self._number + self._ahead
        manager: Any = self._shell.history_manager
        for history in (manager.input_hist_parsed, manager.input_hist_raw):
            running = history.pop()
            history += ["" for _ in range(len(history), self._number)]
            history.append(running)
            for number, source in sources.items():
                history[number] = source

    def of(self, number: int | None) -> int:
        """Return the number of the cell that ends, for which IPython says another if it moved."""
        return self._number if self._moved or number is None else number

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
