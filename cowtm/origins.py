"""Where the states began that are made in the background: known whatever becomes of the states.

Such a state is made from one that may be gone when it comes, or later, when somebody asks what was
changed on the way. Then the next state before is known, and the step from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cowtm.delta import Delta


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one of them began."""

    parent: Any
    """The number of a state that there is; None is nothing at all."""
    step: Delta = field(default_factory=Delta)
    """From there to where it began."""


class Origins:
    """Where states began, by number."""

    def __init__(self) -> None:
        self._origins: dict[Any, Origin] = {}

    def __contains__(self, number: object) -> bool:
        """Tell whether it is known where a state began."""
        return number in self._origins

    def __getitem__(self, number: object) -> Origin:
        """Tell where a state began."""
        return self._origins[number]

    def begin(self, number: object, parent: object) -> None:
        """Take note that a state is being made from another."""
        self._origins[number] = Origin(parent)

    def forget(self, number: object) -> None:
        """Let go of a state."""
        self._origins.pop(number, None)

    def forget_detached(self, but: Collection[object]) -> None:
        """Let go of what is known from nowhere else, to have its memory, but for some states."""
        for number, origin in [*self._origins.items()]:
            if origin.step and number not in but:
                del self._origins[number]

    def leave_out(
        self,
        steps: Mapping[Any, Sequence[Delta]],
        parents: Mapping[Any, Any],
        read: Callable[[Delta], Delta],
    ) -> None:
        """Take note that states are gone.

        Args:
            steps: state that is gone -> the steps to it from the one before it that stays.
            parents: state that is gone -> that one.
            read: gives a step as it is without the journal, where it will not be any more.

        """
        for number, origin in self._origins.items():
            if origin.parent in steps:
                step = read(Delta.chain([*steps[origin.parent], origin.step]))
                self._origins[number] = Origin(parents[origin.parent], step)
