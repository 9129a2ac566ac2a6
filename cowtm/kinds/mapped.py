"""Memory mapped by `mmap`: anonymous memory is recorded like a buffer; a file is the user's."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cowtm.chunks import Chunk, ChunkStore, write_back
from cowtm.kinds.base import Commit, Kind, Layout, NotCapturable
from cowtm.kinds.buffers import account_of_chunks, address_of
from cowtm.kinds.reference import ReferenceKind


class MappedKind(Kind):
    """mmap.mmap: class, length, number of chunks, chunks, position, attributes."""

    name = "mapped memory"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory; store what is new."""
        if not is_anonymous(value):
            msg = "it maps a file"
            raise NotCapturable(msg)
        with memoryview(value) as memory:
            if not _can_be_read(memory):
                msg = "it was made longer than the memory that there is"
                raise NotCapturable(msg)
            chunks = self.store.split(memory)
        head = [type(value), _length(value), len(chunks), *chunks]
        return [*head, mmap.mmap.tell(value), *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare lengths and positions."""
        return type(old) is type(new) is int and old == new

    def refuse(self, value: Any, error: Exception) -> Kind:  # noqa: ARG002
        """A mapped file is let go when the user lets go of it."""
        return ReferenceKind(f"mapped memory ({error})", resource=True)

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and length are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Map as much memory."""
        return mmap.mmap.__new__(parts[0], -1, parts[1])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The length can't be changed while others are over the memory."""
        return type(value) is self.cls and _length(value) == slots[1]

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the chunks that differ, and the position."""
        end = 3 + parts[2]
        chunks: list[Chunk] = list(parts[3:end])
        position = parts[end]
        attributes = self.layout.plan(value, parts[end + 1 :])

        def commit() -> object:
            with memoryview(value) as memory:
                write_back(memory, chunks)
            mmap.mmap.seek(value, position)
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell the length, or how many chunks changed."""
        return account_of_chunks(old[3 : 3 + old[2]], new[3 : 3 + new[2]])


def _length(value: Any) -> int:
    return mmap.mmap.__len__(value)


def _can_be_read(memory: memoryview) -> bool:
    """Tell whether reading is safe: Linux ends a process that reads where there is no memory.

    Shared memory that `mmap.resize` made longer has none in its new part. The system is asked to
    read for us: it says no where it would have ended us.
    """
    if sys.platform != "linux":
        return True
    try:
        with Path("/proc/self/mem").open("rb", buffering=0) as all_memory:
            return bool(os.pread(all_memory.fileno(), 1, address_of(memory) + len(memory) - 1))
    except OSError:
        return False


def is_anonymous(value: Any) -> bool:
    """Tell whether mapped memory is backed by no file: such a one has no file to ask for a size.

    Where the system answers all the same it counts as a file.
    """
    try:
        mmap.mmap.size(value)
    except OSError:
        return True
    except ValueError:  # closed, or the file is not kept open
        return False
    return False


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of mapped memory."""
    return MappedKind(cls, store) if issubclass(cls, mmap.mmap) else None


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Tell that nothing of `mmap` is immutable."""
    return False
