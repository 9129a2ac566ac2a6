"""Whose memory a buffer of pyarrow's is: arrow's own, or an array or bytes of the user's.

Arrow does not say whose memory it was given. It keeps a pointer to the Python object in the buffer,
which is found by looking at buffers over objects that are known.
"""

from __future__ import annotations

import ctypes
from typing import Any, TypeAlias

import pyarrow as pa

from cowtm.kinds.base import NotCapturable
from cowtm.kinds.lent import STRETCHES, FileMaps
from cowtm.kinds.mapped import is_anonymous
from cowtm.kinds.places import BUFFERS, is_array, root_address, root_of

Place: TypeAlias = tuple[int, int, int, bool, int | None, int]
"""A buffer: which of the memories; where in it the buffer begins that this is part of, how long
that is, and whether it may be written; where in that this one begins (None: it is that one), and
how long it is."""


class Memories:
    """Collects the memory that an object lies in."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._files = FileMaps()

    def place(self, buffer: Any) -> Place:
        """Tell the place of a buffer."""
        if not buffer.is_cpu:
            raise NotCapturable("memory of a device")
        root = buffer
        while root.parent is not None:
            root = root.parent
        memory, start = self._memory(root)
        known = [index for index, found in enumerate(self.found) if found is memory]
        index = known[0] if known else len(self.found)
        if not known:
            self.found.append(memory)
        offset = None if root is buffer else buffer.address - root.address
        return index, root.address - start, root.size, root.is_mutable, offset, buffer.size

    def _memory(self, root: Any) -> tuple[Any, int]:
        """Return what stands for the memory of a buffer that is part of no other, and its begin."""
        if not root.size:
            return b"", root.address
        owner = _owner(root)
        if owner is not None:
            return owner, root_address(owner)
        if not root.is_mutable and self._files.holds(root.address):
            raise NotCapturable("memory mapped from a file")
        memory = STRETCHES.over(root.address, root.size, root, writeable=root.is_mutable)
        return memory, root.address


class _Lender:
    """How arrow keeps a Python object whose memory it uses: a pointer at some place in its own.

    Arrow does not tell. The class of such a buffer is known by its first word, the table of its
    methods, which is compared with that of a buffer made over an object that we know.
    """

    def __init__(self, buffer: Any, owner: object) -> None:
        body = _body(buffer)
        words = _words(body, WORDS) if body else []
        self.methods = words[0] if words else 0
        self.place = words.index(id(owner)) if id(owner) in words else None

    def owner(self, buffer: Any) -> Any:
        """Return the object, None if the buffer is of another class."""
        body = _body(buffer)
        if self.place is None or not body or _words(body, 1)[0] != self.methods:
            return None
        pointer = ctypes.c_void_p.from_address(body + self.place * _WORD)
        return ctypes.cast(pointer, ctypes.py_object).value if pointer.value else None


WORDS = 13
"""Words of such a buffer that are looked through: it is no shorter, and from arrow 15 to 26 the
pointer is the 11th or 12th."""

_WORD = ctypes.sizeof(ctypes.c_void_p)
_WRAPPER = 8
"""Words of a buffer's wrapper in Python: references, type, weak references, methods, the buffer
itself, who counts references to that, size, 1."""


def _words(address: int, count: int) -> list[int]:
    return list((ctypes.c_size_t * count).from_address(address))


def _body(buffer: Any) -> int:
    """Return where the buffer itself is, which its wrapper points to; 0 if it looks otherwise."""
    if pa.Buffer.__basicsize__ != _WRAPPER * _WORD:
        return 0
    words = _words(id(buffer), _WRAPPER)
    return words[4] if words[6:] == [buffer.size, 1] else 0


def _lenders() -> tuple[_Lender, ...]:
    data = bytes(_WORD)
    numbers = STRETCHES.over(id(data), _WORD, data, writeable=False)  # an array, whatever is in it
    return _Lender(pa.py_buffer(data), data), _Lender(pa.array(numbers).buffers()[1], numbers)


_LENDERS = _lenders()


def _owner(buffer: Any) -> Any:
    """Return what of the user's the memory of a buffer belongs to, None if it is arrow's own."""
    for lender in _LENDERS:
        owner = lender.owner(buffer)
        if owner is not None:
            break
    else:
        return None
    while type(owner) is memoryview:
        owner = owner.obj
    if is_array(owner):
        root = root_of(owner)
        return owner if root is None else root
    if type(owner).__name__ == "mmap" and not is_anonymous(owner):
        raise NotCapturable("memory mapped from a file")
    return owner if isinstance(owner, BUFFERS) or type(owner).__name__ in OWNERS else None


OWNERS = ("array", "mmap")
"""Types of further objects whose memory is recorded: see `places.root_of`."""
