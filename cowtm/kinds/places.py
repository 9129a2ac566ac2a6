"""Where arrays are in memory: whose it is, where it begins and ends, and whether it may be written.

The *root* of an array owns its memory; arrays that view one root share it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from cowtm.kinds import foreign
from cowtm.kinds.base import NotCapturable
from cowtm.kinds.buffers import address_of
from cowtm.kinds.lent import Stretch, lender_of, memory_under
from cowtm.kinds.mapped import is_anonymous

BUFFERS = (bytes, bytearray, memoryview)
"""Objects that may stand under an array as its memory."""

_array: Any = np.ndarray.__dict__
_shape, _flags, _base = _array["shape"], _array["flags"], _array["base"]


def root_of(value: Any) -> Any:
    """Return what owns the memory of an array, None if it does itself.

    Arrays over mapped files raise: their memory is the file.
    """
    base = _base.__get__(value)
    if base is None or _is_lent_by_library(base):
        return None
    last = base if is_array(base) else None  # of the arrays that view the same
    while (below := _below(base)) is not base:
        if below is None or _is_lent_by_library(below):
            return base if isinstance(base, np.void) else last
        base = below
        last = base if is_array(base) else last
    while type(base) is memoryview and base.obj is not None:
        base = base.obj
    if type(base).__name__ == "mmap" and not is_anonymous(base):
        msg = "an array mapped from a file"
        raise NotCapturable(msg)
    if foreign.is_data(base):
        return foreign.root_of(base) or base
    if isinstance(base, BUFFERS) or type(base).__name__ in ("array", "mmap"):
        return base
    if type(base) is np.nditer:
        return _operand_at(base, address(value))
    under = memory_under(base, address(value))
    return under if under is not None else last


def _operand_at(iterator: Any, where: int) -> Any:
    """Return the root of the array of which an iterator gave an element; None if it has a buffer.

    Raises:
        NotCapturable: the iterator is closed, so numpy does not keep the array any more.

    """
    try:
        operands = iterator.operands
    except ValueError as error:
        msg = "an element of an iterator that is closed"
        raise NotCapturable(msg) from error
    for operand in operands:
        low, high = bounds(operand, address(operand))
        if low <= where < high:
            root = root_of(operand)
            return operand if root is None else root
    return None


def _below(base: Any) -> Any:
    """Return what an object beneath an array views itself; the object if that is not for numpy."""
    if is_array(base):
        return _base.__get__(base)
    if type(base) is Stretch:
        return base.lender
    if isinstance(base, memoryview):
        return base.obj if isinstance(base.obj, np.ndarray | np.void) else base
    if type(base) is Memory or isinstance(base, np.void):
        return base.base
    is_numpys = type(base).__name__ == "DummyArray" and hasattr(base, "base")
    return base.base if is_numpys else base


def _is_lent_by_library(base: Any) -> bool:
    """Tell what is beneath the array over a stretch of a library's memory, which is a root."""
    return type(base) is Stretch and not is_array(base.lender)


def is_lent(value: Any, root: Any) -> bool:
    """Tell whether numpy says of an array that its memory belongs to something of a library's.

    Args:
        value: the array.
        root: what `root_of` gave for it.

    """
    base = _base.__get__(value)
    while is_array(base) or type(base) is memoryview:
        base = base.obj if type(base) is memoryview else _base.__get__(base)
    if base is None or type(base) is Stretch:
        return base is not None
    if root is None:
        return type(base) is not Memory
    return is_array(root) and lender_of(base) is not None


def is_array(value: Any) -> bool:
    """Tell arrays from everything else."""
    return issubclass(type(value), np.ndarray)  # isinstance would ask the object


def address(value: Any) -> int:
    """Return where the first element is."""
    where: int = _array["__array_interface__"].__get__(value)["data"][0]
    return where


def root_address(root: Any) -> int:
    """Return where the memory of a root begins."""
    if is_array(root):
        return bounds(root, address(root))[0]
    if isinstance(root, np.void):
        return address(np.asarray(root))
    file = lender_of(root)
    return address_of(root) if file is None else int(file.address_of(root))


def bounds(value: Any, start: int) -> tuple[int, int]:
    """Return where the memory of an array, whose first element is at `start`, begins and ends."""
    flags = _flags.__get__(value)
    if flags.c_contiguous or flags.f_contiguous:
        return start, start + _array["nbytes"].__get__(value)
    if 0 in _shape.__get__(value):
        return start, start
    low, high = byte_bounds(value)
    return low, high


def memory_of(value: Any) -> memoryview:
    """Return the memory of an array as writeable bytes, whatever its type, layout and flags.

    The view is only good while the array lives.
    """
    return memory_between(*bounds(value, address(value)))


def memory_between(low: int, high: int) -> memoryview:
    """Return the memory between two addresses as writeable bytes, good while it is there."""
    if low == high:
        return memoryview(bytearray())
    return memoryview((ctypes.c_ubyte * (high - low)).from_address(low)).cast("B")


def set_writeable(value: Any, *, wanted: bool) -> None:
    """Set the flag of an array over memory that could be written through it at some time.

    numpy refuses where it does not see that: where the array that owns the memory may not be
    written now, behind `as_strided`, in memory of other libraries.
    """
    flags = _flags.__get__(value)
    if flags.writeable == wanted:
        return
    try:
        flags.writeable = wanted
    except ValueError:
        if not _FLAGS_KNOWN:
            raise
        _flags_in(value).value |= _WRITEABLE


_FLAGS = object.__basicsize__ + 5 * ctypes.sizeof(ctypes.c_void_p) + 8
"""Where in an array its flags are: after memory, number of axes, lengths, strides, base, type."""

_WRITEABLE = 0x400
"""Which of them tells that it may be written through."""


def _flags_in(value: Any) -> Any:
    return ctypes.c_int.from_address(id(value) + _FLAGS)


def _are_flags_known() -> bool:
    """Tell whether an array of this numpy's is as those of 1.7 to 2.x are."""
    written, read_only = np.zeros(2), np.zeros((2, 2), order="F")
    read_only.flags.writeable = False
    return all(_flags_in(one).value == one.flags.num for one in (written, read_only))


_FLAGS_KNOWN = _are_flags_known()


def can_be_written(value: Any) -> bool:
    """Tell whether an array that could be written once can be made writeable again."""
    try:
        set_writeable(value, wanted=True)
    except ValueError:
        return False
    set_writeable(value, wanted=False)
    return True


class Memory:
    """Bytes that an array is made over, which numpy would not view as such.

    Attributes:
        base: whose bytes they are; None if they are the array's own.

    """

    def __init__(self, block: Any, base: Any = None) -> None:
        low, high = bounds(block, address(block))
        self._block = block  # keeps them alive
        self.base = base
        self.__array_interface__ = {
            "data": (low, False),
            "shape": (high - low,),
            "typestr": "|u1",
            "version": 3,
        }


def holds_objects(root: Any) -> bool:
    """Tell whether there are pointers to objects in the memory of a root."""
    return isinstance(root, np.ndarray | np.void) and bool(root.dtype.hasobject)


def bytes_of(root: Any) -> Any:
    """View the whole memory of a root as bytes."""
    if isinstance(root, np.void):
        root = np.asarray(root)
    elif not is_array(root):
        file = lender_of(root)
        return root if file is None else file.bytes_of(root)
    plain = np.ndarray.view(root, np.ndarray)
    flags = plain.flags
    if not (flags.c_contiguous or flags.f_contiguous):  # its axes are in another order
        return np.asarray(Memory(plain, root))
    return (plain if flags.c_contiguous else plain.T).reshape(-1).view(np.uint8)
