"""Imports that draw no random numbers of the user's.

Some libraries draw from Python's global generator while they are imported. In the background that
would come between two draws of a cell, and a seeded cell would not give the same twice.
"""

from __future__ import annotations

import random
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def import_aside(name: str) -> ModuleType:
    """Import a module, which draws from a generator of its own meanwhile.

    Other threads draw from the global one as ever.
    """
    names = vars(random)
    shared, own = names["_inst"], random.Random()  # noqa: S311  nothing secret comes of it
    here = threading.get_ident()
    drawers = {
        drawer: method
        for drawer, method in names.items()
        if getattr(method, "__self__", None) is shared
    }
    ours = {
        drawer: _drawer(here, method, getattr(own, method.__name__))
        for drawer, method in drawers.items()
    }
    names.update(ours)
    try:
        return import_module(name)
    finally:
        for drawer, method in drawers.items():
            if names.get(drawer) is ours[drawer]:
                names[drawer] = method


def _drawer(here: int, shared: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    """Return what draws from one generator in one thread, from another in all others."""

    def draw(*arguments: Any, **keywords: Any) -> Any:
        method = own if threading.get_ident() == here else shared
        return method(*arguments, **keywords)

    return draw
