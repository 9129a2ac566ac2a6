"""pyarrow: arrays, tables and buffers, as places in memory that they share.

All of them but resizable buffers never change; the memory in which they lie may, by way of numpy or
of a buffer. So an object is read once, as its type and its places in stretches of memory. These are
arrays of numpy's (`cowtm.kinds.lent`), or what the user has: the array or the bytes that arrow's
memory was made over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from cowtm.chunks import total, write_back
from cowtm.kinds.arrow_memory import Memories, Place
from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    NotCapturable,
)
from cowtm.kinds.lending import array_in
from cowtm.kinds.lent import STRETCHES
from cowtm.kinds.places import Memory, bytes_of, is_array
from cowtm.native import Node

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore

Piece: TypeAlias = tuple[int, int, int, tuple[Place | None, ...], tuple[Any, ...], Any]
"""An array without its type: length, nulls (-1: not counted), offset, buffers, children (pieces),
dictionary (a piece, or None)."""


class Form(ByValue):
    """What an object of arrow's is, but for the memory: its type and its pieces.

    Attributes:
        type: of the elements, or the schema; None for a buffer.
        pieces: of an array the one piece, of a chunked array its chunks, of a table those of each
            column, of a batch its columns; of a buffer its place.
        length: number of elements, rows or bytes.

    """

    __slots__ = ("length", "pieces", "type")

    def __init__(self, type_: Any, pieces: tuple[Any, ...], length: int) -> None:
        self.type = type_
        self.pieces = pieces
        self.length = length

    @property
    def shape(self) -> tuple[int]:
        """The number of elements, as numpy says it."""
        return (self.length,)

    def matches(self, other: Any) -> bool:
        """Tell whether two are alike."""
        mine, theirs = (self.type, self.pieces), (other.type, other.pieces)
        return bool(self.length == other.length and mine == theirs)


class ArrowKind(Kind):
    """An array, chunked array, table, batch or buffer: class, form, memories."""

    name = "arrow"
    frozen = True
    whole = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.take, self.make = next(
            (take, make) for base, take, make in _TAKEN if issubclass(cls, base)
        )

    def parts(self, value: Any) -> Sequence[object]:
        """Find the pieces and the memory that they lie in."""
        memories = Memories()
        form = self.take(value, memories)
        self.make(form, Buffers(memories.found))  # what could not be made again is by reference
        STRETCHES.hold(value, memories.found)
        return [self.cls, form, *memories.found]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it over the memory."""
        form, memories = parts[1], parts[2:]
        made = self.make(form, Buffers(memories))
        STRETCHES.hold(made, memories)
        return made

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell class, length, type."""
        form = slots[1]
        if isinstance(form.type, pa.Schema):
            return f"{self.cls.__name__} {form.length}x{len(form.type)}"
        if form.type is None:
            return f"{self.cls.__name__} {form.length} bytes"
        return f"{self.cls.__name__} {form.type} {form.length}"

    def elements(self, slots: Sequence[Any], content_of: ContentOf) -> list[object]:
        """Give what the elements were, as Python's objects; nothing if that can't be told."""
        memories = [_recorded(slot, content_of) for slot in slots[2:]]
        if None in memories:
            return []
        found: list[object] = self.make(slots[1], Buffers(memories)).to_pylist()
        return found


def _recorded(slot: Any, content_of: ContentOf) -> bytes | None:
    """Return what some memory held in a state, if it is all there."""
    content = content_of(slot) if type(slot) is Node else None
    if content is None:
        return slot if isinstance(slot, bytes) else None
    slots = content.flat()
    if len(slots) < _BODY or slots[2] is not None or not hasattr(slots[1], "dtype"):
        return None
    return b"".join(chunk.read() for chunk in slots[_BODY : _BODY + slots[3]])


_BODY = 4
"""Parts of an array of numpy's before its chunks: class, header, root, their number."""


class ResizableKind(Kind):
    """A buffer whose length may change: class, number of chunks, chunks."""

    name = "resizable buffer"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.store = store

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory."""
        with memoryview(value) as memory:
            chunks = self.store.split(memory.cast("B"))
        return [self.cls, len(chunks), *chunks]

    def same(self, old: object, new: object) -> bool:
        """Compare numbers of chunks."""
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and number are known."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one as long as it was."""
        return pa.allocate_buffer(total(slots[2:]), resizable=True)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing length and bytes."""
        chunks = list(parts[2:])

        def commit() -> object:
            if value.size != total(chunks):
                value.resize(total(chunks))
            with memoryview(value) as memory:
                write_back(memory.cast("B"), chunks)
            return None

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell the length, or that bytes changed."""
        before, after = total(old[2:]), total(new[2:])
        return f"{before} to {after} bytes" if before != after else "bytes changed"


# -- reading ---------------------------------------------------------------------------------------


def _take_array(value: Any, memories: Memories) -> Form:
    return Form(value.type, (_piece(value, memories),), len(value))


def _take_chunked(value: Any, memories: Memories) -> Form:
    return Form(value.type, tuple(_piece(c, memories) for c in value.chunks), len(value))


def _take_table(value: Any, memories: Memories) -> Form:
    columns = tuple(tuple(_piece(c, memories) for c in col.chunks) for col in value.columns)
    return Form(value.schema, columns, value.num_rows)


def _take_batch(value: Any, memories: Memories) -> Form:
    columns = tuple(_piece(column, memories) for column in value.columns)
    return Form(value.schema, columns, value.num_rows)


def _take_buffer(value: Any, memories: Memories) -> Form:
    return Form(None, (memories.place(value),), value.size)


def _piece(array: Any, memories: Memories) -> Piece:
    """Take an array apart: it lends its insides, and tells its buffers."""
    capsule = array.__arrow_c_array__()[1]  # which gives back what was lent when it dies
    struct = array_in(capsule)
    buffers = {b.address: b for b in _buffers(array) if b is not None}
    return _piece_of(struct, array.type, buffers, memories)


def _piece_of(struct: Any, type_: Any, buffers: dict[int, Any], memories: Memories) -> Piece:
    type_ = _storage(type_)
    count = struct.n_buffers - getattr(type_, "has_variadic_buffers", False)
    addresses = [struct.buffers[index] for index in range(count)]
    places = [_place(address, buffers, memories) for address in addresses]
    inner = _inner_types(type_)
    children = tuple(
        _piece_of(struct.children[index].contents, inner[index], buffers, memories)
        for index in range(struct.n_children)
    )
    dictionary = None
    if struct.dictionary:
        value_type = type_.value_type
        dictionary = _piece_of(struct.dictionary.contents, value_type, buffers, memories)
    return struct.length, struct.null_count, struct.offset, tuple(places), children, dictionary


def _place(address: int | None, buffers: dict[int, Any], memories: Memories) -> Place | None:
    if address is None:
        return None
    buffer = buffers.get(address)
    if buffer is None:
        return None if address == 0 else _unknown(address)
    return memories.place(buffer)


def _unknown(address: int) -> Place:
    """Tell a buffer that arrow itself does not show: an empty one, which it lends in its stead."""
    raise NotCapturable(f"an array of arrow's over memory that it does not show, at {address:x}")


def _storage(type_: Any) -> Any:
    while isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    return type_


def _inner_types(type_: Any) -> list[Any]:
    return [type_.field(index).type for index in range(type_.num_fields)]


def _buffers(array: Any) -> Iterator[Any]:
    """Give all buffers of an array, those of dictionaries in it too."""
    yield from array.buffers()
    if _has_dictionary(array.type):
        for inner in _inner(array):
            yield from _buffers(inner)


def _has_dictionary(type_: Any) -> bool:
    type_ = _storage(type_)
    return pa.types.is_dictionary(type_) or any(map(_has_dictionary, _inner_types(type_)))


def _inner(array: Any) -> list[Any]:
    type_ = array.type
    if isinstance(type_, pa.BaseExtensionType):
        return [array.storage]
    if pa.types.is_dictionary(type_):
        return [array.dictionary]
    if pa.types.is_map(type_):
        return [array.keys, array.items]
    if pa.types.is_struct(type_) or pa.types.is_union(type_):
        return [array.field(index) for index in range(type_.num_fields)]
    return [array.values]


# -- making ----------------------------------------------------------------------------------------


class Buffers:
    """Makes buffers over memories; parts of one buffer are parts of one again."""

    def __init__(self, memories: Sequence[Any]) -> None:
        self._memories = memories
        self._whole: dict[tuple[int, int, int, bool], Any] = {}

    def at(self, place: Place | None) -> Any:
        """Make the buffer that was at a place."""
        if place is None:
            return None
        index, start, length, is_mutable, offset, size = place
        whole = self._whole.get(place[:4])
        if whole is None:
            memory = _view(self._memories[index], writeable=is_mutable)
            whole = pa.py_buffer(memory[start : start + length])
            self._whole[place[:4]] = whole
        return whole if offset is None else whole.slice(offset, size)


def _view(memory: Any, *, writeable: bool) -> memoryview:
    """View memory as bytes; an array that may not be written now may be written through some."""
    view = memoryview(bytes_of(memory)).cast("B")
    if writeable and view.readonly and is_array(memory):
        view = np.asarray(Memory(memory, memory)).data
    return view if writeable else view.toreadonly()


def _make_array(form: Form, buffers: Buffers) -> Any:
    return _array(form.type, form.pieces[0], buffers)


def _make_chunked(form: Form, buffers: Buffers) -> Any:
    return _chunked(form.type, form.pieces, buffers)


def _make_table(form: Form, buffers: Buffers) -> Any:
    types = form.type.types
    if not types:
        return _rows(pa.table, form)
    columns = [_chunked(t, ps, buffers) for t, ps in zip(types, form.pieces, strict=True)]
    return pa.Table.from_arrays(columns, schema=form.type)


def _make_batch(form: Form, buffers: Buffers) -> Any:
    if not form.pieces:
        return _rows(pa.record_batch, form)
    columns = [_array(t, p, buffers) for t, p in zip(form.type.types, form.pieces, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=form.type)


def _rows(make: Callable[[dict[str, Any]], Any], form: Form) -> Any:
    """Make a table or batch without columns: it has rows all the same."""
    columns = {"": pa.nulls(form.length)}
    return make(columns).replace_schema_metadata(form.type.metadata).select([])


def _make_buffer(form: Form, buffers: Buffers) -> Any:
    return buffers.at(form.pieces[0])


def _chunked(type_: Any, pieces: Sequence[Piece], buffers: Buffers) -> Any:
    return pa.chunked_array([_array(type_, piece, buffers) for piece in pieces], type_)


def _array(type_: Any, piece: Piece, buffers: Buffers) -> Any:
    if isinstance(type_, pa.BaseExtensionType):
        storage = _array(type_.storage_type, piece, buffers)
        return pa.ExtensionArray.from_storage(type_, storage)
    length, nulls, offset, places, children, dictionary = piece
    if not nulls:
        nulls = -1  # to be counted: told that there are none, arrow drops the bits that say so
    given = [buffers.at(place) for place in places]
    missing = type_.num_buffers - len(given)  # of nulls, where the type has none: it is not lent
    given = [None] * missing + given
    if dictionary is not None:
        values = _array(type_.value_type, dictionary, buffers)
        return pa.DictionaryArray.from_buffers(type_, length, given, values, nulls, offset)
    inner = [_array(t, c, buffers) for t, c in zip(_inner_types(type_), children, strict=True)]
    return pa.Array.from_buffers(type_, length, given, nulls, offset, inner)


_Take: TypeAlias = Callable[[Any, Memories], Form]
_Make: TypeAlias = Callable[[Form, Buffers], Any]

_TAKEN: tuple[tuple[type, _Take, _Make], ...] = (
    (pa.Array, _take_array, _make_array),
    (pa.ChunkedArray, _take_chunked, _make_chunked),
    (pa.Table, _take_table, _make_table),
    (pa.RecordBatch, _take_batch, _make_batch),
    (pa.Buffer, _take_buffer, _make_buffer),
)


# -- memory of others ------------------------------------------------------------------------------


def memory_under(base: Any, address: int) -> Any:
    """Return the array over the memory at an address, which an array of numpy's views.

    Args:
        base: an object of arrow's.
        address: in its memory.

    Returns:
        The array that stands for that memory, or what of the user's lies under it; None if `base`
        does not say.

    """
    if not isinstance(base, pa.Array | pa.Buffer):
        return None
    memories = Memories()
    for buffer in [base] if isinstance(base, pa.Buffer) else _buffers(base):
        if buffer is not None and buffer.address <= address < buffer.address + max(buffer.size, 1):
            index = memories.place(buffer)[0]
            STRETCHES.hold(base, memories.found)
            return memories.found[index]
    return None


# -- kinds -----------------------------------------------------------------------------------------


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of arrow's, or None."""
    if issubclass(cls, pa.ResizableBuffer):
        return ResizableKind(cls, store)
    if issubclass(cls, tuple(base for base, _, _ in _TAKEN)):
        return ArrowKind(cls)
    return None


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable: types of elements, fields, schemas."""
    return issubclass(cls, pa.DataType | pa.Field | pa.Schema)
