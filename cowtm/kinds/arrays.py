"""numpy arrays: memory in chunks, views that share one root, arrays of objects.

The memory belongs to the *root*, the array that owns it. A view is the root and a place in it
(offset, shape, strides, type), so sharing survives. An array over memory that numpy does not own
and that is not a buffer of ours counts as a root of its own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from cowtm.chunks import ChunkStore, total, write_back
from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    Layout,
    NotCapturable,
    differ,
    resolved,
)
from cowtm.kinds.buffers import address_of

BUFFERS = (bytes, bytearray, memoryview)
"""Objects that may stand under an array as its memory."""


class Header(ByValue):
    """Where the elements of an array are in its memory, and what they are.

    Attributes:
        shape: length of each axis.
        strides: bytes from one element to the next, for each axis.
        dtype: type of the elements.
        offset: bytes from the beginning of the root's memory to the first element.
        writeable: whether the array may be written through.

    """

    __slots__ = ("dtype", "offset", "shape", "strides", "writeable")

    def __init__(self, value: Any, offset: int) -> None:
        self.shape: tuple[int, ...] = _shape.__get__(value)
        self.strides: tuple[int, ...] = _strides.__get__(value)
        self.dtype: np.dtype[Any] = _dtype.__get__(value)
        self.writeable: bool = _flags.__get__(value).writeable
        self.offset = offset

    def key(self) -> tuple[object, ...]:
        """Return what two headers are compared by."""
        return self.shape, self.strides, self.offset, self.writeable

    def matches(self, other: Any) -> bool:
        """Tell whether the two say the same."""
        return bool(
            self.key() == other.key()
            and self.dtype == other.dtype
            and self.dtype.metadata == other.dtype.metadata
        )

    def text(self) -> str:
        """Give shape and type in words."""
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'scalar'}"


_array: Any = np.ndarray.__dict__
_shape, _strides, _dtype = _array["shape"], _array["strides"], _array["dtype"]
_flags, _base = _array["flags"], _array["base"]


class ArrayKind(Kind):
    """ndarray and what derives from it.

    Parts: class, header, the root (None if it is one itself), number of chunks or elements, those,
    attributes.
    """

    name = "array"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store
        self.calls = cls is not np.ndarray

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory of a root; find the place of a view."""
        dtype = _dtype.__get__(value)
        root = root_of(value)
        body: list[Any] = []
        first = address(value)
        if root is not None:
            header = Header(value, first - _root_address(root))
        else:
            low, high = _bounds(value, first)
            header = Header(value, first - low)
            if dtype.hasobject:
                if dtype.kind not in "OT":
                    msg = "a structured array that holds objects"
                    raise NotCapturable(msg)
                body = np.ndarray.tolist(_flat(value))
            else:
                body = list(self.store.split(_memory(low, high), dtype.itemsize))
        return [type(value), header, root, len(body), *body, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare headers, lengths, and strings of arrays of strings."""
        if type(old) is not type(new):
            return False
        if type(old) is Header and type(new) is Header:
            return old.matches(new)
        return type(old) in (int, str) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class, place and root must exist."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make an array laid out as it was; a view views its root."""
        cls, header, root = parts[:3]
        if root is not None:
            return _view(cls, header, root)
        if _is_packed(header) or 0 in header.shape:
            return _packed(cls, header)
        if header.dtype.hasobject:
            flat = np.empty(slots[3], header.dtype)
        else:
            flat = np.empty(total(slots[4 : 4 + slots[3]]), np.uint8)
        strided = _strided(cls, header, flat)
        # Axes in any other order, without gaps: an array that owns its memory, as that one did.
        owner = np.empty_like(strided, order="K")
        return owner if _strides.__get__(owner) == header.strides else strided

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Shape, layout and type can't be changed in place, the bytes can."""
        if type(value) is not self.cls:
            return False
        header: Header = slots[1]
        root = root_of(value)
        if root is not resolved(slots[2]):
            return False
        first = address(value)
        low = _bounds(value, first)[0] if root is None else _root_address(root)
        live = Header(value, first - low)
        live.writeable = header.writeable
        return live.matches(header)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the chunks that differ, or the elements."""
        header: Header = parts[1]
        end = 4 + parts[3]
        body = list(parts[4:end])
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            displaced: object = None
            flags = _flags.__get__(value)
            if header.dtype.hasobject and parts[2] is None:
                flat = _flat(value)
                displaced = flat.tolist()
                locked = not flat.flags.writeable
                if locked:
                    flags.writeable = True
                    flat = _flat(value)
                for index, item in enumerate(body):
                    flat[index] = item
            elif parts[2] is None:
                write_back(memory_of(value), body)
            if flags.writeable != header.writeable:
                flags.writeable = header.writeable
            return displaced, attributes()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell class, type and shape."""
        return f"{self.cls.__name__} {slots[1].text()}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell shape and type, or how much changed."""
        before: Header = old[1]
        after: Header = new[1]
        if before.text() != after.text():
            return f"{before.text()} to {after.text()}"
        left, right = old[4 : 4 + old[3]], new[4 : 4 + new[3]]
        if after.dtype.hasobject:
            changed = sum(map(differ, left, right))
            return f"{changed} of {len(right)} elements changed"
        pairs = [(a, b) for a, b in zip(left, right, strict=False) if a is not b]
        width = max(after.dtype.itemsize, 1)
        count = sum(_differing(a.read(), b.read(), width) for a, b in pairs)
        if not pairs:
            return "layout or attributes changed"
        return f"{count} of {int(np.prod(after.shape))} elements changed"


def _differing(left: memoryview, right: memoryview, width: int) -> int:
    """Count the elements that differ between two chunks."""
    whole = len(left) // width * width
    if len(left) != len(right) or not whole:
        return 1
    a, b = (np.frombuffer(side[:whole], np.uint8).reshape(-1, width) for side in (left, right))
    return int((a != b).any(axis=1).sum())


def root_of(value: Any) -> Any:
    """Return what owns the memory of an array, None if it does itself.

    Arrays over mapped files raise: their memory is the file.
    """
    base = _base.__get__(value)
    if base is None:
        return None
    while True:
        if type(base).__name__ == "DummyArray" and hasattr(base, "base"):
            below = base.base
        elif _is_array(base):
            below = _base.__get__(base)
        elif isinstance(base, memoryview) and isinstance(base.obj, np.ndarray):
            below = base.obj
        else:
            break
        if below is None:
            return base if _is_array(base) else None
        base = below
    while type(base) is memoryview and base.obj is not None:
        base = base.obj
    if type(base).__name__ == "mmap":
        msg = "an array mapped from a file"
        raise NotCapturable(msg)
    if isinstance(base, BUFFERS) or type(base).__name__ == "array":
        return base
    return None


def _is_array(value: Any) -> bool:
    return issubclass(type(value), np.ndarray)  # isinstance would ask the object


def address(value: Any) -> int:
    """Return where the first element is."""
    where: int = _array["__array_interface__"].__get__(value)["data"][0]
    return where


def _root_address(root: Any) -> int:
    if _is_array(root):
        return _bounds(root, address(root))[0]
    return address_of(root)


def _bounds(value: Any, start: int) -> tuple[int, int]:
    """Return where the memory of an array, whose first element is at `start`, begins and ends."""
    flags = _flags.__get__(value)
    if flags.c_contiguous or flags.f_contiguous:
        return start, start + _array["nbytes"].__get__(value)
    if 0 in _shape.__get__(value):
        return start, start
    low, high = byte_bounds(value)
    return low, high


def memory_of(value: Any) -> memoryview:
    """Return the memory of an array as writeable bytes, whatever its type, layout and flags.

    The view is only good while the array lives.
    """
    return _memory(*_bounds(value, address(value)))


def _memory(low: int, high: int) -> memoryview:
    if low == high:
        return memoryview(bytearray())
    return memoryview((ctypes.c_ubyte * (high - low)).from_address(low)).cast("B")


def _flat(value: Any) -> Any:
    """Return the elements in the order of memory, as one axis, without copying.

    Raises:
        NotCapturable: the array has gaps.

    """
    plain = np.ndarray.view(value, np.ndarray)
    flags = plain.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        msg = "an array of objects with gaps"
        raise NotCapturable(msg)
    return (plain if flags.c_contiguous else plain.T).reshape(-1)


def _is_packed(header: Header) -> bool:
    """Tell whether rows or columns follow one another without gaps."""
    return header.strides in (
        _packed_strides(header.shape, header.dtype.itemsize),
        _packed_strides(header.shape[::-1], header.dtype.itemsize)[::-1],
    )


def _packed_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides = []
    step = itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def _packed(cls: type, header: Header) -> Any:
    """Make an array that owns packed memory."""
    c_order = header.strides == _packed_strides(header.shape, header.dtype.itemsize)
    return np.ndarray.__new__(cls, header.shape, header.dtype, order="C" if c_order else "F")


def _strided(cls: type, header: Header, flat: Any) -> Any:
    """Make an array with gaps or negative steps over memory of its own."""
    if header.dtype.hasobject:
        offset = header.offset // header.dtype.itemsize
        plain = _over_objects(header, flat, offset)
    else:
        plain = np.ndarray(header.shape, header.dtype, flat, header.offset, header.strides)
    return plain if cls is np.ndarray else plain.view(cls)


def _over_objects(header: Header, flat: Any, offset: int) -> Any:
    from numpy.lib.stride_tricks import as_strided  # noqa: PLC0415  only views of objects need it

    return as_strided(flat[offset:], header.shape, header.strides)


def _view(cls: type, header: Header, root: Any) -> Any:
    """Make a view of `root`."""
    if not _is_array(root):
        plain = np.ndarray(header.shape, header.dtype, root, header.offset, header.strides)
    elif header.dtype.hasobject:
        plain = _over_objects(header, _flat(root), header.offset // header.dtype.itemsize)
    elif not header.shape or 0 not in header.shape:
        plain = np.ndarray(header.shape, header.dtype, _bytes(root), header.offset, header.strides)
    else:
        plain = np.ndarray.view(root, np.ndarray).reshape(-1)[:0].view(header.dtype)
        plain = plain.reshape(header.shape)
    made = plain if cls is np.ndarray else plain.view(cls)
    if made.flags.writeable and not header.writeable:
        made.flags.writeable = False
    return made


def _bytes(root: Any) -> Any:
    """View the whole memory of an array that owns it, as bytes."""
    plain = np.ndarray.view(root, np.ndarray)
    flags = plain.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        msg = "a view of an array with gaps"
        raise NotCapturable(msg)
    return (plain if flags.c_contiguous else plain.T).reshape(-1).view(np.uint8)


class RecordKind(Kind):
    """numpy.void: one element of a structured array, which may view the array it was taken from.

    Parts: class, header, the root (None if it has memory of its own), the bytes (None if not).
    """

    name = "record"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Find the place in the root, or copy the bytes."""
        dtype = value.dtype
        if dtype.hasobject:
            msg = "a record that holds objects"
            raise NotCapturable(msg)
        base = value.base
        if base is None:
            return [type(value), dtype, None, value.tobytes()]
        owner = root_of(base)
        root = base if owner is None else owner
        offset = value.__array_interface__["data"][0] - _root_address(root)
        return [type(value), dtype, root, offset]

    def same(self, old: object, new: object) -> bool:
        """Compare types of elements, places and bytes."""
        return type(old) is type(new) and isinstance(old, bytes | int | np.dtype) and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """All of it is given at birth."""
        return len(slots)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Take it from its root, or from bytes of its own."""
        cls, dtype, root, where = parts
        if root is None:
            return np.frombuffer(where, (cls, dtype))[0].copy()
        memory = _bytes(root) if _is_array(root) else root
        return np.ndarray((1,), (cls, dtype), memory, where)[0]

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Only its own bytes can be put back in place."""
        live = self.parts(value)
        return live[1] == slots[1] and (
            live[2] is None is slots[2] or (live[2] is resolved(slots[2]) and live[3] == slots[3])
        )

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the bytes, if they are its own."""
        if parts[2] is not None:
            return lambda: None
        made = self.create(parts, parts)

        def commit() -> object:
            for name in made.dtype.names or ():
                value[name] = made[name]
            return None

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that its fields changed."""
        return "its fields changed"


class RandomStateKind(Kind):
    """numpy.random.RandomState, the global one too: its whole state."""

    name = "random state"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Read the state."""
        state = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            bits = value._bit_generator  # noqa: SLF001  there is no public way to it
            return [state["bit_generator"], bits, state["has_gauss"], state["gauss"]]
        inner = state["state"]
        return [
            state["bit_generator"],
            inner["key"].tobytes(),
            inner["pos"],
            state["has_gauss"],
            state["gauss"],
        ]

    def same(self, old: object, new: object) -> bool:
        """Compare the state's numbers."""
        return type(old) is type(new) and type(old) in (bytes, int, float, str) and old == new

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with any state."""
        return self.cls(0)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the state."""
        if len(parts) != 5:  # noqa: PLR2004  the bit generator is an object of its own
            state = value.get_state(legacy=False)
            state["has_gauss"], state["gauss"] = parts[2:4]
            return lambda: value.set_state(state)
        name, key, pos, has_gauss, gauss = parts
        state = {
            "bit_generator": name,
            "state": {"key": np.frombuffer(key, np.uint32), "pos": pos},
            "has_gauss": has_gauss,
            "gauss": gauss,
        }
        return lambda: value.set_state(state)

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of numpy's, or None."""
    if issubclass(cls, np.ndarray):
        return ArrayKind(cls, store)
    if issubclass(cls, np.void):
        return RecordKind(cls)
    if cls is np.random.RandomState:
        return RandomStateKind(cls)
    return None


LEAVES: tuple[type, ...] = (np.dtype, np.ufunc)
"""Immutable types of numpy's; scalars that are not structured are leaves too."""


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable."""
    if issubclass(cls, np.generic):
        return not issubclass(cls, np.void)
    return issubclass(cls, LEAVES) or cls is type(np.ma.masked)
