"""How objects, nodes and contents live and die in the object table, and how it travels."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Capture, Plain, Session, Slotted, Told, fresh_session, only_c  # noqa: F401

from cowtm.native import BLOCK, GONE

if TYPE_CHECKING:
    from conftest import NativeModule

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
    held: Any = [1, [2]]
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


def test_many_objects_are_attached_at_once(session: Session) -> None:
    """As one by one; the table then finds their nodes."""
    session.capture(x=[1], y=Plain(), z=[3])
    x, y, z = map(session.node, "xyz")
    lists, value = [[5], [6]], Plain()
    session.table.attach_all({x: lists[0], y: value, z: lists[1]})
    assert [node.object for node in (x, y, z)] == [lists[0], value, lists[1]]
    assert [session.table.node_of(one) for one in (lists[0], value, lists[1])] == [x, y, z]
    double = session.module.Node(x.oid, x.kind, [])
    with pytest.raises(ValueError, match="another node with the serial number"):
        session.table.attach_all({double: []})


def test_contents_of_what_is_alive_are_told(session: Session) -> None:
    """In the order in which they were given; those of the others are left out."""
    found = session.capture(x=[1], y=[2], z=Plain()).after
    y = session.node("y")
    del session.home["y"]
    session.capture()
    assert session.table.living(found) == {n: c for n, c in found.items() if n is not y}
    assert list(session.table.living(found)) == [n for n in found if n is not y]
    assert session.table.living({}) == {}


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
    uses: list[Callable[[], object]] = [
        lambda: session.table.attach(node, []),
        lambda: session.table.kill([node]),
        lambda: session.table.adopt(({}, {"x": node}), ({}, {})),
        lambda: session.table.adopt(({}, {}), ({}, {node: node.content})),  # type: ignore[dict-item]
    ]
    for use in uses:
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
    value: Any = Plain()
    node = native_module.Node(5, kind, value)
    assert (node.oid, node.kind, node.content, node.holders) == (5, kind, None, 0)
    assert repr(node) == "Node(5)"
    assert node.object is value
    assert not node.release()
    del value
    assert node.release()
    assert node.object is GONE
    held: Any = [1]
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
    before: list[int] = []
    for turn in range(4):
        if turn == 1:  # the first of a process imports what it needs
            while gc.collect():  # what other tests left may take more than one to go
                continue
            before = [sys.getrefcount(value) for value in objects]
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
