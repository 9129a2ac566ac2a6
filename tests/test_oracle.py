"""Random programs of cells, travelled at random, against an oracle that knows nothing of cowtm.

After every cell the oracle describes the whole namespace (values, sharing, order, cycles); whatever
way one travels, the namespace must be what it was, in the objects that are still alive.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle.mutants import EXAMPLES, STORED_EXAMPLES
from oracle.programs import START, Program, check, holds, program, smallest, stored_program

from cowtm.saved import shelf
from cowtm.testing.form import form_of
from cowtm.testing.session import NAME, Checked, Session, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDS = 60
"""Programs of numbers of ours; Hypothesis adds others."""

STORED_SEEDS = 20
"""The same for sessions that are stored, which take longer."""


@pytest.mark.parametrize("seed", range(0, SEEDS, 10))
@pytest.mark.parametrize("hold", [True, False], ids=["held", "let go"])
def test_the_same_programs_every_time(seed: int, hold: bool) -> None:  # noqa: FBT001
    """The laws hold for programs made from fixed seeds."""
    for number in range(seed, seed + 10):
        holds(program(Random(number)), hold=hold)


@settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],  # `smallest` shrinks better here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.randoms(use_true_random=True), st.booleans())
def test_programs_that_hypothesis_makes(random: Random, hold: bool) -> None:  # noqa: FBT001
    """The laws hold for those too: others each time with `--hypothesis-profile search`."""
    holds(program(random), hold=hold)


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing that is read from a journal be kept: the next reading gives other objects."""
    monkeypatch.setattr(shelf, "CACHE", 1)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize("seed", range(0, STORED_SEEDS, 5))
@pytest.mark.parametrize("hold", [True, False], ids=["held", "let go"])
@pytest.mark.usefixtures("forgetful")
def test_sessions_on_disk(seed: int, hold: bool) -> None:  # noqa: FBT001
    """The laws hold where all states are on disk between cells, and some are dropped there."""
    for number in range(seed, seed + 5):
        steps = stored_program(Random(number), leaves=0)
        holds(steps, hold=hold, between=Session.demote)


@pytest.mark.parametrize("seed", range(0, STORED_SEEDS, 5))
@pytest.mark.parametrize("between", [Session.demote, Session.flush], ids=["disk", "memory"])
def test_sessions_that_are_resumed(
    seed: int,
    between: Callable[[Session], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The laws hold in sessions that are saved and gone on with in new namespaces, twice."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    for number in range(seed, seed + 5):
        holds(stored_program(Random(number), leaves=2), hold=number % 2 == 0, between=between)


@pytest.mark.parametrize("number", range(len(STORED_EXAMPLES)))
@pytest.mark.parametrize("between", [Session.demote, Session.flush], ids=["disk", "memory"])
@pytest.mark.usefixtures("forgetful")
def test_stored_examples(number: int, between: Callable[[Session], None]) -> None:
    """The laws hold for programs made to bring up what is seldom in sessions that are stored."""
    check(STORED_EXAMPLES[number], hold=False, between=between)
    check(STORED_EXAMPLES[number], hold=True, between=between)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(number: int) -> None:
    """The laws hold for programs made to bring up what chance brings up too seldom."""
    check(EXAMPLES[number], hold=False, in_place=False)
    check(EXAMPLES[number], hold=True, in_place=False)


def test_branches() -> None:
    """States of one branch are exact when one comes to them from another."""
    checked = Checked(hold=False)
    checked.run(START)
    for branch in range(4):
        checked.travel(1)
        checked.run(f"a.append({branch})")
        checked.run(f"b['k'].append([a]); o.x = {branch}; d = {branch}")
    for goal in [3, 9, 5, 0, 7, 2, 8, 4, 6, 1, 9]:
        checked.travel(goal)
        checked.look(2)
    checked.close()


def test_a_failing_program_is_made_small() -> None:
    """What the oracle reports is a program that one can read."""

    def broken(steps: Program) -> bool:
        return any("v += 1" in source for what, source in steps if what == "run")

    steps: Program = [("run", f"x = {i}\nv += 1") for i in range(3)]
    assert broken(steps)
    assert smallest(steps, hold=False) == steps, "a program that holds stays as it is"


def test_the_oracle_sees_what_differs() -> None:
    """Forms tell values, types, sharing, order, cycles apart; equal namespaces have equal ones."""
    cyclic: list[object] = []
    cyclic.append(cyclic)
    shared: list[object] = []
    namespaces: list[dict[str, object]] = [
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": 0.0},
        {"a": -0.0},
        {"a": [shared, shared]},
        {"a": [[], []]},
        {"a": {"x": 1, "y": 2}},
        {"a": {"y": 2, "x": 1}},
        {"a": cyclic},
        {"a": [cyclic]},
        {"a": (1, 2)},
        {"a": bytearray(b"x")},
    ]
    forms = [form_of(names, module=NAME) for names in namespaces]
    for index, form in enumerate(forms):
        assert [other == form for other in forms].count(True) == 1, index
        assert form == form_of(namespaces[index], module=NAME)
        assert not form.difference(form)
    assert "float" in forms[0].difference(forms[1])


def test_the_oracle_notices_a_change_behind_the_back() -> None:
    """An object changed between two captures, and never told, is found out."""
    checked = Checked(hold=False)
    checked.run("a = [1]")
    checked.session.home["a"].append(2)
    known = checked.known[1]
    with pytest.raises(Wrong, match="past"):
        checked._is(known.form, checked.session.form(), "past(1)")
    checked.close()
