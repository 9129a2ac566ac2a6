"""What every tracked object looked like at the last capture, and what differs from it now.

This is the specification of the object table, in plain Python; `native/table.c` does the same.

One `Node` stands for one tracked object, whatever names lead to it. Its `Content` says what the
object directly held at the last capture: a flat sequence of slots, each an immutable leaf (held by
reference) or the node of another tracked object. Comparing the live object with that sequence
finds a change; unchanged objects add nothing, and a parent is not rewritten when a child changes.

A capture is: `rebind` the names that were bound anew, `check` the names that may have changed
(both walk what is reachable now and what was reachable before), then `finish`, which tells nodes
that no state reaches any more and gives the difference. The walk uses a stack of its own, so depth
is no matter; it never compares user objects with ``==`` and runs no method of theirs.

A node does not keep its object alive: it holds it weakly where the type allows that, and lets go
of it at the end of the capture that found it unreachable, unless something else holds it too
(then the same object can come back with its identity).

States may be stored elsewhere and read back: `find` and `node` give the node that a number stands
for, the very one as long as anything holds it. `weigh` tells what recorded objects take in memory.
"""

from __future__ import annotations

import builtins
import gc
import sys
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import sub
from typing import Any, Final, Protocol

LEAF: Final = 0
"""Held by reference: the type has no kind."""
SELECT: Final = 1
"""The kind depends on the object: ask `Kind.select`."""
LIST: Final = 2
DICT: Final = 3
TUPLE: Final = 4
SET: Final = 5
INSTANCE: Final = 6
"""A plain instance: class, slots, then attributes as key and value."""
GENERIC: Final = 7
"""Everything that `Kind.parts` reads."""
REFERENCE: Final = 8
"""Not recorded; what it holds is still visited."""

BLOCK: Final = 4096
"""Slots in a block: one changed element of a list of a million stores one block."""


class _Mark:
    """A sentinel with a name."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __reduce__(self) -> str:
        return self._name.upper()


GONE: Final = _Mark("gone")
"""What `Node.object` gives when the object is no more."""
UNSET: Final = _Mark("unset")
"""The slot of an attribute, cell or argument that is not set."""
SHARED: Final = _Mark("shared")
"""Stands as the key before an instance's `__dict__` when others hold that dict too."""


class Kind(Protocol):
    """How one family of types is read; see `cowtm.kinds.base` for the whole contract."""

    code: int
    cls: type | None
    frozen: bool
    by_value: bool
    keep: bool
    follow: bool

    def select(self, value: Any) -> Kind | None:
        """Give the kind for this very object (code SELECT only)."""

    def parts(self, value: Any) -> Sequence[object]:
        """Read what `value` directly holds (code GENERIC and INSTANCE)."""

    def same(self, old: object, new: object) -> bool:
        """Compare two leaves by value (by_value only)."""

    def refuse(self, value: Any, error: Exception) -> Kind:
        """Give the kind (code REFERENCE) for an object that `parts` could not read."""


class Content:
    """What an object directly held: its kind and its slots, in blocks when they are many.

    `address` is for whoever stores contents: a number of 64 bits that says where this one is,
    0 at birth. The table does not look at it.
    """

    __slots__ = ("address", "blocked", "kind", "slots")

    def __init__(self, kind: Kind, slots: tuple[Any, ...], blocked: bool = False) -> None:  # noqa: FBT001, FBT002
        self.kind = kind
        self.slots = slots
        self.blocked = blocked
        self.address = 0

    def flat(self) -> tuple[Any, ...]:
        """Return all slots in one tuple."""
        if not self.blocked:
            return self.slots
        return tuple(slot for block in self.slots for slot in block)

    def nodes(self) -> list[Node]:
        """Return the nodes among the slots, in order, repeated as they are."""
        return [slot for slot in self.flat() if type(slot) is Node]

    @classmethod
    def join(
        cls, contents: list[Content], types: tuple[type, ...], longest: int
    ) -> tuple[bytes, bytes, list[Any]] | None:
        """Put the slots of some contents into one list, nodes as their numbers.

        Args:
            contents: the contents.
            types: exact types of slots that are no nodes.
            longest: the most characters of a text, or bytes.

        Returns:
            How many slots each has, how far each node in the list is from the one before (both as
            bytes, 8 for each number), and the list; None if a slot is neither a node nor of one of
            the types, or a text, or bytes, longer than that.

        Raises:
            TypeError: for anything but contents.

        """
        for content in contents:
            if type(content) is not cls:
                msg = f"only contents can be joined, not {type(content).__name__}"
                raise TypeError(msg)
        parts = [content.flat() for content in contents]
        flat = [slot for part in parts for slot in part]
        known = {id(Node), *map(id, types)}  # by address: a type may refuse to be hashed
        if any(
            id(type(slot)) not in known or (type(slot) in (str, bytes) and len(slot) > longest)
            for slot in flat
        ):
            return None
        places = [place for place, slot in enumerate(flat) if type(slot) is Node]
        for place in places:
            flat[place] = flat[place].oid
        gaps = map(sub, places, [0, *places])
        return array("q", map(len, parts)).tobytes(), array("q", gaps).tobytes(), flat

    @classmethod
    def split(cls, kind: Kind, lengths: bytes, flat: list[Any]) -> list[Content]:
        """Make contents of a list with the slots of all; those of many slots are in blocks.

        Raises:
            ValueError: if the lengths do not add up to the number of slots.

        """
        numbers = array("q", lengths)
        if sum(numbers) != len(flat) or any(number < 0 for number in numbers):
            msg = "the lengths must add up to the number of slots"
            raise ValueError(msg)
        contents = []
        start = 0
        for length in numbers:
            slots = tuple(flat[start : start + length])
            blocked = length > BLOCK
            if blocked:
                slots = tuple(slots[i : i + BLOCK] for i in range(0, length, BLOCK))
            contents.append(cls(kind, slots, blocked))
            start += length
        return contents

    def __repr__(self) -> str:
        return f"Content({getattr(self.kind, 'name', self.kind)}, {len(self.flat())} slots)"


class Node:
    """One tracked object: a serial number, the live object if there is one, its last content."""

    __slots__ = ("__weakref__", "_strong", "_weak", "content", "holders", "kind", "oid", "seen")

    def __init__(self, oid: int, kind: Kind, value: object) -> None:
        self.oid = oid
        self.kind = kind
        self.content: Content | None = None
        self.holders = 0
        self.seen = 0
        self.attach(value)

    @property
    def object(self) -> Any:
        """The live object, or GONE."""
        if self._weak is None:
            return self._strong
        value = self._weak()
        return GONE if value is None else value

    @property
    def holds(self) -> bool:
        """Whether the node holds its object itself, not weakly."""
        return self._weak is None and self._strong is not GONE

    def attach(self, value: Any) -> None:
        """Make `value` the live object of this node."""
        self._strong: object = GONE
        self._weak: weakref.ref[Any] | None = None
        if not self.kind.keep:
            try:
                self._weak = weakref.ref(value)
            except TypeError:
                pass
            else:
                return
        self._strong = value

    def release(self) -> bool:
        """Let go of the object if nobody else holds it; tell whether it is let go."""
        if self._weak is not None:
            return self._weak() is None
        if self.kind.keep or self._strong is GONE:
            return True
        alone = 2  # this node, and the argument of getrefcount
        if sys.getrefcount(self._strong) > alone:
            return False
        self._strong = GONE
        return True

    def drop(self) -> None:
        """Let go of the object, whoever holds it."""
        self._strong = GONE
        self._weak = None

    def _reference_share(self) -> int:
        """Give the bytes that this node bears of its weak reference, which others share."""
        if self._weak is None:
            return 0
        return sys.getsizeof(self._weak) // (sys.getrefcount(self._weak) - 1)

    def __repr__(self) -> str:
        return f"Node({self.oid})"


class ObjectTable:
    """All tracked objects of one namespace.

    Args:
        classify: gives the kind of a type, or None for immutable leaves; asked once per type.
        home: the namespace itself, a leaf wherever it is met; so are the process's own dicts, of
            built-in names (in whatever was given to ``exec``) and of modules.

    """

    def __init__(self, classify: Callable[[type], Kind | None], home: dict[str, Any]) -> None:
        self._classify = classify
        self._home = home
        self._apart = frozenset(map(id, (home, vars(builtins), sys.modules)))
        self._kinds: dict[int, tuple[weakref.ref[type], Kind | None]] = {}
        self._addresses: dict[int, Node] = {}
        self._stack: list[Node] = []
        self._reached: list[Node] = []
        self._referred: list[Node] = []
        self._orphans: list[Node] = []
        self._limbo: dict[Node, None] = {}
        self._live: dict[Node, None] = {}
        self._numbers: weakref.WeakValueDictionary[int, Node] = weakref.WeakValueDictionary()
        self._before: dict[Node, Content] = {}
        self._after: dict[Node, Content] = {}
        self._bound_before: dict[str, object] = {}
        self._bound_after: dict[str, object] = {}
        self._generation = 1
        self._next = 1
        self.bindings: dict[str, Any] = {}
        self.changes = 0
        self.visited = 0
        self.suspects = 0

    # -- nodes ---------------------------------------------------------------------------------

    def find(self, oid: int) -> Node | None:
        """Return the node with that serial number, if anything in the process still holds it.

        That is a node that this table made or took in; that no name reaches it is no matter.
        """
        return self._numbers.get(oid)

    def node(self, oid: int, kind: Kind) -> Node:
        """Return the node with that serial number, or make it, without object or content.

        The number is taken from then on.

        Args:
            oid: the serial number, at least 1.
            kind: that of a node made now; one that is there keeps its own.

        Raises:
            ValueError: if `oid` is less than 1.

        """
        node = self._numbers.get(oid)
        if node is None:
            self.reserve(oid)
            node = self._numbers[oid] = Node(oid, kind, GONE)
        return node

    def nodes(self, numbers: bytes, kind: Kind) -> list[Node]:
        """Return what `node` gives for each number; numbers are bytes, 8 for each."""
        return [self.node(number, kind) for number in array("q", numbers)]

    def node_of(self, value: object) -> Node | None:
        """Return the node whose live object `value` is."""
        node = self._addresses.get(id(value))
        return node if node is not None and node.object is value else None

    def reserve(self, oid: int) -> int:
        """Take the serial numbers up to `oid`: nodes made from now on come after it.

        Returns:
            The highest number that is taken.

        Raises:
            ValueError: if `oid` is less than 1.

        """
        if oid < 1:
            message = f"a serial number is at least 1, not {oid}"
            raise ValueError(message)
        self._next = max(self._next, oid + 1)
        return self._next - 1

    def weigh(self, mappings: Iterable[dict[Any, Any]]) -> int:
        """Count the memory that recorded objects take.

        Those are: the nodes that are live or a key of a mapping, the contents that are live or a
        value of a mapping, and their blocks, each once, in however many mappings it is. Of a
        plain leaf (str, bytes, int, float, complex) every slot bears its share: its size divided
        by the number of those that hold it; likewise of a tuple, and of the plain leaves in it.

        Args:
            mappings: dicts of nodes and contents, as `finish` gives them; what is neither is
                ignored.

        Returns:
            Bytes. Neither the mappings themselves are counted nor the table: `sys.getsizeof` tells
            how large these are.

        """
        nodes = set(self._live)
        contents = {node.content for node in nodes if node.content is not None}
        for mapping in mappings:
            nodes.update(key for key in mapping if type(key) is Node)
            contents.update(value for value in mapping.values() if type(value) is Content)
        blocks: dict[int, tuple[Any, ...]] = {}
        total = 0
        for content in contents:
            total += sys.getsizeof(content) + sys.getsizeof(content.slots)
            if content.blocked:
                blocks.update((id(block), block) for block in content.slots)
            else:
                total += _share(content.slots)
        for block in blocks.values():
            total += sys.getsizeof(block) + _share(block)
        for node in nodes:
            total += sys.getsizeof(node) + node._reference_share()  # noqa: SLF001
        return total

    def __sizeof__(self) -> int:
        """Count the memory of the table itself, in bytes; what it records is weighed apart."""
        finders = (self._addresses, self._live, self._limbo, self._kinds)
        return object.__sizeof__(self) + sum(map(sys.getsizeof, finders))

    # -- names ---------------------------------------------------------------------------------

    def differing(self, skip: set[str]) -> tuple[list[str], list[str]]:
        """Compare the home namespace with the bindings, by pointer.

        Returns:
            The names bound anew (those in `skip` left out), and the names that are gone.

        """
        changed = []
        bindings = self.bindings
        known = 0
        for name, value in self._home.items():
            slot = bindings.get(name, UNSET) if type(name) is str else SHARED
            if slot is UNSET:
                if name not in skip:
                    changed.append(name)
            elif slot is not SHARED:
                known += 1
                if slot is not value and not (type(slot) is Node and slot.object is value):
                    changed.append(name)
        gone = []
        if known != len(bindings):
            gone = [name for name in bindings if name not in self._home]
        return changed, gone

    def rebind(self, name: str, value: object) -> None:
        """Bind `name` to `value`; UNSET unbinds it. Both old and new value will be walked."""
        old = self.bindings.get(name, UNSET)
        new = value if value is UNSET else self._slot(value)
        if type(new) is Node:
            new.holders += 1
        if type(old) is Node:
            self._stack.append(old)
            self._let_go(old)
        if name not in self._bound_before and name not in self._bound_after and old is not UNSET:
            self._bound_before[name] = old
        if new is UNSET:
            self.bindings.pop(name, None)
            self._bound_after.pop(name, None)
        else:
            self.bindings[name] = new
            self._bound_after[name] = new
        self.changes += 1

    # -- the walk ------------------------------------------------------------------------------

    def check(self, name: str) -> None:
        """Walk from what `name` is bound to, and from everything waiting."""
        slot = self.bindings.get(name)
        if type(slot) is Node:
            self._stack.append(slot)
        self._walk()

    def check_object(self, value: object) -> None:
        """Walk from `value` if it is a tracked object, or from the tracked objects it holds."""
        node = self.node_of(value)
        if node is not None:
            if node.content is not None:
                self._stack.append(node)
        else:
            self._stack.extend(self._held_by(value))
        self._walk()

    def reached(self) -> list[Node]:
        """Return the nodes visited since the last call whose kind says `follow`."""
        reached, self._reached = self._reached, []
        return reached

    def referred(self) -> list[Node]:
        """Return the nodes recorded by reference since the last call."""
        referred, self._referred = self._referred, []
        return referred

    def _walk(self) -> None:
        stack = self._stack
        while stack:
            node = stack.pop()
            if node.seen == self._generation:
                continue
            before, node.seen = node.seen, self._generation
            self.visited += 1
            try:
                self._visit(node)
            except BaseException:  # it is visited again, as if this had not begun
                node.seen = before
                stack.append(node)
                raise

    def _visit(self, node: Node) -> None:
        value = node.object
        old = node.content
        if node.kind.follow:
            self._reached.append(node)
        if value is GONE or (old is not None and old.kind.frozen):
            if old is not None:
                self._stack.extend(reversed(old.nodes()))
                if old.kind.code == REFERENCE and value is not GONE:
                    self._stack.extend(self._held_by(value))
            return
        kind = node.kind
        if kind.cls is not None and kind.cls is not type(value):
            kind = node.kind = self._kind_of(value) or kind
        try:
            parts = self._read(kind, value)
        except Exception as error:  # noqa: BLE001  an object that can't be read stays by reference
            kind = node.kind = kind.refuse(value, error)
            node.attach(value)  # the new kind may hold it strongly
            parts = kind.parts(value)
        if old is not None and old.kind is kind and self._same(old, parts):
            self._stack.extend(reversed(old.nodes()))
            return
        self._record(node, kind, parts)

    def _read(self, kind: Kind, value: Any) -> Sequence[object]:
        if kind.code in (LIST, TUPLE):
            return value  # type: ignore[no-any-return]
        if kind.code == DICT:
            return [part for item in dict.items(value) for part in item]
        if kind.code == SET:
            return list(value)
        return kind.parts(value)

    def _same(self, old: Content, parts: Sequence[object]) -> bool:
        slots = old.flat()
        if len(slots) != len(parts):
            return False
        if all(self._equal(old.kind, slot, part) for slot, part in zip(slots, parts, strict=True)):
            return True
        if old.kind.code != SET:
            return False
        # A set that travel filled anew may iterate in another order.
        here = {id(part) for part in parts}
        return all(id(slot.object if type(slot) is Node else slot) in here for slot in slots)

    def _equal(self, kind: Kind, slot: object, part: object) -> bool:
        if slot is part:
            return True
        if type(slot) is Node:
            return slot.object is part
        return kind.by_value and kind.same(slot, part)

    def _record(self, node: Node, kind: Kind, parts: Sequence[object]) -> None:
        old = node.content
        old_slots = old.flat() if old is not None else ()
        slots = tuple(
            old_slots[i]
            if old is not None and i < len(old_slots) and self._equal(kind, old_slots[i], part)
            else self._slot(part)
            for i, part in enumerate(parts)
        )
        new = _blocked(kind, slots, old)
        for child in new.nodes():
            child.holders += 1
        if node not in self._before and node not in self._after and old is not None:
            self._before[node] = old
        self._after[node] = node.content = new
        if kind.code == REFERENCE:
            self._referred.append(node)
        self._live[node] = None
        self._limbo.pop(node, None)
        self.changes += 1
        if old is not None:
            for child in old.nodes():
                self._stack.append(child)
                self._let_go(child)
        self._stack.extend(reversed(new.nodes()))

    def _let_go(self, node: Node) -> None:
        node.holders -= 1
        if node.holders == 0:
            self._orphans.append(node)
        else:
            self.suspects += 1

    def _slot(self, value: Any) -> object:
        kind = self._kind_of(value)
        if kind is None or id(value) in self._apart:
            return value
        node = self.node_of(value)
        if node is None:
            if kind.code == TUPLE and all(self._atomic(part) for part in value):
                return value
            node = self.node(self._next, kind)
            self.attach(node, value)
        if node.content is None:
            self._stack.append(node)
        return node

    def _atomic(self, value: Any) -> bool:
        if type(value) is tuple:
            return not gc.is_tracked(value)
        return self._kind_of(value) is None

    def _kind_of(self, value: Any) -> Kind | None:
        cls = type(value)
        entry = self._kinds.get(id(cls))
        if entry is None or entry[0]() is not cls:
            entry = weakref.ref(cls), self._classify(cls)
            self._kinds[id(cls)] = entry
        kind = entry[1]
        if kind is not None and kind.code == SELECT:
            return kind.select(value)
        return kind

    def _held_by(self, value: object) -> Iterator[Node]:
        """Give the live nodes that an object holds, through a few objects that are not tracked."""
        seen = {id(value)}
        level = gc.get_referents(value)
        for _ in range(3):
            below: list[object] = []
            for held in level:
                if id(held) in seen or id(held) in self._apart or issubclass(type(held), type(sys)):
                    continue
                seen.add(id(held))
                node = self.node_of(held)
                if node is not None:
                    if node.content is not None:
                        yield node
                elif not issubclass(type(held), type):
                    below.extend(gc.get_referents(held))
                if len(seen) > BLOCK:
                    return
            level = below

    # -- the end of a capture ------------------------------------------------------------------

    def kill(self, nodes: Iterable[Node]) -> None:
        """Declare nodes unreachable, though they hold one another (found by a sweep)."""
        for node in nodes:
            node.holders = 0
            self._orphans.append(node)

    def finish(
        self,
    ) -> tuple[dict[str, object], dict[str, object], dict[Node, Content], dict[Node, Content]]:
        """End the capture.

        Returns:
            Bindings before and after, contents before and after, of what differs.

        """
        self._walk()
        self._bury()
        result = (self._bound_before, self._bound_after, self._before, self._after)
        _drop_unchanged(self._bound_before, self._bound_after)
        _drop_unchanged(self._before, self._after)
        self._bound_before, self._bound_after = {}, {}
        self._before, self._after = {}, {}
        self._generation += 1
        self._settle_limbo()
        return result

    def adopt(
        self,
        bindings: tuple[dict[str, object], dict[str, object]],
        contents: tuple[dict[Node, Content], dict[Node, Content]],
    ) -> None:
        """Take the state that `restore` just made: it is the last capture now.

        Raises:
            ValueError: if the table has another node with the serial number of one of these.

        """
        for node in _named(bindings, contents):
            self._take_in(node)
        for slot in bindings[1].values():
            if type(slot) is Node:
                slot.holders += 1
        for content in contents[1].values():
            for child in content.nodes():
                child.holders += 1
        for name, slot in bindings[0].items():
            self.bindings.pop(name, None)
            if type(slot) is Node:
                self._let_go(slot)
        self.bindings.update(bindings[1])
        for node, content in contents[0].items():
            node.content = None
            self._live.pop(node, None)
            for child in content.nodes():
                self._let_go(child)
        for node, content in contents[1].items():
            node.content = content
            self._live[node] = None
            self._limbo.pop(node, None)
        self._orphans.extend(node for node in contents[0] if node.content is None)
        self._bury()
        self._before, self._after = {}, {}
        self._generation += 1
        self._settle_limbo()

    def attach(self, node: Node, value: object) -> None:
        """Make `value` the live object of `node`.

        Raises:
            ValueError: if the table has another node with that serial number.

        """
        self._take_in(node)
        node.attach(value)
        self._addresses[id(value)] = node
        self._limbo.pop(node, None)

    def living(self, contents: dict[Node, Content]) -> dict[Node, Content]:
        """Return those of some contents whose nodes have a live object, in their order."""
        return {node: content for node, content in contents.items() if node.object is not GONE}

    def attach_all(self, objects: dict[Node, Any]) -> None:
        """Attach values to their nodes, as `attach` does each.

        Raises:
            ValueError: if the table has another node with the serial number of one of these.

        """
        for node, value in objects.items():
            self.attach(node, value)

    def _take_in(self, node: Node) -> None:
        if self._numbers.get(node.oid) is node:
            return
        if node.oid in self._numbers:
            message = f"the table has another node with the serial number {node.oid}"
            raise ValueError(message)
        self.reserve(node.oid)
        self._numbers[node.oid] = node

    def live(self) -> list[Node]:
        """Return all nodes that the present reaches, or did until the next sweep."""
        return list(self._live)

    @property
    def tracked(self) -> int:
        """How many nodes `live` would return."""
        return len(self._live)

    @property
    def in_limbo(self) -> int:
        """How many nodes `limbo` would return."""
        return len(self._limbo)

    def limbo(self) -> list[Node]:
        """Return the nodes that no name reaches, whose objects something else still holds."""
        return list(self._limbo)

    def release(self, nodes: Iterable[Node]) -> None:
        """Let go of the objects of nodes in limbo that only garbage holds."""
        for node in nodes:
            if node in self._limbo:
                del self._limbo[node]
                self._forget_address(node)
                node.drop()

    def clear(self) -> None:
        """Let go of everything."""
        for node in [*self._live, *self._addresses.values()]:
            node.content = None
            node.drop()
        self.__init__(self._classify, self._home)  # type: ignore[misc]

    def _bury(self) -> None:
        index = 0
        while index < len(self._orphans):
            node = self._orphans[index]
            index += 1
            if node.holders > 0:
                continue
            content = node.content
            if content is not None:
                if node in self._after:
                    del self._after[node]
                else:
                    self._before[node] = content
                node.content = None
                self._live.pop(node, None)
                self.changes += 1
                for child in content.nodes():
                    if child.holders > 0:
                        child.holders -= 1
                        if child.holders == 0:
                            self._orphans.append(child)
                        else:
                            self.suspects += 1
            address = self._address_of(node)
            if not node.release():
                if node._weak is None:  # noqa: SLF001
                    self._limbo[node] = None
            elif node.object is GONE and self._addresses.get(address) is node:
                del self._addresses[address]
        self._orphans.clear()

    def _settle_limbo(self) -> None:
        """Look at some of those in limbo again, the oldest first."""
        for node in list(self._limbo)[:256]:
            del self._limbo[node]
            address = self._address_of(node)
            if not node.release():
                self._limbo[node] = None
            elif self._addresses.get(address) is node:
                del self._addresses[address]

    def _address_of(self, node: Node) -> int:
        return id(node.object)

    def _forget_address(self, node: Node) -> None:
        address = self._address_of(node)
        if self._addresses.get(address) is node:
            del self._addresses[address]


def _named(
    bindings: tuple[dict[str, object], ...], contents: tuple[dict[Node, Content], ...]
) -> Iterator[Node]:
    """Give all nodes that stand in bindings or contents, as often as they do."""
    for names in bindings:
        yield from (slot for slot in names.values() if type(slot) is Node)
    for part in contents:
        for node, content in part.items():
            yield node
            yield from content.nodes()


_PLAIN: Final = frozenset({str, bytes, int, float, complex})


def _share(row: tuple[Any, ...], depth: int = 2) -> int:
    """Give the bytes that a row of slots bears of what its leaves take."""
    counts = list(map(sys.getrefcount, row))  # each one higher: `map` holds the leaf too
    total = 0
    for leaf, count in zip(row, counts, strict=True):
        if type(leaf) in _PLAIN:
            total += sys.getsizeof(leaf) // (count - 1)
        elif type(leaf) is tuple and depth > 0:
            total += (sys.getsizeof(leaf) + _share(leaf, depth - 1)) // (count - 1)
    return total


def _blocked(kind: Kind, slots: tuple[Any, ...], old: Content | None) -> Content:
    """Make a content, sharing with the old one the blocks that did not change."""
    if len(slots) <= BLOCK:
        return Content(kind, slots)
    known = old.slots if old is not None and old.blocked else ()
    blocks = []
    for index, start in enumerate(range(0, len(slots), BLOCK)):
        block = slots[start : start + BLOCK]
        if index < len(known) and _identical(known[index], block):
            block = known[index]
        blocks.append(block)
    return Content(kind, tuple(blocks), blocked=True)


def _drop_unchanged(before: dict[Any, Any], after: dict[Any, Any]) -> None:
    for key in [key for key in after if key in before and before[key] is after[key]]:
        del before[key], after[key]


def _identical(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))
