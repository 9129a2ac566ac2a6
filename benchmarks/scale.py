"""How far it goes: many states, an array beyond the budget, many objects.

``python -m benchmarks.scale`` asks of one session each, in a fresh process:

- *states*: thousands of small cells; does a cell cost the same at the end as at the beginning, and
  how long does travelling across all of them take?
- *saved*: the same, each state written as it is born; how long until the journal is open again?
- *array*: a large array within a small memory budget, one element written in each cell; how much
  memory does the process have beside the array itself?
- *objects*: a million small objects, one changed in each cell; the same questions.

Times are ratios to something plain in the same run: a cell without recording, one pass of the hash
over the array, a copy of it. Bytes are absolute. ``--smoke`` runs everything once on tiny data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xxhash
from IPython.core.interactiveshell import InteractiveShell

from benchmarks.machine import machine, versions

MIB = 1 << 20
PARTS = 5
"""Parts of a session that are compared with one another."""


class Session:
    """A shell that records, or does not.

    Args:
        settings: of the time machine; None has nothing recorded.

    """

    def __init__(self, settings: dict[str, Any] | None) -> None:
        InteractiveShell.clear_instance()
        shell: Any = InteractiveShell.instance()
        self.shell = shell
        self.shell.history_manager.enabled = False
        self.times: list[float] = []
        if settings is not None:
            self.run("%load_ext cowtm")
            self.run("%config TimeMachine.announce = False")
            for name, value in settings.items():
                self.run(f"%config TimeMachine.{name} = {value!r}")

    @property
    def machine(self) -> Any:
        """The time machine."""
        return self.shell.user_ns["tm"]

    def run(self, source: str) -> float:
        """Run a cell; returns the seconds until the next one can."""
        started = time.perf_counter()
        self.shell.run_cell(source, store_history=True).raise_error()
        return time.perf_counter() - started

    def run_all(self, source: Callable[[int], str], count: int) -> list[float]:
        """Run many cells; returns the seconds of each."""
        return [self.run(source(index)) for index in range(count)]


def states(count: int) -> dict[str, float]:
    """Small cells that change a few things each."""
    return _many(count, {})


def saved(count: int) -> dict[str, float]:
    """The same, written as they are born, then opened again."""
    with tempfile.TemporaryDirectory() as folder:
        return _many(count, {"autosave": True, "spill_dir": folder})


def _many(count: int, settings: dict[str, Any]) -> dict[str, float]:
    first = "data = []; table = {}; import numpy as np; row = np.zeros(100)"

    def cell(index: int) -> str:
        return f"data.append({index}); table[{index % 50}] = {index}; row[{index % 100}] = {index}"

    plain = Session(None)
    plain.run(first)
    alone = statistics.median(plain.run_all(cell, count // 10))
    session = Session(settings)
    session.run(first)
    start = _last(session)
    times = session.run_all(cell, count)
    part = count // PARTS
    medians = [statistics.median(times[i * part : (i + 1) * part]) for i in range(PARTS)]
    session.machine.flush()
    goal = _last(session)
    figures = {
        "cell, first part / without": medians[0] / alone,
        "cell, last part / first": medians[-1] / medians[0],
        "back across all / cell without": _timed(lambda: session.machine.past(start)) / alone,
        "and forth / cell without": _timed(lambda: session.machine.past(goal)) / alone,
        "bytes a state": session.machine.memory_report().to_dict()["total"] / count,
    }
    path = session.machine.journal_path
    if path is not None:
        import cowtm  # noqa: PLC0415  only where it is measured

        figures["load / cell without"] = _timed(lambda: cowtm.load(path)) / alone
        archive = cowtm.load(path)
        figures["vars of the middle / cell without"] = (
            _timed(lambda: archive.vars(goal - count // 2)) / alone
        )
    return figures


def array(megabytes: int, count: int) -> dict[str, float]:
    """A large array within a quarter of its size, one element written in each cell."""
    elements = megabytes * MIB // 8
    budget = megabytes * MIB // 4
    with tempfile.TemporaryDirectory() as folder:
        session = Session({"memory_budget": budget, "spill_dir": folder})
        session.run("import numpy as np, blosc2")
        before = psutil.Process().memory_info().rss
        born = session.run(f"data = np.random.default_rng(0).normal(size={elements})")
        data = session.shell.user_ns["data"]
        digest = _timed(lambda: xxhash.xxh3_128_digest(data))
        copied = _timed(data.copy)
        first = _last(session)
        peak = 0
        times = []
        for index in range(count):
            times.append(session.run(f"data[{index * 130_001 % elements}] = {index}"))
            peak = max(peak, psutil.Process().memory_info().rss)
        session.machine.flush()
        report = session.machine.memory_report().to_dict()
        there = _last(session)
        back = _timed(lambda: session.machine.past(first))
        forth = _timed(lambda: session.machine.past(there))
        written = np.unique([index * 130_001 % elements // (MIB // 8) for index in range(count)])
        return {
            "first / copy": born / copied,
            "cell / one hash over it": statistics.median(times) / digest,
            "back across all / copy": back / copied,
            "and forth / copy": forth / copied,
            "memory beside the array / budget": (peak - before - data.nbytes) / budget,
            "on disk / array": report["disk"] / data.nbytes,
            "chunks written anew": float(len(written)),
            "bytes a state": (report["total"] - data.nbytes) / count,
        }


def objects(many: int, count: int) -> dict[str, float]:
    """Many small objects, one changed in each cell."""
    plain = Session(None)
    source = f"data = [{{'id': i, 'tags': [i]}} for i in range({many // 2})]"
    made = plain.run(source)
    session = Session({})
    before = psutil.Process().memory_info().rss
    born = session.run(source)
    held = psutil.Process().memory_info().rss - before
    times = session.run_all(lambda index: f"data[{index}]['tags'].append(0)", count)
    session.machine.flush()
    first, there = _last(session) - count, _last(session)
    return {
        "first / without": born / made,
        "cell / making them": statistics.median(times) / made,
        "back across all / making them": _timed(lambda: session.machine.past(first)) / made,
        "and forth / making them": _timed(lambda: session.machine.past(there)) / made,
        "memory / that of the objects": held / _weight(many),
    }


def _weight(many: int) -> float:
    """Return what the objects take in a process that does not record them, bytes."""
    before = psutil.Process().memory_info().rss
    kept = [{"id": index, "tags": [index]} for index in range(many // 2)]
    return float(max(psutil.Process().memory_info().rss - before, len(kept)))


def _last(session: Session) -> int:
    return int(list(session.machine.states)[-1])


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


QUESTIONS: dict[str, tuple[Callable[..., dict[str, float]], tuple[int, ...], tuple[int, ...]]] = {
    "states": (states, (10_000,), (100,)),
    "saved": (saved, (10_000,), (100,)),
    "array": (array, (1_024, 1_000), (16, 5)),
    "objects": (objects, (1_000_000, 200), (1_000, 5)),
}
"""Name -> what answers it, its sizes, its sizes in a smoke run."""


def main() -> int:
    """Run what the command line asks for, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--smoke", action="store_true", help="tiny data: does it run?")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--answer", choices=QUESTIONS, help=argparse.SUPPRESS)
    parser.add_argument("questions", nargs="*", help="only these", default=[])
    wanted = parser.parse_args()
    if wanted.answer:
        function, full, smoke = QUESTIONS[wanted.answer]
        print(json.dumps(function(*(smoke if wanted.smoke else full))))
        return 0
    for name, text in (machine() | versions(("cowtm", "numpy", "blosc2"))).items():
        print(f"{name:10} {text}", flush=True)
    found = {
        name: _in_a_process(name, smoke=wanted.smoke) for name in wanted.questions or QUESTIONS
    }
    for name, figures in found.items():
        print(f"\n{name}: {QUESTIONS[name][0].__doc__}")
        for what, value in figures.items():
            print(f"  {what:36} {value:,.2f}")
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def _in_a_process(name: str, *, smoke: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"JUPYTER_DATA_DIR": folder, "IPYTHONDIR": folder}
        command = [sys.executable, "-m", "benchmarks.scale", "--answer", name]
        done = subprocess.run(
            command + ["--smoke"] * smoke,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    sys.exit(main())
