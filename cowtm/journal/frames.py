"""Frames of chunks in a journal, as a mapping: what the generations of chunks use as their disk."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, TypeAlias

from cowtm.errors import CowtmError, Damaged
from cowtm.journal.tables import PUT, WINDOW, first_place

if TYPE_CHECKING:
    from cowtm.journal.database import Database
    from cowtm.journal.sealed import SealedRows

ChunkKey: TypeAlias = tuple[bytes, int]
"""xxh3_128 of a chunk's bytes, and how many they are."""

DIGEST_BYTES = 16
KEY_BYTES = DIGEST_BYTES + 8
"""Bytes of a key as it is stored: the digest, and the size with the lowest byte first."""


class Frames(MutableMapping[ChunkKey, bytes]):
    """Key of a chunk -> its frame.

    A frame that is there is not written again: whatever codec it has, it holds the same bytes.
    Each call is a transaction of its own, or part of the one that its thread has open.

    Reading raises `KeyError` where there is none, `Damaged` where it is lost and `Untrusted` where
    it was altered; writing raises `DiskFull`.

    Thread safety: as `cowtm.journal.database`.

    """

    def __init__(self, database: Database, rows: SealedRows) -> None:
        self._database = database
        self._rows = rows

    def __getitem__(self, key: ChunkKey) -> bytes:
        packed = key_bytes(key)
        number = self._rows.place(packed)
        if number is None and any(found == key for found in self):
            # It is there, but not where it is looked for.
            self._rows.rescue_or_raise(f"the tree of chunks of {self._rows.path} is damaged")
            number = self._rows.place(packed)
        if number is None:
            raise KeyError(key)
        return self._rows.must("chunks", number, "a chunk")[1]

    def length(self, key: ChunkKey) -> int:
        """Return the bytes of a frame, without reading it.

        Raises:
            KeyError: There is none.

        """
        number = self._rows.place(key_bytes(key))
        if number is None:
            raise KeyError(key)
        if self._rows.rescued:
            return len(self[key])
        found = self._database.execute("SELECT length(frame) FROM chunks WHERE id = ?", number)
        return int(found[0][0])

    def __setitem__(self, key: ChunkKey, frame: bytes) -> None:
        packed = key_bytes(key)
        with self._database.transaction():
            if self._rows.place(packed) is not None:
                return
            self._rows.put(PUT, "chunks", self._free_place(packed), packed, bytes(frame))

    def _free_place(self, packed: bytes) -> int:
        first = first_place(packed)
        for number in range(first, first + WINDOW):
            if not self._database.execute("SELECT 1 FROM chunks WHERE id = ?", number):
                return number
        raise CowtmError(
            f"{self._rows.path} has no place left for a chunk of digest {packed.hex()}"
        )

    def __delitem__(self, key: ChunkKey) -> None:
        with self._database.transaction():
            number = self._rows.place(key_bytes(key))
            if number is None:
                raise KeyError(key)
            self._rows.delete("chunks", number)

    def __contains__(self, key: object) -> bool:
        if not (isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], bytes)):  # noqa: PLR2004
            return False
        return self._rows.place(key_bytes(key)) is not None

    def __iter__(self) -> Iterator[ChunkKey]:
        found = self._rows.robust(lambda: [columns[0] for _, columns, _ in self._outlines()])
        return map(chunk_key, found)

    def __len__(self) -> int:
        return self._rows.robust(lambda: sum(1 for _ in self._outlines()))

    def _outlines(self) -> Iterator[tuple[int, tuple[bytes, ...], int]]:
        return self._rows.outlines("chunks")


def key_bytes(key: ChunkKey) -> bytes:
    """Return a key as it is stored."""
    digest, size = key
    return digest + size.to_bytes(8, "little")


def chunk_key(packed: bytes) -> ChunkKey:
    """Return the key that is stored so."""
    return packed[:DIGEST_BYTES], int.from_bytes(packed[DIGEST_BYTES:], "little")


def split_keys(packed: object) -> Iterator[bytes]:
    """Give the keys that are stored one after the other.

    Raises:
        Damaged: They are not.

    """
    if not isinstance(packed, bytes) or len(packed) % KEY_BYTES:
        raise Damaged("a list of chunks is damaged")
    return (packed[start : start + KEY_BYTES] for start in range(0, len(packed), KEY_BYTES))
