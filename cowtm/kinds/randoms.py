"""Random number generators of the standard library: their whole state."""

from __future__ import annotations

import _random
import functools
import struct
from collections.abc import Sequence
from typing import Any

from cowtm.kinds.base import Commit, Kind, Layout
from cowtm.kinds.insides import Inside, find_inside


class RandomKind(Kind):
    """random.Random and what derives from it: class, state, attributes."""

    name = "random generator"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self._inside = inside()

    def parts(self, value: Any) -> Sequence[object]:
        """Read the state, past what the class overrides."""
        state = ask(value) if self._inside is None else self._inside.read(value)
        return [type(value), state, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare states."""
        return type(old) is type(new) is bytes and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with any state."""
        return _random.Random.__new__(parts[0])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the state."""
        position, *words = struct.unpack(_FORMAT, parts[1])
        attributes = self.layout.plan(value, parts[2:])

        def commit() -> object:
            _random.Random.setstate(value, (*words, position))
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


_FORMAT = "i624I"
"""The position in the words of Mersenne Twister, and 624 of these."""


def ask(value: Any) -> bytes:
    """Have a generator say what its state is."""
    *words, position = _random.Random.getstate(value)
    return struct.pack(_FORMAT, position, *words)


@functools.cache
def inside() -> Inside | None:
    """Find where generators have their state."""
    seeded = [_random.Random(seed) for seed in (1, 2)]
    seeded[1].random()
    return find_inside(_random.Random, [(one, ask(one)) for one in seeded])
