"""Journals and several processes: one writer, any readers, forks, and ``kill -9``."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from journals import fill, read_all, write_state

from cowtm.errors import JournalInUse
from cowtm.journal import Journal

HERE = Path(__file__).parent

WRITER = """
import random, sys
from journals import write_state
from cowtm.journal import Journal
path, first = sys.argv[1], int(sys.argv[2])
dice = random.Random(first)
try:
    journal = Journal.open(path, write=True)
except FileNotFoundError:
    journal = Journal.create(path, "session")
for serial in range(first, first + 10_000):
    write_state(journal, serial, dice)
    print(serial, flush=True)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a Jupyter data directory of their own, also in other processes."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a journal."""
    return tmp_path / "x.cowtm"


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that talks."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def stream(process: subprocess.Popen[str]) -> IO[str]:
    """Give what a process prints."""
    assert process.stdout is not None
    return process.stdout


def test_every_committed_state_survives_kill_9(path: Path) -> None:
    """Killed at random moments, again and again; the next writer opens at once and goes on."""
    dice = random.Random(21)
    committed = 0
    for _ in range(6):
        first = committed + 1
        with start(WRITER, path, first) as process:
            lines = [stream(process).readline() for _ in range(dice.randrange(1, 25))]
            process.kill()
            lines += stream(process).readlines()
        assert process.returncode == -signal.SIGKILL
        printed = [int(line) for line in lines if line.endswith("\n")]
        assert printed == list(range(first, first + len(printed)))
        with Journal.open(path, write=False) as journal:
            serials = [row.serial for row in journal.states()]
            committed = len(serials)
            assert serials == list(range(1, committed + 1))
            assert committed - printed[-1] in (0, 1)
            assert journal.last_serial == committed
            again = random.Random(first)
            read = read_all(journal)
            journal.verify()
            assert journal.damage == []
        expected = {}
        with Journal.create(path.with_name(f"{first}.cowtm"), "spill") as other:
            for serial in range(first, committed + 1):
                expected[serial] = write_state(other, serial, again)
        assert {serial: read[serial] for serial in expected} == expected
    with Journal.open(path, write=True) as journal:
        assert len(journal.states()) == committed
    assert not path.with_name("x.cowtm-wal").exists()


def test_a_second_writer_is_told_who_the_first_is(path: Path) -> None:
    """As long as that lives, and not longer."""
    with start(WRITER, path, 1) as process:
        stream(process).readline()
        with pytest.raises(JournalInUse, match=rf"x\.cowtm.*process {process.pid}"):
            Journal.open(path, write=True)
        with pytest.raises(BlockingIOError):
            Journal.open(path, write=True)
        process.kill()
        process.wait()
        with Journal.open(path, write=True) as journal:
            assert journal.states()


def test_a_second_writer_in_the_same_process_is_refused_too(path: Path) -> None:
    """Two time machines side by side don't share a journal by mistake."""
    with Journal.create(path, "session"), pytest.raises(JournalInUse, match=str(os.getpid())):
        Journal.open(path, write=True)


def test_a_reader_sees_what_is_committed_while_a_writer_is_at_work(path: Path) -> None:
    """Each look gives a whole state of things, and later looks give more."""
    with start(WRITER, path, 1) as process:
        stream(process).readline()
        with Journal.open(path, write=False) as journal:
            seen = []
            for _ in range(5):
                seen.append(len(read_all(journal)))
                for _ in range(5):
                    stream(process).readline()
            assert journal.damage == []
        process.kill()
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_a_transaction_that_was_open_at_kill_9_has_done_nothing(path: Path) -> None:
    """Also one bigger than what SQLite keeps in memory."""
    fill(path, 3)
    script = """
import sys
from cowtm.journal import Journal, StateRow
journal = Journal.open(sys.argv[1], write=True)
with journal.transaction():
    journal.remove([1, 2])
    for page in range(4, 24):
        journal.put_page(page, bytes(500_000), [])
    print("ready", flush=True)
    sys.stdin.read()
"""
    with start(script, path) as process:
        assert stream(process).readline() == "ready\n"
        process.kill()
    with Journal.open(path, write=True) as journal:
        assert [row.serial for row in journal.states()] == [1, 2, 3]
        assert journal.next_page == 4
        journal.verify()


def test_a_child_is_told_that_the_journal_belongs_to_its_parent(path: Path) -> None:
    """It may be forked at any moment, with the lock held; the parent goes on undisturbed."""
    journal = Journal.create(path, "session")
    write_state(journal, 1, random.Random(22))
    with journal.transaction():
        child = os.fork()
        if child == 0:  # pragma: no cover  the child is not watched
            code = 1
            try:
                journal.states()
            except JournalInUse as error:
                code = 0 if "before the fork" in str(error) else 2
            finally:
                journal.close()
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        write_state(journal, 2, random.Random(23))
    with pytest.raises(JournalInUse):
        Journal.open(path, write=True)
    assert len(journal.states()) == 2
    journal.close()
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["x.cowtm"]


ORPHAN = """
import os, sys
from cowtm.journal import Journal, StateRow
journal = Journal.create(sys.argv[1], "session")
journal.put_state(StateRow(1, {}, b"", ()))
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, b"%d" % os.getpid())
    sys.stdin.read()
    sys.exit()
print(os.read(reading, 20).decode(), flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_child_that_outlives_its_parent_holds_nothing(path: Path) -> None:
    """A worker of a killed kernel does not keep the next kernel out, nor harm it when it ends."""
    with start(ORPHAN, path) as process:
        child = int(stream(process).readline())
        assert process.wait() == -signal.SIGKILL
        os.kill(child, 0)
        with Journal.open(path, write=True) as journal:
            assert len(journal.states()) == 1
            assert process.stdin is not None
            process.stdin.close()
            # The pipe ends when the child has ended, and with it its copy of the connection.
            assert stream(process).read() == ""
            write_state(journal, 2, random.Random(24))
    with Journal.open(path, write=False) as journal:
        assert len(journal.states()) == 2
        journal.verify()


def test_an_interpreter_that_just_ends_loses_nothing(path: Path) -> None:
    """Without closing the journal: one file is left, as if it had."""
    script = """
import sys
from cowtm.journal import Journal, StateRow
journal = Journal.create(sys.argv[1], "session")
journal.put_state(StateRow(1, {}, b"delta", ()))
"""
    with start(script, path) as process:
        assert process.wait() == 0
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["x.cowtm"]
    with Journal.open(path, write=True) as journal:
        assert journal.state(1).delta == b"delta"
