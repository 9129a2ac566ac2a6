"""What code can know of the session's cells: their sources, their results, the magics they made.

Sources are handed over as text, so that a traceback in a job shows the lines of a function that an
earlier cell defined. Results and magics are objects: they go with the variables; so do the filters
of warnings, as they are about classes, which may be the notebook's.
"""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

OBJECTS = "__cowtm_objects__"
"""What a job has its results and magics as, until it begins."""

LAST = frozenset({"_", "__", "___"})
"""What IPython binds the last results to, unless the user has bound it."""

_RESULT = re.compile(r"\b(_\d*|__|___|_oh|Out)\b")
_KINDS = ("line", "cell")


@dataclass(frozen=True, slots=True)
class Cells:
    """The sources of a session's cells, to be handed over."""

    inputs: tuple[str, ...]
    """`In`: by number, as Python runs them."""
    raw: tuple[str, ...]
    """The same as they were typed."""
    files: dict[str, tuple[int, str]]
    """What a traceback calls a cell -> its number and its source."""

    @classmethod
    def of(cls, shell: Any) -> Cells:
        """Tell of the cells of a shell."""
        manager = shell.history_manager
        inputs = tuple(manager.input_hist_parsed)
        typed = tuple(manager.input_hist_raw)
        # Most are the same text, which is then pickled once.
        raw = tuple(a if a == b else b for a, b in zip(inputs, typed, strict=False))
        files: dict[str, tuple[int, str]] = {}
        for name, number in getattr(shell.compile, "_filename_map", {}).items():
            entry = linecache.cache.get(name)
            if entry is not None and len(entry) > 1:
                files[name] = number, "".join(entry[2])
        return cls(inputs, raw, files)

    def take_over(self, shell: Any, number: int) -> None:
        """Have a shell's next cell be the one of a number, after those of the session."""
        manager = shell.history_manager
        for history, known in (
            (manager.input_hist_parsed, self.inputs),
            (manager.input_hist_raw, self.raw),
        ):
            history[:] = [*known[:number], *("" for _ in range(number - len(known)))]
        shell.execution_count = number
        for name, (cell, source) in self.files.items():
            lines = source.splitlines(keepends=True)
            linecache.cache[name] = len(source), None, lines, name
            shell.compile._filename_map[name] = cell  # noqa: SLF001  there is no other way


def objects_for(source: str, shell: Any) -> dict[str, Any]:
    """Give the results that a cell names, magics that cells of a shell defined, and filters.

    Returns:
        Names that a job has hidden.

    """
    named = {found[0] for found in _RESULT.finditer(source)}
    names = shell.user_ns
    results: Mapping[int, object] = names.get("_oh") or {}
    if not named & {"Out", "_oh"}:
        results = {number: held for number, held in results.items() if f"_{number}" in named}
    last = {
        name: names[name]
        for name in LAST
        if name in named and is_last(name, names.get(name), shell)
    }
    magics = {kind: _own(shell.magics_manager.magics[kind]) for kind in _KINDS}
    filters = [*warnings.filters]
    held = {"results": dict(results), "last": last, "magics": magics, "filters": filters}
    return {OBJECTS: held}


def is_last(name: str, value: object, shell: Any) -> bool:
    """Tell whether a name that is bound to a value is one of the last results."""
    return name in LAST and getattr(shell.displayhook, name, None) is value


def _own(magics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the magics that are functions of the notebook."""
    return {
        name: magic
        for name, magic in magics.items()
        if type(magic) is FunctionType and magic.__module__ == "__main__"
    }


def take_objects(objects: Mapping[str, Any], shell: Any) -> None:
    """Have a shell know what `objects_for` gave of another."""
    names, hook = shell.user_ns, shell.displayhook
    for number, result in objects["results"].items():
        names["_oh"][number] = names[f"_{number}"] = result
    for name, result in objects["last"].items():
        setattr(hook, name, result)  # or it takes the name for the user's own
    shell.push(objects["last"], interactive=False)
    for kind in _KINDS:
        shell.magics_manager.magics[kind].update(objects["magics"][kind])
    known = [entry for entry in objects["filters"] if isinstance(entry[2], type)]  # it is here
    warnings.filters[:] = known  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001  or what was seen before counts


def forget_results(shell: Any) -> None:
    """Have a shell know no results."""
    shell.displayhook.flush()
    # IPython forgets that these are its own, and would bind no result to them any more.
    shell.push({name: getattr(shell.displayhook, name) for name in LAST}, interactive=False)
