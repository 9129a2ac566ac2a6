"""Modules of libraries by their names, with those of their submodules that are loaded.

``import xml.dom`` binds ``xml``, and code says ``xml.dom``: in another process importing ``xml``
alone would not do. So it is for what variables are bound to: code comes upon those packages. What
else leads to modules may lead to all that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from sys import modules
from types import ModuleType
from typing import Any


def reduced(
    module: ModuleType, home: Mapping[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """Give the call that imports a module with its submodules; None if it is imported by itself.

    Those that a package keeps to itself, with an underscore, it imports itself when it needs them.

    Args:
        module: of a library.
        home: the namespace of the notebook.

    """
    name = module.__name__
    if modules.get(name) is not module:
        return None
    if not any(value is module for value in [*home.values()]):
        return None
    prefix = f"{name}."
    below = tuple(
        other
        for other in modules.copy()
        if other.startswith(prefix) and "._" not in other and _is_bound(module, other, prefix)
    )
    return (imported, (name, below)) if below else None


def _is_bound(module: ModuleType, name: str, prefix: str) -> bool:
    """Tell whether code comes upon a submodule by way of the package."""
    found: Any = module
    for part in name.removeprefix(prefix).split("."):
        found = vars(found).get(part) if type(found) is ModuleType else None
    return found is modules.get(name) and found is not None


def imported(name: str, below: tuple[str, ...]) -> ModuleType:
    """Import a module, and those below that it does not import itself.

    What is below may be missing in another version of the library: nobody may ask for it.
    """
    module = import_module(name)
    for other in below:
        if other not in modules:
            with suppress(Exception):
                import_module(other)
    return module
