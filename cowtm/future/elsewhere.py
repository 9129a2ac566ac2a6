"""Jobs that run where somebody else says: on a cluster of `dask`'s, or by any executor.

The executor is given a function and the state, as bytes. Where the function runs, it starts a
kernel, has it run the job, and returns what came of it: what the cell put out is shown when it is
over. There must be cowtm, and the libraries of the variables; nothing is shared with this machine.
"""

from __future__ import annotations

import pickle
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from cowtm.errors import BadInput, WorkerDied
from cowtm.future.worker import Outcome, Worker

if TYPE_CHECKING:
    from cowtm.future.kernel import Listener, Message
    from cowtm.future.pool import Assignment

DASK, EXECUTOR = "dask", "executor"
"""What a target is called if the user does not say."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a job elsewhere."""

    messages: list[Message]
    """What its cell said."""
    outcome: Outcome | None
    """How it ended; None if it did not."""
    error: str = ""
    """Why it did not."""


class Work(Protocol):
    """A job, as somebody elsewhere gets to know it."""

    start: bytes
    """A pickled `Start`."""
    source: str
    """Of the cell."""

    def begin(self) -> None:
        """Take note that it is on its way."""

    def stop(self) -> bool:
        """Have it end; tells whether it will."""

    def stopped(self) -> None:
        """Take note that it was stopped."""


def run(start: bytes, source: str, modules: Iterable[str]) -> bytes:
    """Run a job in a kernel of its own; returns a pickled answer.

    Args:
        start: a pickled `Start`.
        source: of the cell.
        modules: to be imported before.

    """
    answers: list[_Answer] = []
    # In a thread of its own: of that which calls nothing is known.
    thread = threading.Thread(target=lambda: answers.append(_run(start, source, modules)))
    thread.start()
    thread.join()
    return pickle.dumps(answers[0], pickle.HIGHEST_PROTOCOL)


def _run(start: bytes, source: str, modules: Iterable[str]) -> _Answer:
    said: list[Message] = []

    def listen(message: Message) -> None:
        said.append(replace(message, buffers=[bytes(buffer) for buffer in message.buffers]))

    try:
        with Worker(modules, lends=False) as worker:
            return _Answer(said, worker.run(start, source, listen, lambda: True))
    except Exception as error:  # noqa: BLE001  it is the session's to tell the user
        return _Answer(said, None, f"{type(error).__name__}: {error}")


class Elsewhere:
    """Runs jobs by an executor, as a `Pool` does by workers.

    Args:
        target: an `Executor` of `concurrent.futures`, or a client of `dask.distributed`.
        name: what the user calls it.
        modules: gives those that jobs are to find imported.

    """

    lends = False
    """It can't map memory of this process."""

    def __init__(self, target: Any, name: str, modules: Callable[[], list[str]]) -> None:
        self.name = name
        self._target = target
        self._modules = modules
        self._futures: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def submit(self, assignment: Any) -> None:
        """Have something run; it is told when the executor has done it, or can't."""
        try:
            future = self._send(assignment)
        except Exception as error:  # noqa: BLE001  whatever the executor says when it is closed
            assignment.fail(WorkerDied(f"{self.name} takes no job: {error}"))
            return
        with self._lock:
            self._futures[assignment] = future
        assignment.begin()
        future.add_done_callback(
            lambda future: threading.Thread(
                target=self._over, args=(assignment, future), name="cowtm-elsewhere", daemon=True
            ).start()
        )

    def stop(self, assignment: Assignment) -> bool:
        """Stop something that nobody has begun with; tells whether that was so."""
        with self._lock:
            future = self._futures.get(assignment)
            if future is None or self._is_begun(future):
                return False
            if future.cancel() is False:  # dask's gives nothing
                return False
            del self._futures[assignment]
        assignment.stop()
        assignment.stopped()
        return True

    def close(self) -> None:
        """Want nothing more of what is elsewhere: what can't be stopped goes on there."""
        with self._lock:
            waiting, self._futures = self._futures, {}
        for assignment, future in waiting.items():
            with suppress(Exception):  # a cluster may be gone by now
                future.cancel()
            if assignment.stop():
                assignment.stopped()

    def _send(self, work: Work) -> Any:
        submit = self._target.submit
        if not hasattr(self._target, "scatter"):
            return submit(run, work.start, work.source, self._modules())
        # A large argument would go through the scheduler.
        start = self._target.scatter(work.start, hash=False)
        key = f"cowtm-{uuid.uuid4().hex}"
        return submit(run, start, work.source, self._modules(), key=key, pure=False)

    def _is_begun(self, future: Any) -> bool:
        """Tell whether a worker of dask's has something: then it can't be stopped any more."""
        asked = getattr(self._target, "processing", None)
        return asked is not None and any(future.key in keys for keys in asked().values())

    def _over(self, assignment: Any, future: Any) -> None:
        """Pass on what came of something."""
        with self._lock:
            if self._futures.pop(assignment, None) is None:
                return
        assignment.run(_Answered(self.name, future))


class _Answered:
    """Stands for the worker that ran a job elsewhere."""

    memory = None

    def __init__(self, name: str, future: Any) -> None:
        self._name = name
        self._future = future

    def run(
        self, start: bytes, source: str, listen: Listener, go_on: Callable[[], bool]
    ) -> Outcome | None:
        """Say what the cell said, and give how it ended."""
        del start, source
        try:
            answer = pickle.loads(self._future.result())  # noqa: S301  made by `run`
        except (Exception, CancelledError) as error:
            raise WorkerDied(f"{self._name} gave the job up: {_said(error)}") from error
        for message in answer.messages:
            listen(message)
        if answer.outcome is None and go_on():
            raise WorkerDied(f"{self._name}: {answer.error}")
        outcome: Outcome | None = answer.outcome
        return outcome

    def clear(self) -> bool:
        """Be of no more use."""
        return False


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def name_of_target(target: Any) -> str:
    """Give the name that something is known by to who runs jobs on it.

    Raises:
        BadInput: nothing can be submitted to it.

    """
    if not callable(getattr(target, "submit", None)):
        raise BadInput(
            f"connect takes a client of dask.distributed or an executor; got {type(target)!r}"
        )
    root = type(target).__module__.partition(".")[0]
    return DASK if root in ("distributed", "dask") else EXECUTOR
