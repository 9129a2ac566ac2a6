"""Many small contents at once, in columns: numbers, text and nodes take no call of ours each.

Pages ask for the name of everything that they pickle. Most objects of a large state need no name:
their slots are nodes, and leaves that any process reads as they are. Those go by kind, the slots of
all of a kind in one list, the nodes among them as numbers.
"""

from __future__ import annotations

import io
import pickle
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from operator import sub
from typing import Any, TypeAlias, cast
from uuid import UUID

from cowtm.native import GENERIC, INSTANCE, UNSET, Content, Node
from cowtm.saved.pages import BIG, interned

Row: TypeAlias = tuple[Any, Content]
"""Whose content it is, or where, and the content."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Contents whose slots are plain, by kind."""

    kinds: list[Any]
    """The kind of each group."""
    data: bytes
    """Pickle of the groups."""


def by_kind(rows: Iterable[Row]) -> list[list[Row]]:
    """Part rows by the kinds of their contents."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(id(row[1].kind), []).append(row)
    return [*groups.values()]


def columns_of(groups: list[list[Row]], number: Callable[[Any], int]) -> tuple[Columns, list[Row]]:
    """Put rows into columns.

    Args:
        groups: rows of one kind each.
        number: gives what stands for whose content it is.

    Returns:
        The columns; the rows that some slot keeps out of them.

    """
    others: list[Row] = []
    data = _packed(groups, number)
    if data is None:
        parted = [_parted(rows, number) for rows in groups]
        others = [row for _, left in parted for row in left]
        groups = [plain for plain, _ in parted if plain]
        data = cast("bytes", _packed(groups, number))
    return Columns([group[0][1].kind for group in groups], data), others


def _parted(rows: list[Row], number: Callable[[Any], int]) -> tuple[list[Row], list[Row]]:
    """Part the rows that are plain from the others."""
    if _packed([rows], number) is not None:
        return rows, []
    parted: tuple[list[Row], list[Row]] = [], []
    for row in rows:
        is_plain = Content.join([row[1]], _ATOMS, BIG) is not None
        is_plain = is_plain or _packed([[row]], number) is not None
        parted[not is_plain].append(row)
    return parted


def _packed(groups: list[list[Row]], number: Callable[[Any], int]) -> bytes | None:
    """Pickle groups; None if something in them is not plain."""
    file = io.BytesIO()
    try:
        _Pickler(file, pickle.HIGHEST_PROTOCOL).dump([_group(rows, number) for rows in groups])
    except _NotPlainError:
        return None
    return file.getvalue()


def _group(rows: list[Row], number: Callable[[Any], int]) -> tuple[Any, ...]:
    """Give what is pickled of contents of one kind."""
    joined = Content.join([content for _, content in rows], _SLOTS, BIG)
    if joined is None:
        raise _NotPlainError
    numbers = [number(whose) for whose, _ in rows]
    # Steps, as most are the same: packed they take next to nothing.
    return array("q", map(sub, numbers, [0, *numbers])).tobytes(), *joined


def groups_in(data: bytes) -> list[Any]:
    """Read the groups that `Columns` holds, one for each kind."""
    groups: list[Any] = pickle.loads(data)  # noqa: S301  written by this session, or its worker
    return groups


def contents_in(
    group: Any, kind: Any, nodes: Callable[[array[int]], list[Node]]
) -> tuple[array[int], list[Content]]:
    """Read a group.

    Args:
        group: one of those in `Columns`.
        kind: of its contents.
        nodes: gives the nodes of numbers.

    Returns:
        What stands for whose contents they are, and the contents.

    """
    steps, lengths, gaps, flat = group
    if kind.code in (INSTANCE, GENERIC):
        flat = [*map(interned, flat)]
    places = [*accumulate(array("q", gaps))]
    inner = nodes(array("q", [flat[place] for place in places]))
    for place, node in zip(places, inner, strict=True):
        flat[place] = node
    return array("q", accumulate(array("q", steps))), Content.split(kind, lengths, flat)


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
