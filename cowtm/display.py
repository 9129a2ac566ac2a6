"""How things look: tables in text and HTML, sizes and times in words, values cut short."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from html import escape
from types import ModuleType
from typing import Any, cast

from cowtm.native import UNSET, Content, Node

WIDTH = 40
"""Characters of one value that are shown."""

ROWS = 60
"""Rows of a table that are shown; the first and last ones of more."""

CELL = 72
"""Characters of one cell of a table that are shown."""

_HTML = "color:inherit;background:transparent"
_HTML_CELL = f"{_HTML};vertical-align:top;padding:2px 12px 2px 0"
_HTML_TEXT = "text-align:left;max-width:40em;overflow-wrap:break-word"
_HTML_NUMBER = "text-align:right;white-space:nowrap"

_KIB = 1024
_PLAIN = (int, float, complex, bool, str, bytes, type(None), range)

ContentOf = Callable[[Node], Content | None]


class Report:
    """Shows itself as the table that `_table` gives, in text and in HTML."""

    __slots__ = ()

    def _table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        """Give the table as text."""
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


class Table:
    """Rows under headings, with a title and lines below; shows itself in text and in HTML.

    Args:
        title: the line above.
        headings: names of the columns.
        rows: what is in them; texts are taken as they are, others by `str`.
        notes: lines below.
        right: headings of columns whose cells end at the same place: numbers.

    """

    def __init__(
        self,
        title: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[object]],
        notes: Sequence[str] = (),
        right: Sequence[str] = (),
    ) -> None:
        self.title = title
        self.headings = tuple(headings)
        self.rows = [tuple(str(cell) for cell in row) for row in rows]
        self.notes = tuple(notes)
        self._named = any(self.headings)
        self._right = [heading in right for heading in self.headings]

    def _shown(self) -> list[tuple[str, ...]]:
        """Give the rows that are shown, each cell in one line of bounded length."""
        if len(self.rows) <= ROWS:
            rows = self.rows
        else:
            half = ROWS // 2
            gap = (f"... {len(self.rows) - 2 * half} more",) + ("",) * (len(self.headings) - 1)
            rows = [*self.rows[:half], gap, *self.rows[-half:]]
        return [tuple(shorten(cell, CELL) for cell in row) for row in rows]

    def __repr__(self) -> str:
        """Give the table as text."""
        lines = [self.title] if self.title else []
        rows = self._shown()
        if rows:
            table = [self.headings, *rows] if self._named else rows
            widths = [max(len(row[i]) for row in table) for i in range(len(self.headings))]
            lines += [self._line(row, widths) for row in table]
        return "\n".join([*lines, *self.notes])

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, self._right, strict=True)
        ]
        return "  ".join(cells).rstrip()

    def _repr_html_(self) -> str:
        """Give the table as HTML, in the colours of the notebook, whatever they are."""
        parts = [f'<div style="font-weight:bold">{escape(self.title)}</div>'] if self.title else []
        rows = self._shown()
        if rows:
            head = f"<thead>{self._html_row('th', self.headings)}</thead>" if self._named else ""
            body = "".join(self._html_row("td", row) for row in rows)
            style = f"{_HTML};border-collapse:collapse;margin:4px 0"
            parts.append(f'<table style="{style}">{head}<tbody>{body}</tbody></table>')
        parts += [f'<div style="opacity:0.8">{escape(note)}</div>' for note in self.notes]
        return f'<div style="{_HTML};overflow-x:auto">' + "\n".join(parts) + "</div>"

    def _html_row(self, tag: str, row: Sequence[str]) -> str:
        cells = (
            f'<{tag} style="{_HTML_CELL};{_HTML_NUMBER if right else _HTML_TEXT}">'
            f"{escape(cell)}</{tag}>"
            for cell, right in zip(row, self._right, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"


def size_text(count: float) -> str:
    """Give a number of bytes in words: ``1.5 MiB``."""
    if count < _KIB:
        return f"{int(count)} B"
    for unit in ("KiB", "MiB"):
        count /= _KIB
        if count < _KIB:
            return f"{count:.1f} {unit}"
    return f"{count / _KIB:.1f} GiB"


def share_text(part: float, whole: float) -> str:
    """Give a part of a whole in words: ``12 %``."""
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def bar_html(label: str, part: float, whole: float) -> str:
    """Draw how much of a whole is taken: a bar with its label and size."""
    width = min(100.0, 100 * part / whole) if whole else 0.0
    style = f"{_HTML};display:flex;align-items:center;gap:8px;margin:2px 0"
    track = "width:16em;height:0.7em;border:1px solid currentColor;opacity:0.7"
    fill = f"width:{width:.1f}%;height:100%;background:currentColor"
    text = f"{size_text(part)} of {size_text(whole)}"
    return (
        f'<div style="{style}"><span style="width:6em">{escape(label)}</span>'
        f'<span style="{track}"><span style="display:block;{fill}"></span></span>'
        f"<span>{text}</span></div>"
    )


def count_text(things: Sized, what: str) -> str:
    """Say how many there are: ``1 state``, ``3 states``."""
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def time_text(seconds: float) -> str:
    """Give a duration in words: ``3.2 ms``."""
    minute = 60
    if seconds < 1e-3:  # noqa: PLR2004  a millisecond
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < minute:
        return f"{seconds:.1f} s"
    return f"{int(seconds // minute)} min {int(seconds % minute)} s"


def clock_text(moment: float) -> str:
    """Give a moment, in seconds since 1970, as the time of day."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def names_text(names: Sequence[str], limit: int = 5) -> str:
    """List names, not too many."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


_WORDS = {
    "<result>": "the result",
    "<random>": "Python's random generator",
    "<numpy.random>": "numpy's random generator",
    "<torch.random>": "torch's random generator",
    "<builtins>": "the built-in names",
    "<lent>": "what the job was given",
}


def words_of(name: str) -> str:
    """Give a variable's name, or words for something else that a state binds to a name."""
    if not name.startswith("<"):
        return name
    return _WORDS.get(name, f"the {name[1:-1]}")


def shorten(text: str, width: int = WIDTH) -> str:
    """Cut a text to one line of some width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


def describe(slot: Any, content_of: ContentOf) -> str:
    """Say in a few words what a slot of some state holds, without making the object."""
    if slot is UNSET:
        return "nothing"
    if type(slot) is not Node:
        if type(slot) in _PLAIN:
            return shorten(repr(slot))
        return f"{type(slot).__name__} {shorten(getattr(slot, '__name__', ''))}".strip()
    content = content_of(slot)
    if content is None:
        return "something"
    return cast("Any", content.kind).describe(content.flat(), content_of)  # type: ignore[no-any-return]


class Variables(Report, dict[str, Any]):
    """Variables of a state: a dict that shows itself as a table."""

    def __init__(self, title: str, mapping: Mapping[str, Any], notes: Sequence[str] = ()) -> None:
        super().__init__(mapping)
        self._title = title
        self._notes = tuple(notes)

    def _table(self) -> Table:
        rows = [(name, type(value).__name__, summary(value)) for name, value in self.items()]
        return Table(self._title, ("name", "type", "value"), rows, self._notes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a plain dict."""
        return dict, (dict(self),)


def summary(value: Any) -> str:
    """Say in a few words what an object is, in one line."""
    return _guarded(_said_of, value)


def brief(value: Any) -> str:
    """Give a value in one line: what is in a small list or dict, too."""
    return _guarded(_brief_of, value)


def _guarded(say: Callable[[Any], str], value: Any) -> str:
    try:
        return say(value)
    except Exception as error:  # noqa: BLE001  attributes and repr of the user's objects
        return f"(its repr raised {type(error).__name__})"


def _brief_of(value: Any) -> str:
    if type(value) in (list, dict, set, tuple, frozenset):
        return shorten(reprlib.repr(value), WIDTH)
    return _said_of(value)


def _said_of(value: Any) -> str:
    if type(value) in _PLAIN:
        return shorten(repr(value))
    if type(value) is ModuleType:
        return value.__name__
    if type(value) in (list, dict, set, tuple, frozenset):
        return "1 element" if len(value) == 1 else f"{len(value)} elements"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        dtype = getattr(value, "dtype", None)
        return f"shape {shape}" + (f", {dtype}" if dtype is not None else "")
    return shorten(repr(value))
