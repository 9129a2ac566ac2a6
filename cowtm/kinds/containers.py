"""Built-in containers and their subclasses: list, dict, tuple, set, deque and their kin.

Exact built-ins are read by the object table itself. A subclass is its container part, read past
whatever it overrides, followed by its attributes.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from cowtm.kinds.base import (
    Commit,
    ContentOf,
    Kind,
    Layout,
    built_in_new,
    differ,
    pairs_to_dict,
    plan_dict,
)
from cowtm.native import DICT, LIST, SET, TUPLE


class _Sized(Kind):
    """A container that is described by its length."""

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell type and length."""
        return f"{self.name} of {len(slots)}"


class ListKind(_Sized):
    """A list: its elements."""

    name = "list"
    code = LIST
    plain = True

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty list."""
        return []

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Append the elements."""
        value.extend(parts)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare replacing the elements."""
        new = list(parts)

        def commit() -> object:
            displaced = list.copy(value)
            list.__setitem__(value, slice(None), new)
            return displaced

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell the length, or how many elements changed."""
        return account_sequence(old, new)


class DictKind(Kind):
    """A dict: keys and values in turn, in order."""

    name = "dict"
    code = DICT
    hashes = True
    plain = True

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty dict."""
        return {}

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Add the items."""
        value.update(pairs_to_dict(parts))

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare replacing the items."""
        return plan_dict(value, parts)

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell how many keys."""
        return f"dict of {len(slots) // 2}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell how many keys came, went and got another value."""
        return account_items(old, new)


class TupleKind(_Sized):
    """A tuple that holds something tracked: its elements."""

    name = "tuple"
    code = TUPLE
    frozen = True
    plain = True

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make the tuple."""
        return tuple(parts)


class SetKind(_Sized):
    """A set: its elements, in the order of its table."""

    name = "set"
    code = SET
    hashes = True
    plain = True

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty set."""
        return set()

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Add the elements."""
        value.update(parts)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare replacing the elements."""
        return plan_set(value, parts)

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell how many elements came and went."""
        before, after = set(map(_as_key, old)), set(map(_as_key, new))
        return f"{len(after - before)} elements came, {len(before - after)} went"


class FrozensetKind(_Sized):
    """A frozenset that holds something tracked."""

    name = "frozenset"
    code = SET
    frozen = True
    hashes_first = True

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make the frozenset."""
        return frozenset(parts)


def plan_set(value: Any, parts: Sequence[Any]) -> Commit:
    """Prepare replacing the elements of a set without hashing at commit."""
    fresh = set(parts)

    def commit() -> object:
        displaced = set.copy(value)
        set.clear(value)
        set.update(value, fresh)
        return displaced

    return commit


class SubclassKind(Kind):
    """An instance of a class derived from a container: class, body, attributes.

    Parts: class, length of the body, body, then slots and attributes.
    """

    name = "container"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.new = built_in_new(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, body, attributes."""
        body = self.body(value)
        return [type(value), len(body), *body, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare lengths."""
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """A mutable body is filled later; a frozen one must exist."""
        return 2 + slots[1] if self.base_frozen else 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it with its body if that is frozen, empty if not."""
        return self.make(parts[0], parts[2:])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing body and attributes."""
        end = 2 + parts[1]
        body = None if self.base_frozen else self.plan_body(value, parts[2:end])
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            return (body() if body is not None else None), attributes()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell class and length."""
        return f"{self.cls.__name__} of {slots[1] // (2 if issubclass(self.cls, dict) else 1)}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell what changed in the body, or that attributes did."""
        left, right = old[2 : 2 + old[1]], new[2 : 2 + new[1]]
        if len(left) == len(right) and not any(map(differ, left, right)):
            return "its attributes changed"
        if issubclass(self.cls, dict):
            return account_items(left, right)
        return account_sequence(left, right)

    base_frozen = False

    def body(self, value: Any) -> list[object]:
        """Read the container part."""
        raise NotImplementedError

    def make(self, cls: type, body: Sequence[Any]) -> Any:
        """Make an instance; `body` is empty unless `base_frozen`."""
        raise NotImplementedError

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the container part."""
        raise NotImplementedError


class ListSubclassKind(SubclassKind):
    """A class derived from list."""

    def body(self, value: Any) -> list[object]:
        """Read the elements."""
        return list(list.__iter__(value))

    def make(self, cls: type, body: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it empty."""
        return self.new(cls)

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the elements."""
        return ListKind().plan(value, body)


class DictSubclassKind(SubclassKind):
    """A class derived from dict (Counter too)."""

    hashes = True

    def body(self, value: Any) -> list[object]:
        """Read keys and values in turn."""
        return [part for item in dict.items(value) for part in item]

    def make(self, cls: type, body: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it empty."""
        return self.new(cls)

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the items."""
        return plan_dict(value, body)


class DefaultDictKind(DictSubclassKind):
    """defaultdict and classes derived from it: the factory goes before the items."""

    name = "defaultdict"

    def body(self, value: Any) -> list[object]:
        """Read the factory twice (keys and values stay in step), then the items."""
        factory = _default_factory.__get__(value)
        return [factory, factory, *super().body(value)]

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing factory and items."""
        items = plan_dict(value, body[2:])

        def commit() -> object:
            displaced = _default_factory.__get__(value)
            _default_factory.__set__(value, body[0])
            return displaced, items()

        return commit


_default_factory: Any = collections.defaultdict.__dict__["default_factory"]


class OrderedDictKind(SubclassKind):
    """OrderedDict and classes derived from it: its order is not that of the dict underneath."""

    name = "OrderedDict"
    hashes = True

    def body(self, value: Any) -> list[object]:
        """Read keys and values in turn, in its own order."""
        return [part for item in collections.OrderedDict.items(value) for part in item]

    def make(self, cls: type, body: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it empty."""
        return self.new(cls)

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the items."""
        fresh = pairs_to_dict(body)

        def commit() -> object:
            displaced = list(dict.items(value))
            collections.OrderedDict.clear(value)
            for key, item in fresh.items():
                collections.OrderedDict.__setitem__(value, key, item)
            return displaced

        return commit


class SetSubclassKind(SubclassKind):
    """A class derived from set."""

    hashes = True

    def body(self, value: Any) -> list[object]:
        """Read the elements."""
        return list(set.__iter__(value))

    def make(self, cls: type, body: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it empty."""
        return self.new(cls)

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the elements."""
        return plan_set(value, body)


class TupleSubclassKind(SubclassKind):
    """A class derived from tuple: namedtuples, mostly."""

    name = "namedtuple"
    base_frozen = True

    def body(self, value: Any) -> list[object]:
        """Read the elements."""
        return list(tuple.__iter__(value))

    def make(self, cls: type, body: Sequence[Any]) -> Any:
        """Make it whole."""
        return self.new(cls, body)


class FrozensetSubclassKind(SubclassKind):
    """A class derived from frozenset."""

    base_frozen = True
    hashes_first = True

    def body(self, value: Any) -> list[object]:
        """Read the elements."""
        return list(frozenset.__iter__(value))

    def make(self, cls: type, body: Sequence[Any]) -> Any:
        """Make it whole."""
        return self.new(cls, body)


class DequeKind(SubclassKind):
    """deque and classes derived from it: the bound goes before the elements."""

    name = "deque"

    def body(self, value: Any) -> list[object]:
        """Read the bound, then the elements."""
        return [_maxlen.__get__(value), *collections.deque.__iter__(value)]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The bound is given at birth."""
        return 3

    def make(self, cls: type, body: Sequence[Any]) -> Any:
        """Make it empty, with its bound."""
        fresh: Any = self.new(cls)
        collections.deque.__init__(fresh, (), body[0])
        return fresh

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The bound can't be changed."""
        return type(value) is self.cls and _maxlen.__get__(value) == slots[2]

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing the elements."""
        new = list(body[1:])

        def commit() -> object:
            displaced = list(collections.deque.__iter__(value))
            collections.deque.clear(value)
            collections.deque.extend(value, new)
            return displaced

        return commit


_maxlen: Any = collections.deque.__dict__["maxlen"]


def account_sequence(old: Sequence[Any], new: Sequence[Any]) -> str:
    """Tell the length before and after, or how many elements changed."""
    if len(old) != len(new):
        return f"length {len(old)} to {len(new)}"
    changed = sum(map(differ, old, new))
    return f"{changed} of {len(new)} elements changed"


def account_items(old: Sequence[Any], new: Sequence[Any]) -> str:
    """Tell how many keys came, went and got another value."""
    before = {_as_key(key): old[2 * i + 1] for i, key in enumerate(old[::2])}
    after = {_as_key(key): new[2 * i + 1] for i, key in enumerate(new[::2])}
    came = [key for key in after if key not in before]
    gone = [key for key in before if key not in after]
    other = [key for key in after if key in before and differ(before[key], after[key])]
    said = [
        f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {what}"
        for keys, what in ((came, "came"), (gone, "went"), (other, "changed"))
        if keys
    ]
    return ", ".join(said) or "another order of keys"


def _as_key(slot: Any) -> Any:
    """Return what slots are counted by: leaves that were read anew are not other ones."""
    return (type(slot), slot) if type(slot) in (str, int, bytes) else id(slot)


EXACT: dict[type, Kind] = {
    list: ListKind(),
    dict: DictKind(),
    tuple: TupleKind(),
    set: SetKind(),
    frozenset: FrozensetKind(),
}
"""The kinds of the exact built-in types, shared by all tables: they hold no state."""

SUBCLASSES: list[tuple[type, type[SubclassKind]]] = [
    (collections.OrderedDict, OrderedDictKind),
    (collections.defaultdict, DefaultDictKind),
    (dict, DictSubclassKind),
    (list, ListSubclassKind),
    (set, SetSubclassKind),
    (tuple, TupleSubclassKind),
    (frozenset, FrozensetSubclassKind),
    (collections.deque, DequeKind),
]
"""Container -> kind for what derives from it, the most special first."""
