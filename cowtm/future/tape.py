"""The last of what a cell wrote, kept where it outlives the process that wrote it.

A kernel sends what its cells write in the background, a moment later. One that crashes, is killed,
or ends itself takes with it what was not sent yet, which is what the user needs most. So a worker
writes the same on a tape, a small file that it shares with the session, which reads from there what
it has not heard.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from typing import Any

STREAMS = ("stdout", "stderr")

TAPE = "COWTM_TAPE"
"""Environment variable with the descriptor of the file that is a worker's tape."""

RING = 1 << 16
"""Bytes of each stream that are kept: the last ones."""

HEAD = 8 * len(STREAMS)
"""Bytes of the numbers that tell how many were written to each."""

LENGTH = HEAD + RING * len(STREAMS)


class Tape:
    """A file with the last of what was written.

    Thread safety: any thread may write. Processes that write at once may garble what is there.

    Args:
        descriptor: of the file.

    """

    def __init__(self, descriptor: int) -> None:
        os.ftruncate(descriptor, LENGTH)
        self._memory = mmap.mmap(descriptor, LENGTH)
        self._counts = memoryview(self._memory)[:HEAD].cast("Q")
        self.unlock()

    def unlock(self) -> None:
        """Let go of the lock, which a process that was forked off may have inherited closed."""
        self._lock = threading.RLock()  # a signal's handler may write while its thread does

    def begin(self) -> None:
        """Forget what was written."""
        with self._lock:
            for index in range(len(STREAMS)):
                self._counts[index] = 0

    def write(self, stream: str, text: str) -> None:
        """Add to a stream."""
        data = encoded(text)
        size = len(data)
        index = STREAMS.index(stream)
        start = HEAD + RING * index
        with self._lock:
            count = self._counts[index]
            at = count % RING
            if size <= RING - at:
                self._memory[start + at : start + at + size] = data
            else:
                before = self._memory[start + at : start + RING] + self._memory[start : start + at]
                held = (before + data)[-RING:]
                at = (count + size) % RING
                self._memory[start : start + RING] = held[RING - at :] + held[: RING - at]
            self._counts[index] = count + size

    def after(self, stream: str, heard: int) -> str:
        """Give what was written to a stream after so many bytes, as far as it was kept."""
        index = STREAMS.index(stream)
        start = HEAD + RING * index
        count = self._counts[index]
        at = count % RING
        held = self._memory[start + at : start + RING] + self._memory[start : start + at]
        missing = max(0, count - heard)
        text = held[RING - min(missing, RING) :].decode("utf-8", "replace")
        return text if missing <= RING else f"\n[... {missing - RING} bytes are lost ...]\n{text}"

    def close(self) -> None:
        """Let go of the file."""
        self._counts.release()
        self._memory.close()


def encoded(text: str) -> bytes:
    """Give a text in the bytes that are counted."""
    return text.encode("utf-8", "surrogatepass")


def tape_output(descriptor: int) -> Tape:
    """Have what this kernel's cells write be on a tape too.

    Args:
        descriptor: of its file.

    """
    tape = Tape(descriptor)
    os.register_at_fork(after_in_child=tape.unlock)
    cls: Any = type(sys.stdout)
    write = cls.write

    def write_both(self: Any, text: Any) -> Any:
        if isinstance(text, str) and self.name in STREAMS:
            tape.write(self.name, text)
        return write(self, text)

    cls.write = write_both
    for stream in (sys.stdout, sys.stderr):
        vars(stream).pop("write", None)  # IPython put the method there, when a cell had ended
    return tape
