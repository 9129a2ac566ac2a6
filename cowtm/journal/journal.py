"""A session on the disk: one SQLite file with states, pages of contents, classes and chunks.

The journal deals in bytes and JSON; it neither makes nor reads a pickle. Every row is sealed
(`cowtm.journal.trust`) and judged when it is read: what was altered is refused, what is damaged is
lost and said to be, and nothing wrong is ever given. The format is described in
``docs/journal.md``.

Thread safety: any thread may call anything; one works at a time, and a transaction of one thread
makes the others wait. After a fork the child must open the journal anew, and is told so.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from json import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cowtm.errors import BadInput, Damaged, JournalInUse, NotAJournal, StateNotFound
from cowtm.journal.copying import copy_rows, taking_the_place_of
from cowtm.journal.database import Database, remove
from cowtm.journal.frames import ChunkKey, Frames, chunk_key, key_bytes, split_keys
from cowtm.journal.header import COPIES, Kind, Signed, check, new_header
from cowtm.journal.ledger import Ledger
from cowtm.journal.locks import not_being_written
from cowtm.journal.recognition import has_header, recognise
from cowtm.journal.sealed import Parts, SealedRows
from cowtm.journal.survey import (
    Lost,
    missing_states,
    packed_pages,
    page_numbers,
    parsed_about,
    sizes_of,
)
from cowtm.journal.tables import (
    APPLICATION,
    PUT,
    REPLACE,
    SCHEMA,
    TABLES,
)
from cowtm.journal.trust import Sealer, private_folder
from cowtm.journal.trust import key as user_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

SUFFIX = ".cowtm"
"""How the names of journals end."""

BATCH = 32
"""Rows deleted in one transaction, up to 32 MiB of chunks: others get a turn in between."""

_ADVICE = "load it to see what is left, or resume it into a new file"


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state as the journal keeps it."""

    serial: int
    """Its number in the journal, 1 or more: states are given in the order of these."""
    about: dict[str, Any]
    """What JSON can say of it; shown to everybody, also before the journal is trusted."""
    delta: bytes
    """What came with it; only who has checked the journal's seal may make sense of it."""
    pages: tuple[int, ...]
    """Numbers of the pages that it needs."""


class Journal:
    """One journal, open to be read or to be written.

    Made by `create` and `open`. Use it as a context manager, or close it.

    Attributes:
        path: where it is, with all links resolved.
        header: what it says of itself: ``id``, ``kind``, ``created`` (seconds since 1970),
            ``cowtm`` and ``python`` (versions), ``key`` (fingerprint), ``format``.
        signed: whether this user's key sealed the header: ``yes``, ``no`` or ``altered``.
        chunks: frames of chunks by digest and size; see `Frames`.

    """

    def __init__(
        self, database: Database, sealer: Sealer, header: Mapping[str, Any], signed: Signed
    ) -> None:
        self.path = database.path
        self.header = header
        self.signed = signed
        self._database = database
        self._rows = SealedRows(database, sealer)
        self.chunks = Frames(database, self._rows)
        self._ledger = Ledger()
        self._lost: dict[int, Lost] = {}
        self._surveyed = False
        self._trust = sealer.secret is None

    # -- opening and closing -------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | os.PathLike[str], kind: Kind) -> Self:
        """Make a new journal, for this user alone, and open it to be written.

        Args:
            path: where; folders that are missing are made (mode 0700), the file has mode 0600.
            kind: what it is for.

        Raises:
            BadInput: There is a file of that name.
            JournalInUse: Somebody else is making it.
            DiskFull: There is no room.
            OSError: It can't be made there.

        """
        place = Path(os.path.realpath(path))
        private_folder(place.parent)
        key = user_key()
        header = new_header(kind, key)
        sealer = Sealer(bytes.fromhex(header["id"]), key.secret)
        journal = cls(
            Database.create(place, tuple(SCHEMA.values()), APPLICATION), sealer, header, "yes"
        )
        try:
            with journal._database.transaction():
                for table in COPIES:
                    journal._rows.put(PUT, table, 1, dumps(header).encode())
                journal._rows.put(PUT, "ledger", 1, journal._ledger.dump())
        except BaseException:
            journal.close()
            remove(place)
            raise
        return journal

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, write: bool, trust: bool = False) -> Self:
        """Open a journal that is there.

        One that is damaged is opened as far as it can be; `damage` and `lost_states` say what is
        missing.

        Args:
            path: where it is.
            write: whether to go on writing it; else it may be written by another process meanwhile.
            trust: read it whoever wrote it, and whoever altered it since: digests alone are
                checked. Not for writing: make a `backup` first, and write that.

        Raises:
            JournalNotFound: There is no such file.
            NotAJournal: It is something else.
            Untrusted: This user's key did not seal it, or it was altered; nothing was read but its
                header.
            JournalInUse: It is to be written, and another process writes it.
            Damaged: It is to be written, and damaged; or nothing of it can be read.
            OSError: It may not be read, or not written.

        """
        place = Path(os.path.realpath(path))
        database = Database.open(place, write=write)
        try:
            header, damage = recognise(database)
            key = user_key()
            signed = header.signed(key)
            if write or not trust:
                check(header, signed, str(place))
            secret = key.secret if write or not trust else None
            journal = cls(database, Sealer(header.identity, secret), header.about, signed)
            if damage:
                journal._rows.rescue_or_raise(damage)
            journal._survey()
            if write:
                database.prepare()
        except (Damaged, NotAJournal) as error:
            database.close()
            if write and has_header(place):
                raise Damaged(f"{error}; {_ADVICE}") from error
            raise
        except BaseException:
            database.close()
            raise
        return journal

    def close(self) -> None:
        """Leave one file behind, if nobody is reading it; nothing happens in a forked child."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what it is ----------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """What it is for."""
        kind: Kind = self.header["kind"]
        return kind

    @property
    def in_use(self) -> bool:
        """Whether a process is writing it now, this one included."""
        if self._database.writable:
            return True
        try:
            with not_being_written(self.path):
                return False
        except JournalInUse:
            return True

    @property
    def damage(self) -> list[str]:
        """What is known to be wrong with the file, in sentences; empty if nothing is."""
        return list(self._rows.damage)

    @property
    def next_page(self) -> int:
        """A number above those of all pages that ever were."""
        return self._ledger.next_page

    @property
    def last_serial(self) -> int:
        """The highest serial that a state ever had; 0 if there was none."""
        return self._ledger.last_serial

    @property
    def size(self) -> int:
        """Bytes on the disk, in the file and in its log."""
        return self._database.size

    def sizes(self) -> dict[int, int]:
        """Return the bytes of each state: its row, the pages it lists first, and their chunks."""
        return self._rows.robust(lambda: sizes_of(self._rows))

    # -- reading -------------------------------------------------------------------------------

    def states(self) -> list[StateRow]:
        """Return the states that can be read, in the order of their serials.

        Raises:
            Untrusted: One was altered.
            Damaged: The journal is being written, and damaged.

        """

        def read() -> list[StateRow]:
            with self._rows.snapshot():
                self._ledger = self._read_ledger()
                found = [
                    _state(serial, parts)
                    for serial, parts in self._rows.each("states")
                    if serial in self._ledger
                ]
            if len(found) < len(self._ledger) and not self._rows.rescued:
                raise Damaged(f"{self.path} is damaged: states are missing")
            return found

        return self._rows.robust(read)

    def state(self, serial: int) -> StateRow:
        """Return one state.

        Raises:
            StateNotFound: There is none of that serial.
            Damaged: It is lost.
            Untrusted: It was altered.

        """
        if serial not in self._ledger:
            raise StateNotFound(f"{self.path} has no state with serial {serial}")
        return _state(serial, self._rows.must("states", serial, f"the state with serial {serial}"))

    def page(self, page: int) -> bytes:
        """Return what was put into a page.

        Raises:
            StateNotFound: The process that writes the journal has removed it since it was opened.
            Damaged: It is lost.
            Untrusted: It was altered.

        """
        return self._rows.must("pages", page, f"page {page}")[1]

    def chunks_of(self, page: int) -> list[ChunkKey]:
        """Return the keys of the chunks that a page refers to; raises what `page` does."""
        keys = self._rows.must("pages", page, f"page {page}")[0]
        return [chunk_key(key) for key in split_keys(keys)]

    def birth(self, oid: int) -> bytes:
        """Return what was put down at the birth of a class; raises what `page` does."""
        return self._rows.must("births", oid, f"the class of object {oid}")[0]

    def births(self) -> list[int]:
        """Return the numbers of the objects at whose birth something was put down."""
        return self._rows.robust(lambda: [oid for oid, *_ in self._rows.outlines("births")])

    def note(self, name: str) -> Any:
        """Return a note, None if there is none of that name; raises what `page` does."""
        for key, value in self._rows.robust(
            lambda: [parts for _, parts in self._rows.each("notes")]
        ):
            if key == name.encode():
                return loads(value)
        return None

    # -- writing -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what is in the block all together or, if it raises, not at all.

        A block inside a block of the same thread is part of that. Other threads wait.

        Raises:
            DiskFull: There is no room; everything committed before is there.
            BadInput: The journal is open to be read only.

        """
        if not self._database.writable:
            raise BadInput(f"{self.path} is open to be read only; open it with write=True")
        with self._database.held() as inside:
            if inside:
                yield
                return
            before = self._ledger
            try:
                with self._database.transaction():
                    yield
                    if self._ledger is not before:
                        self._rows.put(REPLACE, "ledger", 1, self._ledger.dump())
            except BaseException:
                self._ledger = before
                raise

    def put_page(self, page: int, data: bytes, chunks: Iterable[ChunkKey]) -> None:
        """Write a page.

        Args:
            page: its number, 1 or more, that no page has had: `next_page` or above.
            data: what `page` is to give; at most 1e9 bytes.
            chunks: keys of the chunks that it refers to.

        Raises:
            BadInput: There is a page of that number, or the data are too long.
            DiskFull: There is no room; nothing was written.

        """
        keys = b"".join(map(key_bytes, chunks))
        with self.transaction():
            self._rows.put(PUT, "pages", page, keys, data)
            self._ledger = self._ledger.with_page(page)

    def put_birth(self, oid: int, data: bytes) -> None:
        """Write what `birth` is to give; what was there of that object is replaced.

        Raises:
            DiskFull: There is no room; nothing was written.

        """
        with self.transaction():
            self._rows.put(REPLACE, "births", oid, data)

    def put_state(self, state: StateRow) -> None:
        """Write a state; one of the same serial is replaced.

        Raises:
            BadInput: The data are too long.
            DiskFull: There is no room; nothing was written.

        """
        about = dumps(state.about).encode()
        with self.transaction():
            pages = packed_pages(state.pages)
            self._rows.put(REPLACE, "states", state.serial, about, pages, state.delta)
            self._ledger = self._ledger.with_state(state.serial)

    def put_note(self, name: str, value: object) -> None:
        """Write a note, any value that JSON knows; one of the same name is replaced.

        Raises:
            DiskFull: There is no room; nothing was written.

        """
        with self.transaction():
            names = {columns[0]: number for number, columns, _ in self._rows.outlines("notes")}
            number = names.get(name.encode(), 1 + max(names.values(), default=0))
            self._rows.put(REPLACE, "notes", number, name.encode(), dumps(value).encode())

    def remove(self, serials: Iterable[int]) -> None:
        """Take states out; `sweep` gives their room back.

        Raises:
            DiskFull: There is no room for the log; nothing was removed.

        """
        gone = list(serials)
        with self.transaction():
            for serial in gone:
                self._rows.delete("states", serial)
            self._ledger = self._ledger.without(gone)

    def sweep(self, pages_in_use: Collection[int], chunks_in_use: Container[ChunkKey]) -> None:
        """Delete what no state needs, and give the room back to the file system.

        That is done in steps; other threads and other transactions get a turn in between, and may
        write pages meanwhile, but must not begin to use an old one.

        Args:
            pages_in_use: pages to keep that no state lists.
            chunks_in_use: chunks to keep that no page refers to; asked about each in the
                transaction that deletes it, so one that comes to be used again meanwhile stays.

        Raises:
            DiskFull: There is no room for the log; what is left can be swept again.

        """
        with self._database.transaction():
            needed = set(pages_in_use)
            for _, (_, listed), _ in self._rows.outlines("states"):
                needed.update(page_numbers(listed))
            pages = [page for page, *_ in self._rows.outlines("pages") if page not in needed]
        self._delete("pages", pages)
        with self._database.transaction():
            keys: set[bytes] = set()
            for _, (listed,), _ in self._rows.outlines("pages"):
                keys.update(split_keys(listed))
            chunks = {
                number: chunk_key(key)
                for number, (key,), _ in self._rows.outlines("chunks")
                if key not in keys
            }
        self._delete("chunks", list(chunks), lambda number: chunks[number] in chunks_in_use)
        if pages or chunks:
            self._database.give_back()
            self.flush()

    def _delete(
        self,
        table: str,
        numbers: list[int],
        is_used: Callable[[int], bool] = lambda number: False,  # noqa: ARG005
    ) -> None:
        for start in range(0, len(numbers), BATCH):
            with self._database.transaction():
                for number in numbers[start : start + BATCH]:
                    if not is_used(number):
                        self._rows.delete(table, number)

    def flush(self) -> None:
        """Bring everything onto the disk: what was committed then survives a power failure.

        Raises:
            DiskFull: There is no room in the file; everything is in its log.

        """
        self._database.flush()

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of what is committed as a journal of its own, sealed with this user's key.

        The copy has a name and an identity of its own, for it may be gone on with, and a row of one
        must not pass for a row of the other; so all rows are read, judged and sealed anew. Until it
        is whole it has another name: what was at `path` before is there until then.

        Args:
            path: where; a journal that is there, and that nobody uses, is replaced.

        Raises:
            BadInput: There is a file that is no journal.
            JournalInUse: There is one that is being written or read.
            Damaged: Something of this one is lost.
            Untrusted: Something of it was altered.
            DiskFull: There is no room.
            OSError: The copy can't be made there.

        """
        with (
            taking_the_place_of(Path(os.path.realpath(path))) as place,
            # It has a connection of its own: this journal can be written meanwhile.
            type(self).open(self.path, write=False, trust=self._trust) as source,
            type(self).create(place, "saved") as target,
        ):
            source._copy_into(target)  # noqa: SLF001  of the same class

    def _copy_into(self, other: Self) -> None:
        rows, database = other._rows, other._database
        with self._rows.snapshot():
            self._survey()
            if self._rows.damage:
                raise Damaged(f"{self._rows.damage[0]}; {_ADVICE}")
            copy_rows(self._rows, database, rows)
        with other.transaction():
            other._ledger = self._ledger

    # -- damage --------------------------------------------------------------------------------

    def lost_states(self) -> dict[int | str, str]:
        """Tell which states are known to be lost, and why.

        That is what can be told from which rows are there; `verify` also looks into them. States
        that build on lost ones are not among them.

        Returns:
            Number of the state -> what is missing; ``serial 7`` where the number is lost too.

        """
        return {
            f"serial {lost.serial}" if lost.number is None else lost.number: lost.why
            for lost in self.lost()
        }

    def lost(self) -> list[Lost]:
        """Tell which states are known to be lost, in the order of their serials."""
        if self._rows.rescued and not self._surveyed:
            self._survey()
        return [self._lost[serial] for serial in sorted(self._lost)]

    def verify(self) -> None:
        """Read everything, and complete `damage` and `lost_states`.

        Raises:
            Untrusted: Something was altered.
            Damaged: The journal is being written, and damaged.

        """

        def read() -> None:
            for table in TABLES:
                for _ in self._rows.each(table):
                    pass

        self._rows.robust(read)
        self._survey()

    def _survey(self) -> None:
        """Find out what is missing, without reading the long parts."""

        def look() -> dict[int, Lost]:
            with self._rows.snapshot():
                self._ledger = self._read_ledger()
                lost = missing_states(self._rows, self._ledger)
            if lost and not self._rows.rescued:
                raise Damaged(f"{self.path} is damaged: {next(iter(lost.values())).why}")
            return lost

        self._lost = self._rows.robust(look)
        self._surveyed = self._rows.rescued

    def _read_ledger(self) -> Ledger:
        try:
            return Ledger.load(self._rows.must("ledger", 1, "the list of the states")[0])
        except Damaged:
            if not self._rows.rescued:
                raise
        # Those that are there are taken for all that were.
        self._rows.note_damage(
            f"the list of the states of {self.path} is damaged: what else was there is unknown"
        )
        ledger = Ledger()
        for serial, *_ in self._rows.outlines("states"):
            ledger = ledger.with_state(serial)
        for page, *_ in self._rows.outlines("pages"):
            ledger = ledger.with_page(page)
        return ledger


def _state(serial: int, parts: Parts) -> StateRow:
    about, pages, delta = parts
    return StateRow(serial, parsed_about(about), delta, page_numbers(pages))
