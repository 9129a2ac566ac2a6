"""Journals that are not as they should be: somebody else's, altered, damaged, empty."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
from recording import Recording

import cowtm
from cowtm.errors import BadInput, JournalNotFound, NotAJournal, StateNotFound, Untrusted
from cowtm.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a saved session of four cells, and a key of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    recording = Recording()
    recording.cells("x = [1, 2]", "y = {'x': x}", "x.append(3)", "z = 'last'")
    path = tmp_path / "session.cowtm"
    recording.tm.save(path)
    recording.close()
    return path


def spoil(path: Path, table: str, number: int) -> None:
    """Write into a row as no journal does."""
    with sqlite3.connect(path) as connection:
        last = {"pages": "data", "states": "delta"}[table]
        connection.execute(f"UPDATE {table} SET {last} = X'00' WHERE id = {number}")  # noqa: S608
    connection.close()


def test_a_journal_of_somebody_else_is_refused(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless one says that one trusts it; what goes on then is a copy of one's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "another"))
    with pytest.raises(Untrusted, match="trust=True"):
        cowtm.load(saved)
    archive = cowtm.load(saved, trust=True)
    assert archive.vars(3)["y"] == {"x": [1, 2, 3]}
    recording = Recording(folder=tmp_path / "spill")
    with pytest.raises(Untrusted, match="trust=True"):
        recording.tm.resume(saved)
    assert "x" not in recording.home
    recording.tm.resume(saved, trust=True)
    path = recording.tm.journal_path
    assert path is not None
    assert path.parent == tmp_path / "spill"
    assert any(str(path) in line for line in recording.said)
    recording.tm.past(1)
    assert recording.home["x"] == [1, 2]
    recording.close()
    assert cowtm.load(path).vars(4, "z") == "last"


def test_what_is_damaged_costs_what_needs_it(saved: Path, tmp_path: Path) -> None:
    """States are named that are lost, and those that build on them; the others are exact."""
    with Journal.open(saved, write=False) as journal:
        row = next(row for row in journal.states() if row.about["number"] == 3)
    spoil(saved, "pages", row.pages[-1])
    archive = cowtm.load(saved)
    found = {}
    for number in list(archive.states):
        try:
            found[number] = archive.vars(number)
        except cowtm.Damaged:
            continue
    assert archive.damage or 3 not in found
    assert found[1]["x"] == [1, 2]
    assert found[2]["y"]["x"] is found[2]["x"]
    recording = Recording(folder=tmp_path / "spill")
    recording.tm.resume(saved)
    assert recording.home["y"] == {"x": [1, 2]}
    assert "z" not in recording.home
    with pytest.raises(StateNotFound, match="damaged"):
        recording.tm.past(3)
    with pytest.raises(StateNotFound, match="builds on state 3"):
        recording.tm.past(4)
    recording.tm.past(1)
    assert recording.home["x"] == [1, 2]
    recording.close()


def test_a_lost_delta_costs_what_builds_on_it(saved: Path) -> None:
    """What came before is there."""
    with Journal.open(saved, write=False) as journal:
        row = next(row for row in journal.states() if row.about["number"] == 3)
    spoil(saved, "states", row.serial)
    archive = cowtm.load(saved)
    assert archive.damage
    assert list(archive.states) == [0, 1, 2]
    assert archive.vars(2)["y"] == {"x": [1, 2]}
    with pytest.raises(StateNotFound):
        archive.vars(4)
    assert "damaged" in repr(archive)


def test_what_is_no_journal_is_told(tmp_path: Path, saved: Path) -> None:
    """In words, with the name of the file."""
    nothing = tmp_path / "nothing.cowtm"
    with pytest.raises(JournalNotFound, match=r"nothing\.cowtm"):
        cowtm.load(nothing)
    nothing.write_text("some text that is no journal, but long enough to be read as one" * 20)
    with pytest.raises(NotAJournal, match=r"nothing\.cowtm"):
        cowtm.load(nothing)
    with pytest.raises(BadInput, match="path or URL"):
        cowtm.load(3)  # type: ignore[arg-type]
    empty = tmp_path / "empty.cowtm"
    Journal.create(empty, "saved").close()
    recording = Recording(folder=tmp_path / "spill")
    with pytest.raises(BadInput, match="holds no state"):
        recording.tm.resume(empty)
    recording.close()
    shutil.copy(saved, empty)
    assert cowtm.load(empty).vars(1, "x") == [1, 2]
