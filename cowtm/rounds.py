"""One look at every variable, in slices: while nothing else is to be done, and without being felt.

Those that take least time come first. One that takes longer than a slice by itself is looked at
after a long rest, as nothing can be cut off it: then somebody who works is seldom in its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

SLICE = 0.01
"""Seconds that one slice takes at most, if no name takes longer by itself."""

PAUSE = 0.02
"""Seconds between two slices."""

PATIENCE = 50
"""A name that takes longer than a slice is looked at after so many times its own time of rest: so a
cell finds it in its way in no more than 2 % of all cases."""


class Round:
    """Goes through names once.

    Args:
        took: name -> seconds that it took when it was looked at last.

    """

    def __init__(self, took: Mapping[str, float]) -> None:
        self._took = took
        self._left = sorted(took, key=took.__getitem__, reverse=True)
        self._started = perf_counter()

    def slice(self, check: Callable[[str], object]) -> float | None:
        """Have some names checked.

        Returns:
            Seconds until the next slice; None when all names were looked at.

        """
        started = perf_counter()
        checked = False
        while self._left:
            took = self._took[self._left[-1]]
            now = perf_counter()
            if took > SLICE:
                rest = took * PATIENCE - (now - self._started)
                if rest > 0 or checked:
                    return max(rest, PAUSE)
            elif now - started + took > SLICE:
                return PAUSE
            check(self._left.pop())
            checked = True
        return None
