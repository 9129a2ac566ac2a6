"""How each family of types is read, rebuilt and put back: one file a family.

`Kinds` is the way in: given a type it finds the kind. Files for libraries are imported only once
an object of the library shows up.
"""

from __future__ import annotations

from cowtm.kinds.base import Kind
from cowtm.kinds.registry import Kinds, register, surroundings

__all__ = ["Kind", "Kinds", "register", "surroundings"]
