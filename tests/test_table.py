"""What the object table finds, in C and in its twin, and what it never asks."""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Capture, Hostile, Plain, Session, Slotted, fresh_session, only_c  # noqa: F401

from cowtm.kinds.base import InstanceKind
from cowtm.native import BLOCK, SHARED, UNSET

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
    assert not found.before
    assert not found.names_before
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
    assert node.kind.cls is Other
    assert session.slots("x") == (Other, "a", 1)
    assert not session.capture()


@only_c
def test_reading_makes_no_dict(session: Session) -> None:
    """Attributes that the interpreter keeps by value stay so."""

    class Fresh:  # a class whose instances had too many different attributes gives them dicts
        def __init__(self) -> None:
            self.a = 1
            self.b = [2]

    objects = [Fresh() for _ in range(10)]
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


def test_dicts_of_the_process_are_leaves(session: Session) -> None:
    """`exec("...", x)` puts the built-in names into x; to write those anew would stop all."""
    given: dict[str, object] = {}
    exec("", given)  # noqa: S102  what it leaves there is the point
    session.capture(x=given, y=[sys.modules])
    assert session.slots("x") == ("__builtins__", vars(builtins))
    assert session.slots("y")[0] is sys.modules
    assert session.table.tracked == 2


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
        __hash__ = refuse

    class Mine(metaclass=Meta):
        """Of that metaclass."""

    mine = Mine()
    kind, lists = InstanceKind(Mine), session.kinds.classify(list)
    session.table = session.module.ObjectTable(
        lambda cls: kind if cls is Mine else lists if cls is list else None,
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
    others: list[Any] = [1, [], [[[[[[x]]]]]], sys, list]
    for value in others:
        session.table.check_object(value)
        assert not Capture(*session.table.finish()).after


def test_checking_an_object_that_holds_much(session: Session) -> None:
    """After a few thousand objects it is enough."""
    x = [1]
    session.capture(x=x)
    x.append(2)
    many = [[i] for i in range(2 * BLOCK)]
    session.table.check_object((*many, x, *many))
    assert not Capture(*session.table.finish()).after
    session.table.check_object((x, *many, x))
    assert len(Capture(*session.table.finish()).after) == 1
