"""Arrow's C data interface: how a library that keeps its data as Arrow does lends it, in C structs.

Only what is lent is read here, never written or called back; who lends it takes it back when the
capsule dies. https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html
say what the structs are; their layout never changes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cowtm.kinds.base import NotCapturable


class Array(ctypes.Structure):
    """``struct ArrowArray``: some elements."""


class Schema(ctypes.Structure):
    """``struct ArrowSchema``: their type."""


class Stream(ctypes.Structure):
    """``struct ArrowArrayStream``: gives arrays of one type."""


Array._fields_ = [  # it points to its like
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))),
    ("dictionary", ctypes.POINTER(Array)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
    ("private_data", ctypes.c_void_p),
]
Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(Schema))),
    ("dictionary", ctypes.POINTER(Schema)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
    ("private_data", ctypes.c_void_p),
]
Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)),
    ("get_last_error", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def array_in(capsule: object) -> Any:
    """Return the array in a capsule that ``__arrow_c_array__`` gave, good while that lives."""
    return Array.from_address(_pointer_of(capsule, b"arrow_array"))


def schema_in(capsule: object) -> Any:
    """Return the type in a capsule that ``__arrow_c_schema__`` gave, good while that lives."""
    return Schema.from_address(_pointer_of(capsule, b"arrow_schema"))


@contextmanager
def lent(capsule: object) -> Iterator[tuple[Any, list[Any]]]:
    """Give the schema and the arrays of a capsule that ``__arrow_c_stream__`` gave.

    Raises:
        NotCapturable: who lends them failed.

    """
    stream = Stream.from_address(_pointer_of(capsule, b"arrow_array_stream"))
    schema, arrays = Schema(), list[Any]()
    _must_be_zero(stream.get_schema(ctypes.addressof(stream), ctypes.addressof(schema)))
    try:
        while True:
            array = Array()
            _must_be_zero(stream.get_next(ctypes.addressof(stream), ctypes.addressof(array)))
            if not array.release:
                break
            arrays.append(array)
        yield schema, arrays
    finally:
        for given in (*arrays, schema):
            if given.release:
                given.release(ctypes.addressof(given))


def _must_be_zero(code: int) -> None:
    if code:
        raise NotCapturable(f"its library lends no view of its data (error {code})")


def regions(schema: Any, array: Any) -> Iterator[tuple[int, int]]:
    """Give address and size of all memory that an array lies in.

    Raises:
        NotCapturable: it is of a type that is not known here.

    """
    kind = schema.format.decode()
    end = array.offset + array.length
    buffers = [array.buffers[index] or 0 for index in range(array.n_buffers)]
    sizes = list(_sizes(kind, end, buffers))
    yield from ((at, size) for at, size in zip(buffers, sizes, strict=True) if at and size)
    for index in range(array.n_children):
        yield from regions(schema.children[index].contents, array.children[index].contents)
    if array.dictionary:
        yield from regions(schema.dictionary.contents, array.dictionary.contents)


def _sizes(kind: str, end: int, buffers: list[int]) -> Iterator[int]:
    """Give the bytes of each buffer up to an element."""
    if kind in ("n", "+r"):
        yield from (0 for _ in buffers)
        return
    if kind.startswith("+u"):
        yield from (end, 4 * end)[: len(buffers)]
        return
    yield -(-end // 8)  # a bit for each element that is no null
    if kind in WIDTHS:
        yield -(-end * WIDTHS[kind] // 8)
    elif kind[0] in "dwt" or kind in WIDE:
        yield end * _width(kind)
    elif kind in ("u", "z", "U", "Z", "+l", "+m", "+L"):
        width = 8 if kind in ("U", "Z", "+L") else 4
        yield (end + 1) * width
        if len(buffers) == _OFFSETS_AND_DATA:
            last = buffers[1] + end * width
            yield int.from_bytes((ctypes.c_char * width).from_address(last), "little")
    elif kind in ("vu", "vz"):
        yield 16 * end
        count = len(buffers) - _OFFSETS_AND_DATA
        if count > 0:
            yield from (ctypes.c_int64 * count).from_address(buffers[-1])
        yield 8 * count
    elif kind in ("+vl", "+vL"):
        yield from (end * (4 if kind == "+vl" else 8),) * 2
    elif kind != "+s" and not kind.startswith("+w"):
        raise NotCapturable(f"elements of a type that is not known here ({kind})")


def _width(kind: str) -> int:
    """Return the bytes of an element: of decimals, bytes of one length, dates and times."""
    if kind.startswith("d:"):
        bits = kind.partition(":")[2].split(",")
        return int(bits[2]) // 8 if len(bits) > 2 else 16  # noqa: PLR2004  digits, scale, bits
    if kind.startswith("w:"):
        return int(kind[2:])
    if kind in WIDE:
        return 16
    return 4 if kind in ("tdD", "tts", "ttm", "tiM") else 16 if kind == "tin" else 8


WIDTHS = {"b": 1, "c": 8, "C": 8, "s": 16, "S": 16, "i": 32, "I": 32, "l": 64, "L": 64}
WIDTHS |= {"e": 16, "f": 32, "g": 64}
"""Format of a type -> bits of an element."""

WIDE = ("_pli128", "_plu128")
"""Formats of polars' own: numbers of 128 bits."""

_OFFSETS_AND_DATA = 3
"""Buffers of strings: bits of nulls, offsets or views, data."""


def bytes_at(address: int, size: int) -> memoryview:
    """View memory as bytes; only good while it is there."""
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
