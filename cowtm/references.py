"""What the present keeps by reference only, and which variable leads there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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

    def note(self, nodes: Iterable[Node], likely: Collection[str]) -> dict[str, str]:
        """Take note of what came to be by reference, and let go of what the present has no more.

        Args:
            nodes: the nodes of what came to be by reference.
            likely: names that probably lead to them.

        Returns:
            Variable -> what in it is by reference, for what is new.

        """
        for node in [node for node in self._found if node.content is None]:
            del self._found[node]
        new = {
            node: node.content.flat()[0]
            for node in nodes
            if node.content is not None
            and node not in self._found
            and not getattr(node.content.kind, "quiet", False)
        }
        names = self._leading_to(new, likely)
        found = {node: (names[node], what) for node, what in new.items()}
        self._found.update(found)
        return _joined(found.values())

    def present(self, changed: Collection[str]) -> dict[str, str]:
        """Return variable -> what in it is by reference, in the present.

        Args:
            changed: names that may lead elsewhere than they did.

        """
        astray = {
            node: what
            for node, (name, what) in self._found.items()
            if (name not in self._bindings or name in changed) and name != _UNKNOWN
        }
        names = self._leading_to(astray, changed)
        self._found.update({node: (names[node], what) for node, what in astray.items()})
        return _joined(self._found.values())

    def _leading_to(self, wanted: Collection[Node], likely: Collection[str]) -> dict[Node, str]:
        """Find for each node one variable that leads to it, in one walk.

        That is one that is bound to it, else a likely one; of several the one that was bound first.
        """
        if not wanted:
            return {}
        # what is no variable, such as a result, comes last
        order = sorted(self._bindings, key=lambda name: not is_variable(name))
        found: dict[Node, str] = {}
        for name in order:
            slot = self._bindings[name]
            if type(slot) is Node and slot in wanted:
                found.setdefault(slot, name)
        seen: set[Node] = set()
        for name in sorted(order, key=lambda name: name not in likely):
            stack = [self._bindings[name]]
            while stack and len(found) < len(wanted):
                node = stack.pop()
                if type(node) is not Node or node in seen:
                    continue
                seen.add(node)
                if node in wanted:
                    found.setdefault(node, name)
                if node.content is not None:
                    stack.extend(reversed(node.content.nodes()))
        return {node: found.get(node, _UNKNOWN) for node in wanted}


def _joined(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return variable -> all that is to be said of it, each once."""
    said: dict[str, dict[str, None]] = {}
    for name, what in found:
        said.setdefault(name, {})[what] = None
    return {name: ", ".join(whats) for name, whats in said.items()}


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
