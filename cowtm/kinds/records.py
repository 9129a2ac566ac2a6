"""Elements of structured arrays: records that view the array they were taken from, or stand alone.

A record of its own is memory, as an array is; its elements are read as those of arrays are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cowtm.kinds import elements
from cowtm.kinds.base import Commit, Kind, resolved, same_leaf
from cowtm.kinds.places import address, bytes_of, holds_objects, memory_of, root_address, root_of
from cowtm.kinds.views import view_of_objects

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore


class RecordKind(Kind):
    """numpy.void: class, type of the fields, the root, the place in it.

    One that has memory of its own has no root; instead of the place come its bytes, or, if it holds
    objects, its elements.
    """

    name = "record"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.store = store

    def parts(self, value: Any) -> Sequence[object]:
        """Find the place in the root, or read the elements."""
        dtype = value.dtype
        if dtype.names is None:
            return [type(value), dtype, None, value.tobytes()]
        plain = np.asarray(value)
        if value.base is None:
            if dtype.hasobject:
                return [type(value), dtype, None, *elements.read(_flat(value), self.store)]
            return [type(value), dtype, None, bytes(memory_of(plain))]
        root = root_of(plain)
        return [type(value), dtype, root, address(plain) - root_address(root)]

    def same(self, old: object, new: object) -> bool:
        """Compare types of elements, places and bytes."""
        return type(old) is type(new) and not isinstance(old, type) and same_leaf(old, new)

    def needs(self, slots: Sequence[Any]) -> int:
        """Class, type, root and place are given at birth, and the bytes of one without fields."""
        return 2 if slots[2] is None and slots[1].names is not None else 4

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Take it from its root, or make one that is filled later."""
        cls, dtype = parts[:2]
        if dtype.names is None:
            return np.frombuffer(parts[3], (cls, dtype))[0]
        if slots[2] is None:
            return np.zeros(1, (cls, dtype))[0].copy()
        if holds_objects(parts[2]):
            size = (dtype.itemsize,)
            return view_of_objects(parts[2], np.dtype((cls, dtype)), (1,), size, parts[3])[0]
        return np.ndarray((1,), (cls, dtype), bytes_of(parts[2]), parts[3])[0]

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Only elements of its own can be put back in place, and those of fields only."""
        live = self.parts(value)
        if live[0] is not resolved(slots[0]) or live[1] != slots[1]:
            return False
        own = live[2] is None and slots[1].names is not None
        return live[2] is resolved(slots[2]) and (own or live[3] == slots[3])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the elements, if they are its own."""
        if parts[2] is not None or parts[1].names is None:
            return lambda: None
        body = list(parts[3:])

        def commit() -> object:
            if parts[1].hasobject:
                elements.write(_flat(value), body)
            else:
                memory_of(np.asarray(value))[:] = body[0]
            return None

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that its fields changed."""
        return "its fields changed"


def _flat(value: Any) -> Any:
    """View a record as an array of one element."""
    return np.asarray(value).reshape(1)


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of records, or None."""
    return RecordKind(cls, store) if issubclass(cls, np.void) else None
