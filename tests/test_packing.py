"""Frames give back exactly what was packed, or say that they are broken."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from cowtm.errors import CowtmError, Damaged
from cowtm.packing import (
    BLOSC,
    HEAD,
    PLAIN,
    PROBE,
    SMALL,
    check,
    itemsize_of,
    pack,
    unpack,
)


def bytes_of(array: object) -> memoryview:
    """View the memory of an array."""
    return memoryview(array).cast("B")  # type: ignore[arg-type]


SMOOTH = bytes_of(np.arange(50_000) * 1.5)
CUT = pack(SMOOTH[:4000], 8)[HEAD:-9]
NOISE = bytes_of(np.random.default_rng(1).integers(0, 256, 400_000, np.uint8))


@given(st.binary(max_size=2000), st.integers(-1, 300), st.integers(1, 40))
def test_what_is_packed_comes_back(data: bytes, itemsize: int, times: int) -> None:
    """Whatever the bytes, however long, and whatever the size of an item is said to be."""
    memory = memoryview(data * times)
    frame = pack(memory, itemsize)
    assert unpack(frame, len(memory)) == memory
    assert len(frame) <= len(memory) + HEAD


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, PROBE - 1, PROBE, PROBE + 1, 400_000])
@pytest.mark.parametrize("source", [SMOOTH, NOISE], ids=["smooth", "noise"])
def test_every_length_comes_back(source: memoryview, size: int) -> None:
    """Also at the limits between one way to pack and another."""
    assert unpack(pack(source[:size], 8), size) == source[:size]


def test_items_are_shuffled() -> None:
    """With the right item size, numbers pack far better; the frame knows it."""
    shuffled, plain = pack(SMOOTH, 8), pack(SMOOTH, 1)
    assert len(shuffled) * 4 < len(plain) < len(SMOOTH)
    assert (itemsize_of(shuffled), itemsize_of(plain)) == (8, 1)
    assert itemsize_of(pack(SMOOTH, 256)) == 1


def test_what_does_not_shrink_is_kept_as_it_is() -> None:
    """Noise, what is too short, and noise that only its beginning hides."""
    hidden = memoryview(bytes(PROBE) + bytes(NOISE))
    for memory in (NOISE, SMOOTH[: SMALL - 1]):
        frame = pack(memory, 8)
        assert (frame[0], memoryview(frame)[HEAD:]) == (PLAIN, memory)
        assert itemsize_of(frame) == 1
    assert pack(hidden, 8)[0] == BLOSC
    assert len(pack(hidden, 8)) < len(hidden)


def test_unpacked_bytes_are_read_only() -> None:
    """Nobody can change what others read."""
    for memory in (SMOOTH, NOISE):
        assert unpack(pack(memory), len(memory)).readonly


@pytest.mark.parametrize("memory", [SMOOTH[:400], NOISE[:400], SMOOTH[:40]])
def test_a_frame_with_any_byte_changed_is_damaged(memory: memoryview) -> None:
    """Wherever it is, also in the byte that names the codec."""
    frame = pack(memory, 8)
    for position in range(len(frame)):
        broken = bytearray(frame)
        broken[position] ^= 1 << position % 8
        with pytest.raises(Damaged, match="frame"):
            unpack(bytes(broken), len(memory))
        with pytest.raises(Damaged, match="frame"):
            check(bytes(broken))


@pytest.mark.parametrize("memory", [SMOOTH[:400], NOISE[:400]])
def test_a_frame_cut_short_is_damaged(memory: memoryview) -> None:
    """At any place, and one with something behind it as well."""
    frame = pack(memory, 8)
    for end in range(len(frame)):
        with pytest.raises(Damaged, match="frame"):
            unpack(frame[:end], len(memory))
    with pytest.raises(Damaged, match="frame"):
        unpack(frame + b"\0", len(memory))
    check(frame)


@pytest.mark.parametrize("memory", [SMOOTH[:4000], NOISE[:4000]])
@pytest.mark.parametrize("size", [0, 3999, 4001, 1 << 40])
def test_a_frame_of_another_size_is_damaged(memory: memoryview, size: int) -> None:
    """It is refused before memory is taken for it."""
    with pytest.raises(Damaged, match=str(size)):
        unpack(pack(memory, 8), size)


@pytest.mark.parametrize("payload", [b"", b"\0" * 31, b"\0" * 32, bytes(range(1, 251)), CUT])
def test_a_payload_that_blosc2_never_made_is_damaged(payload: bytes) -> None:
    """Even if the checksum is right."""
    frame = bytes([BLOSC]) + xxhash.xxh3_64_digest(payload, BLOSC) + payload
    with pytest.raises(Damaged, match="frame"):
        unpack(frame, 4000)


def test_a_codec_of_the_future_is_told() -> None:
    """With its number."""
    frame = bytes([7]) + xxhash.xxh3_64_digest(b"new", 7) + b"new"
    with pytest.raises(Damaged, match="codec that this version does not know: 7"):
        unpack(frame, 3)


def test_damaged_is_an_error_of_reading() -> None:
    """Who catches OSError catches it, who catches CowtmError too."""
    assert issubclass(Damaged, OSError)
    assert issubclass(Damaged, CowtmError)


def test_threads_pack_side_by_side() -> None:
    """Each gets its own bytes back, many times over."""
    together = threading.Barrier(4)

    def work(number: int) -> None:
        memory = bytes_of(np.arange(100_000) * number)
        together.wait()
        for _ in range(20):
            assert unpack(pack(memory, 8), len(memory)) == memory

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
