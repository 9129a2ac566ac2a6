"""A worker: a second kernel, in which the cell of a job runs, between `inside.begin` and `.end`."""

from __future__ import annotations

import base64
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from cowtm.future.inside import installed
from cowtm.future.kernel import Kernel, Listener, Message

if TYPE_CHECKING:
    from cowtm.future.inside import End

PIECE = 1 << 20
"""Bytes that are sent at once to a kernel which shares no files with this process."""

_INSIDE = "__import__('cowtm.future.inside', fromlist=['inside'])"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job's cell ended."""

    end: End
    """What it changed."""
    error: Mapping[str, Any] | None
    """The exception that ended it: `ename`, `evalue`, `traceback`; None if none did."""


class Worker:
    """A kernel that runs one job after another.

    Use as a context manager, in one thread; `interrupt` and `kill` may come from any.

    Args:
        modules: to be imported before the first job.
        kernel: the name of an installed kernel (its provisioner may start it on another machine);
            by default this Python's own.
        lends: whether what a job made is read before the worker ends, so that its memory can be
            mapped.

    Attributes:
        is_local: whether it can map memory of this process, and read its files.

    """

    def __init__(
        self, modules: Iterable[str] = (), kernel: str | None = None, *, lends: bool = True
    ) -> None:
        self._lends = lends
        self._modules = tuple(modules)
        self.is_local = kernel is None
        self._kernel = Kernel(kernel)
        self.interrupt = self._kernel.interrupt
        self.kill = self._kernel.kill

    def __enter__(self) -> Self:
        """Start the kernel and wait until it is ready.

        Raises:
            WorkerDied: it did not start.

        """
        try:
            self._kernel.start()
            try:
                told = f"{self._modules!r}, {installed()!r}"
                self._call(f"prepare(get_ipython(), {told})")
            except RuntimeError as error:
                raise self._kernel.refusal(error) from error
        except BaseException:
            self._kernel.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the kernel."""
        self._kernel.end()

    @property
    def is_alive(self) -> bool:
        """Whether it can take a job."""
        return self._kernel.is_alive

    @property
    def memory(self) -> int | None:
        """Bytes of memory that it takes; None if that can't be told."""
        return self._kernel.memory

    def run(
        self, start: bytes, source: str, listen: Listener, go_on: Callable[[], bool]
    ) -> Outcome | None:
        """Run a cell on a state.

        Args:
            start: a pickled `Start`.
            source: of the cell.
            listen: gets what the cell says, in order.
            go_on: is asked before each step; an interrupt between two of them would be lost.

        Returns:
            How the cell ended; None if it was not to go on.

        Raises:
            WorkerDied: the worker ended before the cell did.
            RuntimeError: the state could not be brought in, or what was made of it not be told.

        """
        if not go_on():
            return None
        self._hand(start)
        errors: list[Mapping[str, Any]] = []

        def hear(message: Message) -> None:
            if message.kind == "error":
                errors.append(message.content)
            listen(message)

        if not go_on():
            return None
        try:
            reply = self._kernel.run(source, hear)
            if not go_on():
                return None
            end = pickle.loads(self._take())  # noqa: S301  our own worker wrote it
        finally:
            self._kernel.be_quiet()
        failed = reply["status"] != "ok"
        return Outcome(end, (errors[-1] if errors else reply) if failed else None)

    def clear(self) -> bool:
        """Have it forget the job; tells whether it can take another one.

        Raises:
            WorkerDied: the worker ended.
            RuntimeError: something in it went wrong.

        """
        return self._call("clear()") == "True"

    def _call(self, call: str) -> str:
        """Call a function of `inside` in the worker."""
        return self._kernel.value(f"{_INSIDE}.{call}")

    # -- what is handed over -------------------------------------------------------------------

    def _hand(self, start: bytes) -> None:
        """Have the worker begin."""
        if self.is_local:
            with _file() as (descriptor, path):
                _write(descriptor, start)
                self._call(f"begin_from({path!r})")
            return
        for first in range(0, len(start), PIECE):
            piece = base64.b85encode(start[first : first + PIECE]).decode()
            self._call(f"hold({piece!r})")
        self._call("begin_held()")

    def _take(self) -> bytes:
        """Have the worker end, and get what it tells."""
        if self.is_local:
            with _file() as (descriptor, path):
                self._call(f"end_into({path!r}, lend={self._lends})")
                return _read(descriptor)
        size = int(self._call("end_held()"))
        pieces = []
        for first in range(0, size, PIECE):
            said = self._call(f"give({first}, {first + PIECE})")
            pieces.append(base64.b85decode(said.strip("'\"")))
        return b"".join(pieces)


@contextmanager
def _file() -> Iterator[tuple[int, str]]:
    """Make a file for as long as it is needed; gives its descriptor, and a path to open it by.

    Where the system can, it is one without a name: nothing is left of it, whatever happens.
    """
    make = getattr(os, "memfd_create", None)
    if make is not None:
        descriptor = make("cowtm", os.MFD_CLOEXEC)
        try:
            yield descriptor, f"/proc/{os.getpid()}/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile(prefix="cowtm-") as file:
        yield file.fileno(), file.name


def _write(descriptor: int, content: bytes) -> None:
    """Write all of some bytes at the beginning of a file."""
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, memoryview(content)[done:], done)


def _read(descriptor: int) -> bytes:
    """Read all of a file that another process wrote."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
