"""Rows that are believed only with the right seal; of a damaged file, those that are whole.

While SQLite can read the file, rows come from there. At the first sign of damage a reader gives up
on SQLite's trees, looks at every page of the file once, and goes on with the rows that are whole
(`cowtm.journal.salvage`). A writer stops: a damaged file is not written.

Thread safety: as `cowtm.journal.database`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cowtm.errors import BadInput, Damaged, JournalInUse, StateNotFound, Untrusted
from cowtm.journal.salvage import RescuedRows
from cowtm.journal.tables import DELETE, Columns, Rows, StoredRows
from cowtm.journal.trust import Sealer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cowtm.journal.database import Database

Parts: TypeAlias = tuple[bytes, ...]
"""What a row holds, without its seal."""

T = TypeVar("T")


class SealedRows:
    """The rows of one journal.

    Args:
        database: where they are.
        sealer: seals and judges them.

    Attributes:
        damage: what is known to be wrong with the file, in sentences.
        rescued: whether the rows are those that were found by looking at every page.

    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self.path: Path = database.path
        self.damage: list[str] = []
        self.rescued = False
        self._database = database
        self._sealer = sealer
        self._rows: Rows = StoredRows(database)
        self._version = 0

    # -- reading -------------------------------------------------------------------------------

    def get(self, table: str, number: int) -> Parts | None:
        """Return a row, None where there is none.

        Raises:
            Damaged: It is not what was written.
            Untrusted: It was written by somebody without the key.

        """

        def found() -> Parts | None:
            columns = self._rows.get(table, number)
            return None if columns is None else self._judged(table, number, columns)

        with self._database.held():
            return self.robust(found)

    def must(self, table: str, number: int, what: str) -> Parts:
        """Return a row that was there once.

        Args:
            table: where it is.
            number: its number.
            what: what it is, in words.

        Raises:
            StateNotFound: Who writes the journal has removed it.
            Damaged: It is lost.
            Untrusted: It was written by somebody without the key.

        """
        with self._database.held():
            parts = self.get(table, number)
            if parts is not None:
                return parts
            if not self.rescued and self._version != self._database.version:
                raise StateNotFound(
                    f"{what} of {self.path} is gone: the process that writes it has let go of it "
                    "meanwhile; load it anew"
                )
            why = f"{what} of {self.path} is lost: the file is damaged"
            if self.rescue(why):
                parts = self.get(table, number)
            if parts is None:
                raise Damaged(why)
            return parts

    def each(self, table: str) -> Iterator[tuple[int, Parts]]:
        """Give the rows with their numbers, in order; raises what `get` does."""
        for number, columns in self._rows.each(table):
            yield number, self._judged(table, number, columns)

    def outlines(self, table: str) -> Iterator[tuple[int, Columns, int]]:
        """Give of each row its number, its parts but the last one, and its bytes in all.

        They are not judged: good for accounting, not for reading.
        """
        return self._rows.outlines(table)

    def place(self, key: bytes) -> int | None:
        """Return the number of the chunk with a key, or None where there is none."""
        with self._database.held():
            return self.robust(lambda: self._rows.place(key))

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read in the block what was there at one moment."""
        if self.rescued:
            yield
            return
        with self._database.transaction():
            self._version = self._database.version
            yield

    def _judged(self, table: str, number: int, columns: Columns) -> Parts:
        seal, *parts = columns
        verdict = self._sealer.judge(seal, table, number, tuple(parts))
        if verdict is Verdict.DAMAGED:
            raise Damaged(f"{self.path} is damaged: row {number} of its table {table}")
        if verdict is Verdict.ALTERED:
            raise Untrusted(
                f"{self.path} was altered by somebody without your key: row {number} of its table "
                f"{table}; reading it runs code of whoever did that; if you know who, and trust "
                "them, say trust=True"
            )
        return tuple(parts)

    # -- writing -------------------------------------------------------------------------------

    def put(self, statements: Mapping[str, str], table: str, number: int, *parts: bytes) -> None:
        """Write a row.

        Args:
            statements: `tables.PUT` for a row that is new, `tables.REPLACE` for any.
            table: where it goes.
            number: its number.
            parts: what it holds.

        Raises:
            BadInput: There is one already, or it is too long; or the journal is only read.
            DiskFull: There is no room.

        """
        if not self._database.writable:
            raise BadInput(f"{self.path} is open to be read only; open it with write=True")
        seal = self._sealer.seal(table, number, parts)
        self._database.execute(statements[table], number, seal, *parts)

    def delete(self, table: str, number: int) -> None:
        """Remove a row, if it is there."""
        self._database.execute(DELETE[table], number)

    # -- damage --------------------------------------------------------------------------------

    def robust(self, work: Callable[[], T]) -> T:
        """Do something that reads; if damage is met, do it again with the rows that are whole."""
        try:
            return work()
        except Damaged as error:
            if not self.rescue(str(error)):
                raise
            return work()

    def rescue(self, why: str) -> bool:
        """Go on with the rows that are whole, found by looking at every page.

        Args:
            why: what was met, in a sentence.

        Returns:
            Whether that gives other rows than before.

        """
        self.note_damage(why)
        if self.rescued or self._database.writable:
            return False
        rescued = RescuedRows(self.path, Sealer(self._sealer.journal, None))
        try:
            rescued.scan()
        except JournalInUse:
            self.note_damage(f"{self.path} is being written; close it there to have more of it")
            return False
        self._rows = rescued
        self.rescued = True
        return True

    def rescue_or_raise(self, why: str) -> None:
        """Go on with the rows that are whole.

        Raises:
            Damaged: The file is to be written, or is being written.

        """
        if not self.rescue(why):
            raise Damaged(why)

    def note_damage(self, why: str) -> None:
        """Remember what is wrong."""
        if why not in self.damage:
            self.damage.append(why)
