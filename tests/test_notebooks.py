"""What people do in notebooks comes back exactly, and recording changes nothing of it."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from replay import (
    ENVIRONMENT,
    FOLDER,
    NOTES,
    Cell,
    InKernel,
    Replay,
    Shell,
    cells_of,
    read,
    replay,
    run,
    run_all,
)
from session import new_session
from test_kernel import new_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from seen import Seen


@dataclass(frozen=True, slots=True)
class Notebook:
    """What is to be known of a notebook."""

    needs: tuple[str, ...] = ()
    """Libraries that must be there."""
    by_reference: tuple[str, ...] = ()
    """What of it is not recorded, in the words that the user gets."""
    excused: tuple[str, ...] = ()
    """What of a form need not be as in the plain run: a limit in the guarantees says so."""


NOTEBOOKS = {
    "agents": Notebook(),
    "algebra": Notebook(("sympy",)),
    "arrays": Notebook(
        by_reference=(
            "a memmap (an array mapped from a file)",
            "a nditer (cannot pickle 'numpy.nditer' object)",
        ),
    ),
    "bank": Notebook(),
    "boosted": Notebook(("xgboost", "lightgbm"), ("a DMatrix", "a Dataset of LightGBM")),
    "cleaning": Notebook(("pandas",)),
    "dashboard": Notebook(("ipywidgets", "tqdm", "pandas")),
    "crawler": Notebook(by_reference=("a lock", "a task", "an asynchronous generator")),
    "diffusion": Notebook(),
    "dungeon": Notebook(by_reference=("a generator", "an iterator over a dict")),
    "field": Notebook(("xarray", "scipy"), ("a SuperLU (cannot pickle 'SuperLU' object)",)),
    # A series lies in the memory of an array of numpy's, until it is made anew.
    "flights": Notebook(("polars", "pyarrow", "pandas"), excused=("<memory>",)),
    "graphs": Notebook(("networkx", "scipy"), ("a generator",)),
    "life": Notebook(),
    "magics": Notebook(),
    "montecarlo": Notebook(by_reference=("a generator",)),
    "namespaces": Notebook(),
    "network": Notebook(),
    "picture": Notebook(("PIL",), ("a PixelAccess (cannot pickle 'PixelAccess' object)",)),
    "pipeline": Notebook(("sklearn", "pandas")),
    "plots": Notebook(("matplotlib",)),
    "records": Notebook(
        ("pandas",),
        (
            "a database connection",
            "a database cursor",
            "a writer (cannot pickle '_csv.writer' object)",
        ),
    ),
    "sales": Notebook(("pandas",)),
    "scripts": Notebook(by_reference=("a generator", "an open file")),
    "shapes": Notebook(),
    "training": Notebook(("torch",), ("an autograd graph",)),
    "weather": Notebook(("pandas", "statsmodels")),
    "words": Notebook(by_reference=("an iterator over a dict",)),
}


TEXT = """# %%
x = [1]
y = x

# %% raises
x.append(2); 1 / 0

# %%
# %time y = list(x)
print(y)

# %% again 3
"""


def test_cells_are_read_as_they_are_marked() -> None:
    """What raises, what runs again, and magics, which are commented out in a file."""
    first, second, third, fourth = cells_of(TEXT)
    assert first == Cell("x = [1]\ny = x", raises=False)
    assert second == Cell("x.append(2); 1 / 0", raises=True)
    assert third == fourth == Cell("%time y = list(x)\nprint(y)", raises=False)
    with pytest.raises(ValueError, match="is 'rises'"):
        cells_of("# %% rises\n1 / 0")


FORGED: dict[str, Callable[[list[Seen]], list[Seen]]] = {
    "nothing": lambda seen: seen,
    "a value": lambda seen: [*seen[:2], replace(seen[2], form=seen[1].form), *seen[3:]],
    "sharing": lambda seen: [*seen[:3], replace(seen[3], form=seen[2].form), *seen[4:]],
    "the first state": lambda seen: [replace(seen[0], form=seen[1].form), *seen[1:]],
    "an error": lambda seen: [seen[0], replace(seen[1], error=True), *seen[2:]],
    "what is shown": lambda seen: [*seen[:3], replace(seen[3], shown="[1]"), *seen[4:]],
}


@pytest.mark.parametrize("what", FORGED)
def test_a_replay_sees_what_is_not_as_in_the_plain_run(what: str, tmp_path: Path) -> None:
    """It would not call a notebook exact that is not."""
    cells = cells_of(TEXT)
    with new_session(tmp_path / "plain", loaded=False) as session:
        plain = run_all(Shell(session), cells)
    with new_session(tmp_path / "recorded", loaded=False) as session:
        report = replay(Shell(session), cells, FORGED[what](plain), seed=1)
    assert bool(report.wrong) == (what != "nothing"), report.wrong


def _provide(name: str) -> None:
    """Skip what needs a library that is not here, unless all have to be."""
    for library in NOTEBOOKS[name].needs:
        if not os.environ.get("COWTM_REQUIRE_LIBRARIES"):
            pytest.importorskip(library)


def test_every_notebook_is_replayed() -> None:
    """No file is left out."""
    assert sorted(NOTEBOOKS) == sorted(path.stem for path in FOLDER.glob("*.py"))


LONG = {"pipeline", "plots", "training", "weather"}
"""Notebooks whose replay takes ten seconds or more."""


def _cases(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in names]


@pytest.mark.parametrize("name", _cases(NOTEBOOKS))
def test_every_state_is_that_of_a_plain_run(name: str, tmp_path: Path) -> None:
    """After each cell, after travelling in any order, in copies, and going on from the middle."""
    _provide(name)
    plain, report = run(name, tmp_path, len(name), NOTEBOOKS[name].excused)
    _ends_as_marked(name, plain)
    assert not report.wrong, "\n".join(report.wrong)
    assert tuple(sorted({*report.by_reference.values()})) == NOTEBOOKS[name].by_reference
    assert not report.late


def _ends_as_marked(name: str, plain: list[Seen]) -> None:
    for cell, there in zip(read(name), plain[1:], strict=True):
        assert there.error == cell.raises, f"{name}: {cell.source}\n{there.shown}"


@pytest.mark.parametrize("name", _cases(["crawler", "sales"]))
def test_every_state_in_a_kernel_is_that_of_a_plain_kernel(name: str, tmp_path: Path) -> None:
    """The same through a front end, where cells that await share one loop and figures are shown."""
    _provide(name)
    cells = read(name)
    with _shell(tmp_path / "plain") as shell:
        plain = run_all(shell, cells)
    _ends_as_marked(name, plain)
    with _shell(tmp_path / "recorded") as shell:
        shell.load()
        ran = Replay(shell, cells, plain)
        numbers = [found.number for found in ran.run_cells()]
        random.Random(len(name)).shuffle(numbers)
        for number in numbers:
            ran.travel(number)
        middle = len(cells) // 2
        ran.travel(middle)
        again = [found.number for found in ran.run_cells(middle)]
        for number in [again[len(again) // 2], numbers[0], again[-1]]:
            ran.travel(number)
    assert not ran.wrong, "\n".join(ran.wrong)


@contextmanager
def _shell(folder: Path) -> Iterator[InKernel]:
    """Start a kernel that knows how to write down its states."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, NOTES: str(folder / "notes")}.items():
            patch.setenv(name, value)
        with new_kernel(folder) as kernel:
            yield InKernel(kernel, folder / "notes")
