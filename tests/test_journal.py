"""The journal: what is written is read, all together or not at all, and nothing is left over."""

from __future__ import annotations

import errno
import gc
import os
import random
import sqlite3
import stat
import subprocess
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import Written, fill, key_of, read_all, write_state

from cowtm.errors import (
    BadInput,
    Damaged,
    DiskFull,
    JournalInUse,
    JournalNotFound,
    NotAJournal,
    StateNotFound,
)
from cowtm.journal import Journal, StateRow
from cowtm.journal.frames import key_bytes
from cowtm.journal.ledger import Ledger
from cowtm.journal.tables import FIRST_ROOT, TABLES, WINDOW, first_place

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a Jupyter data directory of their own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a journal, in a folder of its own."""
    return tmp_path / "session" / "x.cowtm"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """Give a journal that is being written."""
    with Journal.create(path, "session") as journal:
        yield journal


def row(serial: int, *pages: int) -> StateRow:
    """Make a state."""
    return StateRow(serial, {"number": serial}, b"delta %d" % serial, pages)


def limit(journal: Journal, pages: int) -> None:
    """Let the journal grow by some pages and no more: as a disk that is nearly full."""
    (count,) = journal._database.execute("PRAGMA page_count")[0]
    journal._database.execute(f"PRAGMA max_page_count={count + pages}")


# -- what is written is read -----------------------------------------------------------------------


def test_what_was_written_is_there_in_the_same_process_and_the_next(path: Path) -> None:
    """States, pages, chunks and classes, byte for byte."""
    dice = random.Random(2)
    with Journal.create(path, "session") as journal:
        written = {serial: write_state(journal, serial, dice) for serial in range(1, 30)}
        assert read_all(journal) == written
        assert (journal.next_page, journal.last_serial) == (30, 29)
    for write in (False, True):
        with Journal.open(path, write=write) as journal:
            assert read_all(journal) == written
            assert (journal.next_page, journal.last_serial) == (30, 29)
            assert (journal.kind, journal.signed) == ("session", "yes")
            assert (journal.damage, journal.lost_states()) == ([], {})
            journal.verify()


def test_states_come_in_the_order_of_their_serials(journal: Journal) -> None:
    """Whatever order they were written in."""
    for serial in (5, 2, 9, 3):
        journal.put_state(row(serial))
    assert [state.serial for state in journal.states()] == [2, 3, 5, 9]
    assert journal.last_serial == 9


def test_a_state_is_replaced_by_one_of_the_same_serial(journal: Journal) -> None:
    """It is there once, as it was written last."""
    journal.put_state(row(1))
    again = StateRow(1, {"number": "1b"}, b"other", (3, 1, 2))
    journal.put_state(again)
    assert journal.states() == [again]
    assert journal.state(1) == again


def test_what_is_not_there_is_said_to_be_missing(journal: Journal) -> None:
    """A state that never was is not damage."""
    with pytest.raises(StateNotFound, match="serial 4"):
        journal.state(4)
    with pytest.raises(KeyError):
        journal.chunks[key_of(b"nothing")]
    assert journal.note("nothing") is None


def test_a_page_has_its_number_for_ever(journal: Journal) -> None:
    """Contents elsewhere name it: another one in its place would be taken for it."""
    journal.put_page(1, b"data", [])
    with pytest.raises(BadInput, match="already"):
        journal.put_page(1, b"other", [])
    assert journal.page(1) == b"data"
    journal.sweep([], [])
    assert journal.next_page == 2


def test_a_page_knows_its_chunks(journal: Journal) -> None:
    """In order, and as often as it was said."""
    keys = [key_of(b"one"), key_of(b"two"), key_of(b"one")]
    journal.put_page(1, b"", keys)
    assert journal.chunks_of(1) == keys


def test_notes_are_kept_by_name(path: Path) -> None:
    """Any value of JSON; the last one of each name."""
    with Journal.create(path, "spill") as journal:
        journal.put_note("one", 1)
        journal.put_note("two", [None, {"a": "\ud800"}])
        journal.put_note("one", [True])
    with Journal.open(path, write=False) as journal:
        assert journal.note("one") == [True]
        assert journal.note("two") == [None, {"a": "\ud800"}]


def test_sizes_count_what_a_state_lists_first(journal: Journal) -> None:
    """Its row, its pages, and the chunks of these; together no more than the file."""
    data = bytes(5000)
    journal.chunks[key_of(data)] = data
    journal.put_page(1, bytes(1000), [key_of(data)])
    journal.put_page(2, bytes(10), [key_of(data)])
    journal.put_state(row(1, 1))
    journal.put_state(row(2, 1, 2))
    sizes = journal.sizes()
    assert 6000 < sizes[1] < 6400
    assert 10 < sizes[2] < 400
    journal.flush()
    assert sum(sizes.values()) < journal.size


def test_a_value_longer_than_a_row_is_refused(journal: Journal) -> None:
    """The journal says so in its own words; what was there stays."""
    journal._database._held.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)  # type: ignore[union-attr]
    with pytest.raises(BadInput, match="1e9"):
        journal.put_page(1, bytes(20_000), [])
    assert journal.next_page == 1
    journal.put_page(1, b"", [])


# -- the mapping of chunks -------------------------------------------------------------------------


def test_chunks_are_a_mapping(journal: Journal) -> None:
    """All that `MutableMapping` promises."""
    frames = {key_of(bytes([n]) * n): bytes([n]) * n for n in range(40)}
    chunks = journal.chunks
    chunks.update(frames)
    assert dict(chunks) == frames
    assert len(chunks) == 40
    assert set(chunks) == set(frames)
    key, frame = next(iter(frames.items()))
    assert key in chunks
    assert chunks.pop(key) == frame
    assert key not in chunks
    with pytest.raises(KeyError):
        del chunks[key]
    assert chunks.setdefault(key, b"new") == b"new"
    chunks.clear()
    assert len(chunks) == 0


def test_the_length_of_a_frame_is_told_without_reading_it(journal: Journal) -> None:
    """Bytes of the frame, not of the chunk."""
    journal.chunks[key_of(b"data")] = bytes(30_000)
    assert journal.chunks.length(key_of(b"data")) == 30_000
    with pytest.raises(KeyError):
        journal.chunks.length(key_of(b"nothing"))


def test_a_chunk_that_is_there_is_not_written_again(journal: Journal) -> None:
    """Another frame of the same bytes is as good."""
    key = key_of(b"data")
    journal.chunks[key] = b"first frame"
    journal.chunks[key] = b"second frame"
    assert journal.chunks[key] == b"first frame"


def test_chunks_whose_digests_begin_alike_are_kept_apart(journal: Journal) -> None:
    """Their rows stand side by side; one that goes leaves the others where they are."""
    keys = [(b"12345678" + bytes([n]) * 8, n) for n in range(WINDOW)]
    assert len({first_place(key_bytes(key)) for key in keys}) == 1
    for key in keys:
        journal.chunks[key] = b"frame %d" % key[1]
    del journal.chunks[keys[2]]
    assert keys[2] not in journal.chunks
    for key in keys[:2] + keys[3:]:
        assert journal.chunks[key] == b"frame %d" % key[1]
    journal.chunks[keys[2]] = b"again"
    assert journal.chunks[keys[2]] == b"again"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("pgd"), st.integers(0, 5)), max_size=30))
def test_chunks_do_what_a_dict_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Any sequence of puts, gets and deletions, but for replacing."""
    model: dict[tuple[bytes, int], bytes] = {}
    with Journal.create(tmp_path_factory.mktemp("chunks") / "x.cowtm", "spill") as journal:
        for step, number in steps:
            key = key_of(bytes([number]))
            if step == "p":
                journal.chunks[key] = b"frame %d" % number
                model.setdefault(key, b"frame %d" % number)
            elif step == "d":
                assert (journal.chunks.pop(key, None) is None) == (model.pop(key, None) is None)
            else:
                assert journal.chunks.get(key) == model.get(key)
        assert dict(journal.chunks) == model


# -- all together or not at all --------------------------------------------------------------------


def test_a_transaction_that_raises_has_done_nothing(journal: Journal) -> None:
    """Rows and numbers are as before, also those of the blocks inside."""
    journal.put_state(row(1))

    def fail() -> None:
        with journal.transaction():
            journal.put_page(7, b"", [])
            with journal.transaction():
                journal.put_state(row(2))
                journal.remove([1])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [state.serial for state in journal.states()] == [1]
    assert (journal.next_page, journal.last_serial) == (1, 1)
    journal.put_page(1, b"", [])


def test_other_threads_wait_for_a_transaction(journal: Journal) -> None:
    """What they write is not part of it: it stays when the transaction is undone."""
    inside, done = threading.Event(), threading.Event()

    def write() -> None:
        assert inside.wait(60)
        journal.put_state(row(2))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()

    def fail() -> None:
        with journal.transaction():
            journal.put_state(row(1))
            inside.set()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert done.wait(60)
    thread.join()
    assert [state.serial for state in journal.states()] == [2]


def test_many_threads_write_and_read(journal: Journal) -> None:
    """Each finds what it wrote; together all is there."""
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait(60)
            for n in range(30):
                data = b"%d %d" % (number, n)
                with journal.transaction():
                    journal.chunks[key_of(data)] = data
                    journal.put_state(row(1 + number * 30 + n))
                assert journal.chunks[key_of(data)] == data
        except BaseException as error:  # noqa: BLE001  told to the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [state.serial for state in journal.states()] == list(range(1, 121))
    assert len(journal.chunks) == 120


# -- removing --------------------------------------------------------------------------------------


def test_what_no_state_needs_is_swept_and_the_file_shrinks(journal: Journal) -> None:
    """Pages that a state lists, chunks that those refer to, and what was asked to stay, stay."""
    dice = random.Random(3)
    shared = dice.randbytes(40_000)
    journal.chunks[key_of(shared)] = shared
    for serial in range(1, 11):
        data = dice.randbytes(40_000)
        journal.chunks[key_of(data)] = data
        journal.put_page(serial, dice.randbytes(20_000), [key_of(data), key_of(shared)])
        journal.put_state(row(serial, serial))
    journal.flush()
    before = journal.size
    kept = [journal.chunks_of(page)[0] for page in (1, 2, 5)]
    asked = journal.chunks_of(9)[0]
    journal.remove([3, 4, 6, 7, 8, 9, 10])
    journal.sweep([5], [asked])
    assert [state.serial for state in journal.states()] == [1, 2, 5]
    assert set(journal.chunks) == {*kept, asked, key_of(shared)}
    journal.remove([5])
    journal.sweep([5], [])
    assert len(journal.page(5)) == 20_000
    assert set(journal.chunks) == {*kept, key_of(shared)}
    assert journal.size < before * 0.45
    journal.verify()
    assert journal.damage == []
    assert journal.next_page == 11
    assert journal.last_serial == 10


def test_sweeping_takes_many_transactions(journal: Journal) -> None:
    """More rows than go at a time all go."""
    with journal.transaction():
        for number in range(700):
            journal.chunks[key_of(b"%d" % number)] = b"frame"
            journal.put_page(1 + number, b"", [])
    journal.sweep([], [])
    assert len(journal.chunks) == 0
    assert journal._database.execute("SELECT count(*) FROM pages") == [(0,)]


def test_removed_states_are_not_lost(path: Path) -> None:
    """The next process does not miss them."""
    fill(path, 6)
    with Journal.open(path, write=True) as journal:
        journal.remove([2, 3, 6, 17])
    with Journal.open(path, write=False) as journal:
        assert [state.serial for state in journal.states()] == [1, 4, 5]
        assert journal.lost_states() == {}
        assert journal.last_serial == 6


# -- files -----------------------------------------------------------------------------------------


def test_files_and_folders_are_for_the_user_alone(tmp_path: Path) -> None:
    """Under whatever umask, also what lies beside the file while it is written."""
    before = os.umask(0)
    try:
        folder = tmp_path / "a" / "b"
        with Journal.create(folder / "x.cowtm", "session") as journal:
            journal.put_state(row(1))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
            journal.backup(tmp_path / "c" / "y.cowtm")
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("x.cowtm", "x.cowtm-shm", "x.cowtm-wal", "x.cowtm.lock"), 0o600)
    for made in (tmp_path / "a", folder, tmp_path / "c"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "c" / "y.cowtm").stat().st_mode) == 0o600


def test_a_closed_journal_is_one_file(path: Path) -> None:
    """Also after it was read by others meanwhile; closing twice does nothing."""
    journal = Journal.create(path, "session")
    journal.put_state(row(1))
    with Journal.open(path, write=False) as reader:
        assert len(reader.states()) == 1
    journal.close()
    journal.close()
    assert [file.name for file in path.parent.iterdir()] == ["x.cowtm"]
    with Journal.open(path, write=False) as reader:
        assert len(reader.states()) == 1
        assert [file.name for file in path.parent.iterdir()] == ["x.cowtm"]


def test_a_closed_journal_can_be_read_where_nothing_can_be_written(path: Path) -> None:
    """SQLite is told so: it makes no file beside it, and no lock is taken."""
    written = fill(path, 3)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with Journal.open(path, write=False) as journal:
            assert read_all(journal) == written
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("trust", [False, True])
def test_a_journal_that_is_read_is_not_written(path: Path, *, trust: bool) -> None:
    """Whoever tries is told how to open it."""
    written = fill(path, 2)
    with Journal.open(path, write=False, trust=trust) as journal:
        with pytest.raises(BadInput, match="write=True"):
            journal.put_state(row(3))
        with pytest.raises(BadInput, match="write=True"):
            journal.remove([1])
        with pytest.raises(BadInput, match="write=True"):
            journal.chunks[key_of(b"new")] = b"new"
        assert read_all(journal) == written


def test_a_journal_that_is_forgotten_closes_itself(path: Path) -> None:
    """No lock and no log stay behind; a reader lets go of the file too."""
    journal = Journal.create(path, "session")
    journal.put_state(row(1))
    reader = Journal.open(path, write=False)
    assert len(reader.states()) == 1
    del reader
    gc.collect()
    del journal
    gc.collect()
    assert [file.name for file in path.parent.iterdir()] == ["x.cowtm"]
    with Journal.open(path, write=True) as journal:
        assert len(journal.states()) == 1


def test_a_closed_journal_says_that_it_is(path: Path) -> None:
    """Whatever is asked of it."""
    journal = Journal.create(path, "session")
    journal.close()
    for call in (journal.states, journal.flush, lambda: journal.put_state(row(1))):
        with pytest.raises(BadInput, match="is closed"):
            call()


def test_a_file_that_is_there_is_not_made_anew(path: Path) -> None:
    """Whatever is in it; it stays as it is, and nothing is left beside it."""
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(BadInput, match="exists"):
        Journal.create(path, "session")
    assert path.read_text() == "mine"
    assert [file.name for file in path.parent.iterdir()] == ["x.cowtm"]


def test_a_journal_that_is_not_there_can_not_be_opened(path: Path) -> None:
    """And no file is made by trying."""
    for write in (False, True):
        with pytest.raises(JournalNotFound):
            Journal.open(path, write=write)
        with pytest.raises(FileNotFoundError):
            Journal.open(path, write=write)
    assert not path.parent.exists()


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("data", [b"", b"text", b"\x00" * 50_000, b"SQLite format 3\x00"])
def test_what_is_no_journal_is_refused_and_left_alone(
    path: Path, data: bytes, *, write: bool
) -> None:
    """It may be any file of the user's."""
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(NotAJournal, match=r"x\.cowtm"):
        Journal.open(path, write=write)
    assert path.read_bytes() == data
    assert [file.name for file in path.parent.iterdir()] == ["x.cowtm"]


@pytest.mark.parametrize("write", [False, True])
def test_a_database_of_another_program_is_refused_and_left_alone(
    path: Path, *, write: bool
) -> None:
    """Even its mode stays as it was."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE states(id, trap)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NotAJournal):
        Journal.open(path, write=write)
    assert path.read_bytes() == before


def test_the_schema_lies_where_it_is_looked_for(journal: Journal) -> None:
    """A file whose first page is lost is known by the tables that begin right after it."""
    found = journal._database.execute("SELECT name, rootpage FROM sqlite_master ORDER BY rootpage")
    assert found == [(name, FIRST_ROOT + index) for index, name in enumerate(TABLES)]
    assert journal._database.execute("PRAGMA auto_vacuum") == [(2,)]


# -- copies ----------------------------------------------------------------------------------------


def test_a_copy_is_a_journal_of_its_own(path: Path, tmp_path: Path) -> None:
    """It has all that was committed, another identity, and can be gone on with."""
    copy = tmp_path / "copy.cowtm"
    dice = random.Random(4)
    with Journal.create(path, "session") as journal:
        written = {serial: write_state(journal, serial, dice) for serial in range(1, 20)}
        journal.remove([4])
        del written[4]
        journal.put_note("name", "value")
        journal.backup(copy)
        write_state(journal, 20, dice)
        identity = journal.header["id"]
    with Journal.open(copy, write=True) as journal:
        assert (journal.kind, journal.damage) == ("saved", [])
        assert journal.header["id"] != identity
        assert read_all(journal) == written
        assert journal.note("name") == "value"
        assert (journal.next_page, journal.last_serial) == (20, 19)
        write_state(journal, 21, dice)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.cowtm", "jupyter", "session"]


def test_a_copy_takes_the_place_of_an_older_one(path: Path, tmp_path: Path) -> None:
    """Also of one that a process left when it was killed, with a log beside it."""
    copy = tmp_path / "copy.cowtm"
    fill(path, 5)
    dying = Journal.create(copy, "session")
    write_state(dying, 1, random.Random(5))
    with Journal.open(path, write=True) as journal, pytest.raises(JournalInUse):
        journal.backup(copy)
    dying._database._held.lock.abandon()  # type: ignore[union-attr]
    with (
        Journal.open(path, write=True) as journal,
        pytest.raises(JournalInUse, match="being read"),
    ):
        journal.backup(copy)
    dying.close()
    with Journal.open(path, write=True) as journal:
        journal.backup(copy)
    with Journal.open(copy, write=False) as journal:
        assert len(journal.states()) == 5


def test_a_copy_does_not_take_the_place_of_another_file(path: Path, tmp_path: Path) -> None:
    """Nor that of the journal itself."""
    table = tmp_path / "data.csv"
    table.write_text("a,b\n")
    fill(path, 2)
    with Journal.open(path, write=True) as journal:
        with pytest.raises(BadInput, match="no journal"):
            journal.backup(table)
        with pytest.raises(JournalInUse):
            journal.backup(path)
    assert table.read_text() == "a,b\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.csv", "jupyter", "session"]


def test_a_copy_that_fails_leaves_what_was_there(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older copy, and nothing half done beside it."""
    copy = tmp_path / "copy.cowtm"
    older = fill(copy, 1, seed=6)
    fill(path, 5)
    sync = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith(".copy"):
            raise OSError(errno.ENOSPC, "full")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with (
        Journal.open(path, write=True) as journal,
        pytest.raises(OSError, match="full"),
    ):
        journal.backup(copy)
    with Journal.open(copy, write=False) as journal:
        assert read_all(journal) == older
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.cowtm", "jupyter", "session"]


# -- a full disk -----------------------------------------------------------------------------------


def write_until_full(journal: Journal, dice: random.Random, written: dict[int, Written]) -> None:
    """Write states until there is no room."""
    for serial in range(1, 1000):
        written[serial] = write_state(journal, serial, dice)


def test_a_full_disk_loses_nothing_that_was_there(path: Path) -> None:
    """The error is an `OSError` with ENOSPC; with room again, the journal goes on."""
    dice = random.Random(7)
    written: dict[int, Written] = {}
    with Journal.create(path, "session") as journal:
        limit(journal, 60)
        with pytest.raises(DiskFull, match="make room") as caught:
            write_until_full(journal, dice, written)
        assert caught.value.errno == errno.ENOSPC
        failed = len(written) + 1
        assert read_all(journal) == written
        assert (journal.next_page, journal.last_serial) == (failed, failed - 1)
        with pytest.raises(DiskFull):
            journal.chunks[key_of(bytes(100_000))] = bytes(100_000)
        limit(journal, 1000)
        written[failed] = write_state(journal, failed, dice)
    with Journal.open(path, write=True) as journal:
        assert read_all(journal) == written


def test_what_follows_in_an_undone_transaction_is_not_written(journal: Journal) -> None:
    """Though the code in the block went on after the disk was full."""
    limit(journal, 10)

    def go_on() -> None:
        with journal.transaction():
            journal.put_state(row(1))
            with pytest.raises(DiskFull):
                journal.put_page(1, bytes(200_000), [])
            journal.put_state(row(2))

    # SQLite undoes the statement that failed or the whole transaction, as it can.
    try:
        go_on()
    except DiskFull:
        assert journal.states() == []
    else:
        assert [state.serial for state in journal.states()] == [1, 2]
    assert journal.next_page == 1
    journal.put_state(row(3))
    assert journal.states()[-1] == row(3)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user can't mount a file system: {error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_disk_that_is_really_full_loses_nothing(tiny_disk: Path) -> None:
    """The log is on it too; what else was there is removed, and the journal goes on."""
    dice = random.Random(8)
    written: dict[int, Written] = {}
    other = tiny_disk / "other"
    other.write_bytes(bytes(700_000))
    path = tiny_disk / "x.cowtm"
    with Journal.create(path, "session") as journal:
        with pytest.raises(DiskFull):
            write_until_full(journal, dice, written)
        assert len(written) > 10
        assert read_all(journal) == written
        with pytest.raises(DiskFull):
            journal.put_page(5000, bytes(1_500_000), [])
        other.unlink()
        failed = len(written) + 1
        written[failed] = write_state(journal, failed, dice)
    with Journal.open(path, write=True) as journal:
        assert read_all(journal) == written
        journal.verify()


# -- the ledger ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=40))
def test_the_ledger_is_a_set_of_serials(steps: list[tuple[bool, int]]) -> None:
    """Added and removed in any order; what is stored is read."""
    ledger, model, highest = Ledger(), set[int](), 0
    for add, serial in steps:
        if add:
            ledger, highest = ledger.with_state(serial), max(highest, serial)
            model.add(serial)
        else:
            ledger = ledger.without([serial])
            model.discard(serial)
    assert list(ledger) == sorted(model)
    assert len(ledger) == len(model)
    assert [serial in ledger for serial in range(32)] == [n in model for n in range(32)]
    assert ledger.last_serial == highest
    assert Ledger.load(ledger.dump()) == ledger
    ends = [end for span in ledger.spans for end in span]
    assert all(a <= b for a, b in pairwise(ends))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[[[1, 2, 3]], 1, 1]",
        b"[[[1, 1e999]], 1, 1]",
        b"[" * 100_000,
        b"[[[1, 1000000000000]], 1, 1]",
        b"[[[1000000000000, 1]], 1, 1]",
    ],
)
def test_a_ledger_of_any_shape_is_read_or_refused(data: bytes) -> None:
    """Somebody else's may say anything; going through it always ends."""
    with pytest.raises(Damaged):
        Ledger.load(data)
