"""What the time machine tells of itself: its states, and what they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cowtm.display import (
    Report,
    Table,
    bar_html,
    names_text,
    share_text,
    shorten,
    size_text,
    time_text,
    words_of,
)
from cowtm.errors import BadInput, Unhooked
from cowtm.timeline import Number, State, Timeline, as_number, order

_STATES = ("cell", "parent", "source", "changed", "ran", "recorded", "stored", "")
_NUMBERS = ("cell", "parent", "ran", "recorded", "stored", "itself")


class States(Report, Mapping[Number, State]):
    """All states by number, as a table."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def __getitem__(self, number: Number) -> State:
        """Give one state.

        Raises:
            StateNotFound: no such state.

        """
        return self._timeline[as_number(number)]

    def __iter__(self) -> Iterator[Number]:
        """Give the numbers in order."""
        return iter(sorted(self._timeline, key=order))

    def __len__(self) -> int:
        """Count them."""
        return len(self._timeline)

    def __contains__(self, number: object) -> bool:
        """Tell whether there is a state of that number."""
        try:
            return as_number(number) in self._timeline
        except BadInput:
            return False

    def table(self, title: str, notes: Sequence[str] = ()) -> Table:
        """Give the states as a table with a title, and lines below it."""
        rows = []
        if self._timeline.is_over:
            notes = [str(Unhooked())]
        for number in self:
            state = self._timeline[number]
            marks = [state.error] if state.error else []
            marks += ["pinned"] if state.pinned else []
            marks += ["<- here"] if number == self._timeline.position else []
            marks += [f"late: {names_text(state.late)}"] if state.late else []
            if state.by_reference:
                by_reference = sorted(map(words_of, state.by_reference))
                marks.append(f"by reference: {names_text(by_reference)}")
            rows.append(
                (
                    number,
                    "" if state.parent is None else state.parent,
                    shorten(state.title),
                    shorten(names_text(state.names)),
                    time_text(state.duration),
                    time_text(state.cost),
                    size_text(state.stored),
                    "; ".join(marks),
                )
            )
        return Table(title, _STATES, rows, notes, right=_NUMBERS)

    def _table(self) -> Table:
        return self.table("states")


class MemoryReport(Report):
    """Bytes that the time machine holds, and may hold."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, all of them bytes.

        - ``total``: in memory and on disk together; ``memory``, ``disk``: apart;
        - ``raw``, ``packed``, ``contents``: what of it is in memory; they add up to ``memory``;
        - ``outputs``: what cells put out, which has limits of its own, about;
        - ``chunks``: memory of arrays and buffers, as long as it would be unpacked;
          ``shared``: of that, what several versions have in common;
        - ``by_variable``: of states in memory; ``by_state``: also of those on disk, of which there
          are ``on_disk``;
        - ``live``: variable -> size of the object itself (pympler's `asizeof`); ``not_measured``:
          those for which there was no time;
        - ``process``: resident memory of the process; ``memory_budget``, ``disk_budget``.
        """
        return {
            key: dict(value) if isinstance(value, dict) else value
            for key, value in self._figures.items()
        }

    def _table(self) -> Table:
        figures = self._figures
        live = figures["live"]
        by_variable = figures["by_variable"]
        names = sorted({*by_variable, *live}, key=lambda name: -by_variable.get(name, 0))
        rows = [
            (
                "variable",
                _label(name),
                size_text(by_variable[name]) if name in by_variable else "",
                size_text(live[name])
                if live.get(name)
                else "?" * (name in figures["not_measured"]),
            )
            for name in names[:LONGEST]
        ]
        states = sorted(figures["by_state"].items(), key=lambda item: -item[1])
        rows += [("state", number, size_text(size), "") for number, size in states[:10] if size]
        return Table(
            self._title(),
            ("of", "which", "recorded", "itself"),
            rows,
            self._notes(),
            right=_NUMBERS,
        )

    def _title(self) -> str:
        figures = self._figures
        return (
            f"held: {size_text(figures['total'])} "
            f"({size_text(figures['memory'])} in memory, {size_text(figures['disk'])} on disk)"
        )

    def _notes(self) -> list[str]:
        figures = self._figures
        size = {name: size_text(value) for name, value in figures.items() if type(value) is int}
        notes = [
            (
                f"in memory: {size['raw']} raw, {size['packed']} packed, {size['contents']} "
                f"contents of objects; the budget is {size['memory_budget']}, "
                f"{share_text(figures['memory'], figures['memory_budget'])} of it is used"
            ),
            f"arrays and buffers: {size['chunks']} unpacked, {size['shared']} of it in several "
            "versions" + (f"; packed to 1/{figures['ratio']:.1f}" if figures["ratio"] > 1 else ""),
            f"the process takes {size['process']}",
        ]
        if figures["outputs"]:
            notes.append(f"outputs of cells, besides: {size['outputs']}")
        if figures["disk"]:
            notes.append(
                f"on disk: the budget is {size['disk_budget']}, "
                f"{share_text(figures['disk'], figures['disk_budget'])} of it is used"
            )
        if figures["on_disk"]:
            notes.append(
                f"{figures['on_disk']} states are on disk: they count by state, not by variable"
            )
        if figures["not_measured"]:
            notes.append(f"not measured in time: {names_text(figures['not_measured'])}")
        return notes

    def _repr_html_(self) -> str:
        figures = self._figures
        budget = figures["memory_budget"]
        bars = [
            ("raw", figures["raw"], budget),
            ("packed", figures["packed"], budget),
            ("contents", figures["contents"], budget),
            ("on disk", figures["disk"], figures["disk_budget"]),
        ]
        return "".join(bar_html(*bar) for bar in bars) + self._table()._repr_html_()


LONGEST = 15
"""Variables that a memory report lists."""


def _label(name: str) -> str:
    return f"({words_of(name)})" if name.startswith("<") else name
