"""A worker: a second kernel, in which the cell of a job runs.

It is a stock IPython kernel, started through `jupyter_client`, in a session of its own: the
notebook's interrupt button does not reach it, and it ends when this process ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import psutil
import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from cowtm.errors import WorkerDied

if TYPE_CHECKING:
    from cowtm.future.inside import End

STEP = 200
"""Milliseconds after which a worker that says nothing is looked at: whether it lives."""

READY = 60
"""Seconds that a kernel may take to start."""

_INSIDE = "__import__('cowtm.future.inside', fromlist=['inside'])"


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker says while a cell runs: output, mostly."""

    kind: str
    """Its type, as Jupyter calls it: stream, display_data, ..."""
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: list[Any] = field(default_factory=list)


Listener: TypeAlias = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job's cell ended."""

    end: End
    """What it changed."""
    error: Mapping[str, Any] | None
    """The exception that ended it: `ename`, `evalue`, `traceback`; None if none did."""


class _Manager(KernelManager):
    """Starts this very Python's kernel, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """What is started."""
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="a worker of cowtm",
            language="python",
        )


class Worker:
    """A kernel that runs one job after another.

    Use as a context manager, in one thread; `interrupt` and `kill` may come from any.

    Args:
        modules: to be imported before the first job.
        kernel: the name of an installed kernel (its provisioner may start it on another machine);
            by default this Python's own.

    """

    def __init__(self, modules: Iterable[str] = (), kernel: str | None = None) -> None:
        self._modules = tuple(modules)
        self.is_local = kernel is None
        self._manager = _Manager() if kernel is None else KernelManager(kernel_name=kernel)
        self._client: Any = None
        self._cell: str | None = None
        self._listen: Listener = _ignore

    def __enter__(self) -> Self:
        """Start the kernel and wait until it is ready.

        Raises:
            WorkerDied: it did not start.

        """
        self._manager.start_kernel(
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._client = self._manager.client()
        self._client.start_channels(stdin=False, hb=False, control=False)
        try:
            self._client.wait_for_ready(timeout=READY)
            self._call(f"prepare(get_ipython(), {self._modules!r})")
        except BaseException as error:
            self.__exit__()
            if isinstance(error, RuntimeError):
                raise WorkerDied(f"no worker could be started: {error}") from error
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the kernel."""
        if self._client is not None:
            self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    # -- jobs ----------------------------------------------------------------------------------

    def run(self, start: bytes, source: str, listen: Listener) -> Outcome:
        """Run a cell on a state.

        Args:
            start: a pickled `Start`.
            source: of the cell.
            listen: gets what the cell says, in order.

        Raises:
            WorkerDied: the worker ended before the cell did.

        """
        with self._file(start) as path:
            self._call(f"begin_from(get_ipython(), {path!r})")
        errors: list[Mapping[str, Any]] = []

        def hear(message: Message) -> None:
            if message.kind == "error":
                errors.append(message.content)
            listen(message)

        self._listen = hear
        try:
            self._cell = self._ask(source, silent=False)
            reply = self._reply(self._cell)
            failed = reply["status"] != "ok"
            with self._file(b"") as path:
                self._call(f"end_into(get_ipython(), {path!r}, lend={self.is_local})")
                end = pickle.loads(Path(path).read_bytes())  # noqa: S301  our own worker wrote it
        finally:
            self._cell, self._listen = None, _ignore
        return Outcome(end, (errors[-1] if errors else reply) if failed else None)

    def clear(self) -> bool:
        """Have it forget the job; tells whether it can take another one."""
        return self._value("clear(get_ipython())") == "True"

    def interrupt(self) -> None:
        """Interrupt the cell that runs, as the notebook's button does."""
        with suppress(RuntimeError):
            self._manager.interrupt_kernel()

    def kill(self) -> None:
        """End the worker now."""
        with suppress(RuntimeError):
            self._manager.signal_kernel(signal.SIGKILL)

    @property
    def memory(self) -> int | None:
        """Bytes of memory that it takes; None if that can't be told."""
        process = getattr(self._manager.provisioner, "pid", None)
        try:
            return None if process is None else int(psutil.Process(process).memory_info().rss)
        except psutil.Error:
            return None

    # -- messages ------------------------------------------------------------------------------

    def _call(self, call: str) -> None:
        """Call a function of `inside` in the worker."""
        self._value(call)

    def _value(self, call: str) -> str:
        asked = self._ask("", silent=True, expressions={"value": f"{_INSIDE}.{call}"})
        value = self._reply(asked)["user_expressions"]["value"]
        if value["status"] != "ok":
            said = "\n".join(value["traceback"])
            raise RuntimeError(f"{value['ename']}: {value['evalue']}\n{said}")
        return str(value["data"]["text/plain"])

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
        """Wait for the reply to a request; what the job's cell says meanwhile is passed on.

        Some of it comes after the cell's end: what C code wrote goes through a pipe.
        """
        reply: dict[str, Any] | None = None
        idle = False
        for channel, message in self._messages():
            parent = message["parent_header"].get("msg_id")
            kind, content = message["header"]["msg_type"], message["content"]
            if channel == "shell":
                reply = content if parent == asked else reply
            elif kind == "status":
                idle = idle or (parent == asked and content["execution_state"] == "idle")
            elif parent == self._cell and kind != "execute_input":
                self._listen(Message(kind, content, message["metadata"], message["buffers"]))
            if idle and reply is not None:
                return reply
        raise WorkerDied(self._how_it_ended())

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give messages of both channels as they come, until the worker ends."""
        channels = {"iopub": self._client.iopub_channel, "shell": self._client.shell_channel}
        poller = zmq.Poller()
        for channel in channels.values():
            poller.register(channel.socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(STEP))
            for name, channel in channels.items():
                if channel.socket in ready:
                    yield name, channel.get_msg(timeout=0)
            if not ready and not self._manager.is_alive():
                return

    def _how_it_ended(self) -> str:
        """Say how the process ended, after it did."""
        process = getattr(self._manager.provisioner, "process", None)
        code = None if process is None else process.poll()
        if code is None:
            return "its worker ended"
        if code >= 0:
            return f"its worker ended itself, with exit code {code}"
        name = signal.Signals(-code).name
        why = _WHY.get(name, "")
        return f"its worker was ended by {name}{why}"

    @contextmanager
    def _file(self, content: bytes) -> Iterator[str]:
        """Make a file that only this user can read, for as long as it is needed."""
        handle, path = tempfile.mkstemp(prefix="cowtm-", dir=_FAST)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            yield path
        finally:
            Path(path).unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """Give the environment of a worker's start; that of a job comes with it."""
    own = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # In a test ipykernel leaves alone what C code writes.
    return {n: value for n, value in os.environ.items() if n != "PYTEST_CURRENT_TEST"} | own


def _ignore(_message: Message) -> None:
    """Listen to nothing: no cell runs."""


_FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  mkstemp makes safe files
"""Folder in memory, where there is one; None for that of temporary files."""

_WHY = {
    "SIGSEGV": ": code in C went wrong",
    "SIGABRT": ": code in C gave up",
    "SIGKILL": ": perhaps the system had no more memory",
}
