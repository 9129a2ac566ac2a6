"""Makes objects from contents: whole graphs, cycles and sharing included.

First every object is *made*: mutable ones empty, frozen ones (tuples, bound methods) whole, once
what they are made of exists. New ones are filled at once: nobody has seen them. Live ones are only
*planned*, which is where things may fail; their *commits*, which write, come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from cowtm.errors import CannotRestore
from cowtm.native import GONE, Content, Node

if TYPE_CHECKING:
    from cowtm.kinds.base import Commit, Kind

ContentOf = Callable[[Node], Content | None]
Existing = Callable[[Node], Any]


class Meanwhile:
    """Names that are bound while objects are made: what makes them may run the notebook's code.

    Those that are bound already stay as they are.

    Args:
        home: the namespace.
        names: name -> slot that it is to be bound to afterwards.

    """

    def __init__(self, home: dict[str, Any], names: Mapping[str, Any]) -> None:
        self._home = home
        self._absent = {name: slot for name, slot in names.items() if name not in home}

    def __enter__(self) -> Self:
        """Bind leaves: modules, numbers."""
        leaves = {name: slot for name, slot in self._absent.items() if type(slot) is not Node}
        self._home.update(leaves)
        return self

    def bind(self, builder: Builder) -> None:
        """Bind what is made by now, filled or not."""
        for name, slot in self._absent.items():
            if type(slot) is Node and slot in builder:
                self._home[name] = builder.value(slot)

    def __exit__(self, *_: object) -> None:
        """Unbind them all."""
        for name in self._absent:
            self._home.pop(name, None)


class Builder:
    """Makes the objects of one state.

    Args:
        content_of: gives the content of a node in that state.
        existing: gives the object to use for a node as it is, or GONE to make a new one.
        is_empty: tells the nodes whose existing objects are yet to be filled, as new ones are.
        failed: takes the nodes whose objects can't be made or filled, and why; the others are made
            as far as that goes. Without it the first such error is raised.

    Attributes:
        made: node -> the object made anew for it.
        filled: the nodes whose existing objects were filled as new ones are.
        refilled: the nodes whose live objects are written anew.

    """

    def __init__(
        self,
        content_of: ContentOf,
        existing: Existing,
        is_empty: Callable[[Node], bool],
        failed: dict[Node, Exception] | None = None,
    ) -> None:
        self._content_of = content_of
        self._existing = existing
        self._is_empty = is_empty
        self._failed = failed
        self._objects: dict[Node, Any] = {}
        self._empty: dict[Node, tuple[Kind, Any, Sequence[Any]]] = {}
        self._serial: dict[Node, int] = {}
        self._completing: set[Node] = set()
        self._live: list[tuple[Kind, Any, Sequence[Any]]] = []
        self.made: dict[Node, Any] = {}
        self.filled: list[Node] = []
        self.refilled: list[Node] = []

    def __contains__(self, node: Node) -> bool:
        """Tell whether there is an object for a node by now."""
        return node in self._objects

    def value(self, slot: Any) -> Any:
        """Return the object for a slot; for a node, it must have been added."""
        return self._objects[slot] if type(slot) is Node else slot

    def add(self, roots: Iterable[Any]) -> None:  # noqa: C901  calls would take longer than what they do
        """Make the objects for some slots and for all that they lead to."""
        objects, existing_of = self._objects, self._existing
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
                continue
            existing = existing_of(node)
            if existing is not GONE:
                objects[node] = existing
                stack.pop()
                if self._is_empty(node):
                    later.extend(self._add_empty(node, existing))
                continue
            content = self._content(node)
            kind: Any = content.kind
            slots = content.flat()
            count = kind.needs(slots)
            if count:
                missing = [s for s in slots[:count] if type(s) is Node and s not in objects]
                if missing:
                    if node in waiting:
                        msg = f"{kind.name} is part of itself in a way that can't be made again"
                        raise CannotRestore(msg)
                    waiting.add(node)
                    stack.extend(reversed(missing))
                    continue
                if kind.whole:
                    self._complete(node, slots[:count])
                elif kind.calls and slots[0] not in self._completing:
                    self._complete(slots[0], slots[:1])
            stack.pop()
            try:
                made = kind.create([self.value(s) for s in slots[:count]], slots)
            except Exception as error:  # noqa: BLE001  of any kind, from what the user's code does
                self._fail(node, error)
                made = None
            objects[node] = self.made[node] = made
            if not kind.frozen:
                self._empty[node] = kind, made, slots
                self._serial[node] = len(self._serial)
            later.extend([s for s in reversed(slots[count:]) if type(s) is Node])

    def _add_empty(self, node: Node, value: Any) -> list[Node]:
        """Have an existing object filled as new ones are; returns what that needs."""
        content: Any = self._content(node)
        slots = content.flat()
        self._empty[node] = content.kind, value, slots
        self._serial[node] = len(self._serial)
        self.filled.append(node)
        return [slot for slot in reversed(slots) if type(slot) is Node]

    def _complete(self, node: Node, slots: Sequence[Any]) -> None:
        """Make and fill all that some slots lead to, before `node` can be made of them."""
        level = [slot for slot in slots if type(slot) is Node]
        if not level:
            return
        if node in self._completing:
            msg = f"object {node.oid} is part of itself in a way that can't be made again"
            raise CannotRestore(msg)
        self._completing.add(node)
        reach: dict[Node, None] = {}
        while level:
            below = level.pop()
            self.add([below])
            if (below in self.made or below in self._empty) and below not in reach:
                reach[below] = None
                level.extend(self._content(below).nodes())
        # As they were made: what another one is made of comes first.
        order = sorted((n for n in reach if n in self._empty), key=self._serial.__getitem__)
        self._fill_all({n: self._empty.pop(n) for n in order})
        self._completing.discard(node)

    def refill(self, node: Node, value: Any) -> None:
        """Have a live object written anew with the content of its node."""
        if self._is_empty(node):
            self.add([node])
            return
        content = self._content(node)
        slots = content.flat()
        self._objects[node] = value
        self.refilled.append(node)
        self.add(slots)
        self._live.append((content.kind, value, slots))  # type: ignore[arg-type]

    def fill(self) -> None:
        """Fill everything that was made.

        Functions and classes come first: the others may call them. Containers that hash what they
        hold come last, the innermost first, so that keys are whole when they are hashed.
        """
        self._fill_all(self._empty)
        self._empty = {}

    def _fill_all(self, entries: dict[Node, tuple[Kind, Any, Sequence[Any]]]) -> None:
        late = []
        for node, entry in entries.items():
            if entry[0].called:
                self._fill(node, *entry)
        for node, entry in entries.items():
            if entry[0].hashes:
                late.append(node)
            elif not entry[0].called:
                self._fill(node, *entry)
        for node in reversed(late):
            self._fill(node, *entries[node])

    def plans(self) -> list[Commit]:
        """Fill what was made, plan what is live; the commits are to be called in order."""
        self.fill()
        late = [entry for entry in self._live if entry[0].hashes]
        commits = [self._plan(*entry) for entry in self._live if not entry[0].hashes]
        commits += [self._plan_hashing(*entry) for entry in reversed(late)]
        self._live.clear()
        return commits

    def _fill(self, node: Node, kind: Kind, value: Any, slots: Sequence[Any]) -> None:
        objects = self._objects
        try:
            kind.fill(value, [objects[slot] if type(slot) is Node else slot for slot in slots])
        except Exception as error:  # noqa: BLE001  of any kind, from what the user's code does
            self._fail(node, error)

    def _fail(self, node: Node, error: Exception) -> None:
        """Take note that an object can't be made; raises the error if nobody wants to know."""
        if self._failed is None:
            raise error
        self._failed.setdefault(node, error)

    def _plan(self, kind: Kind, value: Any, slots: Sequence[Any]) -> Commit:
        return kind.plan(value, [self.value(slot) for slot in slots])

    def _plan_hashing(self, kind: Kind, value: Any, slots: Sequence[Any]) -> Commit:
        """Plan a container that hashes; one whose keys may be changed by other commits, later."""
        if any(type(slot) is Node for slot in slots):

            def plan_and_write() -> object:
                return self._plan(kind, value, slots)()

            return plan_and_write
        return self._plan(kind, value, slots)

    def _content(self, node: Node) -> Content:
        content = self._content_of(node)
        if content is None:
            msg = f"object {node.oid} is not part of that state"
            raise CannotRestore(msg)
        return content
