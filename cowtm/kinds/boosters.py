"""Boosters of xgboost and LightGBM: the model as the library itself writes it down, in chunks.

A model is a handle to memory of C++'s. Two objects must never have one handle: each frees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cowtm.kinds.base import Commit, ContentOf, Kind, Layout, NotCapturable, mro_of, name_of
from cowtm.kinds.reference import ReferenceKind
from cowtm.native import SHARED

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore


class BoosterKind(Kind):
    """A booster: class, number of chunks, chunks, attributes but for the handle.

    Attributes:
        handle: the attribute that holds the handle.

    """

    name = "booster"
    by_value = True
    handle: str

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store

    def written(self, value: Any) -> bytes | bytearray:
        """Have the library write the model down; nothing if there is none."""
        raise NotImplementedError

    def read(self, cls: type, data: bytes) -> Any:
        """Have the library read a model."""
        raise NotImplementedError

    def parts(self, value: Any) -> Sequence[object]:
        """Write the model down; store what is new of it."""
        held = self.layout.read(value)
        if SHARED in held:
            msg = "its attributes are held by others, and with them the handle of its model"
            raise NotCapturable(msg)
        chunks = self.store.split(memoryview(self.written(value)))
        return [type(value), len(chunks), *chunks, *self._without_handle(held)]

    def same(self, old: object, new: object) -> bool:
        """Compare numbers of chunks."""
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """Class and model are given at birth."""
        return 2 + int(slots[1])

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it with its model."""
        return self.read(parts[0], b"".join(chunk.read() for chunk in parts[2:]))

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same, and its attributes its own."""
        return type(value) is self.cls and SHARED not in self.layout.read(value)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare giving it its model, if it has another now, and its attributes."""
        model = b"".join(chunk.read() for chunk in parts[2 : 2 + parts[1]])
        other = self.read(parts[0], model) if self.written(value) != model else value
        return self._plan_from(other, value, parts)

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Give a new one its attributes: it has its model."""
        self._plan_from(value, value, parts)()

    def _plan_from(self, other: Any, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare taking the handle of another, which gets the one of `value` and frees that."""
        handle = self.layout.dict_of(other).get(self.handle)
        rest = self.layout.plan(value, [*parts[2 + parts[1] :], self.handle, handle])

        def commit() -> object:
            if other is not value:
                self.layout.dict_of(other)[self.handle] = self.layout.dict_of(value)[self.handle]
            return other, rest()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell class and size."""
        size = sum(chunk.size for chunk in slots[2 : 2 + slots[1]])
        return f"{self.cls.__name__} of {size} bytes"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell whether the model changed."""
        before, after = old[2 : 2 + old[1]], new[2 : 2 + new[1]]
        sizes = [sum(chunk.size for chunk in chunks) for chunks in (before, after)]
        if sizes[0] != sizes[1]:
            return f"model of {sizes[0]} to {sizes[1]} bytes"
        return "another model" if before != after else "its attributes changed"

    def _without_handle(self, pairs: Sequence[object]) -> list[object]:
        kept: list[object] = []
        for index in range(0, len(pairs), 2):
            if pairs[index] != self.handle:
                kept += pairs[index : index + 2]
        return kept


class XgboostKind(BoosterKind):
    """A booster of xgboost: model, parameters and attributes are written down together."""

    handle = "handle"

    def written(self, value: Any) -> bytes | bytearray:
        """Have xgboost write the model down, its configuration too."""
        written: bytearray | None = _base_of(self.cls).__getstate__(value)["handle"]
        return b"" if written is None else written

    def refuse(self, value: Any, error: Exception) -> Kind:
        """Keep it by reference; xgboost can't write one down that has seen no data yet."""
        if isinstance(error, NotCapturable):
            return super().refuse(value, error)
        return ReferenceKind("a booster that has seen no data")

    def read(self, cls: type, data: bytes) -> Any:
        """Have xgboost read a model."""
        made: Any = object.__new__(cls)
        _base_of(cls).__setstate__(made, {"handle": bytearray(data) or None})
        return made


class LightgbmKind(BoosterKind):
    """A booster of LightGBM that is trained: its trees as text, which is exact."""

    handle = "_handle"

    def parts(self, value: Any) -> Sequence[object]:
        """Refuse one that is in training: its scores and its data are in C++ alone."""
        if self.layout.dict_of(value).get("train_set") is not None:
            msg = "it is in training"
            raise NotCapturable(msg)
        return super().parts(value)

    def refuse(self, value: Any, error: Exception) -> Kind:  # noqa: ARG002
        """Keep it by reference, weakly: it holds its data."""
        return ReferenceKind("a booster in training", resource=True)

    def written(self, value: Any) -> bytes | bytearray:
        """Have LightGBM write all trees down."""
        if self.layout.dict_of(value).get(self.handle) is None:
            return b""
        text: str = _base_of(self.cls).model_to_string(value, num_iteration=-1)
        return text.encode()

    def read(self, cls: type, data: bytes) -> Any:
        """Have LightGBM read a model."""
        made: Any = object.__new__(cls)
        _base_of(cls).__setstate__(made, {"_handle": data.decode() if data else None})
        return made


def _base_of(cls: type) -> Any:
    """Return the library's own class that one derives from."""
    return next(base for base in mro_of(cls) if name_of(base) in _BOOSTERS)


_BOOSTERS: dict[tuple[str, str], type[BoosterKind]] = {
    ("xgboost.core", "Booster"): XgboostKind,
    ("lightgbm.basic", "Booster"): LightgbmKind,
}

_DATA = {
    ("xgboost.core", "DMatrix"): "a DMatrix",
    ("lightgbm.basic", "Dataset"): "a Dataset of LightGBM",
}
"""Classes of data that is in C++, and what it is called."""


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of xgboost's or LightGBM's, or None."""
    for base in mro_of(cls):
        name = name_of(base)
        if name in _BOOSTERS:
            return _BOOSTERS[name](cls, store)
        if name in _DATA:
            return ReferenceKind(_DATA[name], resource=True)
    return None


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Tell whether objects of a type are immutable: none are."""
    return False
