"""What a cell in the background costs: until its code runs, and while it runs.

``python -m benchmarks.future`` asks three questions, against rivals in the same run:

- *start*: variables of 256 MB; how long from asking for a job until its code runs, in a worker that
  is warm, after one element was written since the last one, and how long until the cell that asked
  returns? The rivals get the same variables: a thread with deep copies, a fork, loky and dask (if
  they are installed), all of them warm too.
- *objects*: the same for 200,000 small dicts and lists.
- *beside*: how much slower is a cell of pure Python in the foreground while a job computes?

Times are ratios to one deep copy of the variables, and to the cell alone. ``--smoke`` runs
everything once on tiny data.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, versions
from benchmarks.scale import Session

MIB = 1 << 20

Start = Callable[[dict[str, Any]], float]
"""Has something run on the variables; gives the time at which it did."""

BUSY = "import time\nend = time.time() + {}\nwhile time.time() < end: sum(range(1000))"
"""A job that computes for some seconds."""

CELL = "sum(i * i for i in range({}));"
"""What the user goes on with."""


def began(variables: dict[str, Any]) -> float:
    """Look at the variables; returns the time."""
    assert variables["table"][0] is not None  # noqa: S101  they are there
    return time.time()


@contextmanager
def by_cowtm(session: Session) -> Iterator[Start]:
    """Start jobs from the present."""

    def start(_: dict[str, Any]) -> float:
        return float(session.machine.submit("import time\ntime.time()").result())

    yield start


@contextmanager
def by_cowtm_until_it_returns(session: Session) -> Iterator[Start]:
    """Start jobs from the present, and wait for the call only."""

    def start(_: dict[str, Any]) -> float:
        job = session.machine.submit("1")
        returned = time.time()
        job.result()
        return returned

    yield start


@contextmanager
def by_copies(_: Session) -> Iterator[Start]:
    """Start threads with deep copies."""

    def start(variables: dict[str, Any]) -> float:
        found: list[float] = []
        copied = copy.deepcopy(variables)
        thread = threading.Thread(target=lambda: found.append(began(copied)))
        thread.start()
        thread.join()
        return found[0]

    yield start


@contextmanager
def by_fork(_: Session) -> Iterator[Start]:
    """Start forks: with whatever threads hold at that moment."""

    def start(variables: dict[str, Any]) -> float:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(began(variables)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            found = float(pipe.read())
        os.waitpid(child, 0)
        return found

    yield start


@contextmanager
def by_loky(_: Session) -> Iterator[Start]:
    """Start calls in processes of loky's."""
    loky: Any = importlib.import_module("loky")
    with loky.ProcessPoolExecutor(1) as executor:
        yield _submitting(executor)


@contextmanager
def by_dask(_: Session) -> Iterator[Start]:
    """Start calls in a process of a cluster of dask's."""
    distributed: Any = importlib.import_module("distributed")
    with (
        distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):

        def start(variables: dict[str, Any]) -> float:
            there = client.scatter([variables], hash=False)[0]
            return float(client.submit(began, there, pure=False).result())

        yield start


def _submitting(executor: Executor) -> Start:
    return lambda variables: executor.submit(began, variables).result()


RIVALS = {
    "a warm worker": (by_cowtm, None),
    "its cell returns": (by_cowtm_until_it_returns, None),
    "deep copies, thread": (by_copies, None),
    "fork": (by_fork, None),
    "loky": (by_loky, "loky"),
    "dask": (by_dask, "distributed"),
}
"""Who starts something, and what must be installed for it."""


def start(megabytes: int, rounds: int) -> dict[str, list[float]]:
    """Seconds from asking until the code runs, for each rival, and those of a deep copy."""
    make = f"import numpy as np\ntable = np.random.default_rng(0).random({megabytes} << 17)"
    return _starts(make, "table[{turn}] = {turn}", rounds)


def objects(thousands: int, rounds: int) -> dict[str, list[float]]:
    """Seconds from asking until the code runs, on many small objects."""
    make = f"table = [{{'number': i, 'pair': [i, i + 1]}} for i in range({thousands} * 500)]"
    return _starts(make, "table[{turn}]['number'] = -1", rounds)


def _starts(make: str, change: str, rounds: int) -> dict[str, list[float]]:
    session = Session({})
    session.run(make)
    session.run("notes = {'seen': [1, 2, 3]}")
    names = session.shell.user_ns
    found: dict[str, list[float]] = {"one deep copy": []}
    with ExitStack() as stack:
        starts = {
            name: stack.enter_context(rival(session))
            for name, (rival, package) in RIVALS.items()
            if package is None or find_spec(package)
        }
        for turn in range(rounds + 1):  # the first is not counted: it starts what stays warm
            session.run(change.format(turn=turn))
            variables = {name: names[name] for name in ("table", "notes")}
            begun = time.perf_counter()
            copy.deepcopy(variables)
            seconds = {"one deep copy": time.perf_counter() - begun}
            for name, begin in starts.items():
                asked = time.time()
                seconds[name] = begin(variables) - asked
            for name, value in seconds.items() if turn else ():
                found.setdefault(name, []).append(value)
    session.run("%unload_ext cowtm")
    return found


def beside(loops: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a cell, alone, and beside a job or a thread that computes."""
    session = Session({})
    cell = CELL.format(loops)
    found: dict[str, list[float]] = {"alone": [], "beside a job": [], "beside a thread": []}
    session.machine.submit("1").result()
    for _ in range(rounds):
        found["alone"].append(session.run(cell))
    job = session.machine.submit(BUSY.format(3600))
    while job.status != "running":
        time.sleep(0.01)
    for _ in range(rounds):
        found["beside a job"].append(session.run(cell))
    job.cancel()
    going = threading.Event()
    thread = threading.Thread(target=_compute, args=(going,))
    thread.start()
    for _ in range(rounds):
        found["beside a thread"].append(session.run(cell))
    going.set()
    thread.join()
    session.run("%unload_ext cowtm")
    return found


def _compute(over: threading.Event) -> None:
    while not over.is_set():
        sum(range(1000))


QUESTIONS: dict[str, tuple[Callable[..., dict[str, list[float]]], tuple[int, ...], tuple[int, ...]]]
QUESTIONS = {
    "start": (start, (256, 7), (8, 1)),
    "objects": (objects, (200, 7), (2, 1)),
    "beside": (beside, (2_000_000, 7), (1000, 1)),
}
"""Name -> what answers it, its sizes, its sizes in a smoke run."""


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.future")
    parser.add_argument("--smoke", action="store_true", help="tiny data: does it run?")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("questions", nargs="*", help="only these", default=[])
    wanted = parser.parse_args()
    packages = ("cowtm", "numpy", "ipykernel", "loky", "distributed")
    for name, text in (machine() | versions(packages)).items():
        print(f"{name:12} {text}", flush=True)
    found = {}
    for name in wanted.questions or QUESTIONS:
        function, full, smoke = QUESTIONS[name]
        seconds = found[name] = function(*(smoke if wanted.smoke else full))
        base = statistics.median(next(iter(seconds.values())))
        print(f"\n{name}: {function.__doc__}")
        for what, values in seconds.items():
            low, middle, high = (float(np.quantile(values, part)) / base for part in (0, 0.5, 1))
            print(f"  {what:22} {middle:8.2f}  ({low:.2f} to {high:.2f}){middle * base:10.3f} s")
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
