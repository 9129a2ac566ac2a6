"""``python -m cowtm show FILE``: what a journal holds, without running anything in it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from journals import fill
from programs import said_by

from cowtm.__main__ import main
from cowtm.journal import Journal, StateRow
from cowtm.journal.trust import Sealer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a Jupyter data directory of their own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def test_it_lists_the_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Number, parent, first line of the cell, changed names, and how big they are."""
    path = tmp_path / "x.cowtm"
    about = {
        "number": 7,
        "parent": None,
        "source": "\n# read it\nframe = read()",
        "started": 0.0,
        "duration": 1.5,
        "names": ["frame", "model"],
        "error": None,
    }
    with Journal.create(path, "session") as journal:
        journal.put_page(1, bytes(2000), [])
        journal.put_state(StateRow(1, about, b"delta", (1,)))
        journal.put_state(StateRow(2, {"number": "7b", "parent": 7, "error": "E"}, b"", ()))
    assert main(["show", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(path)
    assert lines[1].split() == ["state", "parent", "started", "ran", "cell", "changed", "bytes"]
    assert lines[2].split()[0] == "7"
    assert "# read it" in lines[2]
    assert "frame, model" in lines[2]
    assert "1.5 s" in lines[2]
    assert lines[2].endswith("2.2 KiB")
    assert lines[3].split()[:3] == ["7b", "7", "(failed)"]
    assert lines[4].startswith("2 states, ")
    assert "signed with your key" in lines


GONE = "what a session had no room for in memory, gone when it ends, begun "


@pytest.mark.parametrize(
    ("kind", "keep", "words"),
    [
        ("session", False, "a session journal, begun "),
        ("saved", False, "a saved journal, begun "),
        ("spill", True, "the journal of a session, begun "),
        ("spill", False, GONE),
    ],
)
def test_it_says_what_a_journal_is_for(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: Any,
    words: str,
    *,
    keep: bool,
) -> None:
    """One that autosave keeps is the session's, though it began as a place for what overflows."""
    path = tmp_path / "x.cowtm"
    with Journal.create(path, kind) as journal:
        if keep:
            journal.put_note("keep", True)  # noqa: FBT003  a value in JSON
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert words in shown
    assert "spill" not in shown
    assert main(["show", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == (words != GONE)


def test_nothing_in_it_is_unpickled(tmp_path: Path) -> None:
    """A process that shows a journal of bombs lives, and has not imported what would read them."""
    path = tmp_path / "x.cowtm"
    bomb = b"cposix\n_exit\n(I99\ntR."
    with Journal.create(path, "session") as journal:
        journal.put_page(1, bomb, [])
        journal.put_birth(1, bomb)
        journal.put_state(StateRow(1, {"number": 1}, bomb, (1,)))
    script = (
        "import sys; from cowtm.__main__ import main; code = main(['show', sys.argv[1]]);"
        "print('cloudpickle' in sys.modules); sys.exit(code)"
    )
    assert said_by(script, path)[-1] == "False"


def test_text_of_others_can_not_move_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a journal says comes out in characters that can be seen."""
    path = tmp_path / "x.cowtm"
    evil = "\x1b[2J\x07\u202eevil\r"
    about = {"number": evil, "parent": evil, "source": evil, "names": [evil], "started": evil}
    with Journal.create(path, "session") as journal:
        journal.put_state(StateRow(1, about, b"", ()))
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2J\\x07\\u202eevil" in out
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"number": None, "started": 1e300, "duration": -1},
        {"started": float("inf"), "duration": float("nan"), "names": {"a": 1}, "source": 5},
        {"number": [1], "parent": {}, "names": [None, [2]], "unknown": "shown by --json"},
    ],
)
def test_states_of_any_shape_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], about: dict[str, object]
) -> None:
    """A journal may come from anybody, or from a later version."""
    path = tmp_path / "x.cowtm"
    with Journal.create(path, "session") as journal:
        journal.put_state(StateRow(1, about, b"", ()))
    assert main(["show", str(path)]) == 0
    assert "1 state, " in capsys.readouterr().out


def test_for_programs_everything_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON has each state as it was written, with its serial and size."""
    path = tmp_path / "x.cowtm"
    written = fill(path, 3)
    assert main(["show", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [state["serial"] for state in found["states"]] == [1, 2, 3]
    for state, one in zip(found["states"], written.values(), strict=True):
        assert state.items() >= one.about.items()
        assert state["size"] > len(one.delta) + len(one.page) + len(one.frame)
    assert found["header"]["kind"] == "session"
    assert (found["signed"], found["in_use"], found["damage"], found["lost"]) == (
        "yes",
        False,
        [],
        {},
    )


def test_a_journal_in_use_is_shown_and_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its writer goes on undisturbed."""
    path = tmp_path / "x.cowtm"
    with Journal.create(path, "session") as journal:
        journal.put_state(StateRow(1, {"number": 1}, b"", ()))
        assert main(["show", str(path)]) == 0
        assert "in use" in capsys.readouterr().out
        journal.put_state(StateRow(2, {"number": 2}, b"", ()))
    assert main(["show", str(path)]) == 0
    assert "in use" not in capsys.readouterr().out


def test_a_journal_of_somebody_else_is_shown_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in it runs, so there is nothing to refuse."""
    path = tmp_path / "x.cowtm"
    fill(path, 2)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "mine"))
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 states" in out
    assert "runs code of whoever wrote it" in out


def test_a_row_that_was_altered_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though the header is signed as it should be, and the row's digest is right."""
    path = tmp_path / "x.cowtm"
    fill(path, 2)
    with Journal.open(path, write=False) as journal:
        forger = Sealer(bytes.fromhex(journal.header["id"]), b"guess")
    with sqlite3.connect(path) as connection:
        seal = forger.seal("births", 1, (b"evil",))
        connection.execute("UPDATE births SET data = x'6576696c', seal = ? WHERE id = 1", (seal,))
    connection.close()
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "altered after your key had signed it" in out
    assert "2 states" in out


def test_damage_is_shown_and_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which states are lost, and those that are not."""
    path = tmp_path / "x.cowtm"
    fill(path, 20)
    with Journal.open(path, write=True) as journal:
        (key,) = journal.chunks_of(7)
        del journal.chunks[key]
    assert main(["show", str(path)]) == 1
    out = capsys.readouterr().out
    assert "damaged: " in out
    assert "lost: state 7: a chunk" in out
    assert "20 states" in out


def test_what_is_no_journal_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on the error stream says why."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" * 5000)
    assert main(["show", str(path)]) == 2
    assert main(["show", str(tmp_path / "nothing.cowtm")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert "x.csv is no journal" in lines[0]
    assert "there is no journal" in lines[1]
    assert path.read_text() == "a,b\n" * 5000
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]
