"""Classes of the notebook made again in another process: the empty class, to be filled later.

What a class holds (methods, attributes) is recorded like the contents of any object. Here is what
it is born with and can't be given later: metaclass, name, bases, slots; and of an enumeration its
members. No code of the notebook runs: metaclasses' and bases' own hooks are passed by.
"""

from __future__ import annotations

import abc
import enum
import sys
from _abc import _abc_init  # type: ignore[import-not-found]
from dataclasses import dataclass
from types import MemberDescriptorType
from typing import Any

from cowtm.kinds.base import class_dict

_BEGIN = ("__module__", "__qualname__", "__slots__", "__orig_bases__", "__doc__")
_LATER = ("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl")
_HOOKS = frozenset({"__init_subclass__", "__class_getitem__", "__set_name__"})


@dataclass(frozen=True, slots=True)
class Birth:
    """What a class was born with."""

    meta: type
    """Its metaclass."""
    name: str
    """Its name."""
    bases: tuple[type, ...]
    """Its bases."""
    begin: dict[str, Any]
    """The attributes that it was born with, and the names of the others, all in their order."""
    abstract: frozenset[str]
    """Its abstract methods."""
    members: dict[str, Any]
    """Of an enumeration: name -> value."""


def birth_of(cls: Any) -> Birth:
    """Tell what a class was born with."""
    own = class_dict(cls)
    begin = {
        name: held if name in _BEGIN else None
        for name, held in own.items()
        if name not in _LATER and not isinstance(held, MemberDescriptorType)  # made for a slot
    }
    begin["__qualname__"] = type.__dict__["__qualname__"].__get__(cls)
    for name in _HOOKS & begin.keys():
        begin[name] = _nothing
    return Birth(
        type(cls),
        type.__dict__["__name__"].__get__(cls),
        type.__dict__["__bases__"].__get__(cls),
        begin,
        frozenset(own.get("__abstractmethods__", ())),
        {name: member._value_ for name, member in _members(cls).items()},
    )


def _nothing(*_arguments: object, **_keywords: object) -> None:
    """Stand for a hook that runs when a class is made, until the class gets its own."""


def attributes_of(cls: type) -> dict[str, dict[str, Any]]:
    """Return what the members of an enumeration hold besides: it may lead back to the class."""
    return {
        name: {key: held for key, held in vars(member).items() if key not in _OF_MEMBERS}
        for name, member in _members(cls).items()
    }


def make_class(birth: Birth) -> type:
    """Make the empty class."""
    if issubclass(birth.meta, enum.EnumMeta):
        body: Any = enum.EnumMeta.__prepare__(birth.name, birth.bases)
        body.update({key: birth.begin[key] for key in _BEGIN if key in birth.begin})
        for name, value in birth.members.items():
            body[name] = value
        enumeration: type = enum.EnumMeta.__new__(birth.meta, birth.name, birth.bases, body)
        return enumeration
    begin = {sys.intern(name): held for name, held in birth.begin.items()}
    made: Any = type.__new__(birth.meta, birth.name, birth.bases, begin)
    if issubclass(birth.meta, abc.ABCMeta):
        _abc_init(made)
        made.__abstractmethods__ = birth.abstract
    return made  # type: ignore[no-any-return]


def give_attributes(cls: type, attributes: dict[str, dict[str, Any]]) -> None:
    """Give the members of an enumeration what they held besides."""
    for name, member in _members(cls).items():
        vars(member).update(attributes.get(name, {}))


def _members(cls: Any) -> dict[str, Any]:
    return cls._member_map_ if isinstance(cls, enum.EnumMeta) else {}


_OF_MEMBERS = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
"""Attributes that every member gets when the enumeration is made."""
