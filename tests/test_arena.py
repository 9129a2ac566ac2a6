"""Memory that other processes can map: it is whole, private when asked for, and given back."""

from __future__ import annotations

import gc
import mmap
import os
import subprocess
import sys
import threading

import pytest

from cowtm.arena import PAGED, SEGMENT, SLOT, Arena

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files without a name")


@pytest.mark.parametrize("size", [0, 1, PAGED - 1, PAGED, PAGED + 1, SLOT, SLOT + 1])
def test_memory_is_writeable_to_its_last_byte(size: int) -> None:
    """And no longer than asked for."""
    memory = Arena().allocate(size)
    assert (len(memory), memory.readonly, memory.format) == (size, False, "B")
    memory[:] = b"x" * size
    assert memory == b"x" * size


@pytest.mark.parametrize("size", [0, 1, PAGED - 1, PAGED, PAGED + 1, SLOT, SLOT + 1])
def test_copies_are_read_only_and_whole(size: int) -> None:
    """A copy is as long as what it is a copy of, and does not change with it."""
    arena = Arena()
    source = bytearray(os.urandom(size))
    wanted = bytes(source)
    copied = arena.copy(memoryview(source))
    source[:] = bytes(size)
    assert copied == wanted
    assert memoryview(copied).readonly


def test_memory_that_the_system_does_not_have_is_a_memory_error() -> None:
    """It is not taken for trouble with the disk."""
    with pytest.raises(MemoryError, match="no more memory"):
        Arena().allocate(1 << 60)


def test_no_two_have_the_same_memory() -> None:
    """More than a segment, let go of and taken again in any order: each keeps its own bytes."""
    arena = Arena()
    held = {number: arena.allocate(PAGED) for number in range(SEGMENT // SLOT + 5)}
    for turn in range(3):
        for number, memory in held.items():
            memory[:2] = number.to_bytes(2, "big")
        for number in list(held)[turn::3]:
            del held[number], memory
            held[number + 1000] = memory = arena.allocate(PAGED)
            memory[:2] = (number + 1000).to_bytes(2, "big")
        assert all(int.from_bytes(bytes(held[n][:2]), "big") == n for n in held)


@linux
def test_a_part_keeps_the_whole() -> None:
    """A view of a view of it is enough to keep it; then its pages go back at once."""
    arena = Arena()
    memory = arena.allocate(SLOT)
    memory[:] = b"x" * SLOT
    place = arena.place(memory)
    assert place is not None
    part = memory.toreadonly()[5:9]
    del memory
    gc.collect()
    others = [arena.allocate(SLOT) for _ in range(3)]
    for other in others:
        other[:] = b"y" * SLOT
    assert bytes(part) == b"xxxx"
    assert _pages(place.file) == 4 * SLOT
    del part, others, other
    assert _pages(place.file) == 0


def _pages(file: int) -> int:
    """Return the bytes that a file takes."""
    return os.fstat(file).st_blocks * 512


@linux
def test_another_process_maps_it() -> None:
    """By its place; what that process writes stays its own."""
    arena = Arena()
    [*others, memory] = [arena.allocate(SLOT) for _ in range(3)]
    memory[:] = b"abc" + bytes(SLOT - 3)
    place = arena.place(memory)
    assert place is not None
    assert place == arena.place(memory.toreadonly())
    assert len({arena.place(other) for other in others} | {place}) == 3
    program = (
        "import mmap, os, sys\n"
        f"file = os.open('/proc/{place.process}/fd/{place.file}', os.O_RDONLY)\n"
        f"memory = mmap.mmap(file, {SLOT}, flags=mmap.MAP_PRIVATE, offset={place.offset},\n"
        "                   prot=mmap.PROT_READ | mmap.PROT_WRITE)\n"
        "memory[1:2] = b'X'\n"
        "sys.stdout.buffer.write(memory[:3])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"aXc"
    assert bytes(memory[:3]) == b"abc"


def test_what_is_small_or_somebody_elses_has_no_place() -> None:
    """Nobody maps what is not there to be mapped."""
    arena = Arena()
    for memory in (arena.allocate(PAGED - 1), arena.allocate(SLOT + 1), memoryview(b"abc")):
        assert arena.place(memory) is None
    assert Arena().place(arena.allocate(SLOT)) is None


@linux
def test_a_forked_child_leaves_it_alone() -> None:
    """What a child lets go of, or takes, is nothing to its parent."""
    arena = Arena()
    held = [arena.allocate(SLOT) for _ in range(2)]
    for memory in held:
        memory[:] = b"p" * SLOT
    child = os.fork()
    if not child:
        code = 1
        try:
            held.clear()
            del memory
            fresh = [arena.allocate(SLOT) for _ in range(3)]
            for memory in fresh:
                memory[:] = b"c" * SLOT
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert all(memory == b"p" * SLOT for memory in held)


def test_without_such_files_memory_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is whole all the same, and has no place."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    arena = Arena()
    memory = arena.allocate(SLOT)
    memory[:] = b"x" * SLOT
    assert isinstance(memory.obj, mmap.mmap)
    assert arena.place(memory) is None


def test_threads_share_an_arena() -> None:
    """Each gets memory of its own, whoever lets go of what."""
    arena = Arena()
    wrong: list[memoryview] = []

    def work(mark: int) -> None:
        for _ in range(50):
            held = [arena.allocate(SLOT) for _ in range(3)]
            for memory in held:
                memory[:8] = bytes([mark]) * 8
            wrong.extend(memory for memory in held if memory[:8] != bytes([mark]) * 8)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
