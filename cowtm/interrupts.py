"""What must not come between while a state is recorded or restored.

An interrupt waits until the state is whole; the garbage collector, which would look again and again
at the many objects just made, waits too.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GLANCE = 0.2
"""Seconds after which who waits looks whether the wait was interrupted: an interrupt that comes
just before it begins is not noticed by Python until it is over."""


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Hold SIGINT back until the block ends, then deliver it.

    Only the main thread gets interrupts; elsewhere, and where another handler than a Python one is
    in place, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous):
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if caught:
            previous(*caught[0])


@contextmanager
def paused_collection() -> Iterator[None]:
    """Keep the garbage collector from running until the block ends.

    If many objects were made meanwhile they go to the oldest generation, as those do that have been
    there for long: a collection would be due at once, and look at each of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            # What somebody has frozen can't be told from what is frozen here.
            if gc.get_count()[0] > MANY and gc.get_freeze_count() < FEW:
                gc.freeze()
                gc.unfreeze()
            gc.enable()


MANY = 20_000
"""Objects made while the collector paused that it need not look at: 2 ms, on a machine where a
collection takes 0.1 microseconds for each."""

FEW = 1_000
"""Frozen objects that nobody would miss: Python 3.12 freezes 375 by itself."""
