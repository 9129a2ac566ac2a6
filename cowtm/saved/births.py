"""Classes of the notebook made again in another process: the empty class, to be filled later.

What a class holds (methods, attributes) is recorded like the contents of any object. Here is what
it is born with and can't be given later: metaclass, name, bases, slots; and of an enumeration its
members. No code of the notebook runs: metaclasses' and bases' own hooks are passed by.
"""

from __future__ import annotations

import abc
import copyreg
import enum
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import (
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

from cowtm.errors import NotHere
from cowtm.kinds.base import class_dict, is_heap_type, mro_of
from cowtm.kinds.classes import OF_CTYPES
from cowtm.kinds.instances import VALUE_BASES, plain_value
from cowtm.kinds.reference import Unmade

if TYPE_CHECKING:
    from collections.abc import Iterator

_abc: Any = import_module("_abc")
_BEGIN = ("__module__", "__qualname__", "__slots__", "__orig_bases__", "__doc__", *OF_CTYPES)
_LATER = ("__abstractmethods__", "_abc_impl")
_HOOK = "__init_subclass__"
_MEMBERS = "_member_map_"


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
    members: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...]
    """Of an enumeration: the names of each member, and the value under it if it derives from a
    built-in type."""


def birth_of(cls: Any) -> Birth:
    """Tell what a class was born with."""
    own = class_dict(cls)
    begin = {name: own[name] if name in _BEGIN else None for name in _names_in_body(own)}
    begin["__qualname__"] = type.__dict__["__qualname__"].__get__(cls)
    if "__slots__" in begin:
        begin["__slots__"] = tuple(held.__name__ for held in own.values() if _is_automatic(held))
    return Birth(
        type(cls),
        type.__dict__["__name__"].__get__(cls),
        type.__dict__["__bases__"].__get__(cls),
        begin,
        frozenset(own.get("__abstractmethods__", ())),
        tuple((names, _beneath(cls, member)) for names, member in _members(cls)),
    )


def _names_in_body(own: Any) -> Iterator[str]:
    """Give the attributes of a class up to those that Python adds at its end.

    What was added later comes after these, and is added later again.
    """
    for name, held in own.items():
        if _is_automatic(held):
            return
        if name not in _LATER:
            yield name


def _is_automatic(held: object) -> bool:
    """Tell what Python makes for a slot, or for the `__dict__` or `__weakref__` of instances."""
    return type(held) in (MemberDescriptorType, GetSetDescriptorType)


def attributes_of(cls: type) -> dict[str, dict[str, Any]]:
    """Return what the members of an enumeration hold: it may lead back to the class."""
    return {names[0]: dict(vars(member)) for names, member in _members(cls)}


def make_class(birth: Birth) -> type:
    """Make the empty class.

    Raises:
        NotHere: one of its bases, or its metaclass, can't be made.

    """
    made_of: tuple[Any, ...] = (birth.meta, *birth.bases)
    for above in made_of:
        if isinstance(above, Unmade):
            raise NotHere(above.why)
    begin = {sys.intern(name): held for name, held in birth.begin.items()}
    with _hooks_passed_by(birth.bases):
        new, init = _makers_of(birth.meta)
        made: Any = new(birth.meta, birth.name, birth.bases, begin)
        init(made, birth.name, birth.bases, begin)
    if issubclass(birth.meta, abc.ABCMeta):
        _abc._abc_init(made)  # noqa: SLF001  it has no other name
        made.__abstractmethods__ = birth.abstract
    if issubclass(birth.meta, enum.EnumMeta):
        members: dict[str, Any] = {}
        for names, beneath in birth.members:
            members.update(dict.fromkeys(names, bare_member(made, beneath)))
        type.__setattr__(made, _MEMBERS, members)
    return made  # type: ignore[no-any-return]


def _makers_of(meta: type) -> tuple[Any, Any]:
    """Return what makes classes of a metaclass, past what a class statement gave it."""
    built_in = {"__new__": BuiltinFunctionType, "__init__": WrapperDescriptorType}
    new, init = (
        next(found for base in mro_of(meta) if isinstance(found := class_dict(base).get(name), cls))
        for name, cls in built_in.items()
    )
    return new, init


@contextmanager
def _hooks_passed_by(bases: tuple[type, ...]) -> Iterator[None]:
    """Keep the hooks of bases, which may be filled already, from running."""
    hooks: list[tuple[type, Any]] = []
    try:
        for base in {base: None for below in bases for base in mro_of(below)}:
            hook = class_dict(base).get(_HOOK, _nothing)
            if is_heap_type(base) and hook is not _nothing:
                type.__setattr__(base, _HOOK, classmethod(_nothing))
                hooks.append((base, hook))
        yield
    finally:
        for base, hook in hooks:
            type.__setattr__(base, _HOOK, hook)


def _nothing(*_arguments: object, **_keywords: object) -> None:
    """Stand for a hook that runs when a class is made."""


# -- enumerations ----------------------------------------------------------------------------------


def bare_member(cls: type, beneath: tuple[Any, ...]) -> Any:
    """Make a member of an enumeration, without its attributes."""
    return _built_in(cls).__new__(cls, *beneath)


def give_attributes(cls: type, attributes: dict[str, dict[str, Any]]) -> None:
    """Give the members of an enumeration what they held."""
    for names, member in _members(cls):
        held: dict[str, Any] = member.__dict__
        held.update(attributes.get(names[0], {}))


def is_named(member: Any) -> bool:
    """Tell the members that an enumeration lists from combinations of flags."""
    return getattr(type(member), _MEMBERS).get(member._name_) is member


def combination_of(member: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Tell how a combination of flags is made: what is under it, and its attributes."""
    held = {name: held for name, held in vars(member).items() if name in ("_name_", "_value_")}
    return _beneath(type(member), member), held


def combination(cls: Any, beneath: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    """Give a combination of flags, made anew unless the enumeration knows it."""
    known = getattr(cls, "_value2member_map_", None)
    found = known.get(attributes.get("_value_")) if isinstance(known, dict) else None
    if found is None:
        found = bare_member(cls, beneath)
        found.__dict__.update(attributes)
    return found


def _members(cls: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give the members of an enumeration, each with all of its names."""
    if not issubclass(type(cls), enum.EnumMeta):
        return
    named: dict[int, tuple[list[str], Any]] = {}
    for name, member in getattr(cls, _MEMBERS).items():
        named.setdefault(id(member), ([], member))[0].append(name)
    for names, member in named.values():
        yield tuple(names), member


def _beneath(cls: type, member: Any) -> tuple[Any, ...]:
    """Return what the built-in type under a member makes it of."""
    base = _built_in(cls)
    if base is object:
        return ()
    if base in VALUE_BASES:
        return (plain_value(base, member),)
    if base is tuple:
        return (tuple(tuple.__iter__(member)),)
    make, arguments, *_ = base.__reduce_ex__(member, 2)
    return tuple(arguments[1:] if make is copyreg.__newobj__ else arguments)  # type: ignore[attr-defined]


def _built_in(cls: type) -> Any:
    """Return the first class of those that a class is made of which has no class statement."""
    return next(base for base in mro_of(cls) if not is_heap_type(base))
