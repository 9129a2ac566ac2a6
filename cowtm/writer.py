"""Writes states into the journal of a session, and takes out those that are gone.

The timeline says which states came and went (`Timeline.fresh`, `Timeline.gone`); the writer takes
note of it and brings the journal up to date when it is told to. A state is written when all that it
needs is there, so whatever moment the process dies at, the states that the journal lists are whole.

Thread safety: one thread at a time calls what is not a property; `open` may be called by any.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cowtm.errors import Unhooked
from cowtm.journal import Journal, StateRow, remove
from cowtm.saved.codec import Codec, holds_places
from cowtm.saved.folder import new_journal
from cowtm.saved.outputs import SavedOutputs, page_of
from cowtm.saved.rows import OUTPUTS, about_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cowtm.delta import Delta
    from cowtm.mirror import Mirror
    from cowtm.timeline import Number, State, Timeline


class Writer:
    """Writes one timeline.

    Args:
        mirror: the present.
        timeline: the states.
        lock: held where the timeline changes.
        folder: gives the folder for a new journal.
        tell: takes a line for the user.

    Attributes:
        leaf_bytes: bytes of plain values that names are bound to in states in memory.

    """

    def __init__(
        self,
        mirror: Mirror,
        timeline: Timeline,
        lock: threading.RLock,
        folder: Callable[[], Path],
        tell: Callable[[str], None],
    ) -> None:
        self.leaf_bytes = 0
        self._mirror = mirror
        self._timeline = timeline
        self._lock = lock
        self._folder = folder
        self._tell = tell
        self._opening = threading.RLock()
        self._codec: Codec | None = None
        self._kept = self._over = self._littered = False
        self._rows: dict[int, tuple[int, ...]] = {}
        self._outputs: dict[int, tuple[int, int | None]] = {}
        """Serial -> version of the outputs in the journal, and the page that they are in."""
        self._dirty: dict[int, State] = {}
        self._doomed: set[int] = set()
        self._leaves: dict[int, int] = {}
        self._missing: dict[Number, str] = {}

    # -- the journal ---------------------------------------------------------------------------

    @property
    def codec(self) -> Codec | None:
        """What reads and writes the journal, if there is one yet."""
        return self._codec

    @property
    def journal(self) -> Journal | None:
        """The journal, if there is one yet."""
        codec = self._codec
        return None if codec is None else codec.journal

    def open(self) -> Codec:
        """Return what reads and writes the journal, which is made if there is none.

        Raises:
            Unhooked: it was closed for good.
            OSError: it can't be made.

        """
        codec = self._codec
        if codec is not None:
            return codec
        with self._opening:
            if self._codec is None:
                if self._over:
                    raise Unhooked
                self._codec = Codec(self._mirror, new_journal(self._folder()))
            return self._codec

    def use(self, mirror: Mirror, codec: Codec) -> None:
        """Go on with another journal, which has all states that the timeline has by now."""
        old, self._codec, self._mirror = self._codec, codec, mirror
        was_kept, self._kept = self._kept, False
        self._rows = {row.serial: row.pages for row in codec.journal.states()}
        self._outputs.clear()
        self._dirty.clear()
        self._doomed.clear()
        self._leaves.clear()
        self._timeline.fresh.clear()
        self._timeline.gone.clear()
        self._missing = dict(self._timeline.missing)
        self.leaf_bytes = 0
        if old is not None:
            _end(old.journal, kept=was_kept)
        self.keep()

    def keep(self) -> None:
        """Have the journal outlive this session."""
        if not self._kept:
            self.open().journal.put_note("keep", True)  # noqa: FBT003  a value in JSON
            self._kept = True

    def close(self) -> None:
        """Leave the journal, or remove it if nothing asked for it to be kept."""
        self._over = True
        codec, self._codec = self._codec, None
        self._rows.clear()
        self._outputs.clear()
        self._dirty.clear()
        self._doomed.clear()
        self._leaves.clear()
        self.leaf_bytes = 0
        if codec is not None:
            _end(codec.journal, kept=self._kept)

    def abandon(self) -> None:
        """Leave the journal to the process that this one is a fork of."""
        self._opening = threading.RLock()
        self._over = True

    # -- what is written -----------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """How many states are not in the journal, or not as they are now."""
        return len(self._dirty) + len(self._timeline.fresh)

    @property
    def unsaved(self) -> list[Number]:
        """The numbers of the states that are not in the journal, or not as they are now."""
        serials = {*self._dirty, *self._timeline.fresh}
        return [state.number for state in self._timeline.values() if state.serial in serials]

    def has(self, state: State) -> bool:
        """Tell whether a state is in the journal, as it is now."""
        serial = state.serial
        return (
            serial in self._rows
            and serial not in self._dirty
            and serial not in self._timeline.fresh
        )

    # -- writing -------------------------------------------------------------------------------

    def take_news(self) -> list[State]:
        """Take note of the states that came and went since last time; returns those that came."""
        with self._lock:
            timeline = self._timeline
            if not timeline.fresh and not timeline.gone:
                return []
            news, gone = timeline.fresh, timeline.gone
            # noted before it is let go of, so that at any time one of the two has it
            self._dirty.update(news)
            timeline.fresh, timeline.gone = {}, set()
        self._doomed |= gone & self._rows.keys()
        self._littered |= bool(gone)
        for serial in gone:
            self._dirty.pop(serial, None)
            self._outputs.pop(serial, None)
            self._note_leaves(serial, None)
        for serial, state in news.items():
            self._note_leaves(serial, state.delta)
        return list(news.values())

    def forget(self) -> None:
        """Let go of states that were removed and are still to be written.

        Those that took over what they need of them are written as they are now: as they were, they
        build on what is never written. To be called by who holds the timeline's lock.
        """
        for serial in self._timeline.gone:
            self._dirty.pop(serial, None)
        fresh = self._timeline.fresh
        self._dirty.update((serial, fresh[serial]) for serial in fresh.keys() & self._dirty.keys())

    def write_all(self, progress: Callable[[], None]) -> None:
        """Write every state that the journal does not have as it is now, in order.

        What is new is written state by state. Where states are gone, and others took over what
        they need of them, all that changed is written at once: at no time do two versions of the
        timeline stand in the journal.

        Args:
            progress: called after each transaction.

        Raises:
            DiskFull: there is no room; those written before are there.

        """
        self._note_outputs()
        states = self._waiting()
        if self._doomed:
            self._replace(states)
            progress()
            return
        for state in states:
            self.write(state)
            progress()
        self._note_missing(self._missing_now())

    def _replace(self, states: list[State]) -> None:
        """Write states and remove those that are gone, all or nothing."""
        rows = [self._row_of(state) for state in states]
        journal = self.open().journal
        missing = self._missing_now()  # the timeline's lock comes before the journal's
        with journal.transaction():
            for row in rows:
                journal.put_state(row)
            journal.remove(self._doomed)
            self._note_missing(missing)
        for serial in self._doomed:
            self._rows.pop(serial, None)
        self._doomed.clear()
        for state, row in zip(states, rows, strict=True):
            self._note_written(state, row)

    def write(self, state: State) -> None:
        """Write a state into the journal, or write anew what changed of it.

        Raises:
            DiskFull: there is no room.

        """
        row = self._row_of(state)
        self.open().journal.put_state(row)
        self._note_written(state, row)

    def _row_of(self, state: State) -> StateRow:
        """Write what a state holds, and give its row, which is still to be written."""
        codec = self.open()
        page = self._write_outputs(state)
        about = about_of(state) | {OUTPUTS: page}
        pages = () if page is None else (page,)
        if state.delta is None:
            row = codec.journal.state(state.serial)
            kept = {*row.pages} - {row.about.get(OUTPUTS)} | {*pages}
            return replace(row, about=about, pages=tuple(sorted(kept)))
        written = codec.write(state.delta)
        for what in written.lost:
            self._tell(
                f"cowtm: state {state.number}: {what} can't be saved; "
                "it is there as long as this kernel lives, the rest is saved."
            )
        return StateRow(state.serial, about, written.delta, written.pages + pages)

    def _write_outputs(self, state: State) -> int | None:
        """Give the page with what a state's cell put out, writing it if that is not written yet."""
        outputs = state.outputs
        if outputs is None or isinstance(outputs, SavedOutputs):
            return None if outputs is None else outputs.page
        version, page = self._outputs.get(state.serial, (None, None))
        now = outputs.version
        if now != version:
            self._littered |= page is not None
            data = page_of(outputs)
            page = None if data is None else self.open().write_page(data)
            self._outputs[state.serial] = now, page
        return page

    def _note_outputs(self) -> None:
        """Have states be written anew whose cells put something out since."""
        with self._lock:
            for state in self._timeline.values():
                written = self._outputs.get(state.serial)
                if written and state.outputs is not None and state.outputs.version != written[0]:
                    self._dirty.setdefault(state.serial, state)

    def _note_written(self, state: State, row: StateRow) -> None:
        self._rows[state.serial] = row.pages
        if self._dirty.get(state.serial) is state:
            del self._dirty[state.serial]

    def shelve(self, state: State) -> None:
        """Have the delta of a state in the journal only.

        Raises:
            DiskFull: there is no room in it.

        """
        if state.serial in self._dirty or state.serial not in self._rows:
            self.write(state)
        with self._lock:
            self._timeline.shelve(state)
        self._note_leaves(state.serial, None)

    def prune(self) -> None:
        """Let go of what was kept for writing and is of no use any more."""
        if self._codec is not None:
            self._codec.prune()

    def remove_rows(self) -> None:
        """Take states that are gone out of the journal, and what only they needed.

        Raises:
            DiskFull: there is no room for the changes; nothing is lost.

        """
        codec = self._codec
        if codec is None or not self._littered:
            return
        # those that took over what they need of what is gone
        states = self._waiting()
        self._replace([state for state in states if self._builds_on_rows(state)])
        journal = codec.journal
        needed = {page for pages in self._rows.values() for page in pages}
        codec.note_pages(needed)
        # The store is asked about each chunk as its turn comes: it may be in use again by then.
        journal.sweep(needed, self._mirror.store)
        self._littered = False

    def _waiting(self) -> list[State]:
        """Return the states that are to be written, in order; some may be let go of meanwhile."""
        with self._lock:
            waiting = self._dirty.copy()
        return [waiting[serial] for serial in sorted(waiting)]

    def _builds_on_rows(self, state: State) -> bool:
        """Tell whether a state can't stay as it is in the journal, or not in it, any longer."""
        delta = state.delta
        return state.serial in self._rows or (delta is not None and holds_places(delta))

    def _missing_now(self) -> dict[Number, str]:
        with self._lock:
            return dict(self._timeline.missing)

    def _note_missing(self, missing: dict[Number, str]) -> None:
        """Write down which states are missing, and why, if that is not written yet."""
        if missing != self._missing:
            self.open().journal.put_note("missing", [[*item] for item in missing.items()])
            self._missing = missing

    def _note_leaves(self, serial: int, delta: Delta | None) -> None:
        """Count the plain values that names are bound to; contents do not hold them."""
        weight = 0 if delta is None else _weight_of_leaves(delta.bindings.after.values())
        self.leaf_bytes += weight - self._leaves.pop(serial, 0)
        if weight:
            self._leaves[serial] = weight


def _end(journal: Journal, *, kept: bool) -> None:
    """Close a journal; one that was only an overflow of memory is of no use any more."""
    if not kept:
        remove(journal.path)  # while nobody else can have it
    journal.close()


PLAIN = (str, bytes, int, float, complex)
"""What is recorded as it is."""


def _weight_of_leaves(slots: Iterable[Any]) -> int:
    return sum(sys.getsizeof(slot) for slot in slots if isinstance(slot, PLAIN))
