"""Bytes kept once: memory is cut into chunks, each known by its digest.

A chunk that is there already is not stored again, so one element changed in a big array stores one
chunk, and two equal arrays store one. A chunk lives as long as a content refers to it; the store
only knows it weakly. Where its bytes are, raw or packed or on disk, is the business of
`cowtm.generations`.

Chunks of 1 MiB hash at 28 GB/s with xxh3_128, nearly as fast as the whole memory in one go
(29 GB/s), on a 2-core Zen 4; 64 KiB chunks at 20 GB/s.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias, cast

import xxhash

from cowtm.arena import Arena, Place
from cowtm.errors import Damaged, DiskFull
from cowtm.generations import Frames, Generations, Key, Sizes

CHUNK = 1 << 20
"""Bytes in a chunk."""

OVERHEAD = 640
"""Bytes of memory that a chunk takes besides its own, whatever generation it is in: 560 to 720."""


class Chunk:
    """Some bytes that never change.

    Attributes:
        digest: xxh3_128 of the bytes.
        size: how many bytes.

    """

    __slots__ = ("__weakref__", "_generations", "digest", "size")

    def __init__(self, key: Key, generations: Generations) -> None:
        self.digest, self.size = key
        self._generations = generations

    @property
    def key(self) -> Key:
        """Digest and size: what the store and a journal know it by."""
        return self.digest, self.size

    def read(self) -> memoryview:
        """Return the bytes, read-only, from whatever generation; they stay valid.

        Raises:
            Damaged: what is on disk does not give these bytes.

        """
        return self._generations.read(self.key)

    def __repr__(self) -> str:
        """Show digest and size."""
        return f"Chunk({self.digest.hex()[:8]}, {self.size} bytes)"


class ChunkStore:
    """All chunks that any content refers to.

    A chunk that nobody refers to any more is noted by one call in C, wherever that happens; its
    bytes are let go at the next call that stores, settles or counts.

    Thread safety: every call may come from any thread at any time, as for `Generations`, but only
    one thread sets `disk`. Threads that split equal memory at once get the same chunks. Memory that
    another thread writes while it is split gives chunks of what was read, each true to its digest.

    Attributes:
        stored: bytes ever copied into the store; the difference of two readings is what was new
            between them.
        ready: gives memory of its own, address and bytes, that holds some chunks already, to be
            taken over by whoever asks; None if there is none, so that it is to be copied.

    """

    def __init__(self) -> None:
        self._known: _Known = {}
        self._arena = Arena()
        self._generations = Generations(partial(_alive, self._known), self._arena.allocate)
        self._lock = self._generations.lock
        self._dead: deque[weakref.KeyedRef[Key, Chunk]] = deque()
        self._note_death = self._dead.append
        self.stored = 0
        self.ready: Ready = lambda chunks: None  # noqa: ARG005

    def __len__(self) -> int:
        """Count the chunks."""
        self._let_go()
        return len(self._known)

    def __iter__(self) -> Iterator[Chunk]:
        """Give each chunk once."""
        for known in list(self._known.values()):
            chunk = known()
            if chunk is not None:
                yield chunk

    def __contains__(self, key: object) -> bool:
        """Tell whether a chunk of that digest and size is alive, so that its frame must stay."""
        return _alive(self._known, cast("Key", key)) is not None

    @property
    def held(self) -> int:
        """Bytes of all chunks, unpacked."""
        return sum(chunk.size for chunk in self)

    @property
    def raw(self) -> int:
        """Bytes held raw in memory."""
        return self._generations.raw

    @property
    def packed(self) -> int:
        """Bytes of packed frames held in memory."""
        return self._generations.packed

    def sizes(self) -> Sizes:
        """Count the bytes in each generation; what they are unpacked adds up to `held`.

        Raises:
            OSError, sqlite3.Error: the disk can't be asked for the length of a frame.

        """
        self._let_go()
        return self._generations.sizes()

    @property
    def limit(self) -> int | None:
        """Bytes that raw and packed together may take; None: no bound.

        Who stores or reads beyond it moves older bytes on first.
        """
        return self._generations.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._generations.limit = limit

    @property
    def over_limit(self) -> int:
        """How often the limit was passed because bytes had nowhere to go: see `Generations`."""
        return self._generations.over_limit

    @property
    def disk(self) -> Frames | None:
        """Where frames go last; None: packed in memory is the last. See `Generations.disk`."""
        return self._generations.disk

    @disk.setter
    def disk(self, disk: Frames | None) -> None:
        self._let_go()
        self._generations.disk = disk

    def split(self, memory: memoryview, itemsize: int = 1) -> list[Chunk]:
        """Return the chunks of some memory, storing those that are new.

        Args:
            memory: bytes, contiguous.
            itemsize: bytes of an element, by which a new chunk will be packed.

        Raises:
            DiskFull: the memory alone is more than `limit`, which is at least a chunk, and the disk
                takes no more.

        """
        if self._dead:
            self._let_go()
        if len(memory) <= CHUNK:  # saves a fifth of what a small array costs
            return [self._put(memory, itemsize)] if len(memory) else []
        if self.limit is None or self.limit < CHUNK or len(memory) <= self.limit:
            return [self._put(piece, itemsize) for piece in pieces(memory)]
        return self._split_huge(memory, itemsize)

    def _split_huge(self, memory: memoryview, itemsize: int) -> list[Chunk]:
        """Return the chunks of what must not stay in memory."""
        chunks = []
        excesses = self.over_limit
        for piece in pieces(memory):
            chunks.append(self._put(piece, itemsize))
            if self.over_limit > excesses and self.disk is not None:
                size, limit = len(memory) >> 20, (self.limit or 0) >> 20
                raise DiskFull(f"{size} MiB; memory may hold {limit}, and the disk takes no more")
        return chunks

    def chunk(self, digest: bytes, size: int) -> Chunk:
        """Return the chunk of that digest, whose bytes are in memory or on disk.

        Raises:
            Damaged: they are nowhere.
            OSError, sqlite3.Error: the disk can't be asked.

        """
        key = digest, size
        generations = self._generations
        with self._lock:
            if key in generations:
                return self._register(Chunk(key, generations))
        if not generations.is_on_disk(key):
            raise Damaged(
                f"chunk {digest.hex()[:8]} ({size} bytes) is neither in memory nor on disk"
            )
        with self._lock:
            generations.expect_on_disk(key)
            return self._register(Chunk(key, generations))

    def lend(self, chunk: Chunk) -> tuple[memoryview, Place | None]:
        """Return the bytes of a chunk, and where another process can map them, if it can.

        They are there as long as the memory that is returned.

        Raises:
            Damaged: they are nowhere, or what is on disk gives other bytes.

        """
        memory = chunk.read()
        return memory, self._arena.place(memory)

    def accept(self, key: Key, memory: memoryview | bytes) -> Chunk:
        """Return the chunk of some bytes without copying them.

        Args:
            key: their digest, which is believed, and their size.
            memory: the bytes; nobody will change them.

        """
        with self._lock:
            chunk = _alive(self._known, key)
            if chunk is None:
                chunk = self._register(Chunk(key, self._generations))
                self._generations.put(key, memory, 1)
        return chunk

    def frame(self, key: Key) -> bytes:
        """Return the packed frame of a chunk, to be written somewhere; its bytes do not move.

        Raises:
            Damaged: it is nowhere, or its frame on disk is broken.

        """
        return self._generations.frame(key)

    def settle(self, raw_limit: int, packed_limit: int) -> None:
        """Move what was not used for longest on; see `Generations.settle`.

        Args:
            raw_limit: bytes that may stay raw.
            packed_limit: bytes that may stay packed in memory.

        Raises:
            OSError, sqlite3.Error: the disk refuses. Nothing is lost.

        """
        self._let_go()
        self._generations.settle(raw_limit, packed_limit)

    def close(self) -> None:
        """Let go of all bytes, whoever still refers to a chunk, and of the disk."""
        self._generations.close()

    def _put(self, piece: memoryview, itemsize: int) -> Chunk:
        key = xxhash.xxh3_128_digest(piece), len(piece)
        chunk = _alive(self._known, key)
        if chunk is not None:
            return chunk
        generations = self._generations
        generations.make_room(len(piece))
        data = self._arena.copy(piece)
        # who else gets this digest must get these bytes, so it is taken of what will not change
        key = xxhash.xxh3_128_digest(data), len(data)
        with self._lock:
            made = Chunk(key, generations)
            chunk = self._register(made)
            if chunk is made:
                generations.put(key, data, itemsize)
                self.stored += len(data)
        return chunk

    def _register(self, made: Chunk) -> Chunk:
        """Return the chunk that is alive under that key: the one just made, if there was none."""
        key = made.key
        with self._lock:
            chunk = _alive(self._known, key)
            if chunk is None:
                chunk = made
                self._known[key] = weakref.KeyedRef(made, self._note_death, key)
        return chunk

    def _let_go(self) -> None:
        """Discard the bytes of chunks that died, unless there is such a chunk again."""
        while self._dead:
            with self._lock:
                try:
                    known = self._dead.popleft()
                except IndexError:  # another thread took it
                    return
                if self._known.get(known.key) is known:
                    del self._known[known.key]
                    self._generations.discard(known.key)


Ready: TypeAlias = Callable[[Sequence[Chunk]], tuple[int, int] | None]
"""Gives address and size of memory that holds some chunks, if there is such."""

_Known: TypeAlias = dict[Key, weakref.KeyedRef[Key, Chunk]]


def _alive(known: _Known, key: Key) -> Chunk | None:
    reference = known.get(key)
    return None if reference is None else reference()


def pieces(memory: memoryview) -> Iterator[memoryview]:
    """Cut memory into pieces of `CHUNK` bytes, the last one shorter."""
    for start in range(0, len(memory), CHUNK):
        yield memory[start : start + CHUNK]


def write_back(memory: memoryview, chunks: Iterable[Chunk]) -> None:
    """Make `memory` hold the bytes of `chunks`, writing only pieces that differ.

    Args:
        memory: writeable, as long as all chunks together.
        chunks: in order.

    """
    for piece, chunk in zip(pieces(memory), chunks, strict=True):
        if xxhash.xxh3_128_digest(piece) != chunk.digest:
            piece[:] = chunk.read()


def total(chunks: Sequence[Chunk]) -> int:
    """Return how many bytes the chunks hold together."""
    return sum(chunk.size for chunk in chunks)
