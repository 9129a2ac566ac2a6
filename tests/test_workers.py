"""Workers: whatever a job does to its process, the session and the other jobs go on."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import types
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import psutil
import pytest
from contracts import provide
from session import Session, new_session

from cowtm.errors import BadInput, WorkerDied
from cowtm.future.folder import PREFIX, Folder
from cowtm.future.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cowtm.future.job import Job
    from cowtm.future.kernel import Message
    from cowtm.future.worker import Worker

pytestmark = pytest.mark.long

PATIENCE = 60
"""Seconds that a job may take."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux has")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give a session whose workers all tests here share."""
    with new_session(tmp_path_factory.mktemp("ipython")) as session:
        session.cell("%config TimeMachine.max_workers = 2")
        yield session


@pytest.fixture
def session(started: Session) -> Iterator[Session]:
    """Give the session without variables; no job goes on after the test."""
    started.cell("%reset -f")
    yield started
    for job in started.tm.jobs:
        job.cancel()


def result(job: Job) -> Any:
    """Wait for a job's result."""
    return job.result(PATIENCE)


def error(job: Job) -> BaseException | None:
    """Wait for what a job raises."""
    return job.exception(PATIENCE)


def said(job: Job) -> str:
    """Wait for a job; returns what it printed."""
    job.exception(PATIENCE)
    return "".join(one["text"] for one in job.outputs if one["output_type"] == "stream")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder for temporary files: an empty one."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Pipe:
    """A named pipe, by which a job's process says where it is."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"pipe{len(list(folder.iterdir()))}"
        os.mkfifo(self.path)

    @property
    def telling(self) -> str:
        """Python that says it."""
        return f"open({str(self.path)!r}, 'w').close()"

    def wait(self) -> None:
        """Wait until it was said."""
        self.path.read_text()


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    """Give a pipe."""
    return Pipe(tmp_path)


def identity(session: Session) -> int:
    """Give the process that a job runs in."""
    found = result(session.tm.submit("__import__('os').getpid()"))
    assert isinstance(found, int)
    return found


# -- what a job does to its process ----------------------------------------------------------------

DEATHS = {
    "code in C went wrong": ("import ctypes\nctypes.string_at(0)", r"SIGSEGV.*\n[^$]*string_at"),
    "it ended itself": ("import os\nos._exit(3)", "exit code 3"),
    "no more memory": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "memory"),
}


@pytest.mark.parametrize("case", DEATHS)
def test_a_job_that_takes_its_process_along_says_how(session: Session, case: str) -> None:
    """It died, with the reason; variables and the next job are none the worse for it.

    What it had written is shown to the last word, whether that was flushed or not.
    """
    source, why = DEATHS[case]
    session.cell("kept = [1]")
    words = "for i in range(9_999): print(i)\nprint('last é')"
    job = session.tm.submit(f"kept.append(2)\n{words}\n{source}")
    with pytest.raises(WorkerDied, match=why):
        result(job)
    assert job.status == "died"
    assert said(job) == "".join(f"{number}\n" for number in (*range(9_999), "last é"))
    assert session.cell("kept").value == [1]
    assert result(session.tm.submit("kept + [3]")) == [1, 3]


HARMLESS = {
    "forks, and the child ends": "import os\nif not os.fork(): os._exit(0)\nos.wait()\n'here'",
    "forks, and the child goes on": "import os\nchild = os.fork()\n'here'",
    "closes its output": "import os\nos.close(1); os.close(2)\nprint('said')\n'here'",
    "leaves a process behind": (
        "import subprocess, sys\n"
        "gone_on = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE,"
        " start_new_session=True).pid\n'here'"
    ),
    "leaves a thread behind": (
        "import threading\nthread = threading.Thread(target=threading.Event().wait, daemon=True)\n"
        "thread.start()\n'here'"
    ),
    "asks to leave": "import sys\ntry: sys.exit(1)\nexcept SystemExit: pass\n'here'",
    "displays much": "for i in range(5_000): display(i)\n'here'",
}


@linux
@pytest.mark.parametrize("case", HARMLESS)
def test_a_job_ends_whatever_it_did(session: Session, case: str) -> None:
    """Its result is there, and so is the next one's."""
    assert result(session.tm.submit(HARMLESS[case])) == "here"
    assert result(session.tm.submit("6 * 7")) == 42


def test_much_output_gets_through(session: Session) -> None:
    """All of it, in order, to who listens."""
    heard: list[str] = []
    assert session.tm.submit("1").result(PATIENCE) == 1
    listeners = session.tm._dispatcher.listeners  # type: ignore[union-attr]

    def listener(_: Job, message: Message) -> None:
        heard.append(message.content.get("text", ""))

    listeners.append(listener)
    result(session.tm.submit("for i in range(100): print(f'{i:03}' + 'x' * 200_000)"))
    listeners.remove(listener)
    lines = "".join(heard).splitlines()
    assert [line[:3] for line in lines] == [f"{number:03}" for number in range(100)]
    assert {len(line) for line in lines} == {200_003}


def worker_of(session: Session, job: Job) -> Worker:
    """Give the worker that a job runs on."""
    dispatcher = session.tm._dispatcher
    assert dispatcher is not None
    return dispatcher.pool._running[dispatcher._running[job]]


class Broken:
    """A worker that can't be started, for a reason that is none of ours."""

    is_alive = False

    def __enter__(self) -> Self:
        """Refuse."""
        raise OSError("too many open files")

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def kill(self) -> None:
        """Do nothing."""


class Waits:
    """What waits for a worker."""

    def __init__(self) -> None:
        self.error: Future[WorkerDied] = Future()

    def fail(self, error: WorkerDied) -> None:
        """Take note."""
        self.error.set_result(error)


def test_nobody_waits_for_a_worker_that_cannot_be_started() -> None:
    """Whatever the system says; the next job tries again."""
    pool = Pool(cast("Any", Broken), 1)
    for _ in range(3):
        waits = Waits()
        pool.submit(cast("Any", waits))
        assert "too many open files" in str(waits.error.result(PATIENCE))
    pool.close()


STUBBORN = {
    "sleeps": ("import time\n{}\ntime.sleep(1000)", True),
    "goes on after an interrupt": (
        "import time\nwhile True:\n try: {}; time.sleep(1000)\n except BaseException: pass",
        False,
    ),
    "ignores interrupts": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{}\ntime.sleep(1000)",
        False,
    ),
    "never lets go of the interpreter": (
        # Within one call of C's, from the telling on.
        "import itertools\nsum(itertools.chain(map(os.system, ['echo > {path}']), range(10**18)))",
        False,
    ),
}


@linux
@pytest.mark.parametrize("case", STUBBORN)
def test_cancelling_really_stops_a_job(session: Session, pipe: Pipe, case: str) -> None:
    """It is interrupted, then killed; one that gave up at once leaves its worker for the next."""
    source, gives_up = STUBBORN[case]
    session.cell(f"%config TimeMachine.cancel_grace = {30 if gives_up else 0.2}")
    job = session.tm.submit("import os\n" + source.format(pipe.telling, path=pipe.path))
    pipe.wait()
    busy = worker_of(session, job)
    assert job.cancel()
    with pytest.raises(CancelledError):
        result(job)
    assert (job.status, job.cancelled()) == ("cancelled", True)
    assert identity(session)
    assert busy.is_alive is gives_up


# -- cancelling at each stage ----------------------------------------------------------------------


def test_cancelling_what_waits(session: Session, pipe: Pipe) -> None:
    """A job that waits for a worker never begins; those that run do not notice."""
    busy = [
        session.tm.submit(f"{pipe.telling}\n__import__('threading').Event().wait()"),
        session.tm.submit(f"{pipe.telling}\n__import__('threading').Event().wait()"),
    ]
    pipe.wait()
    waiting = session.tm.submit("1")
    assert waiting.status == "queued"
    assert waiting.cancel()
    assert waiting.status == "cancelled"
    assert not any(job.done() for job in busy)
    for job in busy:
        assert job.cancel()
    assert [type(cancelled(job)) for job in busy] == [CancelledError] * 2


def cancelled(job: Job) -> BaseException:
    """Wait for a job that was cancelled; returns what its result raises."""
    with pytest.raises(CancelledError) as caught:
        result(job)
    return caught.value


def test_cancelling_while_the_worker_starts(tmp_path: Path) -> None:
    """It is as if the job had waited: the worker is ready for the next."""
    with new_session(tmp_path) as session:
        job = session.tm.submit("1")
        assert job.cancel()
        cancelled(job)
        assert result(session.tm.submit("2")) == 2


def test_a_worker_has_imported_the_libraries_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that it would take long to import, when the job comes; not others."""
    monkeypatch.setattr("cowtm.ipython.future.LIBRARIES", {"wave": "", "chunk": ""})
    monkeypatch.setitem(sys.modules, "wave", types.ModuleType("wave"))
    with new_session(tmp_path) as session:
        job = session.tm.submit("import sys; [n in sys.modules for n in ('wave', 'chunk')]")
        assert result(job) == [True, False]


HANDLERS = """import logging
known = logging.root.manager.loggerDict
{n: len(getattr(known[n], "handlers", ())) for n in known if n.startswith("torch")}
"""


def test_a_library_that_the_state_brings_along_does_not_cost_the_worker(tmp_path: Path) -> None:
    """Its loggers and options come with it; no job left them behind."""
    provide("torch")
    with new_session(tmp_path) as session:
        session.cell("%config TimeMachine.max_workers = 1")
        session.cell("import torch\nheld = torch.ones(2)")
        handlers = session.tm.submit(HANDLERS).result(PATIENCE)
        assert max(handlers.values()) <= 1  # two would say everything twice
        assert len({identity(session) for _ in range(3)}) == 1


@linux
def test_cancelling_while_the_state_is_brought_in(
    session: Session, pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that takes its time to be imported does not hold it up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "slow_to_come.py"
    module.write_text("")
    session.cell("import slow_to_come")
    module.write_text(f"import time\n{pipe.telling}\ntime.sleep(1000)\n# longer than before")
    job = session.tm.submit("1")
    pipe.wait()
    assert job.cancel()
    cancelled(job)
    module.write_text("")
    assert result(session.tm.submit("2")) == 2
    session.cell("del slow_to_come")
    sys.modules.pop("slow_to_come")


@linux
def test_cancelling_while_it_is_found_out_what_changed(session: Session, pipe: Pipe) -> None:
    """The cell is over, but its state will not be."""
    job = session.tm.submit(
        f"""
import copyreg, time, zlib
def slow(compressor, told=[]):
    if told: raise TypeError
    told.append(1)
    {pipe.telling}
    time.sleep(1000)
packer = zlib.compressobj()
copyreg.pickle(type(packer), slow)
"""
    )
    pipe.wait()
    assert job.cancel()
    cancelled(job)
    assert job.number not in list(session.tm.states)
    assert result(session.tm.submit("2")) == 2


def test_cancelling_what_is_over_changes_nothing(session: Session) -> None:
    """It is told so."""
    job = session.tm.submit("7")
    assert result(job) == 7
    assert not job.cancel()
    assert job.status == "done"


def test_cancelling_what_lands_comes_too_late(session: Session) -> None:
    """It says so, and the state is there."""
    assert identity(session)
    dispatcher = session.tm._dispatcher
    assert dispatcher is not None
    told: list[bool] = []
    landed = dispatcher.landed
    dispatcher.landed = lambda job, _: told.append(job.cancel())
    try:
        job = session.tm.submit("made = 7")
        job.result(PATIENCE)
    finally:
        dispatcher.landed = landed
    assert (told, job.status) == ([False], "done")
    assert session.tm.vars(job.number, "made") == 7


# -- workers come and go ---------------------------------------------------------------------------


def test_the_interrupt_of_a_notebook_reaches_no_worker(session: Session) -> None:
    """It goes to the process group of the kernel; a worker leads one of its own."""
    worker = identity(session)
    assert os.getpgid(worker) == os.getsid(worker) == worker


def test_many_jobs_wait_their_turn(session: Session) -> None:
    """All are done, on no more workers than there may be."""
    jobs = [session.tm.submit(f"import os\n{number}, os.getpid()") for number in range(12)]
    found = [result(job) for job in jobs]
    assert [number for number, _ in found] == list(range(12))
    assert len({process for _, process in found}) <= 2


@linux
def test_the_number_of_workers_may_change_any_time(session: Session, tmp_path: Path) -> None:
    """More are started for what waits; fewer go on once those that are too many are free."""
    pipes = [Pipe(tmp_path) for _ in range(3)]
    source = "{}\n__import__('threading').Event().wait()"
    jobs = [session.tm.submit(source.format(one.telling)) for one in pipes]
    pipes[0].wait()
    pipes[1].wait()
    assert jobs[2].status == "queued"
    session.cell("%config TimeMachine.max_workers = 3")
    pipes[2].wait()
    session.cell("%config TimeMachine.max_workers = 1")
    assert [job.status for job in jobs] == ["running"] * 3
    for job in jobs:
        job.cancel()
        cancelled(job)
    assert len({identity(session) for _ in range(3)}) == 1
    session.cell("%config TimeMachine.max_workers = 2")


@linux
def test_a_warm_worker_that_is_gone_is_replaced(session: Session) -> None:
    """The job that it would have got runs on another."""
    process = identity(session)
    for worker in psutil.Process().children():
        if worker.pid == process:
            worker.kill()
            worker.wait()
    assert identity(session) != process


def test_why_no_worker_starts_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of what went wrong; the session goes on."""
    with new_session(tmp_path) as session:
        monkeypatch.setenv("PYTHONHOME", str(tmp_path))
        job = session.tm.submit("1")
        other = session.tm.submit("2")
        with pytest.raises(WorkerDied, match=r"(?s)no worker could be started.*encodings"):
            result(job)
        assert isinstance(error(other), WorkerDied)
        assert session.cell("1 + 1").value == 2
        monkeypatch.delenv("PYTHONHOME")
        assert result(session.tm.submit("3")) == 3


def test_a_worker_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was installed while the session ran, for instance."""
    monkeypatch.setattr("cowtm.future.worker.installed", lambda: "0.0.1")
    why = r"the session 0\.0\.1.*install the same"
    with new_session(tmp_path) as session, pytest.raises(WorkerDied, match=why):
        result(session.tm.submit("1"))


@linux
def test_a_process_that_is_forked_off_leaves_the_workers_alone(session: Session) -> None:
    """It can't use them, and does not end them when it ends."""
    process = identity(session)
    dispatcher = session.tm._dispatcher
    assert dispatcher is not None
    child = os.fork()
    if not child:
        code = 1
        try:
            session.tm.submit("1")
        except BadInput:
            dispatcher.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert process in {worker.pid for worker in psutil.Process().children()}
    assert result(session.tm.submit("5")) == 5


# -- the end ---------------------------------------------------------------------------------------


@linux
def test_nothing_is_left_of_a_session(tmp_path: Path) -> None:
    """No process, thread, open file, or file; with a job that runs, and others that wait."""
    environment = {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, str(tmp_path)],
        env=environment | {"TMPDIR": str(tmp_path), "PYTHONPATH": tests},
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()[-2:]
    assert after == before


LEAVING = """
import gc, os, psutil, re, sys, threading
from pathlib import Path
from session import new_session

folder = Path(sys.argv[1])

def there():
    gc.collect()
    # Recorded memory is in a file of its own, which is not about jobs.
    links = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.exists()]
    return (
        psutil.Process().children(recursive=True),
        sorted(thread.name for thread in threading.enumerate()),
        sorted(re.sub(r"\\d+", "", link) for link in links if "memfd:cowtm" not in link),
        list(folder.glob("cowtm-*")),
    )

def one():
    os.mkfifo(folder / "pipe")
    with new_session(folder / "ipython") as session:
        session.cell("%config TimeMachine.max_workers = 1")
        session.cell("import numpy\\nbig = numpy.ones(3_000_000)")
        assert session.tm.submit("big[0] = 2; big.sum()").result() == 3_000_001
        telling = f"open({str(folder / 'pipe')!r}, 'w').close()"
        busy = session.tm.submit(telling + "; __import__('threading').Event().wait()")
        waiting = [session.tm.submit("1") for _ in range(5)]
        (folder / "pipe").read_text()
        session.cell("%unload_ext cowtm")
        assert {job.status for job in (busy, *waiting)} == {"cancelled"}
    (folder / "pipe").unlink()

one()
before = there()
one()
print(before)
print(there())
"""


LONE = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
shell.run_cell("%load_ext cowtm")
tm = shell.user_ns["tm"]
job = tm.submit(sys.argv[1])
"""


@linux
@pytest.mark.parametrize("how", ["killed", "killed while it starts workers", "ended"])
def test_workers_end_with_their_session(tmp_path: Path, pipe: Pipe, how: str) -> None:
    """Whatever way that ends."""
    last = {"ended": "job.result()\nprint('over')"}.get(how, "input()")
    busy = f"import time\n{pipe.telling}\n" + ("" if how == "ended" else "time.sleep(1000)")
    environment = {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
    session = subprocess.Popen(
        [sys.executable, "-c", LONE + last, busy],
        env=environment | {"IPYTHONDIR": str(tmp_path), "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with session:
        workers: list[psutil.Process] = []
        if how == "killed while it starts workers":
            while not workers:
                workers = psutil.Process(session.pid).children()
        else:
            pipe.wait()
            workers = psutil.Process(session.pid).children()
        assert workers
        if how == "ended":
            session.communicate(timeout=PATIENCE)
        else:
            session.kill()
        gone, alive = psutil.wait_procs(workers, timeout=PATIENCE)
        assert (len(gone), alive) == (len(workers), [])
    assert how != "ended" or not list(tmp_path.glob("cowtm-*"))


@linux
def test_what_a_killed_session_left_is_swept_up(folder: Path) -> None:
    """The next one that starts a worker does so; what belongs to one that lives stays."""
    left = folder / f"{PREFIX}left"
    left.mkdir()
    (left / "kernel.json").write_text("{}")
    mine = Folder()
    assert (left.exists(), mine.path.exists()) == (False, True)
    another = Folder()
    assert mine.path.exists()
    mine.remove()
    another.remove()
    assert not list(folder.iterdir())
