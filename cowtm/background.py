"""A thread that works when it is asked to, and rests in between.

It starts with the first request. One that comes while it works, or just after, is served when it
has rested for a moment, together with all others until then: cells that follow quickly upon one
another wake it once.

Thread safety: any thread may call anything. Nobody may wait here who holds a lock that the work
takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cowtm.interrupts import GLANCE

REST = 0.05
"""Seconds between two rounds of work, unless somebody waits for the second."""


class Background:
    """Works in a thread of its own.

    Args:
        work: what is to be done; must not raise.

    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked = self._done = self._waiting = 0
        self._resting = self._closed = False

    @property
    def is_behind(self) -> bool:
        """Tell whether something that was asked for is not done yet, and will be."""
        return self._done < self._asked and not self._closed

    def ask(self) -> None:
        """Have it work soon.

        Raises:
            RuntimeError: no thread can be started.

        """
        with self._wake:
            if self._closed:
                return
            self._asked += 1
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="cowtm", daemon=True)
                thread.start()
                self._thread = thread
            elif not self._resting:
                self._wake.notify_all()

    def wait_while(self, condition: Callable[[], bool]) -> None:
        """Wait as long as something holds, but not longer than there is work to be done.

        Args:
            condition: asked after each piece of work; must take no locks.

        """
        if self.is_behind and condition():
            self._wait(lambda: not self.is_behind or not condition())

    def flush(self) -> None:
        """Have it work, and wait until all that was asked for until now is done."""
        self.ask()
        with self._wake:
            goal = self._asked
        self._wait(lambda: self._closed or self._done >= goal)

    def progress(self) -> None:
        """Have those who wait see how far the work is: to be called by the work."""
        if self._waiting:
            with self._wake:
                self._wake.notify_all()

    def close(self) -> None:
        """Wait until the work at hand is done; none is begun any more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def abandon(self) -> None:
        """Know that there is no thread any more: in a child that was forked."""
        # The thread may have held the lock, and nobody here could ever give it back.
        self._wake = threading.Condition()
        self._closed = True

    def _wait(self, over: Callable[[], bool]) -> None:
        with self._wake:
            self._waiting += 1
            self._wake.notify_all()
            try:
                while not self._wake.wait_for(over, GLANCE):
                    pass
            finally:
                self._waiting -= 1

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._asked > self._done or self._closed)
                if self._closed:
                    return
                goal = self._asked
            try:
                self._work()
            finally:
                with self._wake:
                    self._done = goal
                    self._wake.notify_all()
                    self._resting = True
                    self._wake.wait_for(lambda: self._waiting or self._closed, timeout=REST)
                    self._resting = False
