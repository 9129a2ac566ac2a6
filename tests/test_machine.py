"""Every call of the time machine, with good and with bad input, in a real shell."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from session import Session, new_session

from cowtm import BadInput, CannotRestore, CowtmError, NameNotFound, StateNotFound
from cowtm.errors import NotHere
from cowtm.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("few_ambient")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that records; its first own cell is number 2."""
    with new_session(tmp_path) as session:
        yield session


# ---- past ---------------------------------------------------------------------------------------


def test_past_goes_from_anywhere_to_anywhere(session: Session) -> None:
    """Backwards, forwards and across branches; each state is what it was."""
    session.cells("x = [2]; y = x", "x.append(3)", "z = {'x': x}; del y")
    session.cell("%past 2")  # 5
    session.cell("x.append(6); w = 6")
    session.cell("tm.past(4)")  # 7
    wanted: dict[int, dict[str, Any]] = {
        1: {},
        2: {"x": [2], "y": [2]},
        3: {"x": [2, 3], "y": [2, 3]},
        4: {"x": [2, 3], "z": {"x": [2, 3]}},
        6: {"x": [2, 6], "y": [2, 6], "w": 6},
    }
    order = [(a, b) for a in wanted for b in wanted]
    random.Random(7).shuffle(order)
    for start, goal in order:
        session.cell(f"tm.past({start})")
        session.cell(f"%past {goal}")
        found = {name: session.names[name] for name in "wxyz" if name in session.names}
        assert found == wanted[goal]
        if "y" in found:
            assert found["x"] is found["y"]
        if "z" in found:
            assert found["z"]["x"] is found["x"]


def test_past_keeps_identity(session: Session) -> None:
    """An object that is still alive is the same object after travelling, both ways."""
    session.cells("x = [1]; d = {'x': x}", "x.append(2); d['new'] = x")
    x, d = session.names["x"], session.names["d"]
    for number in (2, 3, 2):
        session.cell(f"%past {number}")
        assert session.names["x"] is x
        assert session.names["d"] is d
    assert d == {"x": [1]}


def test_past_gives_and_shows_the_result(session: Session) -> None:
    """The cell's result is what past returns, as it was then."""
    session.cells("x = [1]\nx", "x.append(2)")
    outcome = session.cell("%past 2")
    assert outcome.value == [1]
    assert "back after cell 2: x changed" in outcome.output
    assert "[1]" in outcome.output
    assert session.cell("%past 3").value is None


def test_past_in_the_middle_of_a_cell_keeps_what_came_before(session: Session) -> None:
    """What the cell had changed is a state with a letter, from which nothing is lost."""
    session.cell("x = [1]")
    outcome = session.cell("x.append(2); y = 5\ntm.past(2)\nz = list(x)")
    assert "what had changed before is kept as state 3a" in outcome.output
    assert session.names["x"] == [1]
    assert session.names["z"] == [1]
    assert "y" not in session.names
    assert session.tm.states["3a"].names == ("x", "y")
    assert (session.tm.states["3a"].parent, session.tm.states[3].parent) == (2, 2)
    session.cell("%past 3a")
    assert (session.names["x"], session.names["y"]) == ([1, 2], 5)
    session.cell("%past 3")
    assert session.names["z"] == [1]


def test_undo_leads_to_what_a_cell_had_before_it_travelled(session: Session) -> None:
    """The travel of such a cell is the step that undo takes back."""
    session.cells("x = 1", "x = 2; tm.past(2)", "tm.undo()")
    assert session.names["x"] == 2


def test_past_twice_within_a_cell(session: Session) -> None:
    """Letters go on."""
    session.cells("x = 1", "x = 2; tm.past(2); x = 3; tm.past('3a'); x = 4; tm.past(2)")
    assert [n for n in session.tm.states if isinstance(n, str)] == ["3a", "3b", "3c"]
    for number, value in (("3a", 2), ("3b", 3), ("3c", 4), (3, 1)):
        session.cell(f"tm.past({number!r})")
        assert session.names["x"] == value


def test_past_of_chosen_names(session: Session) -> None:
    """Only these names, with fresh objects that share as they did; everything else is left."""
    session.cells("a = [1]; b = [a]; c = [a]", "a.append(2); other = 5")
    a, c = session.names["a"], session.names["c"]
    session.cell("tm.past(2, names=['a', 'b'])")
    names = session.names
    assert names["a"] == [1]
    assert names["a"] is not a
    assert names["b"][0] is names["a"]
    assert names["c"] is c
    assert names["c"][0] is a
    assert a == [1, 2]
    assert names["other"] == 5
    session.cell("%past 3 a")
    assert names["a"] == [1, 2]
    session.cell("tm.past(2, names='b')")
    assert names["b"] == [[1]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("tm.past(99)", StateNotFound, ["no state 99", "nearest states are", "3"]),
        ("tm.past('2b')", StateNotFound, ["'2b'"]),
        ("tm.past(-1)", StateNotFound, ["-1"]),
        ("tm.past(2.5)", BadInput, ["2.5", "cell number"]),
        ("tm.past(None)", BadInput, ["None"]),
        ("tm.past(True)", BadInput, ["True"]),
        ("tm.past([2])", BadInput, ["[2]"]),
        ("tm.past(2, names=['nope'])", NameNotFound, ["'nope'", "after cell 2", "there are x"]),
        ("tm.past(2, names=[3])", NameNotFound, ["3"]),
        ("tm.past(2, names=5)", BadInput, ["5", "names"]),
        ("tm.past(2, names=['<random>'])", NameNotFound, ["<random>"]),
        ("%past", BadInput, ["%past 3"]),
        ("%past 77", StateNotFound, ["77"]),
        ("%past 2 nope", NameNotFound, ["'nope'"]),
        ("%undo 3", BadInput, ["%undo takes nothing"]),
        ("tm.vars(99)", StateNotFound, ["99"]),
        ("tm.vars(2, 'nope')", NameNotFound, ["'nope'"]),
        ("tm.ans(99)", StateNotFound, ["99"]),
        ("tm.diff(1, 99)", StateNotFound, ["99"]),
        ("tm.diff('x')", StateNotFound, ["'x'"]),
        ("tm.history('nope')", NameNotFound, ["'nope'"]),
        ("tm.history(5)", NameNotFound, ["5"]),
        ("tm.blame('nope')", NameNotFound, ["'nope'"]),
        ("tm.states[99]", StateNotFound, ["99"]),
        ("tm.states[None]", BadInput, ["None"]),
        ("tm.saving(1)", BadInput, ["True or False"]),
        ("tm.dontsave('')", BadInput, ["tmp_*"]),
        ("tm.dontsave('ok', 5)", BadInput, ["5"]),
        ("tm.clear_past(1.5)", BadInput, ["1.5"]),
        ("tm.clear_past([1, None])", BadInput, ["None"]),
        ("tm.clear_past(b'ab')", BadInput, ["range(3, 9)"]),
        ("tm.clear_past(object())", BadInput, ["object"]),
        ("tm.to_main([1])", BadInput, ["mapping"]),
        ("tm.to_main({'a': 1, 'two words': 2})", BadInput, ["two words"]),
        ("tm.to_main({'class': 2})", BadInput, ["class"]),
        ("tm.to_main({3: 2})", BadInput, ["3"]),
    ],
)
def test_bad_input_changes_nothing(
    session: Session, call: str, error: type[CowtmError], words: list[str]
) -> None:
    """The error says in one line what was wrong, without our frames; everything is as it was."""
    session.cells("x = [1]", "x.append(2)")
    outcome = session.fail(call)
    assert type(outcome.error) is error
    for word in words:
        assert word in str(outcome.error)
    assert len(outcome.output.strip().splitlines()) == 1
    assert session.names["x"] == [1, 2]
    assert "a" not in session.names
    assert session.last.error == error.__name__
    assert session.last.names == ()
    assert session.tm.dontsave() == ()


def test_numbers_of_numpy_are_numbers(session: Session) -> None:
    """A cell number may be any integer, and a text of digits."""
    session.cells("import numpy as np\nx = 1", "x = 2", "tm.past(np.int64(2))")
    assert session.names["x"] == 1
    assert session.cell("np.int32(2) in tm.states, '2' in tm.states, 2.5 in tm.states").value == (
        True,
        True,
        False,
    )
    assert session.cell("tm.clear_past(np.arange(2, 4))").value == [2, 3]


def test_a_state_that_is_gone_says_why(session: Session) -> None:
    """Cleared at which cell, or recording was off."""
    session.cells("x = 1", "x = 2", "tm.clear_past(2)", "tm.saving(False)", "x = 3")
    assert "it was cleared at cell 4" in str(session.fail("tm.past(2)").error)
    assert "recording was off" in str(session.fail("tm.past(6)").error)
    session.cell("tm.saving(True)")


# ---- undo ---------------------------------------------------------------------------------------


def test_undo_goes_back_step_by_step(session: Session) -> None:
    """Each undo takes back one cell that changed something; the rest is passed over."""
    session.cells("x = 1", "x = 2", "x", "print(x)", "x = 3", "None")
    for wanted in (2, 1):
        session.cell("tm.undo()")
        assert session.names["x"] == wanted
    session.cell("%undo")
    assert "x" not in session.names
    assert "nothing to undo" in str(session.fail("tm.undo()").error)
    session.cell("%past 6")
    assert session.names["x"] == 3


def test_undo_takes_back_a_travel(session: Session) -> None:
    """After a travel undo comes back from it."""
    session.cells("x = 1", "x = 2", "x = 3", "%past 2", "%undo")
    assert session.names["x"] == 3
    session.cells("x = 4", "%undo", "%undo")
    assert session.names["x"] == 2


def test_undo_of_what_this_cell_changed(session: Session) -> None:
    """In the middle of a cell undo takes back what it changed so far."""
    session.cells("x = [1]", "x.append(2)\ntm.undo()\ny = list(x)")
    assert session.names["y"] == [1]


# ---- looking ------------------------------------------------------------------------------------


def test_vars_are_fresh_and_share(session: Session) -> None:
    """What one does to them alters neither the present nor the past."""
    session.cells("a = [1]; b = {'a': a}", "a.append(2)", "v = tm.vars(2)")
    v = session.names["v"]
    assert v == {"a": [1], "b": {"a": [1]}}
    assert v["b"]["a"] is v["a"]
    session.cell("v['a'].append(99)")
    assert session.cell("tm.vars(2, 'a')").value == [1]
    assert session.cell("tm.vars(2, 'a', 'b')").value == {"a": [1], "b": {"a": [1]}}
    assert session.names["a"] == [1, 2]
    assert "tm" not in v
    assert "In" not in v


def test_vars_of_what_cant_be_made_say_so(session: Session) -> None:
    """An instance of a class that has become abstract; the others can be had."""
    session.cell("class Short: pass\nx, y = Short(), [1]")
    number = session.last.number
    session.names["Short"].__abstractmethods__ = frozenset(["method"])
    with pytest.raises(CannotRestore, match=r"can't be made: TypeError: .*abstract"):
        session.tm.vars(number, "x")
    assert session.tm.vars(number, "y") == [1]
    session.cell("z = {'held': [x, y]}")
    copies = session.tm.vars(session.last.number)
    assert copies["z"]["held"][1] is copies["y"] == [1]
    with pytest.raises(NotHere, match=r"a Short can't be made here \(TypeError: .*abstract"):
        copies["z"]["held"][0].anything  # noqa: B018  asking is what raises
    assert copies["x"] is copies["z"]["held"][0]
    assert "not whole: x, z: TypeError: " in repr(copies)


def test_ans_is_the_result_as_it_was(session: Session) -> None:
    """A fresh object; None where there was none."""
    session.cells("x = [1]\nx", "x.append(2)\nx", "x = None")
    assert session.cell("tm.ans(2), tm.ans(3), tm.ans(4)").value == ([1], [1, 2], None)
    assert session.cell("tm.ans(3) is x").value is False


def test_our_own_reports_are_not_recorded(session: Session) -> None:
    """A table shown as a result is no result to keep, and a variable with one does no harm."""
    session.cells("x = [1]", "s = tm.states; r = tm.memory_report()", "tm.states", "tm.diff(1, 2)")
    assert session.cell("tm.ans(4), tm.ans(5)").value == (None, None)
    before = len(session.last.delta.contents)
    session.cells("tm.vars(2)", "tm", "s", "y = 1")
    empty = sys.getsizeof(session.tm.recorder.mirror.table)
    assert session.tm.memory_report().to_dict()["total"] < 30_000 + empty
    assert len(session.last.delta.contents) <= before + 1
    session.cell("%past 2")
    assert session.names["x"] == [1]


def test_diff_tells_what_happened(session: Session) -> None:
    """Added, removed, rebound and changed in place, with an account."""
    session.cells("a = [1]; b = 1; c = 'old'", "a.append(2); del b; c = 'new'; d = 5")
    rows = session.cell("tm.diff(2, 3)").value.rows
    assert rows == [
        ("a", "changed", "length 1 to 2"),
        ("b", "removed", "1"),
        ("c", "rebound", "'old' to 'new'"),
        ("d", "added", "5"),
    ]
    back = session.cell("tm.diff(3, 2)").value.rows
    assert [row[1] for row in back] == ["changed", "added", "rebound", "removed"]
    assert session.cell("tm.diff(2)").value.rows == rows
    assert "no variable differs" in repr(session.cell("tm.diff(3)").value)


def test_diff_across_branches(session: Session) -> None:
    """Two states neither of which came from the other."""
    session.cells("x = [1]", "x.append(2)", "%past 2", "x.append(3); y = 1")
    rows = session.cell("tm.diff(3, 5)").value.rows
    assert [row[:2] for row in rows] == [("x", "changed"), ("y", "added")]


def test_history_and_blame(session: Session) -> None:
    """The versions of a variable on the way to the present; the last one's cell is to blame."""
    session.cells("x = [1]", "y = x", "y.append(2)", "z = 1", "del x", "x = 5")
    rows = session.cell("tm.history('x')").value.rows
    assert [(row[0], row[3]) for row in rows] == [
        ("2", "new"),
        ("4", "length 1 to 2"),
        ("6", "deleted"),
        ("7", "new"),
    ]
    assert session.cell("tm.blame('x').number").value == 7
    assert session.cell("tm.blame('y').number").value == 4
    session.cell("%past 3")
    assert session.cell("tm.blame('x').number").value == 2
    assert "'z'" in str(session.fail("tm.blame('z')").error)


def test_states_is_a_mapping(session: Session) -> None:
    """From number to state, in order, with all that is known of it."""
    session.cells("x = 1", "x = 2; tm.past(2)")
    session.fail("y = 1; 1 / 0")
    states = session.tm.states
    assert list(states) == [0, 1, 2, "3a", 3, 4]
    assert len(states) == 6
    assert (2 in states, 99 in states, None in states) == (True, False, False)
    assert states[2].source == "x = 1"
    assert states[2].parent == 1
    assert states[4].error == "ZeroDivisionError"
    assert states[4].names == ("y",)
    assert states[1].title == "%load_ext cowtm"
    assert all(states[n].cost > 0 for n in states)
    text = repr(states)
    assert "ZeroDivisionError  <- here" in text.replace(";", " ").replace("   ", "  ")


def test_states_say_what_stays_by_reference(session: Session) -> None:
    """It is said once in plain words, listed per state, and the rest is restored."""
    outcome = session.cell("g = (n for n in [1]); x = [1]")
    assert outcome.output.count("cowtm: g: a generator can't be recorded") == 1
    assert session.cell("x.append(2)").output == ""
    assert dict(session.last.by_reference) == {"g": "a generator"}
    session.cell("del g")
    assert dict(session.last.by_reference) == {}
    session.cell("%past 3")
    assert session.names["x"] == [1, 2]
    assert dict(session.last.by_reference) == {"g": "a generator"}


# ---- keeping it in bounds -----------------------------------------------------------------------


def test_memory_report_adds_up(session: Session) -> None:
    """In total, by variable, by state."""
    session.cells("import numpy as np\nbig = np.ones(300_000)", "small = [1]", "big[0] = 5")
    report = session.tm.memory_report().to_dict()
    assert report["total"] == report["chunks"] + report["contents"]
    assert 2_400_000 <= report["chunks"] <= 2_400_000 + 2 * 2**20
    assert max(report["by_variable"], key=report["by_variable"].get) == "big"
    assert max(report["by_state"], key=report["by_state"].get) == 2
    assert "held: " in repr(session.tm.memory_report())


def test_clear_past_lets_memory_go(session: Session) -> None:
    """What only cleared states held is gone; those that stay are exact."""
    session.cell("import numpy as np\nkeep = [0]\nbig = np.arange(500_000.0)")
    for value in range(1, 6):
        session.cell(f"big[:] = {value} + np.arange(500_000); keep.append({value})")
    before = session.tm.memory_report().to_dict()["chunks"]
    assert session.cell("tm.clear_past(range(3, 6))").value == [3, 4, 5]
    session.tm.flush()  # the thread in the background may be at work on one of them
    after = session.tm.memory_report().to_dict()["chunks"]
    assert before - after > 2.5 * session.names["big"].nbytes
    assert session.cell("tm.past(2)\nbig[0], keep").value == (0.0, [0])
    assert session.cell("tm.past(6)\nbig[0], keep").value == (4.0, [0, 1, 2, 3, 4])
    assert session.cell("tm.past(7)\nbig[0], keep").value == (5.0, [0, 1, 2, 3, 4, 5])


def test_clear_past_of_all(session: Session) -> None:
    """Everything but the state that the present came from."""
    session.cells("x = [1]", "x.append(2)", "x.append(3)", "tm.clear_past()")
    assert list(session.tm.states) == [4, 5]
    assert "nothing to undo" in str(session.fail("tm.undo()").error)
    session.cell("x.append(4)")
    session.cell("%undo")
    assert session.names["x"] == [1, 2, 3]


def test_clear_past_within_branches(session: Session) -> None:
    """Children of a cleared state hang on its parent."""
    session.cells("x = [1]", "x.append(2)", "x.append(3)", "%past 3", "x.append(4)")
    assert session.cell("tm.clear_past([2, 3, 77])").value == [2, 3]
    session.cell("%past 4")
    assert session.names["x"] == [1, 2, 3]
    session.cell("%past 6")
    assert session.names["x"] == [1, 2, 4]
    assert session.tm.states[4].parent == session.tm.states[1].number


def test_saving_off_and_on(session: Session) -> None:
    """While it is off no cell is recorded; what changed meanwhile comes with the next cell."""
    session.cells("x = [1]", "tm.saving(False)", "x.append(2)", "y = 1")
    assert list(session.tm.states) == [0, 1, 2]
    assert session.tm.saving() is False
    session.tm.recorder.recheck = 0.0
    session.cell("tm.saving(True)")
    assert session.last.names == ("x", "y")
    session.cell("%past 2")
    assert session.names["x"] == [1]
    assert "y" not in session.names


def test_travel_while_saving_is_off_loses_nothing(session: Session) -> None:
    """What was changed unrecorded is recorded before travelling."""
    session.cells("x = [1]", "tm.saving(False)", "x.append(2)", "%past 2")
    assert session.names["x"] == [1]
    session.cell("%undo")
    assert session.names["x"] == [1, 2]


def test_dontsave_leaves_variables_alone(session: Session) -> None:
    """Neither recorded nor touched by travelling, whether they were there before or come later."""
    session.cells(
        "tmp_a = [1]; x = [1]", "tm.dontsave('tmp_*', 'one')", "tmp_a.append(2); x.append(2)"
    )
    assert session.last.names == ("x",)
    session.cell("tmp_b = 5; one = 6")
    assert session.last.names == ()
    session.cell("%past 2")
    assert session.names["x"] == [1]
    assert session.names["tmp_a"] == [1, 2]
    assert (session.names["tmp_b"], session.names["one"]) == (5, 6)
    session.cells("%past 1", "del tmp_a")
    assert "tmp_a" not in session.names
    session.cell("%past 2")
    assert "tmp_a" not in session.names
    assert session.tm.dontsave() == ("tmp_*", "one")


def test_to_main(session: Session) -> None:
    """Keys become variables, the mapping of a state among them."""
    session.cells("x = [1]; y = 2", "x.append(2); del y", "tm.to_main(tm.vars(2))")
    assert (session.names["x"], session.names["y"]) == ([1], 2)
    assert session.last.names == ("x", "y")
    session.cell("tm.to_main({'n': 5})")
    assert session.names["n"] == 5


def test_audit_finds_what_was_not_seen(session: Session) -> None:
    """Every variable is checked; the finding is a state of its own."""
    session.cell("x = [1]")
    session.names["x"].append(2)
    assert session.cell("tm.audit()").value == ("x",)
    assert session.cell("tm.audit()").value == ()
    assert session.tm.states["3a"].late == ("x",)


def test_unhook_ends_it(session: Session) -> None:
    """The same as %unload_ext; the object that is left says what it is."""
    session.cells("x = 1; machine = tm", "tm.unhook()")
    assert "tm" not in session.names
    assert "unhooked" in str(session.fail("machine.undo()").error)
    assert session.cell("machine.states").value is not None
    session.cell("machine.unhook()")


# ---- random numbers -----------------------------------------------------------------------------


def test_random_numbers_are_part_of_a_state(session: Session) -> None:
    """A cell that is run again after travelling draws what it drew."""
    session.cell("import random\nimport numpy as np\nstart = 1")
    source = "a = random.random(); b = np.random.rand(3).tolist(); c = np.random.normal()"
    draws = []
    for _ in range(2):
        session.cell(source)
        draws.append([session.names[name] for name in "abc"])
        session.cell("%past 2")
    assert draws[0] == draws[1]
    session.cell("%past 3")
    assert random.random() != draws[0][0]  # the global generators went on with the session
    assert isinstance(np.random.rand(), float)


# ---- when recording or travelling fails ---------------------------------------------------------


def test_an_error_while_recording_loses_nothing() -> None:
    """What a capture that failed had found, and what it had not, comes with the next one."""
    fails = [False]

    def hidden(name: str, value: object) -> bool:
        if fails[0] and name == "bad":
            msg = f"no {value}"
            raise RuntimeError(msg)
        return name.startswith("__")

    home: dict[str, Any] = {"x": [1], "y": [1]}
    recorder = Recorder(home, hidden)
    recorder.recheck = 0.0
    recorder.capture()
    home["x"].append(2)
    home["y"].append(2)
    home["a"] = 1
    home["bad"] = 2
    fails[0] = True
    with pytest.raises(RuntimeError, match="no 2"):
        recorder.capture()
    fails[0] = False
    captured = recorder.capture()
    assert captured.names == ("a", "bad", "x", "y")
    recorder.mirror.restore(captured.delta.inverse(), lambda _: False)
    assert home == {"x": [1], "y": [1]}


def test_a_travel_that_fails_changes_nothing(session: Session) -> None:
    """The message says so; the state of before is whole."""
    session.cells(
        "import threading\nswitch = threading.local(); switch.on = False",
        "class Key:\n  def __hash__(self):\n    if switch.on: raise ValueError('no hash')\n"
        "    return 5\nd = {Key(): 1}; x = [1]",
        "d.clear(); x.append(2)",
        "switch.on = True",
    )
    outcome = session.fail("tm.past(3)")
    assert isinstance(outcome.error, CannotRestore)
    assert "no hash" in str(outcome.error)
    assert (session.names["d"], session.names["x"]) == ({}, [1, 2])
    session.cells("switch.on = False; x.append(3)", "%past 3")
    assert session.names["x"] == [1]
    assert list(session.names["d"].values()) == [1]
