"""Contexts of `decimal`: precision, rounding, traps, flags; which one is in use is of a state."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import Any

from cowtm.kinds.ambient import Ambient
from cowtm.kinds.base import Commit, Kind, Layout

_FIELDS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
_SIGNALS = tuple(decimal.Context().flags)


class ContextKind(Kind):
    """decimal.Context: class, settings, flags and traps, attributes."""

    name = "decimal context"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        fields = [_attribute(name).__get__(value) for name in _FIELDS]
        signals = [bool(value.flags[s]) for s in _SIGNALS]
        traps = [bool(value.traps[s]) for s in _SIGNALS]
        return [type(value), *fields, *signals, *traps, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare settings."""
        return type(old) is type(new) and type(old) in (int, str) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The class must exist."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with any settings."""
        return decimal.Context.__new__(parts[0])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing all of it."""
        start = 1 + len(_FIELDS)
        middle, end = start + len(_SIGNALS), start + 2 * len(_SIGNALS)
        fields = list(zip(_FIELDS, parts[1:start], strict=True))
        flags, traps = parts[start:middle], parts[middle:end]
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            for name, new in fields:
                _attribute(name).__set__(value, new)
            for signal, flag, trap in zip(_SIGNALS, flags, traps, strict=True):
                value.flags[signal] = flag
                value.traps[signal] = trap
            return attributes()

        return commit


class Current:
    """Stands for the context that computations use now."""

    def __repr__(self) -> str:
        """Say what it stands for."""
        return f"<the context in use: {decimal.getcontext()}>"


_CURRENT = Current()


class CurrentKind(Kind):
    """Which context is in use."""

    name = "decimal context in use"
    cls = Current
    keep = True

    def parts(self, value: Any) -> Sequence[object]:  # noqa: ARG002
        """Read which one it is."""
        return [decimal.getcontext()]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """There is one for ever."""
        return _CURRENT

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare having it used."""

        def commit() -> object:
            displaced = decimal.getcontext()
            decimal.setcontext(parts[0])
            return displaced

        return commit


def ambient() -> list[Ambient]:
    """Tell of the context in use."""
    return [Ambient("<decimal context>", _CURRENT, _is_pristine, _reset)]


def _is_pristine() -> bool:
    """Tell whether it is as Python makes it; then nothing was computed, or nothing inexact."""
    return repr(decimal.getcontext()) == repr(decimal.Context())


def _reset() -> None:
    decimal.setcontext(decimal.Context())


def _attribute(name: str) -> Any:
    return decimal.Context.__dict__[name]
