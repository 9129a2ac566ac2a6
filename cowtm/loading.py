"""Opens journals: to be looked at in any process, or to be gone on with."""

from __future__ import annotations

import sys
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cowtm.archive import Archive
from cowtm.errors import JournalNotFound
from cowtm.journal import Journal
from cowtm.lookup import Lookup
from cowtm.mirror import Mirror
from cowtm.saved.codec import Codec
from cowtm.saved.remote import as_path, fetched, is_url
from cowtm.saved.rows import state_of
from cowtm.timeline import Number, State, Timeline


def load(path: Any, *, trust: bool = False) -> Archive:
    """Open a journal to look at its states.

    Objects are made anew; functions and classes of the notebook that wrote it live in this one's
    namespace. A journal holds pickles, and reading them runs code of whoever wrote it: it must be
    one of yours, unless you say that you trust it.

    Args:
        path: of the journal; or a URL that fsspec understands.
        trust: whether to open it though it was not written with this user's key.

    Returns:
        Its states, with `vars`, `ans`, `diff`, `history`, `states`, ...

    Raises:
        JournalNotFound: there is no such file.
        NotAJournal: it is something else.
        Untrusted: it was not written by this user, or was altered.

    """
    if is_url(path):
        folder = tempfile.TemporaryDirectory(prefix="cowtm-")
        try:
            archive = _archive(fetched(path, Path(folder.name)), str(path), trust=trust)
        except BaseException:
            folder.cleanup()
            raise
        weakref.finalize(archive, folder.cleanup)
        return archive
    where = as_path(path)
    if not where.exists():
        raise JournalNotFound(f"there is no file {where}")
    return _archive(where, str(path), trust=trust)


def _archive(where: Path, title: str, *, trust: bool) -> Archive:
    journal = Journal.open(where, write=False, trust=trust)
    mirror = Mirror(vars(sys.modules["__main__"]))
    codec = Codec(mirror, journal)
    mirror.store.disk = journal.chunks
    timeline = Timeline(codec)
    take_states(journal, codec, timeline)
    notes = journal.damage
    lookup = Lookup(mirror, timeline, live=False, lacks=codec.naming.lacks)
    return Archive(timeline, lookup, threading.RLock(), title, notes)


def take_states(journal: Journal, codec: Codec, timeline: Timeline) -> None:
    """Give a timeline the states of a journal, but not those that are lost or build on such."""
    rows = journal.states()
    codec.reserve(row.delta for row in rows)
    codec.note_pages({page for row in rows for page in row.pages})
    states = [state_of(row, journal) for row in rows]
    missing: dict[Number, str] = dict(journal.note("missing") or [])
    for state in states:  # one of that number is there again
        missing.pop(state.number, None)
    missing.update(journal.lost_states())
    timeline.take_over(_whole(states, missing), missing)


def _whole(states: Iterable[State], missing: dict[Number, str]) -> list[State]:
    """Return the states whose parents are there, and say why the others are not."""
    there: dict[Number, State] = {}
    for state in states:
        if state.number in missing:
            continue
        if state.parent is None or state.parent in there:
            there[state.number] = state
        else:
            missing[state.number] = f"it builds on state {state.parent}, which is lost"
    return list(there.values())
