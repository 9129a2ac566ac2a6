"""Where the bytes of chunks are: raw in memory, packed in memory, or on disk.

A chunk's bytes are in exactly one generation: in the first that has them. They come in raw, as
copied. `settle` moves what was not used for longest on: raw bytes are packed, packed frames go to
disk. Reading from any generation brings the bytes back to the raw ones. A frame that was read from
disk stays there, so the bytes need not be packed and written again when their turn comes once more.

Raw and packed are `zict.LRU`s: they know the order of use and the weight. Their own eviction is not
used: it lets go of its lock while a value is moved, and a key that is deleted at its end leaves
what was moved behind. Here a move has three steps: mark the oldest (locked), pack or write them
(not locked), hand over those that are still there (locked).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TypeAlias, TypeVar

import xxhash
from zict import LRU

from cowtm.errors import Damaged
from cowtm.packing import check, itemsize_of, pack, unpack

Key: TypeAlias = tuple[bytes, int]
"""A chunk's digest (xxh3_128) and its size."""

Frames: TypeAlias = MutableMapping[Key, bytes]
"""Where frames are kept.

Several frames come by `update` at once: one transaction, where there are transactions. If there is
a method `length(key)`, it is asked how many bytes a frame has, instead of reading it.
"""

STEP_BYTES = 1 << 20
"""Bytes that are moved in one step, unless a single chunk has more."""

STEP_COUNT = 1024
"""Chunks that are moved in one step, so that small ones share a transaction of the disk's."""

SLACK = 64
"""This part of the limit is freed beyond what is needed, so that not every put has to."""

_DISK_ERRORS = (OSError, sqlite3.Error)

_Held = TypeVar("_Held", bytes, bytes | memoryview)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes in each generation; every chunk is counted in the first that has it."""

    raw: int
    """As copied, in memory."""
    packed: int
    """Frames in memory."""
    disk: int
    """Frames of chunks that are on disk only."""
    plain_packed: int
    """What `packed` would be unpacked."""
    plain_disk: int
    """What `disk` would be unpacked."""


class Generations:
    """The bytes of chunks, by key.

    Thread safety: every call may come from any thread at any time, also while others are at work.
    `lock` guards the books and is held for look-ups and hand-overs only: nobody packs, unpacks,
    hashes or touches the disk while holding it. So nobody waits for another thread's packing, but
    who puts at the limit makes room first, and that is work of its own. The disk may have a lock of
    its own that is held around calls to us, with one exception: a thread that holds it and then
    puts, reads or settles would write to the disk within whatever it is doing there.

    Args:
        holder: gives what is alive as long as a key's bytes are needed, None if they are not. It is
            held while they are moved: so who sweeps the disk meanwhile knows that they are needed.
        allocate: gives memory to unpack into.

    Attributes:
        lock: what guards the books; held by who needs several calls to be one.
        limit: bytes that raw and packed take together at most; None: no bound. Each thread that
            puts or reads at the same time may go beyond it by one chunk.
        over_limit: how often the limit was passed because bytes had nowhere to go: no disk, a full
            one, or a limit below the size of one chunk.

    """

    def __init__(
        self, holder: Callable[[Key], object | None], allocate: Callable[[int], memoryview]
    ) -> None:
        self.lock = threading.RLock()
        self._allocate = allocate
        self._holder = holder
        self.limit: int | None = None
        self.over_limit = 0
        self._raw: LRU[Key, bytes | memoryview] = LRU(inf, {}, weight=_weight)
        self._packed: LRU[Key, bytes] = LRU(inf, {}, weight=_weight)
        self._on_disk: dict[Key, int | None] = {}
        """Those on disk only -> bytes of the frame; None: not known yet."""
        self._itemsizes: dict[Key, int] = {}
        """Item sizes other than 1."""
        self._moving: set[Key] = set()
        self._disk: Frames | None = None

    @property
    def raw(self) -> int:
        """Bytes held raw."""
        return int(self._raw.total_weight)

    @property
    def packed(self) -> int:
        """Bytes of frames held in memory."""
        return int(self._packed.total_weight)

    @property
    def memory(self) -> int:
        """Bytes held in memory, raw and packed."""
        with self.lock:
            return self.raw + self.packed

    def __contains__(self, key: Key) -> bool:
        """Tell whether some generation is known to have the bytes."""
        with self.lock:
            return key in self._raw or key in self._packed or key in self._on_disk

    @property
    def disk(self) -> Frames | None:
        """Where frames go last: a mapping, or None while there is none.

        What is set there must be there for good: call nothing that moves bytes while a transaction
        of the disk's may still be taken back. Frames of chunks that are alive must stay: who
        deletes frames asks for each, in the transaction that deletes it, whether its key is in the
        `ChunkStore`. A list made before does not know the chunks that came since.

        Setting another disk takes along the frames that only the old one has; None brings them
        into memory. If that fails, the old one stays.
        """
        return self._disk

    @disk.setter
    def disk(self, disk: Frames | None) -> None:
        taken: set[Key] = set()
        while True:
            with self.lock:
                rest = self._on_disk.keys() - taken
                if disk is self._disk or not rest:
                    self._disk = disk
                    self._note_excess(0)
                    return
            for key in rest:
                if disk is None:
                    frame = _fetch_whole(self._disk, key)
                    with self.lock:
                        if key in self._on_disk:
                            del self._on_disk[key]
                            self._packed.set_noevict(key, frame)
                elif key not in disk:
                    disk[key] = _fetch_whole(self._disk, key)
            taken |= rest

    def sizes(self) -> Sizes:
        """Count the bytes in each generation.

        Raises:
            OSError, sqlite3.Error: the disk can't be asked for the length of a frame.

        """
        while True:
            with self.lock:
                disk = self._disk
                unknown = [key for key, length in self._on_disk.items() if length is None]
                if not unknown:
                    return Sizes(
                        raw=self.raw,
                        packed=self.packed,
                        disk=sum(length or 0 for length in self._on_disk.values()),
                        plain_packed=sum(size for _, size in self._packed),
                        plain_disk=sum(size for _, size in self._on_disk),
                    )
            for key in unknown:
                length = _length(disk, key)
                with self.lock:
                    if key in self._on_disk:
                        self._on_disk[key] = length

    def put(self, key: Key, memory: bytes | memoryview, itemsize: int) -> None:
        """Hold bytes raw, if they are not in memory yet.

        Args:
            key: their key.
            memory: the bytes; nobody will change them.
            itemsize: bytes of an element, to pack them well.

        """
        with self.lock:
            if itemsize != 1:
                self._itemsizes[key] = itemsize
            if key not in self._raw and key not in self._packed:
                self._on_disk.pop(key, None)
                self._raw.set_noevict(key, memory)

    def is_on_disk(self, key: Key) -> bool:
        """Ask the disk whether it has a frame.

        Raises:
            OSError, sqlite3.Error: it can't be asked.

        """
        return _is_on(self._disk, key)

    def expect_on_disk(self, key: Key) -> None:
        """Take in bytes that are on disk, if they are not in memory."""
        with self.lock:
            if key not in self:
                self._on_disk[key] = None

    def discard(self, key: Key) -> None:
        """Let go of bytes in memory; the frame on disk stays there."""
        with self.lock:
            self._raw.discard(key)
            self._packed.discard(key)
            self._on_disk.pop(key, None)
            self._itemsizes.pop(key, None)

    def close(self) -> None:
        """Let go of all bytes, whoever needs them, and of the disk, which is left as it is."""
        with self.lock:
            self._disk = None
            for key in [*self._raw, *self._packed, *self._on_disk]:
                self.discard(key)

    def read(self, key: Key) -> memoryview:
        """Return the bytes, read-only, and hold them raw from now on.

        Raises:
            Damaged: they are nowhere, or what is on disk gives other bytes.
            OSError, sqlite3.Error: the disk can't be read.

        """
        with self.lock:
            if key in self._raw:
                return memoryview(self._raw[key])
            frame = self._packed.d.get(key)
            disk = self._disk
        itemsize = 1
        if frame is not None:
            memory = unpack(frame, key[1], self._allocate)
        else:
            memory, itemsize = _read_from(disk, key, self._allocate)
        self.make_room(len(memory))
        with self.lock:
            if key in self._packed or key in self._on_disk:
                self._packed.discard(key)
                self._on_disk.pop(key, None)
                self._raw.set_noevict(key, memory)
                if itemsize != 1:
                    self._itemsizes[key] = itemsize
        return memory

    def frame(self, key: Key) -> bytes:
        """Return the packed frame, and leave the bytes where they are.

        Raises:
            Damaged: the bytes are nowhere, or the frame on disk is broken.
            OSError, sqlite3.Error: the disk can't be read.

        """
        with self.lock:
            frame = self._packed.d.get(key)
            raw = self._raw.d.get(key)
            itemsize = self._itemsizes.get(key, 1)
            disk = self._disk
        if frame is not None:
            return frame
        if raw is not None:
            return pack(memoryview(raw), itemsize)
        return _fetch_whole(disk, key)

    def settle(self, raw_limit: int, packed_limit: int) -> None:
        """Move the least recently used on until at most so many bytes are raw and packed.

        Without a disk, packed is the last generation and may keep more. If the disk refuses, what
        can be packed is packed all the same, and nothing is lost.

        Args:
            raw_limit: bytes that may stay raw.
            packed_limit: bytes that may stay packed in memory.

        Raises:
            OSError, sqlite3.Error: the disk refuses.

        """
        disk = self._disk
        try:
            while self.raw > raw_limit and self._pack_some(self.raw - raw_limit, disk):
                self._spill_down(packed_limit, disk)
            self._spill_down(packed_limit, disk)
        except _DISK_ERRORS:
            while self.raw > raw_limit and self._pack_some(self.raw - raw_limit, None):
                continue
            raise

    def make_room(self, size: int) -> None:
        """Move bytes on until so many more fit in the limit; count it if they never do."""
        limit = self.limit
        if limit is None or self.memory + size <= limit:
            return
        wanted = max(limit - size - limit // SLACK, 0)
        disk = self._disk
        try:
            self._shrink(wanted, disk)
        except _DISK_ERRORS:
            disk = None
            self._shrink(wanted, disk)
        # if there is place on disk, what is still too much is on its way, in another thread
        if disk is None or size > limit:
            self._note_excess(size)

    def _note_excess(self, size: int) -> None:
        """Count it if so many bytes more pass the limit."""
        if self.limit is not None and self.memory + size > self.limit:
            self.over_limit += 1

    def _shrink(self, wanted: int, disk: Frames | None) -> None:
        """Move on, the packed before the raw, until memory holds no more than `wanted` bytes."""
        while (excess := self.memory - wanted) > 0:
            if disk is not None and self._spill_some(excess, disk):
                continue
            if not self._pack_some(excess, disk):
                return

    def _spill_down(self, packed_limit: int, disk: Frames | None) -> None:
        if disk is not None:
            while self.packed > packed_limit:
                if not self._spill_some(self.packed - packed_limit, disk):
                    return

    def _pack_some(self, wanted: int, disk: Frames | None) -> bool:
        """Move raw bytes on by one step, to packed, or to where their frame is already.

        Returns:
            Whether anything is no longer raw.

        """
        taken, left = self._take(self._raw, wanted)
        try:
            for key, (memory, _) in taken.items():
                itemsize = self._itemsizes.get(key, 1)
                frame = None if _is_on(disk, key) else pack(memoryview(memory), itemsize)
                with self.lock:
                    if key in self._raw and frame is not None:
                        self._raw.discard(key)
                        self._packed.set_noevict(key, frame)
                    elif key in self._raw and disk is self._disk:
                        self._raw.discard(key)
                        self._on_disk[key] = None
                    left += key not in self._raw
        finally:
            self._release(taken)
        return left > 0

    def _spill_some(self, wanted: int, disk: Frames) -> bool:
        """Move packed frames to disk by one step.

        Returns:
            Whether anything is no longer packed.

        """
        taken, left = self._take(self._packed, wanted)
        try:
            new = {key: frame for key, (frame, _) in taken.items() if key not in disk}
            if new:
                disk.update(new)
            with self.lock:
                for key, (frame, _) in taken.items():
                    if key in self._packed and disk is self._disk:
                        self._packed.discard(key)
                        self._on_disk[key] = len(frame) if key in new else None
                    left += key not in self._packed
        finally:
            self._release(taken)
        return left > 0

    def _take(
        self, generation: LRU[Key, _Held], wanted: int
    ) -> tuple[dict[Key, tuple[_Held, object]], int]:
        """Mark the least recently used as being moved, enough for `wanted` bytes or one step.

        Returns:
            Key -> bytes and holder, and how many were discarded because nobody needs them.

        """
        taken: dict[Key, tuple[_Held, object]] = {}
        dead: list[Key] = []
        weight = 0
        with self.lock:
            for key in generation.order:
                if key in self._moving:
                    continue
                holder = self._holder(key)
                if holder is None:
                    dead.append(key)
                else:
                    taken[key] = generation.d[key], holder
                weight += len(generation.d[key])
                if weight >= min(wanted, STEP_BYTES) or len(taken) + len(dead) >= STEP_COUNT:
                    break
            for key in dead:
                self.discard(key)
            self._moving.update(taken)
        return taken, len(dead)

    def _release(self, taken: Iterable[Key]) -> None:
        with self.lock:
            self._moving.difference_update(taken)


def _read_from(
    disk: Frames | None, key: Key, allocate: Callable[[int], memoryview]
) -> tuple[memoryview, int]:
    """Return bytes and item size; the digest is right."""
    digest, size = key
    frame = _fetch(disk, key)
    try:
        memory = unpack(frame, size, allocate)
    except Damaged as error:
        raise Damaged(f"{_name(key)} is damaged on disk: {error}") from error
    if xxhash.xxh3_128_digest(memory) != digest:
        raise Damaged(f"{_name(key)} has other bytes on disk than it had when it was stored")
    return memory, itemsize_of(frame)


def _fetch_whole(disk: Frames | None, key: Key) -> bytes:
    """Return a frame from disk, as it was made."""
    frame = _fetch(disk, key)
    try:
        check(frame)
    except Damaged as error:
        raise Damaged(f"{_name(key)} is damaged on disk: {error}") from error
    return frame


def _fetch(disk: Frames | None, key: Key) -> bytes:
    """Return what the disk has under a key."""
    if disk is not None:
        with suppress(KeyError):
            return disk[key]
    raise Damaged(f"{_name(key)} is neither in memory nor on disk")


def _length(disk: Frames | None, key: Key) -> int:
    """Ask the disk for the length of a frame; read the frame if it can't tell."""
    measure = getattr(disk, "length", None)
    return len(_fetch(disk, key)) if measure is None else int(measure(key))


def _weight(_: Key, held: bytes | memoryview) -> int:
    return len(held)


def _is_on(disk: Frames | None, key: Key) -> bool:
    return disk is not None and key in disk


def _name(key: Key) -> str:
    return f"chunk {key[0].hex()[:8]} ({key[1]} bytes)"
