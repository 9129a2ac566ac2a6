"""Classes made in the notebook: their attributes, each by identity.

A class is one object for ever: it is never copied nor rebuilt, so `isinstance` holds whatever
state one travels to; travelling puts its attributes back. Classes of libraries are leaves.
"""

from __future__ import annotations

import abc
import enum
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import GetSetDescriptorType, WrapperDescriptorType
from typing import Any

from cowtm.errors import CannotRestore
from cowtm.kinds import models
from cowtm.kinds.base import (
    ByValue,
    Commit,
    Kind,
    class_dict,
    differ,
    is_heap_type,
    mro_of,
    name_of,
)
from cowtm.native import SELECT, UNSET

_OWN_BUSINESS = frozenset({"__dict__", "__weakref__", "_abc_impl", "__abstractmethods__"})
"""Entries of a class dict that Python keeps by itself."""

_REGISTERED = "<registered>"
"""Stands as the name of the classes that were registered with an abstract base class."""

OF_CTYPES = (
    "_fields_",
    "_pack_",
    "_anonymous_",
    "_align_",
    "_layout_",
    "_swappedbytes_",
    "_type_",
    "_length_",
    "_flags_",
    "_restype_",
    "_argtypes_",
)
"""What data of `ctypes` is laid out by: a class is given it once."""

_BORN_WITH = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
"""What a member of an enumeration has from birth."""


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
        if _is_made_by_ctypes(value):
            return None
        return self.tracked if module == self._home.get("__name__") else None


def _is_made_by_ctypes(cls: type) -> bool:
    """Tell the types of arrays that `c_int * 3` gives: ctypes knows each, and makes it but once."""
    if name_of(type(cls))[1] != "PyCArrayType":
        return False
    own = class_dict(cls)
    element = own.get("_type_")
    return issubclass(type(element), type) and (
        f"{element.__name__}_Array_{own.get('_length_')}" == name_of(cls)[1]  # type: ignore[union-attr]
    )


class Member(ByValue):
    """A member of an enumeration: its class has it, in whatever process."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def matches(self, other: Any) -> bool:
        """Tell whether two are the same one."""
        return type(other) is Member and self.value is other.value


class MemberKind(Kind):
    """A member of an enumeration of the notebook: its class, which holds what is its own too."""

    name = "member of an enumeration"
    frozen = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Lead to the class, where `ClassKind` reads what its members hold."""
        return [type(value), Member(value)]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Give the one that there is."""
        return parts[1].value


class Registered(ByValue):
    """The classes that were registered with an abstract base class.

    Attributes:
        classes: those, in any order.

    """

    __slots__ = ("classes",)

    def __init__(self, classes: Sequence[type]) -> None:
        self.classes = tuple(classes)

    def matches(self, other: Any) -> bool:
        """Tell whether the same ones were."""
        return set(map(id, self.classes)) == set(map(id, other.classes))


class ClassKind(Kind):
    """A class: number of bases, bases, then attributes as name and value.

    What was registered with an abstract base class goes before, under a name of its own, and what
    was given to members of an enumeration after: ``red.note``.
    """

    name = "class"
    keep = True
    called = True
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read bases and attributes."""
        bases = _bases.__get__(value)
        parts: list[object] = [len(bases), *bases]
        registered = registered_with(value)
        if registered:
            parts += (_REGISTERED, Registered(registered))
        for name, held in class_dict(value).copy().items():
            if not _is_own_business(value, name, held):
                parts += (name, held)
        for member, given in members_of(value).items():
            for name, held in given.items():
                if name not in _BORN_WITH:
                    parts += (f"{member}.{name}", held)
        return parts

    def same(self, old: object, new: object) -> bool:
        """Compare names: those that were read from a journal may be other strings."""
        if type(old) is Registered and type(new) is Registered:
            return old.matches(new)
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
        registered = wanted.pop(_REGISTERED, Registered(()))
        given = {name: wanted.pop(name) for name in list(wanted) if "." in name}

        assign = _built_in(type(value), "__setattr__")
        remove = _built_in(type(value), "__delattr__")

        def commit() -> object:
            displaced: list[object] = [_give(value, given)]
            _register(value, registered)
            if _bases.__get__(value) != bases:
                _bases.__set__(value, bases)
            now = dict(class_dict(value))
            for name, held in now.items():
                if _is_own_business(value, name, held):
                    continue
                displaced.append(held)
                if name not in wanted:
                    remove(value, name)
            for name, held in wanted.items():
                # An equal text is left: to set `__module__` has Python 3.13 forget the line number.
                known = now.get(name, UNSET)
                if known is not held and not self.same(known, held):
                    assign(value, name, held)
            _put_in_order(value, list(wanted))
            models.prepare(value)
            return displaced

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the attributes that changed."""
        before = dict(zip(old[1 + old[0] :: 2], old[2 + old[0] :: 2], strict=True))
        after = dict(zip(new[1 + new[0] :: 2], new[2 + new[0] :: 2], strict=True))
        names = [n for n in after if n not in before or differ(before[n], after[n])]
        names += [n for n in before if n not in after]
        return f"class attributes {', '.join(names[:3])} changed"


def _is_own_business(cls: type, name: str, held: object) -> bool:
    """Tell what Python or ctypes keeps in a class by itself, or never lets go of."""
    if name in _OWN_BUSINESS or type(held) is GetSetDescriptorType:
        return True
    if name_of(type(held)) == ("_ctypes", "CField"):
        return True
    if name in models.COMPILED and models.is_model(cls):
        return True
    return name in OF_CTYPES and name_of(type(cls))[0] == "_ctypes"


def registered_with(cls: type) -> tuple[type, ...]:
    """Return the classes that were registered with an abstract base class."""
    if not issubclass(type(cls), abc.ABCMeta):
        return ()
    found = (reference() for reference in _abc._get_dump(cls)[0])  # noqa: SLF001  it has no other name
    return tuple(known for known in found if known is not None)


def _register(cls: Any, registered: Registered) -> None:
    """Have just some classes be registered with an abstract base class."""
    if registered.matches(Registered(registered_with(cls))):
        return
    _abc._reset_registry(cls)  # noqa: SLF001
    for base in mro_of(cls):  # they may have found out that a class is one of theirs
        if issubclass(type(base), abc.ABCMeta):
            _abc._reset_caches(base)  # noqa: SLF001
    with _without_hooks([cls, *registered.classes]):
        for known in registered.classes:
            abc.ABCMeta.register(cls, known)


@contextmanager
def _without_hooks(classes: Iterable[Any]) -> Iterator[None]:
    """Have classes and those derived from them ask no `__subclasshook__`.

    It is the user's code, and may use names that are not what they are going to be.
    """
    hooks: list[tuple[type, object]] = []
    waiting = [*classes]
    while waiting:
        cls = waiting.pop()
        waiting += type.__subclasses__(cls)
        hook = class_dict(cls).get("__subclasshook__")
        if hook is not None and is_heap_type(cls):
            hooks.append((cls, hook))
    try:
        for cls, _ in hooks:
            type.__setattr__(cls, "__subclasshook__", _ASKS_NOBODY)
        yield
    finally:
        for cls, hook in hooks:
            type.__setattr__(cls, "__subclasshook__", hook)


_ASKS_NOBODY = classmethod(lambda _, __: NotImplemented)


def members_of(cls: Any) -> dict[str, dict[str, Any]]:
    """Return what the members of an enumeration hold, by their names."""
    if not issubclass(type(cls), enum.EnumMeta):
        return {}
    members = class_dict(cls).get("_member_map_", {})
    return {name: member.__dict__ for name, member in members.items() if member.name == name}


def _give(cls: Any, given: dict[str, Any]) -> object:
    """Have the members of an enumeration hold just what is given, by names as ``red.note``."""
    displaced: list[object] = []
    for member, held in members_of(cls).items():
        for name in [name for name in held if name not in _BORN_WITH]:
            displaced.append(held[name])
            if f"{member}.{name}" not in given:
                del held[name]
        wanted = {key.partition(".")[2]: new for key, new in given.items() if _is_of(key, member)}
        held.update(wanted)
    return displaced


def _is_of(key: str, member: str) -> bool:
    return key.partition(".")[0] == member


def _put_in_order(value: Any, names: list[str]) -> None:
    """Have the attributes of a class be in the order of some names, which are all there."""
    order = [name for name in class_dict(value) if name in names]
    if order == names:
        return
    # To delete and set anew does not do: `__doc__` can't be deleted, and comes last. The dict
    # itself can be had from the collector; what each name stands for stays the same, so what the
    # interpreter knows of the class stays right.
    (mapping,) = gc.get_referents(class_dict(value))
    first = next(at for at, name in enumerate(names) if order[at] != name)
    for name in names[first:]:
        mapping[name] = mapping.pop(name)


def _built_in(meta: type, name: str) -> Any:
    """Return a method of a metaclass past those that a class statement gave it."""
    return next(
        found
        for base in mro_of(meta)
        if isinstance(found := class_dict(base).get(name), WrapperDescriptorType)
    )


_abc: Any = import_module("_abc")
_bases: Any = type.__dict__["__bases__"]
