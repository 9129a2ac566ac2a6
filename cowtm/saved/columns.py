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
from typing import Any, TypeAlias, cast
from uuid import UUID

from cowtm.native import UNSET, Content, Node
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


def columns_of(groups: list[list[Row]]) -> tuple[Columns, list[Row]]:
    """Put rows into columns.

    Args:
        groups: rows of one kind each.

    Returns:
        The columns; the rows that some slot keeps out of them.

    """
    others: list[Row] = []
    data = _packed(groups)
    if data is None:
        parted = [*map(_parted, groups)]
        others = [row for _, left in parted for row in left]
        groups = [plain for plain, _ in parted if plain]
        data = cast("bytes", _packed(groups))
    return Columns([group[0][1].kind for group in groups], data), others


def _parted(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Part the rows that are plain from the others."""
    if _packed([rows]) is not None:
        return rows, []
    parted: tuple[list[Row], list[Row]] = [], []
    for row in rows:
        is_plain = Content.join([row[1]], _ATOMS, BIG) is not None or _packed([[row]]) is not None
        parted[not is_plain].append(row)
    return parted


def _packed(groups: Iterable[list[Row]]) -> bytes | None:
    """Pickle groups; None if something in them is not plain."""
    file = io.BytesIO()
    try:
        _Pickler(file, pickle.HIGHEST_PROTOCOL).dump([*map(_group, groups)])
    except _NotPlainError:
        return None
    return file.getvalue()


def _group(rows: list[Row]) -> tuple[Any, ...]:
    """Give what is pickled of contents of one kind."""
    joined = Content.join([content for _, content in rows], _SLOTS, BIG)
    if joined is None:
        raise _NotPlainError
    return array("q", [node.oid for node, _ in rows]).tobytes(), *joined


def groups_in(data: bytes) -> list[Any]:
    """Read the groups that `Columns` holds, one for each kind."""
    groups: list[Any] = pickle.loads(data)  # noqa: S301  written by this session, or its worker
    return groups


def rows_of(
    group: Any,
    kind: Any,
    nodes: Callable[[bytes], list[Node]],
    leaf: Callable[[Any], Any] | None,
) -> Iterator[Row]:
    """Read a group.

    Args:
        group: one of those in `Columns`.
        kind: of its contents.
        nodes: gives the nodes of numbers, 8 bytes for each.
        leaf: gives what is to be put in place of a slot, if anything is.

    """
    oids, lengths, places, flat = group
    if leaf is not None:
        flat = [*map(leaf, flat)]
    where = array("q", places)
    inner = nodes(array("q", [flat[place] for place in where]).tobytes())
    for place, node in zip(where, inner, strict=True):
        flat[place] = node
    return zip(nodes(oids), Content.split(kind, lengths, flat), strict=True)


class _NotPlainError(Exception):
    """Something has to be named, or may need more than its pickle."""


class _Pickler(pickle.Pickler):
    """Pickles what any process reads as it is."""

    def reducer_override(self, value: Any) -> Any:
        """Let pass what is known; this is not asked about numbers, text and tuples."""
        if id(value if isinstance(value, type) else type(value)) in _PLAIN:
            return NotImplemented
        raise _NotPlainError


_ATOMS: tuple[type, ...] = (str, bytes, int, float, bool, type(None))
"""Types of slots that can be pickled without a look."""

_OTHERS: tuple[type, ...] = (
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
"""Types of Python's own that the pickler is asked about."""

_PLAIN = frozenset(map(id, _OTHERS))  # by address: a type may refuse to be hashed

_SLOTS = (*_ATOMS, *_OTHERS, tuple, frozenset)
"""Types of slots; what is in a tuple is looked at when that is pickled."""
