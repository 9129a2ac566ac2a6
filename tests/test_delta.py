"""The laws of differences: they compose, they undo, and they say no more than needed."""

from __future__ import annotations

from collections.abc import Hashable
from functools import reduce
from itertools import pairwise
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from cowtm.delta import Delta, Difference

Mapping = dict[str, object]

VALUES = [object() for _ in range(4)]
"""Values are compared by identity, as contents are."""

mappings = st.dictionaries(st.sampled_from("abcde"), st.sampled_from(VALUES))
lines = st.lists(mappings, min_size=1, max_size=6)


def between(old: Mapping, new: Mapping) -> Difference[str, object]:
    """Give the difference from one mapping to another."""
    differing = [key for key in {**old, **new} if old.get(key) is not new.get(key)]
    return Difference(
        {key: old[key] for key in differing if key in old},
        {key: new[key] for key in differing if key in new},
    )


def steps_of(line: list[Mapping]) -> list[Difference[str, object]]:
    """Give the differences between neighbours."""
    return [between(old, new) for old, new in pairwise(line)]


def after(mapping: Mapping, difference: Difference[str, object]) -> Mapping:
    """Give a copy of a mapping with a difference applied."""
    changed = dict(mapping)
    difference.apply(changed)
    return changed


@given(mappings, mappings)
def test_a_difference_leads_from_one_mapping_to_the_other(old: Mapping, new: Mapping) -> None:
    """Applied it gives the new mapping; its inverse gives the old one back."""
    difference = between(old, new)
    assert after(old, difference) == new
    assert after(new, difference.inverse()) == old


@given(mappings, mappings)
def test_inverting_twice_changes_nothing(old: Mapping, new: Mapping) -> None:
    """The inverse of the inverse is the difference."""
    difference = between(old, new)
    assert difference.inverse().inverse() == difference


@given(mappings, mappings)
def test_a_difference_and_its_inverse_are_nothing(old: Mapping, new: Mapping) -> None:
    """There and back is an empty difference, from either end."""
    difference = between(old, new)
    assert not difference.then(difference.inverse())
    assert not difference.inverse().then(difference)
    assert difference.then(difference.inverse()) == Difference()


@given(lines)
def test_then_composes(line: list[Mapping]) -> None:
    """All steps in one are the difference between the ends, however they are put together."""
    steps = steps_of(line)
    whole = between(line[0], line[-1])
    empty: Difference[str, object] = Difference()
    assert Difference.chain(steps) == whole
    assert reduce(Difference.then, steps, empty) == whole
    assert reduce(lambda right, left: left.then(right), reversed(steps), empty) == whole


@given(mappings, mappings, mappings, mappings)
def test_then_is_associative(a: Mapping, b: Mapping, c: Mapping, d: Mapping) -> None:
    """It does not matter which two steps are put together first."""
    one, two, three = steps_of([a, b, c, d])
    assert one.then(two).then(three) == one.then(two.then(three))


@given(mappings, mappings, mappings)
def test_the_inverse_of_a_chain_is_the_chain_of_inverses(
    a: Mapping, b: Mapping, c: Mapping
) -> None:
    """To undo two steps, undo the second first."""
    one, two = steps_of([a, b, c])
    assert one.then(two).inverse() == two.inverse().then(one.inverse())


@given(mappings, mappings)
def test_what_a_difference_holds(old: Mapping, new: Mapping) -> None:
    """Length, iteration and membership tell the keys that differ, each once."""
    difference = between(old, new)
    keys = list(difference)
    assert len(keys) == len(set(keys)) == len(difference)
    assert all(key in difference for key in keys)
    assert {*"abcde"} - set(keys) == {key for key in "abcde" if key not in difference}
    assert bool(difference) == bool(keys)
    assert sorted(keys) == sorted(k for k in "abcde" if old.get(k) is not new.get(k))


@given(mappings, mappings, mappings, mappings)
def test_a_delta_is_two_differences(a: Mapping, b: Mapping, c: Mapping, d: Mapping) -> None:
    """Bindings and contents follow the laws side by side."""
    contents = cast("Difference[Hashable, object]", between(c, d))
    first = Delta(between(a, b), contents)
    second = Delta(between(b, a), contents.inverse())
    assert not first.then(second)
    assert first.inverse() == second
    assert Delta.chain([first, second, first]) == first
    assert bool(first) == (a != b or c != d)
