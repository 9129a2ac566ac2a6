"""polars: series and frames, as the columns that they hold.

polars never writes into a column that is shared, but others may: a series made of an array of
numpy's lies in its memory. So at each check the memory of a column is hashed, as polars lends it
(`cowtm.kinds.lending`). What it holds is taken as polars pickles it, once for each such hash.

Series and frames are objects of Python around one of polars' own, which is exchanged: so they are
put back in place.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl
import xxhash

from cowtm.kinds.base import ByValue, Commit, ContentOf, Kind, Layout, NotCapturable
from cowtm.kinds.lending import bytes_at, lent, regions

if TYPE_CHECKING:
    from cowtm.chunks import Chunk, ChunkStore


Head: TypeAlias = tuple[str, str, tuple[bool, bool], tuple[int, ...]]
"""A column: name, type in words, whether it is known to rise and to fall, parts in each piece."""


class Heads(ByValue):
    """What columns there are: name, type in words, how sorted, and the parts of its pieces.

    There is a piece for each run of memory that polars keeps a column in; the parts of one of
    Python's objects are they.
    """

    __slots__ = ("columns", "height")

    def __init__(self, columns: tuple[Head, ...], height: int) -> None:
        self.columns = columns
        self.height = height

    def matches(self, other: Any) -> bool:
        """Tell whether two name the same columns, in as many parts."""
        return bool((self.columns, self.height) == (other.columns, other.height))


class ColumnsKind(Kind):
    """A series or a frame: class, heads, the parts of the columns in turn, attributes."""

    name = "columns"
    by_value = True
    hashes = True  # put back last: a column may be whole by then, as an array's memory is written

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.column_store = ColumnStore(store)
        self.inner = "_s" if issubclass(cls, pl.Series) else "_df"

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the columns; pickle and store those that are new."""
        pairs = self.layout.read(value)
        at = self._place(pairs)
        made: Any = pairs[at + 1]
        heads, body = [], list[object]()
        series = self._columns(made)
        for column in series:
            pieces = self.column_store.read(column)
            lengths = tuple(map(len, pieces))
            heads.append((column.name, str(column.dtype), _order(column), lengths))
            for piece in pieces:
                body += piece
        height = made.height() if self.inner == "_df" else len(series[0])
        if height and not series:
            raise NotCapturable(f"{height} rows without columns")
        return [self.cls, Heads(tuple(heads), height), *body, *pairs[:at], *pairs[at + 2 :]]

    def same(self, old: object, new: object) -> bool:
        """Compare heads."""
        return isinstance(old, Heads) and isinstance(new, Heads) and old.matches(new)

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one without columns; no constructor runs."""
        return object.__new__(parts[0])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare putting columns back: those that differ are made anew."""
        heads: Heads = parts[1]
        bodies, at = [], 2
        for *_, counts in heads.columns:
            pieces = []
            for count in counts:
                pieces.append(list(parts[at : at + count]))
                at += count
            bodies.append(pieces)
        live = self._live(value)
        columns = [
            live[index]
            if index < len(live) and self.column_store.is_known(live[index], head, pieces)
            else self.column_store.make(head, pieces)
            for index, (head, pieces) in enumerate(zip(heads.columns, bodies, strict=True))
        ]
        made = columns[0]._s if self.inner == "_s" else _frame(columns)  # noqa: SLF001
        others = parts[at:]

        def commit() -> object:
            own = self.layout.dict_of(value)
            before, live = own.get(self.inner), self._live(value)
            is_whole = len(live) == len(columns) and all(
                self.column_store.is_known(column, head, pieces)
                for column, head, pieces in zip(live, heads.columns, bodies, strict=True)
            )
            inner = made if before is None or not is_whole else before
            return before, self.layout.plan(value, [*others, self.inner, inner])()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell rows and columns, or type and length."""
        heads: Heads = slots[1]
        if self.inner == "_s":
            return f"{self.cls.__name__} {heads.columns[0][1]} {heads.height}"
        return f"{self.cls.__name__} {heads.height}x{len(heads.columns)}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell which columns and how many rows came and went, or whose values changed."""
        before: Heads = old[1]
        after: Heads = new[1]
        names = [[name for name, *_ in heads.columns] for heads in (before, after)]
        said = _listed("added", [name for name in names[1] if name not in names[0]])
        said += _listed("gone", [name for name in names[0] if name not in names[1]])
        if not said and names[0] != names[1]:
            said.append("columns in another order")
        if before.height != after.height:
            said.append(f"{before.height} to {after.height} rows")
        return "; ".join(said or _listed("changed", _changed(old, new)) or ["attributes changed"])

    def _place(self, pairs: Sequence[object]) -> int:
        """Find the name of polars' own object among names and values that stand in turn."""
        slots = len(self.layout.members)
        for at in range(slots, len(pairs), 2):
            if pairs[at] == self.inner:
                return at
        raise NotCapturable("its attributes are held by others too")

    def _live(self, value: Any) -> list[Any]:
        """Return the columns that a live object has now."""
        made = self.layout.dict_of(value).get(self.inner)
        return [] if made is None else self._columns(made)

    def _columns(self, made: Any) -> list[Any]:
        """Return the columns of polars' own object as series."""
        if self.inner == "_s":
            return [_series(made)]
        return [_series(column) for column in made.get_columns()]


def _series(made: Any) -> Any:
    """Make a series around one of polars' own; what is given may be one already."""
    return made if isinstance(made, pl.Series) else pl.Series._from_pyseries(made)  # noqa: SLF001


def _frame(columns: Sequence[Any]) -> Any:
    """Make a frame of polars' own of some columns; `replace_column` lets two have one name."""
    if len({column.name for column in columns}) == len(columns):
        return pl.DataFrame(columns)._df  # noqa: SLF001
    made = pl.DataFrame([column.alias(str(at)) for at, column in enumerate(columns)])._df  # noqa: SLF001
    for at, column in enumerate(columns):
        made.replace_column(at, column._s)  # noqa: SLF001
    return made


def _listed(what: str, names: Sequence[str]) -> list[str]:
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return [f"column{'s' if len(names) > 1 else ''} {shown} {what}"] if names else []


SHOWN = 4
"""Columns that are named when some came or went."""


def _changed(old: Sequence[Any], new: Sequence[Any]) -> list[str]:
    """Name the columns whose values differ between contents with the same columns."""
    found, starts = [], [2, 2]
    for before, after in zip(old[1].columns, new[1].columns, strict=True):
        ends = starts[0] + sum(before[-1]), starts[1] + sum(after[-1])
        left, right = old[starts[0] : ends[0]], new[starts[1] : ends[1]]
        if len(left) != len(right) or any(a is not b for a, b in zip(left, right, strict=True)):
            found.append(after[0])
        starts = list(ends)
    return found


class ColumnStore:
    """Takes columns apart and makes them again.

    Args:
        store: where the bytes go.

    """

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._known: dict[bytes, tuple[weakref.ref[Chunk], ...]] = {}

    def read(self, column: Any) -> list[Sequence[object]]:
        """Return the pieces of a column: chunks of bytes, or Python's objects."""
        if column.dtype == pl.Object:
            held = iter(column.to_list())
            return [list(islice(held, length)) for length in column.chunk_lengths() or [0]]
        if "Object" in str(column.dtype):
            raise NotCapturable(f"column {column.name} holds Python's objects in {column.dtype}")
        return [self._read(piece) for piece in _pieces(column)]

    def make(self, head: Head, pieces: Sequence[Any]) -> Any:
        """Make a column of its pieces."""
        name, kind, order, _ = head
        if kind == "Object":
            made = [pl.Series(name, piece, dtype=pl.Object) for piece in pieces]
        else:
            made = [self._make(piece) for piece in pieces]
        column = made[0]
        for piece in made[1:]:
            column.append(piece)
        if any(order) and _order(column) != order:
            column = column.set_sorted(descending=order[1])
        return column

    def is_known(self, column: Any, head: Head, pieces: Sequence[Any]) -> bool:
        """Tell whether a live column holds what some pieces say, without taking it apart."""
        if (column.name, str(column.dtype), _order(column)) != head[:3] or head[1] == "Object":
            return False
        live = _pieces(column)
        return len(live) == len(pieces) and all(
            self._find(_digest(one)) == piece for one, piece in zip(live, pieces, strict=True)
        )

    def _read(self, piece: Any) -> list[Chunk]:
        digest = _digest(piece)
        known = self._find(digest)
        if known is None:
            known = self._store.split(memoryview(piece._s.__getstate__()))  # noqa: SLF001
            self._note(digest, known)
        return known

    def _make(self, chunks: list[Chunk]) -> Any:
        made = pl.Series()
        made._s.__setstate__(b"".join(chunk.read() for chunk in chunks))  # noqa: SLF001
        # It is known by what it says, though polars may have put it into memory in another way.
        self._note(_digest(made), chunks)
        return made

    def _find(self, digest: bytes) -> list[Chunk] | None:
        chunks = [reference() for reference in self._known.get(digest, (_dead,))]
        alive = [chunk for chunk in chunks if chunk is not None]
        return alive if len(alive) == len(chunks) else None

    def _note(self, digest: bytes, chunks: Sequence[Chunk]) -> None:
        if len(self._known) > MANY:
            self._known = {k: v for k, v in self._known.items() if self._find(k) is not None}
        self._known[digest] = tuple(map(weakref.ref, chunks))


MANY = 1 << 14
"""Digests of columns above which those of columns that no state knows are forgotten."""


def _dead() -> None:
    """Stand for a chunk that is no more."""


def _pieces(column: Any) -> list[Any]:
    """Return a column in the runs of memory in which polars keeps it."""
    return [column] if column.n_chunks() <= 1 else list(column.get_chunks())


def _order(column: Any) -> tuple[bool, bool]:
    """Tell whether polars knows a column to rise, and to fall."""
    return column.flags["SORTED_ASC"], column.flags["SORTED_DESC"]


def _digest(piece: Any) -> bytes:
    """Hash the memory of a column, and what is said of it."""
    said = f"{piece.name}\0{piece.dtype!r}\0{len(piece)}\0{piece.flags}".encode()
    try:
        return said + _digest_of_memory(piece)
    except (AttributeError, NotCapturable):  # older ones lend nothing, or not all types
        return said + xxhash.xxh3_128_digest(piece._s.__getstate__())  # noqa: SLF001


def _digest_of_memory(piece: Any) -> bytes:
    found = xxhash.xxh3_128()
    with lent(piece.__arrow_c_stream__()) as (schema, arrays):
        for array in arrays:
            found.update(f"{array.offset} {array.length}".encode())
            for address, size in regions(schema, array):
                found.update(bytes_at(address, size))
    return found.digest()


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of polars', or None."""
    return ColumnsKind(cls, store) if issubclass(cls, pl.DataFrame | pl.Series) else None


def is_leaf(cls: type) -> bool:
    """Tell that expressions, lazy frames and types of columns never change."""
    return issubclass(cls, _NEVER_CHANGE)


_NEVER_CHANGE = (pl.Expr, pl.LazyFrame, pl.DataType, getattr(pl, "Categories", pl.DataType))
