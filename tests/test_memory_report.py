"""What the memory report says adds up, and is near the truth."""

from __future__ import annotations

import gc
import tracemalloc
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from recording import Recording

from cowtm import figures
from cowtm.keeper import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("few_ambient")

MIB = 1 << 20

NEAR = 1.35
"""What is said of contents and what was allocated for them differ by no more than this factor."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a Jupyter data directory of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """Give a session."""
    made = Recording(folder=tmp_path / "spill")
    yield made
    made.close()


def report_of(recording: Recording) -> dict[str, Any]:
    """Give the figures once the archive has done what it has to do."""
    recording.tm.flush()
    return recording.tm.memory_report().to_dict()


def adds_up(report: dict[str, Any]) -> bool:
    """Tell whether the sums are the sums."""
    parts = report["raw"], report["packed"], report["contents"]
    return bool(
        report["total"] == report["memory"] + report["disk"]
        and report["memory"] == sum(parts)
        and min(parts) >= 0
    )


def test_the_figures_add_up_wherever_things_are(recording: Recording, tmp_path: Path) -> None:
    """In memory, packed, on disk, half and half, and after states are gone."""
    recording.cell("import numpy as np; a = np.arange(500_000.); rows = []")
    for number in range(8):
        recording.cell(f"a[{number}] = -1; rows.append([a.copy()]); text = 'x' * 5000")
        assert adds_up(report_of(recording))
    for budget in (6 * MIB, MIB, 1, 1 << 30):
        recording.tm.limits = Limits(memory=budget, folder=tmp_path / "spill")
        report = report_of(recording)
        assert adds_up(report)
        assert report["memory_budget"] == budget
    assert report["disk"] > 0
    recording.tm.clear_past()
    assert adds_up(report_of(recording))


def test_chunks_are_counted_exactly(recording: Recording) -> None:
    """What two versions share is there once; what shrinks shrinks."""
    recording.cell("import os; a = bytearray(os.urandom(4 << 20)); b = bytes(3)")
    recording.cell("a[0] ^= 1")
    recording.cell("b = bytearray(a)")
    report = report_of(recording)
    assert report["chunks"] == 5 * MIB
    assert report["raw"] == 5 * MIB
    assert report["shared"] == 4 * MIB
    assert report["by_variable"]["a"] - 5 * MIB < 10_000
    assert report["by_variable"]["b"] < 10_000
    assert report["by_state"][1] - 4 * MIB < 10_000
    assert 0 < report["by_state"][2] - MIB < 10_000
    recording.cell("z = bytearray(64 << 20)")
    recording.tm.limits = Limits(memory=MIB // 2, folder=recording.keeper.folder)
    report = report_of(recording)
    assert report["ratio"] == pytest.approx(6 / 5, rel=0.01)  # all pieces of zeros are one


@pytest.mark.parametrize(
    "source",
    [
        "data = [{'i': i, 'v': i * N + 0.5} for i in range(20_000)]",
        "data = [f'number {i} of {N}' for i in range(40_000)]",
        "data = {i + N * 1000: (i, float(i)) for i in range(20_000)}",
        "class P:\n    def __init__(s, i): s.i = i; s.t = [i]\ndata = [*map(P, range(9000))]",
    ],
    ids=["dicts", "strings", "tuples", "instances"],
)
def test_contents_are_weighed_near_the_truth(recording: Recording, source: str) -> None:
    """Against what Python's allocator gave for old states, the present apart."""
    recording.cell("data = None")
    recording.tm.flush()
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(6):
            recording.cell(source.replace("N", str(number + 1)))
        recording.cell("data = P = None")
        said = report_of(recording)["contents"]
        gc.collect()
        allocated, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated / NEAR < said < allocated * NEAR


@pytest.mark.long
def test_what_takes_too_long_is_marked_as_not_measured(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs the others nothing: each has its share of the time."""
    monkeypatch.setattr(figures, "MEASURING", 0.2)
    recording.cell(
        "huge = [[i] for i in range(2_000_000)]; small = [1, 2]; "
        "class_ = type('C', (), {}); text = 'a' * 100"
    )
    recording.tm.dontsave("huge")
    report = recording.tm.memory_report()
    known = report.to_dict()
    assert known["not_measured"] == ["huge"]
    assert "huge" not in known["live"]
    assert known["live"]["text"] > 100
    assert known["live"]["small"] > 16
    assert "not measured in time: huge" in repr(report)
    huge = next(line for line in repr(report).splitlines() if " huge " in line)
    assert huge.endswith("?")


def test_objects_that_refuse_to_be_measured_do_no_harm(recording: Recording) -> None:
    """They are not measured."""
    recording.cell(
        "class Refusing(list):\n"
        "    def __sizeof__(self): raise RuntimeError('no')\n"
        "    def __len__(self): raise ValueError('no')\n"
        "    def __iter__(self): raise KeyError('no')\n"
        "bad = Refusing(); good = [1]"
    )
    report = report_of(recording)
    assert report["live"]["good"] > 0
    assert adds_up(report)


def test_the_text_says_where_it_is_and_how_near_the_budget(recording: Recording) -> None:
    """In words, with units."""
    recording.cell("import os; a = bytearray(os.urandom(4 << 20))")
    recording.tm.limits = Limits(memory=40 * MIB, folder=recording.keeper.folder)
    recording.tm.flush()
    text = repr(recording.tm.memory_report())
    assert text.startswith("held: 4.0 MiB (4.0 MiB in memory, 0 B on disk)")
    assert "in memory: 4.0 MiB raw, 0 B packed," in text
    assert "the budget is 40.0 MiB, 10 % of it is used" in text
    assert "the process takes" in text
    assert "nan" not in text.lower()


class Texts(HTMLParser):
    """Collects what a page shows, and checks that its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that was opened."""
        self.open.append(tag)
        assert all(value is None or "nan" not in value.lower() for _, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        """See that it is the one that is closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is shown."""
        self.shown.append(data)


@pytest.mark.parametrize("filled", [False, True])
def test_the_html_has_bars_and_escapes_names(tmp_path: Path, *, filled: bool) -> None:
    """Well-formed, also where there is nothing to show."""
    recording = Recording(folder=tmp_path / "spill")
    if filled:
        recording.home["a<b>bold</b>"] = bytearray(5000)
        recording.cell("x = [1]")
    page = Texts()
    page.feed(recording.tm.memory_report()._repr_html_())
    assert page.open == []
    shown = " ".join(page.shown)
    assert all(label in shown for label in ("raw", "packed", "contents", "on disk"))
    assert ("a<b>bold</b>" in shown) == filled
    recording.close()
