"""Constants of libraries, such as ``dataclasses.MISSING``: objects that code asks for by identity.

They look like any other object, and are one for ever: a copy of one would be something else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from cowtm.kinds.base import InstanceKind, Kind, name_of


class Constants:
    """Finds what a module calls an object of one of its own types.

    Args:
        home: the namespace: what is in it is the user's, not a library's.
        kind_of: gives the kind of an object; a module that has one is the user's too.

    """

    def __init__(self, home: dict[str, Any], kind_of: Callable[[Any], Kind | None]) -> None:
        self._home = home
        self._kind_of = kind_of
        self._known: dict[int, tuple[type, dict[int, str]]] = {}

    def name(self, value: object) -> str:
        """Return the name of a constant in the module of its type, nothing for anything else."""
        return self._names(type(value)).get(id(value), "")

    def has(self, cls: type) -> bool:
        """Tell whether there is a constant of that very type."""
        return bool(self._names(cls))

    def _names(self, cls: type) -> dict[int, str]:
        known = self._known.get(id(cls))
        if known is None:
            known = self._known[id(cls)] = cls, self._find(cls)
        return known[1]

    def _find(self, cls: type) -> dict[int, str]:
        """Return address -> name; modules keep their constants alive."""
        module = sys.modules.get(name_of(cls)[0])
        names = vars(module) if module is not None else {}
        if names is self._home or issubclass(cls, dict | list | set):
            return {}  # settings such as matplotlib's change: a copy is what they were
        found = {id(value): name for name, value in names.copy().items() if type(value) is cls}
        if module is not None and self._kind_of(module) is not None:
            # What holds something is data of the user's; what holds nothing is there for its name.
            return {key: name for key, name in found.items() if self._is_bare(names[name])}
        return found

    def _is_bare(self, value: object) -> bool:
        kind = self._kind_of(value)
        return isinstance(kind, InstanceKind) and len(kind.parts(value)) == 1


def constant(module: str, name: str) -> Any:
    """Return what a library calls so."""
    return getattr(import_module(module), name)
