"""A journal takes the place of another, or of none, at once and only when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from typing import TYPE_CHECKING

from cowtm.errors import BadInput, JournalInUse
from cowtm.journal.database import Database, beside, remove
from cowtm.journal.locks import WriterLock
from cowtm.journal.tables import APPLICATION, PUT
from cowtm.journal.trust import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cowtm.journal.sealed import SealedRows

COPIED = ("births", "notes", "chunks", "pages", "states")
"""Tables whose rows are copied."""

BATCH_BYTES = 16 << 20
"""Bytes copied in one transaction: what the log of the copy grows to."""


@contextlib.contextmanager
def taking_the_place_of(path: Path) -> Iterator[Path]:
    """Give another name to make a file under; when the block ends, it gets the name `path`.

    If the block raises, nothing has happened.

    Raises:
        BadInput: What is there is no journal.
        JournalInUse: It is being written or read.
        OSError: The folder can't be written.

    """
    private_folder(path.parent)
    lock = WriterLock(path)
    lock.acquire()
    try:
        if path.exists():
            _bring_into_one_file(path)
        other = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            yield other
            _sync(other)
            other.replace(path)
            _sync(path.parent)
        except BaseException:
            remove(other)
            raise
    finally:
        lock.release()


def _bring_into_one_file(path: Path) -> None:
    """Bring what is in the log of a journal into it: a log left there would go with the new one."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            application = connection.execute("PRAGMA application_id").fetchall()
            if application == [(APPLICATION,)] and beside(path, "-wal").exists():
                connection.execute("PRAGMA busy_timeout=0")
                connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        except sqlite3.OperationalError:
            # Somebody reads it: then the log is still there.
            application = [(APPLICATION,)]
        except sqlite3.DatabaseError:
            application = []
    if application != [(APPLICATION,)]:
        raise BadInput(f"{path} is there, and is no journal: choose another name")
    if beside(path, "-wal").exists():
        raise JournalInUse(f"{path} is being read by another process; choose another name")


def copy_rows(source: SealedRows, target: Database, sealed: SealedRows) -> None:
    """Write all rows of one journal into another that has none, judged and sealed anew.

    Raises:
        Damaged: One of them is lost.
        Untrusted: One of them was altered.
        DiskFull: There is no room.

    """
    for table in COPIED:
        rows = source.each(table)
        more = True
        while more:
            with target.transaction():
                more = _copy_batch(rows, sealed, table)


def _copy_batch(
    rows: Iterator[tuple[int, tuple[bytes, ...]]], sealed: SealedRows, table: str
) -> bool:
    size = 0
    for number, parts in rows:
        sealed.put(PUT, table, number, *parts)
        size += sum(map(len, parts))
        if size >= BATCH_BYTES:
            return True
    return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
