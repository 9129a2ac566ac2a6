"""Workers that are kept ready: each has a thread, and takes one job after another.

One more than is busy is started ahead, up to the limit, so that the next job need not wait for a
kernel to start.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

from cowtm.errors import WorkerDied
from cowtm.future.worker import Worker

GRACE = 3.0
"""Seconds, by default: what takes longer to give up is hardly going to."""


class Assignment(Protocol):
    """A job, as a pool knows it."""

    def run(self, worker: Worker) -> bool:
        """Run on a worker, to the end; tells whether the worker can take another.

        It raises nothing: what goes wrong is told to the job.
        """

    def fail(self, error: WorkerDied) -> None:
        """Take note that no worker could be started."""


MakeWorker: TypeAlias = Callable[[], Worker]


class Pool:
    """Runs assignments on workers, as many at a time as it may.

    Thread safety: every call may come from any thread.

    Args:
        make: makes a worker, which is not started yet.
        size: workers at a time.

    Attributes:
        grace: seconds that a job has to end after an interrupt, before its worker is killed.

    """

    def __init__(self, make: MakeWorker, size: int) -> None:
        self.grace = GRACE
        self._make = make
        self._size = size
        self._waiting: deque[Assignment] = deque()
        self._running: dict[Assignment, Worker] = {}
        self._idle = 0
        """Threads that have a worker, or start one, and no assignment."""
        self._threads: set[threading.Thread] = set()
        self._workers: set[Worker] = set()
        self._closed = False
        self._change = threading.Condition()

    @property
    def size(self) -> int:
        """Workers at a time."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        with self._change:
            self._size = size
            self._hire()
            self._change.notify_all()

    def submit(self, assignment: Assignment) -> None:
        """Run something as soon as a worker is free; in order."""
        with self._change:
            self._waiting.append(assignment)
            self._hire()
            self._change.notify()

    def withdraw(self, assignment: Assignment) -> bool:
        """Take something back that no worker has begun with; tells whether that was so."""
        with self._change:
            if assignment in self._waiting:
                self._waiting.remove(assignment)
                return True
            return False

    def interrupt(self, assignment: Assignment) -> None:
        """Interrupt what runs; if that does not end it, its worker is killed."""
        with self._change:
            worker = self._running.get(assignment)
        if worker is None:
            return
        worker.interrupt()
        threading.Thread(
            target=self._kill_later, args=(assignment, worker), name="cowtm-grace", daemon=True
        ).start()

    def warm_up(self) -> None:
        """Have a worker ready for the next assignment."""
        with self._change:
            self._hire()

    def close(self) -> None:
        """End all workers now; what waits is not run."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            workers, threads = [*self._workers], [*self._threads]
            self._change.notify_all()
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()

    def _hire(self) -> None:
        """Start threads: for all that waits, and one ahead."""
        wanted = len(self._waiting) + 1
        while self._idle < wanted and len(self._threads) < self._size and not self._closed:
            thread = threading.Thread(target=self._serve, name="cowtm-worker", daemon=True)
            self._threads.add(thread)
            self._idle += 1
            thread.start()

    def _serve(self) -> None:
        """Be a worker's thread, as long as the worker is of use."""
        try:
            self._work()
        finally:
            with self._change:
                self._threads.discard(threading.current_thread())
                if self._waiting:
                    self._hire()

    def _work(self) -> None:
        worker = self._make()
        with self._change:
            self._workers.add(worker)
        try:
            with worker:
                while (assignment := self._next(worker)) is not None:
                    usable = assignment.run(worker)
                    if not self._over(assignment, usable=usable):
                        return
        except WorkerDied as error:  # it did not even start
            self._give_up(error)
        finally:
            with self._change:
                self._workers.discard(worker)

    def _next(self, worker: Worker) -> Assignment | None:
        with self._change:
            self._change.wait_for(
                lambda: self._waiting or self._closed or len(self._threads) > self._size
            )
            self._idle -= 1
            if self._closed or not self._waiting:
                return None
            assignment = self._waiting.popleft()
            self._running[assignment] = worker
            self._hire()
            return assignment

    def _over(self, assignment: Assignment, *, usable: bool) -> bool:
        """Take note that an assignment is over; tells whether its worker goes on."""
        with self._change:
            del self._running[assignment]
            self._idle += usable
            self._change.notify_all()
        return usable

    def _kill_later(self, assignment: Assignment, worker: Worker) -> None:
        with self._change:
            over = self._change.wait_for(lambda: assignment not in self._running, self.grace)
        if not over:
            worker.kill()

    def _give_up(self, error: WorkerDied) -> None:
        """Tell all that waits that no worker could be started, unless one is at work."""
        with self._change:
            self._idle -= 1
            hopeless = [] if self._running else [*self._waiting]
            if hopeless:
                self._waiting.clear()
        for assignment in hopeless:
            assignment.fail(error)
