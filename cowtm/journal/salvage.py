"""Rows of a damaged file, found by looking at every page of it: SQLite's trees are not needed.

SQLite gives up a whole tree with one of its inner pages, and the whole file with the first. But a
row lies in one leaf page (and a chain of overflow pages), says its own number, and its seal says
whether it is whole, in which table it was, and in which journal. So every leaf page is looked at,
and of what looks like a row only what has the right digest is believed. Two different rows that
both claim a place are both refused.

What was deleted may still lie in pages that are free now. SQLite keeps, for its own vacuum, a map
that says of each page what it is (`ptrmap`); a page that it calls free, or whose part of the map is
gone, is not looked at.

Layout after the file format description of SQLite, https://www.sqlite.org/fileformat.html (the
b-tree pages in 1.6, overflow 1.7, the pointer map 1.8, records 2.1, the log 4).
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cowtm.errors import Damaged
from cowtm.journal.database import PAGE, beside
from cowtm.journal.locks import not_being_written
from cowtm.journal.tables import FIRST_ROOT, TABLES, Columns
from cowtm.journal.trust import Sealer, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LEAF = 0x0D
"""First byte of a page that holds rows."""

MAP_FREE = 2
"""What the map calls a page that is not used."""

MAP_ROOT = 1
MAP_TREE = 5
"""What it calls pages of trees: first ones, and others."""

_MAP_ENTRY = 5
_MAPPED = PAGE // _MAP_ENTRY
_LOCK_PAGE = (1 << 30) // PAGE + 1
_LOCAL_MOST = PAGE - 35
_LOCAL_LEAST = (PAGE - 12) * 32 // 255 - 23
_CHAINED = PAGE - 4
_LOG_HEADER = 32
_FRAME_HEADER = 24
_LOG_MAGIC = 0x377F0682


_BATCH = 16
"""Rows read at a time: no more of them are in memory."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row lies."""

    page: int
    offset: int


class RescuedRows:
    """The rows of a file that are whole, wherever they lie.

    Looking for them reads the whole file once (`scan`); what is kept in memory is where they are.

    Args:
        path: the file.
        sealer: judges rows by their digests.

    Thread safety: calls come from one thread at a time.

    """

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self._path = path
        self._sealer = sealer
        self._places: dict[str, dict[int, _Place]] = {table: {} for table in TABLES}
        self._numbers: dict[bytes, int] = {}
        self._log: _Log | None = None

    def scan(self) -> None:
        """Find the rows.

        Raises:
            JournalInUse: Somebody is writing the file.
            OSError: It can't be read.

        """
        refused: set[tuple[str, int]] = set()
        with self._pages() as pages:
            for page in range(FIRST_ROOT, pages.count + 1):
                if not pages.in_use(page):
                    continue
                for offset, number, columns in pages.rows(page):
                    table = self._table(number, columns)
                    if table is None or (table, number) in refused:
                        continue
                    other = self._places[table].get(number)
                    if other is not None and pages.row(other.page, other.offset) != (
                        number,
                        columns,
                    ):
                        refused.add((table, number))
                        del self._places[table][number]
                        continue
                    self._places[table][number] = _Place(page, offset)
                    if table == "chunks":
                        self._numbers[columns[1]] = number

    def _table(self, number: int, columns: Columns) -> str | None:
        """Tell in which table a row was."""
        seal, *parts = columns
        for table, names in TABLES.items():
            if len(names) != len(parts):
                continue
            if self._sealer.judge(seal, table, number, tuple(parts)) is Verdict.RIGHT:
                return table
        return None

    def get(self, table: str, number: int) -> Columns | None:
        """Return a row, or None where there is none."""
        place = self._places[table].get(number)
        if place is None:
            return None
        with self._pages() as pages:
            return self._read(pages, number, place)

    def _read(self, pages: _Pages, number: int, place: _Place) -> Columns:
        found = pages.row(place.page, place.offset)
        if found is None or found[0] != number:
            raise Damaged(f"{self._path} has changed since it was opened; open it anew")
        return found[1]

    @contextlib.contextmanager
    def _pages(self) -> Iterator[_Pages]:
        with _Pages.of(self._path, self._log) as pages:
            self._log = pages.log
            yield pages

    def place(self, key: bytes) -> int | None:
        """Return the number of the chunk with a key, or None where there is none."""
        number = self._numbers.get(key)
        return number if number in self._places["chunks"] else None

    def each(self, table: str) -> Iterator[tuple[int, Columns]]:
        """Give the rows with their numbers, in order."""
        places = sorted(self._places[table].items())
        for start in range(0, len(places), _BATCH):
            with self._pages() as pages:
                batch = [
                    (number, self._read(pages, number, place))
                    for number, place in places[start : start + _BATCH]
                ]
            yield from batch

    def outlines(self, table: str) -> Iterator[tuple[int, Columns, int]]:
        """Give of each row its number, its parts but the last one, and its bytes in all."""
        for number, columns in self.each(table):
            yield number, columns[1:-1], sum(map(len, columns))


def first_rows(path: Path) -> list[Columns]:
    """Return the rows in the first pages of the first two tables: the header and the spare one.

    By these a journal is known whose schema is gone. They may be damaged, or anything else.

    Raises:
        JournalInUse: Somebody is writing the file.
        OSError: It can't be read.

    """
    with _Pages.of(path) as pages:
        return [
            columns
            for page in (FIRST_ROOT, FIRST_ROOT + 1)
            for _, number, columns in pages.rows(page)
            if number == 1
        ]


@dataclass(frozen=True, slots=True)
class _Log:
    """What is in the log that SQLite keeps beside a file: newer versions of pages."""

    offsets: Mapping[int, int]
    """Page -> where in the log its newest committed version is."""
    count: int
    """Pages of the file together with the log; 0 if the log is empty."""


class _Pages:
    """The pages of a file, those in its log before those in itself.

    Args:
        file: descriptor of the file.
        beside: descriptor of the log; None without one.
        log: what is in it.

    """

    def __init__(self, file: int, beside: int | None, log: _Log) -> None:
        self._file = file
        self._beside = beside
        self.log = log
        self.count = log.count or os.fstat(file).st_size // PAGE

    @classmethod
    @contextlib.contextmanager
    def of(cls, path: Path, log: _Log | None = None) -> Iterator[_Pages]:
        """Open the pages of a file.

        As long as they are open nobody may write it: when a process closes a file it loses all its
        record locks on that, also those that SQLite holds through another descriptor.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(not_being_written(path))
            file = os.open(path, os.O_RDONLY)
            stack.callback(os.close, file)
            newer = None
            with contextlib.suppress(FileNotFoundError):
                newer = os.open(beside(path, "-wal"), os.O_RDONLY)
                stack.callback(os.close, newer)
            yield cls(file, newer, _read_log(newer) if log is None else log)

    def read(self, page: int) -> bytes:
        """Return a page; short or empty where the file ends."""
        if page in self.log.offsets and self._beside is not None:
            return os.pread(self._beside, PAGE, self.log.offsets[page])
        return os.pread(self._file, PAGE, (page - 1) * PAGE)

    def in_use(self, page: int) -> bool:
        """Tell whether a page is part of a tree: the map says so, or a tree begins there."""
        if page < FIRST_ROOT + len(TABLES):
            return True
        first = (page - 2) // (_MAPPED + 1) * (_MAPPED + 1) + 2
        if first == _LOCK_PAGE:
            first += 1
        if page <= first:
            return False
        offset = _MAP_ENTRY * (page - first - 1)
        return self.read(first)[offset : offset + 1] in (bytes([MAP_ROOT]), bytes([MAP_TREE]))

    def rows(self, page: int) -> Iterator[tuple[int, int, Columns]]:
        """Give what looks like rows of a journal in a page: offset, number and columns."""
        data = self.read(page)
        if len(data) < PAGE or data[0] != LEAF:
            return
        count = int.from_bytes(data[3:5], "big")
        for index in range(min(count, (PAGE - 8) // 2)):
            offset = int.from_bytes(data[8 + 2 * index : 10 + 2 * index], "big")
            found = self._parsed(data, offset)
            if found is not None:
                yield offset, *found

    def row(self, page: int, offset: int) -> tuple[int, Columns] | None:
        """Return the number and the columns of a row, or None where there is none."""
        return self._parsed(self.read(page), offset)

    def _parsed(self, data: bytes, offset: int) -> tuple[int, Columns] | None:
        try:
            length, offset = _varint(data, offset)
            number, offset = _varint(data, offset)
        except IndexError:
            return None
        payload = self._payload(data, offset, length)
        columns = None if payload is None else _columns(payload)
        if columns is None:
            return None
        return number - (1 << 64) if number >> 63 else number, columns

    def _payload(self, data: bytes, offset: int, length: int) -> bytes | None:
        """Gather the bytes of a row, from its page and from those that it goes on in."""
        if length <= _LOCAL_MOST:
            whole = data[offset : offset + length]
            return whole if len(whole) == length else None
        if length > self.count * PAGE:
            return None
        local = _LOCAL_LEAST + (length - _LOCAL_LEAST) % _CHAINED
        if local > _LOCAL_MOST:
            local = _LOCAL_LEAST
        parts = [data[offset : offset + local]]
        missing = length - local
        following = int.from_bytes(data[offset + local : offset + local + 4], "big")
        while missing > 0:
            page = self.read(following) if 0 < following <= self.count else b""
            if len(page) < PAGE:
                return None
            parts.append(page[4 : 4 + missing])
            missing -= _CHAINED
            following = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _read_log(log: int | None) -> _Log:
    """Find the committed pages in a log; what comes after something broken was never committed."""
    nothing = _Log({}, 0)
    head = b"" if log is None else os.pread(log, _LOG_HEADER, 0)
    if log is None or len(head) < _LOG_HEADER:
        return nothing
    magic, _, size, _ = struct.unpack(">4I", head[:16])
    order = ">" if magic & 1 else "<"
    sums = _checksum(order, (0, 0), head[:24])
    if magic & ~1 != _LOG_MAGIC or size != PAGE or sums != struct.unpack(">2I", head[24:]):
        return nothing
    committed: dict[int, int] = {}
    seen: dict[int, int] = {}
    count = 0
    offset = _LOG_HEADER
    while len(frame := os.pread(log, _FRAME_HEADER + PAGE, offset)) == _FRAME_HEADER + PAGE:
        page, pages = struct.unpack(">2I", frame[:8])
        sums = _checksum(order, sums, frame[:8])
        sums = _checksum(order, sums, frame[_FRAME_HEADER:])
        if frame[8:16] != head[16:24] or sums != struct.unpack(">2I", frame[16:24]):
            break
        seen[page] = offset + _FRAME_HEADER
        if pages:
            committed |= seen
            seen = {}
            count = pages
        offset += _FRAME_HEADER + PAGE
    return _Log(committed, count)


def _columns(record: bytes) -> Columns | None:
    """Take a record apart: None for the number, which lies apart, and then bytes alone."""
    try:
        end, offset = _varint(record, 0)
        kinds = []
        while offset < end:
            kind, offset = _varint(record, offset)
            kinds.append(kind)
    except IndexError:
        return None
    if offset != end or len(kinds) < 2 or kinds[0] != 0:  # noqa: PLR2004  number and seal
        return None
    columns = []
    for kind in kinds[1:]:
        if kind < 12 or kind % 2:  # noqa: PLR2004  even from 12 on: bytes
            return None
        size = (kind - 12) // 2
        columns.append(record[offset : offset + size])
        offset += size
    return tuple(columns) if offset == len(record) else None


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Read a number of 1 to 9 bytes; returns it and where it ends."""
    value = 0
    for place in range(offset, offset + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004  the last byte has no high bit
            return value, place + 1
    return value << 8 | data[offset + 8], offset + 9


def _checksum(order: str, sums: tuple[int, ...], data: bytes) -> tuple[int, ...]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second
