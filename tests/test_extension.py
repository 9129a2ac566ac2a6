"""Loading, unloading, and everything that ties a shell to its time machine."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core import interactiveshell
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import ExecutionInfo
from session import Session, new_session
from traitlets.config import Config

import cowtm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Session]:
    """Give a session without cowtm."""
    with new_session(tmp_path, loaded=False) as session:
        yield session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that records; its first own cell is number 2."""
    with new_session(tmp_path) as session:
        yield session


# ---- loading and unloading ----------------------------------------------------------------------


def traces(session: Session) -> dict[str, Any]:
    """Take stock of everything that an extension could leave behind."""
    shell = session.shell
    return {
        "module": dict(vars(interactiveshell)),
        "shell": set(vars(shell)),
        "events": {name: list(found) for name, found in shell.events.callbacks.items()},
        "magics": {kind: set(found) for kind, found in shell.magics_manager.magics.items()},
        "registry": set(shell.magics_manager.registry),
        "configurables": list(shell.configurables),
        "hidden": {name for name in shell.user_ns_hidden if not name.startswith("_i")},
        "names": {name for name in session.names if not name.startswith("_i")},
        "extensions": set(shell.extension_manager.loaded),
        "matchers": list(shell.Completer.custom_matchers),
        "config": shell.config.copy(),
        "signal": signal.getsignal(signal.SIGINT),
        "collector": gc.isenabled(),
    }


@pytest.mark.parametrize("end", ["%unload_ext cowtm", "tm.unhook()"])
def test_unloading_leaves_no_trace(plain: Session, end: str) -> None:
    """Every hook, name, magic, setting and patch is gone, and so is the time machine."""
    plain.cell("x = [1]; x")
    plain.run("%unload_ext no_such")  # IPython makes these magics at their first use
    before = traces(plain)
    plain.cells("%load_ext cowtm", "x.append(2)", "%past 2")
    assert traces(plain) != before
    machine = weakref.ref(plain.tm)
    plain.cell(end)
    after = traces(plain)
    for what in before:
        assert after[what] == before[what], what
    plain.cells("x.append(3)", "None")
    gc.collect()
    assert machine() is None
    assert plain.names["x"] == [1, 3]


def test_loading_twice_does_nothing(session: Session) -> None:
    """The time machine and what it knows stay; IPython says that it is loaded."""
    session.cell("x = 1")
    machine = session.tm
    outcome = session.cell("%load_ext cowtm")
    assert "already loaded" in outcome.output
    cowtm.load_ipython_extension(session.shell)
    assert session.tm is machine
    assert list(session.tm.states) == [0, 1, 2, 3]


def test_reloading_begins_anew(session: Session) -> None:
    """%reload_ext gives a new time machine, which works."""
    session.cells("x = [1]", "%reload_ext cowtm", "x.append(2)", "%past 3")
    assert session.names["x"] == [1]
    assert list(session.tm.states) == [2, 3, 4, 5]


def test_unloading_what_is_not_loaded(plain: Session) -> None:
    """Nothing happens."""
    before = traces(plain)
    cowtm.unload_ipython_extension(plain.shell)
    assert traces(plain) == before


def test_variables_that_are_there_are_the_first_state(plain: Session) -> None:
    """One can go back to what was there when recording began."""
    plain.cells("x = [1]; y = {'x': x}", "%load_ext cowtm", "x.append(2); del y; z = 1", "%past 1")
    assert plain.names["y"] == {"x": [1]}
    assert plain.names["y"]["x"] is plain.names["x"]
    assert "z" not in plain.names
    assert plain.tm.states[1].names == ("x", "y")


def test_loading_within_a_cell_that_goes_on(plain: Session) -> None:
    """What the cell does after loading is its own state."""
    plain.cells("x = 1", "y = 1\n%load_ext cowtm\nx = 2")
    assert plain.tm.states[1].names == ("x", "y")
    assert plain.tm.states[2].names == ("x",)
    assert plain.tm.states[2].title == "y = 1"
    plain.cell("%past 1")
    assert (plain.names["x"], plain.names["y"]) == (1, 1)


def test_loading_from_outside_of_a_cell(plain: Session) -> None:
    """As a profile's list of extensions does; the first cell has its number at once."""
    plain.cell("x = [1]")
    plain.shell.extension_manager.load_extension("cowtm")
    assert list(plain.tm.states) == [1]
    plain.cell("x.append(2); tm.past(1); y = 1")
    assert list(plain.tm.states) == [1, "2a", 2]
    assert plain.names["x"] == [1]


def test_loading_before_the_first_cell(plain: Session) -> None:
    """State 0 is what was there, nothing."""
    plain.shell.extension_manager.load_extension("cowtm")
    plain.cell("x = 1; tm.past(0)")
    assert list(plain.tm.states) == [0, "1a", 1]
    assert "x" not in plain.names


def test_a_namespace_that_is_no_plain_dict(tmp_path: Path) -> None:
    """Is refused with a reason, and nothing is left of the attempt."""

    class Names(dict[str, Any]):
        pass

    with new_session(tmp_path, loaded=False) as session:
        real = session.shell.user_ns
        session.shell.user_ns = Names(real)
        try:
            with pytest.raises(cowtm.BadInput, match=r"plain dict.*Names"):
                cowtm.load_ipython_extension(session.shell)
        finally:
            session.shell.user_ns = real
        assert "exec" not in vars(interactiveshell)


@pytest.mark.parametrize("first", [0, 1])
def test_two_shells_in_one_process(tmp_path: Path, first: int) -> None:
    """Each has its own time machine; unloading one, in whatever order, leaves the other working."""
    with (
        new_session(tmp_path / "one") as one,
        new_session(tmp_path / "two") as two,
    ):
        for session, value in ((one, 1), (two, 2)):
            session.cells(f"x = [{value}]", "x.append(0)", "y = x")
        shells = [one, two]
        gone, stays = shells[first], shells[1 - first]
        gone.cell("%unload_ext cowtm")
        assert vars(interactiveshell)["exec"] is not exec
        stays.cells("x.append(9)", "%past 2")
        assert stays.names["x"] == [1 + 1 - first]
        assert "y" not in stays.names
        assert len(gone.names["x"]) == 2
        stays.cell("%unload_ext cowtm")
    assert not {"exec", "eval", "_cowtm_views"} & vars(interactiveshell).keys()


# ---- the name tm --------------------------------------------------------------------------------


def test_completion_suggests_states_and_their_variables(session: Session) -> None:
    """Where a call wants a state's number or a variable of a state."""
    session.cells("alpha = 1; beta = 2", "gamma = 3; del beta")
    for text, wanted in {
        "%past ": {"0", "1", "2", "3"},
        "%past 2 al": {"alpha"},
        "tm.past(": {"0", "1", "2", "3"},
        "tm.ans(3": {"3"},
        "y = tm.diff(1, ": {"0", "1", "2", "3"},
        "tm.vars(2, '": {"alpha", "beta"},
        'tm.vars(3, "alpha", "': {"alpha", "gamma"},
        "tm.history('g": {"gamma"},
        'tm.blame("': {"alpha", "gamma"},
    }.items():
        assert set(completions(session, text)) == wanted, text
    for text in ("tm.vars(77, '", "tm.vars('nonsense', '", "%past 77 x"):
        assert not {"alpha", "gamma"} & set(completions(session, text))
    session.shell.Completer.use_jedi = False  # under load it may give nothing
    assert "alpha" in completions(session, "al"), "the other matchers have their say"


def completions(session: Session, text: str) -> list[str]:
    """Complete a text."""
    with provisionalcompleter():
        found = session.shell.Completer.completions(text, len(text))
        return [completion.text for completion in found]


def test_a_variable_named_tm_gives_way(plain: Session) -> None:
    """It is said, and the variable is back after unloading."""
    plain.cell("tm = 'mine'")
    outcome = plain.cell("%load_ext cowtm")
    assert "your variable 'tm' gives way" in outcome.output
    plain.cells("x = 1", "%past 1")
    assert plain.cell("tm").value is plain.tm
    plain.cell("%unload_ext cowtm")
    assert plain.names["tm"] == "mine"


def test_tm_bound_by_the_user(session: Session) -> None:
    """It is a variable then; travelling to where it was not brings the time machine back."""
    session.cell("x = 1")
    session.cell("tm = 5")
    assert session.last.names == ("tm",)
    session.cell("%past 2")
    assert session.cell("tm").value is session.tm
    session.cell("%past 3")
    assert session.names["tm"] == 5
    session.cell("%unload_ext cowtm")
    assert session.names["tm"] == 5


@pytest.mark.parametrize(
    "source", ["%reset -f", "del tm", "get_ipython().reset(new_session=False)"]
)
def test_tm_comes_back(session: Session, source: str) -> None:
    """After a reset, or when it was deleted, it is there again."""
    session.cells("x = 1", source)
    assert session.names["tm"] is session.tm
    assert session.cell("%who").output.split() == (
        ["x"] if source == "del tm" else ["Interactive", "namespace", "is", "empty."]
    )
    session.cell("tm.past(2)")
    assert session.names["x"] == 1


# ---- cells --------------------------------------------------------------------------------------


def test_every_cell_has_a_state(session: Session) -> None:
    """Also those that fail, in whatever way; marked so."""
    session.cell("x = 1")
    session.fail("x = 2\n1 / 0")
    session.fail("x = = 3")
    session.fail("  x = 3\n y = 4")
    session.fail("%no_such_magic")
    session.fail("raise KeyboardInterrupt")
    with pytest.warns(UserWarning, match="To exit"):
        session.fail("raise SystemExit")
    marks = [session.tm.states[n].error for n in range(2, 9)]
    assert marks[:2] == [None, "ZeroDivisionError"]
    assert marks[2] == "SyntaxError"
    assert marks[3] == "IndentationError"
    assert marks[4] in ("UsageError", "SyntaxError")
    assert marks[5] == "KeyboardInterrupt"
    assert marks[6] == "SystemExit"
    session.cell("%past 2")
    assert session.names["x"] == 1
    session.cell("%past 3")
    assert session.names["x"] == 2


def test_empty_cells_are_no_cells(session: Session) -> None:
    """Nor do they disturb the one around them."""
    session.cell("x = 1")
    for source in ("", "  ", "\n\n"):
        session.cell(source)
    assert list(session.tm.states) == [0, 1, 2]
    session.cell("get_ipython().run_cell(''); x = 2")
    assert session.last.source == "get_ipython().run_cell(''); x = 2"
    assert list(session.tm.states) == [0, 1, 2, 3]


def test_a_comment_alone_is_a_cell(session: Session) -> None:
    """It changes nothing."""
    session.cell("# nothing")
    assert (session.last.number, session.last.names) == (2, ())


def test_silent_and_unstored_cells_go_with_the_next(session: Session) -> None:
    """They have no number of their own; what they changed is not lost."""
    session.cell("x = [1]")
    session.cell("x.append(2)", store_history=False)
    session.cell("y = 1", silent=True)
    assert list(session.tm.states) == [0, 1, 2]
    session.tm.recorder.recheck = 0.0
    session.cell("z = 1")
    assert session.last.names == ("x", "y", "z")
    session.cell("%past 2")
    assert session.names["x"] == [1]


def test_nested_cells_are_part_of_the_outer_one(session: Session) -> None:
    """One state for the cell that the user ran; asking for an inner one says why there is none."""
    session.cell("x = [1]")
    session.cell("get_ipython().run_cell('x.append(2); y = 1', store_history=True); z = 2")
    assert session.last.names == ("x", "y", "z")
    outer = session.last.number
    assert outer == 3
    session.cell("w = 1")
    session.cell("%past 2")
    assert session.names["x"] == [1]
    assert not {"y", "z", "w"} & session.names.keys()


def test_a_cell_whose_end_is_not_told(session: Session) -> None:
    """The next one is a cell of its own all the same, with what both changed."""
    session.cell("x = [1]")
    make: Any = ExecutionInfo
    info = make("lost", store_history=True, silent=False, shell_futures=True, cell_id=None)
    session.shell.events.trigger("pre_run_cell", info)
    session.names["x"].append(2)
    session.cell("y = 1")
    assert session.last.number == 3
    session.cell("z = 1")
    assert session.last.names == ("z",)


def test_a_cell_interrupted_before_its_code_runs(session: Session) -> None:
    """IPython gives a result of another kind then; the cell has ended all the same."""
    session.cell("x = 1")

    def interrupt(_: object) -> None:
        session.shell.ast_transformers.clear()
        raise KeyboardInterrupt

    session.shell.ast_transformers.append(SimpleNamespace(visit=interrupt))
    session.fail("x = 2")
    assert session.last.error == "KeyboardInterrupt"
    session.cell("x = 3")
    # (IPython 8 gives the interrupted cell and the next one the same number.)
    state = session.tm.blame("x")
    assert state.names == ("x",)
    assert state.source == "x = 3"


def test_names_of_ipython_taken_by_the_user(session: Session) -> None:
    """They are variables then; travelling to before that brings IPython's own back."""
    kept = session.names["exit"], session.names["__name__"]
    session.cells("globals()['exit'] = 5; __name__ = 'mine'; open = 7", "%past 1")
    assert (session.names["exit"], session.names["__name__"]) == kept
    session.cell("%past 2")
    assert [session.names[name] for name in ("exit", "__name__", "open")] == [5, "mine", 7]


def test_what_a_state_says_of_its_cell(session: Session) -> None:
    """Source as typed, time, duration, the notebook's name of the cell."""
    session.cell("import time\n%time time.sleep(0.01)", cell_id="abc")
    assert session.last.source == "import time\n%time time.sleep(0.01)"
    assert session.last.duration >= 0.01
    assert 0 < session.last.cost < 1
    assert session.last.cell_id == "abc"


def test_a_count_set_back_by_the_user(session: Session) -> None:
    """Numbers come again: the newer state of a number has it, and nothing breaks."""
    session.cells("x = 1", "x = 2", "x = 3", "get_ipython().execution_count = 3", "x = 4", "x = 5")
    session.cell("%past 2")
    assert session.names["x"] == 1
    text = repr(session.tm.states)
    assert "x = 5" in text


def test_cells_in_other_threads(session: Session) -> None:
    """Cells and calls from threads find their way, one after the other."""
    session.cell("xs = []")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            session.shell.run_cell(f"xs.append({number})", store_history=True)
            session.tm.vars(2)
            session.tm.audit()
            repr(session.tm.states)
        except BaseException as error:  # noqa: BLE001  shown by the assertion
            errors.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.shell, "loop_runner", session.shell.loop_runner)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
            thread.join()
    assert errors == []
    assert sorted(session.names["xs"]) == [0, 1, 2, 3]
    session.cell("%past 2")
    assert session.names["xs"] == []


def test_two_cells_at_the_same_time(session: Session) -> None:
    """As a kernel's subshells run them: what both did is in the state of the one that ends last."""
    session.cell("import threading\nstarted, go = threading.Event(), threading.Event()\nxs = []")
    slow = threading.Thread(
        target=session.shell.run_cell,
        args=("started.set(); go.wait(); xs.append('slow')",),
        kwargs={"store_history": True},
    )
    slow.start()
    session.names["started"].wait()
    quick = session.shell.run_cell("xs.append('quick')", store_history=True)
    session.names["go"].set()
    slow.join()
    session.cell("xs.append('after')")
    if quick.execution_count == 4:  # older versions of IPython give both the same number
        with pytest.raises(cowtm.StateNotFound, match="ran within another cell"):
            session.tm.past(4)
    session.cell("%past 2")
    assert session.names["xs"] == []
    session.cell("%undo")
    assert session.names["xs"] == ["quick", "slow", "after"]


def test_an_interrupt_while_recording(session: Session) -> None:
    """The state is whole, and the interrupt goes no further."""
    session.cell("x = [1]")
    recorder = session.tm.recorder
    hidden = recorder._hidden

    def interrupt(name: str, value: object) -> bool:
        if name == "y":
            os.kill(os.getpid(), signal.SIGINT)
        return hidden(name, value)

    recorder._hidden = interrupt
    outcome = session.cell("x.append(2); y = 1")
    assert "the interrupt came while the cell was recorded; it is recorded" in outcome.output
    assert session.last.names == ("x", "y")
    recorder._hidden = hidden
    session.cell("%past 2")
    assert session.names["x"] == [1]
    session.cell("%past 3")
    assert (session.names["x"], session.names["y"]) == ([1, 2], 1)


def test_an_error_while_recording_is_one_line(session: Session) -> None:
    """The cell is not harmed, and what it changed goes with the next one."""
    session.cell("x = [1]")

    def refuse(*_: object) -> bool:
        message = "no room"
        raise MemoryError(message)

    hidden = session.tm.recorder._hidden
    session.tm.recorder._hidden = refuse
    outcome = session.cell("x.append(2); y = 1\nprint('done')")
    session.tm.recorder._hidden = hidden
    lines = outcome.output.splitlines()
    assert lines[0] == "done"
    assert "could not be recorded (MemoryError: no room)" in lines[1]
    assert len(lines) == 2
    session.cell("z = 1")
    assert set(session.last.names) >= {"x", "y", "z"}
    session.cell("%past 2")
    assert session.names["x"] == [1]
    assert not {"y", "z"} & session.names.keys()


# ---- settings -----------------------------------------------------------------------------------


def test_settings_are_listed_and_set(session: Session) -> None:
    """%config TimeMachine shows them; a new value is used at once."""
    assert "TimeMachine.recheck" in session.cell("%config TimeMachine").output
    session.cell("%config TimeMachine.recheck = 0.5")
    assert session.tm.recorder.recheck == 0.5
    session.cells("x = 1", "%config TimeMachine.announce = False", "x = 2")
    assert "back after" not in session.cell("%past 3").output


def test_a_bad_setting_is_refused(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """With a clear error; the next load works, with the default."""
    session.run("%config TimeMachine.recheck = 'soon'")
    assert "The 'recheck' trait" in caplog.text
    assert "'soon'" in caplog.text
    session.cell("%config TimeMachine.recheck = -1.0")
    assert session.tm.recorder.recheck == 0.0
    session.cell("%unload_ext cowtm")
    session.shell.config.TimeMachine.recheck = "soon"
    outcome = session.cell("%load_ext cowtm")
    assert "cowtm: a setting is not understood, the default is used" in outcome.output
    session.cells("x = 1", "x = 2", "%undo")
    assert session.names["x"] == 1


def test_settings_of_a_profile(tmp_path: Path) -> None:
    """c.TimeMachine in a profile is what a session starts with."""
    config = Config()
    config.TimeMachine.recheck = 0.25
    with new_session(tmp_path, config=config) as session:
        assert session.tm.recorder.recheck == 0.25


# ---- magics -------------------------------------------------------------------------------------


def test_magics_explain_themselves(session: Session) -> None:
    """A question mark shows help for magics and calls."""
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("IPython.core.page.page", lambda data, *_, **__: shown.append(str(data)))
        session.cells("%past?", "tm.past?")
    assert "%past 3" in shown[0]
    assert "Put all variables back" in shown[1]
    assert "In [1]" in shown[1]


def test_timeline_lists_states(session: Session) -> None:
    """%timeline is tm.states."""
    session.cell("x = 1")
    assert "x = 1" in repr(session.cell("%timeline").value)


def test_an_array_that_numpy_will_not_resize(session: Session) -> None:
    """Numpy refuses to resize an array that is referred to; a line says what to do instead."""
    session.cells("import numpy as np; x = np.zeros(3)")
    assert "np.resize(x, n)" in session.fail("x.resize(5)").output
    session.cell("x = np.resize(x, 5)")
    assert session.names["x"].shape == (5,)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("disk_budget = '500'", "a journal takes 1.0 MiB at least; got '500'"),
        ("disk_budget = 'much'", "a budget is a size such as"),
        ("spill_dir = '/proc/nowhere'", "journals can't be put into '/proc/nowhere'"),
        ("memory_budget = -1", "a budget is a size such as"),
    ],
)
def test_a_setting_that_can_not_be_kept_is_refused(
    session: Session, caplog: pytest.LogCaptureFixture, setting: str, said: str
) -> None:
    """It stays as it was, and nothing is dropped for it."""
    session.cell("x = [1]")
    session.cell("x.append(2)")
    before = session.cell("%config TimeMachine").output
    states = list(session.tm.states)
    session.run(f"%config TimeMachine.{setting}")
    assert said in caplog.text  # IPython logs it
    session.cell("x.append(3)")
    assert session.cell("%config TimeMachine").output == before
    assert set(states) <= set(session.tm.states)
