"""The jobs of a session, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from cowtm.display import Report, Table, shorten
from cowtm.future.board import figures, status_text

if TYPE_CHECKING:
    from cowtm.future.job import Job

_HEADINGS = ("cell", "name", "status", "ran", "progress", "memory", "source")


class Jobs(Report, Sequence["Job"]):
    """Jobs, newest last."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = list(jobs)

    def __len__(self) -> int:
        """Count them."""
        return len(self._jobs)

    @overload
    def __getitem__(self, index: int) -> Job: ...

    @overload
    def __getitem__(self, index: slice) -> Jobs: ...

    def __getitem__(self, index: int | slice) -> Job | Jobs:
        """Give one, or some."""
        return Jobs(self._jobs[index]) if isinstance(index, slice) else self._jobs[index]

    def __iter__(self) -> Iterator[Job]:
        """Give each, newest last."""
        return iter(self._jobs)

    def _table(self) -> Table:
        rows = [_row(job) for job in self._jobs]
        notes = () if rows else ("no job was started; %%future runs a cell in the background",)
        return Table("jobs", _HEADINGS, rows, notes, right=("ran", "progress", "memory"))


def _row(job: Job) -> tuple[object, ...]:
    progress = job.progress
    ran, memory = figures(job).values()
    return (
        job.number,
        job.name,
        status_text(job) + (f" ({job.reason})" if job.reason else ""),
        ran,
        "" if progress is None else f"{progress:.0%}",
        memory,
        shorten(job.source.strip().partition("\n")[0], 60),
    )
