"""Journals for tests: written with states that can be told apart, and read with all checks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from cowtm.errors import Damaged
from cowtm.journal import Journal, StateRow

if TYPE_CHECKING:
    from pathlib import Path

    from cowtm.journal.frames import ChunkKey


@dataclass(frozen=True, slots=True)
class Written:
    """All that was written for a state."""

    about: dict[str, Any]
    delta: bytes
    page: bytes
    frame: bytes
    birth: bytes


def key_of(data: bytes) -> ChunkKey:
    """Give the key of a chunk."""
    return xxhash.xxh3_128_digest(data), len(data)


def write_state(journal: Journal, serial: int, dice: random.Random) -> Written:
    """Write a state with a page, a chunk and a class of its own, some small, some big."""
    written = Written(
        about={"number": serial, "parent": serial - 1 or None, "source": f"x = {serial}"},
        delta=dice.randbytes(dice.choice([30, 300, 5000])),
        page=dice.randbytes(dice.choice([50, 700, 6000])),
        frame=dice.randbytes(dice.choice([100, 3000, 9000])),
        birth=b"class %d" % serial + dice.randbytes(600),
    )
    with journal.transaction():
        key = key_of(written.frame)
        journal.chunks[key] = written.frame
        journal.put_page(serial, written.page, [key])
        journal.put_birth(serial, written.birth)
        journal.put_state(StateRow(serial, written.about, written.delta, (serial,)))
    return written


def fill(path: Path, count: int, seed: int = 1) -> dict[int, Written]:
    """Write a journal of some states and close it."""
    dice = random.Random(seed)
    with Journal.create(path, "session") as journal:
        return {serial: write_state(journal, serial, dice) for serial in range(1, count + 1)}


def read_state(journal: Journal, row: StateRow) -> Written:
    """Read all that was written for a state."""
    (key,) = journal.chunks_of(row.pages[0])
    return Written(
        about=row.about,
        delta=row.delta,
        page=journal.page(row.pages[0]),
        frame=journal.chunks[key],
        birth=journal.birth(row.serial),
    )


def read_all(journal: Journal) -> dict[int, Written]:
    """Read all states."""
    return {row.serial: read_state(journal, row) for row in journal.states()}


def read_what_is_left(journal: Journal) -> tuple[dict[int, Written], set[int]]:
    """Read all states of a damaged journal; also gives the serials of those that are lost."""
    journal.verify()
    lost = {state.serial for state in journal.lost()}
    read = {}
    for row in journal.states():
        if row.serial in lost:
            continue
        try:
            read[row.serial] = read_state(journal, row)
        except Damaged as error:
            # Of all that a state has, the journal can't tell which classes it needs.
            if "the class of object" not in str(error):
                raise
            lost.add(row.serial)
    return read, lost
