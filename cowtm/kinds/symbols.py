"""sympy: expressions and the domains of their numbers never change; what sympy caches is no part.

They are told apart by identity all over sympy (``S.One``), so they are kept as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cowtm.kinds.base import mro_of, name_of

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore
    from cowtm.kinds.base import Kind

_IMMUTABLE = frozenset({("sympy.core.basic", "Basic"), ("sympy.polys.domains.domain", "Domain")})
"""(module, name) of the classes that say so of all that derives from them."""


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type never change."""
    return not _IMMUTABLE.isdisjoint(map(name_of, mro_of(cls)))


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Matrices and the like are instances as any other."""
    return None
