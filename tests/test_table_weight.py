"""The object table counts the memory that recorded objects take, each once."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Hostile, Plain, Session, fresh_session, only_c  # noqa: F401

from cowtm.native import BLOCK

if TYPE_CHECKING:
    from cowtm.twin.table import Content

POINTER = 8


def size_of(content: Content, slots: int) -> int:
    """Give the bytes of a content: C keeps slots in it, the specification in a tuple beside it."""
    in_it = type(content).__module__ == "cowtm._native"
    beside = POINTER * slots if in_it else sys.getsizeof(content.slots)
    return sys.getsizeof(content) + beside


def own(text: str) -> str:
    """Give an equal string that nobody else holds."""
    return f"{text}!"


def test_a_table_with_nothing_weighs_nothing(session: Session) -> None:
    """Leaves bound to names are the user's."""
    session.capture(x=1.5, y="text")
    assert session.table.weigh([]) == 0


def test_nodes_and_contents_are_counted_with_their_slots(session: Session) -> None:
    """Live ones count whether or not a mapping names them, once in any case."""
    found = session.capture(x=[None, True, [None]])
    inner = session.slots("x")[2]
    outer = session.node("x")
    assert outer.content is not None
    expected = 2 * sys.getsizeof(outer) + size_of(outer.content, 3) + size_of(inner.content, 1)
    assert session.table.weigh([]) == expected
    assert session.table.weigh([found.after]) == expected
    assert session.table.weigh([found.after, found.before, dict(found.after)]) == expected


def test_what_only_a_delta_holds_is_counted_with_it(session: Session) -> None:
    """As key, as value, as both."""
    session.capture(x=[None])
    node = session.node("x")
    del session.home["x"]
    found = session.capture()
    content = found.before[node]
    mapping: dict[Any, Any] = found.before
    size = size_of(content, 1)
    assert session.table.weigh([]) == 0
    assert session.table.weigh([mapping]) == sys.getsizeof(node) + size
    assert session.table.weigh([{node: 5}]) == sys.getsizeof(node)
    assert session.table.weigh([{"any": content}, {"other": content}]) == size
    assert session.table.weigh([{}, {1: 2}, {"x": [node, content]}]) == 0


@pytest.mark.parametrize("text", ["ascii", "\xe9t\xe9", "\u4e2d\u6587", "\U0001f600"])
def test_leaves_of_its_own_count_in_full(session: Session, text: str) -> None:
    """A plain leaf that only the archive holds is its whole size, as Python tells it."""
    for make in (
        lambda: own(text * 50),
        lambda: own(text).encode(),
        lambda: float("1.25"),
        lambda: complex("1+2j"),
        lambda: 10**6 + len(text),
        lambda: 10**1000 + len(text),
        lambda: -(10**30) - len(text),
    ):
        session.home["x"] = [make()]
        session.capture()
        bare = session.table.weigh([])
        node = session.node("x")
        content = node.content
        assert content is not None
        session.home["x"].clear()
        found = session.capture(x=[])
        leaf: Any = found.before[node].flat()[0]
        size = sys.getsizeof(leaf)
        del leaf
        alone = session.table.weigh([found.before]) - session.table.weigh([])
        assert alone == sys.getsizeof(node) + size_of(content, 1) + size
        assert bare == sys.getsizeof(node) + size_of(content, 1) + size // 2  # the list had it too
        del content, found


def test_text_that_was_encoded_once_counts_its_copy(session: Session) -> None:
    """CPython keeps the UTF-8 form beside the text."""
    text = own("\xe9" * 1000)
    session.capture(x=[text])
    before = session.table.weigh([])
    size = sys.getsizeof(text)
    with pytest.raises(SyntaxError):
        compile(text, "name", "eval")
    grown = sys.getsizeof(text) - size
    assert grown > 2000
    holders = 3  # this function, the list, the content
    assert abs(session.table.weigh([]) - before - grown // holders) <= 1


def test_each_holder_bears_its_share_of_a_leaf(session: Session) -> None:
    """However many hold it, it is not counted more than once in all."""
    leaf = own("x" * 100_000)
    session.capture(x=[leaf] * 9)
    bare = sys.getsizeof(session.node("x")) + size_of(session.node("x").content, 9)  # type: ignore[arg-type]
    held = session.table.weigh([]) - bare
    share = sys.getsizeof(leaf) // (9 + 9 + 1)  # the content's slots, the list's, this function
    assert held == 9 * share


def test_leaves_that_everybody_holds_count_nothing(session: Session) -> None:
    """Small numbers, interned names and classes are not the archive's."""
    session.capture(x=[0, 1, "", b"", True, None, int, ...])
    node = session.node("x")
    assert node.content is not None
    assert session.table.weigh([]) == sys.getsizeof(node) + size_of(node.content, 8)


def test_tuples_of_leaves_are_leaves(session: Session) -> None:
    """They count with the leaves in them, a few levels deep."""
    session.capture(x=[None])
    bare = session.table.weigh([])
    size = 0
    for depth in range(4):
        leaf: Any = own("x" * 1000)
        size = sys.getsizeof(leaf)
        for _ in range(depth):
            leaf = (leaf,)
        session.home["x"][0] = leaf
        del leaf
        while gc.is_tracked(session.home["x"][0]):
            gc.collect()  # tells, a level each time, which tuples hold nothing but leaves
        session.capture()
        tuples = depth * sys.getsizeof((1,))
        weight = session.table.weigh([]) - bare
        expected = (size + tuples) / 2 if depth < 3 else sys.getsizeof((1,))
        assert abs(weight - expected) <= depth + 1


def test_a_block_counts_once_however_many_versions_share_it(session: Session) -> None:
    """Ten versions of a long list, one slot changed each time, are little more than one."""
    long: list[Any] = [float(i) for i in range(20 * BLOCK)]
    session.capture(x=long)
    first = session.table.weigh([])
    contents: list[dict[Any, Any]] = []
    for i in range(10):
        long[0] = [i]
        found = session.capture()
        contents += [found.before, found.after]
    last = session.table.weigh(contents)
    block = sys.getsizeof((None,) * BLOCK)
    more = 10 * (block + BLOCK * sys.getsizeof(1.5))
    assert first > 20 * block
    assert first < last < first + more
    assert session.table.weigh([*contents, *contents]) == last


def test_weak_references_of_nodes_are_counted(session: Session) -> None:
    """Each node bears its share of the reference that it holds its object by."""
    value = Plain()
    session.capture(x=value)
    node = session.node("x")
    assert node.content is not None
    bare = sys.getsizeof(node) + size_of(node.content, len(node.content.flat()))
    assert bare < session.table.weigh([]) <= bare + 100


def test_weighing_runs_no_code_of_objects(session: Session) -> None:
    """Whatever they do when touched."""

    class Number(int):
        __sizeof__ = Hostile.refuse

    class Text(str):
        __slots__ = ()
        __sizeof__ = __len__ = __hash__ = Hostile.refuse

    found = session.capture(x=[Hostile(), Number(3), Text("text")])
    assert session.table.weigh([found.after]) > 0
    assert not session.capture()


def test_weighing_changes_nothing(session: Session) -> None:
    """Twice gives the same, and what is recorded stays."""
    found = session.capture(x=[own("leaf"), [1.5], {2: Plain(a=10**50)}])
    first = session.table.weigh([found.after])
    assert [session.table.weigh([found.after]) for _ in range(5)] == [first] * 5
    assert not session.capture()


def test_the_table_itself_is_counted_apart(session: Session) -> None:
    """It grows with the nodes that it must find, by some words each, and becomes small again."""
    empty = sys.getsizeof(session.table)
    session.capture(x=[[i] for i in range(20_000)])
    full = sys.getsizeof(session.table)
    assert 20_000 * 20 < full - empty < 20_000 * 400
    session.table.clear()
    assert sys.getsizeof(session.table) < empty + 1000


def test_two_tables_do_not_mix(session: Session) -> None:
    """What one weighed the other weighs too."""
    other = Session(session.module)
    mine = session.capture(x=[None]).after
    other.capture(x=[None, None])
    alone = session.table.weigh([])
    beside = other.table.weigh([])
    assert alone < beside
    assert session.table.weigh([]) == alone
    assert other.table.weigh([mine]) == alone + beside
    other.table.clear()
    assert other.table.weigh([]) == 0


@only_c
@pytest.mark.parametrize("wrong", [5, [5], [[]], [None], [{}, 5]])
def test_only_dicts_are_weighed(session: Session, wrong: Any) -> None:
    """Anything else is an error."""
    with pytest.raises(TypeError):
        session.table.weigh(wrong)
