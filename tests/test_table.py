"""The object table, C and twin: what a capture finds, what it keeps, and what it never does."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cowtm.chunks import ChunkStore
from cowtm.kinds import Kinds
from cowtm.kinds.base import InstanceKind, Kind
from cowtm.kinds.reference import ReferenceKind
from cowtm.native import BLOCK, GONE, SELECT, SHARED, UNSET

if TYPE_CHECKING:
    from conftest import NativeModule

    from cowtm.twin.table import Content, Node, ObjectTable

only_c = pytest.mark.parametrize("native_module", ["c"], indirect=True)


class Session:
    """A namespace with its object table."""

    def __init__(
        self, module: NativeModule, classify: Callable[[type], Kind | None] | None = None
    ) -> None:
        self.module = module
        self.home: dict[str, Any] = {}
        self.store = ChunkStore()
        self.kinds = Kinds(self.home, self.store)
        self.table: ObjectTable = module.ObjectTable(classify or self.kinds.classify, self.home)  # type: ignore[arg-type]

    def capture(self, **names: Any) -> Capture:
        """Bind names, take in all that changed, end the capture."""
        self.home.update(names)
        changed, gone = self.table.differing(set())
        for name in changed:
            self.table.rebind(name, self.home[name])
        for name in gone:
            self.table.rebind(name, UNSET)
        for name in list(self.table.bindings):
            self.table.check(name)
        return Capture(*self.table.finish())

    def node(self, name: str) -> Node:
        """Give the node that a name is bound to."""
        slot = self.table.bindings[name]
        assert type(slot) is self.module.Node
        return slot

    def slots(self, name: str) -> tuple[Any, ...]:
        """Give the slots of the object that a name is bound to."""
        content = self.node(name).content
        assert content is not None
        return content.flat()


@dataclass(frozen=True)
class Capture:
    """What a capture found."""

    names_before: dict[str, Any]
    names_after: dict[str, Any]
    before: dict[Node, Content]
    after: dict[Node, Content]

    def __bool__(self) -> bool:
        return any((self.names_before, self.names_after, self.before, self.after))


@pytest.fixture
def session(native_module: NativeModule) -> Iterator[Session]:
    """Give a session of each implementation; let go of everything at the end."""
    session = Session(native_module)
    yield session
    session.table.clear()


class Plain:
    """Attributes in a dict."""

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class Slotted:
    """Attributes in slots; can't be referred to weakly."""

    __slots__ = ("left", "right")
    left: Any
    right: Any


class Hostile:
    """Raises whatever is done to it."""

    def refuse(self, *_: object) -> Any:
        """Raise."""
        msg = "touched"
        raise RuntimeError(msg)

    __eq__ = __ne__ = __lt__ = __bool__ = __len__ = __iter__ = __contains__ = refuse
    __getattr__ = __getattribute__ = __reduce__ = __reduce_ex__ = __repr__ = __str__ = refuse
    __deepcopy__ = __getstate__ = __call__ = __index__ = refuse
    __hash__ = refuse  # type: ignore[assignment]
    __class__ = property(refuse)  # type: ignore[assignment]


# -- what a capture finds ------------------------------------------------------------------------


def test_the_first_capture_records_what_names_reach(session: Session) -> None:
    """Every container is a node with its slots; numbers and strings are slots themselves."""
    found = session.capture(x=[1, {"key": (2, [3])}], y="leaf")
    x = session.node("x")
    one, inner = session.slots("x")
    assert one == 1
    key, pair = inner.content.flat()
    assert key == "key"
    assert [type(slot) for slot in pair.content.flat()] == [int, session.module.Node]
    assert session.table.bindings["y"] == "leaf"
    assert found.names_after == {"x": x, "y": "leaf"}
    assert found.before == found.names_before == {}
    assert [node.oid for node in found.after] == [1, 2, 3, 4]
    assert x.object is session.home["x"]
    assert x.content is found.after[x]
    assert session.table.tracked == 4


def test_nothing_changed_nothing_found(session: Session) -> None:
    """A second capture is empty, and says that it looked."""
    session.capture(x=[[1], {2: Plain(a=[3])}, {4}, (5, [6])])
    changes, visited = session.table.changes, session.table.visited
    assert not session.capture()
    assert session.table.changes == changes
    assert session.table.visited == 2 * visited


def test_a_parent_is_not_rewritten_with_its_child(session: Session) -> None:
    """A change is recorded where it is."""
    session.capture(x=[[1], [2]])
    session.home["x"][0].append(3)
    found = session.capture()
    [(node, content)] = found.after.items()
    assert content.flat() == (1, 3)
    assert found.before[node].flat() == (1,)
    assert not found.names_after


def test_one_object_is_one_node(session: Session) -> None:
    """Whatever leads to it, also itself."""
    x: list[Any] = []
    x.append(x)
    session.capture(x=x, y=[x, {"x": x}])
    node = session.node("x")
    assert session.slots("x") == (node,)
    assert session.slots("y")[0] is node
    assert node.holders == 4


@pytest.mark.parametrize("length", [BLOCK + 1, 3 * BLOCK, 4 * BLOCK + 5])
def test_blocks_are_shared(session: Session, length: int) -> None:
    """One changed element of a long list stores one block."""
    session.capture(x=list(range(length)))
    session.home["x"][BLOCK] = "new"
    found = session.capture()
    node = session.node("x")
    before, after = found.before[node], found.after[node]
    assert before.blocked
    assert after.blocked
    same = [a is b for a, b in zip(before.slots, after.slots, strict=True)]
    assert same.count(False) == 1
    assert not same[1]
    assert after.flat() == tuple(session.home["x"])
    assert [len(block) for block in after.slots[:-1]] == [BLOCK] * (len(same) - 1)


@pytest.mark.parametrize("make", [list, dict.fromkeys, set, lambda n: [[i] for i in n]])
@pytest.mark.parametrize("length", [0, 1, BLOCK // 2, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
def test_any_length(session: Session, make: Callable[[range], Any], length: int) -> None:
    """Growing and shrinking across the size of a block is found, and found once."""
    session.capture(x=make(range(length)))
    assert not session.capture()
    x = session.home["x"]
    for grown in (True, False):
        if isinstance(x, list):
            x.append(x) if grown else x.pop()
        elif isinstance(x, dict):
            x.update(end=x) if grown else x.popitem()
        else:
            x.add("end") if grown else x.discard("end")
        found = session.capture()
        assert list(found.after) == [session.node("x")]
        assert not session.capture()


def test_long_containers_of_nodes_are_followed(session: Session) -> None:
    """A change in one of many lists is found, and the many are visited once."""
    session.capture(x=[[i] for i in range(3 * BLOCK)], y={i: [i] for i in range(2 * BLOCK)})
    session.home["x"][2 * BLOCK].append(1)
    session.home["y"][7].append(1)
    visited = session.table.visited
    assert len(session.capture().after) == 2
    assert session.table.visited == visited + 5 * BLOCK + 2
    session.home["x"][0] = [0]
    found = session.capture()
    assert len(found.after) == 2
    assert len(found.before) == 2


def test_the_order_of_a_dict_counts(session: Session) -> None:
    """The same items in another order are another content."""
    session.capture(x={"a": 1, "b": 2})
    session.home["x"]["a"] = session.home["x"].pop("a")
    assert [content.flat() for content in session.capture().after.values()] == [("b", 2, "a", 1)]


@pytest.mark.parametrize("size", [4, BLOCK + 4])
def test_the_order_of_a_set_does_not_count(session: Session, size: int) -> None:
    """A set filled anew, which iterates in another order, has not changed; elements count."""
    elements = [i * 2**12 for i in range(size)] + [(1, 2)]
    session.capture(x=set(elements), y=set(elements))
    before = list(session.home["y"])
    session.home["y"].clear()
    session.home["y"].update(elements[::-1])
    assert list(session.home["y"]) != before
    assert not session.capture()
    session.home["y"].remove(0)
    session.home["y"].add(1)
    assert len(session.capture().after) == 1
    session.home["y"].discard(1)
    assert len(session.capture().after) == 1


def test_a_set_of_objects(session: Session) -> None:
    """Elements that are tracked count by identity, and so do those that are gone."""
    one, two, three = Plain(), Plain(), Plain()
    session.capture(x={one, two})
    session.home["x"].remove(two)
    session.home["x"].add(three)
    assert len(session.capture().after) == 2


def test_slots_and_attributes(session: Session) -> None:
    """An instance is its class, its slots, then keys and values as they were set."""
    first, second = Slotted(), Plain(b=1, a=2)
    first.right = 1
    session.capture(x=first, y=second)
    assert session.slots("x") == (Slotted, UNSET, 1)
    assert session.slots("y") == (Plain, "b", 1, "a", 2)
    first.left, second.c = [], 3
    del first.right, second.b
    found = session.capture()
    assert session.slots("x")[0::2] == (Slotted, UNSET)
    assert session.slots("y") == (Plain, "a", 2, "c", 3)
    assert len(found.after) == 3


def test_renaming_an_attribute_is_a_change(session: Session) -> None:
    """Even when it keeps its value."""
    session.capture(x=Plain(a=1))
    del session.home["x"].a
    session.home["x"].b = 1
    assert session.capture()


def test_attributes_in_any_order(session: Session) -> None:
    """Instances of one class that set their attributes in different orders are told apart."""
    session.capture(x=Plain(a=1, b=2, c=3), y=Plain(c=3, a=1, b=2))
    assert session.slots("y") == (Plain, "c", 3, "a", 1, "b", 2)
    x = session.home["x"]
    del x.a
    x.a = 1
    session.capture()
    assert session.slots("x") == (Plain, "b", 2, "c", 3, "a", 1)
    assert list(x.__dict__) == ["b", "c", "a"]
    assert not session.capture()


def test_many_attributes(session: Session) -> None:
    """More attributes than the interpreter keeps by value, and than a block has slots."""
    for count in (29, 30, 31, 100, BLOCK):
        x = Plain(**{f"a{i}": i for i in range(count)})
        session.capture(x=x)
        assert session.slots("x") == (Plain, *(p for item in x.__dict__.items() for p in item))
        assert not session.capture()
        x.a7 = []
        assert len(session.capture().after) == 2
        assert not session.capture()


def test_a_dict_that_others_hold_is_an_object(session: Session) -> None:
    """Then the instance has the marker SHARED and the node of its `__dict__`."""
    x = Plain(a=1)
    session.capture(x=x, y=x.__dict__)
    assert session.slots("x") == (Plain, SHARED, session.node("y"))
    assert not session.capture()
    x.a = 2
    assert list(session.capture().after) == [session.node("y")]


def test_another_class(session: Session) -> None:
    """An object that changed its class is read as what it is now."""

    class Other(Plain):
        """Laid out alike."""

    session.capture(x=Plain(a=1))
    session.home["x"].__class__ = Other
    found = session.capture()
    node = session.node("x")
    assert node.kind is found.after[node].kind
    assert isinstance(node.kind, InstanceKind)
    assert node.kind.cls is Other
    assert session.slots("x") == (Other, "a", 1)
    assert not session.capture()


@only_c
def test_reading_makes_no_dict(session: Session) -> None:
    """Attributes that the interpreter keeps by value stay so."""
    objects = [Plain(a=1, b=[2]) for _ in range(10)]
    session.capture(x=objects)
    session.capture()
    assert not any(type(held) is dict for x in objects for held in gc.get_referents(x))
    assert session.table.tracked == 21
    assert objects[0].__dict__ == {"a": 1, "b": [2]}
    assert not session.capture()


def test_tuples_of_leaves_are_leaves(session: Session) -> None:
    """A tuple is a node only when it holds something tracked."""
    gc.collect()  # nested tuples are known to hold nothing once the collector saw them
    session.capture(x=(1, ("a", 2.5)), y=(1, []), z=())
    assert session.table.bindings["x"] == (1, ("a", 2.5))
    assert session.table.bindings["z"] == ()
    assert session.slots("y")[0] == 1


def test_the_namespace_is_a_leaf(session: Session) -> None:
    """`g = globals()` records no copy of everything."""
    session.capture(g=session.home, x=[session.home])
    assert session.table.bindings["g"] is session.home
    assert session.slots("x") == (session.home,)
    assert session.table.tracked == 1


def test_the_mirror_s_own_markers_are_leaves(session: Session) -> None:
    """An unset slot is no object."""
    session.capture(x=Slotted())
    assert session.slots("x") == (Slotted, UNSET, UNSET)
    assert session.table.tracked == 1


# -- names ---------------------------------------------------------------------------------------


def test_differing_names(session: Session) -> None:
    """Names bound anew and names gone, whatever their order; those to skip are not told."""
    session.home.update(a=1, b=[2], c=3, d=None)
    assert session.table.differing({"d"}) == (["a", "b", "c"], [])
    session.capture()
    assert session.table.differing(set()) == ([], [])
    del session.home["b"]
    session.home.update(e=5, a=2)
    assert session.table.differing({"d"}) == (["a", "e"], ["b"])
    items = dict(reversed(session.home.items()))
    session.home.clear()
    session.home.update(items)
    assert session.table.differing(set()) == (["e", "a"], ["b"])


def test_differing_compares_pointers(session: Session) -> None:
    """Equal is not enough, and nothing is asked."""
    session.capture(x=1000.5, y=[1], z=Hostile())
    session.home["x"] = float("1000.5")
    session.home["y"] = [1]
    assert session.table.differing(set()) == (["x", "y"], [])
    session.capture()
    session.home["z"] = Hostile()
    assert session.table.differing(set()) == (["z"], [])


def test_keys_that_are_no_names(session: Session) -> None:
    """Whatever else is in the namespace is passed by."""

    class Name(str):
        __slots__ = ()

    session.home.update({1: 2, Name("odd"): 3, "x": 4})  # type: ignore[dict-item]
    assert session.table.differing(set()) == (["x"], [])


def test_bindings_before_and_after(session: Session) -> None:
    """What a name was bound to when the capture began, and at its end."""
    session.capture(x=1, y=[2], z=3)
    y = session.node("y")
    session.table.rebind("x", 2)
    session.table.rebind("x", 3)
    session.table.rebind("y", UNSET)
    session.table.rebind("z", 4)
    session.table.rebind("z", 3)
    session.table.rebind("new", 5)
    session.table.rebind("short", 6)
    session.table.rebind("short", UNSET)
    found = Capture(*session.table.finish())
    assert found.names_before == {"x": 1, "y": y}
    assert found.names_after == {"x": 3, "new": 5}
    assert list(found.before) == [y]
    assert session.table.bindings == {"x": 3, "z": 3, "new": 5}


def test_checking_a_name_that_is_not_bound(session: Session) -> None:
    """There is nothing to look at."""
    session.table.check("nothing")
    assert session.table.visited == 0


def test_only_what_is_checked_is_visited(session: Session) -> None:
    """A change that no checked name leads to waits for the next check."""
    session.capture(x=[1], y=[2])
    session.home["y"].append(3)
    session.table.check("x")
    assert not Capture(*session.table.finish())
    session.table.check("y")
    assert Capture(*session.table.finish()).after


def test_what_was_held_is_walked_too(session: Session) -> None:
    """`x.pop().append(1)` changes an object that another variable still holds."""
    inner: list[int] = []
    session.capture(x=[inner], y=[inner])
    session.home["x"].pop().append(1)
    session.table.check("x")
    found = Capture(*session.table.finish())
    assert {content.flat() for content in found.after.values()} == {(), (1,)}


# -- life and death ------------------------------------------------------------------------------


def test_what_is_unreachable_is_let_go(session: Session) -> None:
    """The table keeps nothing alive that no name reaches."""
    x = Plain(a=[Plain()], b={"c": [Plain()]})
    watched = [weakref.ref(x), weakref.ref(x.a[0]), weakref.ref(x.b["c"][0])]
    session.capture(x=x)
    nodes = session.table.live()
    del x, session.home["x"]
    found = session.capture()
    assert all(ref() is None for ref in watched)
    assert set(found.before) == set(nodes)
    assert not found.after
    assert all(node.object is GONE and node.content is None for node in nodes)
    assert session.table.tracked == session.table.in_limbo == 0


def test_an_object_that_dies_within_a_capture_leaves_no_trace(session: Session) -> None:
    """Born and gone, it is neither before nor after."""
    session.table.rebind("x", [[1]])
    session.table.check("x")
    session.table.rebind("x", 2)
    found = Capture(*session.table.finish())
    assert not found.before
    assert not found.after
    assert found.names_after == {"x": 2}


def test_limbo(session: Session) -> None:
    """An object that something else holds keeps its node, and comes back as what it was."""
    held = [1, [2]]
    session.capture(x=held)
    node = session.node("x")
    del session.home["x"]
    found = session.capture()
    assert node in found.before
    assert session.table.limbo() == [node, found.before[node].nodes()[0]]
    assert node.object is held
    held.append(3)
    found = session.capture(y=held)
    assert session.node("y") is node
    assert session.slots("y")[::2] == (1, 3)
    assert session.table.in_limbo == 0
    del session.home["y"]
    session.capture()
    del held
    assert session.table.in_limbo == 2
    session.capture()
    session.capture()
    assert session.table.in_limbo == 0
    assert node.object is GONE


def test_release(session: Session) -> None:
    """Nodes in limbo let go when told; others do not."""
    held: list[Any] = []
    held.append(held)
    session.capture(x=held, y=[1])
    x, y = session.node("x"), session.node("y")
    del session.home["x"]
    session.capture()
    session.table.kill([x])
    session.capture()
    assert session.table.limbo() == [x]
    session.table.release([x, y])
    assert x.object is GONE
    assert y.object == [1]
    assert not session.table.limbo()


def test_kill(session: Session) -> None:
    """A cycle that no name reaches is found by a sweep and declared dead."""
    x, y = Plain(), Plain()
    x.other, y.other = y, x
    session.capture(x=x)
    suspects = session.table.suspects
    nodes = session.table.live()
    del session.home["x"], x, y
    assert not session.capture().before
    assert session.table.suspects > suspects
    session.table.suspects = 0
    session.table.kill(nodes)
    assert set(Capture(*session.table.finish()).before) == set(nodes)
    gc.collect()
    assert all(node.object is GONE for node in nodes)
    assert session.table.suspects == 1


def test_objects_that_can_be_are_held_weakly(session: Session) -> None:
    """Those of the user's own classes; lists and dicts can't be."""
    session.capture(x=Plain(), y=[], z=Slotted())
    assert [session.node(name).holds for name in "xyz"] == [False, True, True]


def test_a_dead_object_is_not_taken_for_none(session: Session) -> None:
    """A weak reference to something dead refers to None; that is no reason to see no change."""
    session.capture(x=[Plain()], y=Plain(a=Plain()))
    session.home["x"][0] = None
    session.home["y"].a = None
    found = session.capture()
    assert len(found.after) == 2
    assert session.slots("x") == (None,)
    assert session.slots("y") == (Plain, "a", None)


def test_another_object_at_the_same_address(session: Session) -> None:
    """It is another object."""
    for _ in range(20):
        session.capture(x=[Plain(a=1)])
        node, address = session.slots("x")[0], id(session.home["x"][0])
        del session.home["x"][0]
        hoard = [Plain(a=1) for _ in range(50)]
        again = [x for x in hoard if id(x) == address]
        if again:
            break
    else:
        pytest.skip("the address was never used again")
    session.home["x"].append(again[0])
    assert len(session.capture().after) == 2
    assert session.slots("x")[0] is not node
    assert node.object is GONE


def test_an_unreachable_object_may_come_back(session: Session) -> None:
    """Held weakly meanwhile, it is the same node as long as a state knows it."""
    x = Plain(a=1)
    session.capture(x=x)
    node = session.node("x")
    del session.home["x"]
    session.capture()
    assert node.object is x
    session.capture(x=x)
    assert session.node("x") is node


@pytest.mark.parametrize("depth", [100_000])
def test_depth_is_no_matter(native_module: NativeModule, depth: int) -> None:
    """Neither for the walk, nor when everything goes at once."""
    session = Session(native_module)
    innermost: list[Any] = []
    x: list[Any] = innermost
    for _ in range(depth):
        x = [x]
    session.capture(x=x)
    assert session.table.tracked == depth + 1
    innermost.append(1)
    found = session.capture()
    assert [content.flat() for content in found.after.values()] == [(1,)]
    del x, session.home["x"]
    found = session.capture()
    assert len(found.before) == depth + 1
    del found
    session.capture(x=innermost)
    session.table.clear()


@only_c
def test_a_chain_of_nodes_dies_flat(native_module: NativeModule) -> None:
    """Nodes and contents that hold one another a million levels deep die without recursion."""
    session = Session(native_module)
    x: Any = Slotted()
    for _ in range(1_000_000):
        above = Slotted()
        above.left, above.right = x, 0
        x = above
    session.capture(x=x)
    table = weakref.WeakKeyDictionary({session.node("x"): 1})
    # The contents go first, the objects stay.
    held = x
    session.table.clear()
    assert len(table) == 0
    while held is not None:
        held, below = getattr(held, "left", None), None
    del x, below


def test_clear(session: Session) -> None:
    """Everything is let go, and the table is as new."""
    session.capture(x=[Plain()], y=1)
    node = session.node("x")
    session.table.clear()
    assert node.object is GONE
    assert node.content is None
    assert session.table.bindings == {}
    assert session.table.live() == session.table.limbo() == session.table.reached() == []
    assert session.table.changes == session.table.visited == session.table.suspects == 0
    session.capture()
    assert session.node("x") is not node
    assert session.node("x").oid == 1


@only_c
def test_the_collector_has_nothing_to_do(session: Session) -> None:
    """Nodes, contents, weak references to objects: the user's collections take no longer."""
    session.home["x"] = [[i, Plain(a=i)] for i in range(1000)]
    gc.collect()
    tracked = len(gc.get_objects())
    found = session.capture()
    assert len(gc.get_objects()) < tracked + 100
    node = session.node("x")
    assert not gc.is_tracked(node)
    assert not gc.is_tracked(node.content)
    assert not gc.is_tracked(found.after)


def test_a_table_in_a_cycle_is_collected(native_module: NativeModule) -> None:
    """The collector finds it, and it lets go of what it holds."""
    watched = Plain()
    session = Session(native_module)
    session.home["session"] = session.table
    session.capture(x=watched, y=[watched])
    gone = weakref.ref(watched)
    del watched, session
    gc.collect()
    assert gone() is None


def test_nodes_outlive_their_table(native_module: NativeModule) -> None:
    """What a state holds stays readable."""
    session = Session(native_module)
    found = session.capture(x=[1, [2]])
    node = session.node("x")
    content = found.after[node]
    del session
    gc.collect()
    assert content.flat()[0] == 1
    assert content.nodes() == [content.flat()[1]]
    assert node.oid == 1


# -- kinds ---------------------------------------------------------------------------------------


class Told(Kind):
    """A kind that a test tells what to do."""

    name = "told"

    def __init__(self, **attributes: Any) -> None:
        self.asked: list[Any] = []
        for name, value in attributes.items():
            setattr(self, name, value)

    def parts(self, value: Any) -> Sequence[object]:
        """Give what is in the object's `inside`."""
        self.asked.append(value)
        return value.inside  # type: ignore[no-any-return]


class Box:
    """An object of a kind that is told."""

    def __init__(self, *inside: Any) -> None:
        self.inside: Any = list(inside)


def session_with(module: NativeModule, kinds: dict[type, Any]) -> Session:
    """Give a session with kinds of its own for some types."""
    session = Session(module)
    classify = session.kinds.classify
    session.table = module.ObjectTable(
        lambda cls: kinds[cls] if cls in kinds else classify(cls),  # type: ignore[arg-type]
        session.home,
    )
    return session


def test_types_are_asked_about_once(native_module: NativeModule) -> None:
    """Leaves and others alike."""
    asked = []
    session = Session(native_module)
    classify = session.kinds.classify
    session.table = native_module.ObjectTable(
        lambda cls: asked.append(cls) or classify(cls),  # type: ignore[func-returns-value, arg-type]
        session.home,
    )
    session.capture(x=[1, 2, "a", "b", [], [[]]])
    session.capture(y=[3, "c", {}])
    assert asked == [list, int, str, dict]


def test_a_class_may_die(native_module: NativeModule) -> None:
    """The table does not keep classes whose objects are leaves."""
    session = session_with(native_module, {})
    Short = type("Short", (), {})
    session.table = native_module.ObjectTable(lambda cls: None, session.home)  # noqa: ARG005
    session.table.rebind("x", Short())
    session.table.rebind("x", 1)
    session.table.finish()
    gone = weakref.ref(Short)
    del Short
    gc.collect()
    assert gone() is None


def test_frozen_parts_are_read_once(native_module: NativeModule) -> None:
    """As long as the object lives."""
    kind = Told(frozen=True)
    session = session_with(native_module, {Box: kind})
    box = Box([1])
    session.capture(x=box)
    box.inside[0].append(2)
    box.inside.append(3)
    found = session.capture()
    assert kind.asked == [box]
    assert [content.flat() for content in found.after.values()] == [(1, 2)]


def test_parts_by_value(native_module: NativeModule) -> None:
    """Leaves made anew at each reading are compared by the kind; then the old ones stay."""

    class ByEquality(Told):
        by_value = True

        def same(self, old: object, new: object) -> bool:
            return type(old) is type(new) is str and old == new

    session = session_with(native_module, {Box: ByEquality()})
    inner = [1]
    box = Box("ab", inner, *(f"{i} of many" for i in range(2 * BLOCK)))
    session.capture(x=box)
    first = session.slots("x")
    box.inside = ["".join("ab"), inner, *(f"{i} of many" for i in range(2 * BLOCK))]
    assert not session.capture()
    box.inside = ["".join("ab"), inner, *(f"{i} of many" for i in range(2 * BLOCK + 1))]
    found = session.capture()
    assert session.slots("x")[:-1] == first
    assert all(a is b for a, b in zip(first, session.slots("x"), strict=False))
    node = session.node("x")
    shared = zip(found.before[node].slots, found.after[node].slots, strict=True)
    assert [a is b for a, b in shared] == [True, True, False]


def test_a_kind_may_choose_by_the_object(native_module: NativeModule) -> None:
    """SELECT asks for each object; None makes it a leaf."""

    class Choice(Kind):
        code = SELECT

        def select(self, value: Any) -> Kind | None:
            return kind if value.inside else None

    kind = Told()
    session = session_with(native_module, {Box: Choice()})
    full, empty = Box(1), Box()
    session.capture(x=[full, empty, full])
    node, leaf, again = session.slots("x")
    assert leaf is empty
    assert node is again
    assert node.kind is kind
    empty.inside.append(2)
    session.home["x"].append(3)
    session.capture()
    assert session.slots("x")[1] is empty


def test_a_choice_is_made_anew_after_other_code_ran(native_module: NativeModule) -> None:
    """What a kind said of an object holds until code of the user's can have run."""

    class Choice(Kind):
        code = SELECT

        def select(self, value: Any) -> Kind | None:
            return told if value.inside else None

    class Filling(Told):
        def parts(self, value: Any) -> Sequence[object]:
            box.inside.append(1)
            return super().parts(value)

    class Other(Box):
        """Fills the box when it is read."""

    told = Told()
    box = Box()
    session = session_with(native_module, {Box: Choice(), Other: Filling()})
    session.capture(x=[box, Other(), [box]])
    first, _, third = session.slots("x")
    assert first is box
    assert third.content.flat()[0].kind is told


def test_functions_are_told(session: Session) -> None:
    """`reached` gives what was visited and may run code, once."""

    def function() -> list[int]:
        return inner

    inner = [1]
    session.capture(x=[function])
    (node,) = session.slots("x")
    assert session.table.reached() == [node]
    assert session.table.reached() == []
    session.capture()
    assert session.table.reached() == [node]


def test_what_is_kept_is_held_strongly(native_module: NativeModule) -> None:
    """Classes of the notebook, and what is by reference only."""
    session = session_with(native_module, {Box: Told(keep=True)})
    session.capture(x=Box())
    node = session.node("x")
    assert node.holds
    del session.home["x"]
    session.capture()
    assert isinstance(node.object, Box)


def test_what_can_not_be_read_stays_by_reference(native_module: NativeModule) -> None:
    """The kind is asked what to make of it; the rest is recorded all the same."""

    class Failing(Told):
        def parts(self, value: Any) -> Sequence[object]:
            super().parts(value)
            msg = "not today"
            raise OSError(msg)

        def refuse(self, value: Any, error: Exception) -> Kind:
            assert isinstance(error, OSError)
            assert error.__traceback__ is not None
            return super().refuse(value, error)

    kind = Failing()
    session = session_with(native_module, {Box: kind})
    box = Box([1])
    session.capture(x=box, y=[2])
    node = session.node("x")
    assert isinstance(node.kind, ReferenceKind)
    assert node.kind.what == "a Box (not today)"
    assert session.slots("x") == (node.kind.what,)
    assert node.holds, "it can't be made again, so a state holds it"
    assert session.slots("y") == (2,)
    assert not session.capture()
    assert kind.asked == [box]


@only_c
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["classify", "parts", "same", "refuse", "select"])
def test_an_interrupt_loses_nothing(
    native_module: NativeModule, error: type[BaseException], where: str
) -> None:
    """It passes through, and the object that was being visited is visited again."""
    armed = True

    def interrupt(here: str) -> None:
        nonlocal armed
        if armed and here == where:
            armed = False
            raise error

    class Choice(Told):
        code = SELECT

        def select(self, value: Any) -> Kind | None:  # noqa: ARG002
            interrupt("select")
            return kind

    class Interrupted(Told):
        by_value = True

        def parts(self, value: Any) -> Sequence[object]:
            interrupt("parts")
            if where == "refuse" and value.inside[0] == 2:
                msg = "unreadable"
                raise ValueError(msg)
            return super().parts(value)

        def same(self, old: object, new: object) -> bool:
            interrupt("same")
            return old == new

        def refuse(self, value: Any, error: Exception) -> Kind:
            interrupt("refuse")
            return super().refuse(value, error)

    class New:
        """A type not yet asked about."""

    kind = Interrupted()

    def classify(cls: type) -> Any:
        if cls is New:
            interrupt("classify")
        return Choice() if cls is Box else session.kinds.classify(cls)

    session = Session(native_module)
    session.table = native_module.ObjectTable(classify, session.home)
    x, y = Box(1, [1]), [New(), [2]]
    before = [[1]]
    with pytest.raises(error):
        session.capture(first=before, x=x, y=y)
        x.inside[0] = 2  # (for `same` and `refuse`, which take part in the second capture)
        session.capture()
    session.capture()
    assert not armed
    assert not session.capture()
    assert {node.oid for node in session.table.live()} >= {1, 2}
    assert all(node.holders == 1 for node in session.table.live())
    if where != "refuse":
        assert session.slots("x")[0] == (2 if where == "same" else 1)
    assert type(session.slots("y")[0].object) is New


def test_an_error_of_classify_comes_through(native_module: NativeModule) -> None:
    """It is a mistake of ours, not of the object's."""
    session = Session(native_module, classify=lambda cls: 1 // 0)  # noqa: ARG005  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        session.table.rebind("x", 1)
    assert session.table.bindings == {}


def test_a_container_that_changes_while_it_is_read(native_module: NativeModule) -> None:
    """What is recorded was there, nothing breaks, and the next capture finds the rest."""

    class Spoiling(Told):
        code = SELECT

        def select(self, value: Any) -> Kind | None:  # noqa: ARG002
            for container in (a, b, c, d):
                if len(container) > 2:
                    container.clear()
            e.__dict__.clear()
            e.z = [9]
            return kind

    kind = Told()
    a: list[Any] = [[1], Box(1), *([i] for i in range(3 * BLOCK))]
    b: dict[Any, Any] = {0: Box(2), **{i: [i] for i in range(1, 100)}}
    c: set[Any] = {Box(3), *range(100)}
    d: list[Any] = [Box(4), *([i] for i in range(100))]
    e = Plain(a=Box(5), b=[1], c=[2])
    session = session_with(native_module, {Box: Spoiling()})
    session.capture(a=a, b=b, c=c, d=d, e=e)
    session.capture()
    assert session.slots("a") == session.slots("b") == session.slots("c") == ()
    assert session.slots("d") == ()
    assert session.slots("e")[1] == "z"
    assert not session.capture()


@only_c
def test_a_capture_is_no_part_of_a_capture(native_module: NativeModule) -> None:
    """A kind, or a destructor, that wants to use the table at work is told so."""
    said: list[str] = []

    class Meddling(Told):
        def parts(self, value: Any) -> Sequence[object]:
            for use in (
                lambda: session.table.check("x"),
                lambda: session.table.rebind("x", 1),
                lambda: session.table.check_object([]),
                session.table.finish,
                session.table.clear,
                lambda: session.table.adopt(({}, {}), ({}, {})),
                lambda: session.table.kill([]),
                lambda: session.table.release([]),
                lambda: session.table.attach(session.node("x"), value),
            ):
                try:
                    use()
                except RuntimeError as error:
                    said.append(str(error))
            assert session.table.differing(set()) == ([], [])
            assert session.table.live() == session.table.limbo() == []
            return super().parts(value)

    session = session_with(native_module, {Box: Meddling()})
    session.capture(x=Box(1))
    assert len(said) == 9
    assert "at work" in said[0]
    assert session.slots("x") == (1,)


# -- hostile objects -----------------------------------------------------------------------------


def test_hostile_objects_do_no_harm(session: Session) -> None:
    """Nothing of theirs is called: not to compare, to hash, to look at."""
    hostile = [Hostile() for _ in range(3)]
    session.capture(x=hostile, y={1: hostile[0]}, z=(hostile[1], []), w=Plain(a=hostile[2]))
    assert not session.capture()
    assert session.table.tracked == 8
    hostile.pop()
    session.home["y"][1] = hostile[1]
    session.table.check_object(hostile[0])
    assert len(session.capture().after) == 2


def test_hostile_classes_do_no_harm(session: Session) -> None:
    """A metaclass that raises from `__hash__` and `__eq__` is never asked."""

    class Meta(type):
        def refuse(cls, *_: object) -> Any:
            msg = "touched"
            raise RuntimeError(msg)

        __eq__ = __ne__ = __bool__ = __len__ = refuse
        __hash__ = refuse  # type: ignore[assignment]

    class Mine(metaclass=Meta):
        """Of that metaclass."""

    mine = Mine()
    kind = InstanceKind(Mine)
    session.table = session.module.ObjectTable(
        lambda cls: kind if cls is Mine else None if cls is int else session.kinds.classify(list),  # type: ignore[arg-type]
        session.home,
    )
    session.capture(x=[mine, 1, mine])
    assert session.slots("x")[0].object is mine
    assert not session.capture()


def test_what_lies_about_its_class_is_looked_through(session: Session) -> None:
    """Going through untracked objects asks nobody for `__class__`."""

    class Holder:
        __slots__ = ("held",)

    session.capture(x=[1])
    generator = (value for value in [session.home["x"], Hostile()])
    session.home["x"].append(2)
    session.table.check_object(generator)
    assert len(Capture(*session.table.finish()).after) == 1


# -- what untracked objects hold -----------------------------------------------------------------


def test_an_object_by_reference_leads_to_what_it_holds(session: Session) -> None:
    """What a generator holds is looked at when the generator is."""
    inner = [1]

    def generate() -> Iterator[Any]:
        yield inner

    session.capture(x=generate(), y=inner)
    inner.append(2)
    session.table.check("x")
    assert list(Capture(*session.table.finish()).after) == [session.node("y")]


def test_checking_an_object(session: Session) -> None:
    """One that is tracked, one that holds such, and one that does neither."""
    x = [1]
    session.capture(x=x)
    for value in (x, (x,), [[[x]]], [{"a": x}]):
        x.append(1)
        session.table.check_object(value)
        assert len(Capture(*session.table.finish()).after) == 1
    x.append(1)
    for value in (1, [], [[[[[[x]]]]]], session.home, sys, list):
        session.table.check_object(value)
        assert not Capture(*session.table.finish()).after


def test_checking_an_object_that_holds_much(session: Session) -> None:
    """After a few thousand objects it is enough."""
    x = [1]
    session.capture(x=x)
    x.append(2)
    session.table.check_object([*([i] for i in range(2 * BLOCK)), x])
    assert not Capture(*session.table.finish()).after
    session.table.check_object([x, *([i] for i in range(2 * BLOCK))])
    assert len(Capture(*session.table.finish()).after) == 1


# -- travelling ----------------------------------------------------------------------------------


def test_adopt(session: Session) -> None:
    """The table takes a state for the present; the objects it names are then compared with it."""
    session.capture(x=[1], y=[2])
    x, y = session.node("x"), session.node("y")
    session.home["x"].append([3])
    del session.home["y"]
    found = session.capture()
    (inner,) = found.after[x].nodes()
    assert y.object is GONE
    # What travelling does: the objects first, then the table.
    session.home["x"].pop()
    session.home["y"] = [2]
    session.table.attach(y, session.home["y"])
    session.table.adopt(
        (found.names_after, found.names_before), (dict(found.after), dict(found.before))
    )
    assert session.table.bindings == {"x": x, "y": y}
    assert session.slots("x") == (1,)
    assert session.slots("y") == (2,)
    assert inner.content is None
    assert inner.object is GONE
    assert set(session.table.live()) == {x, y}
    assert (x.holders, y.holders, inner.holders) == (1, 1, 0)
    assert not session.capture()


def test_adopting_nodes_that_were_made_elsewhere(session: Session) -> None:
    """As reading a saved session does."""
    module = session.module
    list_kind: Any = session.kinds.classify(list)
    inner = module.Node(2, list_kind, GONE)
    outer = module.Node(1, list_kind, GONE)
    assert outer.object is GONE
    assert not outer.holds
    contents = {
        outer: module.Content(list_kind, (1, inner)),
        inner: module.Content(list_kind, ("a",)),
    }
    value = [1, ["a"]]
    session.home["x"] = value
    session.table.attach(outer, value)
    session.table.attach(inner, value[1])
    session.table.adopt(({}, {"x": outer}), ({}, contents))
    assert not session.capture()
    assert session.table.tracked == 2
    assert inner.holders == 1
    value[1].append("b")  # type: ignore[attr-defined]
    assert list(session.capture().after) == [inner]


@only_c
def test_a_node_has_one_table(session: Session) -> None:
    """A node of a table that lives is not taken in by another."""
    other = Session(session.module)
    other.capture(x=[1])
    node = other.node("x")
    for use in (
        lambda: session.table.attach(node, []),
        lambda: session.table.kill([node]),
        lambda: session.table.adopt(({}, {"x": node}), ({}, {})),
        lambda: session.table.adopt(({}, {}), ({}, {node: node.content})),  # type: ignore[dict-item]
    ):
        with pytest.raises(ValueError, match="another object table"):
            use()
    other.table.clear()
    session.table.attach(node, [])


# -- the pieces ----------------------------------------------------------------------------------


def test_content(native_module: NativeModule) -> None:
    """A content says its kind and slots, in blocks or not."""
    kind: Any = Told()
    node = native_module.Node(7, kind, [])
    plain = native_module.Content(kind, (1, node, node))
    assert (plain.kind, plain.slots, plain.blocked) == (kind, (1, node, node), False)
    assert plain.flat() == plain.slots
    assert plain.nodes() == [node, node]
    assert repr(plain) == "Content(told, 3 slots)"
    blocks = ((node,) * BLOCK, (1, node))
    blocked = native_module.Content(kind, blocks, blocked=True)
    assert blocked.blocked
    assert blocked.slots == blocks
    assert all(a is b for a, b in zip(blocked.slots, blocks, strict=True))
    assert len(blocked.flat()) == BLOCK + 2
    assert len(blocked.nodes()) == BLOCK + 1
    assert repr(native_module.Content("odd", ())) == "Content(odd, 0 slots)"  # type: ignore[arg-type]
    assert sys.getsizeof(plain) < 100, "slots are counted apart"


@only_c
def test_odd_contents_are_refused(native_module: NativeModule) -> None:
    """Blocks are as long as the table makes them."""
    kind: Any = Told()
    with pytest.raises(TypeError):
        native_module.Content(kind, [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a block must be a tuple"):
        native_module.Content(kind, ([1],), blocked=True)
    for blocks in (((1,), (2,)), ((),), ((1,) * (BLOCK + 1),)):
        with pytest.raises(ValueError, match="a block must hold 4096 slots"):
            native_module.Content(kind, blocks, blocked=True)


def test_node(native_module: NativeModule) -> None:
    """A node holds its object weakly if it can, lets go if nobody else holds it, or when told."""
    kind: Any = Told()
    value = Plain()
    node = native_module.Node(5, kind, value)
    assert (node.oid, node.kind, node.content, node.holders) == (5, kind, None, 0)
    assert repr(node) == "Node(5)"
    assert node.object is value
    assert not node.release()
    del value
    assert node.release()
    assert node.object is GONE
    held = [1]
    node.attach(held)
    assert node.holds
    assert not node.release()
    del held
    assert node.release()
    assert node.object is GONE
    node.attach([2])
    node.drop()
    assert node.object is GONE
    gone = weakref.ref(node)
    assert {node: 1}[node] == 1
    del node
    assert gone() is None


@only_c
@pytest.mark.parametrize("wrong", [1, None, "x"])
def test_what_is_no_node_is_refused(session: Session, wrong: Any) -> None:
    """With an error, not a crash."""
    table = session.table
    uses: list[Callable[[], object]] = [
        lambda: table.kill([wrong]),
        lambda: table.release([wrong]),
        lambda: table.attach(wrong, []),
        lambda: table.adopt(({}, {}), ({wrong: wrong}, {})),
        lambda: table.adopt(({}, {}), wrong),
        lambda: table.adopt((wrong, {}), ({}, {})),
        lambda: table.differing(wrong),
        lambda: session.module.ObjectTable(list, wrong),  # type: ignore[arg-type]
        lambda: session.module.Node(1, wrong, []),
        lambda: session.module.Node(wrong, wrong, []),
    ]
    for use in uses:
        with pytest.raises((TypeError, AttributeError)):
            use()
    assert not session.capture()


def test_references_are_given_back(native_module: NativeModule) -> None:
    """After everything is let go, every object has the references it had."""
    leaf, key = object(), ("key", 1.5)
    x: list[Any] = [leaf, [leaf] * 3, {key: leaf}, (leaf, []), Plain(a=leaf)]
    long = [leaf] * (2 * BLOCK)
    objects = [leaf, key, x, long, *x[1:], list, Plain]
    session = Session(native_module)
    before = [sys.getrefcount(value) for value in objects]
    for _ in range(3):
        session.capture(x=x, y=long)
        x[1].append(leaf)
        long[BLOCK] = [leaf]
        session.capture()
        x[1].pop()
        long[BLOCK] = leaf
        session.home.clear()
        session.capture()
        session.table.release(session.table.limbo())
        session.table.clear()
    gc.collect()
    assert [sys.getrefcount(value) for value in objects] == before
