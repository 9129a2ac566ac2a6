"""The outputs of all cells of a session: bounded together, and updated by one another."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from cowtm.future.displays import Displays
from cowtm.future.outputs import LIMIT, Outputs

ALL = 64
"""So many times the limit of one cell is kept of all cells together."""

_SEVERAL = 16
"""Cells after which all of them are counted again."""


class Record:
    """The outputs of all cells of a session, as long as somebody holds them; bounded in all.

    Args:
        limit: gives the characters of one cell that are kept.

    """

    def __init__(self, limit: Callable[[], int] = lambda: LIMIT) -> None:
        self._limit = limit
        self._displays = Displays()
        self._known: list[weakref.ref[Outputs]] = []

    def new(self) -> Outputs:
        """Give what is to take the outputs of a cell that begins."""
        limit = self._limit()
        if len(self._known) % _SEVERAL == 0:
            self._keep_within(ALL * limit)
        outputs = Outputs(limit, self._displays)
        self._known.append(weakref.ref(outputs))
        return outputs

    def _keep_within(self, limit: int) -> None:
        """Let the oldest go until what is left is within a limit."""
        self._displays.prune()
        held = [outputs for known in self._known if (outputs := known()) is not None]
        self._known = [weakref.ref(outputs) for outputs in held]
        size = sum(outputs.size for outputs in held)
        for outputs in held:
            if size <= limit:
                break
            size -= outputs.size
            outputs.drop()
