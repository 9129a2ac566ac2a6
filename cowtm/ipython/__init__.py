"""The notebook's edge: the extension, its hooks, magics and configuration.

Only this package imports IPython.
"""

from __future__ import annotations

from cowtm.ipython.session import load, unload

__all__ = ["load", "unload"]
