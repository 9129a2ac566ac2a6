"""What the present keeps by reference only, and which variable leads there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cowtm.mirror import is_variable
from cowtm.native import Content, Node

_UNKNOWN = "?"


class References:
    """Keeps account of objects that are by reference, as they come and go.

    Args:
        bindings: name -> slot, in the present.

    """

    def __init__(self, bindings: Mapping[str, Any]) -> None:
        self._bindings = bindings
        self._found: dict[Node, tuple[str, str]] = {}

    def note(self, nodes: Iterable[Node], likely: Iterable[str]) -> dict[str, str]:
        """Take note of what came to be by reference, and let go of what the present has no more.

        Args:
            nodes: the nodes of what came to be by reference.
            likely: names that probably lead to them.

        Returns:
            Variable -> what in it is by reference, for what is new.

        """
        for node in [node for node in self._found if node.content is None]:
            del self._found[node]
        new: dict[str, str] = {}
        for node in nodes:
            content = node.content
            if content is None or node in self._found or getattr(content.kind, "quiet", False):
                continue
            what = content.flat()[0]
            name = self._name_of(node, likely)
            self._found[node] = name, what
            new[name] = what
        return new

    def present(self) -> dict[str, str]:
        """Return variable -> what in it is by reference, in the present."""
        for node, (name, what) in list(self._found.items()):
            if name not in self._bindings and name != _UNKNOWN:
                self._found[node] = self._name_of(node, ()), what
        return dict(self._found.values())

    def _name_of(self, wanted: Node, likely: Iterable[str]) -> str:
        """Find a variable that leads to a node."""
        names = sorted(likely, key=lambda name: not is_variable(name))
        for name in [*names, *self._bindings]:
            if wanted in reached_from([self._bindings.get(name)], {}):
                return name
        return _UNKNOWN


def reached_from(slots: Iterable[Any], contents: Mapping[Node, Content]) -> set[Node]:
    """Return the nodes that slots lead to, where some nodes have other contents than now."""
    reached: set[Node] = set()
    stack = [slot for slot in slots if type(slot) is Node]
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        reached.add(node)
        content = contents.get(node) or node.content
        if content is not None:
            stack.extend(content.nodes())
    return reached
