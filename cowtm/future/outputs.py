"""What a cell put out, as a notebook keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Outputs:
    """The outputs of one cell, in order."""

    def __init__(self) -> None:
        self._outputs: list[dict[str, Any]] = []

    def add(self, kind: str, content: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Take in a message."""
        self._outputs.append({"output_type": kind, **content, "metadata": dict(metadata)})

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give them in order."""
        return iter(self._outputs)

    @property
    def progress(self) -> float | None:
        """How far the last progress bar is, 0 to 1; None if there is none."""
        return None
