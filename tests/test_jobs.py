"""Jobs: how they start, what is shown and told of them, what they leave behind."""

from __future__ import annotations

import queue
import signal
import threading
import time
import weakref
from concurrent.futures import CancelledError, wait
from typing import TYPE_CHECKING, Any

import pytest
from session import Session, new_session
from test_extension import completions
from test_kernel import PATIENCE, Kernel, new_kernel

from cowtm.errors import BadInput, JobFailed, StateNotFound, WorkerDied
from cowtm.future.board import Board
from cowtm.future.job import CANCELLED, DIED, DONE, FAILED, QUEUED, RUNNING, Job, Task
from cowtm.future.jobs import Jobs
from cowtm.future.live import Live
from cowtm.future.notices import Notices
from cowtm.future.outputs import Outputs
from cowtm.timeline import order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = "import threading; threading.Event().wait()"
"""A cell that does not end by itself."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Start a session for all tests here: its workers are warm."""
    with new_session(tmp_path_factory.mktemp("jobs")) as session:
        yield session


@pytest.fixture
def session(opened: Session) -> Iterator[Session]:
    """Give the session without variables, and end what a test leaves running."""
    opened.cell("%reset -f")
    opened.cell("%config TimeMachine.background = 'auto'")
    yield opened
    for job in opened.tm.jobs:
        job.cancel()
    wait(opened.tm.jobs, PATIENCE)


def newest(session: Session) -> Job:
    """Give the newest job, when it is over."""
    job = session.tm.jobs[-1]
    wait([job], PATIENCE)
    return job


# -- starting --------------------------------------------------------------------------------------


def test_a_cell_is_a_job_and_its_number_that_of_the_state(session: Session) -> None:
    """The name may have blanks; result and state are those of the cell."""
    session.cell("x = [1]")
    outcome = session.cell("%%future --name 'two words'\nx.append(2); 6 * 7")
    job = newest(session)
    assert (
        outcome.output == f"cowtm: job {outcome.number} (two words) is started; %jobs lists all.\n"
    )
    assert (job.number, job.name, job.status, job.result()) == (
        outcome.number,
        "two words",
        DONE,
        42,
    )
    assert session.names["x"] == [1]
    assert session.tm.vars(job.number, "x") == [1, 2]


def test_results_are_bound_between_cells(session: Session) -> None:
    """Under the job's number, with its letter if it has one."""
    session.cell("%%future\n'a'")
    numbered = newest(session)
    session.cell("tm.submit('[1, 2]').result(); lettered = tm.jobs[-1].number")
    lettered = session.names["lettered"]
    assert str(lettered).endswith(("a", "b"))
    found = session.cell(f"_{lettered}, Out['{lettered}'], _{numbered.number}").value
    assert found == ([1, 2], [1, 2], "a")


def test_an_interrupt_that_came_just_before_the_wait_ends_it(session: Session) -> None:
    """Python does not notice one while it waits for a lock, unless that is what it interrupts."""
    session.cell(f"%%future\n{LONG}")
    job = session.tm.jobs[-1]

    def interrupt(before: int) -> None:
        while len(job._waiters) == before:
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # no system call of the waiter's

    for wait_for in (job.result, job.exception):
        thread = threading.Thread(target=interrupt, args=(len(job._waiters),))
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            wait_for()
        thread.join()
    assert not job.done()


def test_every_job_has_all_magics(session: Session) -> None:
    """However many jobs its worker had: IPython imports some when they are first used."""
    magics = ("%pwd", "%%time\n1", "%%capture\n1", "%timeit -n1 -r1 1", "%who_ls", "%env PATH")
    jobs = [session.tm.submit(source) for source in magics * 3]
    assert [job.exception(PATIENCE) for job in jobs] == [None] * len(jobs)
    undone = session.tm.submit("%alias_magic there pwd\n%there")
    assert undone.result(PATIENCE) == jobs[0].result()
    again = [session.tm.submit("%there") for _ in range(3)]
    assert {job.status for job in again if job.exception(PATIENCE)} == {FAILED}


def test_a_cell_that_started_several_jobs_shows_again_what_they_put_out(session: Session) -> None:
    """After what it put out itself."""
    started = session.cell("%%future --each n=[1,2]\nprint('n is', n)").number
    wait(session.tm.jobs, PATIENCE)
    session.cell("")  # where they are shown for the first time, without a notebook
    shown = session.cell(f"tm.replay({started})").output
    assert shown.startswith("cowtm: 2 jobs are started")
    assert shown.endswith("n is 1\nn is 2\n")
    last = session.tm.jobs[-1].number
    assert session.cell(f"tm.replay({last!r})").output == "n is 2\n"


def test_what_is_given_has_names(session: Session) -> None:
    """A job is not started with a value that has none."""
    refused = session.fail("tm.submit('1', given=5)").error
    assert isinstance(refused, BadInput)
    assert "given takes variables by their names: {'x': 1}; got 5" in str(refused)


def test_jobs_of_a_cell_are_numbered_without_gaps(session: Session) -> None:
    """What the cell did between two of them, such as binding a job to a name, is in between."""
    outcome = session.cell("a = tm.submit('x = 1'); b = tm.submit('y = 2'); c = tm.submit('3')")
    jobs = [session.names[name] for name in "abc"]
    wait(jobs, PATIENCE)
    first, second, third = (str(job.number) for job in jobs)
    assert len(first) == len(str(outcome.number)) + 1
    assert [ord(number[-1]) - ord(first[-1]) for number in (first, second, third)] == [0, 1, 2]
    assert session.tm.states[second].parent == f"{first}a"
    assert session.tm.states[third].parent == f"{second}a"
    assert set(session.tm.vars(f"{second}a")) - set(session.tm.vars(f"{first}a")) == {"b"}
    shown = sorted(session.tm.states, key=order)
    start = shown.index(first)
    assert shown[start:] == [first, f"{first}a", second, f"{second}a", third, outcome.number]


def test_what_a_cell_did_after_a_job_is_numbered_after_it(session: Session) -> None:
    """Also when it merges the job, or travels."""
    session.cell("a = tm.submit('x = 1'); a.result(); a.merge(); y = 5; b = tm.submit('x + y')")
    first, second = (session.names[name] for name in "ab")
    assert second.result(PATIENCE) == 6
    assert ord(second.number[-1]) == ord(first.number[-1]) + 1
    between = [number for number in session.tm.states if str(number).startswith(first.number)]
    assert between[1:] == [f"{first.number}{letter}" for letter in "abc"]


def test_a_job_is_given_variables(session: Session) -> None:
    """They are in its state, and not here."""
    session.cell("x = 1; job = tm.submit('y = x + z', given={'x': 5, 'z': 1}); job.result()")
    job = session.names["job"]
    assert session.tm.vars(job.number, "x", "y", "z") == {"x": 5, "y": 6, "z": 1}
    assert session.cell("x, 'z' in globals()").value == (1, False)


@pytest.mark.parametrize("given", ["{'a b': 1}", "{'def': 1}", "{1: 1}"])
def test_what_can_t_be_a_variable_is_refused(session: Session, given: str) -> None:
    """No job is started."""
    count = len(session.tm.jobs)
    assert type(session.fail(f"tm.submit('1', given={given})").error) is BadInput
    assert len(session.tm.jobs) == count


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%future --after x\n1", "there is no state 'x'"),
        ("%%future --after 999\n1", "there is no state 999"),
        ("%%future --what\n1", "unrecognized arguments: --what"),
        ("%%future --seed nothing\n1", "invalid choice"),
        ("%%future", "cell body is empty"),
        ("%%future\n\n", "a job runs the source of a cell"),
        ("%%future --each 5\n1", "--each takes a variable and its values"),
        ("%%future --each lr=5\n1", "--each takes several values"),
        ("%%future --each lr=[]\n1", "--each gives 0 jobs"),
        ("%%future --each lr=range(10**9)\n1", "--each gives 1001 jobs"),
        ("%%future --each lr=unknown\n1", "name 'unknown' is not defined"),
        ("tm.submit('')", "a job runs the source of a cell"),
        ("tm.submit(5)", "a job runs the source of a cell"),
        ("tm.submit('1', seed='x')", "seed is 'same' or 'new'"),
        ("tm.thread(5)", "thread takes a function"),
        ("tm.notify_jupyter(5)", "notify_jupyter takes True or False"),
        ("%jobs 5", "%jobs takes nothing"),
    ],
)
def test_what_is_typed_wrong_is_said(session: Session, cell: str, said: str) -> None:
    """In words, and no job is started."""
    count = len(session.tm.jobs)
    outcome = session.run(cell)
    assert said in outcome.output + str(outcome.error)
    assert len(session.tm.jobs) == count
    assert session.cell("1 + 1").value == 2


def test_a_cell_has_one_job(session: Session) -> None:
    """A second one in the same cell is refused; the state of the cell is the job's."""
    source = "run = get_ipython().run_cell; run('%%future\\n1'); run('%%future\\n2')"
    outcome = session.run(source)
    assert "has a job already" in outcome.output
    assert newest(session).number == outcome.number
    assert session.tm.ans(outcome.number) == 1


# -- one job for each value ------------------------------------------------------------------------


def test_each_value_has_a_job(session: Session) -> None:
    """Every combination, in states with letters, named by what they were given."""
    session.cell("base = 10; rates = [1, 2]")
    outcome = session.cell("%%future --name fit --each lr=rates --each n=[-1, 3]\nbase * lr + n")
    jobs = session.tm.jobs[-4:]
    wait(jobs, PATIENCE)
    assert [job.result() for job in jobs] == [9, 13, 19, 23]
    assert [job.name for job in jobs] == [f"fit: lr={lr}, n={n}" for lr in (1, 2) for n in (-1, 3)]
    assert [job.number for job in jobs] == [f"{outcome.number}{letter}" for letter in "abcd"]
    assert f"4 jobs are started, {jobs[0].number} to {jobs[-1].number}" in outcome.output
    assert session.tm.vars(jobs[2].number, "lr", "n") == {"lr": 2, "n": -1}
    assert "lr" not in session.names


def test_jobs_that_start_together_share_nothing_but_what_they_began_from(
    session: Session,
) -> None:
    """Each has the variables, and its own value as it hangs together with them."""
    session.cell(
        "import numpy as np\n"
        "class Kind: n = 0\n"
        "data = np.zeros(5); view = data[1:]; held = [data, Kind()]"
    )
    session.cell(
        "%%future --each n=[(i, held, Kind) for i in range(1, 4)]\n"
        "data[n[0]] = n[0]; Kind.n = n[0]; new = {'n': n, 'view': view}\n"
        "n[1] is held, n[1][0] is data, view.base is data, type(held[1]) is n[2], [*view]"
    )
    jobs = session.tm.jobs[-3:]
    wait(jobs, PATIENCE)
    for i, job in enumerate(jobs, 1):
        seen = [float(i) if place == i else 0.0 for place in range(1, 5)]
        assert job.result() == (True, True, True, True, seen)
        data, new = session.tm.vars(job.number, "data", "new").values()
        assert new["n"][1][0] is data
        assert new["view"].base is data
    session.cell("tm.jobs[-1].merge()")
    assert session.cell("new['n'][1] is held, Kind.n, [*data]").value == (True, 3, [0, 0, 0, 3, 0])


def test_each_of_many_values_may_be_anything(session: Session) -> None:
    """What the namespace has, with blanks, quotes and what looks like an option."""
    session.cell("import collections; Point = collections.namedtuple('Point', 'x')")
    session.cell("%%future --each p=[Point(1), None] --each s=['a -b', \"c\"]\n(p, s)")
    jobs = session.tm.jobs[-4:]
    wait(jobs, PATIENCE)
    assert [str(job.result()) for job in jobs] == [
        "(Point(x=1), 'a -b')",
        "(Point(x=1), 'c')",
        "(None, 'a -b')",
        "(None, 'c')",
    ]


# -- once more -------------------------------------------------------------------------------------


def test_a_rerun_begins_from_the_same_state(session: Session) -> None:
    """Whatever happened since; with what the first was given."""
    session.cell("x = [1]; first = tm.submit('x.append(n); x', given={'n': 5}); first.result()")
    session.cell("x.append(99); second = first.rerun(); second.result()")
    first, second = session.names["first"], session.names["second"]
    assert first.result() == second.result() == [1, 5]
    assert second.number != first.number
    assert session.tm.states[second.number].parent == session.tm.states[first.number].parent


def test_a_rerun_of_a_call_calls_it_again(session: Session) -> None:
    """With the same arguments."""
    session.cell("job = tm.thread(sorted, [3, 1], reverse=True); job.result()")
    assert session.cell("job.rerun().result()").value == [3, 1]


def test_a_rerun_needs_the_state_that_it_began_from(session: Session) -> None:
    """The error says why that is gone."""
    session.cell("x = 1")
    session.cell("job = tm.submit('x'); job.result()")
    session.cell("x = 2")
    session.cell("tm.clear_past(job.task.start)")
    error = session.fail("job.rerun()").error
    assert isinstance(error, StateNotFound)
    assert "it was cleared" in str(error)


# -- merging ---------------------------------------------------------------------------------------


def test_what_a_worker_made_comes_into_the_live_objects(session: Session) -> None:
    """Classes, functions and arrays: in place, sharing kept."""
    session.cell(
        "import numpy as np\n"
        "class Counter: n = 0\n"
        "def count(): Counter.n += 1; seen.append(Counter.n)\n"
        "seen = []; data = np.zeros(3); view = data[1:]; one = Counter()"
    )
    session.cell("%%future\ncount(); data[2] = 5; both = [one, view]; view[0] = 1")
    newest(session).result()
    session.cell("held = seen, Counter, data; mine = 7")
    session.cell("changed = tm.jobs[-1].merge()")
    names = session.names
    assert set(names["changed"]) >= {"Counter", "both", "data", "seen", "view"}
    assert (names["seen"], names["Counter"].n, [*names["data"]]) == ([1], 1, [0, 1, 5])
    assert all(
        a is b
        for a, b in zip(
            names["held"], (names["seen"], names["Counter"], names["data"]), strict=True
        )
    )
    assert names["both"] == [names["one"], names["both"][1]]
    assert names["both"][1] is names["view"]
    assert isinstance(names["one"], names["Counter"])
    session.cell("count()")
    assert names["seen"] == [1, 2]


def test_conflicts_with_a_worker_are_refused_and_decided(session: Session) -> None:
    """The present is as it was until a side is chosen."""
    session.cell("x = [1]; y = 1")
    session.cell("%%future\nx.append(2); y = 2")
    newest(session).result()
    session.cell("x.append(3)")
    error = session.fail("tm.jobs[-1].merge()").error
    assert f"job {newest(session).number} since it began: x;" in str(error)
    assert session.cell("x, y").value == ([1, 3], 1)
    session.cell("tm.jobs[-1].merge(theirs=['x'])")
    assert session.cell("x, y").value == ([1, 2], 2)


def test_a_failed_job_can_be_merged(session: Session) -> None:
    """Its state is what it had come to."""
    session.cell("x = [1]")
    session.cell("%%future\nx.append(2); 1 / 0; x.append(3)")
    assert newest(session).status == FAILED
    session.cell("tm.jobs[-1].merge()")
    assert session.names["x"] == [1, 2]


# -- what becomes of jobs when the session changes -------------------------------------------------


def test_a_state_that_is_being_made_is_not_there_yet(session: Session) -> None:
    """The error says where to look."""
    session.cell(f"job = tm.submit({LONG!r})")
    for call in ("tm.past(job.number)", "tm.vars(job.number)", "tm.diff(job.number)"):
        error = session.fail(call).error
        assert isinstance(error, StateNotFound)
        assert "is still being made, by a cell in the background: see tm.jobs" in str(error)
    number = session.names["job"].number
    assert number in session.tm.running
    session.cell("job.cancel()")
    assert newest(session).status == CANCELLED
    assert number in session.tm.finished
    assert number not in session.tm.running
    assert "its job was cancelled" in str(session.fail("tm.past(job.number)").error)


def test_the_state_that_a_job_runs_from_may_be_forgotten(session: Session) -> None:
    """Its own state is exact all the same."""
    session.cell("x = [1]")
    session.cell("x.append(2)")
    session.cell("job = tm.submit('input_is_over = 1; x.append(3); y = [x]')")
    session.cell("x.append(9); old = job.task.start")
    session.cell("tm.clear_past()")
    job = newest(session)
    job.result()
    assert session.tm.vars(job.number, "x", "y") == {"x": [1, 2, 3], "y": [[1, 2, 3]]}
    error = session.fail("tm.jobs[-1].merge()").error
    assert "since it began: x;" in str(error)


def test_a_reset_leaves_jobs_alone(session: Session) -> None:
    """What it removed counts as changed here."""
    session.cell("x = [1]")
    session.cell("%%future\nx.append(2); z = 5")
    session.cell("%reset -f")
    newest(session).result()
    assert "x" in str(session.fail("tm.jobs[-1].merge()").error)
    session.cell("tm.jobs[-1].merge(theirs=True)")
    assert session.cell("x, z").value == ([1, 2], 5)


def test_jobs_run_while_nothing_is_saved(session: Session) -> None:
    """What they begin from is recorded all the same."""
    session.cell("tm.saving(False)")
    session.cell("x = [1]")
    session.cell("%%future\nx.append(2)")
    newest(session).result()
    session.cell("tm.saving(True)")
    session.cell("tm.jobs[-1].merge()")
    assert session.names["x"] == [1, 2]


def test_going_on_from_a_journal_ends_jobs(tmp_path: Path) -> None:
    """They say so."""
    with new_session(tmp_path) as session:
        session.cell("x = 1")
        session.cell(f"tm.save({str(tmp_path / 'a.cowtm')!r})")
        session.cell(f"job = tm.submit({LONG!r})")
        job = session.names["job"]
        outcome = session.cell(f"tm.resume({str(tmp_path / 'a.cowtm')!r}, replace=True)")
        wait([job], PATIENCE)
        assert (job.status, job.reason) == (CANCELLED, "the session went on from a journal")
        told = outcome.output + session.cell("1").output
        assert f"job {job.number} was cancelled" in told
        with pytest.raises(StateNotFound, match="is gone"):
            job._owner.merge(job, (), ())


def test_unloading_ends_jobs(tmp_path: Path) -> None:
    """Those that run, and those that wait; nothing is left behind."""
    before = set(threading.enumerate())
    with new_session(tmp_path) as session:
        session.cell("%config TimeMachine.max_workers = 1")
        session.cell(f"jobs = [tm.submit({LONG!r}), tm.submit('1')]")
        jobs = session.names["jobs"]
        session.cell("%unload_ext cowtm")
        wait(jobs, PATIENCE)
        assert [(job.status, job.reason) for job in jobs] == [(CANCELLED, "the session ended")] * 2
    assert not {t for t in threading.enumerate() if t.name.startswith("cowtm")} - before


@pytest.mark.parametrize("source", [LONG, "1"])
def test_what_was_handed_over_is_let_go(session: Session, source: str) -> None:
    """A job that is over holds nothing of the state that it began from, nor does its worker."""
    session.cell("tm.submit('1').result()")
    running: list[Any] = []
    dispatcher: Any = session.tm._dispatcher
    starting = dispatcher.starting
    dispatcher.starting = lambda job: running.append(dispatcher._running[job])
    session.cell(f"job = tm.submit({source!r})")
    dispatcher.starting = starting
    gone = threading.Event()
    if source == LONG:
        session.cell("job.cancel()")
    newest(session)
    weakref.finalize(running[0], gone.set)
    running.clear()
    assert gone.wait(PATIENCE)


def test_settings_of_workers_take_effect_at_once(session: Session) -> None:
    """How many there are, and how long they have to give up."""
    session.cell("tm.submit('1').result()")
    pool = session.tm._dispatcher.pool  # type: ignore[union-attr]
    size, grace = pool.size, pool.grace
    session.cell("%config TimeMachine.max_workers = 1")
    session.cell("%config TimeMachine.cancel_grace = 0.5")
    assert (pool.size, pool.grace) == (1, 0.5)
    session.cell(f"%config TimeMachine.max_workers = {size}")
    session.cell(f"%config TimeMachine.cancel_grace = {grace}")
    assert (pool.size, pool.grace) == (size, grace)


# -- what is told ----------------------------------------------------------------------------------


def test_the_end_of_a_job_is_told_below_the_next_cell(session: Session) -> None:
    """Once; unless the result was asked for, or it is switched off."""
    session.cell("x = 1")
    session.cell("%%future --name fit\nx = 2; y = 3")
    job = newest(session)
    assert f"cowtm: job {job.number} (fit) is done after " in (told := session.cell("1").output)
    assert "it changed x, y." in told
    assert "cowtm" not in session.cell("1").output
    session.cell("%%future\n1 / 0")
    job = newest(session)
    told = session.cell("1").output
    assert f"cowtm: job {job.number} failed after " in told
    assert "ZeroDivisionError: division by zero." in told
    session.cell("%%future\n1")
    assert "is done" not in session.cell("tm.jobs[-1].result()").output
    session.cell("tm.notify_jupyter(False)")
    session.cell("%%future\n1")
    newest(session)
    assert "is done" not in session.cell("tm.notify_jupyter(True)").output


def test_the_end_of_a_job_is_told_though_its_state_is_gone(session: Session) -> None:
    """Then nothing is said of what it changed."""
    session.cell("%%future\nx = 1")
    job = newest(session)
    told = session.cell(f"tm.clear_past({job.number})").output
    assert f"cowtm: job {job.number} is done after " in told
    assert "changed" not in told


def test_what_can_t_be_handed_over_is_named(session: Session) -> None:
    """Before the start, once as long as it is the same; not using it does no harm."""
    session.cell("import queue, threading; lock = threading.Lock(); x = 1; mine = queue.Queue()")
    said = session.cell("job = tm.submit('x + 1'); job.result()").output
    assert "lock (a lock) can't be handed over to a job; using it there raises an error." in said
    assert "mine" not in said
    assert session.names["job"].result() == 2
    assert "lock" not in session.cell("tm.submit('x + 1').result()").output
    session.cell("del lock")
    assert "handed" not in session.cell("tm.submit('x + 1').result()").output


def test_completion_knows_jobs_and_options(session: Session) -> None:
    """State numbers behind --after, options, and what a job can do."""
    session.cell("tm.submit('1').result()")
    numbers = {str(number) for number in session.tm.states}
    assert set(completions(session, "%%future --name a --after ")) == numbers
    assert completions(session, "%%thread --a") == ["--after"]
    assert set(completions(session, "%%future --")) >= {"--after", "--each", "--name", "--seed"}
    assert {"merge", "rerun", "result"} <= set(completions(session, "tm.jobs[-1]."))
    assert completions(session, "tm.jobs[0].mer") == ["merge"]
    assert not completions(session, "tm.jobs[999].mer")


# -- how they look ---------------------------------------------------------------------------------


class Owner:
    """Who runs jobs that nobody runs."""

    def stop(self, job: Job) -> bool:
        """Stop it."""
        job.stopped()
        return True

    def again(self, job: Job) -> Job:
        """Give it."""
        return job

    def merge(self, job: Job, ours: object, theirs: object) -> tuple[str, ...]:  # noqa: ARG002
        """Change nothing."""
        return ()


def made(number: int | str = 7, name: str = "", source: str = "fit()") -> Job:
    """Give a job that is queued."""
    return Job(Task(number, 7, 6, source, name), Owner(), Outputs())


def test_a_job_says_what_it_is_at() -> None:
    """In text and in HTML, at each stage."""
    job = made(name="fit <a>")
    board = Board([job])
    assert repr(board) == "job 7 (fit <a>): ○ queued"
    job.begin(lambda: 3 << 20)
    job.outputs.add("stream", {"name": "stderr", "text": " 25%|##   | 1/4"}, {})
    assert repr(board).startswith("job 7 (fit <a>): ▶ running  0.")
    assert repr(board).endswith("3.0 MiB  [#####---------------] 25%")
    html = board._repr_html_()
    assert "fit &lt;a&gt;" in html
    assert 'aria-valuenow="25"' in html
    assert not board.is_over
    job.fail(ValueError("<b>"))
    assert repr(board).startswith("job 7 (fit <a>): ✗ failed")
    assert repr(board).endswith("\nValueError: <b>")
    assert "ValueError: &lt;b&gt;" in board._repr_html_()
    assert board.is_over


def test_several_jobs_are_a_table() -> None:
    """With what each gave."""
    jobs = [made(f"7{letter}", f"lr={letter}") for letter in "abc"]
    for job in jobs[:2]:
        job.begin(lambda: None)
    jobs[0].finish([1, 2, 3])
    jobs[1].fail(WorkerDied("its worker was ended by SIGKILL"), DIED)
    lines = repr(Board(jobs)).splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["7a", "lr=a", "✓", "done"],
        ["7b", "lr=b", "✗", "died"],
        ["7c", "lr=c", "○", "queued"],
    ]
    assert lines[1].endswith("[1, 2, 3]")
    assert lines[2].endswith("its worker was ended by SIGKILL")
    assert Board(jobs)._repr_html_().count("<tr>") == 4


def test_jobs_are_a_sequence_and_a_table() -> None:
    """Newest last; a slice is such a sequence too."""
    jobs = Jobs([made(3), made(4, "fit")])
    assert [job.number for job in jobs] == [3, 4]
    assert jobs[-1].name == "fit"
    assert [job.number for job in jobs[:1]] == [3]
    assert "○ queued" in repr(jobs)
    assert "<table" in jobs._repr_html_()
    assert "no job was started" in repr(Jobs([]))


def test_a_job_tells_of_itself() -> None:
    """Its source, where it began, its result."""
    job = made(source="x = 1\nfit(x)")
    assert "began from  state 6" in repr(job)
    job.begin(lambda: None)
    job.finish({})
    assert "job 7: ✓ done" in repr(job)
    assert "result      dict" in repr(job)
    assert "<td" in job._repr_html_()


def test_a_job_is_a_future() -> None:
    """It can be waited for, asked, and cancelled."""
    job = made()
    called: list[Job] = []
    job.add_done_callback(called.append)  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        job.result(timeout=0)
    assert (job.done(), job.running(), job.is_known) == (False, False, False)
    job.begin(lambda: None)
    assert job.running()
    assert job.cancel()
    assert (job.done(), job.cancelled(), job.status) == (True, True, CANCELLED)
    assert called == [job]
    with pytest.raises(CancelledError):
        job.result()
    assert job.cancel()
    done = made()
    done.begin(lambda: None)
    done.finish(5)
    assert not done.cancel()
    assert done.result() == 5
    failed = made()
    failed.begin(lambda: None)
    failed.fail(JobFailed("why"))
    assert isinstance(failed.exception(), JobFailed)
    assert failed.is_known


# -- what is shown live ----------------------------------------------------------------------------


class Shown:
    """What was shown, as it comes."""

    def __init__(self) -> None:
        self._messages: queue.Queue[tuple[Any, str, Any]] = queue.Queue()
        self.live = Live(lambda place, kind, content: self._messages.put((place, kind, content)))
        self.displays: set[str] = set()
        self.kinds: list[str] = []

    def wait_for(self, text: str) -> str:
        """Give what is shown once some text is in it."""
        while True:
            place, kind, content = self._messages.get(timeout=PATIENCE)
            assert place == "cell 7"
            self.kinds.append(kind)
            self.displays.add(content["transient"]["display_id"])
            data: dict[str, str] = content["data"]
            if text in data["text/plain"]:
                return data["text/html"]


def test_one_display_follows_a_job_to_its_end() -> None:
    """It is put into the cell once, and written over; then nothing is left to do."""
    shown, job, board = Shown(), made(), Board()
    shown.live.put(board, job, "cell 7")
    shown.wait_for("queued")
    job.begin(lambda: None)
    shown.wait_for("running")
    job.outputs.add("stream", {"name": "stderr", "text": "50%|#"}, {})
    shown.wait_for("50%")
    job.finish(1)
    shown.wait_for("done")
    assert len(shown.displays) == 1
    assert shown.kinds[0] == "display_data"
    assert set(shown.kinds[1:]) == {"update_display_data"}
    shown.live.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "cowtm-live"]


def test_several_jobs_are_on_one_display() -> None:
    """Until the last is over; another board is another display."""
    shown, board = Shown(), Board()
    jobs = [made("7a"), made("7b")]
    for job in jobs:
        shown.live.put(board, job, "cell 7")
    jobs[0].begin(lambda: None)
    jobs[0].finish(1)
    shown.wait_for("done")
    jobs[1].begin(lambda: None)
    jobs[1].stopped()
    shown.wait_for("cancelled")
    assert len(shown.displays) == 1
    again = made(8)
    shown.live.put(Board(), again, "cell 7")
    shown.wait_for("job 8")
    assert len(shown.displays) == 2
    again.stopped()
    shown.live.close()


def test_notices_go_to_the_terminal_too() -> None:
    """If that is switched on; there the user is told at once."""
    said: list[str] = []
    written: list[str] = []
    notices = Notices(lambda _: ("x", "y"), said.append)
    notices.write = written.append
    for status in (QUEUED, RUNNING):
        job = made()
        job._status = status
        notices.hear(job)
    job = made(name="fit")
    job.watch(notices.hear)
    job.begin(lambda: None)
    notices.terminal = True
    job.finish(1)
    assert len(written) == 1
    assert written[0].startswith("cowtm: job 7 (fit) is done after ")
    assert not said
    notices.tell()
    assert said == written
    notices.tell()
    assert len(said) == 1


# -- in a notebook ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Start a kernel for all tests here."""
    with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        kernel.run("%load_ext cowtm")
        yield kernel


def shown_in(kernel: Kernel, source: str, text: str, times: int = 1) -> list[tuple[str, str]]:
    """Run a cell; give kind and text of what it shows until a text is shown, some times at once."""
    request = kernel.start(source)
    found: list[tuple[str, str]] = []
    while True:
        message = kernel.message()
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        data = content.get("data", {}).get("text/plain", content.get("text", ""))
        found.append((message["msg_type"], data))
        if data.count(text) >= times:
            return found


def test_a_cell_shows_its_job_live(kernel: Kernel) -> None:
    """First of all, in one display that ends with how it ended."""
    found = shown_in(kernel, "%%future --name fit\nprint('hello'); 5", "✓ done")
    boards = [kind for kind, text in found if "job" in text and "fit" in text]
    assert boards[0] == "display_data"
    assert set(boards[1:]) == {"update_display_data"}
    kinds = [kind for kind, _ in found]
    assert kinds.index("display_data") < kinds.index("stream")


def test_a_cell_shows_a_table_of_its_jobs(kernel: Kernel) -> None:
    """One row for each value, with its result."""
    found = shown_in(kernel, "%%future --each n=[1, 2]\nn * 100", "✓ done", 2)
    lines = [line.split() for line in found[-1][1].splitlines()]
    assert [line[1] for line in lines[1:]] == ["n=1", "n=2"]
    assert lines[2][-1] == "200"
    assert {text for kind, text in found if kind == "execute_result"} == {"100", "200"}


def test_the_notebook_tells_of_the_end_with_the_next_cell(kernel: Kernel) -> None:
    """Not in the middle of another cell's output."""
    kernel.run("1")
    shown_in(kernel, "%%future --name told\nx = 1", "✓ done")
    reply = kernel.run("print('mine')")
    assert reply.text.startswith("mine\ncowtm: job ")
    assert "(told) is done after" in reply.text


def test_the_terminal_of_the_server_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the real standard error, which the notebook does not show."""
    with new_kernel(tmp_path) as kernel:
        kernel.run("%load_ext cowtm")
        kernel.run("tm.notify_terminal(True); tm.notify_jupyter(False)")
        shown_in(kernel, "%%future --name aside\nx = 1", "✓ done")
        assert "(aside) is done" not in kernel.run("1").text
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if "(aside) is done after" in line and "changed x." in line]
