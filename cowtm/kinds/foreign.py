"""Data of `ctypes`: memory in chunks; what lies within other data, or over a buffer, as a place.

What holds pointers, or is one, stays by reference: what it points to may be anybody's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from cowtm.chunks import Chunk, ChunkStore, write_back
from cowtm.kinds.base import Commit, Kind, Layout, NotCapturable, mro_of, resolved
from cowtm.kinds.buffers import address_of

_PLAIN = frozenset("cbB?hHiIlLqQfdgu")
"""Codes of simple types that hold numbers or characters, and no pointers."""


class DataKind(Kind):
    """A structure, union, array or simple value: class, root, place, length, chunks, attributes."""

    name = "ctypes data"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store
        self.is_plain = _is_plain(cls)
        self.calls = True  # what structures are laid out by is with their class

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory of a root; find the place of what lies within one."""
        if not self.is_plain:
            msg = "it holds pointers"
            raise NotCapturable(msg)
        root = root_of(value)
        if root is None:
            with memoryview(value) as view, view.cast("B") as memory:
                chunks = self.store.split(memory)
            return [type(value), None, 0, len(chunks), *chunks, *self.layout.read(value)]
        return [type(value), root, _place(value, root), 0, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare places and numbers of chunks."""
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class, root and place are given at birth."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make one past any constructor of the user's; a part of something lies over it."""
        cls, root, place = parts
        if slots[1] is None:
            base: Any = next(base for base in mro_of(cls) if base in _BASES)
            return base.__new__(cls)
        return cls.from_buffer(root, place)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The place can't be changed."""
        if type(value) is not self.cls or root_of(value) is not resolved(slots[1]):
            return False
        root = resolved(slots[1])
        return root is None or _place(value, root) == slots[2]

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the chunks that differ."""
        end = 4 + parts[3]
        chunks: list[Chunk] = list(parts[4:end])
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            if parts[1] is None:
                with memoryview(value) as view, view.cast("B") as memory:
                    write_back(memory, chunks)
            return attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Say whether its memory changed."""
        pairs = zip(old[4 : 4 + old[3]], new[4 : 4 + new[3]], strict=False)
        return "its memory changed" if any(a is not b for a, b in pairs) else "attributes changed"


def _place(value: Any, root: Any) -> int:
    return ctypes.addressof(value) - address_of(root)


def root_of(value: Any) -> Any:
    """Return what the memory of some data belongs to, None if that is the data itself.

    Raises:
        NotCapturable: it is what a pointer points to.

    """
    base = value
    while base._b_base_ is not None:
        base = base._b_base_
    if isinstance(base, ctypes._Pointer):  # noqa: SLF001  it has no other name
        msg = "it is what a pointer points to"
        raise NotCapturable(msg)
    kept = base._objects  # noqa: SLF001  ctypes calls it so
    held = (
        [part for part in kept.values() if type(part) is memoryview] if type(kept) is dict else []
    )
    if base._b_needsfree_ or not held:
        return None if base is value else base
    under = held[0].obj
    return (root_of(under) or under) if is_data(under) else under


def is_data(value: Any) -> bool:
    """Tell data from pointers, functions and everything else."""
    return issubclass(type(value), _BASES)


_BASES: tuple[type, ...] = (
    ctypes._SimpleCData,  # noqa: SLF001  it has no other name
    ctypes.Structure,
    ctypes.Union,
    ctypes.Array,
)


def _is_plain(cls: Any) -> bool:
    """Tell whether data of a type holds no pointers."""
    if issubclass(cls, ctypes._SimpleCData):  # noqa: SLF001
        return cls._type_ in _PLAIN
    if issubclass(cls, ctypes.Array):
        return _is_plain(cls._type_)
    if not issubclass(cls, ctypes.Structure | ctypes.Union):
        return False
    fields = [field for base in mro_of(cls) for field in vars(base).get("_fields_", ())]
    return all(_is_plain(field[1]) for field in fields)


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of data; pointers and functions have none."""
    return DataKind(cls, store) if issubclass(cls, _BASES) else None


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Tell that nothing of `ctypes` is immutable."""
    return False
