"""Random programs over the libraries of a data scientist, that share what they hold.

Each library is a row: names, expressions that make its objects, and statements that change them in
place. A program takes a few rows: `{any}` is a name of any of them, so an array comes to lie in a
frame that lies in a dict that lies in a model. Rows for libraries that are not installed are left
out.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from types import ModuleType
from typing import TYPE_CHECKING, Any

import contracts  # noqa: F401  it describes objects of libraries

from cowtm.testing.session import NAME, Session
from oracle.programs import Program, Words
from oracle.rows import arrays, drawings, models, python, tables

if TYPE_CHECKING:
    from oracle.library import Library

LIBRARIES: dict[str, Library] = {
    "python": python.PYTHON,
    "context": python.CONTEXT,
    "numpy": arrays.NUMPY,
    "pandas": tables.PANDAS,
    "sklearn": models.SKLEARN,
    "frames in models": models.FRAMES_IN_MODELS,
    "torch": models.TORCH,
    "polars": tables.POLARS,
    "arrow": tables.ARROW,
    "arrow in frames": tables.ARROW_IN_FRAMES,
    "xarray": tables.XARRAY,
    "sparse": arrays.SPARSE,
    "matplotlib": drawings.MATPLOTLIB,
    "networkx": drawings.NETWORKX,
    "sympy": drawings.SYMPY,
    "attrs": python.ATTRS,
    "pydantic": python.PYDANTIC,
    "images": arrays.IMAGES,
    "boosters": models.BOOSTERS,
    "statistics": models.STATISTICS,
    "by reference": python.BY_REFERENCE,
}
"""Name -> row; each stands after those that it needs."""


def here() -> list[str]:
    """Return the names of the rows that can be used."""
    found: list[str] = []
    for name, library in LIBRARIES.items():
        if library.is_here and all(other in found for other in library.after):
            found.append(name)
    return found


def choose(random: Random, rows: Sequence[str], *, count: int = 3) -> list[str]:
    """Choose some rows, and those that they need, in the order of the table.

    Args:
        random: what chance is made of.
        rows: names of those to choose from.
        count: how many, besides those that they need.

    """
    chosen = {"python", *random.sample(rows, min(count, len(rows)))}
    for name in reversed(LIBRARIES):
        if name in chosen:
            chosen.update(LIBRARIES[name].after)
    # What two libraries share comes along where both are.
    chosen.update(
        name
        for name in rows
        if not LIBRARIES[name].needs and chosen.issuperset(LIBRARIES[name].after or [name])
    )
    return [name for name in LIBRARIES if name in chosen]


def import_all(rows: Sequence[Library]) -> None:
    """Run the first cells of rows, so that what a library does once, at its import, is done."""
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in rows:
                exec(row.start, module.__dict__)  # noqa: S102  the row's own cell
    finally:
        del sys.modules[NAME]


def words_for(rows: Sequence[Library]) -> Words:
    """Put the words of some rows together; `new_x` makes what `x` names, `new` makes anything."""
    pools: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        for hole, names in row.names.items():
            pools[hole] += names
            if hole != "any":
                pools["any"] += names
        for hole, values in row.values.items():
            pools[hole] += values
    pools["any"] = sorted({*pools["any"]})
    pools["new"] += pools["any"]
    ends = {hole: hole.partition("_")[2] or "any" for hole in pools if hole.startswith("new")}
    return Words(pools, ends)


def program(
    random: Random, rows: Sequence[str] = (), *, leaves: int = 0, cells: int = 10
) -> Program:
    """Make a program: a cell for each row, then cells with looks and travels between them.

    Args:
        random: what chance is made of.
        rows: names of rows to choose from; of all that are here if there are none.
        leaves: how often the session is saved and gone on with in another namespace.
        cells: how many cells come after the first ones.

    """
    pool = [name for name in rows or here() if LIBRARIES[name].leaves or not leaves]
    chosen = [LIBRARIES[name] for name in choose(random, pool)]
    import_all(chosen)
    words = words_for(chosen)
    steps: Program = [("run", row.start.strip()) for row in chosen]
    for _ in range(cells):
        templates = [
            random.choice(random.choice(chosen).statements) for _ in range(random.choice(LINES))
        ]
        steps.append(("run", "\n".join(words.fill(line, random) for line in templates)))
        turn = random.randrange(10)
        if turn < len(TURNS):
            steps.append((TURNS[turn], random.randrange(64)))
    for what in ("forget", "rerun", *["leave"] * leaves):
        place = random.randrange(len(chosen), len(steps) + 1)
        steps.insert(place, (what, None if what == "leave" else random.randrange(64)))
    return [*steps, ("travel", random.randrange(64)), ("look", 63), ("travel", 63)]


LINES = (1, 1, 2, 2, 3, 4)
"""How many statements a cell has."""

TURNS = ("travel", "travel", "travel", "again", "look")
"""What follows a cell, in as many of ten cases."""


def case(number: int, rows: Sequence[str] = ()) -> tuple[Program, dict[str, Any]]:
    """Give a program, from rows of libraries or from all, and how it is to be checked."""
    random = Random(number)
    ways: list[dict[str, Any]] = [
        {"plain": True, "hold": False},
        {"plain": True, "hold": False},
        {"hold": True},
        {"hold": False, "between": Session.demote},
        {"hold": False, "between": Session.flush},
    ]
    how = random.choice(ways)
    leaves = random.randrange(1, 3) if "between" in how else 0
    return program(random, rows, leaves=leaves), how
