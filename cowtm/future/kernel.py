"""A second kernel: started, asked to execute things, listened to, and ended.

It is a stock IPython kernel, started through `jupyter_client`, in a session of its own: the
notebook's interrupt button does not reach it, and it ends when this process ends. What is said goes
through sockets in a folder that only this user can enter; the same folder has its connection file,
so nobody takes it for a kernel to connect to.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psutil
import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

from cowtm.errors import WorkerDied
from cowtm.future import launch
from cowtm.future.folder import Folder
from cowtm.future.tape import STREAMS, TAPE, Tape, encoded

STEP = 200
"""Milliseconds after which a kernel that says nothing is looked at: whether it lives."""

READY = 60
"""Seconds that a kernel may take to start."""

SILENCE = 10
"""Steps without a word after which the end of a cell's output is taken to be lost: a kernel throws
away what it can't send."""

LONGEST = 60
"""Characters of a folder's path from which on there is no room for the names of sockets."""

WORDS = 1 << 14
"""Bytes of the last words of a kernel that died that are looked at."""

LINES = 8
"""Lines of them that are passed on."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a kernel says while a cell runs: output, mostly."""

    kind: str
    """Its type, as Jupyter calls it: stream, display_data, ..."""
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: list[Any] = field(default_factory=list)


Listener: TypeAlias = Callable[[Message], None]


class _Manager(KernelManager):
    """Starts this very Python's kernel, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """What is started."""
        return KernelSpec(
            argv=[sys.executable, "-P", launch.__file__, "-f", "{connection_file}"],
            display_name="a worker of cowtm",
            language="python",
        )


class Kernel:
    """A kernel.

    Thread safety: all calls in one thread, in which no event loop runs, but for `interrupt` and
    `kill`, which may come from any.

    Args:
        name: of an installed kernel, whose provisioner may start it on another machine; by default
            this Python's own.

    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._folder: Folder | None = None
        self._manager: KernelManager | None = None
        self._client: Any = None
        self._context: Any = None
        self._errors: Any = None
        self._tape: Any = None
        self._heard: dict[str, int] = {}
        """Bytes of each stream of the cell that have come."""
        self._loop: Any = None
        self._poller = zmq.Poller()
        self._sockets: dict[str, Any] = {}
        self._cell: str | None = None
        self._listen: Listener = _ignore
        self._is_killed = False

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            WorkerDied: it did not start; it is to be ended all the same.

        """
        self._loop = ensure_event_loop()  # which `jupyter_client` would make, and leave open
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed at the end
        self._tape = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._manager = manager = self._make_manager()
            env, how = _environment(), dict[str, Any]()
            if self._name is None:
                tape = self._tape.fileno()
                env, how = env | {TAPE: str(tape)}, {"pass_fds": (tape,)}
            manager.start_kernel(env=env, stdout=subprocess.DEVNULL, stderr=self._errors, **how)
            if self._is_killed:
                self.kill()
            self._client = manager.client()
            self._client.start_channels(stdin=False, hb=False, control=False)
            self._client.wait_for_ready(timeout=READY)
            self._sockets = {
                "iopub": self._client.iopub_channel.socket,
                "shell": self._client.shell_channel.socket,
            }
            for socket in self._sockets.values():
                self._poller.register(socket, zmq.POLLIN)
        except Exception as error:
            raise self.refusal(error) from error

    def refusal(self, error: Exception) -> WorkerDied:
        """Give the error for a kernel that can't be used."""
        return WorkerDied(f"no worker could be started: {error}{self._last_words()}")

    def end(self) -> None:
        """End it now."""
        if self._client is not None:
            self._client.stop_channels()
        if self._manager is not None:
            with suppress(RuntimeError):  # it did not even begin
                self._manager.shutdown_kernel(now=True)
            self._manager.cleanup_resources()
        if self._context is not None:
            self._context.destroy(linger=0)
        for file in (self._errors, self._tape):
            if file is not None:
                file.close()
        if self._folder is not None:
            self._folder.remove()
        if self._loop is not None:
            self._loop.close()
            asyncio.set_event_loop(None)

    def interrupt(self) -> None:
        """Interrupt what it executes, as the notebook's button does."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End its process now, and those that it started."""
        self._is_killed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Send a signal; a process that is gone, or not there yet, gets none."""
        manager = self._manager
        process = getattr(getattr(manager, "provisioner", None), "process", None)
        if self._name is None:
            if process is not None and process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)  # it leads a group of its own
        elif manager is not None and manager.has_kernel:  # its provisioner knows how
            thread = threading.Thread(target=_send, args=(manager, number))
            thread.start()
            thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._manager is not None and bool(self._manager.is_alive())

    @property
    def memory(self) -> int | None:
        """Bytes of memory that it takes; None if that can't be told."""
        process = getattr(getattr(self._manager, "provisioner", None), "pid", None)
        try:
            return None if process is None else int(psutil.Process(process).memory_info().rss)
        except psutil.Error:
            return None

    def run(self, source: str, listen: Listener) -> dict[str, Any]:
        """Run a cell, and wait for the reply.

        Args:
            source: of the cell.
            listen: gets what the cell says, in order; also what it says after its end, until
                `be_quiet`: what C code writes goes through a pipe.

        Raises:
            WorkerDied: the kernel ended before.

        """
        self._listen = listen
        self._heard = dict.fromkeys(STREAMS, 0)
        self._cell = self._ask(source, silent=False)
        return self._reply(self._cell)

    def be_quiet(self) -> None:
        """Pass on no more of what the last cell says."""
        self._cell, self._listen = None, _ignore

    def value(self, expression: str) -> str:
        """Evaluate an expression; returns its value as text.

        Raises:
            WorkerDied: the kernel ended before.
            RuntimeError: the expression raised something.

        """
        asked = self._ask("", silent=True, expressions={"value": expression})
        value = self._reply(asked)["user_expressions"]["value"]
        if value["status"] != "ok":
            said = "\n".join(value["traceback"])
            raise RuntimeError(_plain(f"{value['ename']}: {value['evalue']}\n{said}"))
        return str(value["data"]["text/plain"])

    # -- messages ------------------------------------------------------------------------------

    def _ask(
        self, source: str, *, silent: bool, expressions: Mapping[str, str] | None = None
    ) -> str:
        """Have something executed; returns the identity of the request."""
        asked: str = self._client.execute(
            source,
            silent=silent,
            store_history=not silent,
            user_expressions=expressions,
            allow_stdin=False,
        )
        return asked

    def _reply(self, asked: str) -> dict[str, Any]:
        """Wait for the reply to a request; what the cell says meanwhile is passed on."""
        reply: dict[str, Any] | None = None
        idle = False
        silence = 0
        is_gone = False
        while reply is None or not idle:
            heard = False
            for channel, message in self._messages():
                heard = True
                parent = message["parent_header"].get("msg_id")
                kind, content = message["header"]["msg_type"], message["content"]
                if channel == "shell":
                    reply = content if parent == asked else reply
                elif kind == "status":
                    idle = idle or (parent == asked and content["execution_state"] == "idle")
                elif parent == self._cell and kind not in _NOT_OUTPUT:
                    self._hear(Message(kind, content, message["metadata"], message["buffers"]))
            silence = 0 if heard else silence + 1
            if silence and is_gone:
                self._hear_the_rest()
                raise WorkerDied(self._how_it_ended())
            is_gone = not self.is_alive  # what it said before that is to come in one more silence
            if reply is not None and silence > SILENCE:
                break
        return reply

    def _hear(self, message: Message) -> None:
        """Pass on what the cell says."""
        name = message.content.get("name")
        if message.kind == "stream" and name in self._heard:
            self._heard[name] += len(encoded(message.content["text"]))
        self._listen(message)

    def _hear_the_rest(self) -> None:
        """Pass on what the cell wrote and the kernel, which is gone, did not come to send."""
        if self._name is not None or self._cell is None:
            return
        tape = Tape(self._tape.fileno())
        for stream, heard in self._heard.items():
            text = tape.after(stream, heard)
            if text:
                self._hear(Message("stream", {"name": stream, "text": text}))
        tape.close()

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what has come on both channels, after a `STEP` at the latest."""
        ready = dict(self._poller.poll(STEP))
        for name, socket in self._sockets.items():
            if socket in ready:
                _, message = self._client.session.recv(socket)
                if message is not None:
                    yield name, message

    def _make_manager(self) -> KernelManager:
        """Make what starts the kernel."""
        self._context = context = zmq.Context()
        context.rcvhwm = 0  # what a cell says is taken in as fast as it comes: none gets lost
        if self._name is not None:
            return KernelManager(kernel_name=self._name, context=context)
        self._folder = Folder()
        folder = str(self._folder.path)
        manager = _Manager(context=context, connection_file=f"{folder}/kernel.json")
        if len(folder) < LONGEST:
            manager.transport, manager.ip = "ipc", f"{folder}/socket"
        return manager

    def _how_it_ended(self) -> str:
        """Say how the process ended, after it did."""
        process = getattr(getattr(self._manager, "provisioner", None), "process", None)
        code = None if process is None else process.poll()
        words = self._last_words()
        if code is None:
            return f"its worker ended{words}"
        if code >= 0:
            return f"its worker ended itself, with exit code {code}{words}"
        name = signal.Signals(-code).name
        return f"its worker was ended by {name}{_WHY.get(name, '')}{words}"

    def _last_words(self) -> str:
        """Give what the process itself said last: of a crash, where it was."""
        file = self._errors.fileno()
        start = max(0, os.fstat(file).st_size - WORDS)
        said = os.pread(file, WORDS, start).decode("utf-8", "replace")
        _, crash, where = said.rpartition(_CRASH)
        lines = (crash + where).splitlines()[:LINES] if crash else said.splitlines()[-LINES:]
        return "\n".join(["", *lines]).rstrip()


def _send(manager: KernelManager, number: int) -> None:
    """Have a provisioner send a signal: in a thread of its own, where no event loop runs."""
    loop = ensure_event_loop()
    with suppress(RuntimeError, OSError):  # it is gone
        if number == signal.SIGINT:
            manager.interrupt_kernel()
        else:
            manager.signal_kernel(number)
    loop.close()


def _environment() -> dict[str, str]:
    """Give the environment of a kernel's start; that of a job comes with it."""
    own = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # In a test ipykernel leaves alone what C code writes.
    return {n: value for n, value in os.environ.items() if n != "PYTEST_CURRENT_TEST"} | own


def _ignore(_message: Message) -> None:
    """Listen to nothing: no cell runs."""


def _plain(text: str) -> str:
    """Remove colours from a text."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


_NOT_OUTPUT = frozenset({"execute_input", "iopub_welcome", "shutdown_reply"})
"""Messages that are no output of a cell."""

_CRASH = "Fatal Python error"
"""How Python begins to tell of a crash; where it happened comes first then."""

_WHY = {
    "SIGSEGV": ": code in C went wrong",
    "SIGABRT": ": code in C gave up",
    "SIGBUS": ": memory that was mapped is gone",
    "SIGKILL": ": perhaps the system had no more memory",
}
