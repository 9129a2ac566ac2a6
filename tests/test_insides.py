"""Numbers read out of an object's inside are those that it says when it is asked."""

from __future__ import annotations

import random
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowtm.kinds import bits, generators, randoms
from cowtm.kinds.insides import Inside, find_inside

if TYPE_CHECKING:
    from collections.abc import Callable

    from cowtm.kinds import Kind

SEEDS = st.integers(0, 1 << 40)
DRAWS = st.integers(0, 1300)


class Named(random.Random):
    """One with an attribute and an opinion."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.name = "x"

    def getstate(self) -> Any:
        """Refuse."""
        raise RuntimeError("asked")


class Bits(np.random.MT19937):
    """Bits with an attribute, and a constructor that wants to know more."""

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(seed)
        self.name = name


class State(np.random.RandomState):
    """A random state with slots and a dict."""

    __slots__ = ("__dict__", "slot")


def found(inside: Inside | None) -> Inside:
    """See that the place was found: otherwise every cell pays for asking."""
    assert inside is not None
    return inside


@given(SEEDS, DRAWS)
def test_the_inside_of_a_generator_is_what_it_says(seed: int, draws: int) -> None:
    """At every position in its words, also of a class that says nothing."""
    for made in (random.Random(seed), Named(seed)):
        for _ in range(draws):
            made.random()
        assert found(randoms.inside()).read(made) == randoms.ask(made)


@given(SEEDS, DRAWS)
def test_the_inside_of_bits_is_what_they_say(seed: int, draws: int) -> None:
    """Words and position, also where they are part of a bigger object."""
    read = bits.bits_reader(np.random.MT19937)
    for made in (np.random.MT19937(seed), Bits(seed, "b"), np.random.RandomState(5)._bit_generator):
        made.random_raw(draws)
        assert list(read(made)) == bits.ask_bits(np.random.MT19937, made)


@given(SEEDS, DRAWS)
def test_the_inside_of_a_random_state_is_what_it_says(seed: int, draws: int) -> None:
    """The number that is left, or that there is none."""
    for made in (np.random.RandomState(seed % 2**32), State(seed % 2**32)):
        made.standard_normal(draws)
        assert tuple(generators.kept_reader()(made)) == tuple(generators.ask_kept(made))


def test_all_places_are_found_in_this_python() -> None:
    """Reading is the quick way here."""
    found(randoms.inside())
    found(bits.words_inside())
    found(generators.kept_inside())


@pytest.mark.parametrize("missing", ["random", "bits", "kept"])
def test_what_is_not_found_is_asked(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are the same, the long way."""
    values: dict[str, tuple[Any, Callable[[], Kind]]] = {
        "random": (random.Random(3), lambda: randoms.RandomKind(random.Random)),
        "bits": (
            np.random.MT19937(3),
            lambda: bits.BitsKind(np.random.MT19937, np.random.MT19937),
        ),
        "kept": (
            np.random.RandomState(3),
            lambda: generators.RandomStateKind(np.random.RandomState),
        ),
    }
    value, make = values[missing]
    quick = list(make().parts(value))
    readers: tuple[Any, ...] = (randoms.inside, bits.bits_reader, generators.kept_reader)
    for module in (randoms, bits, generators):
        monkeypatch.setattr(module, "find_inside", lambda *_: None)
    for reader in readers:
        reader.cache_clear()
    try:
        slow = list(make().parts(value))
    finally:
        for reader in readers:
            reader.cache_clear()
    assert [*map(type, slow)] == [*map(type, quick)]
    assert slow == quick


class Numbered(float):
    """An object that is known to hold eight bytes."""


@pytest.mark.parametrize(
    ("examples", "is_found"),
    [
        ([(1.5, 1.5), (2.5, 2.5)], True),
        ([(1.5, 1.5), (2.5, 9.5)], False),
        ([(1.5, 9.5)], False),
        ([], False),
    ],
    ids=["all", "one is not there", "none is there", "no examples"],
)
def test_a_place_must_hold_what_is_known(
    examples: list[tuple[float, float]], *, is_found: bool
) -> None:
    """In every example."""
    inside = find_inside(float, [(held, struct.pack("d", wanted)) for held, wanted in examples])
    assert (inside is not None) == is_found
    if inside is not None:
        assert inside.read(Numbered(7.25)) == struct.pack("d", 7.25)


def test_bytes_that_are_there_twice_are_not_a_place() -> None:
    """Which of them is the one can't be told."""
    twice = complex(1.5, 1.5)
    assert find_inside(complex, [(twice, struct.pack("d", 1.5))]) is None


def test_elsewhere_nothing_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the id of an object is its address."""
    monkeypatch.setattr(sys.implementation, "name", "another")
    assert find_inside(float, [(1.5, struct.pack("d", 1.5))]) is None
