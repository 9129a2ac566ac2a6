"""What a journal holds and what it lacks, told from the short parts of its rows."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from json import loads
from typing import TYPE_CHECKING, Any

from cowtm.errors import Damaged
from cowtm.journal.frames import split_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cowtm.journal.ledger import Ledger
    from cowtm.journal.sealed import SealedRows

_NUMBER = "q"
"""Numbers of pages: 8 bytes each, the lowest first."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A state that can't be had any more."""

    serial: int
    """Its number in the journal."""
    number: int | str | None
    """Its number for the user; None if that is lost too."""
    why: str
    """What is missing, in words."""


def missing_states(rows: SealedRows, ledger: Ledger) -> dict[int, Lost]:
    """Return the states that are not there, or need what is not there, by their serials.

    Raises:
        Damaged: The rows can't be read.

    """
    chunks = {columns[0] for _, columns, _ in rows.outlines("chunks")}
    whole = {
        page: all(key in chunks for key in split_keys(columns[0]))
        for page, columns, _ in rows.outlines("pages")
    }
    states = {serial: columns for serial, columns, _ in rows.outlines("states")}
    lost = {
        serial: Lost(serial, None, f"the state with serial {serial} is damaged in the file")
        for serial in ledger.missing(states)
    }
    for serial, (about, listed) in states.items():
        for page in page_numbers(listed):
            if not whole.get(page, False):
                what = f"a chunk of page {page}" if page in whole else f"page {page}"
                number = parsed_about(about).get("number")
                lost[serial] = Lost(
                    serial,
                    number if isinstance(number, int | str) else None,
                    f"{what}, which it needs, is damaged in the file",
                )
                break
    return lost


def sizes_of(rows: SealedRows) -> dict[int, int]:
    """Return the bytes of each state: its row, the pages it lists first, and their chunks.

    Raises:
        Damaged: The rows can't be read.

    """
    with rows.snapshot():
        chunks = {columns[0]: size for _, columns, size in rows.outlines("chunks")}
        pages = {page: (columns[0], size) for page, columns, size in rows.outlines("pages")}
        sizes = {}
        for serial, (_, listed), size in rows.outlines("states"):
            total = size
            for page in page_numbers(listed):
                keys, more = pages.pop(page, (b"", 0))
                total += more + sum(chunks.pop(key, 0) for key in split_keys(keys))
            sizes[serial] = total
    return sizes


def packed_pages(pages: Iterable[int]) -> bytes:
    """Return numbers of pages as they are stored."""
    numbers = array(_NUMBER, pages)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def page_numbers(packed: object) -> tuple[int, ...]:
    """Return the numbers of pages that are stored so.

    Raises:
        Damaged: These are none.

    """
    numbers = array(_NUMBER)
    if not isinstance(packed, bytes) or len(packed) % numbers.itemsize:
        raise Damaged("a list of pages is damaged")
    numbers.frombytes(packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)


def parsed_about(about: object) -> dict[str, Any]:
    """Return what a state says of itself.

    Raises:
        Damaged: It is no JSON object.

    """
    try:
        parsed = loads(about)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged("what a state says of itself is damaged") from error
    if not isinstance(parsed, dict):
        raise Damaged("what a state says of itself is damaged")
    return parsed
