"""Is this file a journal, and which? Its header says so, or what is left of its beginning."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cowtm.errors import CowtmError, Damaged, JournalInUse, NotAJournal
from cowtm.journal.header import COPIES, Header, whole_header
from cowtm.journal.salvage import first_rows
from cowtm.journal.tables import MASTER, Columns, Rows, StoredRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cowtm.journal.database import Database


def recognise(database: Database) -> tuple[Header, str]:
    """Find the header, read before anything else.

    Returns:
        The header, and what is wrong with the beginning of the file; empty if nothing is.

    Raises:
        NotAJournal: There is none.
        Damaged: There was one.

    """
    path = database.path
    refusal: CowtmError = NotAJournal(f"{path} is no journal")
    try:
        if database.execute("SELECT * FROM sqlite_master ORDER BY rootpage") == MASTER:
            refusal = Damaged(f"{path} is damaged: neither its header nor the spare one is whole")
            header = whole_header(_headers(StoredRows(database)))
            if header is not None:
                whole = header.table == COPIES[0]
                return header, "" if whole else f"the header of {path} is damaged"
    except (Damaged, NotAJournal) as error:
        if isinstance(refusal, NotAJournal):
            refusal = NotAJournal(f"{path} is no journal, or damaged from its beginning: {error}")
    with contextlib.suppress(JournalInUse):
        header = whole_header(first_rows(path))
        if header is not None:
            return header, f"the first page of {path} is damaged"
    raise refusal


def has_header(path: Path) -> bool:
    """Tell whether a header can be found in a file, be it damaged otherwise."""
    with contextlib.suppress(JournalInUse):
        return whole_header(first_rows(path)) is not None
    return False


def _headers(rows: Rows) -> Iterator[Columns]:
    for table in COPIES:
        with contextlib.suppress(Damaged):
            columns = rows.get(table, 1)
            if columns is not None:
                yield columns
