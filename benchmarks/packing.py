"""What packing costs and gains, and what storing an array costs, next to their alternatives.

``python -m benchmarks.packing`` asks two questions. How fast and how small is a chunk packed and
unpacked, measured against a plain copy of it, against zlib, and against blosc2 without the item
size? And what does it cost to store an array that is new, unchanged, changed in one place, or
bigger than the limit, measured against one pass of the hash and one copy of the array?

Everything takes turns within each round, so that a busy spell hits all. ``--smoke`` runs it once on
little data: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import xxhash
from zict import File

from benchmarks.machine import machine, versions
from cowtm.arena import Arena
from cowtm.chunks import CHUNK, ChunkStore, pieces
from cowtm.generations import Key
from cowtm.packing import pack, unpack

HERE = Path(__file__).resolve().parent
PACKAGES = ("cowtm", "numpy", "xxhash", "blosc2", "zict")

Task = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one task took."""

    question: str
    """What it was done on."""
    task: str
    """Its name."""
    milliseconds: float
    """The median."""
    ratio: float
    """The median of time over the time of the first task of the question, in the same round."""
    low: float
    """A quarter of these ratios is below."""
    high: float
    """A quarter of these ratios is above."""
    size: float | None
    """Bytes of what it gave, over those that it got; None where that is not the question."""


def main() -> int:
    """Run what the command line asks for; 0 if all bytes came back."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packing", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="little data, once")
    parser.add_argument("--rounds", type=int, default=15, help="of each task (default: 15)")
    parser.add_argument("--output", type=Path, help="JSON file (default: benchmarks/results/...)")
    wanted = parser.parse_args()
    rounds = 1 if wanted.smoke else wanted.rounds
    size = (2 if wanted.smoke else 256) * CHUNK

    facts = machine() | versions(PACKAGES)
    for name, text in facts.items():
        print(f"{name:10} {text}")
    figures: list[Figure] = []
    for title, memory, itemsize in samples():
        figures += measure(f"1 MiB of {title}", packing(memory, itemsize), rounds)
    with tempfile.TemporaryDirectory() as folder:
        for title, tasks in storing(size, Path(folder)):
            figures += measure(f"{size // CHUNK} MiB, {title}", tasks, rounds)
    print(f"\n{table(figures)}")
    if wanted.smoke:
        print("little data, run once: the figures mean nothing")
    path = wanted.output or HERE / "results" / time.strftime("%Y-%m-%d-%H%M%S-packing.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "smoke": wanted.smoke,
        "machine": facts,
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")
    return 0


def samples() -> Iterator[tuple[str, memoryview, int]]:
    """Give chunks of data as sessions hold it, and their item sizes."""
    rng = np.random.default_rng(1)
    count = CHUNK // 8
    kinds: dict[str, Any] = {
        "counting integers": np.arange(count),
        "a random walk, float64": np.cumsum(rng.standard_normal(count)),
        "prices with two decimals, float64": np.round(rng.random(count) * 100, 2),
        "categories, int8": rng.integers(0, 5, CHUNK, np.int8),
        "zeros, float64": np.zeros(count),
        "noise, float64": rng.random(count),
    }
    for title, array in kinds.items():
        yield title, memoryview(array.view(np.uint8)), array.itemsize


def packing(memory: memoryview, itemsize: int) -> dict[str, Task]:
    """Give ways to make a chunk smaller, and back; the first is a plain copy."""
    frame = pack(memory, itemsize)
    deflated = zlib.compress(memory, 1)
    if unpack(frame, len(memory)) != memory:
        sys.exit("the bytes that were unpacked are not those that were packed")
    target = Arena().allocate(len(memory))

    def copy() -> memoryview:
        target[:] = memory
        return target

    return {
        "copy": copy,
        "pack": lambda: pack(memory, itemsize),
        "pack, item size unknown": lambda: pack(memory, 1),
        "zlib, level 1": lambda: zlib.compress(memory, 1),
        "unpack": lambda: unpack(frame, len(memory)),
        "zlib, back": lambda: zlib.decompress(deflated, bufsize=len(memory)),
    }


def storing(size: int, folder: Path) -> Iterator[tuple[str, dict[str, Task]]]:
    """Give what is done with an array, one question after the other."""
    array = np.cumsum(np.random.default_rng(1).standard_normal(size // 8))
    whole: Any = array.view(np.uint8)
    memory = memoryview(whole)
    store = ChunkStore()
    kept = store.split(memory, 8)

    def hash_pass() -> int:
        return sum(len(xxhash.xxh3_128_digest(piece)) for piece in pieces(memory))

    def one_place() -> object:
        array[len(array) // 2] += 1
        return store.split(memory, 8)

    yield (
        "against one pass of the hash",
        {
            "hash": hash_pass,
            "split, unchanged": lambda: store.split(memory, 8),
            "split, one place changed": one_place,
        },
    )

    arena = Arena()

    def copy() -> object:
        target = arena.allocate(size)
        target[:] = memory
        return target

    def limited() -> object:
        small = ChunkStore()
        small.disk = _Files(folder)
        small.limit = size // 4
        return small, small.split(memory, 8)

    def settled() -> object:
        store.settle(0, size)
        return [chunk.read() for chunk in kept]

    yield (
        "against a copy into new memory",
        {
            "copy": copy,
            "split, new": lambda: ChunkStore().split(memory, 8),
            "split, new, a quarter of it fits": limited,
            "settle to packed, and read": settled,
        },
    )


class _Files(dict[Key, bytes]):
    """Frames in files of a folder, written anew each time; nobody reads them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._files = File(folder, memmap=False)

    def update(self, frames: Any) -> None:
        """Write them."""
        for key, frame in frames.items():
            self._files[key[0].hex()] = frame
            self[key] = b""


def measure(question: str, tasks: dict[str, Task], rounds: int) -> list[Figure]:
    """Run all tasks in turn, as often as asked, after one run that does not count."""
    results = {name: task() for name, task in tasks.items()}
    sizes = {name: _size(result) for name, result in results.items()}
    results.clear()
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            result = task()
            times[name].append(time.perf_counter() - started)
            del result
    first = next(iter(tasks))
    figures = []
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times[first], strict=True)]
        low, middle, high = quantiles(ratios, n=4, method="inclusive") if rounds > 1 else ratios * 3
        size = sizes[name] if "pack" in name or name.startswith("zlib, l") else None
        share = None if size is None or name.startswith("unpack") else size / CHUNK
        figures.append(Figure(question, name, median(seconds) * 1e3, middle, low, high, share))
    return figures


def _size(result: object) -> int | None:
    return len(result) if isinstance(result, bytes) else None


def table(figures: list[Figure]) -> str:
    """Give one block for each question."""
    lines = []
    for place, figure in enumerate(figures):
        if not place or figures[place - 1].question != figure.question:
            lines.append(f"\n{figure.question:42}      ms   ratio   quartiles          size")
        size = "" if figure.size is None else f"{figure.size:8.1%}"
        lines.append(
            f"  {figure.task:34}{figure.milliseconds:10.3f}{figure.ratio:8.2f}"
            f"   {f'{figure.low:.2f}..{figure.high:.2f}':16}{size:>8}".rstrip()
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
