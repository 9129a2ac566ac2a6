"""Variables that are left out: patterns of names that are neither recorded nor travelled."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from cowtm.references import reached_from

if TYPE_CHECKING:
    from cowtm.native import Content, Node


class Unsaved:
    """Knows the patterns.

    Attributes:
        is_new: whether patterns came that the bindings do not know of yet.

    """

    def __init__(self) -> None:
        self._patterns: list[str] = []
        self.is_new = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._patterns)

    def add(self, pattern: str) -> None:
        """Leave names that match a pattern out, from now on."""
        if pattern not in self._patterns:
            self._patterns.append(pattern)
            self.is_new = True

    def look_again(self) -> None:
        """Take note that the bindings are others: of a state that was travelled to."""
        self.is_new = bool(self._patterns)

    def __contains__(self, name: str) -> bool:
        """Tell whether a name is left out."""
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def nodes(self, goal: Mapping[str, Any], contents: Mapping[Node, Content]) -> set[Node]:
        """Return the nodes that only names that are left out lead to.

        Args:
            goal: name -> slot, in some state.
            contents: the contents of nodes that differ there from the present.

        """
        if not self._patterns:
            return set()
        unsaved = {name for name in goal if name in self}
        nodes = reached_from((goal[name] for name in unsaved), contents)
        return nodes - reached_from((goal[name] for name in goal.keys() - unsaved), contents)
