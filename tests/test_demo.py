"""The demo runs, tells each cell, leaves a page, and fails when a cell does not do as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.long

DOCS = Path(__file__).parent.parent / "docs"


def run_demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the demo as `make demo` does."""
    command = [sys.executable, DOCS / "run_demo.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Give where the page goes."""
    return tmp_path / "pages" / "demo.html"


def notebook_of(folder: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    """Write a notebook that loads cowtm and has some cells; the last one gets the tags."""
    cells = [
        nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]
        for source in ("%load_ext cowtm", *sources)
    ]
    cells[-1].metadata["tags"] = list(tags)
    path = folder / "notebook.ipynb"
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def test_the_demo_runs_to_its_end(page: Path) -> None:
    """Every check of the notebook holds, in a real kernel; every cell is told with its cost."""
    done = run_demo("--html", page)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    numbers = [line.split()[0] for line in lines if line[:1].isdigit()]
    assert numbers == [str(n + 1) for n in range(len(numbers))]
    told = {line.split()[0]: line for line in lines if line[:1].isdigit()}
    assert told["9"].split()[1:3] == ["del", 'patients["glucose"]']
    assert told["9"].endswith("patients, study")  # which holds the same frame
    assert "TypeError" in told["13"]
    html = page.read_text(encoding="utf-8")
    assert "back after cell 7" in html
    assert str(page) in done.stdout


def test_the_notebook_is_stored_without_results() -> None:
    """What is in the repository is the source; results come from running it."""
    notebook = nbformat.read(DOCS / "demo.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert codes
    assert not any(cell.outputs or cell.execution_count for cell in codes)


def test_a_check_that_does_not_hold_fails_the_demo(tmp_path: Path, page: Path) -> None:
    """A cell that raises ends the run with 1; the page is there to look at."""
    path = notebook_of(tmp_path, "x = 1", "assert x == 2, 'not two'", "print('never')")
    done = run_demo(path, "--html", page)
    assert done.returncode == 1
    assert "FAILED: cell 3 raised AssertionError: not two" in done.stderr
    assert "never" not in done.stdout
    assert "not two" in page.read_text(encoding="utf-8")


def test_a_mistake_that_does_not_happen_fails_the_demo(tmp_path: Path, page: Path) -> None:
    """A cell that is meant to raise has to."""
    path = notebook_of(tmp_path, "x = 1", tags=("raises-exception",))
    done = run_demo(path, "--html", page)
    assert done.returncode == 1
    assert "cell 2 should have failed and did not" in done.stderr


def test_something_not_recorded_fails_the_demo(tmp_path: Path, page: Path) -> None:
    """Whatever is only kept by reference is told and fails the demo."""
    path = notebook_of(tmp_path, "steps = (n for n in range(3))")
    done = run_demo(path, "--html", page)
    assert done.returncode == 1
    assert "cell 2: steps is kept by reference: a generator" in done.stderr
