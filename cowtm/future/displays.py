"""Where the displays of a session are: a cell may update those of others."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any, Protocol


class Holder(Protocol):
    """Outputs of a cell, with displays among them."""

    def update(self, display: str, content: Mapping[str, Any]) -> None:
        """Show something else in a display."""


class Displays:
    """The displays of one session, by their names.

    Thread safety: every call may come from any thread. No lock of a holder is held around these.
    """

    def __init__(self) -> None:
        self._holders: dict[str, weakref.WeakSet[Holder]] = {}
        self._lock = threading.RLock()

    def note(self, display: str, holder: Holder) -> None:
        """Take note that a cell shows a display."""
        with self._lock:
            self._holders.setdefault(display, weakref.WeakSet()).add(holder)

    def update(self, display: str | None, content: Mapping[str, Any]) -> None:
        """Show something else in a display, in whatever cells it is."""
        with self._lock:
            holders = [] if display is None else [*self._holders.get(display, ())]
        for holder in holders:
            holder.update(str(display), content)

    def prune(self) -> None:
        """Forget displays that are gone."""
        with self._lock:
            for display in [name for name, holders in self._holders.items() if not holders]:
                del self._holders[display]
