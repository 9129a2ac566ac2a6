"""Instances that are not plain: values with attributes, namespaces, exceptions.

Plain instances (`InstanceKind`) are in `base`; the object table reads them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from types import MemberDescriptorType, SimpleNamespace
from typing import Any

from cowtm.kinds.base import Commit, Kind, Layout, class_dict, is_heap_type, mro_of
from cowtm.native import UNSET


class ValueSubclassKind(Kind):
    """An instance of a class derived from an immutable value type: class, value, attributes."""

    name = "value with attributes"
    by_value = True

    def __init__(self, cls: type, base: type) -> None:
        self.cls: type = cls
        self.base = base
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read class, plain value, attributes."""
        return [type(value), plain_value(self.base, value), *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare the plain values."""
        return type(old) is type(new) is self.base and repr(old) == repr(new)

    def needs(self, slots: Sequence[object]) -> int:  # noqa: ARG002
        """Class and value are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it with its value."""
        return self.base.__new__(parts[0], parts[1])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The value can't be changed."""
        return type(value) is self.cls and self.same(plain_value(self.base, value), slots[1])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[2:])


def plain_value(base: type, value: Any) -> object:
    """Return the value without its class and attributes, past what the class overrides."""
    if base is str:
        return str.__str__(value) if type(value) is str else str.__getitem__(value, slice(None))
    if base is bytes:
        return bytes.__getitem__(value, slice(None))
    if base is int:
        return int.__int__(value)
    if base is float:
        return float.__float__(value)
    return complex(float.__float__(complex.real.__get__(value)), complex.imag.__get__(value))


VALUE_BASES = (str, int, float, bytes, complex)
"""Immutable types whose subclasses may carry attributes."""


class SimpleNamespaceKind(Kind):
    """types.SimpleNamespace: its attributes."""

    name = "namespace"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read class and attributes."""
        return [type(value), *self.layout.read(value)]

    def needs(self, slots: Sequence[object]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty one."""
        return SimpleNamespace.__new__(parts[0])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[1:])


class ZoneKind(SimpleNamespaceKind):
    """An instance of a class of the notebook derived from datetime.tzinfo: its attributes."""

    name = "time zone"

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty one."""
        return tzinfo.__new__(parts[0])


class ExceptionKind(Kind):
    """An exception: class, arguments, cause and context, its own fields, attributes.

    The traceback is left out: it holds frames, which can't be made again. An exception that is
    still alive keeps the one it has.
    """

    name = "exception"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.is_group = issubclass(cls, BaseExceptionGroup)
        self.fields = [
            member
            for base in mro_of(cls)
            if not is_heap_type(base)
            for member in class_dict(base).values()
            if type(member) is MemberDescriptorType
            and member.__name__ not in ("__suppress_context__", "characters_written")
        ]

    def parts(self, value: Any) -> Sequence[object]:
        """Read everything but the traceback."""
        fields = [_get(member, value) for member in self.fields]
        return [
            type(value),
            _args.__get__(value),
            _cause.__get__(value),
            _context.__get__(value),
            _suppress.__get__(value),
            *fields,
            *self.layout.read(value),
        ]

    def needs(self, slots: Sequence[object]) -> int:  # noqa: ARG002
        """Class and arguments are given at birth; so are the exceptions of a group."""
        return 5 + len(self.fields) if self.is_group else 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it without running a constructor of the user's."""
        cls, args = parts[0], parts[1]
        if self.is_group:
            named = dict(zip((field.__name__ for field in self.fields), parts[5:], strict=True))
            args = named["message"], named["exceptions"]
        base = next(base for base in mro_of(cls) if not is_heap_type(base))
        try:
            return base.__new__(cls, *args)
        except TypeError:
            return BaseException.__new__(cls, *args)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing arguments, cause, context, fields, attributes."""
        _, args, cause, context, suppress = parts[:5]
        end = 5 + len(self.fields)
        fields = list(zip(self.fields, parts[5:end], strict=True))
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            displaced = [_args.__get__(value), _cause.__get__(value), _context.__get__(value)]
            _args.__set__(value, args)
            _cause.__set__(value, _exception(cause))
            _context.__set__(value, _exception(context))
            _suppress.__set__(value, suppress)
            for member, new in fields:
                displaced.append(_get(member, value))
                _put(member, value, new)
            return displaced, attributes()

        return commit


_args: Any = BaseException.__dict__["args"]
_cause: Any = BaseException.__dict__["__cause__"]
_context: Any = BaseException.__dict__["__context__"]
_suppress: Any = BaseException.__dict__["__suppress_context__"]


def _exception(value: object) -> BaseException | None:
    """Return an exception; None for what stands for one that was by reference and is gone."""
    return value if isinstance(value, BaseException) else None


def _get(member: Any, value: object) -> object:
    try:
        return member.__get__(value)
    except AttributeError:
        return UNSET


def _put(member: Any, value: object, new: object) -> None:
    try:
        if new is UNSET:
            member.__delete__(value)
        else:
            member.__set__(value, new)
    except (AttributeError, TypeError):
        # A read-only field of a built-in exception: given at birth by the arguments.
        return
