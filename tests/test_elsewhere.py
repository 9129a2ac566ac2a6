"""Jobs on clusters, by executors and in kernels that share nothing with this machine."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures import ThreadPoolExecutor as Threads
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from contracts import provide
from session import Session, new_session

from cowtm.errors import BadInput, WorkerDied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cowtm.future.job import Job

pytestmark = pytest.mark.long

PATIENCE = 120
"""Seconds that a job may take."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give a session for all tests here."""
    with new_session(tmp_path_factory.mktemp("ipython")) as session:
        yield session


@pytest.fixture
def session(started: Session) -> Session:
    """Give the session with some variables that share things."""
    started.cell("%reset -f")
    started.cell(
        """
import numpy as np
shared = [1]
data = {"a": shared, "b": shared}
big = np.arange(500_000.0)
part = big[10:20]
def total():
    return big.sum() + len(shared)
"""
    )
    return started


WORK = """
print("there", flush=True)
display({"x": 1})
data["a"].append(2)
big[10] = -1
made = [shared]
part[0], shared is data["b"], total()
"""


def check(session: Session, job: Job) -> None:
    """Check what came of `WORK`: result, outputs, state; nothing changed here."""
    before = 500_000 * 499_999 / 2
    assert job.result(PATIENCE) == (-1, True, before - 11 + 2)
    kinds = [output["output_type"] for output in job.outputs]
    assert kinds == ["stream", "display_data", "execute_result"]
    assert job.outputs[0]["text"] == "there\n"
    made = session.tm.vars(job.number)
    assert made["data"]["a"] is made["data"]["b"] is made["shared"] is made["made"][0]
    assert made["shared"] == [1, 2]
    assert made["big"][10] == made["part"][0] == -1
    assert made["part"].base is made["big"]
    assert session.names["shared"] == [1]
    assert session.names["big"][10] == 10


def by_threads() -> Executor:
    """Give an executor of threads."""
    return Threads(2)


def by_processes() -> Executor:
    """Give an executor of processes that are started anew."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def by_loky() -> Executor:
    """Give an executor of loky's."""
    provide("loky")
    loky: Any = pytest.importorskip("loky")
    executor: Executor = loky.ProcessPoolExecutor(1)
    return executor


@pytest.mark.parametrize("make", [by_threads, by_processes, by_loky])
def test_a_job_by_an_executor(session: Session, make: Callable[[], Executor]) -> None:
    """It lands as one of this machine's does; what it put out is shown at its end."""
    with make() as executor:
        session.tm.connect(executor)
        check(session, session.tm.submit(WORK, on="executor"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Give a client of a cluster whose worker is a process."""
    provide("distributed")
    distributed: Any = import_module("distributed")  # where it is installed
    with (
        distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_job_on_a_cluster(session: Session, cluster: Any) -> None:
    """With ``%%future --on dask``; it lands, and its error is raised here."""
    session.tm.connect(cluster)
    session.cell(f"%%future --on dask\n{WORK}")
    check(session, session.tm.jobs[-1])
    job = session.tm.submit("shared.append(3)\n1 / 0", on="dask")
    assert isinstance(job.exception(PATIENCE), ZeroDivisionError)
    assert session.tm.vars(job.number, "shared") == [1, 3]


def test_cancelling_on_a_cluster_is_honest(session: Session, cluster: Any, tmp_path: Path) -> None:
    """What runs goes on, and says so; what waits for it does not begin."""
    session.tm.connect(cluster)
    release = tmp_path / "release"
    source = f"from pathlib import Path\nwhile not Path({str(release)!r}).exists(): pass\n'over'"
    busy = session.tm.submit(source, on="dask")
    while not any(cluster.processing().values()):
        assert not busy.done()
    assert not busy.cancel()
    assert busy.status == "running"
    release.touch()
    assert busy.result(PATIENCE) == "over"


class Slow(Executor):
    """Runs nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a call."""
        assert not kwargs
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        return future

    def begin(self) -> threading.Thread:
        """Begin with the first call."""
        future, function, arguments = self.waiting.pop(0)
        assert future.set_running_or_notify_cancel()
        thread = threading.Thread(target=lambda: future.set_result(function(*arguments)))
        thread.start()
        return thread


def test_cancelling_by_an_executor_is_honest(session: Session) -> None:
    """What waits is cancelled; what runs goes on, and one line says so."""
    executor = Slow()
    session.tm.connect(executor)
    first, second = (session.tm.submit("1", on="executor") for _ in range(2))
    assert second.cancel()
    with pytest.raises(CancelledError):
        second.result(PATIENCE)
    thread = executor.begin()
    session.names["job"] = first
    said = session.cell("job.cancel()")
    assert said.value is False
    assert f"job {first.number} can't be stopped on executor; it goes on" in said.output
    assert first.result(PATIENCE) == 1
    thread.join()


def test_a_job_stays_where_it_was_sent(session: Session) -> None:
    """Another executor of the same name gets those that are started from then on."""
    first, second = Slow(), Slow()
    session.tm.connect(first)
    runs, waits = (session.tm.submit("6 * 7", on="executor") for _ in range(2))
    thread = first.begin()
    session.tm.connect(second)
    later = session.tm.submit("1", on="executor")
    assert (len(first.waiting), len(second.waiting)) == (1, 1)
    assert waits.cancel()
    assert not runs.cancel()
    assert runs.result(PATIENCE) == 42
    assert (waits.status, later.status) == ("cancelled", "running")
    assert later.cancel()
    thread.join()


def test_what_is_elsewhere_ends_with_the_session(tmp_path: Path) -> None:
    """Also where another was connected under its name since."""
    first = Slow()
    with new_session(tmp_path) as session:
        session.tm.connect(first)
        runs, waits = (session.tm.submit("1", on="executor") for _ in range(2))
        [future, *_] = first.waiting[0]
        assert future.set_running_or_notify_cancel()
        session.tm.connect(Slow())
        session.cell("%unload_ext cowtm")
        assert (runs.status, waits.status) == ("cancelled", "cancelled")


def test_an_executor_that_fails_says_why(session: Session) -> None:
    """One that was shut down, one that gives the job up, a job that takes its process along."""
    with Threads(1) as executor:
        session.tm.connect(executor)
        job = session.tm.submit("import os\nos._exit(3)", on="executor")
        with pytest.raises(WorkerDied, match="its worker ended itself, with exit code 3"):
            job.result(PATIENCE)
    job = session.tm.submit("1", on="executor")
    with pytest.raises(WorkerDied, match="executor takes no job: cannot schedule new futures"):
        job.result(PATIENCE)
    assert job.status == "died"


def test_where_nothing_is_connected(session: Session) -> None:
    """The names that there are are told; what takes no jobs can't be connected."""
    with pytest.raises(BadInput, match="nothing is connected as 'cluster'; there is: local"):
        session.tm.submit("1", on="cluster")
    with pytest.raises(BadInput, match="connect takes a client of dask"):
        session.tm.connect(3)
    assert session.tm.submit("1").result(PATIENCE) == 1


def test_a_kernel_that_shares_nothing(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the installed kernels: all goes through its messages, as from another machine."""
    spec = tmp_path / "kernels" / "far-away"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "far away", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    session.cell("%config TimeMachine.worker_kernel = 'far-away'")
    try:
        for _ in range(2):
            check(session, session.tm.submit(WORK))
        job = session.tm.submit("while True: pass")
        job.cancel()
        with pytest.raises(CancelledError):
            job.result(PATIENCE)
        session.cell("%config TimeMachine.worker_kernel = 'nowhere'")
        with pytest.raises(WorkerDied, match=r"no worker could be started: .*nowhere"):
            session.tm.submit("1").result(PATIENCE)
    finally:
        session.cell("%config TimeMachine.worker_kernel = ''")
    check(session, session.tm.submit(WORK))
