"""numpy's generators of random numbers: they draw from bits, which several may share."""

from __future__ import annotations

import functools
import struct
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cowtm.kinds import bits
from cowtm.kinds.base import Commit, Kind, Layout, resolved
from cowtm.kinds.insides import Inside, find_inside


class _DrawingKind(Kind):
    """What draws from bits: class, bits, and what else it has.

    The class that all of its classes derive from, and what gives the bits, its own kinds say.
    """

    base: Any

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    @staticmethod
    @abstractmethod
    def bits_of(value: Any) -> Any:
        """Give the bits that an object draws from."""

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and bits are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one on its bits."""
        made = self.base.__new__(parts[0])
        self.base.__init__(made, parts[1])
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The bits can't be exchanged."""
        return type(value) is self.cls and self.bits_of(value) is resolved(slots[1])


class GeneratorKind(_DrawingKind):
    """numpy.random.Generator: class, bits, attributes."""

    name = "random generator"
    base = np.random.Generator

    @staticmethod
    def bits_of(value: Any) -> Any:
        """Give the bits, past what the class overrides."""
        return np.random.Generator.__dict__["bit_generator"].__get__(value)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        return [type(value), self.bits_of(value), *self.layout.read(value)]

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[2:])


class RandomStateKind(_DrawingKind):
    """numpy.random.RandomState, the global one too: class, bits, a number kept, attributes."""

    name = "random state"
    by_value = True
    base = np.random.RandomState

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self._read_kept = kept_reader()

    @staticmethod
    def bits_of(value: Any) -> Any:
        """Give the bits."""
        return value._bit_generator  # noqa: SLF001  there is no public way to it

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        kept = self._read_kept(value)
        return [type(value), self.bits_of(value), *kept, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare the number kept."""
        return type(old) is type(new) and type(old) in (int, float) and old == new

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the number kept, and the attributes."""
        has_gauss, gauss = parts[2:4]
        attributes = self.layout.plan(value, parts[4:])

        def commit() -> object:
            # The bits are there or not yet: whichever they have is put back unchanged.
            state = _get_state(value)
            state["has_gauss"], state["gauss"] = has_gauss, gauss
            np.random.RandomState.set_state(value, state)
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


def _get_state(value: Any) -> dict[str, Any]:
    state: Any = np.random.RandomState.get_state(value, legacy=False)
    return dict(state)


_KEPT = struct.Struct("i4xd")
"""Whether a random state has a number left, and that; what is between is zero."""


@functools.cache
def kept_reader() -> Callable[[Any], Sequence[Any]]:
    """Give what reads the number that a random state has left."""
    inside = kept_inside()
    if inside is None:
        return ask_kept
    return lambda value: _KEPT.unpack(inside.read(value))


def ask_kept(value: Any) -> Sequence[Any]:
    """Have a random state say which number it has left."""
    state = _get_state(value)
    return state["has_gauss"], state["gauss"]


def kept_inside() -> Inside | None:
    """Find where random states have the number that is left."""
    base = np.random.RandomState
    seeded = [base(1), base(2)]
    for one in seeded:
        one.standard_normal()  # makes two numbers, and keeps one
    seeded[1].set_state(_get_state(seeded[1]) | {"has_gauss": 0})
    return find_inside(base, [(one, _KEPT.pack(*ask_kept(one))) for one in seeded])


def kind_for(cls: type) -> Kind | None:
    """Give the kind of a type of generators, or None."""
    if issubclass(cls, np.random.RandomState):
        return RandomStateKind(cls)
    if issubclass(cls, np.random.Generator):
        return GeneratorKind(cls)
    return bits.kind_for(cls)
