"""Mappings of frames for tests: real files, and disks that refuse, meddle or count."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from zict import File

from cowtm.generations import Key


class Files(MutableMapping[Key, bytes]):
    """Keeps each frame in a file."""

    def __init__(self, folder: Path) -> None:
        self._files: Any = File(folder, memmap=False)

    def __getitem__(self, key: Key) -> bytes:
        return bytes(self._files[_name(key)])

    def __setitem__(self, key: Key, frame: bytes) -> None:
        self._files[_name(key)] = frame

    def __delitem__(self, key: Key) -> None:
        del self._files[_name(key)]

    def __iter__(self) -> Iterator[Key]:
        for name in self._files:
            digest, _, size = name.partition("-")
            yield bytes.fromhex(digest), int(size)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, key: object) -> bool:
        return _name(key) in self._files


def _name(key: Any) -> str:
    digest, size = key
    return f"{digest.hex()}-{size}"


class Measuring(dict[Key, bytes]):
    """A disk that tells lengths without being read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def __getitem__(self, key: Key) -> bytes:
        self.reads += 1
        return super().__getitem__(key)

    def length(self, key: Key) -> int:
        """Return bytes of a frame."""
        return len(super().__getitem__(key))


class FullDisk(dict[Key, bytes]):
    """A disk with so many bytes of room, that says so when they are used up."""

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room

    def __setitem__(self, key: Key, frame: bytes) -> None:
        if sum(map(len, self.values())) + len(frame) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().__setitem__(key, frame)

    def update(self, frames: Mapping[Key, bytes]) -> None:  # type: ignore[override]
        """Write one after the other, as far as it goes."""
        for key, frame in frames.items():
            self[key] = frame


class Meddling(dict[Key, bytes]):
    """A disk that lets something happen while it is asked or written."""

    def __init__(self) -> None:
        super().__init__()
        self.when_asked: Callable[[], object] = _nothing
        self.when_written: Callable[[], object] = _nothing
        self.written: list[Key] = []

    def __contains__(self, key: object) -> bool:
        self.when_asked()
        return super().__contains__(key)

    def update(self, frames: Mapping[Key, bytes]) -> None:  # type: ignore[override]
        """Write, then let it happen."""
        super().update(frames)
        self.written += frames
        self.when_written()


def _nothing() -> None:
    """Let nothing happen."""
