"""Arrays of numpy's that own memory which was there before them.

numpy lets a program say how the memory of arrays is had and given back: by a *handler*, which each
array remembers. One array is made under a handler that gives the memory it is told, and gives it
back to the system; so the array owns its memory as any other does, and nothing was copied.

The handler is called when an array dies, wherever that is, so it is made of functions in C: to give
memory back it is the system's own function, whose first argument is the number of what is asked.
Source: numpy's C-API, data memory policies (NEP 49).
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
import threading
from typing import Any

import numpy as np

from cowtm.mapping import anonymous, give_back

_MUNMAP = {"x86_64": 11, "aarch64": 215}
"""What Linux calls the giving back of mapped memory, by machine."""

_SET_HANDLER = 304
"""Where numpy's table of functions has `PyDataMem_SetHandler`, since numpy 1.22."""

_NEW = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_NEW_CLEAR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_RENEW = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Handler(ctypes.Structure):
    """numpy's `PyDataMem_Handler`."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("new", _NEW),
        ("new_clear", _NEW_CLEAR),
        ("renew", _RENEW),
        ("free", ctypes.c_void_p),
    )


class Adoption:
    """Makes arrays over memory that is there.

    Raises:
        OSError: numpy or the system is not as known.

    """

    def __init__(self) -> None:
        number = _MUNMAP.get(platform.machine())
        if sys.platform != "linux" or number is None:
            raise OSError("memory is given back in another way here")
        self._given: tuple[int, int] | None = None
        self._lock = threading.Lock()
        syscall = ctypes.cast(ctypes.CDLL(None).syscall, ctypes.c_void_p)
        self._handler = _Handler(
            *(b"cowtm", 1, number),
            *(_NEW(self._new), _NEW_CLEAR(self._new_clear), _RENEW(_none), syscall),
        )
        # The last arrays die after everything of Python's.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._handler))
        make: Any = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
        self._capsule = make(ctypes.addressof(self._handler), b"mem_handler", None)
        self._set = _function(_SET_HANDLER)

    def array(
        self, cls: type, place: tuple[tuple[int, ...], Any, Any], address: int, size: int
    ) -> Any:
        """Make an array that owns the memory at an address, which was mapped by itself.

        Args:
            cls: its class.
            place: shape, type of the elements, order.
            address: of the memory; if no array can be made it is given back.
            size: bytes.

        Raises:
            MemoryError: numpy wants other memory.

        """
        shape, dtype, order = place
        with self._lock:
            self._given = address, size
            before = self._set(self._capsule)
            try:
                return np.ndarray.__new__(cls, shape, dtype, order=order)
            except BaseException:
                # When `__array_finalize__` raises, numpy lets go of the handler twice.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._capsule))
                raise
            finally:
                self._set(before)
                if self._given is not None:
                    self._given = None
                    give_back(address, size)

    def _new(self, _: int, size: int) -> int | None:
        """Give the memory that is there; to what a class's own code makes besides, some more."""
        if self._given is None:
            return _more(size)
        address, given = self._given
        if given != size:
            return None
        self._given = None
        return address

    def _new_clear(self, _: int, count: int, size: int) -> int | None:
        return None if self._given is not None else _more(count * size)


def _more(size: int) -> int | None:
    """Map memory, all zero."""
    try:
        return anonymous(size)
    except MemoryError:
        return None


def _none(*_: object) -> None:
    """Give no memory: no array that is recorded changes its size in place."""


def _function(index: int) -> Any:
    """Return a function of numpy's table that takes and gives an object."""
    pointer: Any = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = pointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]  # noqa: SLF001  which C code imports
    functions = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[index])


@functools.cache
def adoption() -> Adoption | None:
    """Give what makes arrays over memory that is there; None where that can't be done."""
    try:
        return Adoption()
    except (OSError, AttributeError):
        return None
