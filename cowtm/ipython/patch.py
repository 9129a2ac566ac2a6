"""Has IPython run cells on views: the one place where something of IPython's is replaced.

`IPython.core.interactiveshell` runs a cell by calling `exec` (`eval` for one that awaits). There
these two names are shadowed by runners, one around the other for the shells of the process; each
knows its own shell's cells by their namespace. When the last shell is done the names are gone.
"""

from __future__ import annotations

import builtins
from typing import Any

from IPython.core import interactiveshell

from cowtm.native import CellRunner, TrackingNamespace

_NAMES = ("exec", "eval")
_VIEWS = "_cowtm_views"
"""The attribute of IPython's module that lists the views, while there are any."""


def run_cells_on(view: TrackingNamespace) -> None:
    """Run the cells of the namespace that `view` shows on the view."""
    _shadow([*_views(), view])


def stop_cells_on(view: TrackingNamespace) -> None:
    """Run them as before."""
    _shadow([known for known in _views() if known is not view])


def _views() -> list[TrackingNamespace]:
    views: list[TrackingNamespace] = vars(interactiveshell).get(_VIEWS, [])
    return views


def _shadow(views: list[TrackingNamespace]) -> None:
    module: Any = interactiveshell
    for name in _NAMES:
        if views:
            runner = getattr(builtins, name)
            for view in views:
                runner = CellRunner(runner, view)
            setattr(module, name, runner)
        elif name in vars(module):
            delattr(module, name)
    if views:
        setattr(module, _VIEWS, views)
    elif _VIEWS in vars(module):
        delattr(module, _VIEWS)
