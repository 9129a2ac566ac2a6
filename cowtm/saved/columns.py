"""Many small contents at once, in columns: numbers, text and nodes take no call of ours each.

Pages ask for the name of everything that they pickle. Most objects of a large state need no name:
their slots are nodes, and leaves that any process reads as they are. Those go by kind, the slots of
all of a kind in one list, the nodes among them as numbers.
"""

from __future__ import annotations

import io
import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any, TypeAlias, cast
from uuid import UUID

from cowtm.native import BLOCK, UNSET, Content, Node
from cowtm.saved.pages import BIG

Row: TypeAlias = tuple[Node, Content]
"""An object and what it held."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Contents whose slots are plain, by kind."""

    kinds: list[Any]
    """The kind of each group."""
    data: bytes
    """Pickle of the groups."""


def columns_of(rows: Iterable[Row]) -> tuple[Columns, list[Row]]:
    """Put rows into columns.

    Returns:
        The columns; the rows that some slot keeps out of them.

    """
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(id(row[1].kind), []).append(row)
    others: list[Row] = []
    data = _packed(groups.values())
    if data is None:
        for key, known in groups.items():
            groups[key], left = _parted(known)
            others += left
        data = cast("bytes", _packed(groups.values()))
    return Columns([group[0][1].kind for group in groups.values() if group], data), others


def _parted(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Part the rows that are plain from the others."""
    if _packed([rows]) is not None:
        return rows, []
    parted: tuple[list[Row], list[Row]] = [], []
    for row in rows:
        types = _types(row[1].flat())
        known = types <= _SLOTS and (types <= _ATOMS or _packed([[row]]) is not None)
        parted[not known].append(row)
    return parted


def _packed(groups: Iterable[list[Row]]) -> bytes | None:
    """Pickle groups; None if something in them is not plain."""
    file = io.BytesIO()
    try:
        _Pickler(file, pickle.HIGHEST_PROTOCOL).dump([_group(rows) for rows in groups if rows])
    except _NotPlainError:
        return None
    return file.getvalue()


def _group(rows: list[Row]) -> tuple[Any, ...]:
    """Give what is pickled of contents of one kind."""
    parts = [content.flat() for _, content in rows]
    flat: list[Any] = [*chain.from_iterable(parts)]
    types = _types(flat)
    if not (types <= _SLOTS and (types.isdisjoint(_SIZED) or _are_short(flat))):
        raise _NotPlainError
    places = [place for place, slot in enumerate(flat) if type(slot) is Node]
    for place in places:
        flat[place] = flat[place].oid
    return (
        _numbers([node.oid for node, _ in rows]),
        _numbers(map(len, parts)),
        _numbers(places),
        flat,
    )


def _types(slots: Iterable[Any]) -> set[int]:
    """Give the addresses of the types of some slots: a type may refuse to be hashed."""
    return set(map(id, map(type, slots)))


def _numbers(numbers: Iterable[int]) -> bytes:
    return array("q", numbers).tobytes()


def _are_short(flat: list[Any]) -> bool:
    return all(len(slot) <= BIG for slot in flat if type(slot) is str or type(slot) is bytes)


def groups_in(data: bytes) -> list[Any]:
    """Read the groups that `Columns` holds, one for each kind."""
    groups: list[Any] = pickle.loads(data)  # noqa: S301  written by this session, or its worker
    return groups


def rows_of(
    group: tuple[Any, ...],
    kind: Any,
    node: Callable[[int], Node],
    leaf: Callable[[Any], Any] | None,
) -> Iterator[tuple[Node, Content]]:
    """Read a group.

    Args:
        group: from `Columns`.
        kind: of its contents.
        node: gives the node of a number.
        leaf: gives what is to be put in place of a slot, if anything is.

    """
    oids, lengths, places, flat = group
    if leaf is not None:
        flat = [*map(leaf, flat)]
    for place in array("q", places):
        flat[place] = node(flat[place])
    start = 0
    for oid, length in zip(array("q", oids), array("q", lengths), strict=True):
        end = start + length
        yield node(oid), content_of(kind, tuple(flat[start:end]))
        start = end


def content_of(kind: Any, slots: tuple[Any, ...]) -> Content:
    """Make a content as the table does: in blocks if the slots are many."""
    if len(slots) <= BLOCK:
        return Content(kind, slots)
    blocks = (slots[start : start + BLOCK] for start in range(0, len(slots), BLOCK))
    return Content(kind, tuple(blocks), True)  # noqa: FBT003


class _NotPlainError(Exception):
    """Something has to be named, or may need more than its pickle."""


class _Pickler(pickle.Pickler):
    """Pickles what any process reads as it is."""

    def reducer_override(self, value: Any) -> Any:
        """Let pass what is known; this is not asked about numbers, text and tuples."""
        if id(value if isinstance(value, type) else type(value)) in _PLAIN:
            return NotImplemented
        raise _NotPlainError


def _addresses(*types: type) -> frozenset[int]:
    return frozenset(map(id, types))


_PLAIN = _addresses(
    complex,
    range,
    type(...),
    type(NotImplemented),
    type(UNSET),
    date,
    time,
    datetime,
    timedelta,
    timezone,
    Decimal,
    Fraction,
    UUID,
)
"""Types of leaves of Python's own, beyond those that pickle asks nobody about."""

_SIZED = _addresses(str, bytes)
_ATOMS = _addresses(Node, bool, int, float, type(None))
_SLOTS = _PLAIN | _SIZED | _ATOMS | _addresses(tuple, frozenset)
"""Types of slots; what is in a tuple is looked at when that is pickled."""
