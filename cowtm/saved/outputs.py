"""What a cell put out, in the journal: read when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from json import dumps, loads
from typing import TYPE_CHECKING

from cowtm.errors import Damaged
from cowtm.saved.shelf import packed_page, unpacked_page
from cowtm.transcript import Output, Transcript

if TYPE_CHECKING:
    from cowtm.journal import Journal


class SavedOutputs(Transcript):
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
            outputs = loads(*unpacked_page(data))
        except ValueError as error:
            raise Damaged(f"what a cell put out can't be read: {error}") from error
        return list(outputs)


def page_of(outputs: Iterable[Output]) -> bytes | None:
    """Give what a page with outputs holds; None if there are none."""
    listed = list(outputs)
    return packed_page(dumps(listed).encode()) if listed else None
