"""What the time machine tells of itself: its states, and the memory that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cowtm.display import Report, Table, names_text, shorten, size_text, time_text
from cowtm.errors import BadInput
from cowtm.timeline import RESULT, Number, State, Timeline, as_number, order

_STATES = ("cell", "parent", "source", "changed", "ran", "recorded", "stored", "")
_NUMBERS = ("cell", "parent", "ran", "recorded", "stored", "bytes")


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

    def _table(self) -> Table:
        rows = []
        for number in self:
            state = self._timeline[number]
            marks = [state.error] if state.error else []
            marks += ["<- here"] if number == self._timeline.position else []
            marks += [f"late: {names_text(state.late)}"] if state.late else []
            if state.by_reference:
                marks.append(f"by reference: {names_text(sorted(state.by_reference))}")
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
        return Table("states", _STATES, rows, right=_NUMBERS)


class MemoryReport(Report):
    """Bytes that the time machine holds."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, bytes: total, chunks, contents, by_variable, by_state."""
        return {
            key: dict(value) if isinstance(value, dict) else value
            for key, value in self._figures.items()
        }

    def _table(self) -> Table:
        figures = self._figures
        largest = sorted(figures["by_variable"].items(), key=lambda item: -item[1])
        states = sorted(figures["by_state"].items(), key=lambda item: -item[1])
        rows = [("variable", _label(name), size_text(size)) for name, size in largest[:15]]
        rows += [("state", number, size_text(size)) for number, size in states[:10] if size]
        title = (
            f"held: {size_text(figures['total'])} "
            f"(memory of arrays and buffers {size_text(figures['chunks'])}, "
            f"contents of objects {size_text(figures['contents'])})"
        )
        return Table(title, ("of", "which", "bytes"), rows, right=_NUMBERS)


_LABELS = {
    RESULT: "(results)",
    "<random>": "(random numbers)",
    "<numpy.random>": "(random numbers of numpy)",
}


def _label(name: str) -> str:
    return _LABELS.get(name, name)
