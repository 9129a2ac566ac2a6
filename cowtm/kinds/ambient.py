"""What belongs to a state though no variable leads to it: global generators, the open figures.

`random` and numpy's global generator are known here; a library's file tells of others by a function
`ambient`. Such an object is one for ever: travelling changes it in place.
"""

from __future__ import annotations

import builtins
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cowtm.kinds.modules import changed_builtins, reset_builtins


@dataclass(frozen=True, slots=True)
class Ambient:
    """One such object."""

    name: str
    """What states bind it to: a text in angle brackets, so that it is no variable."""
    value: object
    """The object."""
    is_pristine: Callable[[], bool]
    """Tells whether it is as its library made it: then states need not know of it."""
    reset: Callable[[], object]
    """Makes it so again: for states from before the library was used."""


class Surroundings:
    """Finds the ambient objects of the libraries that the user imported.

    Args:
        files: module that the user may have imported -> our file that tells of its objects.

    """

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._known: list[Ambient] = _of_python()

    def find(self) -> list[Ambient]:
        """Return those that are there now; a look-up a library, so it costs nothing."""
        for module in [name for name in self._files if name in sys.modules]:
            if not _is_loading(sys.modules[module]):
                self._known += import_module(self._files.pop(module)).ambient()
        return self._known


def _is_loading(module: Any) -> bool:
    """Tell whether a module is being imported right now, by another thread or around us."""
    spec = getattr(module, "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _of_python() -> list[Ambient]:
    # numpy makes its generator at the first draw: too late for the states before
    numpy_random: Any = import_module("numpy.random.mtrand")
    return [
        Ambient("<random>", vars(random)["_inst"], _never, _never),
        Ambient("<numpy.random>", numpy_random._rand, _never, _never),  # noqa: SLF001  what its functions draw from
        Ambient("<builtins>", builtins, lambda: not changed_builtins(), reset_builtins),
    ]


def _never() -> bool:
    """Every state knows these."""
    return False
