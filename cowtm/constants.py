"""Constants of libraries, such as ``dataclasses.MISSING``: objects that code asks for by identity.

They look like any other object, and are one for ever: a copy of one would be something else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from cowtm.kinds.base import name_of


class Constants:
    """Finds what a module calls an object of one of its own types.

    Args:
        home: the namespace: what is in it is the user's, not a library's.

    """

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = home
        self._known: dict[int, tuple[type, dict[int, str]]] = {}

    def name(self, value: object) -> str:
        """Return the name of a constant in the module of its type, nothing for anything else."""
        cls = type(value)
        known = self._known.get(id(cls))
        if known is None:
            known = self._known[id(cls)] = cls, self._find(cls)
        return known[1].get(id(value), "")

    def _find(self, cls: type) -> dict[int, str]:
        """Return address -> name; modules keep their constants alive."""
        module = sys.modules.get(name_of(cls)[0])
        names = vars(module) if module is not None else {}
        if names is self._home:
            return {}
        return {id(value): name for name, value in list(names.items()) if type(value) is cls}


def constant(module: str, name: str) -> Any:
    """Return what a library calls so."""
    return getattr(import_module(module), name)
