"""From measurements to answers: medians and spreads, ratios, targets met or not, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

from benchmarks.systems import COWTM, PLAIN, SYSTEMS
from benchmarks.workloads import MEBIBYTE, Workload

if TYPE_CHECKING:
    from benchmarks.session import Measured


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the quartiles around it."""

    low: float
    """A quarter of the values is below."""
    middle: float
    """The median."""
    high: float
    """A quarter of the values is above."""

    def less(self, amount: float) -> Spread:
        """Take an amount away."""
        return Spread(self.low - amount, self.middle - amount, self.high - amount)

    def over(self, amount: float) -> Spread:
        """Divide by an amount."""
        return Spread(self.low / amount, self.middle / amount, self.high / amount)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one system costs on one workload."""

    system: str
    """Its name."""
    workload: str
    """Its name."""
    cells: int
    """How many were measured, in all rounds."""
    added: Spread
    """CPU seconds of a cell above plain IPython's median."""
    ratio: Spread
    """`added` over the limit; where there is none, the cell's CPU time over plain IPython's."""
    growth: float
    """What the last quarter of the cells adds, over what the first quarter does."""
    limit: float | None
    """CPU seconds of the limit."""
    stored_before: int
    """Bytes held before the first measured cell."""
    stored: float
    """Bytes added by each cell, as the system counts."""
    resident: float
    """Bytes by which the process grew with each cell, above plain IPython."""
    back: float | None
    """CPU seconds of travelling back; None if it can't."""
    back_wall: float | None
    """Seconds that passed meanwhile."""
    verdict: str
    """Whether travelling gave what was: "right", "right, sharing lost", "wrong"; "" if it can't."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A target, and whether it is met."""

    target: str
    """In words."""
    found: float
    """What was measured, in the unit of the target."""
    wanted: float
    """At most."""

    @property
    def met(self) -> bool:
        """Whether it is met."""
        return self.found <= self.wanted

    def text(self) -> str:
        """Return one line."""
        word = "met" if self.met else "NOT MET"
        return f"{word:7}  {self.target} at most {self.wanted:g}: {self.found:.3g}"


def answers(measured: Iterable[Measured]) -> list[Answer]:
    """Summarise all processes, those of one system and workload together."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        groups.setdefault((one.workload, one.system), []).append(one)
    return [
        _answer(group, groups.get((workload, PLAIN), group))
        for (workload, _), group in groups.items()
    ]


def _answer(group: list[Measured], plain: list[Measured]) -> Answer:
    every = _spread([seconds for one in group for seconds in one.cpu])
    usual = median(seconds for one in plain for seconds in one.cpu)
    added = every.less(usual)
    limits = [one.limit for one in group if one.limit is not None]
    limit = median(limits) if limits else None
    travels = [travel for one in group for travel in (one.back, one.forth) if travel is not None]
    backs = [one.back for one in group if one.back is not None]
    return Answer(
        system=group[0].system,
        workload=group[0].workload,
        cells=sum(len(one.cpu) for one in group),
        added=added,
        ratio=every.over(usual) if limit is None else added.over(limit),
        growth=_quarter(group, plain, 3) / _quarter(group, plain, 0) if group is not plain else 1.0,
        limit=limit,
        stored_before=group[0].stored_before,
        stored=median(one.stored_by_cells / len(one.cpu) for one in group),
        resident=_growth(group) - _growth(plain),
        back=median(travel.cpu for travel in backs) if backs else None,
        back_wall=median(travel.wall for travel in backs) if backs else None,
        verdict=_verdict([(travel.right, travel.shared) for travel in travels]),
    )


def _spread(values: list[float]) -> Spread:
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high)


def _quarter(group: list[Measured], plain: list[Measured], which: int) -> float:
    """Return what the cells of one quarter of the session add."""
    return _in_quarter(group, which) - _in_quarter(plain, which)


def _in_quarter(group: list[Measured], which: int) -> float:
    picked = []
    for one in group:
        width = max(len(one.cpu) // 4, 1)
        picked += one.cpu[-width:] if which == 3 else one.cpu[which * width : (which + 1) * width]
    return median(picked)


def _growth(group: list[Measured]) -> float:
    return median(one.resident_by_cells / len(one.cpu) for one in group)


def _verdict(travels: list[tuple[bool, bool]]) -> str:
    if not travels:
        return ""
    if not all(right for right, _ in travels):
        return "WRONG"
    return "right" if all(shared for _, shared in travels) else "right, sharing lost"


def judge(found: Iterable[Answer]) -> list[Judgement]:
    """Compare what cowtm with its C extension costs with what it should cost."""
    judgements = []
    for answer in found:
        if answer.system == COWTM:
            added, ratio = answer.added.middle * 1e3, answer.ratio.middle
            values = {"added ms": added, "ratio": ratio, "growth": answer.growth}
            judgements += [
                Judgement(target, values[quantity], at_most)
                for workload, quantity, at_most, target in _TARGETS
                if workload == answer.workload
            ]
    return judgements


_TARGETS = (
    ("array-write", "ratio", 1.5, "array written, added over one hash pass,"),
    ("array-read", "ratio", 1.5, "array read, added over one hash pass,"),
    ("dicts-append", "added ms", 40.0, "dicts, one deep append, added ms,"),
    ("dicts-len", "added ms", 40.0, "dicts, only len, added ms,"),
    ("tiny", "added ms", 0.5, "tiny cell, added ms,"),
    ("tiny", "growth", 1.25, "tiny cell, last quarter of 200 over the first,"),
    ("libraries", "added ms", 0.5, "tiny cell, large libraries imported, added ms,"),
    ("loop", "ratio", 1.15, "top-level loop over plain IPython,"),
    ("function", "ratio", 1.02, "function reading a global over plain IPython,"),
)
"""Workload, what of it is judged, the most that it may be, and that in words."""


def tables(found: list[Answer], questions: Mapping[str, Workload]) -> str:
    """Give one table for each workload."""
    parts = []
    for name, workload in questions.items():
        rows = [answer for answer in found if answer.workload == name]
        if rows:
            parts.append(_table(workload, rows))
    return "\n\n".join(parts)


def _table(workload: Workload, rows: list[Answer]) -> str:
    lines = [workload.question]
    limits = [answer.limit for answer in rows if answer.limit is not None]
    if workload.limit is not None and limits:
        lines.append(f"limit: {workload.limit.text}: {_milliseconds(median(limits))} ms")
        against = "added / limit"
    else:
        against = "cell / plain"
    head = (
        "",
        "added ms",
        "quartiles",
        against,
        "quartiles",
        "stored/cell",
        "memory/cell",
        "back ms",
        "travel",
    )
    body = [_row(answer, workload) for answer in rows]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    for line in (head, *body):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)]
        lines.append("  " + "  ".join([*cells, line[-1]]).rstrip())
    return "\n".join(lines)


def _row(answer: Answer, workload: Workload) -> tuple[str, ...]:
    title = SYSTEMS[answer.system].title
    if answer.system == PLAIN:
        ratio = ("", "") if workload.limit is not None else ("1", _between(answer.ratio))
        spread = "..".join(map(_milliseconds, (answer.added.low, answer.added.high)))
        return title, "0", spread, *ratio, "", "", "", ""
    return (
        title,
        _milliseconds(answer.added.middle),
        "..".join(map(_milliseconds, (answer.added.low, answer.added.high))),
        _ratio(answer.ratio.middle),
        _between(answer.ratio),
        _bytes(answer.stored),
        _bytes(answer.resident),
        _milliseconds(answer.back) if answer.back is not None else "",
        answer.verdict,
    )


def _between(spread: Spread) -> str:
    return f"{_ratio(spread.low)}..{_ratio(spread.high)}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    if abs(value) < 1:
        return f"{value:.3f}"
    return f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def _bytes(count: float) -> str:
    if abs(count) < 10_000:
        return f"{count:,.0f} B"
    if abs(count) < 10 * MEBIBYTE:
        return f"{count / 1024:,.0f} KiB"
    return f"{count / MEBIBYTE:,.0f} MiB"
