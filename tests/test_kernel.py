"""The extension in a real kernel, as a notebook talks to it, and in a real terminal."""

from __future__ import annotations

import os
import queue
import re
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pexpect
import pytest
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_client.blocking.client import BlockingKernelClient

PATIENCE = 60
"""Seconds that a kernel may take to answer."""

REQUEST: dict[str, Any] = {"silent": False, "store_history": True, "user_expressions": {}}
"""What every request to run a cell has; older kernels insist on all of it."""

LAUNCH = """
import faulthandler, runpy, signal, sys
faulthandler.register(signal.SIGUSR2, open(sys.argv.pop(1), "w"))
runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
"""
"""Starts a kernel that writes the stacks of its threads to a file when it is asked to."""


@dataclass(slots=True)
class Reply:
    """What came back of a cell."""

    text: str = ""
    """What it printed."""
    result: dict[str, Any] = field(default_factory=dict)
    """The forms of its result."""
    number: int | None = None
    """The number that its result is shown under."""
    error: str = ""
    """The name of what it raised."""
    traceback: str = ""
    """What was shown of that."""


class Kernel:
    """A kernel and a client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, stacks: Path) -> None:
        self.manager = manager
        self.client = client
        self.stacks = stacks

    def start(self, source: str) -> str:
        """Send a cell; returns the id of the request."""
        content = {**REQUEST, "code": source, "allow_stdin": False}
        metadata = {"cellId": f"cell of {source[:10]}"}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        return request

    def wait_for(self, request: str, text: str | None = None) -> Reply:
        """Gather what a cell sends until it is done, or until it has printed a text."""
        reply = Reply()
        while True:
            message = self.message()
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    reply.text += content["text"]
                case "execute_result":
                    reply.result, reply.number = content["data"], content["execution_count"]
                case "error":
                    reply.error = content["ename"]
                    reply.traceback = "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    return reply
            if text is not None and text in reply.text:
                return reply

    def message(self) -> dict[str, Any]:
        """Take the next message that shows something; without one, tell where the kernel hangs."""
        for look in range(PATIENCE):  # not seconds: the whole machine may have stood still
            with suppress(queue.Empty):
                message: dict[str, Any] = self.client.get_iopub_msg(timeout=1)
                return message
            if look == PATIENCE // 2:
                # ipykernel 7 may leave a request unread until the next comes (its issue 1554)
                self.client.kernel_info()
        process = cast("Any", self.manager.provisioner).process
        if process.poll() is not None:
            pytest.fail(f"the kernel has ended, with {process.returncode}")
        process.send_signal(signal.SIGUSR2)
        time.sleep(1)
        pytest.fail(f"the kernel shows nothing more:\n{self.stacks.read_text()}")

    def run(self, source: str) -> Reply:
        """Run a cell to its end."""
        return self.wait_for(self.start(source))

    def value(self, source: str) -> str:
        """Run a cell; returns its result as text."""
        reply = self.run(source)
        assert not reply.error, reply.traceback
        text: str = reply.result["text/plain"]
        return text

    def ask(self, request: str) -> dict[str, Any]:
        """Wait for the answer to a request on the shell channel."""
        while True:
            try:
                message = self.client.get_shell_msg(timeout=PATIENCE)
            except queue.Empty:
                pytest.fail("the kernel does not answer")
            if message["parent_header"]["msg_id"] == request:
                content: dict[str, Any] = message["content"]
                return content


@contextmanager
def new_kernel(folder: Path) -> Iterator[Kernel]:
    """Start a kernel whose files are in a folder of the test's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder / name.lower()))
        # no ports: another process could take one between its choice and its use
        manager = KernelManager(transport="ipc", ip=str(folder / "kernel"))
        # this very Python, whatever kernels are installed
        spec: Any = manager.kernel_spec
        stacks = folder / "stacks"
        spec.argv = [sys.executable, "-c", LAUNCH, str(stacks), "-f", "{connection_file}"]
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE)
            yield Kernel(manager, client, stacks)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Start a kernel for all tests here."""
    with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def kernel(started: Kernel) -> Kernel:
    """Give the kernel with an empty namespace and a time machine that begins."""
    started.run("%reset -f")
    started.run("%unload_ext cowtm")
    reply = started.run("%load_ext cowtm")
    assert (reply.error, reply.text) == ("", "")
    return started


def test_work_and_travel(kernel: Kernel) -> None:
    """A notebook's session: numbers are those of the prompts, results are shown again."""
    first = kernel.run("data = [3, 1, 2]\ndata")
    assert first.number is not None
    kernel.run("data.sort()")
    back = kernel.run(f"%past {first.number}")
    assert "back after cell" in back.text
    assert back.result["text/plain"] == "[3, 1, 2]"
    assert back.number == first.number + 2
    assert kernel.value("data") == "[3, 1, 2]"
    kernel.run("tm.undo()")
    assert kernel.value("data") == "[1, 2, 3]"
    assert kernel.value(f"tm.states[{first.number}].cell_id") == "'cell of data = [3,'"


def test_errors_are_one_line(kernel: Kernel) -> None:
    """No frames of ours in the notebook."""
    reply = kernel.run("tm.past(9999)")
    assert reply.error == "StateNotFound"
    assert len(reply.traceback.splitlines()) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x.append(2); print('running', flush=True)\nwhile True: x[0] = x[0]",
        "import time\nx.append(2); print('running', flush=True)\ntime.sleep(99)",
        "import asyncio\nx.append(2); print('running', flush=True)\nawait asyncio.sleep(99)",
    ],
    ids=["loop", "sleep", "await"],
)
def test_an_interrupted_cell_leaves_a_state(kernel: Kernel, source: str) -> None:
    """It is marked, holds what the cell did until then, and one can go back before it."""
    kernel.run("x = [1]")
    request = kernel.start(source)
    kernel.wait_for(request, "running")
    kernel.manager.interrupt_kernel()
    kernel.client.kernel_info()  # a loop that waits sees the interrupt when it is woken
    kernel.wait_for(request)
    assert kernel.value("x") == "[1, 2]"
    marked = "[s for s in tm.states.values() if s.error]"
    assert kernel.value(f"[(s.error, s.names) for s in {marked}]") in (
        f"[('{error}', {names})]"
        for error in ("KeyboardInterrupt", "CancelledError")
        for names in ("('x',)", "('time', 'x')", "('asyncio', 'x')")
    )
    kernel.run(f"tm.past({marked}[0].parent)")
    assert kernel.value("x") == "[1]"


def test_top_level_await(kernel: Kernel) -> None:
    """Cells that await are cells like others."""
    kernel.run("import asyncio\nx = [1]")
    reply = kernel.run("await asyncio.sleep(0)\nx.append(await asyncio.sleep(0, 5))\nx")
    assert reply.result["text/plain"] == "[1, 5]"
    assert kernel.value("list(tm.states.values())[-1].names") == "('x',)"
    kernel.run("tm.undo()")
    assert kernel.value("x") == "[1]"


def test_completion_and_inspection(kernel: Kernel) -> None:
    """What a front end asks for while the user types."""
    kernel.run("x = 1")
    matches = kernel.ask(kernel.client.complete("tm.", 3))["matches"]
    assert {"past", "undo", "vars", "diff"} <= {match.rpartition(".")[2] for match in matches}
    shown = kernel.ask(kernel.client.inspect("tm.past", 7))
    assert shown["found"]
    assert "Put all variables back" in shown["data"]["text/plain"]


def test_reports_have_html(kernel: Kernel) -> None:
    """Front ends get a table, and text for those that show none."""
    kernel.run("name = '<b>'")
    for source in ("tm", "tm.states", "tm.memory_report()", "tm.vars(list(tm.states)[-1])"):
        forms = kernel.run(source).result
        assert {"text/plain", "text/html"} <= forms.keys()
        assert "<b>" not in forms["text/html"]
    assert "&lt;b&gt;" in kernel.run("tm.vars(list(tm.states)[-1])").result["text/html"]


def test_a_real_terminal(tmp_path: Path) -> None:
    """IPython in a terminal, with cowtm loaded by its profile before the first cell."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--ext", "cowtm", "--colors=NoColor",
         "--InteractiveShellApp.exec_lines=given = [1]"],
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "TERM": "dumb"},
        timeout=PATIENCE,
        encoding="utf-8",
    )  # fmt: skip
    try:
        for number, (source, wanted) in enumerate(
            [
                ("given.append(2); given", "[1, 2]"),
                ("given.append(3)", ""),
                ("%past 1", "back after cell 1: given changed"),
                ("given", "[1, 2]"),
                ("%past 0", "gone"),
                ("'given' in globals()", "False"),
                ("tm.past(99)", "StateNotFound: there is no state 99"),
            ],
            start=1,
        ):
            child.expect_exact(f"In [{number}]: ")
            child.sendline(source)
            child.expect_exact(wanted)
        child.expect_exact("In [8]: ")
        child.sendline("exit()")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0


def test_a_session_outlives_its_kernel(tmp_path: Path) -> None:
    """Killed without warning; the next kernel goes on with variables, states and numbers."""
    with new_kernel(tmp_path) as first:
        first.run("%load_ext cowtm")
        first.run("%config TimeMachine.autosave = True")
        first.run("import numpy as np; data = np.arange(5); names = ['ann']; same = names")
        first.run("class Point:\n    def __init__(self, x):\n        self.x = x\np = Point(3)")
        first.run("data[2] = 99; names.append('bob')")
        path = first.value("str(tm.journal_path)")
        first.run("tm.flush()")  # which waits for all cells before; it itself is saved soon after
        first.manager.signal_kernel(signal.SIGKILL)
        process: Any = first.manager.provisioner
        process.process.wait()
    with new_kernel(tmp_path) as second:
        second.run("%load_ext cowtm")
        reply = second.run(f"tm.resume({path})")
        said = re.fullmatch(r"resumed after cell (6|7): .*; this cell is number (\d)\n", reply.text)
        assert said is not None, reply.text + reply.traceback
        assert int(said[2]) == int(said[1]) + 1
        shown = second.run("data, names, same is names, p.x, isinstance(p, Point)")
        assert shown.number == int(said[2]) + 1
        expected = "(array([ 0,  1, 99,  3,  4]), ['ann', 'bob'], True, 3, True)"
        assert shown.result["text/plain"] == expected
        assert second.value("In[5]") == "\"data[2] = 99; names.append('bob')\""
        second.run("tm.past(3)")
        assert second.value("data.tolist(), names, 'p' in globals()") == (
            "([0, 1, 2, 3, 4], ['ann'], False)"
        )
        second.run("tm.past(5)")
        assert second.value("p.x, names") == "(3, ['ann', 'bob'])"
