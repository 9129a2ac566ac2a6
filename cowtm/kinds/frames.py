"""pandas: the block manager under frames and series, and what pandas itself holds in C.

Frames, series, indexes and most extension arrays are plain instances. What they keep their data in
is not: the block manager, its blocks, and arrays such as those of dates and categories are made
in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandas._libs import internals  # no stubs
from pandas._libs.arrays import NDArrayBacked
from pandas._libs.internals import BlockPlacement
from pandas._libs.interval import IntervalMixin
from pandas._libs.sparse import SparseIndex
from pandas._libs.tslibs.offsets import BaseOffset
from pandas.api.extensions import ExtensionDtype
from pandas.arrays import ArrowExtensionArray

from cowtm.chunks import ChunkStore
from cowtm.kinds.base import ByValue, Commit, ContentOf, InstanceKind, Kind, Layout, name_of
from cowtm.native import GENERIC, Node


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
    """Find how long an index or array is, from the array or range in it."""
    level = [axis]
    for _ in range(4):  # index, its array, the array in that, its memory
        below: list[Any] = []
        for slot in level:
            content = content_of(slot) if type(slot) is Node else None
            below += content.flat() if content is not None else ()
        for slot in below:
            if isinstance(slot, range):
                return str(len(slot))
            shape = getattr(slot, "shape", None) if isinstance(slot, ByValue) else None
            if shape:
                return str(shape[0])
        level = below
    return "?"


class BackedArrayKind(Kind):
    """An extension array over one numpy array (dates, spans, categories): class, dtype, array."""

    name = "array of pandas"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read dtype, array, attributes."""
        dtype, array = value._dtype, value._ndarray  # noqa: SLF001
        return [type(value), dtype, array, *self.layout.read(value)]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class, dtype and array are given at birth."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make the array around the memory; no constructor looks at it."""
        made = NDArrayBacked.__new__(parts[0])
        NDArrayBacked.__setstate__(made, (parts[1], parts[2], {}))
        return made

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare pointing it at its memory."""
        _, dtype, array = parts[:3]
        attributes = self.layout.plan(value, parts[3:])

        def commit() -> object:
            displaced = value._dtype, value._ndarray  # noqa: SLF001
            if displaced[0] is not dtype or displaced[1] is not array:
                NDArrayBacked.__setstate__(value, (dtype, array, {}))
            return displaced, attributes()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:
        """Give type and length."""
        return f"{slots[1]} {_length(slots[2], content_of)}"


class Held(ByValue):
    """An array of arrow's: it never changes, so it is kept itself, its memory not copied."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int]:
        """The number of elements, as numpy says it."""
        return (len(self.array),)

    def matches(self, other: Any) -> bool:
        """Tell whether two are the same one."""
        return isinstance(other, Held) and self.array is other.array


class ArrowKind(InstanceKind):
    """An extension array over arrow's memory: to write into it is to give it another array."""

    code = GENERIC
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read class and attributes."""
        read = self.layout.read(value)
        return [type(value), *(Held(part) if _is_arrow(part) else part for part in read)]

    def same(self, old: object, new: object) -> bool:
        """Compare arrow's arrays."""
        return isinstance(old, Held) and old.matches(new)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return super().plan(value, [p.array if isinstance(p, Held) else p for p in parts])


def _is_arrow(part: object) -> bool:
    return name_of(type(part))[0].partition(".")[0] == "pyarrow"


class IntervalKind(InstanceKind):
    """Intervals are plain instances, but for a base made in C that wants to make them itself."""

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty instance; no constructor runs."""
        return IntervalMixin.__new__(parts[0])


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Give the kind of a type of pandas', or None."""
    if issubclass(cls, NDArrayBacked):
        return BackedArrayKind(cls)
    if issubclass(cls, IntervalMixin):
        return IntervalKind(cls)
    if issubclass(cls, ArrowExtensionArray):
        return ArrowKind(cls)
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
    return issubclass(cls, BaseOffset | ExtensionDtype | BlockPlacement | SparseIndex)
