"""Classes made in the notebook: their attributes, each by identity.

A class is one object for ever: it is never copied nor rebuilt, so `isinstance` holds whatever
state one travels to; travelling puts its attributes back. Classes of libraries are leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import GetSetDescriptorType
from typing import Any

from cowtm.errors import CannotRestore
from cowtm.kinds.base import Commit, Kind, class_dict, differ, is_heap_type
from cowtm.native import SELECT, UNSET

_OWN_BUSINESS = frozenset({"__dict__", "__weakref__", "_abc_impl", "__abstractmethods__"})
"""Entries of a class dict that Python keeps by itself."""


class ClassChoice(Kind):
    """Tells classes of the namespace from those of libraries."""

    name = "class"
    code = SELECT

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = home
        self.tracked = ClassKind()

    def select(self, value: Any) -> Kind | None:
        """A class is recorded when its module is the namespace."""
        if not is_heap_type(value):
            return None
        module = class_dict(value).get("__module__")
        return self.tracked if module == self._home.get("__name__") else None


class ClassKind(Kind):
    """A class: number of bases, bases, then attributes as name and value."""

    name = "class"
    keep = True
    called = True
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read bases and attributes."""
        bases = _bases.__get__(value)
        parts: list[object] = [len(bases), *bases]
        for name, held in class_dict(value).items():
            if name not in _OWN_BUSINESS and type(held) is not GetSetDescriptorType:
                parts += (name, held)
        return parts

    def same(self, old: object, new: object) -> bool:
        """Compare names: those that were read from a journal may be other strings."""
        return type(old) is type(new) is str and old == new

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Refuse: the class object is kept as long as a state knows it."""
        msg = "a class of the notebook is gone and can't be made again"
        raise CannotRestore(msg)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes that differ, past the metaclass."""
        count = 1 + parts[0]
        bases = tuple(parts[1:count])
        wanted = dict(zip(parts[count::2], parts[count + 1 :: 2], strict=True))

        def commit() -> object:
            displaced: list[object] = []
            if _bases.__get__(value) != bases:
                _bases.__set__(value, bases)
            now = dict(class_dict(value))
            for name, held in now.items():
                if name in _OWN_BUSINESS or type(held) is GetSetDescriptorType:
                    continue
                displaced.append(held)
                if name not in wanted:
                    type.__delattr__(value, name)
            for name, held in wanted.items():
                # An equal text is left: to set `__module__` has Python 3.13 forget the line number.
                known = now.get(name, UNSET)
                if known is not held and not self.same(known, held):
                    type.__setattr__(value, name, held)
            for name in _misplaced(value, wanted):
                type.__delattr__(value, name)
                type.__setattr__(value, name, wanted[name])
            return displaced

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the attributes that changed."""
        before = dict(zip(old[1 + old[0] :: 2], old[2 + old[0] :: 2], strict=True))
        after = dict(zip(new[1 + new[0] :: 2], new[2 + new[0] :: 2], strict=True))
        names = [n for n in after if n not in before or differ(before[n], after[n])]
        names += [n for n in before if n not in after]
        return f"class attributes {', '.join(names[:3])} changed"


def _misplaced(value: Any, wanted: dict[str, Any]) -> list[str]:
    """Return the attributes to be set once more, so that all are in the order wanted."""
    order = [name for name in class_dict(value) if name in wanted]
    names = list(wanted)
    first = next((i for i, name in enumerate(names) if order[i] != name), len(names))
    tail = names[first:]
    return [] if _FIXED & set(tail) else tail


_FIXED = frozenset({"__module__", "__doc__", "__qualname__", "__abstractmethods__"})
"""Attributes that can't be deleted, or mean something else to the class when set."""

_bases: Any = type.__dict__["__bases__"]
