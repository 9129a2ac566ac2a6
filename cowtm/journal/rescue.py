"""What is left of a damaged journal, written into a new one that can be gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cowtm.errors import Damaged
from cowtm.journal.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from cowtm.journal.journal import StateRow


def rescue(source: Journal, path: Path) -> Journal:
    """Copy every state that is whole, with all that it needs, into a new journal.

    Args:
        source: damaged; everything in it is read.
        path: of the new journal, which is open to be written.

    Raises:
        DiskFull: there is no room.
        Untrusted: something was altered.

    """
    source.verify()
    lost = source.lost_states()
    copy = Journal.create(path, "session")
    try:
        for oid in source.births():
            try:
                copy.put_birth(oid, source.birth(oid))
            except Damaged:  # who needs it will say so
                continue
        there: set[int] = set()
        for row in source.states():
            try:
                _copy_state(source, copy, row, there)
            except (Damaged, KeyError) as error:
                lost[row.about["number"]] = f"what it needs is damaged: {error}"
        known = dict(source.note("missing") or [])
        copy.put_note("missing", [[*item] for item in (known | lost).items()])
        copy.put_note("keep", True)  # noqa: FBT003  a value in JSON
    except BaseException:
        copy.close()
        raise
    return copy


def _copy_state(source: Journal, copy: Journal, row: StateRow, there: set[int]) -> None:
    """Copy a state and those of its pages that are not there yet."""
    for page in row.pages:
        if page in there:
            continue
        data, keys = source.page(page), source.chunks_of(page)
        for key in keys:
            if key not in copy.chunks:
                copy.chunks[key] = source.chunks[key]
        copy.put_page(page, data, keys)
        there.add(page)
    copy.put_state(row)
