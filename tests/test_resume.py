"""A session goes on in another kernel: its variables, its states, its numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from session import Session, new_session

import cowtm
from cowtm.errors import BadInput, JournalInUse, JournalNotFound, NotAJournal, StateNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Give the journal of a session that is over: cells 2 to 5."""
    path = tmp_path / "saved.cowtm"
    with new_session(tmp_path / "one") as session:
        session.cells(
            "x = [1]\ny = x", "x.append(2)\nx", "def f(): return k\nk = 5", "z = {'a': x}"
        )
        session.cell(f"tm.save({str(path)!r})")
    return path


@pytest.fixture
def session(tmp_path: Path, saved: Path) -> Iterator[Session]:
    """Give a session in a shell of its own."""
    assert saved.exists()
    with new_session(tmp_path / "two") as session:
        yield session


def resume(session: Session, path: Path, more: str = "") -> Any:
    """Resume a journal in a cell."""
    return session.cell(f"tm.resume({str(path)!r}{more})")


def test_variables_states_and_numbers_are_back(session: Session, saved: Path) -> None:
    """The cell that resumes is the one after those of the journal."""
    outcome = resume(session, saved)
    names = session.names
    assert names["x"] is names["y"] is names["z"]["a"]
    assert names["f"]() == 5
    assert outcome.output.splitlines()[-1].startswith("resumed after cell ")
    assert list(session.tm.states)[:7] == [0, 1, 2, 3, 4, 5, 6]
    number = session.cell("x.append(3)").number
    assert number is not None
    assert number in session.tm.states
    assert session.tm.states[number].names == ("x", "y", "z")
    assert session.tm.ans(3) == [1, 2]
    assert names["In"][2] == "x = [1]\ny = x"
    assert session.shell.execution_count == number + 1


def test_any_state_can_be_travelled_to(session: Session, saved: Path) -> None:
    """Those of before and those of after, forth and back, in place."""
    resume(session, saved)
    live = session.names["x"]
    after = session.cell("x.append(3)\nnew = [x]").number
    session.cell("tm.past(2)")
    assert session.names["x"] is live
    assert (live, "z" in session.names, "new" in session.names) == ([1], False, False)
    session.cell(f"tm.past({after})")
    assert session.names["new"] == [[1, 2, 3]]
    assert session.names["new"][0] is live
    session.cell("tm.past(4)")
    assert (session.names["f"](), live) == (5, [1, 2])


def test_undo_after_resume(session: Session, saved: Path) -> None:
    """Steps of the session before can be undone in this one."""
    resume(session, saved)
    session.cell("tm.undo()")
    assert "z" not in session.names
    session.cell("tm.undo()")
    assert "f" not in session.names


def test_variables_of_the_same_names_are_not_replaced_unasked(
    session: Session, saved: Path
) -> None:
    """It is said which they are, and nothing has changed."""
    session.cells("x = 'mine'", "other = 1")
    known = list(session.tm.states)
    outcome = session.fail(f"tm.resume({str(saved)!r})")
    assert isinstance(outcome.error, BadInput)
    assert " x;" in str(outcome.error)
    assert (session.names["x"], "y" in session.names) == ("mine", False)
    assert [n for n in session.tm.states if n in known] == known
    resume(session, saved, ", replace=True")
    assert session.names["x"] == [1, 2]
    assert session.names["other"] == 1


def test_variables_of_this_session_stay(session: Session, saved: Path) -> None:
    """What the journal does not know is recorded with the cell that resumed."""
    session.cell("mine = [1]")
    outcome = resume(session, saved)
    assert session.names["mine"] == [1]
    assert "mine" in session.tm.states[session.shell.execution_count - 1].names
    assert outcome.error is None
    session.cell("mine.append(2)")
    session.cell(f"tm.past({session.shell.execution_count - 2})")
    assert session.names["mine"] == [1]


def test_a_journal_in_use_is_refused(session: Session, saved: Path) -> None:
    """Two sessions never write the same journal."""
    resume(session, saved)
    other = (
        "import sys\nfrom cowtm.machine import TimeMachine\nfrom cowtm.errors import JournalInUse\n"
        "tm = TimeMachine({'__name__': '__main__'})\ntm.begin(0)\n"
        "try: tm.resume(sys.argv[1])\nexcept JournalInUse as error: print('refused', error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", other, str(saved)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused")
    assert str(saved) in done.stdout


def test_resuming_what_one_writes_oneself(session: Session, saved: Path) -> None:
    """The journal of this very session is in use too: nothing changes."""
    resume(session, saved)
    session.cell("x.append(4)")
    outcome = session.fail(f"tm.resume({str(saved)!r}, replace=True)")
    assert isinstance(outcome.error, JournalInUse)
    assert session.names["x"] == [1, 2, 4]
    number = session.cell("x.append(5)").number
    session.cell("tm.past(3)")
    assert session.names["x"] == [1, 2]
    session.cell(f"tm.past({number})")
    assert session.names["x"] == [1, 2, 4, 5]


def test_resuming_twice(session: Session, saved: Path, tmp_path: Path) -> None:
    """A session can go on with another journal; the one before is left as it was then."""
    resume(session, saved)
    session.cell("x.append(3)")
    copy = tmp_path / "copy.cowtm"
    session.cell(f"tm.save({str(copy)!r})")
    session.cell("x.append('more')")
    resume(session, copy, ", replace=True")
    assert session.names["x"] is session.names["y"]
    assert session.names["x"] == [1, 2, 3]
    session.cell("tm.past(2)")
    assert session.names["x"] == [1]


@pytest.mark.parametrize(
    ("content", "error"), [(None, JournalNotFound), (b"not a journal " * 500, NotAJournal)]
)
def test_what_can_not_be_resumed(
    session: Session, tmp_path: Path, content: bytes | None, error: type[Exception]
) -> None:
    """No file, and a file that is something else: refused, and nothing has changed."""
    path = tmp_path / "other.cowtm"
    if content is not None:
        path.write_bytes(content)
    session.cell("mine = 1")
    for call in (f"tm.resume({str(path)!r})", f"__import__('cowtm').load({str(path)!r})"):
        assert isinstance(session.fail(call).error, error)
    assert session.names["mine"] == 1
    assert session.tm.vars(session.tm.blame("mine").number, "mine") == 1


# -- looking at a journal --------------------------------------------------------------------------


def test_a_loaded_journal_answers_as_the_session_did(tmp_path: Path) -> None:
    """Variables, results, differences, histories and authors are told as they were live."""
    path = tmp_path / "asked.cowtm"
    with new_session(tmp_path / "one") as session:
        session.cells(
            "import numpy as np\nx = ['a' * 50, 'b' * 50, 2.5, 10**30]\nbig = list(range(20_000))",
            "x.append(2)\nx",
            "big[7] = 'seven'\ns = 'text'\nd = {'k': x, 'l': 'm' * 40}",
            "a = np.zeros(300_000)\nd['k'] = 5\ndel s",
            "a[5] = 1.0\ns = 'text'",
        )
        live = session.tm.archive
        asked = {
            "states": list(live.states),
            "names": [live.names(n) for n in live.states],
            "diff": [live.diff(a, b).rows for a in range(2, 7) for b in range(2, 7)],
            "history": [[row[2:] for row in live.history(n).rows] for n in ("x", "big", "d", "a")],
            "blame": [live.blame(n).number for n in ("x", "big", "d", "a", "s")],
            "ans": live.ans(3),
        }
        session.cell(f"tm.save({str(path)!r})")
    archive = cowtm.load(path)
    count = len(asked["names"])
    assert list(archive.states)[:count] == asked["states"]
    assert [archive.names(n) for n in archive.states][:count] == asked["names"]
    found = [archive.diff(a, b).rows for a in range(2, 7) for b in range(2, 7)]
    assert found == asked["diff"]
    histories = [[row[2:] for row in archive.history(n).rows] for n in ("x", "big", "d", "a")]
    assert histories == asked["history"]
    assert [archive.blame(n).number for n in ("x", "big", "d", "a", "s")] == asked["blame"]
    assert archive.ans(3) == asked["ans"]
    assert archive.damage == ()
    assert str(path) in repr(archive)
    assert "<table" in archive._repr_html_()
    with pytest.raises(StateNotFound, match="nearest"):
        archive.vars(99)


# -- after a kill ----------------------------------------------------------------------------------

WRITER = """
import os, sys
from pathlib import Path
from cowtm.keeper import Limits
from cowtm.machine import TimeMachine
import __main__
folder, path = sys.argv[1:]
OURS = {*vars(__main__), "OURS", "number", "tm", "step", "cell", "goal", "folder", "path"}
number = 0
tm = TimeMachine(vars(__main__), lambda n, v: n in OURS or n.startswith("__"), lambda: number, str)
tm.limits = Limits(folder=Path(folder), autosave=True)
tm.begin(0)
def cell(source):
    global number
    number += 1
    tm.begin_cell(source)
    exec(source, vars(__main__), tm.recorder.view)
    tm.end_cell(number)
OURS |= {"cell"}
if path:
    number = 1000
    tm.resume(path)
    number = max(n for n in tm.states if isinstance(n, int))
    assert log == list(range(len(log))), log
    assert Entry(3).twice() == 6 and type(entries[0]) is Entry and len(entries) == len(log)
    for goal in (2, number, 3, number):
        tm.past(goal)
        assert len(log) == goal - 1 and len(entries) == len(log), (goal, log)
else:
    cell("class Entry:\\n    def __init__(self, n): self.n = n\\n"
         "    def twice(self): return self.n * 2\\nlog, entries = [], []")
for step in range(3):
    cell("log.append(len(log)); entries.append(Entry(len(entries)))")
tm.flush()
print(tm.journal_path, number, flush=True)
sys.stdin.read()
"""


def test_a_session_that_is_killed_goes_on_again_and_again(tmp_path: Path) -> None:
    """Resume, travel, add cells, be killed: three lives of one session."""
    path = ""
    for life in range(1, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "spill"), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert line, errors
        path, number = line.split()
        assert int(number) == 1 + 3 * life
    assert list((tmp_path / "spill").iterdir())
    archive = cowtm.load(path)
    assert [len(archive.vars(n, "log")) for n in range(1, 11)] == list(range(10))
