"""Bytes made smaller, and back: frames.

A frame is one byte that names the codec, a checksum of eight bytes, and the payload. The codec is
blosc2's LZ4 at its quickest, with the bytes of the items shuffled; what does not shrink is kept as
it is. The checksum (xxh3_64, seeded with the codec) is looked at before anything is unpacked, so a
broken frame never reaches the decompressor.

Packing takes 0.2 to 0.6 ms per MiB of numbers, and unpacking as long, on a 2-core Sapphire Rapids,
with the GIL released; single bytes without order take 3 ms (``python -m benchmarks.packing``).
blosc2 is imported when it is first needed: that takes the better part of a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import xxhash

from cowtm.aside import import_aside
from cowtm.errors import Damaged

PLAIN = 0
"""The codec of a payload that is the bytes themselves."""

BLOSC = 1
"""The codec of a payload that is one chunk of blosc2's."""

HEAD = 9
"""Bytes of a frame before its payload."""

SMALL = 256
"""Fewer bytes than this are not packed: blosc2's own head takes 32."""

PROBE = 1 << 16
"""Bytes that are packed first, to see whether the rest is worth it; that takes 13 microseconds."""

WORTHWHILE = 0.9
"""At most this share of the probe must remain."""

_TYPESIZE_AT = HEAD + 3
"""Where a frame of blosc2's tells the item size: README_CHUNK_FORMAT of c-blosc2."""

LARGEST_ITEM = 255
"""Bytes of the largest item that blosc2 shuffles."""


def pack(memory: memoryview, itemsize: int = 1) -> bytes:
    """Return a frame that holds some bytes.

    Args:
        memory: bytes, contiguous, less than 2 GiB.
        itemsize: bytes of an element of the array that they come from.

    """
    if len(memory) < SMALL:
        return _frame(PLAIN, memory)
    if not 1 <= itemsize <= LARGEST_ITEM:
        itemsize = 1
    probe = memory[:PROBE]
    packed = _compress(probe, itemsize)
    if len(packed) > WORTHWHILE * len(probe):
        return _frame(PLAIN, memory)
    if len(memory) > PROBE:
        packed = _compress(memory, itemsize)
    return _frame(BLOSC, packed) if len(packed) < len(memory) else _frame(PLAIN, memory)


def unpack(
    frame: bytes | memoryview, size: int, allocate: Callable[[int], Any] = bytearray
) -> memoryview:
    """Return the bytes of a frame, read-only.

    Args:
        frame: what `pack` gave.
        size: how many bytes it holds; no more memory than that is taken.
        allocate: gives writeable memory of so many bytes.

    Raises:
        Damaged: the frame is broken, or holds another number of bytes.

    """
    codec, payload = _open(frame)
    if codec == PLAIN:
        if len(payload) != size:
            raise Damaged(f"a frame holds {len(payload)} bytes instead of {size}")
        return payload
    blosc2 = _blosc2()
    try:
        found, taken, _ = blosc2.get_cbuffer_sizes(payload)
        if (found, taken) != (size, len(payload)):
            raise Damaged(
                f"a frame holds {found} bytes in {taken}, instead of {size} in {len(payload)}"
            )
        memory = allocate(size)
        blosc2.decompress2(payload, memory, nthreads=1)
    except (RuntimeError, ValueError) as error:
        raise Damaged(f"a frame can't be unpacked: {error}") from error
    return memoryview(memory).toreadonly()


def itemsize_of(frame: bytes | memoryview) -> int:
    """Return the item size that a whole frame was packed with; 1 if its payload is plain."""
    return frame[_TYPESIZE_AT] if frame[0] == BLOSC else 1


def check(frame: bytes | memoryview) -> None:
    """Look whether a frame is what `pack` gave, without unpacking it.

    Raises:
        Damaged: it is not.

    """
    _open(frame)


def _frame(codec: int, payload: bytes | memoryview) -> bytes:
    return b"".join((bytes((codec,)), xxhash.xxh3_64_digest(payload, codec), payload))


def _open(frame: bytes | memoryview) -> tuple[int, memoryview]:
    """Return codec and payload of a frame that is as it was made."""
    view = memoryview(frame).toreadonly()
    if len(view) < HEAD:
        raise Damaged(f"a frame of {len(view)} bytes is cut short")
    codec, payload = view[0], view[HEAD:]
    if view[1:HEAD] != xxhash.xxh3_64_digest(payload, codec):
        raise Damaged("a frame's checksum does not match its bytes")
    if codec not in (PLAIN, BLOSC):
        raise Damaged(f"a frame was packed by a codec that this version does not know: {codec}")
    return codec, payload


def _compress(memory: memoryview, itemsize: int) -> bytes:
    blosc2 = _blosc2()
    packed: bytes = blosc2.compress2(
        memory,
        codec=blosc2.Codec.LZ4,
        clevel=1,
        typesize=itemsize,
        filters=[blosc2.Filter.SHUFFLE],
        filters_meta=[0],
        nthreads=1,
    )
    return packed


@functools.cache
def _blosc2() -> Any:
    # 0.9 s and 60 MB with its own imports: not when we are loaded
    blosc2: Any = import_aside("blosc2")
    blosc2.set_releasegil(True)
    return blosc2
