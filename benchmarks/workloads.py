"""The questions: what a session holds, the cell that is measured, what must come back.

A workload is plain data and a few functions of the namespace, so that every system gets the same.
"""

from __future__ import annotations

import operator
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from statistics import median
from typing import Any

import numpy as np
import xxhash

Namespace = Mapping[str, Any]

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How big the workloads are."""

    array: int
    """MiB of the one big array."""
    dicts: int
    """Small dicts in a list."""
    beside: int
    """MiB of the arrays beside the tiny cells."""
    tiny: int
    """How many tiny cells."""
    steps: int
    """Iterations of the loops."""
    repeats: int
    """How often every other cell runs in one process."""


LOOP_PROCESSES = 4
"""One loop of plain IPython differs by 5 % from process to process, and 2 % is the question."""

FULL = Sizes(array=256, dicts=300_000, beside=160, tiny=200, steps=3_000_000, repeats=7)
SMOKE = Sizes(array=4, dicts=300, beside=2, tiny=6, steps=1_000, repeats=2)


@dataclass(frozen=True, slots=True)
class Limit:
    """What the cell's record can't cost less than, if everything is looked at."""

    text: str
    """What is done, in words."""
    run: Callable[[Namespace], object]
    """Does it, on the variables of the session."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One question."""

    name: str
    """A word for the command line."""
    question: str
    """What it shows, in one line."""
    prepare: tuple[str, ...]
    """Cells that run before, not measured."""
    cell: str
    """The cell that is measured; ``{i}`` stands for how many ran before it."""
    repeats: int
    """How often it runs in one process."""
    names: tuple[str, ...]
    """Variables that must come back as they were, or be gone if they were not there."""
    limit: Limit | None = None
    """What the added CPU is compared with; None if the cell's own time is."""
    shared: Callable[[Namespace], bool] = lambda _: True
    """Tells whether what was one object still is one."""
    processes: int = 1
    """Processes in each round; more where they differ by chance more than what is asked for."""

    def source(self, i: int) -> str:
        """Give the source of the measured cell that comes after `i` others."""
        return self.cell.replace("{i}", str(i))


def workloads(sizes: Sizes) -> dict[str, Workload]:
    """Return all workloads by name."""
    every = (
        _array(sizes, "array-write", "one float written into", "big[{i} * 1009] = {i} + 0.5"),
        _array(sizes, "array-read", "one float read from", "value = float(big[{i} + 1])"),
        _dicts(
            sizes, "dicts-append", "one deep append to", "records[{middle}]['tags'].append({i})"
        ),
        _dicts(sizes, "dicts-len", "only the length of", "count = len(records) + {i}"),
        _tiny(sizes),
        _libraries(sizes),
        _loop(sizes),
        _function(sizes),
    )
    return {workload.name: workload for workload in every}


def _array(sizes: Sizes, name: str, what: str, cell: str) -> Workload:
    items = sizes.array * MEBIBYTE // 8
    return Workload(
        name=name,
        question=f"{what} an array of {sizes.array} MiB",
        prepare=(f"import numpy as np\nbig = np.random.default_rng(1).standard_normal({items})",),
        cell=cell,
        repeats=sizes.repeats,
        names=("big", "value"),
        limit=Limit("one xxh3_128 pass over its bytes", _hash_big),
    )


def _hash_big(variables: Namespace) -> bytes:
    return xxhash.xxh3_128_digest(memoryview(variables["big"]).cast("B"))


def _dicts(sizes: Sizes, name: str, what: str, cell: str) -> Workload:
    middle = sizes.dicts // 2
    return Workload(
        name=name,
        question=f"{what} a list of {sizes.dicts:,} dicts, each with a list",
        prepare=(
            f"records = [{{'id': i, 'tags': [i]}} for i in range({sizes.dicts})]",
            f"watched = records[{middle}]",
        ),
        cell=cell.replace("{middle}", str(middle)),
        repeats=sizes.repeats,
        names=("records", "watched", "count"),
        limit=Limit("every dict and every list asked for its length once, from C", _visit_records),
        shared=lambda variables: variables["records"][middle] is variables["watched"],
    )


def _visit_records(variables: Namespace) -> int:
    records = variables["records"]
    return sum(map(len, records)) + sum(map(len, map(operator.itemgetter("tags"), records)))


def _tiny(sizes: Sizes) -> Workload:
    items = sizes.beside * MEBIBYTE // 8 // 8
    return Workload(
        name="tiny",
        question=f"{sizes.tiny} tiny cells in a row, beside {sizes.beside} MiB of arrays",
        prepare=(
            "import numpy as np",
            f"arrays = [np.random.default_rng(i).standard_normal({items}) for i in range(8)]",
        ),
        cell="x{i} = {i}",
        repeats=sizes.tiny,
        names=("arrays", *(f"x{i}" for i in range(sizes.tiny))),
        limit=Limit("all names compared by pointer, both random states read", _compare_names),
    )


_IMPORTS = """
import importlib
for library in ("pandas", "torch", "matplotlib.pyplot", "sklearn"):
    try:
        importlib.import_module(library)
    except ImportError:
        continue
"""
"""Libraries whose generators, settings and figures belong to every state, as far as installed."""


def _libraries(sizes: Sizes) -> Workload:
    return Workload(
        name="libraries",
        question=f"{sizes.tiny} tiny cells in a row, with large libraries imported",
        prepare=(_IMPORTS, "words = {'a': [1, 2], 'b': [3]}\ndef f(v): return v"),
        cell="x{i} = {i}",
        repeats=sizes.tiny,
        names=("words", *(f"x{i}" for i in range(sizes.tiny))),
        limit=Limit("all names compared by pointer, both random states read", _compare_names),
    )


def _compare_names(variables: Namespace) -> object:
    known = dict(variables)
    same = all(map(operator.is_, variables.values(), known.values()))
    return same, random.getstate(), np.random.get_state(legacy=False)


def _loop(sizes: Sizes) -> Workload:
    return Workload(
        name="loop",
        question=f"a loop at the top level, {sizes.steps:,} times",
        prepare=("total = 0",),
        cell=f"for step in range({sizes.steps}):\n    total += step",
        repeats=sizes.repeats,
        names=("total", "step"),
        processes=LOOP_PROCESSES,
    )


_WORK = """
def work(steps):
    sum = 0
    for step in range(steps):
        sum += scale
    return sum
"""


def _function(sizes: Sizes) -> Workload:
    return Workload(
        name="function",
        question=f"a function that reads a global {sizes.steps:,} times",
        prepare=(
            "scale = 3",
            _WORK,
        ),
        cell=f"total = {{i}} + work({sizes.steps})",
        repeats=sizes.repeats,
        names=("scale", "total"),
        processes=LOOP_PROCESSES,
    )


def fingerprint(variables: Namespace, names: Iterable[str]) -> str:
    """Return a digest of the values of some variables; a missing one counts as missing."""
    digest = blake2b(digest_size=16)
    for name in names:
        digest.update(f"\n{name}: ".encode())
        _describe(variables[name], digest.update) if name in variables else digest.update(b"none")
    return digest.hexdigest()


def _describe(value: Any, tell: Callable[[Any], None]) -> None:
    if isinstance(value, np.ndarray):
        tell(f"{value.dtype} {value.shape} {value.strides}".encode())
        tell(value.data.cast("B"))
    elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        for item in value:
            _describe(item, tell)
    else:
        tell(f"{type(value).__name__} {value!r}".encode())


def cpu_of(limit: Limit, variables: Namespace, repeats: int = 5) -> float:
    """Return the median CPU seconds of reaching a limit."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        limit.run(variables)
        taken.append(time.process_time() - started)
    return median(taken)
