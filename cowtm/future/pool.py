"""Workers that are kept ready: each has a thread, and takes one job after another.

One more than is busy is started ahead, up to the limit, so that the next job need not wait for a
kernel to start.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cowtm.errors import BadInput, WorkerDied
from cowtm.future.job import GRACE

if TYPE_CHECKING:
    from cowtm.future.worker import Worker


class Assignment(Protocol):
    """A job, as a pool knows it."""

    def run(self, worker: Worker) -> bool:
        """Run on a worker, to the end; tells whether the worker can take another.

        It raises nothing: what goes wrong is told to the job.
        """

    def fail(self, error: WorkerDied) -> None:
        """Take note that no worker could be started."""

    def stop(self) -> bool:
        """Have it end; tells whether it will."""

    def stopped(self) -> None:
        """Take note that it was stopped."""


MakeWorker: TypeAlias = "Callable[[], Worker]"


class Pool:
    """Runs assignments on workers, as many at a time as it may.

    Thread safety: every call may come from any thread. A process that was forked off leaves the
    workers alone.

    Args:
        make: makes a worker, which is not started yet.
        size: workers at a time.

    Attributes:
        lends: whether its workers can map memory of this process; who changes what they are made by
            has them renewed.
        grace: seconds that a job has to end after an interrupt, before its worker is killed.

    """

    def __init__(self, make: MakeWorker, size: int) -> None:
        self.grace = GRACE
        self.lends = True
        self._made = 0
        """How often the way was changed that workers are made in."""
        self._make = make
        self._size = size
        self._waiting: deque[Assignment] = deque()
        self._running: dict[Assignment, Worker] = {}
        self._idle = 0
        """Threads that have a worker, or start one, and no assignment."""
        self._threads: set[threading.Thread] = set()
        self._workers: set[Worker] = set()
        self._closed = False
        self._process = os.getpid()
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
        """Run something as soon as a worker is free; in order.

        Raises:
            BadInput: this process was forked off the one that has the workers.

        """
        if self._is_forked:
            raise BadInput("a process that was forked off can't run anything in the background")
        with self._change:
            self._waiting.append(assignment)
            self._hire()
            self._change.notify()

    def stop(self, assignment: Assignment) -> bool:
        """Stop something: what waits is not run, what runs is interrupted.

        If an interrupt does not end it, its worker is killed.

        Returns:
            Whether it will be so: not if it is as good as over.

        """
        if self._is_forked or not assignment.stop():
            return False
        with self._change:
            waits = assignment in self._waiting
            if waits:
                self._waiting.remove(assignment)
            worker = self._running.get(assignment)
        if waits:
            assignment.stopped()
        if worker is not None:
            worker.interrupt()
            threading.Thread(
                target=self._kill_later, args=(assignment, worker), name="cowtm-grace", daemon=True
            ).start()
        return True

    def renew(self) -> None:
        """Have no more assignments run by the workers that there are."""
        with self._change:
            self._made += 1
            self._change.notify_all()

    def close(self) -> None:
        """End all workers now; what waits is not run."""
        if self._is_forked:
            return
        with self._change:
            self._closed = True
            self._waiting.clear()
            workers, threads = [*self._workers], [*self._threads]
            self._change.notify_all()
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()

    @property
    def _is_forked(self) -> bool:
        """Whether this is another process: its locks may be held by threads that it has not."""
        return os.getpid() != self._process

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
        with self._change:
            made = self._made
            worker = self._make()
            self._workers.add(worker)
            waiting = [*self._waiting]
        started = False
        try:
            with worker:
                started = True
                self._work(worker, made)
        except Exception as error:
            if started:
                raise
            if not isinstance(error, WorkerDied):  # the system has no more files, or memory
                error = WorkerDied(f"no worker could be started: {error!r}")
            self._give_up(error, waiting)
        finally:
            with self._change:
                self._workers.discard(worker)
                self._threads.discard(threading.current_thread())
                if started or set(self._waiting) - set(waiting):  # or it would be tried for ever
                    self._hire()

    def _work(self, worker: Worker, made: int) -> None:
        """Run what comes, until the worker is of no more use."""
        goes_on = True
        while goes_on:
            goes_on = self._run_next(worker, made)

    def _run_next(self, worker: Worker, made: int) -> bool:
        """Run what comes next, and let go of it; tells whether the worker is of more use."""
        assignment = self._next(worker, made)
        if assignment is None:
            return False
        usable = assignment.run(worker)
        with self._change:
            del self._running[assignment]
            self._idle += usable
            self._change.notify_all()
        return usable

    def _next(self, worker: Worker, made: int) -> Assignment | None:
        """Give what the worker is to do next; None if it is to end."""
        with self._change:

            def is_over() -> bool:
                return self._closed or len(self._threads) > self._size or made != self._made

            self._change.wait_for(lambda: self._waiting or is_over())
            self._idle -= 1
            if is_over() or not worker.is_alive:
                self._threads.discard(threading.current_thread())
                return None
            assignment = self._waiting.popleft()
            self._running[assignment] = worker
            self._hire()
            return assignment

    def _kill_later(self, assignment: Assignment, worker: Worker) -> None:
        with self._change:
            over = self._change.wait_for(lambda: assignment not in self._running, self.grace)
        if not over:
            worker.kill()

    def _give_up(self, error: WorkerDied, waiting: list[Assignment]) -> None:
        """Tell what waited for a worker that could not be started, unless another is at work.

        What came since then may have better luck: the reason may be gone.
        """
        with self._change:
            self._idle -= 1
            hopeless = [] if self._running else [a for a in waiting if a in self._waiting]
            for assignment in hopeless:
                self._waiting.remove(assignment)
        for assignment in hopeless:
            assignment.fail(error)
