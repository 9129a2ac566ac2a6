"""Keeps what was recorded within its budgets and writes it down, in one thread in the background.

After every state the thread

1. writes it into the journal, if states are saved as they are born;
2. moves the least recently used on, while there is more in memory than the budget allows: chunks
   from raw to packed to disk, deltas of states to disk;
3. drops states, when the disk is full too or has a budget of its own: the least recently used
   first, never the current or a pinned one. Its neighbours take over what they need of it.

Thread safety: the timeline's lock is held where the timeline changes, never while something is
written. What is to be said is left in `words`: a background thread has no cell to print into.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cowtm.budgets import AUTO, bytes_of, disk_space, machine_memory
from cowtm.codec import Codec, holds_places
from cowtm.display import names_text, size_text
from cowtm.errors import BadInput, CowtmError
from cowtm.folder import default_folder, new_journal
from cowtm.journal import Journal, StateRow
from cowtm.rows import about_of

if TYPE_CHECKING:
    from cowtm.delta import Delta
    from cowtm.mirror import Mirror
    from cowtm.native import Node
    from cowtm.timeline import Number, State, Timeline

QUEUE = 64
"""States that may wait for being written before the next cell has to wait."""

RAW_SHARE = 4
"""Raw chunks may take one part in so many of the memory budget: the newest, read at no cost."""

CONTENTS_SHARE = 2
"""Contents may take one part in so many of it before deltas go to disk."""

SLACK = 0.9
"""Once over a budget, this share of it is aimed at, so that not every cell is over it again."""

DUTY = 50
"""Contents are weighed again after so many times as long as it took."""

LEAST = 8 << 20
"""Bytes of chunks that are allowed in memory whatever else is there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the archive may take, as users write it."""

    memory: Any = AUTO
    """Bytes in memory."""
    disk: Any = "50%"
    """Bytes on disk; a share is of what is free."""
    folder: Path | None = None
    """Where the journal is put."""
    autosave: bool = False
    """Whether each state is written as it is born."""


class Keeper:
    """Keeps the archive of one timeline.

    Args:
        mirror: the present.
        timeline: the states.
        lock: held where the timeline changes.
        current_cell: gives the number of the cell that runs or ran last.

    Attributes:
        words: lines for the user, to be shown when there is a cell to show them in.
        memory_budget: bytes that the archive may take in memory.

    """

    def __init__(
        self,
        mirror: Mirror,
        timeline: Timeline,
        lock: threading.RLock,
        current_cell: Callable[[], int],
    ) -> None:
        self.words: deque[str] = deque()
        self._mirror = mirror
        self._store = mirror.store
        self._timeline = timeline
        self._lock = lock
        self._current_cell = current_cell
        self._limits = Limits()
        self.memory_budget = bytes_of(self._limits.memory, machine_memory())
        self._codec: Codec | None = None
        self._rows: dict[int, tuple[int, ...]] = {}
        self._dirty: dict[int, State] = {}
        self._doomed: set[int] = set()
        self._leaves: dict[int, int] = {}
        self._leaf_bytes = 0
        self._weighed = _Weighed()
        self._said: set[str] = set()
        self._work = threading.RLock()  # one works at a time; taken before the timeline's lock
        self._opening = threading.RLock()
        self._wake = threading.Condition()
        self._asked = self._busy = self._closed = self._over = self._kept = False
        self._thread: threading.Thread | None = None
        timeline.stored = self
        self._store.disk = Frames(self)
        self._apply()
        _alive.add(self)

    # -- settings ------------------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """What the archive may take, as users write it."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        bytes_of(limits.disk, 100)  # refuses what is no budget, before anything is changed
        self.memory_budget = bytes_of(limits.memory, machine_memory())
        self._limits = limits
        self._said.clear()
        self._apply()
        self.ask()

    @property
    def disk_budget(self) -> int:
        """Bytes that the journal may take on disk."""
        taken = self.journal.size if self.journal is not None else 0
        return bytes_of(self._limits.disk, disk_space(self.folder) + taken)

    def _apply(self) -> None:
        self._store.limit = max(self.memory_budget - self._weighed.contents, LEAST)

    # -- what others call ----------------------------------------------------------------------

    @property
    def journal(self) -> Journal | None:
        """The journal, if there is one yet."""
        return None if self._codec is None else self._codec.journal

    @property
    def contents(self) -> int:
        """Bytes that contents take in memory, as weighed last."""
        return self._weighed.contents + self._leaf_bytes

    def ask(self) -> None:
        """Have the thread look whether there is something to do."""
        with self._wake:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cowtm", daemon=True)
                self._thread.start()
            self._asked = True
            self._wake.notify_all()

    def wait_for_room(self) -> None:
        """Wait until no more states than `QUEUE` wait for being written.

        Not to be called by who holds the timeline's lock.
        """
        with self._wake:
            self._wake.wait_for(lambda: self._backlog() <= QUEUE or not self._is_writing())

    def flush(self) -> None:
        """Wait until all that was asked for is done.

        Not to be called by who holds the timeline's lock.
        """
        self.ask()
        with self._wake:
            self._wake.wait_for(lambda: self._closed or not (self._asked or self._busy))

    def save(self, path: Path) -> None:
        """Write all states into a journal of their own.

        Not to be called by who holds the timeline's lock.

        Raises:
            DiskFull: there is no room for it.

        """
        with self._work:
            self._take_news()
            self._write_all()
            self.open().journal.backup(path)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Keep the thread from working until the block ends; to be taken before the lock."""
        with self._work:
            yield

    def use(self, mirror: Mirror, codec: Codec) -> None:
        """Go on with another mirror, whose states a journal has, as the timeline does by now."""
        old, self._codec = self._codec, codec
        self._mirror, self._store = mirror, mirror.store
        self._rows = {row.serial: row.pages for row in codec.journal.states()}
        self._dirty.clear()
        self._doomed.clear()
        self._leaves.clear()
        self._leaf_bytes = 0
        self._timeline.gone.clear()
        self._weighed = _Weighed()
        self._store.disk = Frames(self)
        if old is not None:
            self._end(old.journal)
        self._kept = False
        self._keep()
        self._apply()
        self.ask()

    def abandon(self) -> None:
        """Leave everything to the process that this one is a fork of."""
        self._closed = self._over = True

    def close(self) -> None:
        """Write what is to be written, and end.

        What could not be written is said on the standard error stream.
        """
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._work:
            try:
                if self._limits.autosave:
                    self._take_news()
                    self._write_all()
            except (CowtmError, OSError, sqlite3.Error) as error:
                numbers = ", ".join(str(state.number) for state in self._dirty.values())
                print(f"cowtm: not saved: states {numbers}: {error}", file=sys.stderr)  # noqa: T201
            self._over = True
            if self._codec is not None:
                self._end(self._codec.journal)
                self._codec = None

    def _end(self, journal: Journal) -> None:
        """Close a journal; one that was only an overflow of memory is of no use any more."""
        journal.close()
        if not self._kept:
            journal.path.unlink(missing_ok=True)

    # -- for the timeline (`timeline.Stored`) --------------------------------------------------

    def delta(self, serial: int) -> Delta:
        """Read the delta of a state."""
        return self.open().delta(serial)

    def resolve(self, delta: Delta) -> Delta:
        """Read what the values of a delta stand for."""
        return delta if self._codec is None else self._codec.resolve(delta)

    def value(self, node: Node | None, value: Any) -> Any:
        """Read what one value stands for."""
        return value if self._codec is None else self._codec.value(node, value)

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._asked or self._closed)
                if self._closed:
                    return
                self._asked, self._busy = False, True
            try:
                with self._work:
                    self._do()
            except Exception as error:  # noqa: BLE001  it must not end the thread: it is told
                self._tell(f"cowtm: the archive is not in order: {type(error).__name__}: {error}")
            finally:
                with self._wake:
                    self._busy = False
                    self._wake.notify_all()

    def _do(self) -> None:
        self._take_news()
        try:
            if self._limits.autosave:
                self._write_all()
            self._remove_rows()
        except (CowtmError, OSError, sqlite3.Error) as error:
            self._tell(f"cowtm: states are not saved for now: {error}")
        self._balance()

    def _backlog(self) -> int:
        return len(self._dirty) + len(self._timeline.fresh)

    def _is_writing(self) -> bool:
        return self._limits.autosave and not self._closed and (self._busy or self._asked)

    def _take_news(self) -> None:
        """Take note of the states that came and went since last time."""
        with self._lock:
            timeline = self._timeline
            news, timeline.fresh = timeline.fresh, {}
            gone, timeline.gone = timeline.gone, set()
        self._dirty.update(news)
        self._doomed |= gone & self._rows.keys()
        for serial in gone:
            self._dirty.pop(serial, None)
            self._note_leaves(serial, None)
        for serial, state in news.items():
            self._note_leaves(serial, state.delta)

    def _note_leaves(self, serial: int, delta: Delta | None) -> None:
        """Count the plain values that names are bound to; contents do not hold them."""
        weight = 0 if delta is None else weight_of_leaves(delta.bindings.after.values())
        self._leaf_bytes += weight - self._leaves.pop(serial, 0)
        if weight:
            self._leaves[serial] = weight

    def _tell(self, line: str) -> None:
        """Say something at the next occasion, each thing once until the settings change."""
        if line not in self._said:
            self._said.add(line)
            self.words.append(line)

    # -- writing -------------------------------------------------------------------------------

    def open(self) -> Codec:
        """Return the codec of the journal, which is made if there is none."""
        with self._opening:
            if self._codec is None:
                if self._over:
                    raise BadInput("this time machine was unhooked; %load_ext cowtm begins anew")
                journal = new_journal(self.folder)
                self._codec = Codec(self._mirror, journal)
            return self._codec

    @property
    def folder(self) -> Path:
        """Where journals are put."""
        return self._limits.folder or default_folder()

    def _write_all(self) -> None:
        for serial in sorted(self._dirty):
            self._write(self._dirty[serial])
        if self._limits.autosave:
            self._keep()

    def _keep(self) -> None:
        """Have the journal outlive this session."""
        if not self._kept:
            self.open().journal.put_note("keep", True)  # noqa: FBT003  a value in JSON
            self._kept = True

    def _write(self, state: State) -> None:
        """Write a state into the journal, or write anew what changed of it."""
        codec = self.open()
        journal = codec.journal
        about = about_of(state)
        if state.delta is None:
            row = replace(journal.state(state.serial), about=about)
        else:
            also: set[int] = set()
            if holds_places(state.delta):
                also.update(
                    *(self._rows[s] for s in (*self._doomed, state.serial) if s in self._rows)
                )
            written = codec.write(state.delta, also)
            row = StateRow(state.serial, about, written.delta, written.pages)
            for what in written.lost:
                self._tell(
                    f"cowtm: state {state.number}: {what} can't be saved; "
                    "it is there as long as this kernel lives, the rest is saved."
                )
        journal.put_state(row)
        self._rows[state.serial] = row.pages
        self._dirty.pop(state.serial, None)
        with self._wake:
            self._wake.notify_all()

    def _remove_rows(self) -> None:
        """Take states that are gone out of the journal, and what only they needed."""
        if not self._doomed:
            return
        for state in list(self._dirty.values()):
            if state.delta is not None and holds_places(state.delta):
                self._write(state)
        codec = self.open()
        with self._lock:
            missing = [[number, why] for number, why in self._timeline.missing.items()]
        with codec.journal.transaction():
            codec.journal.remove(self._doomed)
            codec.journal.put_note("missing", missing)
        for serial in self._doomed:
            self._rows.pop(serial, None)
        self._doomed.clear()
        needed = {page for pages in self._rows.values() for page in pages}
        alive = {chunk.key for chunk in self._store}
        codec.journal.sweep(needed, alive)
        codec.note_pages(needed)

    # -- budgets -------------------------------------------------------------------------------

    def _balance(self) -> None:
        """Bring what is held within the budgets."""
        budget = self.memory_budget
        if self.weigh(due=False) > budget // CONTENTS_SHARE:
            self._shelve(int(budget // CONTENTS_SHARE * SLACK))
        self._apply()
        room = max(budget - self.contents, LEAST)
        raw = min(budget // RAW_SHARE, room)
        try:
            self._store.settle(raw, room - raw if raw < room else 0)
        except (CowtmError, OSError, sqlite3.Error) as error:
            self._make_room(f"the memory within {size_text(budget)}", "memory_budget", error)
        if self.journal is not None and self.journal.size > self.disk_budget:
            self._drop_from_disk()

    def weigh(self, *, due: bool = True) -> int:
        """Find out what contents take in memory, bytes.

        Args:
            due: whatever it costs; else only if enough time went by since last time.

        """
        if due or self._weighed.is_due():
            with self._lock:
                states = self._timeline.values()
            started = time.perf_counter()
            deltas = [state.delta.contents for state in states if state.delta is not None]
            sides = [side for delta in deltas for side in (delta.before, delta.after)]
            self._weighed.note(self._mirror.table.weigh(sides), time.perf_counter() - started)
        return self.contents

    def _shelve(self, target: int) -> None:
        """Have deltas in the journal only, the least recently used first, until contents fit."""
        with self._lock:
            states = [state for state in self._timeline.by_use() if state.delta]
        for state in states:
            if self.contents <= target:
                return
            if state.serial in self._dirty or state.serial not in self._rows:
                self._write(state)
            with self._lock:
                self._timeline.shelve(state)
            self._note_leaves(state.serial, None)
            self.weigh()
        if self._codec is not None:
            self._codec.naming.prune()

    def _make_room(self, goal: str, setting: str, error: Exception) -> None:
        """Drop states until what is left fits into memory: the disk takes no more."""
        dropped: list[Number] = []
        for state in self._droppable():
            if self.contents + self._store.raw + self._store.packed <= self.memory_budget:
                break
            dropped += self._drop(state, goal, setting)
            self.weigh()
        else:
            self._tell(
                f"cowtm: the archive can't keep {goal}, with no states but this one and pinned "
                f"ones ({error}); raise it with %config TimeMachine.{setting}."
            )
        self._announce(dropped, goal, setting)

    def _drop_from_disk(self) -> None:
        """Drop states until the journal fits into its budget."""
        goal = f"the journal within {size_text(self.disk_budget)}"
        dropped: list[Number] = []
        while self.journal is not None and self.journal.size > self.disk_budget:
            stored = [state for state in self._droppable() if state.serial in self._rows]
            if not stored:
                self._tell(
                    f"cowtm: the archive can't keep {goal}, with no states but this one and "
                    "pinned ones; raise it with %config TimeMachine.disk_budget."
                )
                break
            for state in stored[: 1 + len(stored) // 20]:
                dropped += self._drop(state, goal, "disk_budget")
            self._take_news()
            self._remove_rows()
        self._announce(dropped, goal, "disk_budget")

    def _droppable(self) -> list[State]:
        """Return the states that may go, the least recently used first."""
        with self._lock:
            here = self._timeline.position
            return [s for s in self._timeline.by_use() if not s.pinned and s.number != here]

    def _drop(self, state: State, goal: str, setting: str) -> list[Number]:
        with self._lock:
            cell = self._current_cell()
            why = (
                f"it was dropped at cell {cell} to keep {goal}; raise it with "
                f"%config TimeMachine.{setting}"
            )
            removed = self._timeline.remove([state.number], why)
        self._take_news()
        return removed

    def _announce(self, numbers: list[Number], goal: str, setting: str) -> None:
        if not numbers:
            return
        what = (
            f"state {numbers[0]} was"
            if len(numbers) == 1
            else f"states {names_text(map(str, numbers))} were"
        )
        self.words.append(
            f"cowtm: {what} dropped to keep {goal}; raise it with %config TimeMachine.{setting}."
        )


class _Weighed:
    """What contents were found to take, and when it is worth finding out again."""

    def __init__(self) -> None:
        self.contents = 0
        self._cost = 0.0
        self._when = 0.0

    def note(self, contents: int, cost: float) -> None:
        """Take note of a result, and of the seconds it took."""
        self.contents = contents
        self._cost = cost
        self._when = time.perf_counter()

    def is_due(self) -> bool:
        """Tell whether enough time went by that weighing costs next to nothing."""
        return time.perf_counter() - self._when >= DUTY * self._cost


class Frames(MutableMapping[tuple[bytes, int], bytes]):
    """The frames in a keeper's journal, which is made when the first one is put there."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def _there(self) -> MutableMapping[tuple[bytes, int], bytes]:
        journal = self._keeper.journal
        return {} if journal is None else journal.chunks

    def __getitem__(self, key: tuple[bytes, int]) -> bytes:
        return self._there()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._there()

    def __setitem__(self, key: tuple[bytes, int], frame: bytes) -> None:
        self._keeper.open().journal.chunks[key] = frame

    def __delitem__(self, key: tuple[bytes, int]) -> None:
        del self._there()[key]

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return iter(self._there())

    def __len__(self) -> int:
        return len(self._there())


def weight_of_leaves(slots: Iterable[object]) -> int:
    """Return the bytes of plain values that names are bound to."""
    return sum(sys.getsizeof(slot) for slot in slots if isinstance(slot, _PLAIN))


_PLAIN = (str, bytes, int, float, complex)


_alive: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _close_all() -> None:
    """Write what is to be written before the interpreter ends."""
    for keeper in list(_alive):
        keeper.close()


def _abandon_all() -> None:
    """Leave the journals to the parent process: this one is its fork."""
    for keeper in list(_alive):
        keeper.abandon()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_abandon_all)
