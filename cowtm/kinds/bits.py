"""What numpy's generators draw from: bits, as their state, and the seeds that they came from.

Bits of other packages are taken apart like any object made in C.
"""

from __future__ import annotations

import functools
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cowtm.kinds.base import Commit, Kind, Layout, class_dict, mro_of
from cowtm.kinds.insides import Inside, find_inside


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


@functools.cache
def bits_reader(base: type) -> Callable[[Any], Sequence[int | bytes]]:
    """Give what reads the state of bits: of `MT19937`, which all sessions have, past asking it."""
    inside = words_inside() if base is np.random.MT19937 else None
    if inside is None:
        return functools.partial(ask_bits, base)
    return lambda value: _TWISTER.unpack(inside.read(value))


def words_inside() -> Inside | None:
    """Find where `MT19937` has its state."""
    base = np.random.MT19937
    seeded = [base(1), base(2)]
    seeded[1].random_raw()
    return find_inside(base, [(one, _TWISTER.pack(*ask_bits(base, one))) for one in seeded])


class SeedsKind(Kind):
    """numpy.random.SeedSequence: class, its pool of words, how many it spawned, what it is made of.

    Nearly always nobody else has the pool: then it is bytes among the parts, not an array.
    """

    name = "seed sequence"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        _, self._alone = _state_of_seeds(np.random.SeedSequence(0))

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        (entropy, spawned, pool, size, key), holders = _state_of_seeds(value)
        words = pool.tobytes() if holders == self._alone else pool
        return [type(value), words, spawned, size, entropy, key]

    def same(self, old: object, new: object) -> bool:
        """Compare numbers and bytes."""
        return type(old) is type(new) and type(old) in (int, bytes) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one from nothing."""
        return np.random.SeedSequence.__new__(parts[0])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting all of it."""
        _, words, spawned, size, entropy, key = parts
        pool = np.frombuffer(words, np.uint32).copy() if type(words) is bytes else words

        def commit() -> object:
            displaced = _pool_of(value)
            _set_seeds(value, (entropy, spawned, pool, size, key))
            return displaced

        return commit


_pool_of = class_dict(np.random.SeedSequence)["pool"].__get__
_set_seeds = class_dict(np.random.SeedSequence)["__setstate_cython__"]


def _state_of_seeds(value: Any) -> tuple[tuple[Any, ...], int]:
    """Return what a seed sequence is pickled as, and how many references there are to its pool."""
    state: Any = np.random.SeedSequence.__reduce__(value)[2]
    return state, sys.getrefcount(state[2])


def _are_as_known() -> bool:
    """Tell whether numpy pickles seed sequences in the way that `SeedsKind` knows."""
    made = np.random.SeedSequence(5, spawn_key=(7,), pool_size=6)
    made.spawn(1)
    state, _ = _state_of_seeds(made)
    return len(state) == 5 and state[2] is made.pool and state[:2] + state[3:] == (5, 1, 6, (7,))  # noqa: PLR2004  as many as `SeedsKind` has


def kind_for(cls: type) -> Kind | None:
    """Give the kind of a type of bits or seeds, or None."""
    if cls is np.random.SeedSequence and _are_as_known():
        return SeedsKind(cls)
    for base in mro_of(cls):
        if any(base is known for known in _BITS):  # `in` might ask a metaclass
            return BitsKind(cls, base)
    return None
