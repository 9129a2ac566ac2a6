"""Chooses who tracks: the C extension `cowtm._native`, or its twin in plain Python.

Both behave the same.
The twin (`cowtm.twin`) is the specification; it runs where no extension was built, and where the
environment variable ``COWTM_PURE_PYTHON`` is set to anything but nothing.
`reason` says in plain words which of the two runs, and why.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# What both share is defined once, in the specification.
from cowtm.twin.table import (
    BLOCK,
    DICT,
    GENERIC,
    GONE,
    INSTANCE,
    LEAF,
    LIST,
    REFERENCE,
    SELECT,
    SET,
    SHARED,
    TUPLE,
    UNSET,
)

_why_not = ""
if os.environ.get("COWTM_PURE_PYTHON"):
    _why_not = "COWTM_PURE_PYTHON is set"
elif not TYPE_CHECKING:  # to a type checker both are the specification
    try:
        from cowtm._native import (
            CellRunner,
            Content,
            Maker,
            Node,
            ObjectTable,
            TrackingNamespace,
            code_names,
        )
    except ModuleNotFoundError as error:
        _why_not = f"the extension was not built ({error})"
    except ImportError as error:
        _why_not = f"the extension could not be loaded ({error})"

if TYPE_CHECKING or _why_not:
    from cowtm.twin.maker import Maker
    from cowtm.twin.namespace import CellRunner, TrackingNamespace, code_names
    from cowtm.twin.table import Content, Node, ObjectTable

reason: str = f"pure Python: {_why_not}" if _why_not else "C extension"
"""Which implementation runs and why, for `tm`'s report and for bug reports."""

__all__ = [
    "BLOCK",
    "DICT",
    "GENERIC",
    "GONE",
    "INSTANCE",
    "LEAF",
    "LIST",
    "REFERENCE",
    "SELECT",
    "SET",
    "SHARED",
    "TUPLE",
    "UNSET",
    "CellRunner",
    "Content",
    "Maker",
    "Node",
    "ObjectTable",
    "TrackingNamespace",
    "code_names",
    "reason",
]
