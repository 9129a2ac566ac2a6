"""Random programs for as long as one likes: ``python -m oracle.long --minutes 60 --seed 7``.

It is run in the folder of the tests. It prints how far it is, and the programs that fail, made
small; it ends with 1 if any did. Every number is a program, and the way it is run: ``--only 1234``
repeats it. With ``--plain`` programs use Python and numpy alone, with more of their odd corners.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from oracle import libraries, programs
from oracle.programs import Program, explained, failure

Cases = Callable[[int], tuple[Program, dict[str, Any]]]
"""Number -> a program, and how it is to be checked."""

TOLD = 30.0
"""Seconds between two lines that say how far it is."""


def main() -> int:
    """Run programs until the time is over; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="oracle.long", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="where the numbers start")
    parser.add_argument("--rows", nargs="*", default=(), help="rows of libraries; all if none")
    parser.add_argument("--plain", action="store_true", help="no libraries but numpy")
    parser.add_argument("--only", type=int, help="run this program alone")
    chosen = parser.parse_args()
    case = programs.case if chosen.plain else partial(libraries.case, rows=chosen.rows)
    faulthandler.enable()
    with tempfile.TemporaryDirectory(prefix="cowtm-oracle-") as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        if chosen.only is not None:
            return _show(chosen.only, case)
        return _run(_numbers(chosen.seed, chosen.minutes * 60), case)


def _numbers(seed: int, seconds: float) -> Iterator[int]:
    end = time.monotonic() + seconds
    number = seed * 1_000_000
    while time.monotonic() < end:
        yield number
        number += 1


def _run(numbers: Iterator[int], case: Cases) -> int:
    seen: Counter[str] = Counter()
    start = told = time.monotonic()
    count = 0
    for count, number in enumerate(numbers, 1):
        steps, how = case(number)
        kind = failure(steps, **how)
        if kind is not None:
            seen[kind] += 1
            print(f"program {number}: {kind}", flush=True)
            if seen[kind] == 1:
                _show(number, case)
        if time.monotonic() - told > TOLD:
            told = time.monotonic()
            print(f"{told - start:.0f} s, {count} programs, {seen.total()} failed", flush=True)
    print(f"{count} programs, {seen.total()} failed", *seen.most_common(), sep="\n")
    return 1 if seen else 0


def _show(number: int, case: Cases) -> int:
    """Print what is wrong with a program, made small; return 0 if nothing is."""
    steps, how = case(number)
    if failure(steps, **how) is None:
        return 0
    print(explained(steps, **how), flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
