"""pandas: the block manager under frames and series, and what pandas itself holds in C.

Frames, series, indexes and extension arrays are plain instances; what they keep their data in is
not: the block manager and its blocks are made in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandas._libs import internals
from pandas._libs.internals import BlockPlacement

from cowtm.chunks import ChunkStore
from cowtm.kinds.base import ByValue, Commit, ContentOf, Kind, Layout
from cowtm.native import Node


class BlockKind(Kind):
    """One block of a frame: class, where its columns are, number of dimensions, values."""

    name = "block"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read the block."""
        return [type(value), Placement(value.mgr_locs), value.ndim, value.values]

    def same(self, old: object, new: object) -> bool:
        """Compare placements."""
        if isinstance(old, Placement):
            return old.matches(new)
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """Everything is given at birth."""
        return len(slots)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make the block."""
        cls, placement, ndim, values = parts
        return cls(values, placement=placement.make(), ndim=ndim)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare pointing it at its values."""
        _, placement, _, values = parts

        def commit() -> object:
            displaced = value.values
            if displaced is not values:
                value.values = values
            if not placement.matches(Placement(value.mgr_locs)):
                value.mgr_locs = placement.make()
            return displaced

        return commit


class Placement(ByValue):
    """Which columns of the frame a block holds."""

    __slots__ = ("indexer",)

    def __init__(self, placement: Any) -> None:
        self.indexer: slice | tuple[int, ...] = (
            placement.as_slice if placement.is_slice_like else tuple(placement.as_array.tolist())
        )

    def matches(self, other: Any) -> bool:
        """Tell whether two name the same columns."""
        return isinstance(other, Placement) and self.indexer == other.indexer

    def make(self) -> BlockPlacement:
        """Make the placement for pandas."""
        held = self.indexer
        return BlockPlacement(held if isinstance(held, slice) else list(held))


class ManagerKind(Kind):
    """A block manager: class, axes, blocks. What it derives from them is left to be derived anew.

    The references by which pandas tells who shares a block are not recorded: they hold weakly, and
    blocks that live on keep theirs.
    """

    name = "block manager"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, axes, blocks."""
        axes, blocks = value.axes, value.blocks
        return [type(value), len(axes), *axes, *blocks]

    def needs(self, slots: Sequence[Any]) -> int:
        """Everything is given at birth."""
        return len(slots)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make the manager."""
        cls, count = parts[:2]
        axes, blocks = list(parts[2 : 2 + count]), tuple(parts[2 + count :])
        if self._is_single:
            return cls(blocks[0], axes[0], verify_integrity=False)
        return cls(blocks, axes, verify_integrity=False)

    @property
    def _is_single(self) -> bool:
        return self.cls.__name__ == "SingleBlockManager"

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing axes and blocks."""
        count = parts[1]
        axes, blocks = list(parts[2 : 2 + count]), tuple(parts[2 + count :])

        def commit() -> object:
            displaced = value.axes, value.blocks
            value.axes = axes
            value.blocks = blocks
            if not self._is_single:
                value._known_consolidated = False  # noqa: SLF001
                value._is_consolidated = False  # noqa: SLF001
                # Derived anew when asked for: the blocks' own placements may be written later.
                value._blknos = value._blklocs = None  # noqa: SLF001
            return displaced

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:
        """Give the shape, as rows x columns."""
        lengths = [_length(axis, content_of) for axis in slots[2 : 2 + slots[1]]]
        return "x".join(lengths[::-1])

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that columns came, went or were replaced."""
        return "columns or rows changed"


def _length(axis: Any, content_of: ContentOf) -> str:
    """Find how long an index is, from the array or range in it."""
    content = content_of(axis) if type(axis) is Node else None
    if content is None:
        return "?"
    for slot in content.flat():
        if isinstance(slot, range):
            return str(len(slot))
        inner = content_of(slot) if type(slot) is Node else None
        header = inner.flat()[1] if inner is not None and len(inner.flat()) > 1 else None
        if hasattr(header, "shape"):
            return str(header.shape[0])
        if inner is not None and inner.kind is not content.kind:
            found = _length(slot, content_of)
            if found != "?":
                return found
    return "?"


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Give the kind of a type of pandas', or None."""
    if issubclass(cls, internals.Block):
        return BlockKind(cls)
    if cls.__name__ in ("BlockManager", "SingleBlockManager"):
        return ManagerKind(cls)
    return None


_VALUES = ("Timestamp", "Timedelta", "Period", "Interval", "NaTType", "NAType")


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable: scalars, types of columns, offsets."""
    if cls.__name__ in _VALUES:
        return True
    from pandas._libs.tslibs.offsets import BaseOffset  # noqa: PLC0415
    from pandas.api.extensions import ExtensionDtype  # noqa: PLC0415

    return issubclass(cls, BaseOffset | ExtensionDtype | BlockPlacement)
