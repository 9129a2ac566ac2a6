"""A time machine for IPython and Jupyter.

``%load_ext cowtm`` starts recording and puts `tm` in the namespace; ``tm.past(n)`` puts every
variable back to what it was after cell n. See `cowtm.machine.TimeMachine` for all calls.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cowtm.errors import (
    BadInput,
    CannotRestore,
    CowtmError,
    Damaged,
    DiskFull,
    JournalInUse,
    JournalNotFound,
    NameNotFound,
    NotAJournal,
    StateNotFound,
    Untrusted,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cowtm.archive import Archive

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "CannotRestore",
    "CowtmError",
    "Damaged",
    "DiskFull",
    "JournalInUse",
    "JournalNotFound",
    "NameNotFound",
    "NotAJournal",
    "StateNotFound",
    "Untrusted",
    "__version__",
    "load",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def load(path: str | os.PathLike[str], *, trust: bool = False) -> Archive:
    """Open a journal to look at its states; see `cowtm.loading.load`."""
    from cowtm import loading  # noqa: PLC0415  importing the package alone costs nothing

    return loading.load(path, trust=trust)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Start recording: called by ``%load_ext cowtm``."""
    from cowtm.ipython import load  # noqa: PLC0415  the package is useful without IPython too

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo everything: called by ``%unload_ext cowtm``."""
    from cowtm.ipython import unload  # noqa: PLC0415

    unload(shell)
