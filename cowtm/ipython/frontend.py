"""What a user sees a session through: a notebook's page, or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cowtm.future.job import Job
    from cowtm.future.kernel import Message
    from cowtm.future.outputs import Outputs
    from cowtm.transcript import Output


@dataclass(frozen=True, slots=True)
class Place:
    """Where the output of a job is shown."""

    request: Mapping[str, Any]
    """Header of the request to execute the cell that started it; empty in a terminal."""
    waits: bool
    """Whether that cell waits for the job."""


class Waiting:
    """A front end's part of cells that wait for their jobs."""

    def __init__(self) -> None:
        self._waits = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Have the running cell wait for the jobs that are started in a block."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False


class Frontend(Protocol):
    """What a user sees a session through."""

    @property
    def drops_late_output(self) -> bool:
        """Whether nobody sees what comes after the running cell's end."""

    def start(self) -> None:
        """Begin to take down what cells put out."""

    def stop(self) -> None:
        """Leave everything as it was."""

    def begin(self, number: int) -> Outputs:
        """Take note that a cell of some number begins; gives what its outputs go into."""

    def end(self, number: int, outputs: Outputs) -> None:
        """Take note that a cell ended."""

    def here(self) -> Place:
        """Tell where the cell that runs is."""

    def waiting(self) -> Any:
        """Have the running cell wait for the jobs that are started in a block."""

    def show(self, job: Job, message: Message) -> None:
        """Show what a job's cell puts out, from any thread."""

    def put(self, place: Place, kind: str, content: Mapping[str, Any]) -> None:
        """Show something of ours in a cell that may be over, from any thread."""

    def replay(self, outputs: Iterable[Output], job: Job | None) -> None:
        """Show outputs again, in the cell that runs; what else their job puts out, there too."""

    def flush(self) -> None:
        """Show what could not be shown while something else had the user's attention."""
