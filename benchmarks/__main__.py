"""Runs the benchmark: every system on every workload, each in a fresh process.

``python -m benchmarks`` takes some minutes and wants a quiet machine. ``--smoke`` runs everything
once on tiny data, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import machine, versions
from benchmarks.report import Answer, Judgement, answers, judge, tables
from benchmarks.session import Measured, Travel
from benchmarks.systems import COWTM, SYSTEMS, TWIN, System
from benchmarks.workloads import FULL, SMOKE, Workload, workloads

HERE = Path(__file__).resolve().parent
PACKAGES = (
    *("cowtm", "ipython", "numpy", "xxhash", "kishu"),
    *("pandas", "torch", "matplotlib", "scikit-learn"),
)
TIMEOUT = 1_200
"""Seconds after which one process is given up."""


LAST_WORDS = 1_000
"""Characters that are kept of what a process said before it failed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A process that gave no figures."""

    system: str
    """The system's name."""
    workload: str
    """The workload's name."""
    reason: str
    """The last lines of what it said."""


def main() -> int:
    """Run what the command line asks for.

    Returns:
        0 if every process gave figures and cowtm's travels were right.

    """
    wanted = _arguments()
    questions = workloads(SMOKE if wanted.smoke else FULL)
    systems = _systems(wanted)
    facts = machine()
    found_versions = versions(PACKAGES)
    for name, text in (facts | found_versions).items():
        print(f"{name:10} {text}", flush=True)

    measured: list[Measured] = []
    failures: list[Failure] = []
    # nothing is timed in earnest in a smoke run: all cores may work
    at_once = os.cpu_count() or 1 if wanted.smoke else 1
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in pool.map(
            lambda task: _run(*task, smoke=wanted.smoke),
            _tasks(systems, [questions[name] for name in wanted.workload or questions], wanted),
        ):
            if isinstance(outcome, Failure):
                failures.append(outcome)
                print(f"{outcome.system} on {outcome.workload} failed:\n{outcome.reason}")
            else:
                measured.append(outcome)

    found = answers(measured)
    judgements = [] if wanted.smoke else judge(found)
    print(f"\n{tables(found, questions)}\n")
    for system, implementation in sorted({(one.system, one.implementation) for one in measured}):
        if implementation:
            print(f"{system}: {implementation}")
    for judgement in judgements:
        print(judgement.text())
    if wanted.smoke:
        print("tiny data, run once: the figures mean nothing")
    path = _write(wanted, facts | found_versions, measured, found, judgements, failures)
    print(f"written to {path}")
    wrong = [a for a in found if a.system in {COWTM, TWIN} and a.verdict != "right"]
    return 1 if failures or wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="tiny data, once, no rivals to install"
    )
    parser.add_argument("--rounds", type=int, default=3, help="processes for each (default: 3)")
    parser.add_argument("--system", action="append", choices=list(SYSTEMS), help="only this one")
    parser.add_argument("--workload", action="append", choices=list(workloads(SMOKE)))
    parser.add_argument("--output", type=Path, help="JSON file (default: benchmarks/results/...)")
    wanted = parser.parse_args()
    if wanted.smoke:
        wanted.rounds = 1
    return wanted


def _systems(wanted: argparse.Namespace) -> list[System]:
    """Choose systems; say which are left out because they are not installed."""
    chosen = []
    for system in SYSTEMS.values():
        if wanted.system and system.name not in wanted.system:
            continue
        if wanted.smoke and system.package is not None and not wanted.system:
            print(f"{system.title} is left out of a smoke run, unless --system names it\n")
            continue
        if not system.installed:
            print(f"{system.title} is left out: it is not installed (pip install '.[bench]')\n")
            continue
        chosen.append(system)
    return chosen


def _tasks(
    systems: list[System], chosen: list[Workload], wanted: argparse.Namespace
) -> Iterator[tuple[System, str]]:
    """Give what to run; systems take turns, so that a busy spell hits all of them."""
    for number in range(wanted.rounds):
        for workload in chosen:
            for process in range(1 if wanted.smoke else workload.processes):
                for system in systems:
                    if system.rounds is None or (number < system.rounds and not process):
                        yield system, workload.name


def _run(system: System, workload: str, *, smoke: bool) -> Measured | Failure:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.session", system.name, workload]
    if smoke:
        command.append("--smoke")
    with tempfile.TemporaryDirectory() as settings:
        environment = {
            **os.environ,
            **system.environment,
            "IPYTHONDIR": settings,
            "PYTHONHASHSEED": "0",
        }
        try:
            done = subprocess.run(
                command,
                cwd=HERE.parent,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Failure(system.name, workload, f"no answer within {TIMEOUT} s")
    if done.returncode:
        return Failure(system.name, workload, done.stderr.strip()[-LAST_WORDS:])
    return _parse(done.stdout)


def _parse(text: str) -> Measured:
    fields = json.loads(text.splitlines()[-1])
    for name in ("back", "forth"):
        if fields[name] is not None:
            fields[name] = Travel(**fields[name])
    return Measured(**fields)


def _write(  # noqa: PLR0913, PLR0917  the parts of the file
    wanted: argparse.Namespace,
    facts: dict[str, str],
    measured: list[Measured],
    found: list[Answer],
    judgements: list[Judgement],
    failures: list[Failure],
) -> Path:
    path: Path = wanted.output or HERE / "results" / time.strftime("%Y-%m-%d-%H%M%S.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "smoke": wanted.smoke,
        "machine": facts,
        "answers": [asdict(answer) for answer in found],
        "judgements": [asdict(judgement) | {"met": judgement.met} for judgement in judgements],
        "failures": [asdict(failure) for failure in failures],
        "measured": [asdict(one) for one in measured],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
