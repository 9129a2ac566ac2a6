"""How what cells put out looks as text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

from cowtm.display import CELL, Report, Table, shorten, size_text

Output: TypeAlias = dict[str, Any]
"""An output of a cell, as in the JSON of a notebook: nbformat 4."""


class Transcript(Report, Sequence[Output]):
    """The outputs of one cell, in order, wherever they are."""

    @abstractmethod
    def _list(self) -> list[Output]:
        """Give them as they are now."""

    def __len__(self) -> int:
        """Count them."""
        return len(self._list())

    @overload
    def __getitem__(self, index: int) -> Output: ...

    @overload
    def __getitem__(self, index: slice) -> list[Output]: ...

    def __getitem__(self, index: int | slice) -> Output | list[Output]:
        """Give one, or some."""
        return self._list()[index]

    def __iter__(self) -> Iterator[Output]:
        """Give them in order."""
        return iter(self._list())

    def _table(self) -> Table:
        return table_of(self)


def text_of_all(outputs: Iterable[Output]) -> str:
    """Give what a terminal shows of outputs."""
    text = ""
    for output in outputs:
        if text and not text.endswith("\n") and output["output_type"] != "stream":
            text += "\n"
        text += text_of(output)
    return text


def text_of(output: Output) -> str:
    """Give what a terminal shows of an output."""
    match output["output_type"]:
        case "stream":
            return str(output["text"])
        case "error":
            return "\n".join(output["traceback"]) + "\n"
        case _:
            text = output["data"].get("text/plain", "")
            count = output.get("execution_count")
            prompt = "" if count is None else f"Out[{count}]: " + "\n" * ("\n" in text)
            return f"{prompt}{text}\n" if text else ""


def table_of(outputs: Iterable[Output]) -> Table:
    """List outputs, each in a line."""
    rows = [(output["output_type"], shorten(_summary(output), CELL)) for output in outputs]
    notes = () if rows else ("nothing was put out",)
    return Table("outputs", ("kind", "what"), rows, notes)


def size_of(value: Any) -> int:
    """Count the characters of plain data."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + size_of(part) for key, part in value.items())
    if isinstance(value, list):
        return sum(map(size_of, value))
    return 8  # a number


def _summary(output: Output) -> str:
    """Say in a line what an output is."""
    text = text_of(output)
    if output["output_type"] == "error":
        text = f"{output['ename']}: {output['evalue']}"
    others = ", ".join(
        f"{name} ({size_text(size_of(form))})"
        for name, form in output.get("data", {}).items()
        if name != "text/plain"
    )
    return f"{text.strip()}  {others}".strip() if others else text.strip()
