"""The object table knows its nodes by number, and takes back what was stored elsewhere."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Box, Plain, Session, Told, fresh_session, only_c, session_with  # noqa: F401

from cowtm.native import BLOCK, GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import NativeModule

# -- found by number -----------------------------------------------------------------------------


def test_a_node_is_found_by_its_number(session: Session) -> None:
    """Each of them, under no other number."""
    session.capture(x=[[i] for i in range(100)])
    nodes = session.table.live()
    assert [session.table.find(node.oid) for node in nodes] == nodes
    assert session.table.find(0) is None
    assert session.table.find(-1) is None
    assert session.table.find(102) is None
    assert session.table.find(1 << 80) is None


def test_a_node_that_only_a_delta_holds_is_found(session: Session) -> None:
    """It is known as long as anything holds it, and no longer."""
    session.capture(x=[1], y=[2])
    oid = session.node("x").oid
    del session.home["x"]
    found: Any = session.capture()
    [node] = found.before
    assert node.content is None
    assert session.table.find(oid) is node
    del found, node
    gc.collect()
    assert session.table.find(oid) is None
    assert session.table.find(session.node("y").oid) is session.node("y")


def test_numbers_stay_right_while_nodes_come_and_go(session: Session) -> None:
    """Thousands die, in any order; the others are found."""
    session.capture(x={i: [i] for i in range(3000)})
    kept = {}
    for key in range(3000):
        if key % 7:
            del session.home["x"][key]
    session.capture()
    gc.collect()
    for key, value in session.home["x"].items():
        node = session.table.node_of(value)
        assert node is not None
        kept[key] = node
        assert session.table.find(node.oid) is node
    known = [oid for oid in range(1, 3100) if session.table.find(oid) is not None]
    assert known == sorted(node.oid for node in session.table.live())
    assert len(known) == len(kept) + 1
    session.capture(y=[[i] for i in range(3000)])
    assert all(session.table.find(node.oid) is node for node in session.table.live())


def test_nodes_may_outlive_their_table(native_module: NativeModule) -> None:
    """They die later, in peace."""
    tables = Session(native_module)
    tables.capture(x=[[i] for i in range(200)], y=Plain(a=[1]))
    nodes = tables.table.live()
    del tables
    gc.collect()
    assert sorted(node.oid for node in nodes) == list(range(1, 204))
    watched = [weakref.ref(node) for node in nodes]
    del nodes
    gc.collect()
    assert all(gone() is None for gone in watched)


def test_a_cleared_table_knows_no_number(session: Session) -> None:
    """It begins anew, and nodes of before neither come back nor do harm when they die."""
    session.capture(x=[[1], [2]])
    former = session.table.live()
    session.table.clear()
    assert [session.table.find(node.oid) for node in former] == [None] * 3
    session.capture(x=[[1]])
    assert [node.oid for node in session.table.live()] == [1, 2]
    del former
    gc.collect()
    assert [session.table.find(oid) for oid in (1, 2)] == session.table.live()


# -- found by object -----------------------------------------------------------------------------


def test_the_node_of_an_object(session: Session) -> None:
    """Every tracked object has one, equal ones have others, leaves have none."""
    x = [[1], [1], Plain(), (1, []), "leaf"]
    session.capture(x=x)
    assert session.table.node_of(x) is session.node("x")
    assert tuple(map(session.table.node_of, x[:4])) == session.slots("x")[:4]
    for value in ([1], "leaf", None, session.home, session.node("x"), GONE):
        assert session.table.node_of(value) is None


def test_the_node_of_an_object_that_died(session: Session) -> None:
    """An object made at the same address is not taken for it."""
    session.capture(x=[1])
    node = session.node("x")
    node.drop()
    session.home["x"] = None
    for _ in range(100):
        assert session.table.node_of([1]) is None


# -- made for a number ---------------------------------------------------------------------------


def test_a_node_is_made_for_a_number(session: Session) -> None:
    """It has that number and kind, no object, no content; asked again, it is the same."""
    kind: Any = session.kinds.classify(list)
    other: Any = session.kinds.classify(dict)
    node = session.table.node(50, kind)
    assert (node.oid, node.kind, node.content, node.holders) == (50, kind, None, 0)
    assert node.object is GONE
    assert not node.holds
    assert session.table.node(50, other) is node
    assert node.kind is kind
    assert session.table.find(50) is node
    assert session.table.tracked == session.table.in_limbo == 0
    assert not session.capture()
    gone = weakref.ref(node)
    del node
    assert gone() is None
    assert session.table.find(50) is None


def test_a_node_that_is_there_is_given(session: Session) -> None:
    """With its object and content."""
    session.capture(x=[1])
    node = session.node("x")
    assert session.table.node(node.oid, session.kinds.classify(dict)) is node  # type: ignore[arg-type]
    assert node.object is session.home["x"]
    assert session.slots("x") == (1,)


def test_numbers_in_use_are_not_given_again(session: Session) -> None:
    """New nodes come after those that were made or reserved; to reserve less changes nothing."""
    kind: Any = session.kinds.classify(list)
    node = session.table.node(7, kind)
    session.capture(x=[])
    assert session.node("x").oid == 8
    assert session.table.reserve(1) == 8, "the highest that is taken"
    assert session.table.reserve(100) == 100
    assert session.table.reserve(20) == 100
    session.capture(y=[])
    assert session.node("y").oid == 101
    del node
    assert session.table.node(7, kind).oid == 7


@pytest.mark.parametrize("oid", [0, -1])
def test_odd_numbers_are_refused(session: Session, oid: int) -> None:
    """A serial number is at least 1."""
    kind: Any = session.kinds.classify(list)
    with pytest.raises(ValueError, match=f"a serial number is at least 1, not {oid}"):
        session.table.node(oid, kind)
    with pytest.raises(ValueError, match=f"a serial number is at least 1, not {oid}"):
        session.table.reserve(oid)
    assert not session.capture()


@only_c
def test_numbers_beyond_all_bounds_are_refused(session: Session) -> None:
    """A node has 40 bits for its number; nothing is made, and numbers go on as they were."""
    kind: Any = session.kinds.classify(list)
    for oid in ((1 << 40) - 1, 1 << 62, 1 << 80):
        with pytest.raises(OverflowError):
            session.table.node(oid, kind)
        with pytest.raises(OverflowError):
            session.table.reserve(oid)
        with pytest.raises(OverflowError):
            session.module.Node(oid, kind, [])
    session.capture(x=[])
    assert session.node("x").oid == 1
    session.table.reserve((1 << 40) - 2)
    session.home["y"] = []
    with pytest.raises(OverflowError, match="a serial number is less than"):
        session.table.rebind("y", session.home["y"])


def test_two_nodes_with_one_number_are_refused(session: Session) -> None:
    """Whoever brings the second one is told, and the table stays as it was."""
    session.capture(x=[1])
    kind: Any = session.kinds.classify(list)
    double = session.module.Node(1, kind, GONE)
    content = session.module.Content(kind, ())
    holder = session.module.Content(kind, (double,))
    uses: list[Callable[[], object]] = [
        lambda: session.table.attach(double, []),
        lambda: session.table.adopt(({}, {"x": double}), ({}, {})),
        lambda: session.table.adopt(({}, {}), ({}, {double: content})),
        lambda: session.table.adopt(({}, {}), ({}, {session.node("x"): holder})),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="another node with the serial number 1"):
            use()
    assert session.table.find(1) is session.node("x")
    assert not session.capture()


def test_a_node_made_elsewhere_is_found_once_it_is_taken_in(session: Session) -> None:
    """And its number is not given again."""
    kind: Any = session.kinds.classify(list)
    node = session.module.Node(5, kind, GONE)
    assert session.table.find(5) is None
    session.table.attach(node, [])
    assert session.table.find(5) is node
    session.capture(x=[])
    assert session.node("x").oid == 6


# -- kinds given later ---------------------------------------------------------------------------


def test_what_was_read_back_is_like_any_other(session: Session) -> None:
    """Its objects are compared, changes are found, and what is unreachable is let go."""
    lists: Any = session.kinds.classify(list)
    dicts: Any = session.kinds.classify(dict)
    unknown: Any = Told()
    node = {oid: session.table.node(oid, unknown) for oid in (3, 5, 9)}
    node[3].kind = node[5].kind = lists
    node[9].kind = dicts
    long = (*range(2 * BLOCK), node[9], 1)
    content = session.module.Content
    blocks = tuple(long[i : i + BLOCK] for i in range(0, len(long), BLOCK))
    contents = {
        node[3]: content(lists, (1, node[5], node[9])),
        node[5]: content(lists, blocks, blocked=True),
        node[9]: content(dicts, ("key", 2.5)),
    }
    shared = {"key": contents[node[9]].slots[1]}
    value = [1, [*range(2 * BLOCK), shared, 1], shared]
    inner: Any = value[1]
    inner[: 2 * BLOCK] = long[: 2 * BLOCK]
    session.home["x"] = value
    for one, live in ((node[3], value), (node[5], value[1]), (node[9], shared)):
        session.table.attach(one, live)
    session.table.adopt(({}, {"x": node[3]}), ({}, contents))
    assert not session.capture()
    assert session.table.tracked == 3
    assert node[9].holders == 2
    inner[BLOCK] = "new"
    found = session.capture()
    assert list(found.after) == [node[5]]
    assert [a is b for a, b in zip(blocks, found.after[node[5]].slots, strict=True)] == [
        True,
        False,
        True,
    ]
    del session.home["x"], value, inner, shared
    before = session.capture().before
    assert set(before) == set(node.values())
    assert session.table.tracked == 0


def test_a_node_that_is_gone_gets_its_object_from_the_kind_it_was_given(session: Session) -> None:
    """A kind that lets its objects be held weakly has them so."""
    kind: Any = session.kinds.classify(Plain)
    node = session.table.node(4, session.kinds.classify(list))  # type: ignore[arg-type]
    node.kind = kind
    value = Plain()
    session.table.attach(node, value)
    assert not node.holds
    assert session.table.node_of(value) is node
    del value
    assert node.object is GONE


@only_c
def test_what_is_no_kind_is_refused(session: Session) -> None:
    """The node keeps the kind it had."""
    kind: Any = session.kinds.classify(list)
    node = session.table.node(1, kind)
    wrong: Any = "list"
    with pytest.raises(AttributeError):
        node.kind = wrong
    with pytest.raises(AttributeError):
        session.table.node(2, wrong)
    with pytest.raises(AttributeError, match="can't be deleted"):
        del node.kind
    assert node.kind is kind
    assert session.table.find(2) is None


def test_a_kind_is_let_go_with_its_last_node(native_module: NativeModule) -> None:
    """The table remembers kinds for its convenience, at most until the next capture."""
    tables = Session(native_module)
    kinds = [Told() for _ in range(50)]
    watched = [weakref.ref(kind) for kind in kinds]
    node = tables.table.node(1, kinds[0])
    for kind in kinds:
        node.kind = kind
    del kind, kinds
    tables.capture()
    gc.collect()
    assert [i for i, ref in enumerate(watched) if ref() is not None] == [49]
    del node
    gc.collect()
    assert watched[49]() is None


def test_a_kind_may_change_while_its_object_is_visited(native_module: NativeModule) -> None:
    """What is being recorded is of the kind that read it; the next capture reads by the new one."""

    class Changing(Told):
        by_value = True

        def parts(self, value: Any) -> Sequence[object]:
            node = tables.table.node_of(value)
            assert node is not None
            if kinds:
                node.kind = kinds.pop()
            return super().parts(value)

        def same(self, old: object, new: object) -> bool:
            return old is new

    kinds: list[Any] = [Changing() for _ in range(3)]
    expected = [Changing(), *reversed(kinds)]
    tables = session_with(native_module, {Box: expected[0]})
    box = Box([1], 2)
    recorded = [tables.capture(x=box).after[tables.node("x")].kind]
    for _ in range(3):
        [content] = tables.capture().after.values()
        assert content.flat()[1] == 2
        recorded.append(content.kind)
    assert recorded == expected
    assert tables.node("x").kind is expected[-1]
    assert not tables.capture()


# -- contents ------------------------------------------------------------------------------------


def test_a_content_has_an_address(session: Session) -> None:
    """Zero at birth, a number of 64 bits for whoever stores it; the table leaves it alone."""
    session.capture(x=[1])
    content = session.node("x").content
    assert content is not None
    assert content.address == 0
    for address in ((1 << 63) - 1, -(1 << 63), 4096):
        content.address = address
        assert content.address == address
    assert not session.capture()
    assert content.address == 4096
    session.home["x"].append(2)
    [after] = session.capture().after.values()
    assert after.address == 0


@only_c
def test_an_address_is_a_number_of_64_bits(session: Session) -> None:
    """Anything else is refused."""
    content = session.module.Content(session.kinds.classify(list), ())  # type: ignore[arg-type]
    wrong: Any
    for wrong, error in ((1 << 63, OverflowError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error):
            content.address = wrong
    with pytest.raises(AttributeError, match="can't be deleted"):
        del content.address
    assert content.address == 0
