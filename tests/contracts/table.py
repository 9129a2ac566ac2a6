"""The table of guarantees in the documentation, made from the examples that hold them.

``python -m contracts.table`` (with ``tests`` on the path) writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from contracts import FAMILIES

if TYPE_CHECKING:
    from cowtm.testing import Family

PAGE = Path(__file__).parent.parent.parent / "docs" / "guarantees.md"
BEGIN, END = "<!-- made by contracts.table from the examples -->\n", "<!-- end -->\n"


def table(families: Iterable[Family]) -> str:
    """Return the table, a row a family."""
    rows = [
        ("kind", "how it is captured", "held by", "exact, but for", "by reference"),
        ("---",) * 5,
        *map(_row, families),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(family: Family) -> tuple[str, ...]:
    examples = family.examples
    changes = sum(len(example.changes) for example in examples.values())
    anew = [name for name, example in examples.items() if not example.in_place]
    live = [name for name, example in examples.items() if not example.copies]
    here = [name for name, example in examples.items() if example.saved]
    exceptions = [limit.what for limit in family.limits]
    if anew:
        exceptions.append(f"made anew, not in place: {', '.join(anew)}")
    if live:
        exceptions.append(f"`tm.vars` gives the live ones: {', '.join(live)}")
    if here:
        exceptions.append(f"not in another process: {', '.join(here)}")
    kept = [
        name if name == example.by_reference else f"{name} ({example.by_reference})"
        for name, example in examples.items()
        if example.by_reference
    ]
    return (
        family.what,
        family.how,
        f"{len(examples)} objects, {changes} changes",
        "; ".join(exceptions).replace("|", "\\|"),
        ", ".join(kept).replace("|", "\\|"),
    )


def renewed(page: str) -> str:
    """Return the text of the page with the table made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(FAMILIES)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
