"""Looks for late changes while the kernel has nothing to do: a little at a time, then no more.

Timers, threads, tasks and handlers change variables after a cell has ended. A while after each cell
the time machine looks at what the cell did not touch, in slices on the event loop that the cell ran
on, so that a cell that is asked for comes first. When all was looked at once it rests until the
next cell ends: nothing wakes an idle kernel.

A shell in a terminal has no loop that runs between cells: there nothing is done.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Context, copy_context

DELAY = 0.1
"""Seconds after a cell: those that follow at once, as when a whole notebook runs, find nothing in
their way."""


class Idle:
    """Calls for one slice after another.

    Thread-safety: `begin` and `end` may be called in any thread; slices run in that of the loop.

    Args:
        glance: does a slice, and returns the seconds until the next, None if there is none.
        say: shows one line to the user.

    Attributes:
        enabled: whether anything is done.

    """

    def __init__(self, glance: Callable[[], float | None], say: Callable[[str], None]) -> None:
        self.enabled = True
        self._glance = glance
        self._say = say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._context = Context()

    def begin(self) -> None:
        """Have slices done from a while after now: a cell has ended."""
        if threading.current_thread() is not threading.main_thread():
            self._call(self._begin)  # of a subshell, whose thread may end with it
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        if self._loop is not None:
            self._begin()

    def end(self) -> None:
        """Have none done any more: a cell begins, or all ends."""
        if threading.current_thread() is threading.main_thread():
            self._end()
        else:
            self._call(self._end)

    def _call(self, action: Callable[[], None]) -> None:
        """Have something done in the thread of the loop, if there is one."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(action)

    def _begin(self) -> None:
        self._end()
        if self.enabled:
            self._context = copy_context()
            self._wait(DELAY)

    def _end(self) -> None:
        self._context = Context()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _wait(self, seconds: float) -> None:
        if self._loop is not None:
            # Context variables are what they were to the cell, as long as there is something to do.
            self._waiting = self._loop.call_later(seconds, self._slice, context=self._context)

    def _slice(self) -> None:
        self._waiting = None
        try:
            wait = self._glance()
        except Exception as error:  # noqa: BLE001  a recording error never breaks the user's session
            self._say(
                f"cowtm: variables could not be checked ({type(error).__name__}: {error}); "
                "they are with the next cell."
            )
            return
        if wait is None:
            self._context = Context()  # what the cell's holds is not kept alive for nothing
        else:
            self._wait(wait)
