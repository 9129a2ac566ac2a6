"""The contract of a kind: how objects of one family are read, made anew and put back in place.

A kind sees an object as a flat sequence of *parts*: what the object directly holds, leaves and
other objects alike, in a fixed order. The object table turns parts into slots (a leaf stays, an
object becomes its node); restoring turns slots back into parts.

Reading never runs the user's code: it goes past overridden methods to the built-in ones.
"""

from __future__ import annotations

import operator
import pickle
import sys
import weakref
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, GetSetDescriptorType, MappingProxyType, MemberDescriptorType
from typing import Any, ClassVar

from cowtm.native import GENERIC, GONE, INSTANCE, SHARED, UNSET, Content, Node

Commit = Callable[[], object]
"""Writes into one object; returns what it displaced, to be kept alive until all is written."""

ContentOf = Callable[[Node], Content | None]
"""Gives the content of a node in the state that is looked at."""

PROTOCOL = 5
"""The pickle protocol that objects are asked to reduce themselves for."""

HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: made at run time, by a class statement or by an extension."""

_mro = type.__dict__["__mro__"].__get__
_class_dict = type.__dict__["__dict__"].__get__


class NotCapturable(Exception):
    """Raised by `Kind.parts`: this object can only be kept by reference."""


class _Passing:
    """An object that is gone at once."""


def dead_reference() -> weakref.ref[Any]:
    """Return a weak reference to something that is gone; it can be a key all the same."""
    passing = _Passing()
    reference = weakref.ref(passing)
    hash(reference)  # which it keeps
    return reference


class ByValue:
    """A leaf of our own among the parts of an object, made anew at each reading."""

    __slots__ = ()

    def matches(self, other: Any) -> bool:
        """Tell whether `other`, of the same class, says the same."""
        raise NotImplementedError


class Kind:
    """How objects of one family are captured and restored.

    Attributes:
        name: what the family is called in reports.
        code: how the object table reads it; GENERIC asks `parts`.
        cls: the one type this kind is for, or None if it serves several.
        frozen: the parts never change while the object lives; they are read once.
        by_value: leaves among the parts are made anew at each reading: compare with `same`.
        keep: one live object for ever (classes): held strongly, never copied nor rebuilt.
        follow: code of this object may run when it is reached; the recorder reads its names.
        hashes: filling it hashes its parts, so it is filled after all others.
        whole: making it calls code that looks into its first parts, so they must be filled.
        calls: making it calls methods of its class, its first part, which must be filled.
        hashes_first: making it hashes its first parts, so they are filled if they can be.
        views: it holds the memory of its first part, which can't be resized then.
        called: others may call it, or what it belongs to, so it is filled before them.
        plain: made and filled as `code` says, so the kind need not be asked; not inherited.
        tracked: where the kind depends on the object (code SELECT), that of recorded ones.

    """

    name: ClassVar[str] = "object"
    code: int = GENERIC
    cls: type | None = None
    frozen: bool = False
    by_value: bool = False
    keep: bool = False
    follow: bool = False
    hashes: bool = False
    whole: bool = False
    calls: bool = False
    hashes_first: bool = False
    views: bool = False
    called: bool = False
    plain: bool = False
    tracked: Kind | None = None

    def __init_subclass__(cls) -> None:
        """Have a kind derived from a plain one, which it changes, not be plain itself."""
        super().__init_subclass__()
        cls.plain = cls.__dict__.get("plain", False)

    def select(self, value: Any) -> Kind | None:  # noqa: ARG002
        """Give the kind for this very object, None for a leaf."""
        return self

    def parts(self, value: Any) -> Sequence[object]:
        """Read what `value` directly holds."""
        raise NotImplementedError

    def same(self, old: object, new: object) -> bool:
        """Compare two leaves by value."""
        return old is new

    def refuse(self, value: Any, error: Exception) -> Kind:
        """Give the by-reference kind for an object that `parts` could not read."""
        from cowtm.kinds.reference import ReferenceKind  # noqa: PLC0415  it derives from Kind

        return ReferenceKind.because(value, error)

    def needs(self, slots: Sequence[object]) -> int:
        """Tell how many of the first parts must exist before the object can be made."""
        return len(slots) if self.frozen else 0

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make a new object from its first `needs` parts; frozen kinds make it whole.

        Args:
            parts: the first parts, resolved.
            slots: all slots; leaves among them may be read.

        """
        raise NotImplementedError

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """Tell whether `value`, alive, can be changed in place to what `slots` say."""
        return not self.frozen

    def resizes(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """Tell whether `value`, alive, takes more or less memory once it is what `slots` say."""
        return False

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing all parts into `value`; whatever may fail should fail here."""
        raise NotImplementedError

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Write all parts into a new object, made by `create`, that nobody has seen."""
        self.plan(value, parts)()

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Say in a few words what an object with these slots is."""
        return self.cls.__name__ if self.cls is not None else self.name

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Say in a few words what changed between two contents of one object."""
        changed = sum(map(differ, old, new))
        changed += abs(len(old) - len(new))
        return f"{changed} of {len(new)} parts changed"

    def compare(
        self,
        old: Sequence[Any],  # noqa: ARG002
        new: Sequence[Any],  # noqa: ARG002
        before_of: ContentOf,  # noqa: ARG002
        after_of: ContentOf,  # noqa: ARG002
    ) -> str:
        """Say what changed in an object with all that it holds; nothing if `account` has to."""
        return ""


_EXACT = (int, str, bytes, bool, type(None), type, type(Ellipsis))


def same_leaf(old: object, new: object) -> bool:
    """Compare two immutable leaves by value, exactly: types, signs of zero and NaNs count."""
    if old is new:
        return True
    cls = type(old)
    if cls is not type(new):
        return False
    if any(cls is plain for plain in _EXACT):
        return old == new
    if isinstance(old, ByValue):
        return old.matches(new)
    try:
        return pickle.dumps(old, PROTOCOL) == pickle.dumps(new, PROTOCOL)
    except Exception:  # noqa: BLE001  what can't be compared counts as changed
        return False


def differ(old: object, new: object) -> bool:
    """Tell whether two slots differ, as reports count it.

    A leaf that was read from a journal is another object than the one it was.
    """
    return old is not new and (type(old) is Node or type(new) is Node or not same_leaf(old, new))


def resolved(slot: Any) -> Any:
    """Return the live object of a slot, GONE if there is none."""
    return slot.object if type(slot) is Node else slot


def mro_of(cls: type) -> tuple[type, ...]:
    """Return the classes that `cls` is made of, past any metaclass's opinion."""
    mro: tuple[type, ...] = _mro(cls)
    return mro


def class_dict(cls: type) -> MappingProxyType[str, Any]:
    """Return the real dict of a class, past any metaclass's opinion."""
    mapping: MappingProxyType[str, Any] = _class_dict(cls)
    return mapping


def name_of(cls: type) -> tuple[str, str]:
    """Return module and name of a class, past any metaclass's opinion; empty if not strings."""
    module = class_dict(cls).get("__module__")
    name = type.__dict__["__qualname__"].__get__(cls)
    if type(module) is not str:  # a type of an extension's: its name tells the module
        module = type.__dict__["__module__"].__get__(cls)
    return (module if type(module) is str else ""), name


def is_heap_type(cls: type) -> bool:
    """Tell whether the type was made at run time."""
    flags: int = type.__dict__["__flags__"].__get__(cls)
    return bool(flags & HEAP_TYPE)


OWN = 3
"""References to the `__dict__` of an instance that nobody else holds, as getrefcount counts them
in a function that keeps it in a variable."""


class Layout:
    """Where instances of one type keep attributes: slots, and a `__dict__` if they have one."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self._find()

    def _find(self) -> None:
        """Look the descriptors up; again when the class has been given other bases."""
        members = []
        self._dict: Any = None
        self._mro = mro_of(self.cls)
        for base in self._mro:
            mapping = class_dict(base)
            found = mapping.get("__dict__")
            if (
                self._dict is None
                and isinstance(found, GetSetDescriptorType | MemberDescriptorType)
                and found.__objclass__ is base
            ):
                self._dict = found
            if "__slots__" in mapping:
                members += [
                    member
                    for member in mapping.values()
                    if type(member) is MemberDescriptorType
                    and member.__objclass__ is base
                    and member.__name__ not in ("__dict__", "__weakref__")
                ]
        self.members: tuple[Any, ...] = tuple(members)

    @property
    def has_dict(self) -> bool:
        """Whether instances have a `__dict__`."""
        return self._dict is not None

    @property
    def can_replace_dict(self) -> bool:
        """Whether an instance can be given another `__dict__`."""
        return isinstance(self._dict, GetSetDescriptorType)

    def names(self) -> list[str]:
        """Return the names of the slots."""
        return [member.__name__ for member in self.members]

    def dict_of(self, value: Any) -> dict[Any, Any]:
        """Return the real `__dict__` of an instance."""
        if mro_of(self.cls) is not self._mro:
            self._find()
        mapping: dict[Any, Any] = self._dict.__get__(value)
        return mapping

    def read(self, value: Any) -> list[object]:
        """Return the slots' values (UNSET where unset), then keys and values in turn.

        When others hold the instance's dict too, it is an object of its own:
        the marker SHARED and the dict stand in place of its items.
        """
        if mro_of(self.cls) is not self._mro:
            self._find()
        parts: list[object] = []
        for member in self.members:
            try:
                parts.append(member.__get__(value))
            except AttributeError:
                parts.append(UNSET)
        if self._dict is not None:
            mapping = self._dict.__get__(value)
            if sys.getrefcount(mapping) > OWN:
                return [*parts, SHARED, mapping]
            for item in dict.items(mapping):
                parts += item
        return parts

    def keep_names(self, value: Any, pairs: Sequence[Any]) -> None:
        """Have the attributes of a new instance be named by the very strings that are given.

        Its class may know equal ones, which Python then takes: that would count as a change.
        """
        held, names = list(dict.keys(self.dict_of(value))), pairs[::2]
        if len(held) != len(names) or all(map(operator.is_, held, names)):
            return
        are_texts = all(type(name) is str for name in (*held, *names))
        if are_texts and held == [*names] and self.can_replace_dict:
            self._dict.__set__(value, pairs_to_dict(pairs))

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing slots and attributes."""
        count = len(self.members)
        slots = list(zip(self.members, parts[:count], strict=True))
        rest = parts[count:]
        shared = None
        attributes: Commit | None = None
        if len(rest) == 2 and rest[0] is SHARED:  # noqa: PLR2004  a pair
            shared = rest[1]
        elif self._dict is not None:
            mapping = self.dict_of(value)
            if sys.getrefcount(mapping) > OWN and self.can_replace_dict:
                # Others hold it, and did not then: from now on it is theirs.
                shared = {}
                attributes = plan_dict(shared, rest)
            else:
                attributes = plan_dict(mapping, rest)

        def commit() -> object:
            displaced: list[object] = []
            for member, new in slots:
                try:
                    displaced.append(member.__get__(value))
                    if new is UNSET:
                        member.__delete__(value)
                except AttributeError:
                    displaced.append(UNSET)
                if new is not UNSET:
                    member.__set__(value, new)
            if shared is not None and self.dict_of(value) is not shared:
                displaced.append(self.dict_of(value))
                self._dict.__set__(value, shared)
            if attributes is not None:
                displaced.append(attributes())
            return displaced

        return commit


def pairs_to_dict(pairs: Sequence[Any]) -> dict[Any, Any]:
    """Make a dict of keys and values that stand in turn."""
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def plan_dict(mapping: dict[Any, Any], pairs: Sequence[Any]) -> Commit:
    """Prepare replacing the items of a dict, its order included, without hashing at commit."""
    keys = pairs[::2]
    live = list(dict.keys(mapping))
    if len(live) == len(keys) and all(a is b for a, b in zip(live, keys, strict=True)):
        # The same keys in the same order: only values are replaced, no key is hashed anew
        # but those that changed.
        changed = {
            key: new
            for (key, old), new in zip(dict.items(mapping), pairs[1::2], strict=True)
            if old is not new
        }

        def assign() -> object:
            displaced = [dict.__getitem__(mapping, key) for key in changed]
            dict.update(mapping, changed)
            return displaced

        return assign
    fresh = pairs_to_dict(pairs)
    if len(fresh) != len(keys):
        msg = "two keys of a dict are equal now that were not when it was recorded"
        raise ValueError(msg)

    def replace() -> object:
        displaced = list(dict.items(mapping))
        dict.clear(mapping)
        dict.update(mapping, fresh)
        return displaced

    return replace


def plain_instances(cls: type) -> bool:
    """Tell whether instances keep everything in slots and `__dict__`, so may be read raw.

    True when every class down to `object` was made by a class statement (a heap type) and the
    size of an instance is explained by slots, dict and weak references.
    """
    layout = Layout(cls)
    if not all(is_heap_type(base) for base in mro_of(cls) if base is not object):
        return False
    size = object.__basicsize__ + POINTER * len(layout.members)
    size += POINTER * (_offset(cls, "__dictoffset__") > 0)
    size += POINTER * (_offset(cls, "__weakrefoffset__") > 0)
    return bool(_offset(cls, "__basicsize__") == size)


POINTER = object.__basicsize__ // 2
"""Bytes of a pointer: an empty object is a reference count and a type."""


def _offset(cls: type, name: str) -> int:
    value: int = type.__dict__[name].__get__(cls)
    return value


def built_in_new(cls: type) -> Any:
    """Return what makes an empty object of a class: the first `__new__` that is built in.

    A class of the user's may have one that wants arguments; one of a library's, made in C, lets no
    other make its objects.
    """
    return next(
        new
        for base in mro_of(cls)
        if isinstance(new := class_dict(base).get("__new__"), BuiltinFunctionType)
    )


def has_hidden_fields(cls: type, base: type) -> bool:
    """Tell whether a class that was derived from a container in C has more than that and a dict.

    A tuple is as long as it says, and a class made in C may count fewer elements than it has.
    """
    if built_in_new(cls) is built_in_new(base):
        return False
    return issubclass(cls, tuple) or _offset(cls, "__basicsize__") > (
        _offset(base, "__basicsize__")
        + POINTER * len(Layout(cls).members)
        + POINTER * (_offset(cls, "__dictoffset__") > 0)
        + POINTER * (_offset(cls, "__weakrefoffset__") > _offset(base, "__weakrefoffset__"))
    )


class InstanceKind(Kind):
    """Plain instances: the class, then slots and attributes."""

    name = "instance"
    code = INSTANCE

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.members = self.layout.members
        self.has_dict = self.layout.has_dict
        self._new = built_in_new(cls)
        self.plain = type(self) is InstanceKind and self._new is object.__new__

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, slots, attributes."""
        return [type(value), *self.layout.read(value)]

    def needs(self, slots: Sequence[object]) -> int:
        """The class must exist; a dict that others hold too must exist before it is filled."""
        return 1 if slots else 0

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty instance; no constructor runs."""
        return self._new(parts[0])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The class may change in place when instances of both are laid out alike."""
        cls = type(value)
        if cls is self.cls:
            return True
        wanted = slots[0]
        return wanted is not GONE and all(
            _offset(cls, name) == _offset(self.cls, name)
            for name in ("__basicsize__", "__dictoffset__", "__weakrefoffset__")
        )

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Write slots and attributes."""
        super().fill(value, parts)
        if self.has_dict:
            self.layout.keep_names(value, parts[1 + len(self.members) :])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing class, slots and attributes."""
        cls = parts[0]
        if type(value) is cls:
            return self.layout.plan(value, parts[1:])

        def commit() -> object:
            object.__dict__["__class__"].__set__(value, cls)
            return self.layout.plan(value, parts[1:])()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:
        """Name the class, and the size of the data frame if it is one."""
        manager = self._named(slots).get("_mgr")
        content = content_of(manager) if type(manager) is Node else None
        if content is None:
            return self.cls.__name__
        inner: str = content.kind.describe(content.flat(), content_of)  # type: ignore[attr-defined]
        return f"{self.cls.__name__} {inner}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the attributes that changed."""
        before, after = self._named(old), self._named(new)
        changed = [name for name in after if differ(before.get(name, UNSET), after[name])]
        gone = [name for name in before if name not in after]
        return _listed("attributes", changed, gone)

    def _named(self, slots: Sequence[Any]) -> dict[Any, Any]:
        count = 1 + len(self.members)
        named = dict(zip(self.layout.names(), slots[1:count], strict=True))
        named = {name: value for name, value in named.items() if value is not UNSET}
        rest = slots[count:]
        return named | {key: rest[i + 1] for i, key in enumerate(rest) if i % 2 == 0}


def _listed(what: str, changed: Sequence[object], gone: Sequence[object]) -> str:
    shown = [str(name) for name in changed[:3]] + ["..."] * (len(changed) > 3)  # noqa: PLR2004
    text = f"{what} {', '.join(shown)} changed" if changed else ""
    if gone:
        text += ("; " if text else "") + f"{len(gone)} gone"
    return text or f"{what} in another order"
