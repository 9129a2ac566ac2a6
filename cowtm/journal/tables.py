"""What a journal's file looks like: its tables, and rows of them as they lie there.

Every table has the same shape: a number, a seal, and parts, all bytes. The longest part comes last,
so that the others are read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cowtm.journal.database import Database

APPLICATION = 0x636F7774
"""SQLite's application id of a journal: ``cowt``."""

FORMAT = 2
"""The version of what is described here."""

TABLES: dict[str, tuple[str, ...]] = {
    "header": ("about",),
    "spare": ("about",),
    "ledger": ("about",),
    "notes": ("name", "value"),
    "states": ("about", "pages", "delta"),
    "pages": ("chunks", "data"),
    "births": ("data",),
    "chunks": ("key", "frame"),
}
"""Names of the tables, in the order of their first pages, and of the parts of their rows."""

FIRST_ROOT = 3
"""Page of the file where the first table begins: 1 is the schema, 2 tells what each page is."""

SCHEMA = {
    table: f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, seal BLOB NOT NULL, "
    + ", ".join(f"{part} BLOB NOT NULL" for part in parts)
    + ")"
    for table, parts in TABLES.items()
}
"""The statements that make the tables. SQLite reads no file whose schema is not exactly this."""

MASTER = [
    ("table", table, table, FIRST_ROOT + index, statement)
    for index, (table, statement) in enumerate(SCHEMA.items())
]
"""The rows of the schema as SQLite keeps it."""

Columns: TypeAlias = tuple[Any, ...]
"""Seal and parts of a row as they were read: bytes, unless the file is damaged."""


WINDOW = 8
"""Numbers that a chunk may have: its first place, and those after it if that is taken."""


def first_place(key: bytes) -> int:
    """Return the first number that the chunk with a key may have.

    It comes from the digest, so that a chunk is found without an index, which could be damaged
    apart from the rows.
    """
    return int.from_bytes(key[:8], "little") >> 2


class Rows(Protocol):
    """The rows of a file: as SQLite gives them, or as they are found by looking at every page."""

    def get(self, table: str, number: int) -> Columns | None:
        """Return a row, or None where there is none."""
        ...

    def place(self, key: bytes) -> int | None:
        """Return the number of the chunk with a key, or None where there is none."""
        ...

    def each(self, table: str) -> Iterator[tuple[int, Columns]]:
        """Give the rows with their numbers, in order."""
        ...

    def outlines(self, table: str) -> Iterator[tuple[int, Columns, int]]:
        """Give of each row its number, its parts but the last one, and its bytes in all."""
        ...


class StoredRows:
    """The rows as SQLite gives them; every call may raise what `Database.execute` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, table: str, number: int) -> Columns | None:
        """Return a row, or None where there is none."""
        rows = self._database.execute(_GET[table], number)
        return tuple(rows[0]) if rows else None

    def place(self, key: bytes) -> int | None:
        """Return the number of the chunk with a key, or None where there is none."""
        first = first_place(key)
        for number, found in self._database.execute(_PLACES, first, first + WINDOW - 1):
            if found == key:
                return int(number)
        return None

    def each(self, table: str) -> Iterator[tuple[int, Columns]]:
        """Give the rows with their numbers, in order."""
        for number, *columns in self._database.each(_EACH[table]):
            yield number, tuple(columns)

    def outlines(self, table: str) -> Iterator[tuple[int, Columns, int]]:
        """Give of each row its number, its parts but the last one, and its bytes in all."""
        for number, size, *parts in self._database.each(_OUTLINES[table]):
            yield number, tuple(parts), size


def _size(parts: tuple[str, ...]) -> str:
    return " + ".join(f"length({column})" for column in ("seal", *parts))


# The names come from the table above.
_GET = {
    table: f"SELECT seal, {', '.join(parts)} FROM {table} WHERE id = ?"  # noqa: S608
    for table, parts in TABLES.items()
}
_EACH = {
    table: f"SELECT id, seal, {', '.join(parts)} FROM {table} ORDER BY id"  # noqa: S608
    for table, parts in TABLES.items()
}
_OUTLINES = {
    table: f"SELECT {', '.join(('id', _size(parts), *parts[:-1]))} FROM {table} ORDER BY id"  # noqa: S608
    for table, parts in TABLES.items()
}
_PLACES = "SELECT id, key FROM chunks WHERE id BETWEEN ? AND ?"
PUT = {
    table: f"INSERT INTO {table}(id, seal, {', '.join(parts)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * (2 + len(parts)))})"
    for table, parts in TABLES.items()
}
"""Statements that write a row that is new."""

REPLACE = {
    table: statement.replace("INSERT", "INSERT OR REPLACE") for table, statement in PUT.items()
}
"""Statements that write a row, whether it is new or not."""

DELETE = {table: f"DELETE FROM {table} WHERE id = ?" for table in TABLES}  # noqa: S608
"""Statements that remove a row."""
