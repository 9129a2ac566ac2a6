"""Contents in columns are read as they were; what any process can't read as it is stays out."""

from __future__ import annotations

import enum
from array import array
from collections import namedtuple
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest

from cowtm.mirror import Mirror
from cowtm.native import BLOCK, UNSET, Content, Node
from cowtm.saved.columns import columns_of, contents_in, groups_in
from cowtm.saved.pages import BIG

KINDS = Mirror({}).kinds
Pair = namedtuple("Pair", "a b")  # noqa: PYI024  it is one that has no types


class Level(enum.IntEnum):
    """A number with a name."""

    LOW = 1


class Zone(tzinfo):
    """A zone of the user's."""


ZONE = Zone()  # type: ignore[abstract]


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


def rows(*slots: tuple[Any, ...]) -> list[tuple[Node, Content]]:
    """Give lists with some slots."""
    kind: Any = KINDS.named(list)
    lengths = array("q", map(len, slots)).tobytes()
    contents = Content.split(kind, lengths, [slot for held in slots for slot in held])
    return [(Node(9 + i, kind, []), content) for i, content in enumerate(contents)]


def read(some: list[tuple[Node, Content]]) -> dict[int, Content]:
    """Put rows into columns, all of them, and read them."""
    columns, others = columns_of([some], attrgetter("oid"))
    assert not others
    [kind], [group] = columns.kinds, groups_in(columns.data)
    table = Mirror({}).table
    numbers, found = contents_in(group, kind, lambda wanted: table.nodes(wanted.tobytes(), kind))
    return dict(zip(numbers, found, strict=True))


PLAIN: list[Any] = [
    *(None, True, 1, 1.0, -0.0, float("inf"), 1 << 200, 2j, "", "\ud800", b"x", UNSET),
    *((), (1, ("a", ())), frozenset({1}), range(3), ..., NotImplemented, UUID(int=7)),
    *(Decimal("1.0"), Fraction(1, 3), date(2020, 2, 29), timedelta(1)),
    datetime(2020, 1, 1, tzinfo=timezone.utc),  # noqa: UP017
]

NAMED: list[Any] = [
    *("x" * (BIG + 1), b"x" * (BIG + 1), {}, [], set(), Pair(1, 2), (Pair(1, 2),), Level.LOW),
    *(Text("x"), datetime(2020, 1, 1, tzinfo=ZONE), Zone, rows, (lambda: 1), open),
    *([].append, KINDS, enum),
]


@pytest.mark.parametrize("leaf", PLAIN, ids=repr)
def test_a_plain_leaf_is_read_as_it_was(leaf: Any) -> None:
    """Its type too: True is no 1."""
    content = read(rows((leaf, "after")))[9]
    assert [*map(type, content.slots)] == [type(leaf), str]
    assert repr(content.slots) == repr((leaf, "after"))


@pytest.mark.parametrize("leaf", NAMED, ids=lambda leaf: type(leaf).__name__)
def test_what_is_to_be_named_stays_out(leaf: Any) -> None:
    """And what is beside it goes."""
    some = rows((1, 2), (leaf, 1), (3,))
    columns, others = columns_of([some], attrgetter("oid"))
    assert others == some[1:2]
    assert [group[3] for group in groups_in(columns.data)] == [[1, 2, 3]]


def test_nothing_is_left_of_a_kind_that_stays_out() -> None:
    """Kinds and groups stay in step."""
    kind: Any = KINDS.named(dict)
    some = [rows(({},)), [(Node(20, kind, {}), Content(kind, ("a", 1)))]]
    columns, others = columns_of(some, attrgetter("oid"))
    assert others == some[0]
    assert columns.kinds == [kind]
    assert [group[3] for group in groups_in(columns.data)] == [["a", 1]]


def test_nodes_are_the_same_wherever_they_are() -> None:
    """A number that is none stays one."""
    kind: Any = KINDS.named(list)
    shared = Node(77, kind, [])
    found = read(rows((shared, 77, shared), (77, "x", shared)))
    first, number, again = found[9].slots
    assert type(first) is Node
    assert first.oid == number == 77
    assert type(number) is int
    assert first is again is found[10].slots[2]
    assert found[10].slots[:2] == (77, "x")


@pytest.mark.parametrize("length", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_many_slots_are_in_blocks_again(length: int) -> None:
    """As the table has them."""
    content = read(rows(tuple(range(length)), (1,)))[9]
    assert content.blocked == (length > BLOCK)
    assert content.flat() == tuple(range(length))


def test_one_text_is_one_text() -> None:
    """What many have in common is read once."""
    text = "a text " * 3
    found = read(rows((text, 1), (2, text)))
    assert found[9].slots[0] is found[10].slots[1]
