"""Raw memory of the standard library: bytearray, array.array, memoryview."""

from __future__ import annotations

import array
import math
import struct
import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from cowtm.chunks import Chunk, ChunkStore, total, write_back
from cowtm.kinds.base import Commit, Kind, Layout, NotCapturable
from cowtm.native import Node


class BytesKind(Kind):
    """bytearray or array.array and what derives from them.

    Parts: class, type code or None, number of chunks, chunks, attributes.
    """

    name = "buffer"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store
        self.is_array = issubclass(cls, array.array)

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory; store what is new."""
        with memoryview(value) as view, view.cast("B") as memory:
            chunks = self.store.split(memory, view.itemsize)
        code = _typecode.__get__(value) if self.is_array else None
        return [type(value), code, len(chunks), *chunks, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare type codes, and numbers of chunks."""
        return type(old) is type(new) and type(old) in (int, str) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and type code are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make it as long as it was: a memoryview of it may come before it is filled."""
        size = total(slots[3 : 3 + slots[2]])
        if self.is_array:
            with warnings.catch_warnings():  # "u" is on its way out; the user has heard of it
                warnings.simplefilter("ignore", DeprecationWarning)
                return array.array.__new__(parts[0], parts[1], bytes(size))
        made: bytearray = bytearray.__new__(parts[0])
        bytearray.extend(made, bytes(size))
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Another length needs that nobody holds its memory; the type code can't change."""
        cls: Any = self.cls
        if type(value) is not cls or (self.is_array and _typecode.__get__(value) != slots[1]):
            return False
        if not self.resizes(value, slots):
            return True
        base: Any = array.array if self.is_array else bytearray
        try:
            base.append(value, "\0" if self.is_array and slots[1] in "uw" else 0)
            base.pop(value)
        except (BufferError, TypeError):
            return False
        return True

    def resizes(self, value: Any, slots: Sequence[Any]) -> bool:
        """Compare lengths."""
        with memoryview(value) as view:
            return view.nbytes != total(slots[3 : 3 + slots[2]])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the bytes that differ."""
        end = 3 + parts[2]
        chunks: list[Chunk] = list(parts[3:end])
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            with memoryview(value) as view:
                size = view.nbytes
            if size != total(chunks):
                whole = b"".join(chunk.read() for chunk in chunks)
                if self.is_array:
                    array.array.__delitem__(value, slice(None))
                    array.array.frombytes(value, whole)
                else:
                    bytearray.__setitem__(value, slice(None), whole)
            else:
                with memoryview(value) as view, view.cast("B") as memory:
                    write_back(memory, chunks)
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell the length, or how many chunks changed."""
        return account_of_chunks(old[3 : 3 + old[2]], new[3 : 3 + new[2]])


def account_of_chunks(before: Sequence[Chunk], after: Sequence[Chunk]) -> str:
    """Tell how the length of some memory changed, or how many of its chunks did."""
    if total(before) != total(after):
        return f"{total(before)} to {total(after)} bytes"
    changed = sum(a is not b for a, b in zip(before, after, strict=True))
    return f"{changed} of {len(after)} chunks changed"


_typecode: Any = array.array.__dict__["typecode"]


class MemoryviewKind(Kind):
    """A memoryview: what it views, and where in it.

    Parts: the object, offset, format, shape, strides, whether it is read-only; of one that was
    released, that. One that skips elements in another axis than the first stays by reference.
    """

    name = "memoryview"
    by_value = True
    views = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read object and place."""
        if _is_released(value):
            return [_RELEASED]
        place = _place(value)
        if value.obj is None or not _is_made_alike(value.obj, place):
            msg = "a memoryview that skips elements in more than its first axis"
            raise NotCapturable(msg)
        return [value.obj, *place]

    def same(self, old: object, new: object) -> bool:
        """Compare places."""
        return type(old) is type(new) and type(old) in (int, str, bool) and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """What is viewed must be there."""
        return len(slots)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """View anew."""
        if len(parts) == 1:
            over = memoryview(b"")
            over.release()
            return over
        target, *place = parts
        return _view(target, tuple(place))

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """One that is released stays so; another can be released, but views nothing else."""
        if len(slots) == 1 or _is_released(value):
            return len(slots) == 1
        viewed = slots[0].object if type(slots[0]) is Node else slots[0]
        return value.obj is viewed and list(_place(value)) == list(slots[1:])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare releasing it, if it is to be."""
        if len(parts) > 1:
            return list
        return cast("Commit", value.release)


_RELEASED = "released"


def _is_released(value: memoryview) -> bool:
    try:
        value.readonly  # noqa: B018  asking a released one is an error
    except ValueError:
        return True
    return False


Place = tuple[int, str, str, str, bool]
"""Where a memoryview is in what it views, and as what: offset, format, shape, strides, read-only.

Shape and strides as texts: a tuple would be an object."""


def _place(value: memoryview) -> Place:
    offset = _first_byte(value) - _first_byte(memoryview(value.obj)) if value.nbytes else 0
    return offset, value.format, str(value.shape), str(value.strides), value.readonly


def _first_byte(value: memoryview) -> int:
    """Return where the first element of a memoryview is."""
    array_ = np.asarray(value)
    address: int = array_.__array_interface__["data"][0]
    return address


def _is_made_alike(target: Any, place: Place) -> bool:
    """Tell whether a memoryview at a place can be made anew."""
    try:
        return _place(_view(target, place)) == place
    except (TypeError, ValueError, NotImplementedError, struct.error):
        return False


def _view(target: Any, place: Place) -> Any:
    """View a place in an object."""
    offset, form, shape, strides, readonly = place
    whole: Any = memoryview(target)
    if (str(whole.shape), str(whole.strides), whole.format) == (shape, strides, form):
        view = whole
    elif not _numbers(shape):
        view = whole.cast("B")[offset : offset + struct.calcsize(form)].cast(form, [])
    elif 0 in _numbers(shape):
        view = whole.cast("B")[:0].cast(form)
    else:
        view = _rows(whole, offset, form, _numbers(shape), _numbers(strides)[0])
    return view.toreadonly() if readonly and not view.readonly else view


def _rows(whole: Any, offset: int, form: str, shape: list[int], step: int) -> Any:
    """View elements, or rows of them, that follow one another at equal distances."""
    same = whole.format == form and whole.ndim == len(shape) == 1
    row = whole.strides[0] if same else struct.calcsize(form) * math.prod(shape[1:])
    rows = (shape[0] - 1) * abs(step // row) + 1
    low = offset + min(0, (shape[0] - 1) * step)
    if same:
        plain = whole[low // row : low // row + rows]
    else:
        plain = whole.cast("B")[low : low + rows * row]
        plain = plain.cast(form, [rows, *shape[1:]]) if len(shape) > 1 else plain.cast(form)
    return plain if step == row else plain[:: step // row]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.strip("()").split(",") if number]


def address_of(value: Any) -> int:
    """Return where the memory of a buffer begins."""
    array_ = np.frombuffer(value, np.uint8)
    address: int = array_.__array_interface__["data"][0]
    return address
