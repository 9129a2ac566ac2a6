"""Which states a journal should hold: written with each of them, so that a lost one is missed.

A pure value. It is stored as one row, near the beginning of the file, where little can happen to
it: a file cut short still says what was in it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from json import dumps, loads
from typing import TYPE_CHECKING

from cowtm.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

MOST = 10_000_000
"""States in a journal, at most."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has been written into a journal."""

    spans: tuple[tuple[int, int], ...] = ()
    """Serials of the states that are there: first and last of each run, in order."""
    next_page: int = 1
    """Above the number of every page that ever was."""
    last_serial: int = 0
    """The highest serial that ever was; 0 before the first."""

    def __contains__(self, serial: int) -> bool:
        """Tell whether a state is there."""
        index = bisect_right(self.spans, (serial, _BEYOND)) - 1
        return index >= 0 and serial <= self.spans[index][1]

    def __iter__(self) -> Iterator[int]:
        """Give the serials of the states, in order."""
        for first, last in self.spans:
            yield from range(first, last + 1)

    def __len__(self) -> int:
        """Count the states."""
        return sum(last - first + 1 for first, last in self.spans)

    def missing(self, there: Collection[int]) -> Iterator[int]:
        """Give the serials of the states that should be there and are not."""
        return (serial for serial in self if serial not in there)

    def with_state(self, serial: int) -> Ledger:
        """Return the ledger after a state was written."""
        if serial in self:
            return self
        if self.spans and self.spans[-1][1] + 1 == serial:
            spans = (*self.spans[:-1], (self.spans[-1][0], serial))
        else:
            spans = _spans([*self, serial])
        return Ledger(spans, self.next_page, max(self.last_serial, serial))

    def without(self, serials: Iterable[int]) -> Ledger:
        """Return the ledger after states were removed."""
        gone = set(serials)
        spans = _spans(serial for serial in self if serial not in gone)
        return Ledger(spans, self.next_page, self.last_serial)

    def with_page(self, page: int) -> Ledger:
        """Return the ledger after a page was written."""
        return Ledger(self.spans, max(self.next_page, page + 1), self.last_serial)

    def dump(self) -> bytes:
        """Return what `load` reads."""
        return dumps([self.spans, self.next_page, self.last_serial]).encode()

    @classmethod
    def load(cls, data: bytes) -> Ledger:
        """Read what `dump` gave.

        Raises:
            Damaged: It is not that.

        """
        try:
            spans, next_page, last_serial = loads(data)
            ledger = cls(
                tuple((int(first), int(last)) for first, last in spans),
                int(next_page),
                int(last_serial),
            )
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Damaged("the list of the states can't be read") from error
        # Whoever wrote it, going through it must end.
        if sum(abs(last - first) + 1 for first, last in ledger.spans) > MOST:
            raise Damaged(f"the list of the states names more than {MOST} states")
        return ledger


_BEYOND = 1 << 63
"""Above all serials."""


def _spans(serials: Iterable[int]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for serial in sorted(serials):
        if runs and runs[-1][1] + 1 == serial:
            runs[-1] = runs[-1][0], serial
        else:
            runs.append((serial, serial))
    return tuple(runs)
