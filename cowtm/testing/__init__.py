"""For those who add a kind of objects to cowtm: its contract, which every kind has to keep.

`Example` and `Family` say what objects there are and how they change; `travels` and `copies` hold
cowtm to its laws with them. `describes` tells the oracle what objects of a library are; it uses
nothing of cowtm's way of recording, so that a mistake in that shows.

`docs/adding-a-library.md` shows all of it with a small library.
"""

from __future__ import annotations

from cowtm.testing.contract import Example, Family, Limit, copies, is_limited, run, travels
from cowtm.testing.form import describes, describes_ambient, describes_leaf, form_of
from cowtm.testing.session import Checked, Wrong

__all__ = [
    "Checked",
    "Example",
    "Family",
    "Limit",
    "Wrong",
    "copies",
    "describes",
    "describes_ambient",
    "describes_leaf",
    "form_of",
    "is_limited",
    "run",
    "travels",
]
