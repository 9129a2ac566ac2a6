"""Notebooks that a program runs: ``%%future`` cells show what they put out, and fail the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import pytest
from page import Page
from session import COLOURS, new_session
from test_kernel import new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from session import Session

pytestmark = pytest.mark.long

# They have no types.
NB: Any = nbformat
CLIENT: Any = nbclient


def notebook_of(*sources: str) -> Any:
    """Give a notebook that loads cowtm and has some cells."""
    cells = [NB.v4.new_code_cell(source) for source in ("%load_ext cowtm", *sources)]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return NB.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def client_of(notebook: Any, folder: Path) -> Any:
    """Give what runs a notebook, in a folder, by a kernel that needs no ports."""
    client = CLIENT.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": folder}})
    manager = client.create_kernel_manager()
    manager.transport, manager.ip = "ipc", str(folder / "kernel")
    return client


def text_of(cell: Any) -> str:
    """Return what a cell of a notebook shows as text, but for the display of its job."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append("\n".join(output.traceback))
        elif "text/html" not in output.data:
            parts.append(output.data["text/plain"])
    return COLOURS.sub("", "".join(parts))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def test_nbclient_sees_what_a_job_puts_out(tmp_path: Path) -> None:
    """Its cell waits, so that nothing comes late; its state is there for the cells after it."""
    notebook = notebook_of(
        "data = [3, 1]",
        "%%future\nimport time\nprint('begun', flush=True)\ntime.sleep(0.3)\n"
        "data.sort()\ndisplay({'image/png': 'AAAA', 'text/plain': 'Figure'}, raw=True)\ndata",
        "data, tm.vars(3, 'data'), _3, tm.jobs[-1].status",
        "job = tm.submit('6 * 7')\njob.result()",
    )
    client_of(notebook, tmp_path).execute()
    _, _, job, after, call = notebook.cells
    assert text_of(job) == "begun\nFigure[1, 3]"
    assert [out.data["image/png"] for out in job.outputs if "image/png" in out.get("data", {})] == [
        "AAAA"
    ]
    assert text_of(after).endswith("([3, 1], [1, 3], [1, 3], 'done')")
    assert text_of(call).endswith("42")


def test_a_job_that_fails_stops_the_run(tmp_path: Path) -> None:
    """With the exception and the traceback of the job, once."""
    notebook = notebook_of("%%future\nprint('before')\ndef fails():\n    {}['key']\nfails()", "1")
    client = client_of(notebook, tmp_path)
    with pytest.raises(CLIENT.exceptions.CellExecutionError) as raised:
        client.execute()
    assert (raised.value.ename, raised.value.evalue) == ("KeyError", "'key'")
    _, job, never = notebook.cells
    assert text_of(job).startswith("before\n")
    assert text_of(job).count("KeyError: 'key'") == 1
    assert "in fails()" in text_of(job)
    assert "cowtm" not in text_of(job), "no frames of ours"
    assert never.execution_count is None


@pytest.mark.long
@pytest.mark.parametrize("program", ["nbconvert", "papermill"])
def test_programs_that_run_notebooks(program: str, tmp_path: Path) -> None:
    """They are told by what they ask of the kernel, not by their names."""
    pytest.importorskip(program)
    source, result = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    NB.write(notebook_of("%%future\nprint('from the job')", "tm.jobs[-1].status"), source)
    arguments = {
        "nbconvert": ["nbconvert", "--to", "notebook", "--execute", "--output", result, source],
        "papermill": ["papermill", "--no-progress-bar", source, result],
    }
    command = [sys.executable, "-m", *map(str, arguments[program])]
    taken = "Address already in use"  # another process was quicker to use the port of the kernel
    for _ in range(3):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
        )
        if taken not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in NB.read(result, as_version=4).cells if cell.cell_type == "code"]
    assert text_of(cells[1]) == "from the job\n"
    assert text_of(cells[2]).endswith("'done'")


# -- by choice -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Start a kernel for all tests here."""
    with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        page = Page(kernel)
        page.run("%load_ext cowtm")
        page.run("tm.notify_jupyter(False)")
        yield page


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    """Give a page of that kernel; the setting is taken back."""
    opened.run("%reset -f")
    yield opened
    opened.run("%config TimeMachine.background = 'auto'")


def test_a_notebook_in_a_browser_does_not_wait(page: Page) -> None:
    """The request names a cell: somebody sees what comes later."""
    page.run("%%future\nimport time\ntime.sleep(60)")
    assert page.value("tm.jobs[-1].cancel()") == "True"


def test_a_run_of_cells_may_be_in_the_background_anyway(page: Page, tmp_path: Path) -> None:
    """Where the user says so; requests that name no cell are those of programs."""
    gate = tmp_path / "gate"
    source = (
        "%%future\nimport pathlib, time\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\nprint('went on')"
    )
    for setting, asked, waits in (
        ("always", False, False),
        ("auto", False, True),
        ("auto", True, False),  # somebody can answer, so somebody is there
    ):
        page.run(f"%config TimeMachine.background = {setting!r}")
        if waits:
            gate.touch()
        cell = page.start(source, {}, allow_stdin=asked)
        page.wait(lambda cell=cell: cell.is_over)  # type: ignore[misc]
        assert ("went on" in cell.text) is waits
        gate.touch()
        page.run("_ = tm.jobs[-1].result()")
        gate.unlink()


def test_a_cell_that_waits_is_live(page: Page) -> None:
    """Its output comes while it waits."""
    page.run("%config TimeMachine.background = 'wait'")
    cell = page.start("%%future\nimport time\nprint('begun', flush=True)\ntime.sleep(0.5)\n1 / 0")
    page.wait_for(cell, "begun")
    assert not cell.is_over
    page.wait(lambda: cell.is_over)
    assert len(cell.texts("error")) == 1
    assert "ZeroDivisionError" in cell.texts("error")[0]
    assert page.value("type(tm.jobs[-1].exception()).__name__") == "'ZeroDivisionError'"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 +", "SyntaxError"),
        ("class Own(Exception): pass\nraise Own('mine')", "Own: mine"),
        ("import os; os._exit(3)", "WorkerDied: "),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import sys; sys.exit(4)", "SystemExit: 4"),
    ],
)
def test_whatever_ends_a_job_fails_the_cell_that_waits(page: Page, source: str, shown: str) -> None:
    """As the same cell would fail in the foreground."""
    page.run("%config TimeMachine.background = 'wait'")
    cell = page.run(f"%%future\n{source}")
    assert shown in COLOURS.sub("", cell.text)
    assert "cowtm/" not in cell.text, "no frames of ours"
    assert page.value("tm.jobs[-1].status") in ("'failed'", "'died'")


def test_a_cell_that_waits_for_several_jobs_shows_every_error(page: Page) -> None:
    """It waits for all of them, and fails as the first that failed."""
    page.run("%config TimeMachine.background = 'wait'")
    cell = page.run("%%future --each n=[0,1,2,0]\nprint('n =', n)\n{1: 'one'}[n]")
    errors = [COLOURS.sub("", text).splitlines()[-1] for text in cell.texts("error")]
    assert sorted(errors) == ["KeyError: 0", "KeyError: 0", "KeyError: 2"]
    assert errors[-1] == "KeyError: 0"
    assert sorted("".join(cell.texts("stream")).split("\n")) == [
        "",
        "n = 0",
        "n = 0",
        "n = 1",
        "n = 2",
    ]
    assert page.value("[job.status for job in tm.jobs[-4:]]") == (
        "['failed', 'done', 'failed', 'failed']"
    )


def test_an_interrupt_of_a_cell_that_waits_ends_its_job(page: Page) -> None:
    """The job is cancelled, and the cell says that it was interrupted."""
    page.run("%config TimeMachine.background = 'wait'")
    cell = page.start("%%future\nprint('begun', flush=True)\nwhile True: pass")
    page.wait_for(cell, "begun")
    page.kernel.manager.interrupt_kernel()
    page.wait(lambda: cell.is_over)
    assert "KeyboardInterrupt" in cell.texts("error")[0]
    assert page.value("tm.jobs[-1].status") == "'cancelled'"


def test_in_the_foreground_it_is_a_cell_like_any_other(page: Page) -> None:
    """Its variables, its result, its errors and its awaits are the session's."""
    page.run("%config TimeMachine.background = 'foreground'")
    cell = page.run(
        "%%future --name slow --seed=new\nimport asyncio\nx = await asyncio.sleep(0, 5)\nx"
    )
    assert cell.texts("execute_result") == ["5"]
    assert page.value("x, len(tm.jobs), tm.states[len(In) - 2].names") == (
        "(5, 0, ('asyncio', 'x'))"
    ).replace("0", page.value("len(tm.jobs)"))
    assert "ZeroDivisionError" in page.run("%%future\n1 / 0").texts("error")[0]
    assert "%%time" not in page.run("%%future\n%%time\ny = 1").text
    assert page.value("y") == "1"
    refused = page.run("%%future --after 1\nx = 6")
    assert "can't run in the foreground" in refused.text
    assert page.value("x") == "5"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session without a notebook."""
    with new_session(tmp_path) as session:
        yield session


def test_an_interrupt_while_a_job_starts_ends_it_too(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes, no job is left behind that nobody waits for."""
    session.cell("%config TimeMachine.background = 'wait'")
    start = session.tm.start_cell

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        job = start(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGINT)
        return job

    monkeypatch.setattr(session.tm, "start_cell", interrupted)
    assert isinstance(session.fail("%%future\nwhile True: pass").error, KeyboardInterrupt)
    assert session.tm.jobs[-1].status == "cancelled"


def test_a_terminal_waits_where_it_is_set(session: Session) -> None:
    """What the job prints comes as it prints it."""
    session.cell("%config TimeMachine.background = 'wait'")
    shown = session.cell("%%future\nprint('from the job')\n6 * 7").output
    assert shown.startswith("from the job\nOut[3]: 42\n")
    assert session.fail("%%future\n1 / 0").output.count("ZeroDivisionError: division by zero") == 1
    assert session.cell("%replay 3").output == "from the job\nOut[3]: 42\n"
