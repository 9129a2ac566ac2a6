"""Whose key sealed a row: keys, seals, and journals of others."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from journals import fill, key_of, read_all

from cowtm.errors import Damaged, Untrusted
from cowtm.journal import Journal, StateRow, trust
from cowtm.journal.trust import KEY_BYTES, KEY_FILE, SEAL_BYTES, Sealer, Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user a Jupyter data directory of their own."""
    folder = tmp_path / "jupyter" / "data"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    return folder


def test_the_key_is_made_once_and_for_the_user_alone(home: Path) -> None:
    """Under whatever umask: its folder 0700, the file 0600, and the next call finds it."""
    before = os.umask(0)
    try:
        first = trust.key()
    finally:
        os.umask(before)
    assert trust.key() == first
    assert len(first.secret) == KEY_BYTES
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in home.iterdir()] == [KEY_FILE]
    assert trust.lasting()


def test_a_key_that_others_can_read_is_closed_to_them(home: Path) -> None:
    """Somebody copied it carelessly: its mode is put right, and it stays the key."""
    secret = trust.key().secret
    (home / KEY_FILE).chmod(0o644)
    assert trust.key().secret == secret
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600


def test_where_no_key_can_be_kept_the_process_has_one(home: Path) -> None:
    """It is the same as long as the process lives, and `lasting` says that it ends then."""
    home.parent.mkdir()
    home.write_text("a file where the folder should be")
    assert trust.key() == trust.key()
    assert not trust.lasting()
    assert str(home) in trust.key().why_passing


def test_a_key_cut_short_is_not_used(home: Path) -> None:
    """Half a key would be guessed more easily; what to do is said."""
    trust.key()
    (home / KEY_FILE).write_bytes(b"short")
    assert not trust.lasting()
    assert "remove it" in trust.key().why_passing
    assert (home / KEY_FILE).read_bytes() == b"short"


def test_processes_that_make_the_key_at_once_use_one(home: Path) -> None:
    """All wait for a starting shot; whoever is first, all have the same key then."""
    script = (
        "import sys; from cowtm.journal import trust; print('ready', flush=True);"
        "sys.stdin.readline(); print(trust.key().secret.hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate()[0].strip() for process in processes}
    assert keys == {trust.key().secret.hex()}
    assert [path.name for path in home.iterdir()] == [KEY_FILE]


def test_the_fingerprint_does_not_tell_the_key() -> None:
    """It names the key in journals, which may be given away."""
    key = trust.key()
    assert bytes.fromhex(key.fingerprint) not in key.secret
    assert len(key.fingerprint) == 32


PARTS = (b"about", b"", b"delta")


@pytest.mark.parametrize(
    ("journal", "table", "number", "parts"),
    [
        (b"another", "states", 7, PARTS),
        (b"journal", "pages", 7, PARTS),
        (b"journal", "states", 8, PARTS),
        (b"journal", "states", -7, PARTS),
        (b"journal", "states", 7, (b"about", b"delta", b"")),
        (b"journal", "states", 7, (b"abou", b"t", b"delta")),
        (b"journal", "states", 7, (b"about", b"", b"delta", b"")),
        (b"journal", "states", 7, (b"about", b"", b"Delta")),
        (b"journal", "states", 7, (b"about", None, b"delta")),
        (b"journal", "states", 7, ()),
    ],
)
def test_a_seal_is_good_for_one_row_only(
    journal: bytes, table: str, number: int, parts: tuple[object, ...]
) -> None:
    """Not in another journal, table or row, and not with the same bytes cut otherwise."""
    sealer = Sealer(b"journal", b"secret")
    seal = sealer.seal("states", 7, PARTS)
    assert len(seal) == SEAL_BYTES
    assert sealer.judge(seal, "states", 7, PARTS) is Verdict.RIGHT
    other = Sealer(journal, b"secret")
    assert other.judge(seal, table, number, parts) is not Verdict.RIGHT


def test_a_seal_tells_damage_from_forgery() -> None:
    """Any bit of seal or row that changed is damage; a seal with another key is forgery."""
    sealer = Sealer(b"journal", b"secret")
    seal = sealer.seal("states", 7, PARTS)
    for index in range(SEAL_BYTES):
        broken = seal[:index] + bytes([seal[index] ^ 1]) + seal[index + 1 :]
        assert sealer.judge(broken, "states", 7, PARTS) is Verdict.DAMAGED
    assert sealer.judge(seal[:-1], "states", 7, PARTS) is Verdict.DAMAGED
    assert sealer.judge("text", "states", 7, PARTS) is Verdict.DAMAGED
    forged = Sealer(b"journal", b"guess").seal("states", 7, PARTS)
    assert sealer.judge(forged, "states", 7, PARTS) is Verdict.ALTERED
    assert Sealer(b"journal", None).judge(forged, "states", 7, PARTS) is Verdict.RIGHT


def test_without_a_key_nothing_can_be_sealed() -> None:
    """Digests alone are for reading."""
    with pytest.raises(ValueError, match="no key"):
        Sealer(b"journal", None).seal("states", 7, PARTS)


def test_a_journal_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file, says that loading runs code, and what to say to do it anyway."""
    path = tmp_path / "x.cowtm"
    written = fill(path, 3)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "mine"))
    with pytest.raises(Untrusted, match=r"x\.cowtm.*runs code.*trust=True"):
        Journal.open(path, write=False)
    with pytest.raises(PermissionError):
        Journal.open(path, write=True, trust=True)
    with Journal.open(path, write=False, trust=True) as journal:
        assert journal.signed == "no"
        assert read_all(journal) == written


def test_a_copy_of_somebody_elses_journal_is_mine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it can be gone on with, once it was trusted."""
    path, mine = tmp_path / "x.cowtm", tmp_path / "y.cowtm"
    written = fill(path, 3)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "mine"))
    with Journal.open(path, write=False, trust=True) as journal:
        journal.backup(mine)
    with Journal.open(mine, write=True) as journal:
        assert read_all(journal) == written


def test_damage_is_met_in_trusted_journals_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the key the digests still tell."""
    path = tmp_path / "x.cowtm"
    fill(path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pages SET data = x'00' WHERE id = 2")
    connection.close()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "mine"))
    with Journal.open(path, write=False, trust=True) as journal:
        with pytest.raises(Damaged):
            journal.page(2)
        assert [state.serial for state in journal.lost()] == [2]


FORGERS = {
    "states": "delta",
    "pages": "data",
    "births": "data",
    "chunks": "frame",
}


@pytest.mark.parametrize("table", FORGERS)
def test_a_row_written_without_the_key_is_refused(tmp_path: Path, table: str) -> None:
    """Its digest is right, as anybody can make it; its code is not."""
    path = tmp_path / "x.cowtm"
    fill(path, 3)
    with Journal.open(path, write=False) as journal:
        identity = bytes.fromhex(journal.header["id"])
    forger = Sealer(identity, b"guess")
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")][2:]
        number, *parts = connection.execute(
            f"SELECT id, {', '.join(columns)} FROM {table} ORDER BY id LIMIT 1"  # noqa: S608
        ).fetchone()
        parts[-1] = b"evil"
        seal = forger.seal(table, number, tuple(parts))
        connection.execute(
            f"UPDATE {table} SET seal = ?, {FORGERS[table]} = ? WHERE id = ?",  # noqa: S608
            (seal, b"evil", number),
        )
    connection.close()
    with Journal.open(path, write=False) as journal:
        with pytest.raises(Untrusted, match="altered"):
            read_all(journal)
        with pytest.raises(Untrusted, match="altered"):
            journal.verify()
    with Journal.open(path, write=False, trust=True) as journal:
        journal.verify()


def test_a_row_moved_within_the_journal_is_refused(tmp_path: Path) -> None:
    """It was sealed with the key, but for another place."""
    path = tmp_path / "x.cowtm"
    fill(path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM births WHERE id = 1")
        connection.execute("UPDATE births SET id = 1 WHERE id = 2")
    connection.close()
    with Journal.open(path, write=False) as journal, pytest.raises(Damaged):
        journal.birth(1)


def test_a_row_of_another_journal_of_mine_is_refused(tmp_path: Path) -> None:
    """Also one of a copy of the same journal, which may have gone on otherwise."""
    path, copy = tmp_path / "x.cowtm", tmp_path / "y.cowtm"
    fill(path, 3)
    with Journal.open(path, write=True) as journal:
        journal.backup(copy)
    with Journal.open(copy, write=True) as journal:
        journal.put_state(StateRow(2, {"number": 2}, b"otherwise", (2,)))
    connection = sqlite3.connect(path)
    connection.execute("ATTACH ? AS copy", (str(copy),))
    connection.execute("REPLACE INTO states SELECT * FROM copy.states WHERE id = 2")
    connection.commit()
    connection.close()
    with Journal.open(path, write=False) as journal:
        assert [row.serial for row in journal.states()] == [1, 3]
        assert [state.serial for state in journal.lost()] == [2]


def test_an_altered_header_is_refused(tmp_path: Path) -> None:
    """The one who alters it can make it look whole, but not signed."""
    path = tmp_path / "x.cowtm"
    fill(path, 3)
    with Journal.open(path, write=False) as journal:
        identity = bytes.fromhex(journal.header["id"])
    connection = sqlite3.connect(path)
    for table in ("header", "spare"):
        ((about,),) = connection.execute(f"SELECT about FROM {table}")  # noqa: S608
        altered = about.replace(b'"session"', b'"saved"')
        seal = Sealer(identity, b"guess").seal(table, 1, (altered,))
        connection.execute(f"UPDATE {table} SET about = ?, seal = ?", (altered, seal))  # noqa: S608
    connection.commit()
    connection.close()
    with pytest.raises(Untrusted, match="altered after your key"):
        Journal.open(path, write=False)
    with Journal.open(path, write=False, trust=True) as journal:
        assert journal.signed == "altered"


def test_a_state_taken_out_by_somebody_is_missed(tmp_path: Path) -> None:
    """The list of the states is sealed too."""
    path = tmp_path / "x.cowtm"
    fill(path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM states WHERE id = 2")
    connection.close()
    with Journal.open(path, write=False) as journal:
        assert [state.serial for state in journal.lost()] == [2]
        assert [row.serial for row in journal.states()] == [1, 3]


def test_keys_of_chunks_are_checked_with_their_frames(tmp_path: Path) -> None:
    """A frame that was put under the key of another chunk is not given for it."""
    path = tmp_path / "x.cowtm"
    with Journal.create(path, "session") as journal:
        for data in (b"one", b"two"):
            journal.chunks[key_of(data)] = data
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE chunks SET frame = x'6f6e65'")
    connection.close()
    with Journal.open(path, write=False) as journal:
        assert journal.chunks[key_of(b"one")] == b"one"
        with pytest.raises((Damaged, KeyError)):
            journal.chunks[key_of(b"two")]
