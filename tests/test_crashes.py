"""Whatever moment a process dies at, every state that it said was saved is there and exact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from programs import run_python, said_by
from recording import Recording

import cowtm
from cowtm.errors import JournalInUse
from cowtm.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("few_ambient")

KILLS = 56
"""Processes that are killed."""

TOGETHER = 4
"""Of them, how many at a time."""

CELLS = 400
"""Cells that a process would run if it were not killed."""

RESUMED = 8
"""One journal in so many is gone on with."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a Jupyter data directory of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))


# A warm parent, which has imported everything and started no thread, forks the processes that are
# killed, so that one more costs milliseconds. It reads a line for each: its folder.
PARENT = """
import os, pathlib, sys
from test_crashes import session
for line in sys.stdin:
    if not os.fork():
        session(pathlib.Path(line.strip()))
        os._exit(0)
"""


def session(folder: Path) -> None:
    """Run cells, and write down which states are saved or cleared, until something kills us."""
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(log, b"pid %d\n" % os.getpid())
    recording = Recording(autosave=True, folder=folder / "journals")
    recording.cell("import numpy as np; data = np.zeros(20_000); rows = []; table = {}")
    told: set[Any] = set()
    for number in range(2, CELLS + 2):
        recording.cell(source_of(number))
        if number % 15 == 0:
            os.write(log, b"cleared %d\n" % (number - 5))
            recording.tm.clear_past(number - 5)
        saved = set(recording.tm.saved) - told
        told |= saved
        os.write(log, "".join(f"saved {n}\n" for n in sorted(saved)).encode())


def source_of(cell: int) -> str:
    """Give the source of a cell: they append, rebind, write into arrays, share and delete."""
    return (
        f"rows.append({cell}); data[{cell} % 20_000] = {cell}; table[{cell} % 7] = rows[-5:]\n"
        + (f"class C{cell}:\n    value = rows\n" if cell % 50 == 0 else "")
        + (f"text = str({cell}) * 3000" if cell % 3 else "text = None")
    )


def expected(cell: int) -> dict[str, Any]:
    """Give what the variables are after a cell, computed anew."""
    rows = list(range(2, cell + 1))
    table = {n % 7: rows[: n - 1][-5:] for n in rows}
    return {
        "rows": rows,
        "table": {key: table[key] for key in table},
        "data": {n: n for n in rows},
        "text": str(cell) * 3000 if cell % 3 else None,
    }


def check(found: dict[str, Any], cell: int) -> None:
    """See that variables are what they were after a cell."""
    if cell < 2:
        return
    wanted = expected(cell)
    assert found["rows"] == wanted["rows"], cell
    assert found["table"] == wanted["table"], cell
    assert {n: n for n in found["data"].nonzero()[0].tolist()} == wanted["data"], cell
    assert all(found["data"][n] == n for n in wanted["rows"]), cell
    assert found["text"] == wanted["text"], cell
    if cell >= 50:
        assert found["C50"].value is found["rows"], cell


@contextmanager
def parent() -> Iterator[subprocess.Popen[str]]:
    """Give the warm parent."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def lines(folder: Path) -> list[str]:
    """Read what a process wrote down, whole lines only."""
    log = folder / "log"
    return log.read_text().splitlines(keepends=True) if log.exists() else []


def saved_by(folder: Path) -> list[int]:
    """Give the numbers of the states that a process said were saved, and did not clear."""
    said = [line.split() for line in lines(folder) if line.endswith("\n")]
    cleared = {number for what, number in said if what == "cleared"}
    return [int(n) for what, n in said if what == "saved" and n not in cleared]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_what_was_said_to_be_saved_is_there_after_kill_9(tmp_path: Path) -> None:
    """At random moments, over some thousand states; some of the sessions are gone on with."""
    dice = random.Random(11)
    folders = [tmp_path / f"{number:02}" for number in range(KILLS)]
    with parent() as process:
        assert process.stdin is not None
        for start in range(0, KILLS, TOGETHER):
            group = folders[start : start + TOGETHER]
            goals = {}
            for folder in group:
                folder.mkdir()
                goals[folder] = dice.randrange(0, 120)
                process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            while goals:
                for folder, goal in list(goals.items()):
                    said = lines(folder)
                    if len(said) > goal and said[0].endswith("\n"):
                        os.kill(int(said[0].split()[1]), signal.SIGKILL)
                        del goals[folder]
    states = 0
    for number, folder in enumerate(folders):
        saved = saved_by(folder)
        states += len(saved)
        found = list((folder / "journals").glob("*.cowtm"))
        if not saved:  # nothing was promised: the journal may not even be one yet
            continue
        archive = cowtm.load(found[0])
        assert archive.damage == ()
        assert set(saved) <= set(archive.states), folder
        for cell in {*saved[-3:], *dice.sample(saved, min(4, len(saved)))}:
            check(archive.vars(cell), cell)
        if number % RESUMED == 0:
            go_on(found[0], saved)
    assert states > KILLS * 20


def go_on(path: Path, saved: list[int]) -> None:
    """Resume a session that was killed, travel in it, run a cell and see that it is saved."""
    recording = Recording()
    recording.tm.resume(path)
    assert recording.tm.journal_path == path
    last = list(recording.tm.states)[-1]
    assert isinstance(last, int)
    check(recording.home, last)
    for cell in (saved[0], saved[len(saved) // 2], saved[-1]):
        recording.tm.past(cell)
        check(recording.home, cell)
    recording.number = last
    recording.cell("after = 'the end'")
    recording.tm.flush()
    assert recording.tm.saved == list(recording.tm.states)
    recording.close()
    assert cowtm.load(path).vars(last + 1, "after") == "the end"


LIMITED = """
import pathlib, resource, sys
from recording import Recording
recording = Recording(autosave=True, folder=pathlib.Path(sys.argv[1]))
recording.cell("kept = [1, 2]")
recording.tm.flush()
import psutil
limit = psutil.Process().memory_info().vms + (100 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
failed = 0
for number in range(8):
    try:
        recording.cell(f"kept.append({number}); hoard = [bytearray(1 << 20) for _ in range(500)]")
    except MemoryError:
        failed += 1
        recording.tm.end_cell(recording.number)
recording.cell("kept.append('after')")
recording.tm.flush()
print(failed, recording.tm.journal_path, recording.number, flush=True)
import os
os.kill(os.getpid(), 9)
"""


def test_a_process_at_the_limit_of_its_memory_saves_what_it_can(tmp_path: Path) -> None:
    """A cell that fails for want of memory is a cell like any other."""
    done = run_python(LIMITED, tmp_path / "journals")
    assert done.stdout, done.stderr
    failed, path, last = done.stdout.split()
    assert failed == "8"
    archive = cowtm.load(path)
    assert archive.vars(1, "kept") == [1, 2]
    assert archive.vars(int(last), "kept") == [1, 2, *range(8), "after"]


def test_a_journal_that_is_being_written_is_refused_to_another_process(tmp_path: Path) -> None:
    """It says who has it; to look at it is allowed, and the writer goes on undisturbed."""
    recording = Recording(autosave=True, folder=tmp_path)
    recording.cells("x = [1]", "x.append(2)")
    recording.tm.flush()
    path = recording.tm.journal_path
    assert path is not None
    script = (
        "import sys, cowtm\n"
        "from recording import Recording\n"
        "print(cowtm.load(sys.argv[1]).vars(2, 'x'))\n"
        "recording = Recording()\n"
        "try:\n    recording.tm.resume(sys.argv[1])\n"
        "except cowtm.errors.JournalInUse as error:\n    print(error)\n"
        "print(sorted(recording.home.keys() - {'__name__'})[-1:])\n"
    )
    looked, refusal, *_ = said_by(script, path)
    assert looked == "[1, 2]"
    assert f"{path} is being written by process {os.getpid()}" in refusal
    with pytest.raises(JournalInUse):
        Journal.open(path, write=True)
    recording.cells("x.append(3)")
    recording.tm.flush()
    assert recording.tm.saved == [0, 1, 2, 3]
    recording.close()
    assert cowtm.load(path).vars(3, "x") == [1, 2, 3]
