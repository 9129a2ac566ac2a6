"""The tree of states against a model that keeps every state whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowtm.delta import Delta, Difference
from cowtm.errors import BadInput, StateNotFound
from cowtm.timeline import State, Timeline, as_numbers, order

Mapping = dict[str, object]
mappings = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3))
trees = st.lists(st.tuples(st.integers(0, 20), mappings), min_size=1, max_size=10)


def difference(old: Mapping, new: Mapping) -> Delta:
    """Give the delta from one mapping to another, as bindings."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return Delta(
        Difference(
            {key: old[key] for key in keys if key in old},
            {key: new[key] for key in keys if key in new},
        )
    )


def grow(tree: list[tuple[int, Mapping]]) -> tuple[Timeline, dict[int | str, Mapping]]:
    """Make a timeline: each state comes from an earlier one. Return it, and the states whole."""
    timeline = Timeline()
    whole: dict[int | str, Mapping] = {}
    for number, (parent, mapping) in enumerate(tree):
        before = None if number == 0 else parent % number
        timeline.position = before
        delta = difference({} if before is None else whole[before], mapping)
        timeline.add(State(number, before, delta))
        whole[number] = mapping
    return timeline, whole


def walk(timeline: Timeline, start: int | str, goal: int | str, mapping: Mapping) -> Mapping:
    """Apply the way from one state to another."""
    moved = dict(mapping)
    timeline.path(start, goal).bindings.apply(moved)
    return moved


@given(trees)
def test_every_path_leads_to_its_goal(tree: list[tuple[int, Mapping]]) -> None:
    """From any state to any other, along branches too."""
    timeline, whole = grow(tree)
    for start in timeline:
        for goal in timeline:
            assert walk(timeline, start, goal, whole[start]) == whole[goal]
        assert not timeline.path(start, start)


@given(trees, st.sets(st.integers(0, 9)), st.integers(0, 9))
def test_removing_states_leaves_the_others_exact(
    tree: list[tuple[int, Mapping]], doomed: set[int], position: int
) -> None:
    """What stays leads to one another as before; the present stays."""
    timeline, whole = grow(tree)
    timeline.position = position % len(tree)
    removed = timeline.remove(doomed, "it was cleared")
    assert removed == sorted(doomed & set(range(len(tree))) - {timeline.position})
    assert set(timeline) == set(range(len(tree))) - set(removed)
    for start in timeline:
        for goal in timeline:
            assert walk(timeline, start, goal, whole[start]) == whole[goal]
    for number in removed:
        with pytest.raises(StateNotFound, match=f"state {number} is gone: it was cleared"):
            timeline[number]


@given(trees, st.lists(st.sets(st.integers(0, 9)), max_size=4))
def test_removing_in_turns_is_removing_at_once(
    tree: list[tuple[int, Mapping]], turns: list[set[int]]
) -> None:
    """The same states, parents and deltas are left."""
    timeline, _ = grow(tree)
    for doomed in turns:
        timeline.remove(doomed, "")
    at_once, _ = grow(tree)
    at_once.remove(set().union(*turns), "")
    assert timeline.values() == at_once.values()


def test_a_state_that_is_not_there() -> None:
    """The error says why, and which states are near."""
    timeline, _ = grow([(0, {})] * 9)
    with pytest.raises(StateNotFound, match=r"no state 30: .*nearest states are 5, 6, 7, 8\."):
        timeline[30]
    timeline.note_missing(12, "recording was off when it ran")
    with pytest.raises(StateNotFound, match="state 12 is gone: recording was off"):
        timeline[12]
    with pytest.raises(LookupError, match="named by its cell number"):
        timeline[1.5]  # type: ignore[index]
    with pytest.raises(StateNotFound, match=r"no state 1\.$"):
        Timeline()[1]


def test_a_state_that_comes_again_is_not_missing() -> None:
    """A number that was cleared and is used again is found again."""
    timeline, _ = grow([(0, {})] * 3)
    timeline.position = 1
    timeline.remove([2], "it was cleared")
    timeline.add(State(2, 1, Delta()))
    assert timeline[2].number == 2
    assert timeline.position == 2


gone = st.lists(st.sets(st.integers(0, 9)), min_size=2, max_size=2)


@given(trees, mappings, gone, st.integers(0, 9))
def test_a_state_from_the_background_is_exact(
    tree: list[tuple[int, Mapping]], made: Mapping, cleared: list[set[int]], start: int
) -> None:
    """Whatever is cleared while it is made, and after it came; where it began stays known."""
    timeline, whole = grow(tree)
    begun = start % len(tree)
    timeline.expect(State("9a", begun, Delta()))
    timeline.remove(cleared[0], "it was cleared")
    here = timeline.position
    assert here is not None
    assert timeline.is_expected("9a")
    timeline.land("9a", difference(whole[begun], made), error="none")
    assert timeline["9a"].error == "none"
    assert timeline.position == here
    timeline.remove(cleared[1], "it was cleared")
    assert walk(timeline, here, "9a", whole[here]) == made
    found = dict(whole[here])
    timeline.path_to_origin(here, "9a").bindings.apply(found)
    assert found == whole[begun]
    for goal in timeline:
        if goal != "9a":
            assert walk(timeline, "9a", goal, made) == whole[goal]


def test_where_a_state_began_is_known_as_long_as_it_is_there() -> None:
    """Then the error says why not; so for one that never came, and for any other."""
    timeline, _ = grow([(0, {}), (0, {"a": 1}), (1, {"a": 2})])
    for number in ("8a", "8b", "8c"):
        timeline.expect(State(number, 1, Delta()))
    for number in ("8a", "8b"):
        timeline.land(number, Delta())
    timeline.remove(["8a"], "it was cleared at cell 9")
    with pytest.raises(StateNotFound, match="state 8a of the job is gone: it was cleared at"):
        timeline.path_to_origin(2, "8a")
    assert not timeline.path_to_origin(1, "8b")
    timeline.remove([1], "it was dropped")
    assert timeline.path_to_origin(2, "8b").bindings.after == {"a": 1}
    timeline.forget_origins()
    with pytest.raises(StateNotFound, match="was dropped, to stay within the budgets"):
        timeline.path_to_origin(2, "8b")
    assert timeline.path_to_origin(2, "8c").bindings.after == {"a": 1}
    timeline.give_up("8c", "its job was cancelled")
    with pytest.raises(StateNotFound, match="its job was cancelled"):
        timeline.path_to_origin(2, "8c")
    with pytest.raises(StateNotFound, match="is gone: its job was cancelled"):
        timeline["8c"]


def test_numbers_are_in_order() -> None:
    """What a cell had changed before it travelled comes before the cell's own state."""
    numbers: list[int | str] = [7, "7b", 6, "7a", 8]
    assert sorted(numbers, key=order) == [6, "7a", "7b", 7, 8]


def test_free_numbers() -> None:
    """Each is new; after z come two letters."""
    timeline = Timeline()
    numbers = []
    for _ in range(28):
        numbers.append(timeline.free_number(7))
        timeline.add(State(numbers[-1], timeline.position, Delta()))
    assert numbers[:2] == ["7a", "7b"]
    assert numbers[25:] == ["7z", "7aa", "7ab"]


def test_numbers_as_users_name_them() -> None:
    """One number, or any iterable of numbers; nothing else."""
    assert as_numbers(3) == [3]
    assert as_numbers("7a") == ["7a"]
    assert as_numbers(range(3, 5)) == [3, 4]
    assert as_numbers(n for n in (1, "7a")) == [1, "7a"]
    for wrong in (None, 1.5, b"1", True, [None], [True]):
        with pytest.raises(BadInput, match="number"):
            as_numbers(wrong)


def test_the_title_of_a_state() -> None:
    """The first line that says something."""
    assert State(1, None, Delta(), source="\n\n  x = 1\ny = 2").title == "x = 1"
    assert State(1, None, Delta()).title == ""
