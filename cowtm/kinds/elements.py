"""What arrays that hold objects hold: of each field the objects, or its bytes in chunks.

The memory of such an array is pointers, which mean nothing later. So its elements are read field
by field, down to fields that hold either objects alone or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cowtm.chunks import CHUNK, ChunkStore, write_back
from cowtm.kinds.base import NotCapturable


def read(flat: Any, store: ChunkStore) -> list[object]:
    """Read all elements of an array of one axis.

    Args:
        flat: the array, without gaps.
        store: where the bytes of fields go that hold no objects.

    """
    body: list[object] = []
    for leaf in _leaves(flat):
        if leaf.dtype.hasobject:
            body += leaf.ravel().tolist()
        else:
            body += store.split(_memory(np.ascontiguousarray(leaf)), leaf.dtype.itemsize)
    return body


def write(flat: Any, body: Sequence[Any]) -> None:
    """Write into an array of one axis what `read` gave."""
    start = 0
    for leaf in _leaves(flat):
        if leaf.dtype.hasobject:
            end = start + leaf.size
            items = np.empty(leaf.size, leaf.dtype)
            for index, item in enumerate(body[start:end]):
                items[index] = item
            leaf[...] = items.reshape(leaf.shape)
        else:
            end = start - -leaf.nbytes // CHUNK
            packed = np.array(leaf)
            write_back(_memory(packed), body[start:end])
            leaf[...] = packed
        start = end


def in_order_of_memory(plain: Any) -> Any:
    """View an array without gaps as one axis, whatever the order of its axes.

    Raises:
        NotCapturable: it has gaps.

    """
    steps = plain.strides
    ordered = plain.transpose(sorted(range(plain.ndim), key=lambda axis: -abs(steps[axis])))
    ways = [slice(None, None, -1 if step < 0 else 1) for step in ordered.strides]
    ordered = ordered[(*ways, ...)]
    if not ordered.flags.c_contiguous:
        msg = "an array of objects with gaps"
        raise NotCapturable(msg)
    return ordered.reshape(-1)


def _leaves(flat: Any) -> list[Any]:
    """Return the fields at the bottom, each for all elements at once."""
    names = flat.dtype.names
    if names is None:
        return [flat]
    return [leaf for name in names for leaf in _leaves(flat[name])]


def _memory(packed: Any) -> memoryview:
    return memoryview(packed.reshape(-1).view(np.uint8))
