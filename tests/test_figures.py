"""Figures of matplotlib: the picture that a state gave is the picture that it gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from programs import said_by
from recording import Recording
from session import Session, new_session
from test_kernel import new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("matplotlib")

BEGIN = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
plt.close("all")
plt.rcdefaults()
"""

PICTURE = """
def picture(figure):
    figure.canvas.draw()
    return bytes(figure.canvas.buffer_rgba())
"""

DRAWING = (
    "figure, axes = plt.subplots(figsize=(3, 2), dpi=50)",
    "axes.plot([1, 2, 3], label='a')",
    "axes.plot([3, 1, 2], 'r--', label='b'); axes.legend()",
    "points = axes.scatter([0, 1], [1, 2], c=[0.0, 1.0]); bar = figure.colorbar(points)",
    "points.norm.vmax = 5",
    "axes.set_yscale('log'); axes.grid()",
    "other = axes.twinx(); other.plot([9, 8], 'k')",
    "axes.set_title(r'$x^2$'); figure.suptitle('all')",
    "axes.lines[0].remove()",
    "axes.imshow(np.eye(3), aspect='auto', extent=(0, 2, 1, 3))",
    "figure.set_size_inches(2, 2)",
    "axes.clear()",
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session in which pyplot draws into memory, and close its figures."""
    with new_session(tmp_path) as made:
        made.cell(BEGIN)
        made.cell(PICTURE)
        yield made
        made.cell("import matplotlib.pyplot; matplotlib.pyplot.close('all')")


def picture(session: Session) -> bytes:
    """Draw the figure of a session."""
    names = session.names
    drawn: bytes = names["picture"](names["figure"])
    return drawn


def test_every_state_draws_what_it_drew(session: Session) -> None:
    """In whatever order states are travelled to, the picture is the one of the plain run."""
    wanted = {}
    for source in DRAWING:
        session.cell(source)
        number = session.last.number
        # a copy is drawn: drawing changes the figure itself
        wanted[number] = session.names["picture"](session.tm.vars(number)["figure"])
    assert len({*wanted.values()}) == len(wanted)
    numbers = list(wanted)
    figure = session.names["figure"]
    for number in [*numbers[::-1], *numbers[::3], *numbers[1::2]]:
        session.tm.past(number)
        assert session.names["figure"] is figure
        assert picture(session) == wanted[number], number


def test_what_follows_is_as_if_nothing_had_been_drawn_since(session: Session) -> None:
    """A limit that is changed after travel moves what depends on it, as in a plain run."""
    session.cell("figure, axes = plt.subplots(figsize=(3, 2), dpi=50); axes.plot([1, 2])")
    start = session.last.number
    session.cell("axes.set_xlim(0, 5); axes.set_ylim(0, 9)")
    wanted = picture(session)
    session.cell("axes.clear(); axes.set_xscale('log'); axes.bar([1, 2], [3, 4])")
    picture(session)
    session.tm.past(start)
    picture(session)
    session.cell("axes.set_xlim(0, 5); axes.set_ylim(0, 9)")
    assert picture(session) == wanted


def test_what_pyplot_drew_without_a_name_is_undone(session: Session) -> None:
    """A cell that only says `plt.plot` changes the state, and its lines go again."""
    session.cell("plt.plot([1, 2]);")
    first = session.last.number
    figure = session.names["plt"].gcf()
    session.cell("plt.plot([3, 4]); plt.title('later');")
    session.cell("plt.figure(); plt.plot([5]);")
    session.tm.past(first)
    pyplot = session.names["plt"]
    assert pyplot.gcf() is figure
    assert pyplot.get_fignums() == [1]
    assert len(pyplot.gca().lines) == 1
    assert pyplot.gca().get_title() == ""


def test_a_figure_that_was_closed_is_open_again(session: Session) -> None:
    """The figure has its number again, and it is the current one."""
    session.cell("figure = plt.figure('mine'); plt.plot([1, 2]);")
    opened = session.last.number
    wanted = picture(session)
    session.cell("plt.close('all')")
    assert session.names["plt"].get_fignums() == []
    session.tm.past(opened)
    assert session.names["plt"].get_figlabels() == ["mine"]
    assert session.names["plt"].gcf() is session.names["figure"]
    assert picture(session) == wanted


def test_settings_go_back(session: Session) -> None:
    """`plt.style.use` and `rcParams` are undone, also to before matplotlib was imported."""
    parameters: Any = session.names["plt"].rcParams
    width = parameters["lines.linewidth"]
    session.cell("plt.rcParams['lines.linewidth'] = 9; plt.style.use('dark_background')")
    styled = session.last.number
    session.tm.past(styled - 1)
    assert parameters["lines.linewidth"] == width
    assert parameters["axes.facecolor"] == "white"
    session.tm.past(styled)
    assert parameters["lines.linewidth"] == 9
    session.tm.past(1)
    assert parameters["lines.linewidth"] == width


def test_a_copy_of_a_figure_is_a_figure_of_its_own(session: Session) -> None:
    """Drawing on what `tm.vars` gives leaves pyplot and the figure as they are."""
    session.cell("figure, axes = plt.subplots()")
    session.cell("axes.plot([1, 2])")
    copy = session.tm.vars(session.last.number)
    copy["axes"].plot([3, 4])
    copy["axes"].set_xlim(0, 99)
    assert copy["axes"].figure is copy["figure"]
    assert len(session.names["axes"].lines) == 1
    assert session.names["axes"].get_xlim()[1] < 9
    assert session.names["plt"].gcf() is session.names["figure"]


def test_a_figure_that_nobody_holds_is_let_go(session: Session) -> None:
    """Recording does not keep figures alive."""
    session.cell("import gc, weakref; figure = plt.figure(); watch = weakref.ref(figure)")
    session.cell("plt.close(figure); del figure")
    session.cell("gc.collect();")
    assert session.names["watch"]() is None


RESUMED = """
import sys
from recording import Recording
recording = Recording()
recording.tm.resume(sys.argv[1])
recording.number = 9
recording.cell(sys.argv[2])
recording.tm.past(3)
import matplotlib.pyplot as plt
print(plt.get_fignums(), recording.home["figure"] is plt.gcf(), len(plt.gca().lines))
recording.tm.past(10)
print(plt.get_fignums(), recording.tm.audit(), list(recording.tm.states))
"""


@pytest.mark.parametrize(
    ("source", "left"),
    [("x = 1", []), ("import matplotlib.pyplot as plt; other = plt.figure(7)", [7])],
    ids=["nothing drawn", "another drawn"],
)
def test_a_figure_from_before_another_process_is_that_of_pyplot(
    tmp_path: Path, source: str, left: list[int]
) -> None:
    """Though the session was gone on with in a state that had none."""
    recording = Recording(folder=tmp_path)
    recording.cell("before = 1")
    recording.cell(f"{BEGIN}figure, axes = plt.subplots()")
    recording.cell("axes.plot([1, 2])")
    recording.tm.past(1)
    recording.number += 1
    recording.cell("after = 1")
    recording.tm.save(tmp_path / "saved.cowtm")
    recording.close()
    said = said_by(RESUMED, tmp_path / "saved.cowtm", source)
    states = [0, 1, 2, 3, 5, 10]
    assert said == ["[1] True 1", f"{left} () {states}"]


def test_in_a_notebook(tmp_path: Path) -> None:
    """The inline backend shows and closes figures after each cell; their states stay apart."""
    pytest.importorskip("matplotlib_inline")
    with new_kernel(tmp_path) as kernel:
        kernel.run("%load_ext cowtm")
        kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
        assert "image/png" not in kernel.value(
            "figure, axes = plt.subplots(); axes.plot([1, 2]); 1"
        )
        before = int(kernel.value("len(axes.lines)"))
        kernel.run("axes.plot([3, 4]); axes.set_title('later');")
        assert kernel.value("axes.get_title()") == "'later'"
        kernel.run("%past 4")
        assert int(kernel.value("len(axes.lines)")) == before == 1
        assert kernel.value("axes.get_title()") == "''"
        assert kernel.value("figure.axes == [axes], plt.get_fignums()") == "(True, [])"
        assert kernel.value("plt.isinteractive()") == "True"
