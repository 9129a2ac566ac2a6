"""What stands for types in the notebook's annotations: type variables and new types, made anew.

Pickle finds them by the name of their module, which in another process is another notebook.
"""

from __future__ import annotations

import typing
from sys import modules
from typing import Any

PARAMETERS: tuple[type, ...] = (
    typing.TypeVar,
    typing.ParamSpec,
    typing.TypeVarTuple,
    typing.NewType,
)
"""Types of such objects."""

Made = tuple[type, str, tuple[Any, ...], dict[str, Any], str]
"""Type, name, what it is over, options, module."""


def made_of(parameter: Any, home: dict[str, Any]) -> Made | None:
    """Tell what one is made of; None if it is found by its name, in a module of a library's.

    Args:
        parameter: one of those.
        home: the namespace of the notebook.

    """
    module, name, cls = parameter.__module__, parameter.__name__, type(parameter)
    if module != home.get("__name__") and vars(modules.get(module, typing)).get(name) is parameter:
        return None
    over = (parameter.__supertype__,) if cls is typing.NewType else _constraints(parameter)
    options = {key: given for key in _OPTIONS if (given := getattr(parameter, f"__{key}__", None))}
    if cls is not typing.NewType and getattr(parameter, "has_default", bool)():
        options["default"] = parameter.__default__
    return cls, name, over, options, module


_OPTIONS = ("bound", "covariant", "contravariant", "infer_variance")
"""What one may be given besides, which is nothing by default; not every Python knows all of it."""


def _constraints(parameter: Any) -> tuple[Any, ...]:
    given: tuple[Any, ...] = getattr(parameter, "__constraints__", ())
    return given


def make(made: Made) -> Any:
    """Make one anew."""
    cls, name, over, options, module = made
    parameter: Any = cls(name, *over, **options)
    parameter.__module__ = module
    return parameter
