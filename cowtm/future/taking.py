"""Takes over memory that the session lends: nothing is copied that can be mapped."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cowtm.arena import SLOT, Place
from cowtm.chunks import total

if TYPE_CHECKING:
    from cowtm.chunks import Chunk, ChunkStore
    from cowtm.generations import Key
    from cowtm.mapping import Mapped


class Taker:
    """Takes chunks in: those that can be mapped are not copied, neither are arrays made of them.

    Args:
        store: to know the chunks.
        mapped: the memory that is lent.

    """

    def __init__(self, store: ChunkStore, mapped: Mapped) -> None:
        self._store = store
        self._mapped = mapped
        self._places: dict[Key, Place] = {}

    def row(self, chunks: Sequence[Chunk]) -> tuple[int, int] | None:
        """Map chunks one after the other, to be written here; None if they have to be copied."""
        places = [self._places.get(chunk.key) for chunk in chunks]
        rest = 0 if places and places[-1] is not None else 1  # a few bytes have no place
        whole = [place for place in places[: len(places) - rest] if place is not None]
        size = total(chunks)
        if not whole or len(whole) + rest < len(chunks):
            return None
        if any(chunk.size != SLOT for chunk in chunks[:-1]):
            return None
        try:
            start = self._mapped.in_a_row(whole, size)
        except MemoryError:
            return None
        if rest:
            ctypes.memmove(start + len(whole) * SLOT, bytes(chunks[-1].read()), chunks[-1].size)
        return start, size

    def __call__(self, key: Key, where: Place | bytes) -> Chunk:
        """Have the store know a chunk, and give it."""
        if isinstance(where, Place):
            self._places[key] = where
            return self._store.accept(key, self._mapped.read_only(where, key[1]))
        return self._store.accept(key, where)
