"""The archive is kept in the background: what waits for whom, and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from programs import run_python
from recording import Recording
from session import new_session

import cowtm
from cowtm.background import Background
from cowtm.errors import DiskFull, StateNotFound
from cowtm.journal import Journal
from cowtm.keeper import QUEUE, Limits, _about_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON = 30.0
"""Seconds after which something that must happen is taken not to happen."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a Jupyter data directory of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """Give a session that saves every state."""
    made = Recording(autosave=True, folder=tmp_path / "spill")
    yield made
    made.close()


@pytest.fixture
def memory_only(tmp_path: Path) -> Iterator[Recording]:
    """Give a session that saves nothing of itself."""
    made = Recording(folder=tmp_path / "spill")
    yield made
    made.close()


class Gate:
    """Holds what goes through it up until it is opened.

    Attributes:
        reached: set when something waits at it.

    """

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner = inner
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, *given: Any) -> Any:
        """Wait, then go on."""
        self.reached.set()
        assert self._open.wait(SOON)
        return self.inner(*given)

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()


def gated(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Have the writing of states wait."""
    recording.tm.flush()
    journal = recording.keeper.journal
    assert journal is not None
    gate = Gate(journal.put_state)
    monkeypatch.setattr(journal, "put_state", gate)
    return gate


def run_in_thread(work: Callable[[], object]) -> tuple[threading.Thread, threading.Event]:
    """Run something; the event is set when it is done."""
    done = threading.Event()

    def run() -> None:
        work()
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, done


def full(journal: Journal, pages: int = 0) -> None:
    """Have a journal take no more than some pages, as on a disk that is nearly full."""
    (count,) = journal._database.execute("PRAGMA page_count")[0]
    journal._database.execute(f"PRAGMA max_page_count={count + pages}")


def journals(folder: Path) -> list[Path]:
    """List all files in a folder for journals."""
    return sorted(folder.iterdir()) if folder.exists() else []


# -- the thread ------------------------------------------------------------------------------------


def test_requests_while_it_works_are_served_together() -> None:
    """The second round begins when the first is over, and there is no third."""
    rounds: list[int] = []
    gate = Gate(lambda: rounds.append(1))
    background = Background(gate)
    background.ask()
    assert gate.reached.wait(SOON)
    for _ in range(100):
        background.ask()
    gate.open()
    background.flush()
    background.close()
    assert len(rounds) in (2, 3)  # the last is what flush asked for, if it came too late


def test_a_flush_waits_for_what_was_asked_before_it() -> None:
    """However often others ask meanwhile."""
    seen: list[int] = []
    wanted = [0]
    background = Background(lambda: seen.append(wanted[0]))
    for number in range(1, 50):
        wanted[0] = number
        background.flush()
        assert seen[-1] == number
    background.close()


def test_who_waits_is_let_go_when_it_ends() -> None:
    """A condition that never comes holds up nobody for ever."""
    gate = Gate(lambda: None)
    background = Background(gate)
    background.ask()
    assert gate.reached.wait(SOON)
    background.ask()
    waiter, done = run_in_thread(lambda: background.wait_while(lambda: True))
    gate.open()
    background.close()
    assert done.wait(SOON)
    waiter.join()


def test_an_interrupt_that_came_just_before_a_wait_ends_it() -> None:
    """The work goes on."""
    gate = Gate(lambda: None)
    background = Background(gate)

    def interrupt() -> None:
        while not background._waiting:
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # no system call of the waiter's

    thread, done = run_in_thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        background.flush()
    assert done.wait(SOON)
    thread.join()
    assert background.is_behind
    gate.open()
    background.flush()
    background.close()


def test_nothing_is_begun_after_the_end() -> None:
    """Neither by asking nor by waiting."""
    rounds: list[int] = []
    background = Background(lambda: rounds.append(1))
    background.close()
    background.ask()
    background.flush()
    background.wait_while(lambda: True)
    assert rounds == []
    assert not background.is_behind


# -- cells are not held up -------------------------------------------------------------------------


def test_cells_run_while_a_state_is_written_until_the_queue_is_full(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes its time delays nobody; only when too many states wait do cells wait."""
    gate = gated(recording, monkeypatch)
    for _ in range(QUEUE):
        recording.cell("x = 1")
    assert gate.reached.wait(SOON)
    assert len(recording.tm.states) == QUEUE + 1
    assert set(recording.tm.saved) == {0}
    cell, done = run_in_thread(lambda: recording.cell("x = 2"))
    # It is recorded, and waits: with this one more states wait than may.
    while QUEUE + 1 not in recording.tm.states:
        assert not done.is_set()
    assert not done.wait(0.1)
    gate.open()
    assert done.wait(SOON)
    cell.join()
    recording.tm.flush()
    assert recording.tm.saved == list(range(QUEUE + 2))


@pytest.mark.parametrize(
    "source",
    [
        "x = [f'name {i}' for i in range(100_000)]",
        "x = [i / 2 for i in range(100_000)]",
        "x = ['the same' * 20] * 100_000",
        "x = [{i: i} for i in range(10_000)]",
    ],
)
def test_what_waits_is_estimated_with_the_values_in_it(memory_only: Recording, source: str) -> None:
    """It is what the archive takes when the variable is gone, about."""
    memory_only.cell(source)
    estimate = _about_bytes(memory_only.tm._timeline[1])
    memory_only.cell("x = None")
    assert estimate / 2 < memory_only.keeper.weigh() < estimate * 2


def test_a_full_disk_holds_nobody_up(recording: Recording) -> None:
    """Nobody waits for what will not happen; it is said once, and once more when it is over."""
    recording.cell("x = 'a' * 10_000")
    recording.tm.flush()
    journal = recording.keeper.journal
    assert journal is not None
    full(journal)
    for number in range(QUEUE + 10):
        recording.cell(f"x = '{number}' * 10_000")
    recording.tm.flush()
    told = [line for line in recording.said if "not saved for now" in line]
    assert len(told) == 1
    assert "make room" in told[0]
    assert recording.tm.vars(5, "x") == "3" * 10_000
    full(journal, 100_000)
    recording.tm.flush()
    assert recording.tm.saved == list(recording.tm.states)
    assert recording.said[-1] == "cowtm: states are saved again."


def test_cells_in_several_threads_are_all_recorded_and_saved(recording: Recording) -> None:
    """Subshells run cells side by side, and some of them travel, look and clear."""
    start = threading.Barrier(4)
    recording.cells("shared = []", "shared.append(1)")
    lock = threading.Lock()

    def work(name: str) -> None:
        start.wait()
        for count in range(15):
            with lock:  # the numbers of cells are one thread's business at a time
                recording.cell(f"{name} = [{count}]")
            recording.tm.vars(2)
            recording.tm.flush()
            if count % 5 == 4:
                recording.tm.clear_past([recording.number - 3])
            recording.tm.memory_report()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON * 3)
        assert not thread.is_alive()
    recording.tm.flush()
    assert set(recording.tm.saved) == set(recording.tm.states)
    last = recording.tm.vars(recording.number)
    assert [last[name] for name in "abcd"] == [[14]] * 4


def test_an_error_in_the_background_is_told_and_does_not_end_it(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not done is done at the next occasion."""
    recording.tm.flush()
    journal = recording.keeper.journal
    assert journal is not None
    put = journal.put_state

    def fail_once(_: Any) -> None:
        monkeypatch.setattr(journal, "put_state", put)
        msg = "by chance"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(journal, "put_state", fail_once)
    recording.cell("x = 1")
    recording.tm.flush()
    assert any("ZeroDivisionError: by chance" in line for line in recording.said)
    recording.cell("x = 2")
    recording.tm.flush()
    assert recording.tm.saved == [0, 1, 2]


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["'much'", "-1", "0", "True", "'120 parsecs'", "float('nan')"])
@pytest.mark.parametrize(("name", "limit"), [("memory_budget", "memory"), ("disk_budget", "disk")])
def test_what_is_no_budget_is_refused_and_the_old_one_stays(
    tmp_path: Path, name: str, limit: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error says what a budget is."""
    with new_session(tmp_path) as session:
        session.cell(f"%config TimeMachine.{name} = '3 GiB'")
        session.cell(f"%config TimeMachine.{name} = {value}")
        assert "a budget is a size such as '2 GiB', '25%', 'auto'" in caplog.text
        assert getattr(session.tm.limits, limit) == "3 GiB"


def test_a_folder_that_cant_be_written_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    """States stay in memory; with another folder they are saved."""
    (tmp_path / "file").write_text("in the way")
    recording = Recording(autosave=True, folder=tmp_path / "file" / "sub")
    recording.cells("x = [1]", "x.append(2)")
    recording.tm.flush()
    assert any("not saved for now" in line and "file" in line for line in recording.said)
    assert recording.tm.saved == []
    recording.check()
    recording.tm.limits = Limits(autosave=True, folder=tmp_path / "good")
    recording.tm.flush()
    assert recording.tm.saved == [0, 1, 2]
    recording.close()


def test_autosave_switched_on_later_saves_what_is_there(memory_only: Recording) -> None:
    """And off again: what comes then is not saved, what is there is whole."""
    recording = memory_only
    recording.cells("x = [1]", "x.append(2)")
    recording.tm.flush()
    assert (recording.tm.saved, recording.keeper.journal) == ([], None)
    recording.tm.limits = Limits(autosave=True, folder=recording.keeper.folder)
    recording.tm.flush()
    assert recording.tm.saved == [0, 1, 2]
    recording.tm.limits = Limits(folder=recording.keeper.folder)
    recording.cells("x.append(3)")
    recording.tm.flush()
    assert recording.tm.saved == [0, 1, 2]
    path = recording.tm.journal_path
    assert path is not None
    recording.close()
    loaded = cowtm.load(path)
    assert loaded.vars(2, "x") == [1, 2]
    assert list(loaded.states) == [0, 1, 2]


def test_why_a_state_is_missing_is_saved_with_the_others(recording: Recording) -> None:
    """Also when it never was in the journal."""
    recording.cells("x = 1", "x = 2", "x = 3")
    recording.tm.clear_past(2)
    recording.tm.flush()
    path = recording.tm.journal_path
    assert path is not None
    recording.close()
    with pytest.raises(StateNotFound, match="state 2 is gone: it was cleared at cell 3"):
        cowtm.load(path).vars(2)


def test_what_is_cleared_before_it_was_written_takes_no_other_state_along(
    recording: Recording,
) -> None:
    """The next state took over what it needs: it never builds on what is not there."""
    keeper, tm = recording.keeper, recording.tm
    recording.cells("x = [1]")
    tm.flush()
    with keeper.at_rest():
        recording.cells("x.append(2)", "x.append(3)", "x.append(4)")
        keeper._take_news()
        tm.clear_past(2)
        keeper._writer.write_all(keeper._background.progress)
        found = cowtm.load(str(tm.journal_path))
        assert list(found.states) == [0, 1, 3, 4]
        assert set(tm.saved) <= set(found.states)
        assert found.vars(3, "x") == [1, 2, 3]
        assert found.vars(4, "x") == [1, 2, 3, 4]


def test_what_was_cleared_is_not_in_a_saved_file(memory_only: Recording, tmp_path: Path) -> None:
    """Though it was in the journal before."""
    recording = memory_only
    recording.cells("x = 1", "x = 2", "x = 3")
    recording.tm.save(tmp_path / "one.cowtm")
    recording.tm.clear_past(2)
    recording.tm.save(tmp_path / "two.cowtm")
    assert list(cowtm.load(tmp_path / "one.cowtm").states) == [0, 1, 2, 3]
    assert list(cowtm.load(tmp_path / "two.cowtm").states) == [0, 1, 3]


def test_a_frame_that_is_needed_again_while_others_are_swept_stays(tmp_path: Path) -> None:
    """Whether a chunk is in use is asked when it is deleted, not before."""
    asked: list[Any] = []

    class InUse:
        def __contains__(self, key: object) -> bool:
            asked.append(key)
            return len(asked) > 1

    with Journal.create(tmp_path / "one.cowtm", "spill") as journal:
        keys = [(bytes([number]) * 16, 300) for number in range(3)]
        for key in keys:
            journal.chunks[key] = bytes(300)
        journal.sweep((), InUse())
        assert sorted(asked) == keys
        assert len(journal.chunks) == 2


# -- how it ends -----------------------------------------------------------------------------------


def test_what_only_overflowed_from_memory_goes_with_the_session(tmp_path: Path) -> None:
    """No file is left, and no thread."""
    recording = Recording(memory=1, folder=tmp_path / "spill")
    recording.cells("x = [1]", "x.append(2)")
    recording.tm.flush()
    assert [path.suffix for path in journals(tmp_path / "spill")].count(".cowtm") == 1
    recording.check()
    recording.close()
    assert journals(tmp_path / "spill") == []
    assert not [thread for thread in threading.enumerate() if thread.name == "cowtm"]


def test_unloading_within_a_cell_saves_all_that_was_recorded(tmp_path: Path) -> None:
    """The journal can be loaded at once, in the same cell."""
    with new_session(tmp_path) as session:
        session.cells("%config TimeMachine.autosave = True", "x = [1]", "x.append(2)")
        session.cell("tm.flush(); path = tm.journal_path; import cowtm")
        session.cell("%unload_ext cowtm\nback = cowtm.load(path)")
        assert session.names["back"].vars(4, "x") == [1, 2]
        assert not [thread for thread in threading.enumerate() if thread.name == "cowtm"]


KILLED = """
    import os, pathlib, sys
    from recording import Recording
    folder, autosave = pathlib.Path(sys.argv[1]), sys.argv[2] == "autosave"
    recording = Recording(memory=1, folder=folder, autosave=autosave)
    recording.cell("x = list(range(100))")
    recording.tm.flush()
    print(recording.tm.journal_path, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_of_no_use_is_removed_by_the_next(tmp_path: Path) -> None:
    """But never a journal that was saved on purpose, or that is in use."""
    paths = {}
    for what in ("autosave", "spill"):
        script = KILLED.replace("sys.argv[1]", repr(str(tmp_path))).replace(
            "sys.argv[2]", repr(what)
        )
        paths[what] = Path(run_python(script).stdout.strip())
        assert paths[what].exists()
    one, two = Recording(memory=1, folder=tmp_path), Recording(memory=1, folder=tmp_path)
    one.cells("x = 1")
    one.tm.flush()
    two.cells("x = 2")
    two.tm.flush()
    assert not paths["spill"].exists()
    one.check()
    one.close()
    two.close()
    left = [path for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".lock"]
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in left} == {
        paths["autosave"].name
    }
    assert cowtm.load(paths["autosave"]).vars(1, "x") == list(range(100))


ENDINGS = {
    "falls off its end": "",
    "sys.exit": "raise SystemExit(0)",
    "an exception": "raise ValueError('the end')",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_the_end_of_the_process_saves_what_was_recorded(tmp_path: Path, ending: str) -> None:
    """Right after a cell, however it comes."""
    script = f"""
        import pathlib
        from recording import Recording
        recording = Recording(folder=pathlib.Path({str(tmp_path / "j")!r}), autosave=True)
        for number in range(30):
            recording.cell(f"x = [{{number}}] * 1000")
        {ending}
    """
    done = run_python(script)
    assert "cowtm" not in done.stderr
    (path,) = journals(tmp_path / "j")
    loaded = cowtm.load(path)
    assert list(loaded.states) == list(range(31))
    assert loaded.vars(30, "x") == [29] * 1000


def test_what_cant_be_saved_in_the_end_is_said(tmp_path: Path) -> None:
    """On the standard error stream: there is nobody else to tell."""
    script = f"""
        import pathlib
        from recording import Recording
        recording = Recording(folder=pathlib.Path({str(tmp_path / "j")!r}), autosave=True)
        recording.cell("x = 1")
        recording.tm.flush()
        database = recording.keeper.journal._database
        (count,) = database.execute("PRAGMA page_count")[0]
        database.execute(f"PRAGMA max_page_count={{count}}")
        recording.cell("import os; x = os.urandom(400_000)")
    """
    done = run_python(script)
    assert done.returncode == 0
    assert "cowtm: states 2 are not saved: " in done.stderr
    assert "make room" in done.stderr
    assert list(cowtm.load(journals(tmp_path / "j")[0]).states) == [0, 1]


def test_a_forked_child_leaves_the_journal_to_its_parent(tmp_path: Path) -> None:
    """Whatever the thread is doing at that moment; the child ends, and the parent goes on."""
    script = f"""
        import os, pathlib, sys
        from recording import Recording
        recording = Recording(folder=pathlib.Path({str(tmp_path / "j")!r}), autosave=True)
        for number in range(40):
            recording.cell(f"x = [{{number}}] * 20_000")
            child = os.fork()
            if not child:
                recording.cell("y = 1")
                recording.tm.flush()
                recording.tm.past(1)
                sys.exit(0)  # runs what is registered for the end
            assert os.waitpid(child, 0)[1] == 0
        print("done")
    """
    done = run_python(script)
    assert done.stdout == "done\n", done.stderr
    loaded = cowtm.load(journals(tmp_path / "j")[0])
    assert list(loaded.states) == list(range(41))
    assert loaded.vars(40, "x") == [39] * 20_000
    assert "y" not in loaded.names(40)


def test_processes_started_by_fork_within_a_cell_work(tmp_path: Path) -> None:
    """A pool of them, while states are written."""
    script = f"""
        import pathlib, warnings
        from recording import Recording
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        recording = Recording(folder=pathlib.Path({str(tmp_path / "j")!r}), autosave=True)
        recording.cell("import multiprocessing; context = multiprocessing.get_context('fork')")
        for number in range(5):
            recording.cell(f"data = [{{number}}] * 50_000")
            recording.cell("with context.Pool(2) as pool: found = pool.map(abs, [-1, -2, -3])")
        print(recording.home["found"])
    """
    done = run_python(script)
    assert done.stdout == "[1, 2, 3]\n", done.stderr
    loaded = cowtm.load(journals(tmp_path / "j")[0])
    assert loaded.vars(11, "found") == [1, 2, 3]


def test_a_journal_that_is_full_says_so_when_it_is_saved_elsewhere(
    memory_only: Recording, tmp_path: Path
) -> None:
    """`save` raises; the states are there as before."""
    recording = memory_only
    recording.cells("x = list(range(5000))")
    recording.tm.save(tmp_path / "one.cowtm")
    recording.cells("x = list(range(60_000))")
    journal = recording.keeper.journal
    assert journal is not None
    full(journal)
    with pytest.raises(DiskFull):
        recording.tm.save(tmp_path / "two.cowtm")
    assert not (tmp_path / "two.cowtm").exists()
    recording.check()
