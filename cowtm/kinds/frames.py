"""pandas: the block manager under frames and series, and what pandas itself holds in C.

Frames, series, indexes and most extension arrays are plain instances. What they keep their data in
is not: the block manager, its blocks, and arrays such as those of dates and categories are made
in C.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pandas import CategoricalDtype, Index, MultiIndex
from pandas._libs import internals
from pandas._libs.arrays import NDArrayBacked
from pandas._libs.internals import BlockPlacement  # type: ignore[import-not-found]
from pandas._libs.interval import IntervalMixin
from pandas._libs.sparse import SparseIndex
from pandas._libs.tslibs.offsets import BaseOffset
from pandas.api.extensions import ExtensionDtype
from pandas.arrays import ArrowExtensionArray
from pandas.core.flags import Flags  # type: ignore[import-not-found]
from pandas.core.generic import NDFrame

from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    InstanceKind,
    Kind,
    Layout,
    dead_reference,
    plain_instances,
    same_leaf,
)
from cowtm.kinds.reference import ReferenceKind
from cowtm.native import GENERIC, Node

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore


class BlockKind(Kind):
    """One block of a frame: class, where its columns are, number of dimensions, values, sharers."""

    name = "block"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read the block."""
        placement = Placement(value.mgr_locs)
        return [type(value), placement, value.ndim, value.values, value.refs]

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
        cls, placement, ndim, values, refs = parts
        return cls(values, placement=placement.make(), ndim=ndim, refs=refs)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare pointing it at its values."""
        _, placement, _, values, refs = parts

        def commit() -> object:
            displaced = value.values, value.refs
            if displaced[0] is not values:
                value.values = values
            if displaced[1] is not refs:
                _leave(displaced[1], value)
                refs.add_reference(value)
                value.refs = refs
            if not placement.matches(Placement(value.mgr_locs)):
                value.mgr_locs = placement.make()
            if hasattr(value, "_cache"):  # the type of what it held
                value._cache = {}  # noqa: SLF001
            return displaced

        return commit


class SharersKind(Kind):
    """Who shares some memory: blocks and indexes, which enter themselves when they are made."""

    name = "what pandas knows of sharing"
    frozen = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """There is nothing to read: those that share are asked."""
        return [type(value)]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one that knows of nobody."""
        return parts[0]()


def _leave(refs: Any, value: Any) -> None:
    """Have a block or an index count no longer among those that share memory."""
    refs.referenced_blocks = [ref for ref in refs.referenced_blocks if ref() is not value]


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
    """A block manager: class, axes, blocks; what it derives from them is derived anew."""

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
                for name in DERIVED:
                    if hasattr(value, name):
                        setattr(value, name, None)
            return displaced

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:
        """Give the shape, as rows x columns."""
        lengths = [_length(axis, content_of) for axis in slots[2 : 2 + slots[1]]]
        return "x".join(lengths[::-1])

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that columns came, went or were replaced."""
        return "columns or rows changed"


DERIVED = ("_interleaved_dtype", "_dtypes_cache")
"""Further attributes in which a manager of pandas 3.1 keeps what it derived from its blocks."""


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
        return [type(value), dtype, array, *_without_caches(self.layout.read(value))]

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
        kind = "category" if type(slots[1]) is Node else slots[1]
        return f"{kind} {_length(slots[2], content_of)}"


class Cache(ByValue):
    """Stands for what an object keeps to answer faster, whatever is in it: one is as another."""

    __slots__ = ()

    def matches(self, other: Any) -> bool:
        """Tell whether the other is such a one too."""
        return isinstance(other, Cache)


class CachedKind(InstanceKind):
    """A plain instance of pandas', but for what it keeps to answer faster: that starts anew.

    So looking something up in a frame is no change of it.

    Attributes:
        born_with: caches that such an object has from its birth on, and has to have.

    """

    code = GENERIC
    by_value = True
    born_with: ClassVar[tuple[str, ...]] = ("_item_cache",)

    def parts(self, value: Any) -> Sequence[object]:
        """Read class and attributes."""
        read = self.layout.read(value)
        count = len(self.members)
        return [type(value), *read[:count], *_without_caches(read[count:], self.born_with)]

    def same(self, old: object, new: object) -> bool:
        """Compare caches, which are alike."""
        return isinstance(old, Cache) and isinstance(new, Cache)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes; what was kept about the old ones is forgotten."""
        return super().plan(value, [{} if isinstance(p, Cache) else p for p in parts])


def _without_caches(pairs: Sequence[object], born_with: tuple[str, ...] = ()) -> list[object]:
    """Leave caches out of names and values that stand in turn, or put a `Cache` for them."""
    kept: list[object] = []
    for index in range(0, len(pairs) - 1, 2):
        name, held = pairs[index : index + 2]
        if name in born_with:
            kept += [name, Cache()]
        elif name not in CACHES:
            kept += [name, held]
    return kept


CACHES = ("_cache", "_item_cache")
"""Attributes in which pandas keeps what it derived from the others."""


class FrameKind(CachedKind):
    """A frame or a series: tells changes as columns and rows."""

    def compare(
        self, old: Sequence[Any], new: Sequence[Any], before_of: ContentOf, after_of: ContentOf
    ) -> str:
        """Say which columns and how many rows came and went."""
        before, after = self._axes(old, before_of), self._axes(new, after_of)
        said = []
        if len(before) == len(after) == 2:  # noqa: PLR2004  columns and rows
            left, right = _labels(before[0], before_of), _labels(after[0], after_of)
            said += _listed("added", [label for label in right if label not in left])
            said += _listed("gone", [label for label in left if label not in right])
            if not said and left != right:
                said.append("columns in another order")
        rows = [_length(axes[-1], of) for axes, of in ((before, before_of), (after, after_of))]
        if rows[0] != rows[1]:
            said.append(f"{rows[0]} to {rows[1]} rows")
        if not said and self._named(old)["_mgr"] is not self._named(new)["_mgr"]:
            said.append("values or labels changed")
        return "; ".join(said)

    def _axes(self, slots: Sequence[Any], content_of: ContentOf) -> Sequence[Any]:
        """Return the slots of the axes, the columns first if there are any."""
        manager = content_of(self._named(slots)["_mgr"])
        held = manager.flat() if manager is not None else (None, 0)
        return held[2 : 2 + held[1]]


def _listed(what: str, labels: Sequence[object]) -> list[str]:
    shown = ", ".join(map(str, labels[:SHOWN])) + (", ..." if len(labels) > SHOWN else "")
    return [f"column{'s' if len(labels) > 1 else ''} {shown} {what}"] if labels else []


SHOWN = 4
"""Columns that are named when some came or went."""


def _labels(axis: Any, content_of: ContentOf) -> list[object]:
    """Return the labels of an index that are words or numbers."""
    level = [content_of(axis)]
    for _ in range(3):  # index, its array, the memory of that
        below: list[Any] = []
        for content in level:
            slots = content.flat() if content is not None else ()
            kind: Any = content.kind if content is not None else None
            if hasattr(kind, "elements"):  # an array of arrow's
                return list(kind.elements(slots, content_of))
            for slot in slots:
                if isinstance(slot, range):
                    return list(slot)
            if any(getattr(slot, "shape", None) for slot in slots if isinstance(slot, ByValue)):
                words: list[object] = [slot for slot in slots if type(slot) is str]
                if words:
                    return words
            below += [content_of(slot) for slot in slots if type(slot) is Node]
        level = below
    return []


class IndexKind(CachedKind):
    """An index: a block whose memory it lies in must know of it."""

    born_with = ("_cache",)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        attributes = super().plan(value, parts)

        def commit() -> object:
            before = self.layout.dict_of(value).get("_references")
            displaced = attributes()
            refs = self.layout.dict_of(value).get("_references")
            if refs is not None and not any(ref() is value for ref in refs.referenced_blocks):
                refs.add_index_reference(value)
            if before is not None and before is not refs:
                _leave(before, value)
            return displaced

        return commit


class Names(ByValue):
    """What the levels of an index are called: a list of its own holds that, which may change."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[object, ...]) -> None:
        self.names = names

    def matches(self, other: Any) -> bool:
        """Tell whether they are called the same."""
        pairs = zip(self.names, other.names, strict=False)
        return len(self.names) == len(other.names) and all(same_leaf(a, b) for a, b in pairs)


class LevelsKind(IndexKind):
    """An index of several levels: what it derived from their names goes with these."""

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, attributes, names."""
        return [*super().parts(value), Names(tuple(self.layout.dict_of(value)["_names"]))]

    def same(self, old: object, new: object) -> bool:
        """Compare caches, and names."""
        if isinstance(old, Names):
            return isinstance(new, Names) and old.matches(new)
        return super().same(old, new)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return super().plan(value, parts[:-1])

    def _named(self, slots: Sequence[Any]) -> dict[Any, Any]:
        return super()._named(slots[:-1])


class ArrowBackedKind(CachedKind):
    """An extension array over an array of arrow's, which is exchanged when it is written into."""

    born_with = ("_cache",)


class IntervalKind(InstanceKind):
    """Intervals are plain instances, but for a base made in C that wants to make them itself."""

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty instance; no constructor runs."""
        return IntervalMixin.__new__(parts[0])


class FlagsKind(Kind):
    """The flags of a frame or a series: class, that frame, what is allowed.

    They know their frame by a weak reference; the frame is where they are reached from.
    """

    name = "flags"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, frame, what is allowed."""
        return [type(value), value._obj(), value._allows_duplicate_labels]  # noqa: SLF001

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make flags of no frame yet."""
        return object.__new__(parts[0])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing frame and what is allowed."""
        _, frame, allowed = parts

        def commit() -> object:
            own = vars(value)
            if frame is not None:
                own["_obj"] = weakref.ref(frame)
            elif "_obj" not in own or own["_obj"]() is not None:
                own["_obj"] = dead_reference()
            own["_allows_duplicate_labels"] = allowed
            return None

        return commit


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Give the kind of a type of pandas', or None."""
    if issubclass(cls, NDArrayBacked):
        return BackedArrayKind(cls)
    if issubclass(cls, internals.Block):
        return BlockKind(cls)
    if cls.__name__ in ("BlockManager", "SingleBlockManager"):
        return ManagerKind(cls)
    if issubclass(cls, internals.BlockValuesRefs):
        return SharersKind(cls)
    if issubclass(cls, Flags):
        return FlagsKind(cls)
    if cls.__name__ == "IntervalTree":
        return ReferenceKind("a look-up table of an index", quiet=True)
    if not plain_instances(cls):
        return None
    for base, kind in _PLAIN:
        if issubclass(cls, base):
            return kind(cls)
    return CachedKind(cls)


_PLAIN: tuple[tuple[type, type[InstanceKind]], ...] = (
    (NDFrame, FrameKind),
    (MultiIndex, LevelsKind),
    (Index, IndexKind),
    (IntervalMixin, IntervalKind),
    (ArrowExtensionArray, ArrowBackedKind),
)

_VALUES = ("Timestamp", "Timedelta", "Period", "Interval", "NaTType", "NAType")


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable: scalars, types of columns, offsets."""
    if cls.__name__ in _VALUES:
        return True
    if issubclass(cls, CategoricalDtype):  # its categories are an index like any other
        return False
    return issubclass(cls, BaseOffset | ExtensionDtype | BlockPlacement | SparseIndex)
