r"""Text written to a stream, folded to what a reader sees: ``\r`` goes back, ``\b`` steps back."""

from __future__ import annotations

import re

_CONTROL = re.compile("(\r|\n|\b|\x1b\\[[02]?K)")
"""What moves the cursor, or erases: the rest of the line, or all of it."""

_MOVES = re.compile("[\r\b\x1b]")
"""What a text has that is not just one line after the other."""


class Written:
    r"""What was written to one stream, without a break.

    A progress bar that draws itself anew a thousand times is one line, as in a notebook.

    Attributes:
        name: of the stream: stdout or stderr.

    """

    __slots__ = ("_column", "_done", "_done_size", "_line", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._done: list[str] = []
        self._done_size = 0
        self._line = ""
        self._column = 0

    @property
    def text(self) -> str:
        """What it looks like."""
        return "".join(self._done) + self._line

    @property
    def size(self) -> int:
        """Characters that it takes."""
        return self._done_size + len(self._line)

    def write(self, text: str) -> None:
        """Write at the cursor, over what is there."""
        if self._column == len(self._line) and not _MOVES.search(text):
            lines, end, line = text.rpartition("\n")
            if end:
                self._finish(self._line + lines + end)
            self._put(line)
            return
        for piece in _CONTROL.split(text):
            if not piece:
                continue
            if piece == "\n":
                self._finish(self._line + piece)
            elif piece == "\r":
                self._column = 0
            elif piece == "\b":
                self._column = max(self._column - 1, 0)
            elif piece[0] == "\x1b":
                self._line = self._line[: self._column] if "2" not in piece else " " * self._column
            else:
                self._put(piece)

    def go_on(self) -> Written:
        """Give what takes the rest: the line that is not over goes there."""
        rest = Written(self.name)
        if self._done:
            rest._line, rest._column = self._line, self._column
            self._line, self._column = "", 0
        return rest

    def _put(self, piece: str) -> None:
        end = self._column + len(piece)
        line = self._line
        self._line = (
            line + piece
            if self._column == len(line)
            else (line[: self._column].ljust(self._column) + piece + line[end:])
        )
        self._column = end

    def _finish(self, line: str) -> None:
        self._done.append(line)
        self._done_size += len(line)
        self._line, self._column = "", 0
