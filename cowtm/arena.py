"""Memory that another process can map without copying: where large chunks are kept raw.

It lies in a file that has no name and takes no disk (`memfd_create`), cut into slots as large as a
chunk. A slot is handed out as memory like any other; when nobody refers to it any more, its pages
go back to the system at once. Who knows its *place* can map it from another process, privately:
what either of them writes the other does not see.

Where there are no such files (not Linux), memory is private, and has no place.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

SLOT = 1 << 20
"""Bytes of a slot: those of a chunk."""

SEGMENT = 64 * SLOT
"""Bytes that are mapped at once: mapped slot by slot, 64 GB would take all maps that Linux allows
a process (65,530)."""


PAGED = 1 << 16
"""Memory of so many bytes or more gets pages of its own, which go back to the system when it is
freed. The heap of the C library keeps what is freed: 100 MB after a session over a 64 MB array."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where some memory is in the file of an arena."""

    process: int
    """The process that the arena is in."""
    file: int
    """Its file descriptor there."""
    offset: int
    """Bytes from the beginning of the file; a multiple of `SLOT`."""


class Arena:
    """Slots of shared memory, handed out and taken back.

    Thread safety: every call may come from any thread; what was handed out may be let go of
    anywhere, at any time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file = _File()

    def allocate(self, size: int) -> memoryview:
        """Return writeable memory; it goes back to the system when nobody refers to it any more.

        Args:
            size: bytes. What is less than `PAGED` or more than a slot has no place.

        Raises:
            MemoryError: the system has no more.

        """
        if size < PAGED:
            return memoryview(bytearray(size))
        block = self._take(size)
        return _private(size) if block is None else memoryview(block).cast("B")

    def copy(self, memory: memoryview) -> memoryview | bytes:
        """Return a read-only copy of some memory, as `allocate` would hold it."""
        if len(memory) < PAGED:
            return bytes(memory)
        block = self._take(len(memory), memory)
        if block is not None:
            return memoryview(block).cast("B").toreadonly()
        copied = _private(len(memory))
        copied[:] = memory
        return copied.toreadonly()

    def _take(self, size: int, content: memoryview | None = None) -> Any:
        """Take a slot for some bytes, and write them or have its pages be there to be written."""
        if size > SLOT:
            return None
        with self._lock:
            if self._file.process != os.getpid():  # a child leaves its parent's alone
                self._file = _File()
            file = self._file
            block = file.take(size)
        if block is not None:
            try:
                file.fill(block, content)
            except OSError as error:
                raise _no_memory(size) from error
        return block

    def place(self, memory: memoryview) -> Place | None:
        """Tell where some memory that `allocate` gave begins; None if it can't be shared."""
        return self._file.place(memory.obj)


class _File:
    """A file without a name, and its slots. The descriptor stays open as long as they are used."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._descriptor: int | None = None
        self._segments: list[mmap.mmap] = []
        self._free: deque[int] = deque()
        self._used: dict[int, tuple[int, weakref.ref[Any]]] = {}
        """Identity of what was handed out -> its slot, and itself."""

    def take(self, size: int) -> Any:
        """Hand out the beginning of a slot; None if there is none."""
        if not self._free and not self._grow():
            return None
        slot = self._free.pop()
        segment, start = divmod(slot * SLOT, SEGMENT)
        block = (ctypes.c_ubyte * size).from_buffer(self._segments[segment], start)
        self._used[id(block)] = slot, weakref.ref(block, partial(self._release, slot, id(block)))
        return block

    def fill(self, block: Any, content: memoryview | None) -> None:
        """Write what was handed out; or, without content, have its pages be there.

        To write into the file takes half the time of writing into pages that are not there yet, and
        two thirds of the time of having them made first.
        """
        slot, _ = self._used[id(block)]
        if content is None:
            segment, start = divmod(slot * SLOT, SEGMENT)
            with suppress(OSError):  # before Linux 5.14 pages are made one by one
                self._segments[segment].madvise(_POPULATE, start, ctypes.sizeof(block))
            return
        done = 0
        while done < len(content):
            done += os.pwrite(self._descriptor or 0, content[done:], slot * SLOT + done)

    def place(self, block: object) -> Place | None:
        """Tell where something that was handed out is; None for anything else."""
        slot, reference = self._used.get(id(block), (0, None))
        if reference is None or reference() is not block or self.process != os.getpid():
            return None
        return Place(self.process, self._descriptor or 0, slot * SLOT)

    def _release(self, slot: int, key: int, _: object) -> None:
        """Give the pages of a slot back: called when what was handed out dies, wherever that is."""
        if self.process == os.getpid():  # not by a child that lets go of what it inherited
            self._used.pop(key, None)
            segment, start = divmod(slot * SLOT, SEGMENT)
            self._segments[segment].madvise(mmap.MADV_REMOVE, start, SLOT)
            self._free.append(slot)

    def _grow(self) -> bool:
        """Map one more segment; tells whether there is one."""
        start = len(self._segments) * SEGMENT
        try:
            if self._descriptor is None:
                self._descriptor = os.memfd_create("cowtm", os.MFD_CLOEXEC)
                weakref.finalize(self, os.close, self._descriptor)
            os.ftruncate(self._descriptor, start + SEGMENT)
            self._segments.append(mmap.mmap(self._descriptor, SEGMENT, offset=start))
        except (AttributeError, OSError):  # not Linux, or there is no more
            return False
        first = start // SLOT
        self._free.extend(reversed(range(first, first + SEGMENT // SLOT)))
        return True


_POPULATE = 23
"""MADV_POPULATE_WRITE, which Python does not name yet."""


def _private(size: int) -> memoryview:
    try:
        return memoryview(mmap.mmap(-1, size, flags=_PAGES_THERE))
    except OSError as error:
        raise _no_memory(size) from error


def _no_memory(size: int) -> MemoryError:
    return MemoryError(f"the system gives no more memory: {size} bytes")


_PAGES_THERE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)
"""With its pages there from the start, copying into new memory takes two thirds of the time."""
