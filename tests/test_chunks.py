"""Memory is cut into chunks, each stored once and known by its digest."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest
import xxhash
from disks import Meddling

from cowtm.chunks import CHUNK, Chunk, ChunkStore, total, write_back
from cowtm.kinds.arrays import ArrayKind
from cowtm.kinds.buffers import BytesKind
from cowtm.packing import itemsize_of


@pytest.fixture
def store() -> ChunkStore:
    """Give an empty store."""
    return ChunkStore()


def memory(size: int, seed: int = 1) -> memoryview:
    """Return writeable bytes."""
    array_: Any = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    return memoryview(array_)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunks_hold_the_memory_in_order(store: ChunkStore, size: int) -> None:
    """All of it, in pieces of a chunk's size, the last one shorter."""
    whole = memory(size)
    chunks = store.split(whole)
    assert [chunk.size for chunk in chunks[:-1]] == [CHUNK] * (len(chunks) - 1)
    assert total(chunks) == store.stored == store.held == size
    assert b"".join(chunk.read() for chunk in chunks) == whole
    assert all(chunk.read().readonly for chunk in chunks)
    for chunk in chunks:
        assert chunk.digest == xxhash.xxh3_128_digest(chunk.read())
        assert chunk.key == (chunk.digest, chunk.size)
        assert chunk.key in store


def test_what_is_there_is_not_stored_again(store: ChunkStore) -> None:
    """One byte changed stores one chunk; equal memory elsewhere none."""
    whole = memory(5 * CHUNK)
    before = store.split(whole)
    assert store.split(memoryview(bytes(whole))) == before
    assert store.stored == 5 * CHUNK
    whole[2 * CHUNK + 7] ^= 1
    after = store.split(whole)
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, True, False, True, True]
    assert store.stored == 6 * CHUNK
    assert (len(store), len(list(store))) == (6, 6)


def test_chunks_are_copies(store: ChunkStore) -> None:
    """What happens to the memory later does not reach them."""
    for size in (100, CHUNK):
        live = memory(size)
        was = bytes(live)
        (chunk,) = store.split(live)
        live[:] = bytes(size)
        assert chunk.read() == was


def test_nobody_needs_a_chunk_and_it_is_gone(store: ChunkStore) -> None:
    """With its bytes; how much was ever stored stays."""
    chunks = store.split(memory(2 * CHUNK))
    del chunks[0]
    assert (len(store), store.held, store.sizes().raw) == (1, CHUNK, CHUNK)
    del chunks[0]
    assert (len(store), store.held, store.sizes().raw) == (0, 0, 0)
    assert store.stored == 2 * CHUNK


def test_write_back_restores_every_byte(store: ChunkStore) -> None:
    """From whatever generation."""
    store.disk = {}
    live = memory(3 * CHUNK + 10)
    was = bytes(live)
    chunks = store.split(live)
    store.settle(0, CHUNK)
    live[:] = bytes(len(live))
    write_back(live, chunks)
    assert live == was


def test_write_back_reads_only_chunks_that_differ(store: ChunkStore) -> None:
    """The others stay where they are, and the live memory is not touched there."""
    store.disk = {}
    live = memory(4 * CHUNK)
    chunks = store.split(live)
    store.settle(0, 0)
    live[CHUNK + 5] ^= 1
    write_back(live, chunks)
    assert store.raw == CHUNK
    assert store.split(live) == chunks


def test_write_back_wants_memory_of_the_same_length(store: ChunkStore) -> None:
    """Another length is a mistake of the caller's."""
    chunks = store.split(memory(2 * CHUNK))
    with pytest.raises(ValueError, match="zip"):
        write_back(memory(CHUNK), chunks)


def test_memory_written_while_it_is_split_deceives_nobody(store: ChunkStore) -> None:
    """Bytes that changed between hashing and copying get the digest that they have."""
    store.disk = disk = Meddling()
    store.limit = 2 * CHUNK
    others = store.split(memory(2 * CHUNK))
    live = memoryview(bytearray(CHUNK))

    def write() -> None:
        live[17] = 1

    disk.when_asked = write  # room is made between the hash and the copy
    (chunk,) = store.split(live)
    assert live[17] == 1
    assert chunk.digest == xxhash.xxh3_128_digest(chunk.read())
    (zeros,) = store.split(memoryview(bytes(CHUNK)))
    assert zeros.read() == bytes(CHUNK)
    assert len(others) == 2


def test_a_chunk_shows_digest_and_size(store: ChunkStore) -> None:
    """So that one sees which is which."""
    (chunk,) = store.split(memoryview(b"abc"))
    assert repr(chunk) == f"Chunk({chunk.digest.hex()[:8]}, 3 bytes)"


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (np.arange(10_000.0), 8),
        (np.arange(10_000, dtype="i2"), 2),
        (np.zeros(10_000, "c16") + 1j, 16),
        (np.zeros(2_000, [("a", "i4"), ("b", "f8")]), 12),
        (np.zeros(500, "V300"), 1),
        (array.array("d", range(10_000)), 8),
        (bytearray(range(256)) * 50, 1),
    ],
)
def test_memory_is_packed_by_the_items_of_its_owner(
    store: ChunkStore, value: object, size: int
) -> None:
    """So that bytes that are alike stand together."""
    kind = ArrayKind if isinstance(value, np.ndarray) else BytesKind
    parts = kind(type(value), store).parts(value)
    chunks = [part for part in parts if isinstance(part, Chunk)]
    assert [itemsize_of(store.frame(chunk.key)) for chunk in chunks] == [size]
