"""Bytes move from raw to packed to disk and back, and are always the same bytes."""

from __future__ import annotations

import errno
import gc
import mmap
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from disks import Files, FullDisk, Measuring, Meddling
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cowtm.arena import Arena
from cowtm.chunks import CHUNK, Chunk, ChunkStore
from cowtm.errors import Damaged
from cowtm.generations import STEP_COUNT, Frames, Generations, Key, Sizes
from cowtm.packing import HEAD, itemsize_of, pack, unpack

DISKS: dict[str, Callable[[Path], Frames]] = {
    "dict": lambda _: {},
    "files": Files,
    "measuring": lambda _: Measuring(),
    "meddling": lambda _: Meddling(),
    "full, but not yet": lambda _: FullDisk(1 << 30),
}


@pytest.fixture(params=list(DISKS))
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Frames:
    """Give every mapping of frames."""
    return DISKS[request.param](tmp_path)


@pytest.fixture
def store() -> ChunkStore:
    """Give a store without a disk."""
    return ChunkStore()


def smooth(number: int, size: int = 4000) -> memoryview:
    """Return bytes that pack well."""
    array: Any = np.arange(size // 8) + number * 1.5
    return memoryview(array.view(np.uint8))


def noise(number: int, size: int = 4000) -> memoryview:
    """Return bytes that do not pack."""
    array: Any = np.random.default_rng(number).integers(0, 256, size, np.uint8)
    return memoryview(array)


def resident() -> int:
    """Return bytes of memory that the process has."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * mmap.PAGESIZE


def one(store: ChunkStore, memory: memoryview) -> Chunk:
    """Store what is a single chunk."""
    (chunk,) = store.split(memory, 8)
    return chunk


def assert_exact(store: ChunkStore, alive: dict[Chunk, bytes]) -> None:
    """What is counted is what is there, and what is there is what is alive."""
    inside = store._generations
    sizes = store.sizes()
    assert {chunk.key for chunk in store} == {chunk.key for chunk in alive}
    assert store.held == sum(chunk.size for chunk in alive)
    assert sizes.raw + sizes.plain_packed + sizes.plain_disk == store.held
    assert sizes.raw == sum(map(len, inside._raw.d.values())) == store.raw
    assert sizes.packed == sum(map(len, inside._packed.d.values())) == store.packed
    frames = [store.disk[key] for key in inside._on_disk] if store.disk is not None else []
    assert sizes.disk == sum(map(len, frames))
    assert not inside._moving


def test_bytes_are_the_same_in_every_generation(store: ChunkStore, disk: Frames) -> None:
    """Raw, packed, on disk, and raw again."""
    store.disk = disk
    chunk = one(store, smooth(1))
    assert (store.raw, store.packed) == (4000, 0)
    assert chunk.read() == smooth(1)
    store.settle(0, 1 << 30)
    assert store.raw == 0
    assert 0 < store.packed < 4000
    assert chunk.read() == smooth(1)
    assert (store.raw, store.packed) == (4000, 0)
    store.settle(0, 0)
    assert (store.raw, store.packed, list(disk)) == (0, 0, [chunk.key])
    assert store.sizes().disk == len(disk[chunk.key])
    assert chunk.read() == smooth(1)
    assert_exact(store, {chunk: bytes(smooth(1))})


def test_what_is_on_disk_is_not_written_again(store: ChunkStore) -> None:
    """Nor packed again: it leaves memory at once."""
    store.disk = disk = Meddling()
    chunk = one(store, smooth(1))
    for _ in range(3):
        store.settle(0, 0)
        assert chunk.read() == smooth(1)
    assert disk.written == [chunk.key]
    store.settle(0, 1 << 30)
    assert (store.raw, store.packed) == (0, 0)


def test_a_frame_that_another_wrote_counts_as_written(store: ChunkStore) -> None:
    """The journal's owner may write frames himself, before their turn comes."""
    store.disk = disk = Meddling()
    chunk = one(store, smooth(1))
    disk[chunk.key] = frame = store.frame(chunk.key)
    store.settle(0, 1 << 30)
    assert disk.written == []
    assert store.sizes().disk == len(frame)
    assert chunk.read() == smooth(1)


def test_a_frame_that_another_wrote_counts_as_long_as_it_is(store: ChunkStore) -> None:
    """He may have packed it otherwise."""
    store.disk = disk = Meddling()
    chunk = one(store, smooth(1))
    store.settle(0, 1 << 30)
    disk[chunk.key] = frame = pack(smooth(1), 1)
    assert len(frame) != store.packed
    store.settle(0, 0)
    assert disk.written == []
    assert store.sizes().disk == len(frame)
    assert chunk.read() == smooth(1)


def test_the_least_recently_used_go_first(store: ChunkStore) -> None:
    """To read is to use."""
    store.disk = disk = Meddling()
    chunks = [one(store, noise(number)) for number in range(10)]
    chunks[0].read()
    store.settle(4000, 4 * 4000 + 5 * HEAD)
    assert disk.written == [chunk.key for chunk in chunks[1:6]]
    assert chunks[0].read() == noise(0)
    assert store.sizes().plain_disk == 5 * 4000


def test_no_more_is_moved_than_needed(store: ChunkStore) -> None:
    """A limit that holds moves nothing, and one byte too many moves one chunk."""
    store.disk = {}
    chunks = [one(store, noise(number)) for number in range(4)]
    store.settle(16_000, 0)
    assert (store.raw, store.packed) == (16_000, 0)
    store.settle(15_999, 1 << 30)
    assert (store.raw, store.packed) == (12_000, 4000 + HEAD)
    assert all(chunk.read() == noise(number) for number, chunk in enumerate(chunks))


def test_without_a_disk_packed_is_the_last_generation(store: ChunkStore) -> None:
    """Whatever the limit, nothing is lost."""
    chunks = [one(store, noise(number)) for number in range(4)]
    store.settle(0, 0)
    assert (store.raw, store.packed) == (0, 4 * (4000 + HEAD))
    assert [chunk.read() for chunk in chunks] == [noise(number) for number in range(4)]


def test_bytes_given_stay_valid(store: ChunkStore) -> None:
    """However far the chunk has gone meanwhile."""
    store.disk = {}
    chunk = one(store, smooth(1, CHUNK))
    given = chunk.read()
    assert given.readonly
    store.settle(0, 0)
    again = chunk.read()
    store.settle(0, 0)
    del chunk
    store.settle(0, 0)
    assert given == again == smooth(1, CHUNK)


def test_a_frame_is_given_from_any_generation(store: ChunkStore) -> None:
    """It is packed with the item size of its array, and nothing moves."""
    chunk = one(store, smooth(1))
    store.disk = {}
    frames = []
    for raw, packed in ((1 << 30, 0), (0, 1 << 30), (0, 0)):
        store.settle(raw, packed)
        before = store.sizes()
        frames.append(store.frame(chunk.key))
        assert store.sizes() == before
    assert len(set(frames)) == 1
    assert itemsize_of(frames[0]) == 8
    assert unpack(frames[0], chunk.size) == smooth(1)


def test_the_item_size_comes_back_from_disk(store: ChunkStore) -> None:
    """A chunk read from a journal packs as well as before."""
    store.disk = disk = dict[Key, bytes]()
    key = one(store, smooth(1)).key
    first = store.frame(key)
    disk[key] = first
    assert len(store) == 0
    chunk = store.chunk(*key)
    assert chunk.read() == smooth(1)
    assert store.frame(key) == first


def test_dead_chunks_leave_memory(store: ChunkStore, disk: Frames) -> None:
    """From raw and packed; their frames stay on disk, whose owner sweeps it."""
    store.disk = disk
    chunks = [one(store, noise(number)) for number in range(6)]
    store.settle(8000, 8000 + 2 * HEAD)
    assert len(disk) == 2
    del chunks
    assert_exact(store, {})
    assert (len(store), len(disk)) == (0, 2)


def test_a_chunk_that_is_alive_again_keeps_its_bytes(store: ChunkStore) -> None:
    """If it died and came back between two calls, in whatever generation its bytes were."""
    store.disk = {}
    for raw, packed in ((1 << 30, 0), (0, 1 << 30), (0, 0)):
        chunk = one(store, smooth(1))
        store.settle(raw, packed)
        del chunk
        unseen = list(store._dead)  # as if it died between the look at the dead and the split
        store._dead.clear()
        store.disk.clear()  # the owner may sweep what nobody needs
        chunk = one(store, smooth(1))
        store._dead.extend(unseen)
        assert_exact(store, {chunk: bytes(smooth(1))})
        assert chunk.read() == smooth(1)
        del chunk
        assert_exact(store, {})


def test_a_chunk_read_back_is_the_chunk_that_is_alive(store: ChunkStore) -> None:
    """And a new one, if there is only its frame."""
    store.disk = {}
    chunk = one(store, smooth(1))
    key = chunk.key
    assert store.chunk(*key) is chunk
    store.settle(0, 0)
    assert store.chunk(*key) is chunk
    del chunk
    assert len(store) == 0
    assert key not in store
    again = store.chunk(*key)
    assert key in store
    assert_exact(store, {again: bytes(smooth(1))})
    assert again.read() == smooth(1)


def test_a_chunk_that_is_nowhere_is_damaged(store: ChunkStore) -> None:
    """With a disk and without, and if its frame vanishes later."""
    key = (b"\1" * 16, 5)
    with pytest.raises(Damaged, match=r"chunk 01010101 \(5 bytes\) is neither"):
        store.chunk(*key)
    store.disk = {}
    with pytest.raises(Damaged, match="neither in memory nor on disk"):
        store.chunk(*key)
    assert_exact(store, {})
    chunk = one(store, smooth(1))
    store.settle(0, 0)
    store.disk.clear()
    with pytest.raises(Damaged, match="neither in memory nor on disk"):
        chunk.read()


def test_a_damaged_frame_gives_no_bytes(store: ChunkStore) -> None:
    """Neither a broken one nor one of other bytes; and the chunk can be read once it is mended."""
    store.disk = disk = dict[Key, bytes]()
    chunk, other = one(store, smooth(1)), one(store, smooth(2))
    store.settle(0, 0)
    whole = disk[chunk.key]
    disk[chunk.key] = whole[:-1] + bytes([whole[-1] ^ 1])
    with pytest.raises(Damaged, match=rf"chunk {chunk.digest.hex()[:8]} .* is damaged on disk"):
        chunk.read()
    with pytest.raises(Damaged, match="is damaged on disk"):
        store.frame(chunk.key)
    disk[chunk.key] = disk[other.key]
    with pytest.raises(Damaged, match="has other bytes on disk"):
        chunk.read()
    disk[chunk.key] = whole
    assert chunk.read() == smooth(1)


def test_a_full_disk_loses_nothing(store: ChunkStore) -> None:
    """Who settles hears of it; what can be packed is packed; and it goes on once there is room."""
    size = CHUNK * 3 // 4
    store.disk = disk = FullDisk(2 * (size + HEAD))
    alive = {one(store, noise(at, size)): bytes(noise(at, size)) for at in range(8)}
    for _ in range(3):
        with pytest.raises(OSError, match="No space left") as caught:
            store.settle(0, 0)
        assert caught.value.errno == errno.ENOSPC
        assert store.raw == 0
        assert_exact(store, alive)
    assert [chunk.read() for chunk in alive] == list(alive.values())
    disk.room = 1 << 30
    store.settle(0, 0)
    assert store.sizes().plain_disk == store.held
    assert [chunk.read() for chunk in alive] == list(alive.values())


def test_a_limit_bounds_what_memory_holds(store: ChunkStore, tmp_path: Path) -> None:
    """An array of 64 MiB passes through 8 MiB, in and out, as the system sees it too."""
    memory = noise(1, 64 * CHUNK)
    store.limit = limit = 8 * CHUNK
    store.disk = disk = Files(tmp_path)
    before = resident()
    seen = []
    chunks = []
    for at in range(0, len(memory), CHUNK):
        chunks += store.split(memory[at : at + CHUNK], 8)
        assert store.raw + store.packed <= limit
        seen.append(resident())
    for at, chunk in enumerate(chunks):
        assert chunk.read() == memory[at * CHUNK :][:CHUNK]
        assert store.raw + store.packed <= limit
        seen.append(resident())
    assert max(seen) - before < limit + 16 * CHUNK
    assert (store.over_limit, len(store), store.held) == (0, 64, 64 * CHUNK)
    assert len(disk) >= 56
    assert_exact(store, dict.fromkeys(chunks, b""))


def test_memory_goes_back_to_the_system(store: ChunkStore) -> None:
    """What was let go, or went to disk, is not kept by the heap of the C library."""
    chunks = store.split(noise(1, 64 * CHUNK))
    full = resident()
    del chunks[::2]
    assert len(store) == 32
    assert full - resident() > 24 * CHUNK


@pytest.mark.parametrize("refusing", [None, FullDisk()], ids=["none", "full"])
def test_beyond_the_limit_nothing_is_lost(store: ChunkStore, refusing: Frames | None) -> None:
    """Without a place to go bytes stay, packed where that helps, and the owner can tell."""
    store.disk = refusing
    store.limit = 10_000
    alive = {one(store, noise(number)): bytes(noise(number)) for number in range(5)}
    assert store.over_limit == 3
    assert [chunk.read() for chunk in alive] == list(alive.values())
    assert_exact(store, alive)
    well = one(store, smooth(1))
    store.limit = None
    alive[well] = bytes(smooth(1))
    assert_exact(store, alive)


def test_small_chunks_share_a_transaction(store: ChunkStore) -> None:
    """Thousands of them are written some at a time."""
    store.disk = disk = Meddling()
    writes = []
    disk.when_written = lambda: writes.append(len(disk))
    chunks = [one(store, noise(number, 40)) for number in range(2 * STEP_COUNT + 1)]
    store.settle(0, 0)
    assert writes == [STEP_COUNT, 2 * STEP_COUNT, 2 * STEP_COUNT + 1]
    assert all(chunk.read() == noise(number, 40) for number, chunk in enumerate(chunks))


def test_another_disk_takes_along_what_only_the_old_one_has(
    store: ChunkStore, disk: Frames
) -> None:
    """And none at all takes it into memory."""
    store.disk = {}
    alive = {one(store, noise(number)): bytes(noise(number)) for number in range(6)}
    store.settle(8000, 8000 + 2 * HEAD)
    store.disk = disk
    assert len(disk) == 2
    assert_exact(store, alive)
    store.disk = None
    assert store.sizes().plain_disk == 0
    assert_exact(store, alive)
    assert [chunk.read() for chunk in alive] == list(alive.values())


def test_a_disk_that_cannot_take_them_is_not_taken(store: ChunkStore) -> None:
    """The old one stays, with all that is on it."""
    store.disk = old = dict[Key, bytes]()
    chunk = one(store, noise(1))
    store.settle(0, 0)
    with pytest.raises(OSError, match="No space left"):
        store.disk = FullDisk()
    assert store.disk is old
    assert chunk.read() == noise(1)


def test_lengths_are_asked_for_where_the_disk_tells_them(store: ChunkStore) -> None:
    """Counting what a whole journal holds reads none of it."""
    store.disk = disk = Measuring()
    frames = {}
    for number in range(3):
        chunk = one(store, smooth(number))
        disk[chunk.key] = frames[chunk.key] = store.frame(chunk.key)
    del chunk
    assert len(store) == 0
    chunks = [store.chunk(*key) for key in frames]
    assert store.sizes().disk == sum(map(len, frames.values()))
    assert disk.reads == 0
    assert len(chunks) == len(store) == 3


class Interfering:
    """Something that happens to a chunk while it is on its way."""

    def __init__(self, store: ChunkStore) -> None:
        self.store = store
        self.chunks = [one(store, noise(1))]

    def dies(self) -> None:
        """Nobody refers to it any more but who moves it."""
        self.chunks.clear()

    def is_read(self) -> None:
        """Somebody wants its bytes."""
        assert self.chunks[0].read() == noise(1)

    def is_split_again(self) -> None:
        """It dies, and the same bytes come again."""
        self.dies()
        self.chunks.append(one(self.store, noise(1)))

    def is_packed_by_another(self) -> None:
        """Another thread settles at the same time."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.store.settle, 0, 1 << 30).result()

    def is_settled_by_another(self) -> None:
        """Another thread settles to the end at the same time."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.store.settle, 0, 0).result()


@pytest.mark.parametrize(
    "what", ["dies", "is_read", "is_split_again", "is_packed_by_another", "is_settled_by_another"]
)
@pytest.mark.parametrize("when", ["when_asked", "when_written"])
def test_nothing_that_comes_between_breaks_a_move(store: ChunkStore, what: str, when: str) -> None:
    """Between taking a chunk and handing it over, anything may happen to it; once."""
    store.disk = disk = Meddling()
    others = [one(store, smooth(2))]
    scene = Interfering(store)
    pending = [getattr(scene, what)]
    setattr(disk, when, lambda: pending.pop()() if pending else None)
    store.settle(0, 0)
    assert not pending
    alive = {chunk: bytes(noise(1)) for chunk in scene.chunks}
    alive[others[0]] = bytes(smooth(2))
    assert_exact(store, alive)
    assert all(chunk.read() == data for chunk, data in alive.items())
    store.settle(0, 0)
    assert (store.raw, store.packed) == (0, 0)
    assert_exact(store, alive)


@pytest.mark.parametrize(("limit", "looks"), [(1 << 30, 1), (0, 2)], ids=["raw", "packed"])
def test_what_is_on_its_way_is_alive(store: ChunkStore, limit: int, looks: int) -> None:
    """Who sweeps the disk meanwhile must not take its frame for one that nobody needs."""
    store.disk = disk = Meddling()
    chunks = [one(store, noise(1))]
    key = chunks[0].key
    store.settle(limit, 1 << 30)
    seen = []

    def look() -> None:
        chunks.clear()
        seen.append(key in store)

    disk.when_asked = disk.when_written = look
    store.settle(0, 0)
    assert seen == [True] * looks
    assert key not in store
    assert_exact(store, {})


def test_what_is_dead_is_not_moved(store: ChunkStore) -> None:
    """Not packed, not written: it is let go, whether its death was seen or not."""
    store.disk = disk = Meddling()
    for limit in (1 << 30, 0):
        chunks = [one(store, noise(1, CHUNK)), one(store, noise(2))]
        store.settle(limit, 1 << 30)
        del chunks[0]
        store._dead.clear()
        store._generations.settle(0, 0)
        assert disk.written == [chunks[0].key]
        assert (store.raw, store.packed) == (0, 0)
        assert chunks[0].read() == noise(2)
        disk.clear()
        disk.written.clear()


@pytest.mark.parametrize("when", ["when_asked", "when_written"])
def test_a_disk_changed_during_a_move_gets_its_frames(store: ChunkStore, when: str) -> None:
    """What was found on the old one, or on its way there, is not believed to be on the new one."""
    new: Frames = {}
    store.disk = old = Meddling()
    chunk = one(store, noise(1))
    if when == "when_asked":
        old[chunk.key] = store.frame(chunk.key)
    pending = [new]

    def change() -> None:
        if pending:
            store.disk = pending.pop()

    setattr(old, when, change)
    store.settle(0, 0)
    assert store.disk is new
    store.settle(0, 0)
    old.clear()
    assert chunk.read() == noise(1)
    assert list(new) == [chunk.key]


def test_bytes_that_are_discarded_while_they_are_read_do_not_stay() -> None:
    """Who reads gets them; the books do not."""
    generations = Generations(lambda key: key, Arena().allocate)
    generations.disk = disk = Meddling()
    data = bytes(noise(1))
    key = xxhash.xxh3_128_digest(data), len(data)
    generations.put(key, data, 1)
    generations.settle(0, 1 << 30)
    generations.limit = len(data)
    disk.when_written = lambda: generations.discard(key)  # while room is made for what is read
    assert generations.read(key) == data
    assert disk.written == [key]
    assert key not in generations
    assert generations.sizes() == Sizes(0, 0, 0, 0, 0)


def test_nobody_waits_for_the_disk(store: ChunkStore) -> None:
    """While a frame is being written, others split, read, count and settle what is theirs."""
    store.disk = disk = Meddling()
    chunk = one(store, noise(1))
    writing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert go_on.wait(60)

    disk.when_written = wait
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(store.settle, 0, 0)
        assert writing.wait(60)
        other = one(store, smooth(2))
        assert (chunk.read(), other.read()) == (noise(1), smooth(2))
        assert store.sizes().raw == 8000
        assert len(store) == 2
        store.settle(0, 1 << 30)
        assert not settling.done()
        go_on.set()
        settling.result(60)
    assert_exact(store, {chunk: bytes(noise(1)), other: bytes(smooth(2))})


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Switch threads as often as possible."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("limit", [None, 60_000])
def test_threads_at_once_get_right_bytes(
    store: ChunkStore, disk: Frames, limit: int | None
) -> None:
    """Splitting, reading, dropping, settling the same chunks; in the end all is counted."""
    store.disk, store.limit = disk, limit
    contents = [kind(number) for number in range(15) for kind in (smooth, noise)]
    together = threading.Barrier(5)

    def use(seed: int) -> dict[Chunk, bytes]:
        rng = np.random.default_rng(seed)
        kept: dict[Chunk, bytes] = {}
        together.wait(60)
        for _ in range(500):
            memory = contents[rng.integers(len(contents))]
            chunk = one(store, memory)
            assert chunk.read() == memory
            assert unpack(store.frame(chunk.key), chunk.size) == memory
            kept[chunk] = bytes(memory)
            if len(kept) > 6:
                kept.pop(list(kept)[rng.integers(6)])
        return kept

    def settle(seed: int) -> dict[Chunk, bytes]:
        rng = np.random.default_rng(seed)
        together.wait(60)
        for _ in range(200):
            store.settle(int(rng.integers(60_000)), int(rng.integers(40_000)))
            sizes = store.sizes()
            assert min(sizes.raw, sizes.packed, sizes.disk) >= 0
        return {}

    with ThreadPoolExecutor(5) as pool:
        tasks = [pool.submit(use, seed) for seed in range(3)]
        tasks += [pool.submit(settle, seed) for seed in range(2)]
        alive: dict[Chunk, bytes] = {}
        for task in tasks:
            alive |= task.result(200)
    del tasks, task
    assert_exact(store, alive)
    assert all(chunk.read() == data for chunk, data in alive.items())
    assert store.over_limit == 0
    alive.clear()
    assert_exact(store, {})


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_split_equal_memory_share_chunks(store: ChunkStore) -> None:
    """What is new is stored once."""
    together = threading.Barrier(4)
    memory = noise(1, 40 * 4000)

    def split(_: int) -> list[Chunk]:
        together.wait(60)
        return [one(store, memory[at : at + 4000]) for at in range(0, len(memory), 4000)]

    with ThreadPoolExecutor(4) as pool:
        first, *rest = pool.map(split, range(4))
    assert all(a is b for other in rest for a, b in zip(first, other, strict=True))
    assert store.stored == store.held == store.raw == len(memory)


def test_chunks_may_die_in_garbage_collected_at_any_point(store: ChunkStore) -> None:
    """Also in the midst of the store's own work: their death is only noted."""
    store.disk = {}
    usual = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            cycle: list[Any] = [one(store, smooth(number))]
            cycle.append(cycle)
            del cycle
            store.settle(4000, 2000)
    finally:
        gc.set_threshold(*usual)
    gc.collect()
    assert_exact(store, {})


class Sequences(RuleBasedStateMachine):
    """Any sequence of calls gives right bytes and exact accounting."""

    def __init__(self) -> None:
        super().__init__()
        self.store = ChunkStore()
        self.alive: dict[Chunk, bytes] = {}
        self.ever: dict[Key, bytes] = {}
        self.full = FullDisk(20_000)

    contents = st.tuples(
        st.sampled_from([smooth, noise]),
        st.integers(0, 3),
        st.sampled_from([0, 8, 200, 256, 3000, 70_000]),
    )
    limits = st.sampled_from([0, 1, 3000, 10_000, 80_000, 1 << 30])

    @initialize(limit=st.sampled_from([None, 0, 5000, 100_000]))
    def begin(self, limit: int | None) -> None:
        """Set a limit, or none."""
        self.store.limit = limit

    @rule(content=contents)
    def split(self, content: tuple[Callable[[int, int], memoryview], int, int]) -> None:
        """Store something, new or not."""
        make, number, size = content
        memory = make(number, size)
        for chunk in self.store.split(memory, 8):
            self.alive[chunk] = self.ever[chunk.key] = bytes(memory)

    @precondition(lambda self: self.alive)
    @rule(which=st.integers(0, 20))
    def read(self, which: int) -> None:
        """Read a chunk, find it by its key, look at its frame."""
        chunk = list(self.alive)[which % len(self.alive)]
        assert self.store.chunk(*chunk.key) is chunk
        assert unpack(self.store.frame(chunk.key), chunk.size) == self.alive[chunk]
        assert chunk.read() == self.alive[chunk]

    @precondition(lambda self: self.store.disk)
    @rule(which=st.integers(0, 20))
    def find_on_disk(self, which: int) -> None:
        """Refer to a chunk again whose frame is on disk, whether it is alive or not."""
        assert self.store.disk is not None
        key = list(self.store.disk)[which % len(self.store.disk)]
        self.alive[self.store.chunk(*key)] = self.ever[key]

    @precondition(lambda self: self.alive)
    @rule(which=st.integers(0, 20))
    def drop(self, which: int) -> None:
        """Let go of a chunk."""
        del self.alive[list(self.alive)[which % len(self.alive)]]

    @rule(raw=limits, packed=limits)
    def settle(self, raw: int, packed: int) -> None:
        """Move on what is too much."""
        try:
            self.store.settle(raw, packed)
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017  whether it comes, the model can't tell
            assert self.store.disk is self.full
        else:
            assert self.store.packed <= packed or self.store.disk is None
        assert self.store.raw <= raw

    @rule(which=st.sampled_from(["none", "dict", "full"]))
    def change_disk(self, which: str) -> None:
        """Go on with another disk."""
        try:
            self.store.disk = {"none": None, "dict": {}, "full": self.full}[which]
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017
            assert which == "full"

    @invariant()
    def exact(self) -> None:
        """Everything is counted, and within the limit where there is a place to go."""
        assert_exact(self.store, self.alive)
        if self.store.limit is not None and not self.store.over_limit:
            assert self.store.raw + self.store.packed <= self.store.limit

    def teardown(self) -> None:
        """All bytes are right to the end, and go with the chunks."""
        for chunk, data in self.alive.items():
            assert chunk.read() == data
        self.alive.clear()
        gc.collect()


TestSequences = pytest.mark.long(Sequences.TestCase)
TestSequences.settings = settings(max_examples=60, stateful_step_count=30)
