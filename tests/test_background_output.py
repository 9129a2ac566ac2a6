"""What cells put out is shown where it belongs, recorded, and shown again."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest
from page import PATIENCE, Page
from session import COLOURS
from test_kernel import new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Start a kernel for all tests here."""
    with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        page = Page(kernel)
        page.run("%load_ext cowtm")
        page.run("tm.notify_jupyter(False)")
        yield page


@pytest.fixture
def page(opened: Page, tmp_path: Path) -> Page:
    """Give a page of that kernel without variables but a folder of the test's."""
    opened.run("%reset -f")
    opened.run(f"from pathlib import Path\nfolder = Path({str(tmp_path)!r})\n{_WAITING}")
    return opened


_WAITING = """
import time
def wait_for(name):
    while not (folder / name).exists():
        time.sleep(0.01)
"""


def over(page: Page) -> None:
    """Wait until the newest job is over."""
    assert page.run("_ = tm.jobs[-1].exception()").text == ""


# -- in its own cell -------------------------------------------------------------------------------


def test_output_is_live_in_the_cell_of_the_job(page: Page, tmp_path: Path) -> None:
    """While it runs, after its cell has ended, and while other cells run and print."""
    job = page.run("%%future\nprint('begun', flush=True)\nwait_for('go')\nprint('ended')\n'result'")
    page.wait_for(job, "begun")
    other = page.start("print('other', flush=True)\nwait_for('stop')\nprint('last')")
    page.wait_for(other, "other")
    (tmp_path / "go").touch()
    page.wait_for(job, "'result'")
    assert not other.is_over
    (tmp_path / "stop").touch()
    page.wait(lambda: other.is_over)
    assert other.texts("stream") == ["other\n", "last\n"]
    assert "".join(job.texts("stream")) == "begun\nended\n"
    assert job.texts("execute_result") == ["'result'"]


def test_jobs_have_their_output_apart(page: Page, tmp_path: Path) -> None:
    """Two that run at once, and print at once."""
    sources = [
        f"%%future\nprint('here {n}', flush=True)\nwait_for('both')\n"
        f"for k in range(99): print({n}, flush=True)\nprint('end {n}')"
        for n in (1, 2)
    ]
    page.run("%config TimeMachine.max_workers = 2")
    cells = [page.run(source) for source in sources]
    for number, cell in enumerate(cells, start=1):
        page.wait_for(cell, f"here {number}")
    (tmp_path / "both").touch()
    for number, cell in enumerate(cells, start=1):
        page.wait_for(cell, f"end {number}")
        text = "".join(cell.texts("stream"))
        assert text == f"here {number}\n" + f"{number}\n" * 99 + f"end {number}\n"


def test_everything_that_a_cell_puts_out_arrives(page: Page) -> None:
    """Whatever way, and an error with the lines of the cell."""
    cell = page.run(
        """%%future
import logging, os, subprocess, sys, warnings
from IPython.display import HTML, display
print("to stderr", file=sys.stderr)
logging.getLogger().warning("logged")
warnings.warn("warned")
display(HTML("<b>shown</b>"), {"text/plain": "raw"})
os.write(1, b"from C\\n")
subprocess.run(["echo", "from a process"])
!echo from a shell
def fails(value):
    return 1 / value  # here
fails(0)
"""
    )
    page.wait(lambda: bool(cell.texts("error")))
    over(page)
    text = COLOURS.sub("", "".join(cell.texts("stream", "error")))
    for wanted in ("to stderr", "logged", "UserWarning: warned", "from C", "from a process"):
        assert wanted in text
    assert "from a shell" in text
    assert re.search(r"11\s+return 1 / value  # here", text), text
    assert text.count("ZeroDivisionError: division by zero") == 1
    shown = [said.content["data"] for said in cell.said if said.kind == "display_data"]
    assert "<b>shown</b>" in [data.get("text/html") for data in shown]


def test_order_is_kept(page: Page) -> None:
    """Of streams and displays that alternate."""
    cell = page.run(
        """%%future
import sys
for n in range(60):
    print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True)
    display({"text/plain": str(-n)}, raw=True)
"""
    )
    page.wait(lambda: "-59" in cell.texts("display_data"))
    over(page)
    wanted = "".join(f"{n}\n{-n}" for n in range(60))
    texts = [said.text for said in cell.said if "text/html" not in said.content.get("data", {})]
    assert "".join(texts) == wanted
    replayed = page.run("tm.replay(tm.jobs[-1].number)")
    assert replayed.text == wanted


def test_displays_are_updated_and_cleared(page: Page) -> None:
    """The page gets what a foreground cell would send; the record is what is left on the page."""
    cell = page.run(
        """%%future
from IPython.display import clear_output
handle = display("nothing", display_id="a display")
clear_output(wait=True)
handle = display("begun", display_id="a display")
handle.update("done")
"""
    )
    page.wait(lambda: "'done'" in cell.texts("update_display_data"))
    over(page)
    said = [said for said in cell.said if "text/html" not in said.content.get("data", {})]
    assert [one.kind for one in said] == [
        *("display_data", "clear_output", "display_data", "update_display_data"),
    ]
    names = {one.content["transient"]["display_id"] for one in said if "transient" in one.content}
    assert names == {"a display"}
    assert page.run("tm.replay(tm.jobs[-1].number)").texts("display_data") == ["'done'"]


@pytest.mark.parametrize("waits", [False, True])
def test_the_display_of_a_job_stays_where_its_output_is_cleared(page: Page, *, waits: bool) -> None:
    """It is shown anew: at once, or with the next output, which is not held up by it."""
    cell = page.run(
        "%%future\nfrom IPython.display import clear_output\n"
        f"for n in range(3): print(n, flush=True); clear_output(wait={waits})\nprint('end')"
    )
    page.wait_for(cell, "end")
    over(page)
    shown: list[str] = []
    clears_next = False
    for said in cell.said:  # as a notebook does
        if said.kind == "clear_output":
            clears_next = said.content["wait"]
            shown = shown if clears_next else []
        elif said.kind in ("stream", "display_data"):
            shown = [] if clears_next else shown
            clears_next = False
            shown.append("job" if "text/html" in said.content.get("data", {}) else said.text)
    assert shown == ["job", "end\n"]


def test_a_job_updates_a_display_of_the_session(page: Page) -> None:
    """The handle is handed over as any object; the cell's record is updated too."""
    cell = page.run("handle = display('waiting', display_id=True); number = len(In) - 1")
    job = page.run("%%future\nhandle.update('updated')")
    page.wait(lambda: "'updated'" in job.texts("update_display_data"))
    over(page)
    name = cell.said[0].content["transient"]["display_id"]
    [update] = [said for said in job.said if said.text == "'updated'"]
    assert update.content["transient"]["display_id"] == name
    replayed = page.run("tm.replay(number)")
    assert replayed.texts("display_data") == ["'updated'"]
    assert not replayed.said[0].content["transient"]


def test_widgets_of_a_job_are_shown(page: Page) -> None:
    """Messages that make and change them pass; the job's progress is that of its bar."""
    pytest.importorskip("ipywidgets")
    pytest.importorskip("tqdm")
    cell = page.run("%%future\nfrom tqdm.notebook import tqdm\nfor n in tqdm(range(4)): pass")
    over(page)
    page.wait(lambda: any("comm" in said.kind for said in cell.said))
    made = [said.content for said in cell.said if said.kind == "comm_open"]
    models = {content["data"]["state"]["_model_name"] for content in made}
    assert "FloatProgressModel" in models
    views = [said.content["data"] for said in cell.said if said.kind == "display_data"]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in views)
    assert page.value("tm.jobs[-1].progress") == "1.0"


def test_a_widget_of_a_job_takes_output(page: Page) -> None:
    """It is told the cell in which the job is shown; what is cleared in it is not the cell."""
    pytest.importorskip("ipywidgets")
    cell = page.run(
        "%%future\nfrom ipywidgets import Output\nfrom IPython.display import clear_output\n"
        "print('before')\nout = Output(); display(out)\n"
        "for n in range(2):\n"
        "    with out:\n        clear_output(wait=True)\n        print('inside', n)\n"
        "print('after')"
    )
    page.wait_for(cell, "after")
    over(page)
    states = [said.content["data"].get("state", {}) for said in cell.said if "comm" in said.kind]
    taken = [state["msg_id"] for state in states if state.get("msg_id")]
    assert taken == [cell.request] * 2
    first = next(at for at, said in enumerate(cell.said) if said.kind == "clear_output")
    kinds = [said.kind for said in cell.said[first : first + 2]]
    assert kinds == ["clear_output", "stream"], "nothing of ours in the widget"
    again = page.run("tm.replay(tm.jobs[-1].number)")
    assert again.text == "before\ninside 1\nafter\n"


def test_a_progress_bar_tells_how_far_a_job_is(page: Page) -> None:
    """In its record it is one line."""
    page.run(
        "%%future\nimport sys\nfor n in range(10): "
        "print(f'\\r{10 * n:3}%|###   |', end='', file=sys.stderr, flush=True)"
    )
    over(page)
    assert page.value("tm.jobs[-1].progress") == "0.9"
    assert page.value(
        "[out['text'] for out in tm.jobs[-1].outputs]"
    ) == r"['\r 90%|###   |']".replace(r"\r", "")


# -- recorded --------------------------------------------------------------------------------------


def test_output_of_a_cell_is_shown_again(page: Page) -> None:
    """With its result, its displays and its error; the record is in the state."""
    page.run(
        "number = len(In) - 1\nprint('words')\ndisplay({'image/png': 'AAAA'}, raw=True)\n6 * 7"
    )
    again = page.run("%replay {number}")
    assert [said.kind for said in again.said] == ["stream", "display_data", "execute_result"]
    assert again.said[1].content["data"] == {"image/png": "AAAA"}
    assert page.value("len(tm.states[number].outputs)") == "3"
    failed = page.run("number = len(In) - 1\nraise KeyError('key')")
    again = page.run("tm.replay(number)")
    assert again.texts("error") == failed.texts("error") != []
    number = page.value("len(In) - 2")
    assert page.run(f"tm.replay({number})").said == [], "a replay is not recorded"


def test_a_replay_of_nothing_says_why(page: Page) -> None:
    """No such cell, or none that was recorded."""
    assert "StateNotFound: there is no state 999" in page.run("tm.replay(999)").text
    assert "BadInput: which cell?" in page.run("%replay").text
    page.run("before = len(In) - 1; x = [1]")
    page.run("x.append(2); tm.past(before)")
    part = page.value("[n for n in tm.states if isinstance(n, str)][-1]")
    assert "was not recorded" in page.run(f"tm.replay({part})").text


def test_output_after_the_end_of_a_cell_is_its_own(page: Page, tmp_path: Path) -> None:
    """What its thread prints while another cell runs."""
    cell = page.run(
        "import threading\nnumber = len(In) - 1\n"
        "def late():\n    get_ipython().set_thread_parent(parent) if parent else None\n"
        "    wait_for('later')\n    print('late', flush=True)\n"
        "parent = hasattr(get_ipython(), 'set_thread_parent') and get_ipython().get_parent()\n"
        "thread = threading.Thread(target=late); thread.start()"
    )
    (tmp_path / "later").touch()
    page.run("thread.join()")
    page.wait_for(cell, "late")
    assert page.run("tm.replay(number)").text.endswith("late\n")


def test_a_cell_within_a_cell_is_recorded_with_it(page: Page) -> None:
    """It has no number of its own."""
    page.run("number = len(In) - 1\nprint(1)\nget_ipython().run_cell('print(2)')\nprint(3)")
    assert page.run("tm.replay(number)").text.startswith("1\n2\n")
    assert page.run("tm.replay(number)").text.endswith("3\n")


def test_a_cell_that_is_run_again_has_what_it_put_out_then(page: Page) -> None:
    """As in the notebook, where the second run takes the place of the first."""
    page.run("number = len(In) - 1\nprint('first')")
    first = page.value("number")
    page.run("number = len(In) - 1\nprint('second')")
    assert page.run(f"tm.replay({first})").text == "first\n"
    assert page.run("tm.replay(number)").text == "second\n"


def test_a_forked_child_prints(page: Page) -> None:
    """It is not held up by what records the session."""
    cell = page.run(
        "import os\npid = os.fork()\n"
        "if pid == 0:\n    print('from the child', flush=True)\n    os._exit(0)\n"
        "os.waitpid(pid, 0)[1]"
    )
    page.wait_for(cell, "from the child")
    assert cell.texts("execute_result") == ["0"]


def test_what_is_too_much_is_left_out(page: Page) -> None:
    """The limit is a setting."""
    page.run("%config TimeMachine.output_limit = 5000")
    page.run("number = len(In) - 1\nfor n in range(5000): print('line', n)")
    page.run("%config TimeMachine.output_limit = 1048576")
    again = page.run("tm.replay(number)").text
    assert again.startswith("line 0\nline 1\n")
    assert again.endswith("line 4999\n")
    assert "of output left out" in again
    assert len(again) < 6000


def test_outputs_go_with_their_state(page: Page) -> None:
    """Who clears a state lets go of what its cell put out."""
    page.run("import weakref\nnumber = len(In) - 1\nprint('words')")
    page.run("kept = weakref.ref(tm.states[number].outputs)")
    page.run("tm.clear_past([number]); import gc; collected = gc.collect()")
    assert page.value("kept() is None") == "True"
    assert "is gone" in page.run("tm.replay(number)").text


# -- of jobs, whatever became of them --------------------------------------------------------------


def test_output_of_a_job_that_runs_is_shown_as_far_as_it_is(page: Page, tmp_path: Path) -> None:
    """Also that of one that is cancelled then."""
    cell = page.run("%%future\nprint('so far', flush=True)\nwait_for('never')")
    page.wait_for(cell, "so far")
    assert page.run("tm.replay(tm.jobs[-1].number)").text == "so far\n"
    page.run("stopped = tm.jobs[-1].cancel()")
    page.run("import concurrent.futures as futures\ndone = futures.wait([tm.jobs[-1]])")
    assert page.value("tm.jobs[-1].status") == "'cancelled'"
    assert page.run("tm.replay(tm.jobs[-1].number)").text.startswith("so far\n")
    assert not (tmp_path / "never").exists()


def test_output_of_a_job_that_runs_goes_on_where_it_is_shown_again(
    page: Page, tmp_path: Path
) -> None:
    """As in its own cell: text, displays that are updated, the result."""
    source = """%%future
handle = display("begun", display_id="of the job")
print("so far", flush=True)
wait_for("go")
handle.update("updated")
print("more", flush=True)
wait_for("end")
6 * 7"""
    cell = page.run(source)
    page.wait_for(cell, "so far")
    first = page.run("tm.replay(tm.jobs[-1].number)")
    [shown] = [said for said in first.said if said.kind == "display_data"]
    assert (shown.text, first.texts("stream")) == ("'begun'", ["so far\n"])
    (tmp_path / "go").touch()
    page.wait_for(first, "more")
    second = page.run("tm.replay(tm.jobs[-1].number)")
    (tmp_path / "end").touch()
    page.wait_for(second, "42")
    page.wait_for(cell, "42")
    [update] = [said for said in first.said if said.kind == "update_display_data"]
    assert update.content["transient"] == shown.content["transient"]
    assert (update.text, "".join(first.texts("stream"))) == ("'updated'", "so far\nmore\n")
    assert "".join(second.texts("stream")) == "so far\nmore\n"
    assert [second.texts("display_data"), second.texts("execute_result")] == [["'updated'"], ["42"]]
    assert first.texts("execute_result") == [], "it goes on where it was asked for last"
    assert "".join(cell.texts("stream")) == "so far\nmore\n"
    over(page)
    again = page.run("tm.replay(tm.jobs[-1].number)")
    assert again.text.count("more") == 1
    assert again.said[0].content["transient"] == {}


def test_output_of_a_job_that_died_is_shown(page: Page, tmp_path: Path) -> None:
    """What it had put out until then."""
    cell = page.run(
        "%%future\nprint('before', flush=True)\nimport os\nwait_for('end')\nos._exit(3)"
    )
    page.wait_for(cell, "before")
    (tmp_path / "end").touch()
    over(page)
    assert page.value("tm.jobs[-1].status") == "'died'"
    assert page.run("tm.replay(tm.jobs[-1].number)").text == "before\n"


def test_output_of_a_job_that_failed_is_shown(page: Page) -> None:
    """With its traceback; its state has it too."""
    cell = page.run("%%future\nprint('before')\n1 / 0")
    over(page)
    page.wait(lambda: bool(cell.texts("error")))
    again = page.run("tm.replay(tm.jobs[-1].number)")
    assert again.texts("stream") == ["before\n"]
    assert again.texts("error") == cell.texts("error")
    kinds = page.value("[o['output_type'] for o in tm.states[tm.jobs[-1].number].outputs]")
    assert kinds == "['stream', 'error']"


# -- without a trace -------------------------------------------------------------------------------


def test_unloading_leaves_the_kernel_as_it_was(tmp_path: Path) -> None:
    """Also where somebody wrapped the same method since."""
    with new_kernel(tmp_path) as kernel:
        page = Page(kernel)
        page.run("session = get_ipython().kernel.session; before = dict(vars(session))")
        page.run("transformers = [*get_ipython().input_transformers_cleanup]")
        page.run("%load_ext cowtm")
        assert page.value("'send' in vars(session)") == "True"
        page.run("%unload_ext cowtm")
        assert page.value("vars(session).keys() == before.keys()") == "True"
        same = "transformers == get_ipython().input_transformers_cleanup"
        assert page.value(same) == "True"
        page.run("%load_ext cowtm")
        page.run(
            "ours = session.send; seen = []\n"
            "def theirs(*args, **kwargs):\n    seen.append(1); return ours(*args, **kwargs)\n"
            "session.send = theirs"
        )
        page.run("%unload_ext cowtm")
        assert page.value("vars(session)['send'] is theirs and len(seen) > 0") == "True"
        page.run("%load_ext cowtm")
        page.run("number = len(In) - 1\nprint('recorded')")
        assert page.run("tm.replay(number)").text == "recorded\n"


def test_a_terminal_shows_output_at_the_next_prompt(tmp_path: Path) -> None:
    """Never in what is being typed; `%replay` shows it again."""
    go = tmp_path / "go"
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--ext", "cowtm", "--colors=NoColor"],
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "TERM": "dumb"},
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        prompt = 1

        def enter(source: str) -> str:
            """Type a cell; returns what is shown until the next prompt."""
            nonlocal prompt
            child.sendline(source)
            prompt += 1
            child.expect_exact(f"In [{prompt}]: ")
            assert child.before is not None
            shown: str = child.before.replace("\r\n", "\n").partition("\n")[2]
            return shown

        child.expect_exact("In [1]: ")
        wait = f"import os\nwhile not os.path.exists({str(go)!r}): continue"
        bar = "for n in range(3): print(end=f'\\r{n}')"
        source = f"{wait}\nprint('said late')\n{bar}\nraise KeyError(7)"
        enter(f"job = tm.submit({source!r})")
        assert enter("1 + 1").strip() == "Out[2]: 2"
        child.send("typ")
        child.expect_exact("typ")
        go.touch()
        child.sendline("ed = job.exception()")
        prompt += 1
        child.expect_exact("In [4]: ")
        assert child.before is not None
        shown = child.before.replace("\r\n", "\n")
        assert shown.startswith("ed = job.exception()\n"), "nothing came between"
        assert "cowtm: job 1a put out:\nsaid late\n2\n---" in shown
        assert "KeyError: 7" in shown
        assert enter("print(3)").strip() == "3"
        again = enter("%replay 1a")
        assert again.startswith("said late\n2\n---")
        assert "KeyError: 7" in again
        enter("print('words'); 6 * 7")
        if sys.modules["IPython"].version_info >= (9, 0):
            assert enter("tm.replay(6)").strip() == "words\nOut[6]: 42"
        child.sendline("exit()")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
