"""A time machine for IPython and Jupyter.

``%load_ext cowtm`` starts recording and puts `tm` in the namespace; ``tm.past(n)`` puts every
variable back to what it was after cell n. See `cowtm.machine.TimeMachine` for all calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cowtm.errors import (
    BadInput,
    CannotRestore,
    CowtmError,
    NameNotFound,
    NotRecorded,
    StateNotFound,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "CannotRestore",
    "CowtmError",
    "NameNotFound",
    "NotRecorded",
    "StateNotFound",
    "__version__",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Start recording: called by ``%load_ext cowtm``."""
    from cowtm.ipython import load  # noqa: PLC0415  the package is useful without IPython too

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo everything: called by ``%unload_ext cowtm``."""
    from cowtm.ipython import unload  # noqa: PLC0415

    unload(shell)
