"""numpy arrays: memory in chunks, views that share one root, arrays of objects.

The memory belongs to the *root*, the array that owns it. A view is the root and a place in it
(offset, shape, strides, type), so sharing survives. An array over memory that numpy does not own
and that is not a buffer of ours counts as a root of its own.

Elements of structured arrays and numpy's generators are in `records` and `generators`.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pickle import PickleBuffer
from typing import Any

import numpy as np

from cowtm.chunks import ChunkStore, total, write_back
from cowtm.kinds import elements, generators, records
from cowtm.kinds.adopted import adoption
from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    Layout,
    differ,
    resolved,
)
from cowtm.kinds.lent import Stretch
from cowtm.kinds.places import (
    Memory,
    address,
    bounds,
    bytes_of,
    can_be_written,
    holds_objects,
    is_array,
    is_lent,
    memory_between,
    memory_of,
    root_address,
    root_of,
    set_writeable,
)
from cowtm.kinds.views import view_of_objects
from cowtm.native import SELECT


class Header(ByValue):
    """Where the elements of an array are in its memory, and what they are.

    Attributes:
        shape: length of each axis.
        strides: bytes from one element to the next, for each axis.
        dtype: type of the elements.
        offset: bytes from the beginning of the root's memory to the first element.
        writeable: whether the array may be written through.
        lent: whether what numpy says that its memory belongs to is something of a library's.

    """

    __slots__ = ("dtype", "lent", "offset", "shape", "strides", "writeable")

    def __init__(self, value: Any, offset: int) -> None:
        self.shape: tuple[int, ...] = _shape.__get__(value)
        self.strides: tuple[int, ...] = _strides.__get__(value)
        self.dtype: np.dtype[Any] = _without_memory(_dtype.__get__(value))
        self.writeable: bool = _flags.__get__(value).writeable
        self.offset = offset
        self.lent = False

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        """Take over what was pickled; types of numpy's own are those that it has one of.

        It tells others, as pickle makes them, from these: it views an array instead of taking it.
        """
        for name, held in state[1].items():
            setattr(self, name, held)
        dtype = self.dtype
        if dtype.kind in "biufcO" and dtype.isnative and dtype.metadata is None:
            self.dtype = np.dtype(dtype.char)

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


def _without_memory(dtype: Any) -> Any:
    """Return a type of elements that keeps no memory: that of strings knows where they all are."""
    if dtype.kind != "T":
        return dtype
    known = {"na_object": dtype.na_object} if hasattr(dtype, "na_object") else {}
    return np.dtypes.StringDType(coerce=dtype.coerce, **known)


_array: Any = np.ndarray.__dict__
_shape, _strides, _dtype = _array["shape"], _array["strides"], _array["dtype"]
_flags = _array["flags"]


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
        self._filled: dict[int, weakref.ref[Any]] = {}
        """By identity, arrays that were made with their bytes in them."""

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory of a root; find the place of a view."""
        dtype = _dtype.__get__(value)
        root = root_of(value)
        body: list[Any] = []
        first = address(value)
        if root is not None:
            header = Header(value, first - root_address(root))
            if dtype.kind == "T":
                _view(np.ndarray, header, root)  # or it stays by reference
        else:
            low, high = bounds(value, first)
            header = Header(value, first - low)
            if dtype.hasobject:
                body = elements.read(_flat(value), self.store)
            else:
                body = list(self.store.split(memory_between(low, high), dtype.itemsize))
        header.lent = not dtype.hasobject and is_lent(value, root)
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
        if header.lent:
            memory: Any = _lent(total(slots[4 : 4 + slots[3]]), writeable=header.writeable)
            plain = np.ndarray(header.shape, header.dtype, memory, header.offset, header.strides)
            return plain if cls is np.ndarray else plain.view(cls)
        if _is_packed(header) or 0 in header.shape:
            made = self._taken_over(cls, header, slots[4 : 4 + slots[3]])
            return _packed(cls, header) if made is None else made
        if header.dtype.hasobject:
            return _reordered(cls, header)
        # Axes in any other order, without gaps: an array that owns its memory, as that one did.
        memory = np.asarray(Memory(np.empty(total(slots[4 : 4 + slots[3]]), np.uint8)))
        plain = np.ndarray(header.shape, header.dtype, memory, header.offset, header.strides)
        strided = plain if cls is np.ndarray else plain.view(cls)
        owner = np.empty_like(strided, order="K")
        if _strides.__get__(owner) != header.strides and header.shape and cls is np.ndarray:
            # An axis of length one has a stride too, which `concatenate` and `stack` choose so.
            owner = np.concatenate([strided])
        return owner if _strides.__get__(owner) == header.strides else strided

    def _taken_over(self, cls: type, header: Header, chunks: Sequence[Any]) -> Any:
        """Make an array over memory that holds its bytes already, if there is such."""
        adopt = adoption()
        if header.dtype.hasobject or header.dtype.kind == "T" or not adopt:
            return None
        ready = self.store.ready(chunks)
        if ready is None:
            return None
        order = "C" if _is_c_order(header) else "F"
        try:
            made = adopt.array(cls, (header.shape, header.dtype, order), *ready)
        except MemoryError:
            return None
        self._filled[id(made)] = weakref.ref(made)
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Shape, layout and type can't be changed in place, the bytes can."""
        if type(value) is not self.cls:
            return False
        header: Header = slots[1]
        root = root_of(value)
        if root is not resolved(slots[2]):
            return False
        first = address(value)
        low = bounds(value, first)[0] if root is None else root_address(root)
        live = Header(value, first - low)
        if not live.writeable and header.writeable and not can_be_written(value):
            return False
        live.writeable = header.writeable
        return live.matches(header)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the chunks that differ, or the elements."""
        header: Header = parts[1]
        end = 4 + parts[3]
        body = list(parts[4:end])
        filled = self._filled.pop(id(value), None)
        is_filled = filled is not None and filled() is value
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            displaced: object = None
            if parts[2] is None and header.dtype.hasobject:
                flat = _flat(value)
                displaced = flat.tolist()
                if not flat.flags.writeable:
                    set_writeable(value, wanted=True)
                    flat = _flat(value)
                elements.write(flat, body)
            elif parts[2] is None and not is_filled:
                write_back(memory_of(value), body)
            set_writeable(value, wanted=header.writeable)
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


def _flat(value: Any) -> Any:
    """Return the elements in the order of memory, as one axis, without copying.

    Raises:
        NotCapturable: the array has gaps.

    """
    return elements.in_order_of_memory(np.ndarray.view(value, np.ndarray))


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
    order: Any = "C" if _is_c_order(header) else "F"
    return np.ndarray.__new__(cls, header.shape, header.dtype, order=order)


def _is_c_order(header: Header) -> bool:
    return header.strides == _packed_strides(header.shape, header.dtype.itemsize)


def _reordered(cls: type, header: Header) -> Any:
    """Make an array without gaps that owns its memory, its axes in another order."""
    axes = sorted(range(len(header.shape)), key=lambda axis: -abs(header.strides[axis]))
    packed = np.empty([header.shape[axis] for axis in axes], header.dtype)
    owner = np.empty_like(packed.transpose(np.argsort(axes)), order="K")
    return owner if cls is np.ndarray else owner.view(cls)


def _view(cls: type, header: Header, root: Any) -> Any:
    """Make a view of `root`."""
    if holds_objects(root):
        place = header.shape, header.strides, header.offset
        plain = view_of_objects(root, header.dtype, *place)
    else:
        is_lent = header.lent and is_array(root)
        memory = _as_lent(root, header) if is_lent else bytes_of(root)
        plain = np.ndarray(header.shape, header.dtype, memory, header.offset, header.strides)
    made = plain if cls is np.ndarray else plain.view(cls)
    if is_array(root):  # which may be locked now
        set_writeable(made, wanted=header.writeable)
    else:  # whether it may be written at all is not ours to say
        _flags.__get__(made).writeable = header.writeable
    return made


def _as_lent(root: Any, header: Header) -> Any:
    """View the bytes of an array as a library lends them: numpy does not know whose they are."""
    low, high = bounds(root, address(root))
    writeable = header.writeable or _flags.__get__(root).writeable
    return np.asarray(Stretch(low, high - low, root, writeable=writeable))


def _lent(size: int, *, writeable: bool) -> Any:
    """Make memory that an array may lie in but does not own; what may not be written never may."""
    memory = memoryview(bytearray(size))
    return PickleBuffer(memory if writeable else memory.toreadonly())


class UfuncChoice(Kind):
    """Tells ufuncs made of functions of Python's from those of libraries, which never change."""

    name = "ufunc"
    code = SELECT

    def __init__(self) -> None:
        self.tracked = UfuncKind()

    def select(self, value: Any) -> Kind | None:
        """One that `frompyfunc` made holds the function."""
        return self.tracked if callable(_function_in(value)) else None


class UfuncKind(Kind):
    """What `np.frompyfunc` makes: the function, how many arguments and results, the identity."""

    name = "ufunc"
    cls = np.ufunc
    frozen = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        return [_function_in(value), value.nin, value.nout, value.identity]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it anew."""
        function, nin, nout, identity = parts
        return np.frompyfunc(function, nin, nout, identity=identity)


def _function_in(value: Any) -> Any:
    """Return the function of Python's in a ufunc, None if there is none: numpy tells nobody."""
    held = gc.get_referents(value)
    return held[0] if held and value.__name__.endswith(" (vectorized)") else None


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of numpy's, or None."""
    if issubclass(cls, np.ndarray):
        return ArrayKind(cls, store)
    if cls is np.ufunc:
        return UfuncChoice()
    return records.kind_for(cls, store) or generators.kind_for(cls)


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable: scalars but for records are."""
    if issubclass(cls, np.generic):
        return not issubclass(cls, np.void)
    return issubclass(cls, np.dtype) or cls is type(np.ma.masked)
