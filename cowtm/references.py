"""What the present keeps by reference only, and which variable leads there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cowtm.mirror import is_variable
from cowtm.native import Content, Node

_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class _Way:
    """How a variable leads to an object."""

    name: str
    """The variable; `_UNKNOWN` if none was found."""
    steps: tuple[tuple[Node, Content | None], ...] = ()
    """What it is bound to, and what that holds on the way: nodes, with what they held then."""

    def leads_there(self, bindings: Mapping[str, Any]) -> bool:
        """Tell whether nothing on the way has changed."""
        if not self.steps:
            return self.name == _UNKNOWN  # it is not searched for again and again
        return bindings.get(self.name) is self.steps[0][0] and all(
            node.content is content for node, content in self.steps
        )


class References:
    """Keeps account of objects that are by reference, as they come and go.

    Args:
        bindings: name -> slot, in the present.

    """

    def __init__(self, bindings: Mapping[str, Any]) -> None:
        self._bindings = bindings
        self._found: dict[Node, tuple[_Way, str]] = {}

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
        ways = self._leading_to(new, likely)
        found = {node: (ways[node], what) for node, what in new.items()}
        self._found.update(found)
        return _joined(found.values())

    def present(self, changed: Collection[str]) -> dict[str, str]:
        """Return variable -> what in it is by reference, in the present.

        Args:
            changed: names that may lead elsewhere than they did.

        """
        astray = {
            node: what
            for node, (way, what) in self._found.items()
            if not way.leads_there(self._bindings)
        }
        ways = self._leading_to(astray, changed)
        self._found.update({node: (ways[node], what) for node, what in astray.items()})
        if changed:
            self._prefer_variables(changed)
        return _joined(self._found.values())

    def _prefer_variables(self, changed: Collection[str]) -> None:
        """Tell what only something that is no variable led to by a variable that does now."""
        others = {
            node: what for node, (way, what) in self._found.items() if not is_variable(way.name)
        }
        ways = self._search(others, [name for name in changed if name in self._bindings])
        self._found.update({node: (way, others[node]) for node, way in ways.items()})

    def _leading_to(self, wanted: Collection[Node], likely: Collection[str]) -> dict[Node, _Way]:
        """Find for each node one variable that leads to it.

        That is one that is bound to it, else a likely one; of several the one that was bound first.
        """
        if not wanted:
            return {}
        # what is no variable, such as a result, comes last
        order = sorted(self._bindings, key=lambda name: not is_variable(name))
        found: dict[Node, _Way] = {}
        for name in order:
            slot = self._bindings[name]
            if type(slot) is Node and slot in wanted:
                found.setdefault(slot, _Way(name, ((slot, slot.content),)))
        left = [node for node in wanted if node not in found]
        order.sort(key=lambda name: (name not in likely, not is_variable(name)))
        found |= self._search(left, order)
        return {node: found.get(node, _Way(_UNKNOWN)) for node in wanted}

    def _search(self, wanted: Collection[Node], names: Iterable[str]) -> dict[Node, _Way]:
        """Find for each node the first of some names that leads to it, in one walk."""
        left, found = set(wanted), dict[Node, _Way]()
        holders: dict[Node, Node | None] = {}
        for name in names if left else ():
            stack: list[tuple[Any, Node | None]] = [(self._bindings[name], None)]
            while stack and left:
                node, holder = stack.pop()
                if type(node) is not Node or node in holders:
                    continue
                holders[node] = holder
                if node in left:
                    left.remove(node)
                    found[node] = _Way(name, _steps_to(node, holders))
                if node.content is not None:
                    stack.extend((below, node) for below in reversed(node.content.nodes()))
        return found


def _steps_to(
    node: Node | None, holders: Mapping[Node, Node | None]
) -> tuple[tuple[Node, Content | None], ...]:
    """Return the way to a node from where a walk began."""
    steps = []
    while node is not None:
        steps.append((node, node.content))
        node = holders[node]
    return tuple(reversed(steps))


def _joined(found: Iterable[tuple[_Way, str]]) -> dict[str, str]:
    """Return variable -> all that is to be said of it, each once."""
    said: dict[str, dict[str, None]] = {}
    for way, what in found:
        said.setdefault(way.name, {})[what] = None
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
