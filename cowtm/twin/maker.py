"""Makes objects from contents: whole graphs, cycles and sharing included.

This is the specification, in plain Python; `native/maker.c` does the same.

First every object is *made*: mutable ones empty, frozen ones (tuples, bound methods) whole, once
what they are made of exists. Then they are *filled*; nobody has seen them yet. What is alive
already is used as it is, wherever it belongs to the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cowtm.errors import CannotRestore
from cowtm.twin.table import DICT, GONE, SET, Content, Node

_Entry = tuple[Node, Any, Any, Content]
"""What is to be filled: its node, its kind, itself, and with what."""


class Maker:
    """Makes the objects of one state.

    Args:
        contents: node -> content in that state, where it differs from the present.
        gone: nodes of the present that are no part of that state.
        is_empty: tells the nodes of kinds that `keep` whose live objects are yet to be filled, as
            new ones are.
        stays: tells the nodes whose live objects are used as they are; left out, all are.
        copied: tells the kinds of which all objects are made anew, so that `stays` is not asked.

    Attributes:
        failed: takes the nodes whose objects can't be made or filled, and why, if it is set to a
            dict; the others are made as far as that goes. Else the first such error is raised.
        filled: the nodes whose live objects are filled as new ones are.

    """

    def __init__(
        self,
        contents: dict[Node, Content],
        gone: set[Node],
        is_empty: Callable[[Node], bool],
        stays: Callable[[Node], bool] | None = None,
        copied: Callable[[Any], bool] | None = None,
    ) -> None:
        self._contents = contents
        self._gone = gone
        self._is_empty = is_empty
        self._stays = stays
        self._copied = copied
        self._objects: dict[Node, Any] = {}
        self._made: dict[Node, Any] = {}
        self._empty: dict[Node, _Entry] = {}
        self._serial: dict[Node, int] = {}
        self._completing: set[Node] = set()
        self._whole: set[Node] = set()
        self.failed: dict[Node, Exception] | None = None
        self.filled: list[Node] = []

    @property
    def made(self) -> dict[Node, Any]:
        """Node -> the object made anew for it, as they were made; a new dict at each asking."""
        return dict(self._made)

    def content(self, node: Node) -> Content:
        """Return the content of a node in that state.

        Raises:
            CannotRestore: it is no part of it.

        """
        content = self._contents.get(node)
        if content is None and node not in self._gone:
            content = node.content
        if content is None:
            raise CannotRestore(f"object {node.oid} is not part of that state")
        return content

    def use(self, node: Node, value: object) -> None:
        """Have an object be that of a node; what it holds is nobody's business here."""
        self._objects[node] = value

    def __contains__(self, node: object) -> bool:
        """Tell nodes that have an object by now."""
        return type(node) is Node and node in self._objects

    def value(self, slot: Any) -> Any:
        """Return the object for a slot.

        Raises:
            KeyError: it is a node that was not added.

        """
        return self._objects[slot] if type(slot) is Node else slot

    def values(self, slots: Sequence[Any]) -> list[Any]:
        """Return the objects for some slots; see `value`."""
        objects = self._objects
        return [objects[slot] if type(slot) is Node else slot for slot in slots]

    # -- making --------------------------------------------------------------------------------

    def add(self, roots: Iterable[Any]) -> None:
        """Make the objects for some slots and for all that they lead to.

        Raises:
            CannotRestore: one is no part of the state, or needs itself to be made.

        """
        objects = self._objects
        # What must exist before something else goes on the stack; the rest comes when that is
        # empty, so what is met again while it waits for its parts does need itself.
        later = [slot for slot in roots if type(slot) is Node]
        stack: list[Node] = []
        waiting: set[Node] = set()
        while stack or later:
            if not stack:
                stack.append(later.pop())
            node = stack[-1]
            if node in objects:
                stack.pop()
            elif self._is_used(node):
                later.extend(reversed(self._use_live(node)))
            else:
                later.extend(reversed(self._make(node, stack, waiting)))

    def _make(self, node: Node, stack: list[Node], waiting: set[Node]) -> list[Node]:
        """Make the object of a node and return what is to be added later.

        If something must exist first, that goes onto the stack instead.
        """
        content = self.content(node)
        kind: Any = content.kind
        slots = content.flat()
        count = kind.needs(slots)
        if count:
            missing = [s for s in slots[:count] if type(s) is Node and s not in self._objects]
            if missing:
                if node in waiting:
                    raise CannotRestore(
                        f"{kind.name} is part of itself in a way that can't be made again"
                    )
                waiting.add(node)
                stack.extend(reversed(missing))
                return []
            if kind.whole:
                self._complete(node, slots[:count])
            elif kind.calls and type(slots[0]) is Node and slots[0] not in self._completing:
                self._complete(slots[0], slots[:1])
            elif kind.hashes_first and node not in self._completing:
                self._complete(node, slots[:count])
            if node in self._objects:
                return []  # what was completed led to it
        parts = self.values(slots[:count])
        made = None
        try:
            made = kind.create(parts, slots)
        except Exception as error:  # noqa: BLE001  of any kind, from what the user's code does
            self._fail(node, error)
        self._objects[node] = self._made[node] = made
        if not kind.frozen:
            self._expect(node, made, content)
        return [slot for slot in slots[count:] if type(slot) is Node]

    def _is_used(self, node: Node) -> bool:
        """Tell whether a node has a live object, to be used as it is."""
        if node.object is GONE:
            return False
        if self._stays is None:
            return True
        if self._copied is not None:
            content = self._contents.get(node) or (None if node in self._gone else node.content)
            if content is not None and self._copied(content.kind):
                return False
        return self._stays(node)

    def _use_live(self, node: Node) -> list[Node]:
        """Use the live object of a node; return what it needs if it is yet to be filled."""
        self._objects[node] = node.object
        if not (node.kind.keep and self._is_empty(node)):
            return []
        content = self.content(node)
        self._expect(node, node.object, content)
        self.filled.append(node)
        return content.nodes()

    def _expect(self, node: Node, value: object, content: Content) -> None:
        """Have an object be filled later on."""
        self._empty[node] = node, content.kind, value, content
        self._serial[node] = len(self._serial)

    def _complete(self, node: Any, slots: Sequence[Any]) -> None:
        """Make and fill all that some slots lead to, before `node` can be made of them."""
        level = [slot for slot in slots if type(slot) is Node]
        if not level:
            return
        if node in self._completing:
            raise CannotRestore(
                f"object {node.oid} is part of itself in a way that can't be made again"
            )
        self._completing.add(node)
        reach: set[Node] = set()
        while level:
            below = level.pop()
            if below in self._whole:
                continue
            self.add([below])
            if (below in self._made or below in self._empty) and below not in reach:
                reach.add(below)
                level.extend(self.content(below).nodes())
        # As they were made: what another one is made of comes first.
        order = sorted((n for n in reach if n in self._empty), key=self._serial.__getitem__)
        self._fill_all([self._empty.pop(node) for node in order])
        self._completing.discard(node)
        if not self._completing:
            self._whole |= reach  # with all that they lead to

    # -- filling -------------------------------------------------------------------------------

    def fill(self) -> None:
        """Fill everything that was made.

        Functions and classes come first: the others may call them. Containers that hash what they
        hold come last, so that keys are whole when they are hashed: first those that hash nothing
        that was made, then those that may be keys themselves, and of each the innermost first.
        """
        entries, self._empty = list(self._empty.values()), {}
        self._fill_all(entries)

    def _fill_all(self, entries: Sequence[_Entry]) -> None:
        for entry in entries:
            if entry[1].called:
                self._fill(*entry)
        for entry in entries:
            if not (entry[1].called or entry[1].hashes):
                self._fill(*entry)
        hashers = [e for e in reversed(entries) if e[1].hashes and not e[1].called]
        for entry in sorted(hashers, key=_turn):
            self._fill(*entry)

    def _fill(self, node: Node, kind: Any, value: Any, content: Content) -> None:
        parts = self.values(content.flat())
        try:
            kind.fill(value, parts)
        except Exception as error:  # noqa: BLE001  of any kind, from what the user's code does
            self._fail(node, error)

    def _fail(self, node: Node, error: Exception) -> None:
        """Take note that an object can't be made; raises the error if nobody wants to know."""
        if self.failed is None:
            raise error
        self.failed.setdefault(node, error)


def _turn(entry: _Entry) -> int:
    """Tell how early a container that hashes what it holds can be filled."""
    _, kind, value, content = entry
    if kind.plain and kind.code in (DICT, SET):
        keys = content.flat()[:: 2 if kind.code == DICT else 1]
        return 2 if any(type(key) is Node for key in keys) else 0
    return 2 if type.__getattribute__(type(value), "__hash__") is None else 1
