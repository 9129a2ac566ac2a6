"""A notebook page for tests: what a kernel sends, by the cell it is shown in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from test_kernel import REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from test_kernel import Kernel

PATIENCE = 60
"""Seconds that something may take to be shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message."""

    kind: str
    content: dict[str, Any]

    @property
    def text(self) -> str:
        """What it shows as text."""
        content = self.content
        text = content.get("text") or content.get("data", {}).get("text/plain")
        return str(text or "\n".join(content.get("traceback", [])))


@dataclass(slots=True)
class Cell:
    """A cell of the page, and all that was shown in it so far."""

    request: str = ""
    """The identity of the request to run it."""
    said: list[Said] = field(default_factory=list)
    is_over: bool = False

    @property
    def text(self) -> str:
        """What it shows as text."""
        return "".join(said.text for said in self.said)

    def texts(self, *kinds: str) -> list[str]:
        """Return the texts of messages of some kinds."""
        return [said.text for said in self.said if said.kind in kinds]


class Page:
    """Cells, and what is shown in them: also after their end, and while others run."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._cells: defaultdict[str, Cell] = defaultdict(Cell)

    def start(self, source: str, metadata: dict[str, Any] | None = None, **how: Any) -> Cell:
        """Have a cell run, as a notebook does or with other metadata."""
        if metadata is None:
            return self._begun(self.kernel.start(source))
        client = self.kernel.client
        content = {**REQUEST, "code": source, **how}
        message = client.session.msg("execute_request", content, metadata=metadata)
        client.shell_channel.send(message)
        return self._begun(message["header"]["msg_id"])

    def _begun(self, request: str) -> Cell:
        cell = self._cells[request]
        cell.request = request
        return cell

    def run(self, source: str) -> Cell:
        """Run a cell to its end."""
        cell = self.start(source)
        self.wait(lambda: cell.is_over)
        return cell

    def value(self, source: str) -> str:
        """Run a cell; returns its result as text."""
        cell = self.run(source)
        results = cell.texts("execute_result")
        assert len(results) == 1, cell.text
        return results[0]

    def wait(self, until: Callable[[], bool]) -> None:
        """Take in what the kernel sends until something is so."""
        while not until():
            message = self.kernel.message()
            cell = self._cells[message["parent_header"].get("msg_id", "")]
            kind, content = message["msg_type"], message["content"]
            if kind == "status":
                cell.is_over |= content["execution_state"] == "idle"
            elif kind != "execute_input":
                cell.said.append(Said(kind, content))

    def wait_for(self, cell: Cell, text: str) -> None:
        """Wait until a cell shows a text."""
        self.wait(lambda: text in cell.text)
