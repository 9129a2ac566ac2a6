"""What was recorded stays within its budgets: in memory, on disk, in the process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from programs import said_by
from recording import Recording

import cowtm
from cowtm import keeper
from cowtm.budgets import bytes_of, machine_memory
from cowtm.errors import BadInput, StateNotFound
from cowtm.keeper import LEAST, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cowtm.journal import Journal

pytestmark = pytest.mark.usefixtures("few_ambient")

MIB = 1 << 20

ALLOWANCE = 48 * MIB
"""Resident memory that is not the archive's: what the C library keeps of what was freed, SQLite's
caches, what is being pickled and packed. The libraries themselves are in the baseline."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a Jupyter data directory of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """Give a session with the smallest of budgets."""
    made = Recording(memory=1, folder=tmp_path / "spill")
    yield made
    made.close()


def full(journal: Journal | None, pages: int = 0) -> None:
    """Have a journal take no more than some pages, as on a disk that is nearly full."""
    assert journal is not None
    (count,) = journal._database.execute("PRAGMA page_count")[0]
    journal._database.execute(f"PRAGMA max_page_count={count + pages}")


def found_by(script: str, *arguments: str) -> Any:
    """Run a script in a process of its own; returns what it printed last, read as JSON."""
    return json.loads(said_by(script, *arguments)[-1])


# -- what users write ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ("2 GiB", 2 << 30),
        ("500MB", 500_000_000),
        (" 1.5 kib ", 1536),
        ("3k", 3072),
        ("25%", 250),
        ("auto", 333),
        (12.9, 12),
        (1, 1),
    ],
)
def test_a_budget_is_written_in_many_ways(wanted: object, size: int) -> None:
    """Shares are of what there is."""
    assert bytes_of(wanted, 1000) == size


@pytest.mark.parametrize("wanted", ["", "much", "-1", 0, -5, True, None, "1 PiB", float("inf"), []])
def test_anything_else_is_refused(wanted: object) -> None:
    """With examples of what a budget is."""
    with pytest.raises(BadInput, match="a budget is a size such as '2 GiB'"):
        bytes_of(wanted, 1000)


def test_a_limit_of_the_control_group_counts(tmp_path: Path) -> None:
    """Of either version, and of any group around."""
    from cowtm.budgets import _limits  # noqa: PLC0415

    group = tmp_path / "fs" / "a" / "b"
    group.mkdir(parents=True)
    (group.parent / "memory.max").write_text("1000\n")
    (group / "memory.max").write_text("max\n")
    older = tmp_path / "fs" / "memory" / "c"
    older.mkdir(parents=True)
    (older / "memory.limit_in_bytes").write_text("2000\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/a/b\n4:memory:/c\n3:cpu:/d\n")
    assert sorted(_limits(membership, tmp_path / "fs")) == [1000, 2000]
    assert _limits(tmp_path / "none", tmp_path) == []
    assert machine_memory() > MIB


# -- resident memory -------------------------------------------------------------------------------

MEASURED = """
    import gc, json, pathlib, pickle, sys
    import blosc2, numpy, psutil, xxhash
    from recording import Recording
    how, setup, source, count, budget, every, folder = sys.argv[1:]
    process = psutil.Process()
    digest = lambda home: xxhash.xxh3_128_digest(
        b"".join(pickle.dumps(home[n]) for n in ("data", "more") if n in home)
    )
    if how == "plain":
        home = {"__name__": "__main__"}
        run = lambda text: exec(text, home)
    else:
        recording = Recording(memory=int(budget), folder=pathlib.Path(folder))
        home, run = recording.home, recording.cell
    run(setup)
    digests, most = [], 0
    for number in range(int(count)):
        run(source.replace("NUMBER", str(number)))
        digests.append(digest(home))
        most = max(most, process.memory_info().rss)
    if how != "plain":
        recording.tm.flush()
    gc.collect()
    rest = process.memory_info().rss
    wrong = []
    if how != "plain":
        some = [*enumerate(digests, 2)][:: int(every)]
        wrong = [n for n, known in some if digest(recording.tm.vars(n)) != known]
        assert not recording.said, recording.said
    print(json.dumps([most, rest, wrong]))
"""

# Setup, source, how many cells, the budget in MiB; one in so many states is compared.
WORKLOADS = {
    "arrays rewritten": (
        "import numpy as np; rng = np.random.default_rng(0); data = rng.random(2_500_000)",
        "data[:] = rng.random(2_500_000)",
        24,
        100,
        1,
    ),
    "small dicts rebuilt": (
        "pass",
        "data = [{'i': i, 'v': i * NUMBER + 0.5} for i in range(50_000)]",
        20,
        100,
        5,
    ),
    "strings and numbers": (
        "pass",
        "data = [f'name {i} NUMBER' for i in range(100_000)]; more = [*range(NUMBER, 200_000)]",
        30,
        100,
        1,
    ),
    "an array larger than the budget": (
        "import numpy as np",
        "data = np.random.default_rng(NUMBER).random(25_000_000)",
        2,
        64,
        1,
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_the_budget_bounds_what_recording_adds_to_the_process(
    tmp_path: Path, workload: tuple[str, str, int, int, int]
) -> None:
    """At its highest and at the end; the states come back exactly."""
    setup, source, count, budget, every = workload
    spill = str(tmp_path / "spill")
    given = (setup, source, str(count), str(budget * MIB), str(every), spill)
    plain_most, plain_rest, _ = found_by(MEASURED, "plain", *given)
    most, rest, wrong = found_by(MEASURED, "recorded", *given)
    assert wrong == []
    assert rest - plain_rest < budget * MIB + ALLOWANCE
    assert most - plain_most < budget * MIB + ALLOWANCE


CLEARED = """
    import ctypes, gc, json, pathlib, sys
    import blosc2, numpy, psutil
    from recording import Recording
    recording = Recording(memory=1 << 30, folder=pathlib.Path(sys.argv[1]))
    recording.cell("import numpy as np; rng = np.random.default_rng()")
    recording.cell("data = rng.random(2_500_000)")
    recording.tm.flush()
    process = psutil.Process()
    before = process.memory_info().rss
    for number in range(20):
        recording.cell("data[:] = rng.random(2_500_000)")
    recording.tm.flush()
    highest = process.memory_info().rss
    held = recording.tm.memory_report().to_dict()["memory"]
    recording.tm.clear_past()
    recording.tm.flush()
    gc.collect()
    rest = recording.tm.memory_report().to_dict()["memory"]
    print(json.dumps([highest - before, process.memory_info().rss - before, held, rest]))
"""


def test_what_is_cleared_is_given_back_to_the_system(tmp_path: Path) -> None:
    """By the books and by what the process takes."""
    grown, left, held, rest = found_by(CLEARED, str(tmp_path / "spill"))
    array = 20_000_000
    assert held > 20 * array > grown / 1.5
    assert grown > 20 * array * 0.8
    assert array <= rest < 1.2 * array
    assert left < 2 * array


def test_what_is_cleared_leaves_the_journal(tmp_path: Path) -> None:
    """Its file shrinks, also where only chunks were in it."""
    for autosave in (False, True):
        folder = tmp_path / str(autosave)
        recording = Recording(memory=1, autosave=autosave, folder=folder)
        recording.cell("import numpy as np; rng = np.random.default_rng(0); data = [0]")
        for _ in range(10):
            recording.cell("data = [rng.random(200_000), list(range(20_000))]")
        recording.tm.flush()
        journal = recording.keeper.journal
        assert journal is not None
        before = journal.size
        assert before > 8 * MIB
        recording.cells("data.append(1)")
        recording.tm.clear_past(range(1, 12))
        recording.tm.flush()
        assert journal.size < before / 4
        recording.check()
        recording.close()


# -- dropping --------------------------------------------------------------------------------------


def test_within_a_small_budget_everything_is_on_disk_and_exact(recording: Recording) -> None:
    """Travel works as if it were in memory."""
    recording.cells(
        "a = [1, {'x': 2}]; b = a[1]",
        "b['y'] = a; import numpy as np; c = np.arange(100_000.)",
        "c[7] = -1; v = c[3:9]; s = 'text' * 1000",
        "class P:\n    def __init__(self): self.a = a\np = P()",
        "del b; a.append(p)",
    )
    recording.tm.flush()
    assert all(state.delta is None for state in recording.tm.states.values())
    report = recording.tm.memory_report().to_dict()
    assert report["raw"] + report["packed"] == 0
    recording.check()
    for number in (2, 5, 1, 3, 4, 5):
        recording.tm.past(number)
        recording.tm.flush()
    recording.check()
    (told,) = [line for line in recording.said if not line.startswith("back after")]
    assert told.startswith("cowtm: to know what a cell changes takes ")
    assert "more than the budget of 1 B" in told


def fill_disk(recording: Recording) -> None:
    """Have something in the journal, and no room for more."""
    recording.cell("import os; x = 0")
    recording.tm.flush()
    recording.keeper.open()
    full(recording.keeper.journal)


def test_with_a_full_disk_the_least_recently_used_states_go(tmp_path: Path) -> None:
    """Never the current one, never a pinned one; those that stay are exact."""
    recording = Recording(memory=20 * MIB, folder=tmp_path / "spill")
    fill_disk(recording)
    for number in range(6):
        recording.cells(f"x = bytearray(os.urandom(2_000_000)); y = [{number}]")
    recording.tm.pin(3)
    recording.tm.ans(2)
    recording.tm.vars(4)
    for _ in range(6):
        recording.cells("x = bytearray(os.urandom(2_000_000))")
    recording.tm.flush()
    left = list(recording.tm.states)
    dropped = [n for n in range(14) if n not in left]
    assert dropped
    assert 3 in left
    assert recording.tm.states[3].pinned
    assert recording.number in left
    assert dropped[:1] == [0]
    # 2 and 4 were used later than 5 and 6
    assert not {5, 6} & set(left) or {2, 4} <= set(left)
    recording.check()
    report = recording.tm.memory_report().to_dict()
    assert report["memory"] <= 20 * MIB + LEAST
    told = [line for line in recording.said if "dropped" in line]
    assert told
    assert all("the disk takes no more" in line for line in told)
    assert all("%config TimeMachine.memory_budget" in line for line in told)
    with pytest.raises(StateNotFound, match=r"state 0 is gone: it was dropped at cell \d+ to keep"):
        recording.tm.past(0)
    with pytest.raises(StateNotFound, match="The nearest states are"):
        recording.tm.past(0)
    recording.close()


def test_the_order_of_use_decides_what_goes_first(tmp_path: Path) -> None:
    """To look at a state, at its result, or to compare it, is to use it; so is travelling there."""
    recording = Recording(memory=1 << 30, folder=tmp_path / "spill")
    recording.cells(*(f"x = [{number}]" for number in range(1, 7)))
    tm = recording.tm
    tm.vars(1)
    tm.ans(2)
    tm.diff(3, 6)
    tm.past(4)
    order = [state.number for state in tm._timeline.by_use()]
    assert order[:2] == [0, 5]
    assert order[2:] == [1, 2, 3, 6, 4]
    recording.close()


def test_the_disk_that_the_journal_is_on_is_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the next journal would go where nothing is free; and an empty one is never too big."""
    recording = Recording(folder=tmp_path / "spill")
    recording.cells("x = [1]", "x.append(2)", "x.append(3)")
    recording.tm.save(tmp_path / "saved.cowtm")
    monkeypatch.setattr(keeper, "disk_space", lambda _: 0)
    recording.tm.limits = Limits(disk="50%", folder=tmp_path / "full")
    recording.cells("x.append(4)", "x.append(5)")
    recording.tm.flush()
    assert list(recording.tm.states) == [0, 1, 2, 3, 4, 5]
    recording.check()
    recording.close()


def test_a_state_that_was_dropped_stays_missing_with_its_reason(tmp_path: Path) -> None:
    """Also in the session that goes on with the journal, and in an archive."""
    recording = Recording(memory=1, disk=3 * MIB, autosave=True, folder=tmp_path / "spill")
    recording.cell("import os; x = 0")
    for _ in range(10):
        recording.cells("x = bytearray(os.urandom(600_000))")
        recording.tm.flush()
    path = recording.tm.journal_path
    assert path is not None
    left = list(recording.tm.states)
    assert 0 not in left
    assert recording.number in left
    journal = recording.keeper.journal
    assert journal is not None
    assert journal.size <= 3 * MIB
    told = [line for line in recording.said if "dropped" in line]
    assert told
    assert all("%config TimeMachine.disk_budget" in line for line in told)
    counted = sum(1 if " was dropped" in line else int(line.split()[1]) for line in told)
    assert counted == recording.number + 1 - len(left)  # each is announced once
    recording.check()
    forms = recording.forms
    recording.close()
    archive = cowtm.load(path)
    assert list(archive.states) == left
    with pytest.raises(StateNotFound, match="state 1 is gone: it was dropped at cell"):
        archive.vars(1)
    again = Recording()
    again.tm.resume(path)
    again.forms = forms
    again.check()
    with pytest.raises(StateNotFound, match=r"dropped at cell \d+ to keep the journal within"):
        again.tm.past(1)
    again.close()


def test_what_is_too_large_for_memory_and_disk_stays_by_reference(tmp_path: Path) -> None:
    """With notice; everything else is recorded, and nothing that was there is lost."""
    recording = Recording(memory=16 * MIB, folder=tmp_path / "spill")
    fill_disk(recording)
    recording.cells("kept = [1]")
    recording.cells("import numpy as np; big = np.random.default_rng(0).random(8_000_000)")
    recording.cells("kept.append(2); also = [big]")
    recording.tm.flush()
    (line,) = [line for line in recording.said if "by reference" in line]
    assert "big" in line
    assert "61 MiB; memory may hold" in line
    assert "the disk takes no more" in line
    assert "big" in recording.tm.states[3].by_reference
    assert recording.tm.vars(2)["kept"] == [1]
    assert recording.tm.vars(4)["kept"] == [1, 2]
    assert recording.tm.vars(4, "big") is recording.home["big"]
    assert recording.tm.memory_report().to_dict()["memory"] < 16 * MIB + LEAST
    recording.close()


def test_when_nothing_may_be_dropped_it_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    """All states are pinned, the disk is full: memory is what is left."""
    recording = Recording(memory=10 * MIB, folder=tmp_path / "spill")
    fill_disk(recording)
    recording.tm.pin(0)
    recording.tm.pin(1)
    for _ in range(8):
        recording.cells("x = bytearray(os.urandom(3_000_000))")
        recording.tm.pin(recording.number)
    recording.tm.flush()
    assert len(recording.tm.states) == recording.number + 1
    assert any("no state is left that may be dropped" in line for line in recording.said)
    recording.check()
    recording.close()


def test_a_budget_that_is_lowered_is_kept_at_once(tmp_path: Path) -> None:
    """Without another cell."""
    recording = Recording(memory=1 << 30, folder=tmp_path / "spill")
    recording.cell("import os; x = 0")
    for _ in range(5):
        recording.cells("x = bytearray(os.urandom(4_000_000))")
    assert recording.tm.memory_report().to_dict()["memory"] > 19 * MIB
    recording.tm.limits = Limits(memory=1, folder=tmp_path / "spill")
    recording.tm.flush()
    assert recording.tm.memory_report().to_dict()["memory"] < LEAST
    recording.check()
    recording.close()
