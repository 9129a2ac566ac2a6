"""Makes objects from contents: whole graphs, cycles and sharing included.

First every object is *made*: mutable ones empty, frozen ones (tuples, bound methods) whole, once
what they are made of exists. Then the mutable ones are *planned*: everything that can fail (hashing
keys, missing classes) happens there. Last come the *commits*, which only write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cowtm.errors import CannotRestore
from cowtm.kinds.base import Commit, Kind
from cowtm.native import GONE, Content, Node

ContentOf = Callable[[Node], Content | None]
Existing = Callable[[Node], Any]


class Builder:
    """Makes the objects of one state.

    Args:
        content_of: gives the content of a node in that state.
        existing: gives the object to use for a node as it is, or GONE to make a new one.

    """

    def __init__(self, content_of: ContentOf, existing: Existing) -> None:
        self._content_of = content_of
        self._existing = existing
        self._objects: dict[Node, Any] = {}
        self._unfilled: list[tuple[Kind, Any, Content]] = []
        self.made: dict[Node, Any] = {}

    def value(self, slot: Any) -> Any:
        """Return the object for a slot; for a node, it must have been added."""
        return self._objects[slot] if type(slot) is Node else slot

    def add(self, roots: Iterable[Any]) -> None:
        """Make the objects for some slots and for all that they lead to."""
        stack = [slot for slot in roots if type(slot) is Node]
        waiting: set[Node] = set()
        while stack:
            node = stack[-1]
            if node in self._objects:
                stack.pop()
                continue
            existing = self._existing(node)
            if existing is not GONE:
                self._objects[node] = existing
                stack.pop()
                continue
            content = self._content(node)
            kind, slots = content.kind, content.flat()
            count = kind.needs(slots)  # type: ignore[attr-defined]
            missing = [s for s in slots[:count] if type(s) is Node and s not in self._objects]
            if missing:
                if node in waiting:
                    msg = f"{kind.name} is part of itself in a way that can't be made again"  # type: ignore[attr-defined]
                    raise CannotRestore(msg)
                waiting.add(node)
                stack.extend(reversed(missing))
                continue
            stack.pop()
            made = kind.create([self.value(s) for s in slots[:count]], slots)  # type: ignore[attr-defined]
            self._objects[node] = self.made[node] = made
            if not kind.frozen:
                self._unfilled.append((kind, made, content))  # type: ignore[arg-type]
            stack.extend(reversed([s for s in slots[count:] if type(s) is Node]))

    def refill(self, node: Node, value: Any) -> None:
        """Have a live object written anew with the content of its node."""
        content = self._content(node)
        self.add(content.flat())
        self._objects[node] = value
        self._unfilled.append((content.kind, value, content))  # type: ignore[arg-type]

    def plans(self) -> list[Commit]:
        """Plan all that is to be filled; containers that hash what they hold come last.

        Dicts and sets are filled innermost first, so that keys are whole when they are hashed.
        """
        late = [entry for entry in self._unfilled if entry[0].hashes]
        early = [entry for entry in self._unfilled if not entry[0].hashes]
        self._unfilled.clear()
        return [self._plan(*entry) for entry in [*early, *late[::-1]]]

    def fill(self) -> None:
        """Fill everything that was made; for graphs that nobody has seen yet."""
        late = [entry for entry in self._unfilled if entry[0].hashes]
        early = [entry for entry in self._unfilled if not entry[0].hashes]
        self._unfilled.clear()
        for entry in [*early, *late[::-1]]:
            self._plan(*entry)()

    def _plan(self, kind: Kind, value: Any, content: Content) -> Commit:
        return kind.plan(value, [self.value(slot) for slot in content.flat()])

    def _content(self, node: Node) -> Content:
        content = self._content_of(node)
        if content is None:
            msg = f"object {node.oid} is not part of that state"
            raise CannotRestore(msg)
        return content
