"""Instances that guard what they hold with a lock of their own: it is kept, and needs no notice.

Such an object made its lock for itself and holds it for the length of a call only, so between
cells there is nothing to be told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import Any

from cowtm.kinds.base import ByValue, Commit, InstanceKind, mro_of, name_of, plain_instances
from cowtm.native import GENERIC

_GUARDED = frozenset({("logging", "Handler"), ("functools", "cached_property")})
"""(module, name) of the classes that make a lock so; the second only before Python 3.12."""


def is_guarded(cls: type) -> bool:
    """Tell whether instances of a class make a lock of their own."""
    return not _GUARDED.isdisjoint(map(name_of, mro_of(cls))) and plain_instances(cls)


class Own(ByValue):
    """A lock that its holder made for itself."""

    __slots__ = ("lock",)

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def matches(self, other: Any) -> bool:
        """Tell whether two are the same one."""
        return isinstance(other, Own) and self.lock is other.lock


class GuardedKind(InstanceKind):
    """An instance with a lock of its own: the class, then slots and attributes."""

    name = "guarded instance"
    code = GENERIC
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, slots, attributes."""
        return [Own(part) if type(part) is _LOCK else part for part in super().parts(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare locks by which they are."""
        return isinstance(old, Own) and old.matches(new)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing class, slots and attributes."""
        return super().plan(value, [p.lock if isinstance(p, Own) else p for p in parts])


_LOCK = type(RLock())
