"""How jobs look: a line for one, a table for several that a cell started."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from cowtm.display import Report, Table, brief, shorten, size_text, time_text
from cowtm.future.job import (
    CANCELLED,
    DIED,
    DONE,
    FAILED,
    ICONS,
    OVER,
    QUEUED,
    RUNNING,
    Job,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COLOURS = {DONE: "success", FAILED: "error", DIED: "error", RUNNING: "brand", CANCELLED: "warn"}
"""What the notebook calls the colour of an icon."""

BAR = 20
"""Characters of a progress bar in text."""

_STYLE = "color:inherit;background:transparent"
_LINE = f"{_STYLE};display:flex;flex-wrap:wrap;align-items:center;column-gap:12px;margin:2px 0"
_CELL = f"{_STYLE};text-align:left;vertical-align:top;padding:2px 12px 2px 0;max-width:40em"
_NOTE = "opacity:0.8;flex-basis:100%;overflow-wrap:break-word"
_TRACK = "display:inline-block;width:10em;height:0.7em;border:1px solid currentColor;opacity:0.7"


def status_text(job: Job) -> str:
    """Say what a job is at: an icon and a word."""
    return f"{ICONS[job.status]} {job.status}"


def status_html(job: Job) -> str:
    """Say what a job is at, the icon in the notebook's colours."""
    known = _COLOURS.get(job.status, "")
    colour = f"var(--jp-{known}-color1, currentColor)" if known else "currentColor"
    icon = f'<span aria-hidden="true" style="color:{colour}">{ICONS[job.status]}</span>'
    return f'<span style="white-space:nowrap">{icon} <b>{job.status}</b></span>'


def progress_text(part: float | None) -> str:
    """Draw how far a job is; nothing if it does not tell."""
    if part is None:
        return ""
    full = round(max(0.0, min(1.0, part)) * BAR)
    return f"[{'#' * full}{'-' * (BAR - full)}] {part:.0%}"


def progress_html(part: float | None) -> str:
    """Draw how far a job is."""
    if part is None:
        return ""
    fill = f"display:block;height:100%;background:currentColor;width:{min(1.0, part):.1%}"
    said = f'role="progressbar" aria-valuenow="{part * 100:.0f}"'
    return (
        f'<span style="white-space:nowrap"><span {said} style="{_TRACK}">'
        f'<span style="{fill}"></span></span> {part:.0%}</span>'
    )


class Board(Report):
    """Some jobs, as they are now.

    Args:
        jobs: in the order in which they are shown.

    Attributes:
        jobs: those.

    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self.jobs: list[Job] = list(jobs)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing changes any more."""
        return all(job.status in OVER for job in self.jobs)

    @property
    def started(self) -> str:
        """Say which jobs these are."""
        if len(self.jobs) == 1:
            return f"{self.jobs[0].title} is started"
        first, last = self.jobs[0].number, self.jobs[-1].number
        return f"{len(self.jobs)} jobs are started, {first} to {last}"

    def data(self) -> Mapping[str, Any]:
        """Give it in text and in HTML, as Jupyter wants it."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __repr__(self) -> str:
        """Give it as text."""
        if len(self.jobs) != 1:
            return repr(self._table())
        [job] = self.jobs
        parts = (status_text(job), *figures(job).values(), progress_text(_progress(job)))
        line = f"{job.title}: " + "  ".join(part for part in parts if part)
        return f"{line}\n{shorten(job.reason, 200)}" if job.reason else line

    def _repr_html_(self) -> str:
        if len(self.jobs) != 1:
            return self._table_html()
        [job] = self.jobs
        parts = [f"<span>{escape(job.title)}</span>", status_html(job)]
        parts += [f'<span title="{what}">{text}</span>' for what, text in figures(job).items()]
        parts += [progress_html(_progress(job))]
        if job.reason:
            parts.append(f'<div style="{_NOTE}">{escape(shorten(job.reason, 200))}</div>')
        return f'<div style="{_LINE}">{"".join(parts)}</div>'

    def _table(self) -> Table:
        rows = [(job.number, job.name, *_row(job, status_text, progress_text)) for job in self.jobs]
        return Table("", _HEADINGS, rows, right=("ran", "memory"))

    def _table_html(self) -> str:
        """Give a table as `Table` does, with bars and coloured icons."""
        head = "".join(f'<th style="{_CELL}">{heading}</th>' for heading in _HEADINGS)
        body = ""
        for job in self.jobs:
            status, *figures_of_it, progress, result = _row(job, status_html, progress_html)
            plain = [str(job.number), job.name]
            cells = [*map(escape, plain), status, *figures_of_it, progress, escape(result)]
            shown = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
            body += f"<tr>{shown}</tr>"
        return (
            f'<div style="{_STYLE};overflow-x:auto">'
            f'<table style="{_STYLE};border-collapse:collapse;margin:4px 0">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


_HEADINGS = ("job", "name", "status", "ran", "memory", "progress", "result")


def figures(job: Job) -> dict[str, str]:
    """Say what there is to say of a job in numbers, by what it is."""
    memory = job.memory
    return {
        "time that it ran": _ran_text(job),
        "memory of its process": "" if memory is None else size_text(memory),
    }


def _ran_text(job: Job) -> str:
    """Say how long a job ran; of one that still does, no more than the eye can follow."""
    seconds = job.elapsed
    if job.status == RUNNING and seconds < 1:
        return f"{seconds:.1f} s"
    return "" if job.status == QUEUED else time_text(seconds)


def _row(job: Job, status: Any, progress: Any) -> tuple[str, ...]:
    return status(job), *figures(job).values(), progress(_progress(job)), result_text(job)


def _progress(job: Job) -> float | None:
    """Tell how far a job is that is still at it."""
    return None if job.status == DONE else job.progress


def result_text(job: Job) -> str:
    """Say in a few words what a job gave, or why it gave nothing."""
    if job.reason:
        return shorten(job.reason, 72)
    return "" if job.status != DONE or job.value is None else brief(job.value)
