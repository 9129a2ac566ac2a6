"""Memory of another process, mapped into this one: nothing is copied until somebody writes.

What is written here is seen here only. Linux only, as `cowtm.arena` is.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Sequence
from typing import Self

from cowtm.arena import SLOT, Place
from cowtm.errors import Damaged


class Mapped:
    """The memory that other processes lend.

    Use as a context manager: what was mapped stays, the files are closed.
    """

    def __init__(self) -> None:
        self._files: dict[tuple[int, int], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def read_only(self, place: Place, size: int) -> memoryview:
        """Map some bytes to be read.

        Raises:
            Damaged: the process that lent them is gone.

        """
        mapped = mmap.mmap(
            self._file(place), size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=place.offset
        )
        return memoryview(mapped)

    def in_a_row(self, places: Sequence[Place], size: int) -> int:
        """Map slots one after the other, privately, to be written; what is behind them is empty.

        Args:
            places: of slots; all but the last are whole.
            size: bytes of all together.

        Returns:
            The address. Who gets it gives the memory back, by `give_back`.

        Raises:
            Damaged: the process that lent them is gone.
            MemoryError: the system has no room for it.

        """
        whole = _pages(size)
        start = anonymous(size)
        try:
            for index, count in _runs(places):
                first = index * SLOT
                length = min(count * SLOT, whole - first)
                file, offset = self._file(places[index]), places[index].offset
                _map(start + first, length, _ACCESS, mmap.MAP_PRIVATE | _FIXED, file, offset)
        except BaseException:
            give_back(start, size)
            raise
        return start

    def _file(self, place: Place) -> int:
        key = place.process, place.file
        if key not in self._files:
            try:
                path = f"/proc/{place.process}/fd/{place.file}"
                self._files[key] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                msg = f"the process {place.process} that holds the memory is gone: {error}"
                raise Damaged(msg) from error
        return self._files[key]


def _runs(places: Sequence[Place]) -> list[tuple[int, int]]:
    """Cut places into runs that follow one another in one file; returns first and length."""
    runs: list[tuple[int, int]] = []
    for index, place in enumerate(places):
        if runs:
            first, count = runs[-1]
            before = places[index - 1]
            if place == Place(before.process, before.file, before.offset + SLOT):
                runs[-1] = first, count + 1
                continue
        runs.append((index, 1))
    return runs


def _map(address: int | None, length: int, access: int, flags: int, file: int, offset: int) -> int:  # noqa: PLR0913, PLR0917  as the system's call
    found: int = _mmap(address, length, access, flags, file, offset)
    if found == _FAILED:
        why = os.strerror(ctypes.get_errno())
        raise MemoryError(f"{length} bytes could not be mapped: {why}")
    return found


def anonymous(size: int) -> int:
    """Map memory that belongs to nobody else, all zero; returns its address.

    Raises:
        MemoryError: the system has no room for it.

    """
    return _map(None, _pages(max(size, 1)), _ACCESS, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)


def give_back(address: int, size: int) -> None:
    """Unmap what `in_a_row` or `anonymous` gave."""
    _munmap(address, size)


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


_FAILED = ctypes.c_void_p(-1).value

_ACCESS = mmap.PROT_READ | mmap.PROT_WRITE

_FIXED = 0x10
"""MAP_FIXED on Linux, which Python does not name."""

_mmap = ctypes.CDLL(None, use_errno=True).mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_munmap = ctypes.CDLL(None, use_errno=True).munmap
_munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
