"""Run the demo: a real notebook in a real kernel, told cell by cell, and kept as a page of HTML.

    python docs/run_demo.py [notebook] [--html build/demo.html]

Exits with 1 if a cell failed that should not, one that should fail did not, or a cell could not be
recorded. Each check of the notebook is an `assert` in one of its cells.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from cowtm.display import names_text, shorten, size_text, time_text

HERE = Path(__file__).parent
NOTEBOOK = HERE / "demo.ipynb"
PAGE = HERE.parent / "build" / "demo.html"

TIMEOUT = 120
"""Seconds that one cell may take."""

QUIET = 50
"""Log level of the kernel: it tells of being interrupted when it is shut down, which is no news."""

WIDTHS = (3, 42, 38, 8, 8, 9)
"""Columns of a line: number, source, result, run time, recording time, bytes stored."""

MAY_FAIL = "raises-exception"
"""The tag that nbclient knows: a cell that fails, as it is meant to."""

QUESTION = (
    "[(state.duration, state.cost, state.stored, state.names, dict(state.by_reference))"
    " for state in [tm.states[{number}]]][0]"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the time machine says of one cell."""

    duration: float
    """Seconds that the cell ran."""
    cost: float
    """Seconds that recording it took."""
    stored: int
    """Bytes that had to be stored."""
    names: tuple[str, ...]
    """Variables that changed."""
    by_reference: dict[str, str]
    """Variable -> what in it could not be recorded."""


def main(arguments: list[str] | None = None) -> int:
    """Run a notebook, print what happened, write the page; return the exit status."""
    parser = argparse.ArgumentParser(description="Run the demo notebook of cowtm.")
    parser.add_argument("notebook", nargs="?", type=Path, default=NOTEBOOK)
    parser.add_argument("--html", type=Path, default=PAGE, help="where the executed notebook goes")
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="cowtm-demo-") as folder:
        _keep_to_itself(Path(folder))
        problems = run(notebook)
    page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    options.html.parent.mkdir(parents=True, exist_ok=True)
    options.html.write_text(page, encoding="utf-8")
    print(f"\nThe notebook with all its results: {options.html}")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    if not problems:
        print("Every check held.")
    return 1 if problems else 0


def run(notebook: Any) -> list[str]:
    """Run all cells of a notebook, telling each; return what was not as it should be."""
    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", extra_arguments=[f"--log-level={QUIET}"]
    )
    manager = client.create_kernel_manager()
    if os.name == "posix":
        manager.transport = "ipc"  # nobody else on the machine can listen
    problems: list[str] = []
    print(_line(("", "cell", "result", "ran", "recorded", "stored"), "changed"))
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown" and cell.source.startswith("#"):
                print(f"\n{cell.source.splitlines()[0].lstrip('# ')}")
            if cell.cell_type != "code":
                continue
            try:
                client.execute_cell(cell, index)
            except CellExecutionError:
                _tell(cell, None)
                problems.append(f"cell {cell.execution_count} raised {_error(cell)}")
                break
            recorded = _ask(client, cell.execution_count)
            _tell(cell, recorded)
            problems += _judge(cell, recorded)
    return problems


def _keep_to_itself(folder: Path) -> None:
    """Have the kernel be this Python, without the user's settings, start-up files and history."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = str(folder / name.lower())


def _ask(client: NotebookClient, number: int) -> Recorded | None:
    """Ask the time machine in the kernel about a cell; None if it is not there."""
    kernel: Any = client.kc
    question = {"state": QUESTION.format(number=number)}
    asked = kernel.execute("", silent=True, user_expressions=question)
    while True:
        reply = run_sync(kernel.get_shell_msg)(timeout=TIMEOUT)
        if reply["parent_header"].get("msg_id") == asked:
            break
    answer = reply["content"]["user_expressions"]["state"]
    if answer["status"] != "ok":
        return None
    return Recorded(*ast.literal_eval(answer["data"]["text/plain"]))


def _tell(cell: Any, recorded: Recorded | None) -> None:
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    fields = [str(cell.execution_count), first, _result(cell)]
    if recorded is None:
        print(_line(fields, "(not recorded)"))
        return
    fields += [time_text(recorded.duration), time_text(recorded.cost), size_text(recorded.stored)]
    print(_line(fields, names_text(recorded.names, 4)))


def _line(fields: list[str] | tuple[str, ...], last: str) -> str:
    cut = [shorten(text, width).ljust(width) for text, width in zip(fields, WIDTHS, strict=False)]
    return "  ".join([*cut, last]).rstrip()


def _result(cell: Any) -> str:
    """Say in a few words what a cell gave: its result, its error, or what it printed."""
    said = ""
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
        if output.output_type == "execute_result":
            return _first(output.data.get("text/plain", ""))
        if output.output_type == "stream" and not said:
            said = _first(output.text)
    return said


def _first(text: str) -> str:
    """Give the first line of a text, and how many follow."""
    lines = text.strip("\n").splitlines()
    more = len(lines) - 1
    return (lines[0].strip() + (f" (+{more} lines)" if more else "")) if lines else ""


def _judge(cell: Any, recorded: Recorded | None) -> list[str]:
    """Return what is wrong with a cell that ran to its end."""
    where = f"cell {cell.execution_count}"
    problems = []
    failed = any(output.output_type == "error" for output in cell.outputs)
    if MAY_FAIL in cell.metadata.get("tags", ()) and not failed:
        problems.append(f"{where} should have failed and did not")
    if recorded is not None:
        problems += [
            f"{where}: {name} is kept by reference: {what}"
            for name, what in recorded.by_reference.items()
        ]
    return problems + [
        f"{where}: {output.text.strip()}"
        for output in cell.outputs
        if output.output_type == "stream" and "could not be recorded" in output.text
    ]


def _error(cell: Any) -> str:
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return f"{errors[-1].ename}: {errors[-1].evalue}" if errors else "an error"


if __name__ == "__main__":
    sys.exit(main())
