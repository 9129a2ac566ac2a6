"""How things look: tables in text and HTML, sizes and times, values cut short."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cowtm.display import CELL, ROWS, Table, Variables, names_text, shorten, size_text, time_text
from cowtm.reports import MemoryReport
from cowtm.timeline import State, Timeline


class Reader(HTMLParser):
    """Reads the tags and the texts of some HTML, and checks that tags are closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a tag; nothing but style is ever given."""
        assert [name for name, _ in attrs] in ([], ["style"])
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if data.strip():
            self.texts.append(data)


def test_a_table_in_text() -> None:
    """Columns are as wide as they must be; numbers end at the same place."""
    table = Table("title", ("name", "n"), [("a", 5), ("long name", 1234)], ["note"], right=["n"])
    assert repr(table).splitlines() == [
        "title",
        "name          n",
        "a             5",
        "long name  1234",
        "note",
    ]


def test_a_table_in_html_escapes_everything() -> None:
    """Whatever is in it stays text."""
    evil = "<script>alert('&\"')</script>"
    reader = Reader(Table(evil, (evil, "b"), [(evil, "x")], [evil])._repr_html_())
    assert reader.texts == [evil, evil, "b", evil, "x", evil]
    assert set(reader.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td"}


def test_html_has_no_colours_of_its_own() -> None:
    """So it is readable in dark themes."""
    source = Table("t", ("a",), [("x",)], ["n"])._repr_html_()
    assert "color:inherit" in source
    assert "background:transparent" in source
    assert "#" not in source


def test_a_table_without_headings_has_no_empty_line() -> None:
    """Neither in text nor in HTML."""
    table = Table("t", ("", ""), [("a", "b")])
    assert repr(table) == "t\na  b"
    assert "thead" not in Reader(table._repr_html_()).tags


def test_an_empty_table_is_its_title_and_notes() -> None:
    """No headings over nothing."""
    assert repr(Table("t", ("a", "b"), [], ["nothing"])) == "t\nnothing"
    assert Reader(Table("t", ("a", "b"), [])._repr_html_()).texts == ["t"]


def test_a_long_table_shows_both_ends() -> None:
    """And says how many rows are between; `rows` has them all."""
    table = Table("", ("n",), [(n,) for n in range(1000)])
    lines = repr(table).splitlines()
    assert len(lines) == ROWS + 2
    assert lines[1] == "0"
    assert lines[-1] == "999"
    assert "... 940 more" in lines
    assert len(table.rows) == 1000


def test_a_cell_is_one_line_of_bounded_length() -> None:
    """A long text or one of several lines does not break the table."""
    table = Table("", ("a", "b"), [("x\ny\r\n\tz", "w" * 500)])
    lines = repr(table).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("x y z")
    assert len(lines[1]) <= CELL + 10


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5000 * 2**30, "5000.0 GiB"),
    ],
)
def test_sizes_in_words(count: int, text: str) -> None:
    """In powers of 1024."""
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 us"), (0.0005, "500 us"), (0.0032, "3.2 ms"), (2, "2.0 s"), (125, "2 min 5 s")],
)
def test_times_in_words(seconds: float, text: str) -> None:
    """With the unit that fits."""
    assert time_text(seconds) == text


def test_names_are_listed_up_to_a_limit() -> None:
    """The rest is counted."""
    assert names_text(["a", "b"]) == "a, b"
    assert names_text(list("abcdefg"), 3) == "a, b, c and 4 more"


def test_texts_are_shortened_to_one_line() -> None:
    """With dots where something is missing."""
    assert shorten("a\n  b") == "a b"
    assert shorten("x" * 50, 10) == "xxxxxxx..."


def test_variables_show_what_they_are_whatever_their_repr_does() -> None:
    """The dict itself is a dict; an object whose repr raises is shown all the same."""

    class Grumpy:
        def __repr__(self) -> str:
            message = "no"
            raise ValueError(message)

        @property
        def shape(self) -> object:
            raise RuntimeError

    shown = Variables("three", {"a": 1, "l": [1, 2], "g": Grumpy(), "t": "<i>"})
    assert shown["a"] == 1
    assert isinstance(shown, dict)
    text = repr(shown)
    assert "l     list    2 elements" in text
    assert "its repr raised RuntimeError" in text
    assert "<i>" not in shown._repr_html_().replace("&lt;i&gt;", "")


def test_a_state_shows_what_is_known() -> None:
    """Lines without anything to say are left out."""
    from cowtm.delta import Delta  # noqa: PLC0415  only here

    state = State(
        3, 2, Delta(), source="\n x = 1\ny", names=("x",), error="ValueError", stored=2048
    )
    text = repr(state)
    assert text.startswith("state 3, came from state 2\n")
    for line in ("source       x = 1", "ended by     ValueError", "stored       2.0 KiB"):
        assert line in text
    assert "by reference" not in text
    assert "is the first" in repr(State(0, None, Delta()))
    assert Timeline().position is None


def test_a_memory_report_shows_the_largest_first() -> None:
    """What is no variable has a name in words."""
    figures = {
        "total": 3000, "memory": 3000, "disk": 0, "raw": 2000, "packed": 0, "contents": 1000,
        "chunks": 2000, "shared": 0, "ratio": 1.0, "process": 10**8,
        "memory_budget": 10**9, "disk_budget": 10**9, "live": {"big": 2800},
        "not_measured": [], "on_disk": 0, "outputs": 0,
        "by_variable": {"small": 10, "big": 2900, "<random>": 90},
        "by_state": {1: 2900, 2: 100, 3: 0},
    }  # fmt: skip
    report = MemoryReport(figures)
    names = [re.split("  +", line)[1] for line in repr(report).splitlines()[2:7]]
    assert names == ["big", "(Python's random generator)", "small", "1", "2"]
    given = report.to_dict()
    given["by_variable"]["small"] = 0
    assert report.to_dict()["by_variable"]["small"] == 10
