"""Views of arrays that hold objects: numpy makes none of bytes, so they are sliced if they can be.

A slice names the array that it views as its base, as the one did that was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cowtm.kinds import elements
from cowtm.kinds.base import NotCapturable
from cowtm.kinds.places import Memory, address, root_address


def view_of_objects(
    root: Any, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> Any:
    """View a part of an array that holds objects, or of a record.

    Args:
        root: what owns the memory.
        dtype: type of the elements, which are or lie within those of the root.
        shape: length of each axis.
        strides: bytes from one element to the next, for each axis.
        offset: bytes from the beginning of the root's memory to the first element.

    """
    whole = np.asarray(root) if isinstance(root, np.void) else np.ndarray.view(root, np.ndarray)
    start = root_address(root) + offset
    for field in (*_fields(whole), whole.T):
        if field.dtype == dtype and field.ndim == len(shape):
            sliced = _slice(field, shape, strides, start)
            if sliced is not None:
                return sliced
    if dtype.kind == "T":  # strings are found by the type of their own array only
        return _view_of_strings(whole, shape, strides, start)
    return np.ndarray(shape, dtype, np.asarray(Memory(whole, root)), offset, strides)


def _view_of_strings(
    whole: Any, shape: tuple[int, ...], strides: tuple[int, ...], start: int
) -> Any:
    """View strings of any length that follow one another, their axes in any order.

    Raises:
        NotCapturable: they do not follow one another.

    """
    axes = sorted(range(len(shape)), key=lambda axis: (-strides[axis], -shape[axis]))
    flat = elements.in_order_of_memory(whole)
    first = (start - address(flat)) // flat.itemsize
    part = flat[first : first + math.prod(shape)].reshape([shape[axis] for axis in axes])
    made = part.transpose(np.argsort(axes))
    if made.shape != shape or any(
        step != wanted and length > 1
        for step, wanted, length in zip(made.strides, strides, shape, strict=True)
    ):
        msg = "a view of strings that can't be made again"
        raise NotCapturable(msg)
    return made


def _fields(whole: Any) -> Iterator[Any]:
    """Give an array and its fields, and those of these."""
    yield whole
    for name in whole.dtype.names or ():
        yield from _fields(whole[name])


def _slice(whole: Any, shape: tuple[int, ...], strides: tuple[int, ...], start: int) -> Any:
    """Slice an array so that the result is laid out so, None if no slice is."""
    left = start - address(whole)
    firsts = [0] * whole.ndim
    for axis in sorted(range(whole.ndim), key=lambda axis: -whole.strides[axis]):
        step = whole.strides[axis]
        if step <= 0:
            return None
        firsts[axis], left = divmod(left, step)
    where = []
    for axis, first in enumerate(firsts):
        each, count = strides[axis] // whole.strides[axis], shape[axis]
        last = first + each * (count - 1)
        if not each or not count or not all(0 <= at < whole.shape[axis] for at in (first, last)):
            return None
        end = last + (1 if each > 0 else -1)
        where.append(slice(first, end if end >= 0 else None, each))
    sliced = whole[(*where, ...)]  # of no axis too it is a view
    as_wanted = (sliced.shape, sliced.strides, address(sliced)) == (shape, strides, start)
    return sliced if as_wanted else None
