"""Random number generators of the standard library: their whole state."""

from __future__ import annotations

import _random
import struct
from collections.abc import Sequence
from typing import Any

from cowtm.kinds.base import Commit, Kind, Layout


class RandomKind(Kind):
    """random.Random and what derives from it: class, state, attributes."""

    name = "random generator"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read the state, past what the class overrides."""
        state = _random.Random.getstate(value)
        return [type(value), struct.pack(_FORMAT, *state), *self.layout.read(value)]

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
        state = struct.unpack(_FORMAT, parts[1])
        attributes = self.layout.plan(value, parts[2:])

        def commit() -> object:
            _random.Random.setstate(value, state)
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


_FORMAT = "625I"
"""624 words of Mersenne Twister, and the position in them."""
