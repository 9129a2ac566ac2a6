"""Measures one system on one workload; a fresh process runs this and prints what it found.

``python -m benchmarks.session cowtm array-write`` runs the workload's cells in an IPython shell,
one after the other, and takes each one's CPU time, that of all threads and ended children included.
Then it goes back to the state before the first measured cell, and forth again, and compares the
values with what they were.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from benchmarks.systems import PLAIN, SYSTEMS, System, run_cell
from benchmarks.workloads import FULL, SMOKE, Workload, cpu_of, fingerprint, workloads


@dataclass(frozen=True, slots=True)
class Travel:
    """One travel."""

    cpu: float
    """CPU seconds."""
    wall: float
    """Seconds that passed."""
    right: bool
    """Whether all values are what they were."""
    shared: bool
    """Whether what was one object is one object."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process found."""

    system: str
    """The system's name."""
    workload: str
    """The workload's name."""
    implementation: str
    """For cowtm: what ran, and where its object table comes from."""
    cpu: list[float]
    """CPU seconds of each measured cell."""
    wall: list[float]
    """Seconds that passed, of each measured cell."""
    limit: float | None
    """CPU seconds of the workload's limit, in this process."""
    stored_before: int
    """Bytes that the system held before the first measured cell."""
    stored_by_cells: int
    """Bytes that all measured cells added."""
    resident_by_cells: int
    """Bytes of memory that the process grew by meanwhile."""
    back: Travel | None
    """To before the first measured cell."""
    forth: Travel | None
    """To after the last measured cell."""


def measure(system: System, workload: Workload) -> Measured:
    """Run a workload under a system, in this process.

    Raises:
        RuntimeError: the measured cells changed nothing, so travelling would prove nothing.

    """
    recording = system.recording
    shell = InteractiveShell.instance()
    recording.start(shell)
    for source in workload.prepare:
        run_cell(shell, source)
    before = _look(shell, workload)
    start, stored_before = recording.here(), recording.stored()

    gc.collect()
    resident = _resident()
    cpu: list[float] = []
    wall: list[float] = []
    while len(cpu) < workload.repeats and sum(cpu) < system.patience:
        seconds, passed = _timed(partial(run_cell, shell, workload.source(len(cpu))))
        cpu.append(seconds)
        wall.append(passed)
    resident = _resident() - resident
    stored_by_cells = recording.stored() - stored_before
    limit = cpu_of(workload.limit, shell.user_ns) if workload.limit is not None else None

    after, end = _look(shell, workload), recording.here()
    if after == before:
        raise RuntimeError(f"the cells of {workload.name} changed nothing")
    back = forth = None
    if system.name != PLAIN:
        back = _travel(system, workload, shell, start, before)
        forth = _travel(system, workload, shell, end, after)
    return Measured(
        system=system.name,
        workload=workload.name,
        implementation=_implementation(),
        cpu=cpu,
        wall=wall,
        limit=limit,
        stored_before=stored_before,
        stored_by_cells=stored_by_cells,
        resident_by_cells=resident,
        back=back,
        forth=forth,
    )


def _travel(
    system: System, workload: Workload, shell: InteractiveShell, goal: Any, wanted: str
) -> Travel:
    cpu, wall = _timed(partial(system.recording.travel, goal))
    right = _look(shell, workload) == wanted
    return Travel(cpu, wall, right, shared=right and workload.shared(shell.user_ns))


def _look(shell: InteractiveShell, workload: Workload) -> str:
    """Take the fingerprint of the variables, from outside: no system gets to know."""
    # dict.items, for a namespace that notes who reads through it
    return fingerprint(dict(dict.items(shell.user_ns)), workload.names)


def _timed(run: Callable[[], None]) -> tuple[float, float]:
    """Return CPU seconds, those of ended children included, and seconds that passed."""
    passed, cpu = time.perf_counter(), _cpu()
    run()
    return _cpu() - cpu, time.perf_counter() - passed


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _resident() -> int:
    """Return the bytes of memory that the process has now; 0 where Linux does not tell."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return 0
    return int(statistics.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _implementation() -> str:
    native = sys.modules.get("cowtm.native")
    if native is None:
        return ""
    return f"{native.reason}; object table of {native.ObjectTable.__module__}"


def main() -> None:
    """Measure what the command line names; print it as JSON."""
    system, workload = sys.argv[1:3]
    sizes = SMOKE if "--smoke" in sys.argv else FULL
    said = StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(said), redirect_stderr(said):
        before = Path.cwd()
        os.chdir(folder)
        try:
            measured = measure(SYSTEMS[system], workloads(sizes)[workload])
        except BaseException:
            print(said.getvalue(), file=sys.__stderr__)
            raise
        finally:
            os.chdir(before)
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
