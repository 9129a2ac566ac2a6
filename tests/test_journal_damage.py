"""Damaged journals: what is left is read, what is lost is named, and nothing wrong is given."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import pytest
from journals import Written, fill, read_all, read_what_is_left, write_state

from cowtm.errors import Damaged, NotAJournal, StateNotFound
from cowtm.journal import Journal
from cowtm.journal.database import PAGE
from cowtm.journal.tables import FIRST_ROOT, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATES = 50

ON_A_PAGE = 20
"""States that can have something on one page of the file, with what `write_state` writes."""

LIST = FIRST_ROOT + list(TABLES).index("ledger")
"""The page with the list of the states."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a Jupyter data directory of their own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a journal."""
    return tmp_path / "x.cowtm"


def check(path: Path, written: dict[int, Written]) -> int:
    """Read what is left of a journal; gives how many states are lost.

    Each state is as it was written, or said to be lost.
    """
    with Journal.open(path, write=False) as journal:
        read, lost = read_what_is_left(journal)
        assert read == {serial: written[serial] for serial in read}
        unknown = any("the list of the states" in why for why in journal.damage)
        if not unknown:
            assert {*read, *lost} == set(written)
        assert journal.damage or not lost
        return len(written) - len(read)


def overwrite(path: Path, page: int, garbage: bytes) -> None:
    """Write something over a page of the file."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(garbage)


@pytest.mark.long
def test_a_flipped_byte_costs_one_state_or_few(path: Path) -> None:
    """Those of one page, if it is where the page says what is in it: 120 places drawn."""
    written = fill(path, STATES)
    whole = path.read_bytes()
    dice = random.Random(11)
    lost = []
    for _ in range(120):
        data = bytearray(whole)
        data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        path.write_bytes(data)
        lost.append(check(path, written))
    assert max(lost) <= ON_A_PAGE
    assert sum(lost) <= 132


@pytest.mark.long
def test_a_flipped_byte_in_the_first_pages_costs_no_more(path: Path) -> None:
    """There is what holds all together: the schema, the map, the header and the first of trees."""
    written = fill(path, STATES)
    whole = path.read_bytes()
    dice = random.Random(12)
    places = [*range(110), *dice.sample(range(110, (FIRST_ROOT + len(TABLES)) * PAGE), 120)]
    for place in places:
        data = bytearray(whole)
        data[place] ^= dice.randrange(1, 256)
        path.write_bytes(data)
        assert check(path, written) <= ON_A_PAGE


@pytest.mark.parametrize("kind", ["zeros", "noise", "another page"])
def test_an_overwritten_page_costs_what_was_on_it(path: Path, kind: str) -> None:
    """Never all: not the first page, nor those that hold a tree together."""
    written = fill(path, STATES)
    whole = path.read_bytes()
    dice = random.Random(13)
    pages = len(whole) // PAGE
    some = {*range(1, FIRST_ROOT + len(TABLES) + 3), *dice.sample(range(1, pages + 1), 30)}
    for page in some:
        path.write_bytes(whole)
        other = dice.randrange(pages) * PAGE
        garbage = {
            "zeros": bytes(PAGE),
            "noise": dice.randbytes(PAGE),
            "another page": whole[other : other + PAGE],
        }[kind]
        overwrite(path, page, garbage)
        assert check(path, written) <= ON_A_PAGE


def test_a_file_cut_short_gives_what_is_left(path: Path) -> None:
    """At every page: what was there is named, until the list of it is cut off too."""
    written = fill(path, STATES)
    whole = path.read_bytes()
    lost = []
    for size in range(len(whole) - PAGE, 0, -3 * PAGE):
        path.write_bytes(whole[:size])
        if size < FIRST_ROOT * PAGE:
            with pytest.raises((NotAJournal, Damaged), match=r"x\.cowtm"):
                Journal.open(path, write=False)
            continue
        lost.append(check(path, written))
    assert lost[0] <= 5
    assert lost == sorted(lost)
    assert lost[-1] == STATES


def test_a_file_cut_short_anywhere_gives_what_is_left(path: Path) -> None:
    """Not only where a page ends."""
    written = fill(path, STATES)
    whole = path.read_bytes()
    dice = random.Random(14)
    for _ in range(20):
        path.write_bytes(whole[: dice.randrange(FIRST_ROOT * PAGE, len(whole))])
        check(path, written)


def test_lost_states_are_named_as_the_user_knows_them(path: Path) -> None:
    """By their number, if their row is there and only something that it needs is lost."""
    fill(path, 5)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM pages WHERE id = 2")
        connection.execute("DELETE FROM states WHERE id = 4")
    connection.close()
    with Journal.open(path, write=False) as journal:
        lost = journal.lost_states()
        assert list(lost) == [2, "serial 4"]
        assert "page 2" in lost[2]
        assert len(journal.damage) == 1
        assert [row.serial for row in journal.states()] == [1, 2, 3, 5]
        with pytest.raises(Damaged, match="page 2"):
            journal.page(2)
        with pytest.raises(Damaged, match="serial 4"):
            journal.state(4)


def test_a_missing_chunk_costs_the_states_that_need_it(path: Path) -> None:
    """And only these."""
    fill(path, 5)
    with Journal.open(path, write=True) as journal:
        (key,) = journal.chunks_of(3)
        del journal.chunks[key]
    with Journal.open(path, write=False) as journal:
        assert list(journal.lost_states()) == [3]
        assert "chunk" in journal.lost_states()[3]


def destroy_first_page(path: Path) -> None:
    """Overwrite the page without which SQLite reads nothing."""
    overwrite(path, 1, bytes(PAGE))


def destroy_row(path: Path) -> None:
    """Remove a row behind the journal's back."""
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM pages WHERE id = 2")
    connection.close()


@pytest.mark.parametrize("destroy", [destroy_first_page, destroy_row])
def test_a_damaged_journal_is_not_written(path: Path, destroy: Callable[[Path], None]) -> None:
    """The error says what to do; the file stays as it is, and can still be read."""
    fill(path, 5)
    destroy(path)
    before = path.read_bytes()
    with pytest.raises(Damaged, match="load it"):
        Journal.open(path, write=True)
    assert path.read_bytes() == before
    with Journal.open(path, write=False) as journal:
        assert len(journal.states()) == 5


def test_a_damaged_journal_is_not_copied(path: Path, tmp_path: Path) -> None:
    """A copy that lacks something would look whole."""
    fill(path, 5)
    destroy_row(path)
    with Journal.open(path, write=False) as journal, pytest.raises(Damaged):
        journal.backup(tmp_path / "y.cowtm")
    assert not (tmp_path / "y.cowtm").exists()


def test_what_was_deleted_does_not_come_back(path: Path) -> None:
    """Pages that are free now still hold old rows; they are not taken for states."""
    dice = random.Random(15)
    with Journal.create(path, "session") as journal:
        written = {serial: write_state(journal, serial, dice) for serial in range(1, 41)}
        for serial in range(1, 41, 2):
            row = journal.state(serial)
            journal.put_state(type(row)(serial, row.about, b"replaced" * 700, row.pages))
            written[serial] = Written(
                row.about,
                b"replaced" * 700,
                written[serial].page,
                written[serial].frame,
                written[serial].birth,
            )
        journal.remove(range(20, 30))
        for serial in range(20, 30):
            del written[serial]
    destroy_first_page(path)
    with Journal.open(path, write=False) as journal:
        assert journal.damage
        assert read_all(journal) == written


def test_the_log_of_a_killed_process_is_read_too(path: Path) -> None:
    """The file was never closed, and its first page is destroyed."""
    dice = random.Random(16)
    journal = Journal.create(path, "session")
    written = {serial: write_state(journal, serial, dice) for serial in range(1, 10)}
    log = path.with_name("x.cowtm-wal")
    data = path.read_bytes(), log.read_bytes()
    journal.close()
    path.write_bytes(bytes(PAGE) + data[0][PAGE:])
    log.write_bytes(data[1])
    with Journal.open(path, write=False) as journal:
        assert read_all(journal) == written


def test_a_damaged_file_of_somebody_who_writes_it_is_not_searched(path: Path) -> None:
    """Opening and closing it besides SQLite would take the writer's locks away."""
    with Journal.create(path, "session") as journal:
        write_state(journal, 1, random.Random(17))
        journal.flush()
        with Journal.open(path, write=False) as reader:
            journal._database.execute("UPDATE pages SET data = x'00'")
            with pytest.raises(Damaged):
                reader.page(1)
            assert any("being written" in why for why in reader.damage)


def test_what_its_writer_let_go_of_is_not_damage(path: Path) -> None:
    """A reader that asks for it is told to load anew."""
    with Journal.create(path, "session") as journal:
        for serial in (1, 2):
            write_state(journal, serial, random.Random(18))
        with Journal.open(path, write=False) as reader:
            journal.remove([1])
            journal.sweep([], [])
            with pytest.raises(StateNotFound, match="load it anew"):
                reader.page(1)
            assert reader.damage == []
            assert [row.serial for row in reader.states()] == [2]


def test_the_list_of_the_states_may_be_lost(path: Path) -> None:
    """Then those that are there are given, and it is said that there may have been others."""
    written = fill(path, 5)
    overwrite(path, LIST, bytes(PAGE))
    with Journal.open(path, write=False) as journal:
        assert any("unknown" in why for why in journal.damage)
        assert read_all(journal) == written
        assert (journal.next_page, journal.last_serial) == (6, 5)
