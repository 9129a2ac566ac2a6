"""Small worlds of aliased, cyclic objects that random steps change, for tests of the object table.

The same steps make the same world twice, so two implementations can be compared step by step, each
with objects of its own; or both look at one world.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any

from cowtm.chunks import ChunkStore
from cowtm.delta import Difference
from cowtm.kinds import Kinds
from cowtm.kinds.base import ByValue
from cowtm.native import GONE, UNSET

if TYPE_CHECKING:
    from conftest import NativeModule

    from cowtm.twin.table import Content, Node, ObjectTable

Step = tuple[str, int, int, int]
"""What to do, and three numbers that choose on what."""

NAMES = "abcdef"
LONG = 5_000
"""More slots than a block has."""
ENOUGH = 60
"""Objects of a world that steps choose from."""
UNCHANGING = (int, float, str, tuple, frozenset, type(None), GeneratorType, MethodType)
"""Types whose objects no step changes."""


class Classes:
    """The classes of one world, some of the notebook, some of a library."""

    def __init__(self) -> None:
        class Plain:
            """Attributes in a dict; hashes by serial number, so that sets of it have an order."""

            serial = 0

            def __hash__(self) -> int:
                return self.serial if type(self.serial) is int else 0

        class Slotted:
            __slots__ = ("left", "right")

        class Weakly(Slotted):
            __slots__ = ("__weakref__", "more")

        class Both(Slotted):
            def method(self) -> None:
                """Be bound."""

        @dataclass(frozen=True)
        class Point:
            x: Any
            y: Any

        class Items(list[Any]):
            """A list with attributes."""

        class Refuses:
            def __reduce_ex__(self, protocol: object) -> Any:
                msg = "not me"
                raise ValueError(msg)

        Refuses.__init__ = lambda self: setattr(self, "held", [1])  # type: ignore[method-assign]
        self.plain, self.slotted, self.weakly, self.both = Plain, Slotted, Weakly, Both
        self.point, self.items, self.refuses = Point, Items, Refuses
        for cls in (Plain, Both, Point):
            cls.__module__ = "__main__"


class World:
    """A namespace that steps change, and what else holds its objects."""

    def __init__(self) -> None:
        self.home: dict[str, Any] = {"__name__": "__main__"}
        self.outside: list[Any] = []
        self.classes = Classes()
        self._serials = itertools.count(1)

    # -- finding -------------------------------------------------------------------------------

    def locate(self, number: int) -> Any:
        """Find an object that a name leads to, chosen by a number, or None."""
        found = self._reachable()
        return found[number % len(found)] if found else None

    def _target(self, number: int) -> Any:
        """Find an object that can be changed, or None."""
        found = [value for value in self._reachable() if type(value) not in UNCHANGING]
        return found[number % len(found)] if found else None

    def _reachable(self) -> list[Any]:
        """List objects that names lead to, the near ones first; not all of what is large."""
        found: dict[int, Any] = {}
        level = [value for name, value in self.home.items() if name in NAMES]
        while level and len(found) < ENOUGH:
            below: list[Any] = []
            for value in level:
                if id(value) not in found:
                    found[id(value)] = value
                    below += self.children(value)
            level = below
        return list(found.values())

    def children(self, value: Any) -> Iterator[Any]:
        """Give what an object holds, a few of it."""
        cls = type(value)
        if cls is dict or cls is collections.OrderedDict:
            yield from itertools.islice(value.values(), 5)
        elif cls in (list, tuple, set, frozenset, collections.deque, self.classes.items):
            yield from itertools.islice(value, 5)
        elif cls is FunctionType and value.__closure__:
            yield value.__closure__[0].cell_contents
        elif cls is MethodType:
            yield value.__self__
        else:
            if cls in (self.classes.plain, self.classes.both, self.classes.point):
                yield from itertools.islice(value.__dict__.values(), 5)
            for name in ("left", "right", "more"):
                if hasattr(cls, name) and hasattr(value, name):
                    yield getattr(value, name)

    # -- making --------------------------------------------------------------------------------

    def make(self, what: int, number: int) -> Any:
        """Make a new object, of other ones."""
        makers = self._makers()
        what %= 100
        if what >= len(makers):
            what %= len(makers) - 3  # the long ones, which stand last, are rare
        made = makers[what](self.locate(number), number)
        if isinstance(made, self.classes.plain):
            made.serial = next(self._serials)
        return made

    def _makers(self) -> list[Callable[[Any, int], Any]]:
        classes = self.classes
        return [
            lambda held, number: [held, number],
            lambda held, number: {"key": held, number: []},
            lambda held, number: {number, str(number), (number, "leaf")},  # noqa: ARG005
            lambda held, number: (held, number),
            lambda held, number: classes.plain(),  # noqa: ARG005
            lambda held, number: classes.slotted(),  # noqa: ARG005
            lambda held, number: classes.weakly(),  # noqa: ARG005
            lambda held, number: _with(classes.both(), right=held, name=number),
            classes.point,
            lambda held, number: classes.items([held, number]),
            lambda held, number: collections.deque([held, number]),
            lambda held, number: frozenset({classes.plain(), number}),  # noqa: ARG005
            lambda held, number: {self.make(4, number), self.make(4, number)},  # noqa: ARG005
            lambda held, number: bytearray(str(number), "ascii"),  # noqa: ARG005
            lambda held, number: _closure(held),  # noqa: ARG005
            lambda held, number: _generator([held]),  # noqa: ARG005
            lambda held, number: classes.both().method,  # noqa: ARG005
            lambda held, number: collections.OrderedDict([("key", held), (number, [])]),
            lambda held, number: classes.refuses(),  # noqa: ARG005
            lambda held, number: itertools.count(number),  # noqa: ARG005
            lambda held, number: number * 1.5,  # noqa: ARG005
            lambda held, number: list(range(LONG)),  # noqa: ARG005
            lambda held, number: {i: [held] if i < 3 else i for i in range(LONG)},  # noqa: ARG005
            lambda held, number: [[i] for i in range(LONG)],  # noqa: ARG005
        ]

    # -- changing ------------------------------------------------------------------------------

    def apply(self, step: Step) -> None:
        """Do one step that needs no table."""
        what, first, second, third = step
        name = NAMES[first % len(NAMES)]
        if what == "make":
            self.home[name] = self.make(second, third)
        elif what == "alias":
            self.home[name] = self.locate(second)
        elif what == "delete" and second % 3 == 0:
            self.home.pop(name, None)
        elif what == "hold":
            self.outside.append(self.locate(second))
        elif what == "let go" and self.outside:
            del self.outside[second % len(self.outside)]
        elif what == "change":
            held = self.locate(second) if second % 2 else self.make(second // 2, third)
            self._change(self._target(third), first, held)

    def _change(self, value: Any, how: int, held: Any) -> None:  # noqa: C901, PLR0912  one a type
        classes = self.classes
        cls = type(value)
        if cls in (list, classes.items):
            _change_list(value, how, held)
        elif cls in (dict, collections.OrderedDict):
            _change_dict(value, how, held)
        elif cls is set:
            if how % 3 == 0 and value:
                value.discard(next(iter(value)))
            elif how % 3 == 1:
                value.add(how)
            else:
                renewed = list(value)[::-1]
                value.clear()
                value.update(renewed)
        elif cls is collections.deque:
            value.appendleft(held)
        elif cls is bytearray:
            value.append(how % 256)
        elif cls is FunctionType and value.__closure__:
            value.__closure__[0].cell_contents = held
        elif cls is itertools.count:
            next(value)
        elif cls in (classes.plain, classes.both):
            self._change_instance(value, how, held)
        elif cls in (classes.slotted, classes.weakly):
            names = [name for name in ("left", "right", "more") if hasattr(cls, name)]
            name = names[how % len(names)]
            if how % 4 or not hasattr(value, name):
                setattr(value, name, held)
            else:
                delattr(value, name)

    def _change_instance(self, value: Any, how: int, held: Any) -> None:
        how, rest = how % 8, how // 8
        if how < 4:
            setattr(value, NAMES[rest % len(NAMES)], held)
        elif how == 4 and value.__dict__:
            value.__dict__.pop(next(iter(value.__dict__)))
        elif how == 5:
            self.home[NAMES[rest % len(NAMES)]] = value.__dict__
        elif how == 6:
            value.__dict__ = dict(reversed(list(value.__dict__.items())))
        elif type(value) is self.classes.plain and value.__class__ is self.classes.plain:
            type(value).serial = rest


def _with(value: Any, **attributes: Any) -> Any:
    for name, held in attributes.items():
        setattr(value, name, held)
    return value


def _closure(held: Any) -> Any:
    def function(default: Any = held) -> Any:
        return held, default

    return function


def _generator(held: Any) -> Iterator[Any]:
    yield held


def _change_list(value: list[Any], how: int, held: Any) -> None:
    how, rest = how % 6, how // 6
    if how == 0:
        value.append(held)
    elif how == 1:
        value.insert(0, held)
    elif how == 2 and value:
        value[rest % len(value)] = held
    elif how == 3 and value:
        del value[rest % len(value)]
    elif how == 4:
        value.reverse()
    elif how == 5:
        value[LONG // 2 :] = []


def _change_dict(value: dict[Any, Any], how: int, held: Any) -> None:
    how, rest = how % 5, how // 5
    if how == 0:
        value[rest] = held
    elif how == 1 and value:
        value[next(iter(value))] = held
    elif how == 2 and value:
        del value[next(iter(value))]
    elif how == 3 and value:
        key = next(iter(value))
        value[key] = value.pop(key)
    elif how == 4:
        value["self"] = value


class Observer:
    """One object table that looks at a world; `report` says in plain values all that it knows."""

    def __init__(self, module: NativeModule, world: World) -> None:
        self.module = module
        self.world = world
        kinds = Kinds(world.home, ChunkStore())
        self.table: ObjectTable = module.ObjectTable(kinds.classify, world.home)
        self.result: tuple[Any, ...] = ({}, {}, {}, {})
        self.reached: list[int] = []
        self.referred: list[int] = []
        # The specification knows a node as long as its object's address is not used again; the
        # other implementation as long as somebody holds it.  So hold all.
        self.nodes: dict[Node, None] = {}

    def observe(self, step: Step) -> None:
        """Do one step that needs the table."""
        what, first, second, _ = step
        if what == "look":
            self._rebind()
            self.table.check(NAMES[first % len(NAMES)])
            self._keep()
        elif what == "look at":
            self.table.check_object(self.world.locate(second))
            self._keep()
        elif what == "capture":
            self.capture()
        elif what == "sweep":
            self.capture()
            self.sweep()
        elif what == "release":
            self.table.release(self.table.limbo()[first % 2 :: 2])
        elif what == "back":
            self.capture()
            self.capture_back()

    def capture(self) -> None:
        """Take in all that changed."""
        self._rebind()
        for name in list(self.table.bindings):
            self.table.check(name)
        self._keep()
        self.result = self.table.finish()

    def sweep(self) -> None:
        """Declare unreachable what no name reaches, then end the capture."""
        reached: dict[Node, None] = {}
        stack = [s for s in self.table.bindings.values() if type(s) is self.module.Node]
        while stack:
            node = stack.pop()
            if node not in reached and node.content is not None:
                reached[node] = None
                stack += node.content.nodes()
        self.table.kill([node for node in self.table.live() if node not in reached])
        self.result = self.table.finish()

    def capture_back(self) -> None:
        """Have the table believe in the state before the last capture, as travelling does."""
        names = Difference(self.result[0], self.result[1])
        contents: Difference[Node, Content] = Difference(self.result[2], self.result[3])
        for node in contents.before:
            if node.object is GONE and type(node.kind).__name__ == "ListKind":
                self.table.attach(node, [])
        self.table.adopt(
            (dict(names.after), dict(names.before)),
            (dict(contents.after), dict(contents.before)),
        )

    def _rebind(self) -> None:
        changed, gone = self.table.differing({"__name__"})
        for name in changed:
            self.table.rebind(name, self.world.home[name])
        for name in gone:
            self.table.rebind(name, UNSET)

    def _keep(self) -> None:
        self.nodes.update(dict.fromkeys(self.table.live()))
        self.reached = [node.oid for node in self.table.reached()]
        self.referred = [node.oid for node in self.table.referred()]

    # -- reports -------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Say everything that can be seen, addresses left out."""
        table = self.table
        return {
            "bindings": {name: self._slot(slot) for name, slot in table.bindings.items()},
            "live": [self._node(node) for node in table.live()],
            "limbo": [self._node(node) for node in table.limbo()],
            "numbers": (
                table.changes,
                table.visited,
                table.suspects,
                table.tracked,
                table.in_limbo,
            ),
            "reached": self.reached,
            "referred": self.referred,
            "names": [{n: self._slot(s) for n, s in part.items()} for part in self.result[:2]],
            "contents": [
                {node.oid: self._content(content) for node, content in part.items()}
                for part in self.result[2:]
            ],
            "order": [[node.oid for node in part] for part in self.result[2:]],
            "shared": [
                (node.oid, self._shared(self.result[2][node], content))
                for node, content in self.result[3].items()
                if node in self.result[2]
            ],
        }

    def _node(self, node: Node) -> Any:
        gone = node.object is GONE
        return node.oid, node.holders, node.holds, gone, self._content(node.content)

    def _content(self, content: Content | None) -> Any:
        if content is None:
            return None
        kind: Any = content.kind
        cls = kind.cls.__name__ if kind.cls is not None else None
        slots = tuple(self._slot(slot) for slot in content.flat())
        assert [s for s in content.flat() if type(s) is self.module.Node] == content.nodes()
        return type(kind).__name__, cls, getattr(kind, "what", ""), content.blocked, slots

    def _shared(self, before: Content, after: Content) -> list[bool]:
        if not before.blocked or not after.blocked:
            return []
        return [a is b for a, b in zip(before.slots, after.slots, strict=False)]

    def _slot(self, slot: Any) -> Any:
        if type(slot) is self.module.Node:
            return f"node {slot.oid}"
        if isinstance(slot, ByValue):
            return type(slot).__name__
        if isinstance(slot, tuple):
            return tuple(self._slot(held) for held in slot)
        if isinstance(slot, int | float | str | bytes | type(None)):
            return type(slot).__name__, slot
        return getattr(slot, "__qualname__", type(slot).__name__)
