"""The magics: ``%past``, ``%undo``, ``%timeline``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from cowtm.errors import BadInput

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cowtm.machine import TimeMachine
    from cowtm.reports import States


@magics_class
class TravelMagics(Magics):
    """Travel without parentheses."""

    def __init__(self, shell: InteractiveShell, machine: TimeMachine) -> None:
        super().__init__(shell)
        self._machine = machine

    @line_magic
    def past(self, line: str) -> Any:
        """Put all variables back to what they were after a cell: ``%past 3``.

        With names, ``%past 3 x data``, only these, as fresh objects.
        """
        words = line.replace(",", " ").split()
        if not words:
            raise BadInput("which cell? For example: %past 3; %timeline lists them")
        number = int(words[0]) if words[0].lstrip("-").isdecimal() else words[0]
        return self._machine.past(number, words[1:] or None)

    @line_magic
    def undo(self, line: str) -> Any:
        """Go back one step: undo the last cell or travel that changed something."""
        if line.strip():
            raise BadInput("%undo takes nothing; %past 3 goes to a certain cell")
        return self._machine.undo()

    @line_magic
    def timeline(self, line: str) -> States:  # noqa: ARG002  the protocol of magics
        """List all states."""
        return self._machine.states
