"""numpy's generators of random numbers: what draws, and the bits it draws from, which it may share.

The bits are `PCG64`, `MT19937`, ...; those of other packages are taken apart like any object made
in C.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cowtm.kinds.base import Commit, Kind, Layout, class_dict, mro_of, resolved
from cowtm.kinds.insides import Inside, find_inside


class GeneratorKind(Kind):
    """numpy.random.Generator: class, bits, attributes."""

    name = "random generator"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        return [type(value), _bits_of_generator(value), *self.layout.read(value)]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and bits are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one on its bits."""
        made = np.random.Generator.__new__(parts[0])
        np.random.Generator.__init__(made, parts[1])
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The bits can't be exchanged."""
        return type(value) is self.cls and _bits_of_generator(value) is resolved(slots[1])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[2:])


class BitsKind(Kind):
    """A bit generator of numpy's: class, what it was seeded from, numbers and bytes, attributes.

    Parts: class, seed, how many numbers and bytes follow, those, attributes.
    """

    name = "random bits"
    by_value = True

    def __init__(self, cls: type, base: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self._base: Any = base
        self._read = bits_reader(base)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        state = self._read(value)
        return [type(value), _seed_of(value), len(state), *state, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare numbers and bytes."""
        return type(old) is type(new) and type(old) in (int, bytes) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with any state, past any constructor of the user's."""
        made = self._base.__new__(parts[0])
        self._base.__init__(made, 0)
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the state."""
        end = 3 + parts[2]
        state = _filled(_state_of(self._base, value), iter(parts[3:end]))
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            displaced = _seed_of(value)
            _set_state(value, (state, parts[1]))
            return displaced, attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


class RandomStateKind(Kind):
    """numpy.random.RandomState, the global one too: class, bits, a number kept, attributes."""

    name = "random state"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self._read_kept = kept_reader()

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        kept = self._read_kept(value)
        return [type(value), _bits_of_state(value), *kept, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare the number kept."""
        return type(old) is type(new) and type(old) in (int, float) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and bits are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one on its bits."""
        made = np.random.RandomState.__new__(parts[0])
        np.random.RandomState.__init__(made, parts[1])
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The bits can't be exchanged."""
        return type(value) is self.cls and _bits_of_state(value) is resolved(slots[1])

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


def _bits_of_generator(value: Any) -> Any:
    return np.random.Generator.__dict__["bit_generator"].__get__(value)


def _bits_of_state(value: Any) -> Any:
    return value._bit_generator  # noqa: SLF001  there is no public way to it


def _get_state(value: Any) -> dict[str, Any]:
    state: Any = np.random.RandomState.get_state(value, legacy=False)
    return dict(state)


_BITS = (
    np.random.MT19937,
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.Philox,
    np.random.SFC64,
)
"""Those of numpy's that are known to be their state and what they were seeded from."""

_seed_of = class_dict(np.random.BitGenerator)["_seed_seq"].__get__
_set_state = class_dict(np.random.BitGenerator)["__setstate__"]


def _state_of(base: type, value: Any) -> Mapping[str, Any]:
    state: Mapping[str, Any] = class_dict(base)["state"].__get__(value)
    return state


def ask_bits(base: type, value: Any) -> list[int | bytes]:
    """Have bits say what their state is: its numbers, and the bytes of its arrays, in order."""
    return list(_flat(_state_of(base, value)))


def _flat(state: Mapping[str, Any]) -> Iterator[Any]:
    for part in state.values():
        if isinstance(part, Mapping):
            yield from _flat(part)
        elif isinstance(part, np.ndarray):
            yield part.tobytes()
        elif type(part) is not str:  # the name of the class
            yield int(part)


def _filled(state: Mapping[str, Any], values: Iterator[Any]) -> dict[str, Any]:
    """Return a state with other numbers and bytes."""
    filled: dict[str, Any] = {}
    for name, part in state.items():
        if isinstance(part, Mapping):
            filled[name] = _filled(part, values)
        elif isinstance(part, np.ndarray):
            filled[name] = np.frombuffer(next(values), part.dtype).reshape(part.shape)
        else:
            filled[name] = part if type(part) is str else next(values)
    return filled


_TWISTER = struct.Struct("2496si")
"""The words of Mersenne Twister, and the position in them."""

_KEPT = struct.Struct("i4xd")
"""Whether a random state has a number left, and that; what is between is zero."""


@functools.cache
def bits_reader(base: type) -> Callable[[Any], Sequence[int | bytes]]:
    """Give what reads the state of bits: of `MT19937`, which all sessions have, past asking it."""
    inside = words_inside() if base is np.random.MT19937 else None
    if inside is None:
        return functools.partial(ask_bits, base)
    return lambda value: _TWISTER.unpack(inside.read(value))


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


def words_inside() -> Inside | None:
    """Find where `MT19937` has its state."""
    base = np.random.MT19937
    seeded = [base(1), base(2)]
    seeded[1].random_raw()
    return find_inside(base, [(one, _TWISTER.pack(*ask_bits(base, one))) for one in seeded])


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
    base = next((base for base in mro_of(cls) if base in _BITS), None)
    return BitsKind(cls, base) if base is not None else None
