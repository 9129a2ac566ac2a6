"""Keeps what was recorded within its budgets and has it written down, in the background.

After every state

1. it is written into the journal, if states are saved as they are born;
2. the least recently used moves on, while there is more in memory than the budget allows: chunks
   from raw to packed to disk, deltas of states to disk;
3. states are dropped, when the disk is full too or has a budget of its own: the least recently used
   first, never the current or a pinned one. Their neighbours take over what they need of them.

Thread safety: any thread may call anything, but who holds the timeline's lock must not wait for
the work to be done: `at_rest`, `catch_up`, `flush`, `save`, `close`. Locks are taken in this order:
the one that the work holds, the timeline's, then those of chunks and journal. What is to be said is
left in `words`: a background thread has no cell to print into.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from cowtm.background import Background
from cowtm.budgets import AUTO, LEAST_ON_DISK, bytes_of, disk_space, machine_memory
from cowtm.chunks import OVERHEAD
from cowtm.display import names_text, size_text
from cowtm.errors import CowtmError
from cowtm.native import BLOCK, Content
from cowtm.saved.folder import default_folder
from cowtm.timeline import order
from cowtm.writer import PLAIN, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from cowtm.delta import Delta
    from cowtm.journal import Journal
    from cowtm.mirror import Mirror
    from cowtm.native import Node
    from cowtm.saved.codec import Codec
    from cowtm.timeline import Number, State, Timeline

QUEUE = 64
"""States that may wait for being written before the next cell has to wait."""

RAW_SHARE = 4
"""Raw chunks may take one part in so many of the memory budget: the newest, read at no cost."""

CONTENTS_SHARE = 2
"""Contents may take one part in so many of it before deltas go to disk."""

READ_SHARE = 64
"""What was read of contents may be kept as long as it was one part in so many of it on disk."""

HASTE_SHARE = 16
"""Cells wait for the work on what they recorded if it is more than one part in so many of it."""

SLACK = 0.9
"""Once over a budget, this share of it is aimed at, so that not every cell is over it again."""

SHELVE_STEP = 16
"""Deltas go to disk by one part in so many before it is looked again whether that is enough: to
look takes as long as there is much."""

DROP_STEP = 32
"""States are dropped by one part in so many, likewise."""

DUTY = 50
"""Contents are weighed again after so many times as long as it took."""

LEAST = 8 << 20
"""Bytes that are allowed in memory whatever the budget says."""

ENTRY = 300
"""Bytes that an object's content takes, about, until it is weighed."""

FEW = 100
"""Contents of a state that are looked at one by one for such an estimate."""

POINTER = 8
"""Bytes of a slot."""

SAMPLE = 16
"""Plain values of a long content that are looked at for such an estimate."""

BESIDES = 4
"""References to a plain value besides those that share its size: the variable's, which goes when
the next cell replaces it, and those of who asks."""

_FAILURES = (CowtmError, OSError, sqlite3.Error)


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
        self._timeline = timeline
        self._lock = lock
        self._current_cell = current_cell
        self._limits = Limits()
        self.memory_budget = bytes_of(self._limits.memory, machine_memory())
        self._writer = Writer(mirror, timeline, lock, lambda: self.folder, self._tell)
        self._weighed = _Weighed()
        self._said: set[str] = set()
        self._failure = ""
        self._fresh_bytes = 0
        self._closed = self._continues = False
        self._work = threading.RLock()
        self._background = Background(self._do)
        timeline.stored = self
        mirror.store.disk = Frames(self)
        self._bound_chunks()
        _alive.add(self)

    # -- settings ------------------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """What the archive may take, as users write it."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        if limits == self._limits:
            return
        bytes_of(limits.disk, 100)  # refuses what is no budget, before anything is changed
        self.memory_budget = bytes_of(limits.memory, machine_memory())
        journal = self.journal
        if limits.folder != self._limits.folder and journal is not None:
            self.words.append(
                f"cowtm: the journal stays {journal.path}; spill_dir says where the next one goes."
            )
        if limits.autosave != self._limits.autosave:
            self._continues = False
        self._limits = limits
        self._said.clear()
        self._bound_chunks()
        self.ask()

    @property
    def folder(self) -> Path:
        """Where journals are put."""
        return self._limits.folder or default_folder()

    @property
    def disk_budget(self) -> int:
        """Bytes that the journal may take on disk."""
        journal = self.journal
        folder, taken = (self.folder, 0) if journal is None else (journal.path.parent, journal.size)
        # below that dropping states would not help: there would be nothing in it to be had
        return max(bytes_of(self._limits.disk, disk_space(folder) + taken), LEAST_ON_DISK)

    def _bound_chunks(self) -> None:
        """Have who stores chunks make room first, where the thread would come too late."""
        codec = self._writer.codec
        if codec is not None:
            codec.bound(self.memory_budget // READ_SHARE)
        self._mirror.store.limit = max(self.memory_budget - self._weighed.contents, LEAST)

    # -- what others call ----------------------------------------------------------------------

    @property
    def journal(self) -> Journal | None:
        """The journal, if there is one yet."""
        return self._writer.journal

    @property
    def contents(self) -> int:
        """Bytes that contents take in memory, as weighed last."""
        return self._weighed.contents + self._writer.leaf_bytes

    def saved(self) -> list[Number]:
        """Return the numbers of the states that are in the journal as they are now.

        What a state builds on is there too: parents come before their children.
        """
        saved: dict[Number, None] = {}
        with self._lock:
            for state in self._timeline.values():
                if (state.parent is None or state.parent in saved) and self._writer.has(state):
                    saved[state.number] = None
        return list(saved)

    def ask(self) -> None:
        """Have it looked soon whether there is something to do."""
        try:
            self._background.ask()
        except RuntimeError as error:
            self._tell(f"cowtm: nothing is saved or kept within budgets for now: {error}")

    def catch_up(self) -> None:
        """Wait while too much waits for being written, or for leaving memory.

        That is more than `QUEUE` states, or contents beyond the budget. Nobody waits for a disk
        that takes nothing.
        """
        fresh = self._timeline.fresh
        with suppress(KeyError, RuntimeError):  # the thread has just taken them all
            self._fresh_bytes += _about_bytes(fresh[next(reversed(fresh), 0)])
        self._background.wait_while(self._is_far_behind)

    def flush(self) -> None:
        """Wait until all that was asked for is done."""
        self._background.flush()

    def forget(self) -> None:
        """Let go of states that were removed, now; what they take on disk goes later.

        To be called by who holds the timeline's lock.
        """
        self._writer.forget()
        self.ask()

    def save(self, path: Path) -> None:
        """Write all states into a journal of their own.

        Raises:
            DiskFull: there is no room for it.

        """
        with self._work:
            self._take_news()
            self._writer.write_all(self._background.progress)
            self._writer.remove_rows()
            self._writer.open().journal.backup(path)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Have nothing done in the background until the block ends; before the lock is taken."""
        with self._work:
            yield

    def use(self, mirror: Mirror, codec: Codec) -> None:
        """Go on with another mirror, whose states a journal has, as the timeline does by now."""
        self._mirror = mirror
        self._continues = True
        self._weighed = _Weighed()
        self._writer.use(mirror, codec)
        mirror.store.disk = Frames(self)
        self._bound_chunks()
        self.ask()

    def abandon(self) -> None:
        """Leave everything to the process that this one is a fork of.

        Locks are made anew: the thread that may have held one is not there to give it back.
        """
        self._closed = True
        self._work = threading.RLock()
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  as `logging` does
        self._background.abandon()
        self._writer.abandon()

    def close(self) -> None:
        """Write what is to be written, and end.

        What could not be written is said on the standard error stream.
        """
        if self._closed:
            return
        self._closed = True
        self._background.close()
        with self._work:
            try:
                if self._saves:
                    self._save_news()
            except Exception as error:  # noqa: BLE001  nobody is left to handle it: it is told
                numbers = names_text([str(number) for number in self._writer.unsaved])
                what = f"states {numbers} are not saved" if numbers else "the journal is not closed"
                print(f"cowtm: {what}: {_words_of(error)}", file=sys.stderr)  # noqa: T201
            finally:
                self._writer.close()

    # -- for the timeline (`timeline.Stored`) and for chunks -----------------------------------

    def delta(self, serial: int) -> Delta:
        """Read the delta of a state."""
        return self._writer.open().delta(serial)

    def resolve(self, delta: Delta) -> Delta:
        """Read what the values of a delta stand for."""
        codec = self._writer.codec
        return delta if codec is None else codec.resolve(delta)

    def value(self, node: Node | None, value: Any) -> Any:
        """Read what one value stands for."""
        codec = self._writer.codec
        return value if codec is None else codec.value(node, value)

    def open(self) -> Codec:
        """Return what reads and writes the journal, which is made if there is none."""
        return self._writer.open()

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is, which is made if states are to be saved; None if there is none."""
        if self._saves:
            self.open()
        journal = self.journal
        return None if journal is None else journal.path

    @property
    def _saves(self) -> bool:
        """Whether states are saved as they are born: as wished, or where a journal is continued."""
        return self._limits.autosave or self._continues

    # -- the work ------------------------------------------------------------------------------

    def _do(self) -> None:
        with self._work:
            for part in (self._save, self._fit_memory, self._writer.prune, self._fit_disk):
                try:
                    part()
                except Exception as error:  # noqa: BLE001  it must not end the thread: it is told
                    self._tell(f"cowtm: the archive is not in order: {_words_of(error)}")

    def _save(self) -> None:
        """Write what is to be written, and take out of the journal what is gone."""
        self._take_news()
        try:
            try:
                if self._saves:
                    self._save_news()
            finally:  # which may be what makes room
                self._writer.remove_rows()
        except _FAILURES as error:
            self._failure = f"cowtm: states are not saved for now: {error}"
            self._tell(self._failure)
            return
        if self._failure:
            self._said.discard(self._failure)
            self._failure = ""
            self.words.append("cowtm: states are saved again.")

    def _take_news(self) -> None:
        self._fresh_bytes = 0
        self._weighed.since += sum(map(_about_bytes, self._writer.take_news()))
        self._background.progress()

    def _save_news(self) -> None:
        self._take_news()
        self._writer.keep()
        self._writer.write_all(self._background.progress)

    def _is_far_behind(self) -> bool:
        if self._saves and not self._failure and self._writer.backlog > QUEUE:
            return True
        return self._fresh_bytes > self.memory_budget // HASTE_SHARE

    def _tell(self, line: str, topic: str = "") -> None:
        """Say something at the next occasion, each thing once until the settings change.

        Args:
            line: what is said.
            topic: what it is about, if the words for it change.

        """
        if (topic or line) not in self._said:
            self._said.add(topic or line)
            self.words.append(line)

    # -- memory --------------------------------------------------------------------------------

    def weigh(self, *, due: bool = True) -> int:
        """Find out what contents take in memory, bytes.

        Args:
            due: whatever it costs; else only if enough time went by since last time.

        """
        if due or self._weighed.is_due(self.memory_budget // HASTE_SHARE):
            with self._lock:
                states = self._timeline.values()
            started = perf_counter()
            deltas = [state.delta.contents for state in states if state.delta is not None]
            sides: list[Any] = [side for each in deltas for side in (each.before, each.after)]
            table, store = self._mirror.table, self._mirror.store
            contents = table.weigh(sides) + OVERHEAD * len(store)
            contents += sum(map(sys.getsizeof, [table, *sides]))
            self._weighed.note(contents, perf_counter() - started)
        return self.contents

    def _fit_memory(self) -> None:
        """Bring what is in memory within the budget."""
        budget = self.memory_budget
        refusal = self._move_on()
        if refusal is None:
            self._warn_of_the_present()
            return
        goal = f"to keep the memory within {size_text(budget)}; the disk takes no more ({refusal})"
        with self._dropping(
            f"{goal}. Make room on it, or raise {_setting('memory_budget')}"
        ) as drop:
            # what the present itself takes is not to be had by dropping states
            while self._memory() > max(budget, self._mirror.table.weigh([]) + LEAST):
                if not drop():
                    self._tell(
                        f"cowtm: the archive takes {size_text(self._memory())} of memory, and no "
                        "state is left that may be dropped: only this and pinned ones are there."
                    )
                    return
                self._move_on()

    def _warn_of_the_present(self) -> None:
        """Say that the budget can't be kept: what the present takes can't be moved."""
        if self.contents <= self.memory_budget:
            return
        present = self._mirror.table.weigh([])
        if present > self.memory_budget:
            self._tell(
                f"cowtm: to know what a cell changes takes {size_text(present)} for the variables "
                f"as they are, more than the budget of {size_text(self.memory_budget)}; "
                f"tm.dontsave(name) leaves variables out, or raise {_setting('memory_budget')}.",
                "present",
            )

    def _memory(self) -> int:
        """Weigh all that is in memory; the store lets go of what is of no use meanwhile."""
        return self.weigh() + self._mirror.store.raw + self._mirror.store.packed

    def _move_on(self) -> str | None:
        """Move the least recently used on until what is left in memory is within the budget.

        Returns:
            None; if the disk refuses, what it says: nothing is lost then.

        """
        budget = self.memory_budget
        refusal = None
        try:
            if self.weigh(due=False) > budget // CONTENTS_SHARE:
                self._shelve(int(budget // CONTENTS_SHARE * SLACK))
        except _FAILURES as error:
            refusal = _words_of(error)
        self._bound_chunks()
        room = max(budget - self.contents, min(LEAST, budget))
        raw = min(budget // RAW_SHARE, room)
        try:
            self._mirror.store.settle(raw, room - raw)
        except _FAILURES as error:
            refusal = _words_of(error)
        return refusal

    def _shelve(self, target: int) -> None:
        """Have deltas in the journal only, the least recently used first, until contents fit."""
        with self._lock:
            states = [state for state in self._timeline.by_use() if state.delta]
        while states and self.weigh() > target:
            count = 1 + len(states) // SHELVE_STEP
            for state in states[:count]:
                self._writer.shelve(state)
            del states[:count]

    # -- the disk, and dropping ----------------------------------------------------------------

    def _fit_disk(self) -> None:
        """Drop states until the journal fits into its budget."""
        if not self._is_over_disk():
            return
        goal = f"to keep the journal within {size_text(self.disk_budget)}"
        with self._dropping(f"{goal}. Raise {_setting('disk_budget')}") as drop:
            while self._is_over_disk():
                if not drop():
                    self._tell(
                        f"cowtm: the journal takes {size_text(self.disk_budget)} or more, and no "
                        "state is left that may be dropped: only this one and pinned ones are "
                        f"there. Raise {_setting('disk_budget')}."
                    )
                    return
                self._writer.remove_rows()

    def _is_over_disk(self) -> bool:
        journal = self.journal
        if journal is None or journal.size <= self.disk_budget:
            return False
        journal.flush()  # its log is given back before any state is
        return journal.size > self.disk_budget

    @contextmanager
    def _dropping(self, why: str) -> Iterator[Callable[[], list[Number]]]:
        """Give what drops some states, and announce in the end which were dropped, and why."""
        numbers: list[Number] = []

        def drop() -> list[Number]:
            with self._lock:
                here = self._timeline.position
                there = self._timeline.by_use()
                may_go = [s.number for s in there if not s.pinned and s.number != here]
                some = may_go[: 1 + len(may_go) // DROP_STEP]
                cell = self._current_cell()
                gone = self._timeline.remove(some, f"it was dropped at cell {cell} {why}")
                self._timeline.forget_origins()
            numbers.extend(gone)
            self._take_news()
            return gone

        try:
            yield drop
        finally:
            if numbers:
                numbers.sort(key=order)
                many = f"{len(numbers)} states ({names_text([*map(str, numbers)])}) were"
                what = many if len(numbers) > 1 else f"state {numbers[0]} was"
                self.words.append(f"cowtm: {what} dropped {why}.")


def _setting(name: str) -> str:
    return f"it with %config TimeMachine.{name}"


def _words_of(error: Exception) -> str:
    known = isinstance(error, CowtmError | OSError)
    return str(error) if known else f"{type(error).__name__}: {error}"


class _Weighed:
    """What contents were found to take, and when it is worth finding out again."""

    def __init__(self) -> None:
        self.contents = 0
        self.since = 0
        """Bytes that came since, about."""
        self._cost = 0.0
        self._when = 0.0

    def note(self, contents: int, cost: float) -> None:
        """Take note of a result, and of the seconds it took."""
        self.contents = contents
        self.since = 0
        self._cost = cost
        self._when = perf_counter()

    def is_due(self, much: int) -> bool:
        """Tell whether much came since, or so much time went by that weighing costs nothing."""
        return self.since > much or perf_counter() - self._when >= DUTY * self._cost


def _about_bytes(state: State) -> int:
    """Estimate what the contents of a new state take, in no time."""
    if state.delta is None:
        return 0
    contents = state.delta.contents.after
    size = ENTRY * len(contents)
    if len(contents) <= FEW:
        for content in contents.values():
            if type(content) is Content and content.blocked:
                size += BLOCK * len(content.slots) * (POINTER + _bytes_a_slot(content.slots[0]))
    return size


def _bytes_a_slot(block: tuple[Any, ...]) -> int:
    """Estimate what the plain values in a block take, bytes each."""
    some = [each for each in block[:: BLOCK // SAMPLE] if isinstance(each, PLAIN)]
    shares = (sys.getsizeof(each) // max(sys.getrefcount(each) - BESIDES, 1) for each in some)
    return sum(shares) // SAMPLE


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

    def update(self, frames: Mapping[tuple[bytes, int], bytes]) -> None:  # type: ignore[override]
        """Put frames there in one transaction: all of them, or none."""
        journal = self._keeper.open().journal
        with journal.transaction():
            for key, frame in frames.items():
                journal.chunks[key] = frame

    def length(self, key: tuple[bytes, int]) -> int:
        """Return the bytes of a frame, without reading it."""
        journal = self._keeper.journal
        if journal is None:
            raise KeyError(key)
        return journal.chunks.length(key)

    def __delitem__(self, key: tuple[bytes, int]) -> None:
        del self._there()[key]

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return iter(self._there())

    def __len__(self) -> int:
        return len(self._there())


_alive: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _close_all() -> None:
    """Write what is to be written before the interpreter ends."""
    for keeper in list(_alive):
        keeper.close()


def _abandon_all() -> None:
    """Leave the journals to the parent process: this one is its fork."""
    for keeper in list(_alive):
        keeper.abandon()


# Finalizers close what is left of journals when the interpreter ends. They must come after this, so
# the first of all finalizers is made before.
weakref.finalize(_alive, _alive.clear)
atexit.register(_close_all)
os.register_at_fork(after_in_child=_abandon_all)
