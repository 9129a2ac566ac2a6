"""What a cell put out, in the journal: read when somebody asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from cowtm.display import Report, Table
from cowtm.errors import Damaged
from cowtm.packing import unpack
from cowtm.saved.shelf import packed_page
from cowtm.transcript import Output, table_of

if TYPE_CHECKING:
    from cowtm.journal import Journal


class SavedOutputs(Report, Sequence[Output]):
    """The outputs of a cell of another session, or of an earlier one.

    Args:
        journal: where they are.
        page: its page with them.

    """

    version = 0
    """What is saved does not change."""
    size = 0
    """It takes no memory."""

    def __init__(self, journal: Journal, page: int) -> None:
        self.page = page
        self._journal = journal

    def _list(self) -> list[Output]:
        """Read them.

        Raises:
            Damaged: they can't be read.

        """
        data = self._journal.page(self.page)
        try:
            outputs = json.loads(bytes(unpack(data[8:], int.from_bytes(data[:8], "little"))))
        except ValueError as error:
            raise Damaged(f"what a cell put out can't be read: {error}") from error
        return list(outputs)

    def __len__(self) -> int:
        """Count them."""
        return len(self._list())

    @overload
    def __getitem__(self, index: int) -> Output: ...

    @overload
    def __getitem__(self, index: slice) -> list[Output]: ...

    def __getitem__(self, index: int | slice) -> Output | list[Output]:
        """Give one, or some."""
        return self._list()[index]

    def __iter__(self) -> Iterator[Output]:
        """Give them in order."""
        return iter(self._list())

    def _table(self) -> Table:
        return table_of(self)


def page_of(outputs: Iterable[Output]) -> bytes | None:
    """Give what a page with outputs holds; None if there are none."""
    listed = list(outputs)
    return packed_page(json.dumps(listed).encode()) if listed else None
