"""A row of the table of libraries: what random programs do with one of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Library:
    """What programs do with one library, or with two that share memory."""

    start: str
    """The cell that imports it and makes the first objects."""
    names: Mapping[str, Sequence[str]]
    """Hole -> the variables that may stand there."""
    values: Mapping[str, Sequence[str]]
    """Hole -> expressions that may stand there."""
    statements: Sequence[str]
    """What cells do."""
    needs: Sequence[str] = ()
    """Modules that must be there."""
    after: Sequence[str] = ()
    """Rows that must be there too: what stands here names their variables."""
    leaves: bool = True
    """Whether all of it comes back in another process."""

    @property
    def is_here(self) -> bool:
        """Whether all that it needs is installed; where all must be, it counts as such."""
        if os.environ.get("COWTM_REQUIRE_LIBRARIES"):
            return True
        return all(find_spec(module) is not None for module in self.needs)
