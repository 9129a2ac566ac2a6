"""Writes a state into the timeline after every cell, before each travel, and of late changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from time import perf_counter
from time import time as now
from types import MappingProxyType
from typing import cast

from cowtm.changes import changed_variables
from cowtm.display import words_of
from cowtm.errors import BadInput
from cowtm.interrupts import deferred_interrupts, paused_collection
from cowtm.keeper import Keeper
from cowtm.native import UNSET
from cowtm.recorder import KEEP, Captured, Recorder
from cowtm.rounds import PAUSE
from cowtm.timeline import Number, PutOut, State, Timeline


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A cell that is running."""

    source: str
    cell_id: str | None
    started: float
    """Seconds since 1970."""
    clock: float
    """When it started, by the clock that durations are measured with."""
    outputs: PutOut | None = None
    """What it puts out, if that is recorded."""

    @classmethod
    def begin(cls, source: str, cell_id: str | None, outputs: PutOut | None = None) -> Cell:
        """Begin a cell now."""
        return cls(source, cell_id, now(), perf_counter(), outputs)

    @property
    def duration(self) -> float:
        """Seconds since it started."""
        return perf_counter() - self.clock


class Scribe:
    """Keeps the timeline of one namespace.

    Thread-safety: calls take `lock`; what needs several calls to agree takes it around them.

    Args:
        recorder: finds what changed.
        current_cell: gives the number of the cell that runs or ran last.
        say: shows one line to the user.

    Attributes:
        timeline: the states.
        steps: numbers of the states that `undo` goes back through, the last one last.
        saving: whether cells are recorded.
        keeper: keeps the states within their budgets, and writes them down.

    """

    def __init__(
        self, recorder: Recorder, current_cell: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self.lock = threading.RLock()
        self.timeline = Timeline()
        self.steps: list[Number] = []
        self.saving = True
        self.keeper = Keeper(recorder.mirror, self.timeline, self.lock, current_cell)
        self._recorder = recorder
        self._current_cell = current_cell
        self._say = say
        self._cells: list[Cell] = []
        self._late: Number | None = None
        self._said: set[tuple[str, str]] = set()
        self._given_away: set[int] = set()

    @property
    def position(self) -> Number:
        """The state that the present came from; there is one once `begin` was called."""
        return cast("Number", self.timeline.position)

    def begin(self, number: int) -> None:
        """Record what is there already as the first state."""
        with self.lock:
            self._record(number, None, None, 0.0)

    def begin_cell(self, source: str, cell_id: str | None, outputs: PutOut | None = None) -> Cell:
        """Take note that a cell starts; what it puts out goes with its state."""
        cell = Cell.begin(source, cell_id, outputs)
        with self.lock:
            self._cells.append(cell)
        return cell

    def end_cell(
        self, number: int | None, result: object, error: BaseException | None, cell: Cell | None
    ) -> None:
        """Record the state after a cell, see `TimeMachine.end_cell`."""
        with self.lock:
            if cell is None and self._cells:
                cell = self._cells[-1]
            if cell in self._cells:
                self._cells.remove(cell)
            if number is None:
                return
            if number in self._given_away:  # its job makes the state; this is what it did besides
                self._given_away.discard(number)
                self._record(self.timeline.free_number(number), cell, error, 0.0, result=KEEP)
            elif self._cells:
                why = "it ran within another cell, whose state includes what it did"
                self.timeline.note_missing(number, why)
            elif not self.saving:
                self.timeline.note_missing(number, "recording was off when it ran")
                self._recorder.distrust()
            else:
                duration = cell.duration if cell is not None else 0.0
                self._record(number, cell, error, duration, result=result)

    def current_cell(self) -> int:
        """Return the number of the cell that runs or ran last."""
        return self._current_cell()

    @contextmanager
    def giving_away(self) -> Iterator[int]:
        """Have the state of the running cell be made by a job, if the block succeeds.

        Gives the cell's number.

        Raises:
            BadInput: the cell has a job already.

        """
        number = self._current_cell()
        if number in self._given_away:
            msg = f"cell {number} has a job already; edit the cell and run it again for the next"
            raise BadInput(msg)
        yield number
        self._given_away.add(number)

    def glance(self) -> float | None:
        """Look for late changes for a moment, if no cell runs; those found make a state.

        Such a state is between two cells: numbered before the next, a child of the last.

        Returns:
            Seconds until there is more to look at; None if there is not, until a cell ends.

        """
        if not self.lock.acquire(blocking=False):
            return PAUSE
        try:
            if self._cells or not self.saving or self.timeline.position is None:
                return None
            with deferred_interrupts(), paused_collection():
                started = perf_counter()
                glance = self._recorder.glance()
                if glance.captured is not None:
                    self._record_late(glance.captured, perf_counter() - started)
                return glance.wait
        finally:
            self.lock.release()

    def say_words(self) -> None:
        """Show the user what the keeper has to say."""
        with suppress(IndexError):  # another thread may say the last one
            while True:
                self._say(self.keeper.words.popleft())

    def arrive(self) -> Number:
        """Record what changed since the last state; return where the present is now."""
        with self.lock:
            state = self.record_part()
            if state is not None and state.names:
                self._say(f"cowtm: what had changed before is kept as state {state.number}.")
            return self.position

    def record_part(self) -> State | None:
        """Record what changed since the last state as a part of the running cell, if anything."""
        with self.lock:
            self.timeline.must_go_on()
            cell = self._cells[0] if self._cells else None
            number = self.timeline.part_number(self._current_cell() + (cell is None))
            duration = cell.duration if cell is not None else 0.0
            return self._record(number, cell, None, duration, result=KEEP, everything=True)

    def forget(self, numbers: list[Number]) -> list[Number]:
        """Remove states from the timeline; returns those removed."""
        with self.lock:
            self.timeline.must_go_on()
            why = f"it was cleared at cell {self._current_cell()}"
            removed = self.timeline.remove(numbers, why)
            self.steps = [number for number in self.steps if number in self.timeline]
            self.keeper.forget()
            return removed

    def close(self) -> None:
        """Let go of everything; what is saved is written first."""
        self.keeper.close()
        with self.lock:
            self._recorder.close()
            self.timeline.close()
            self.steps.clear()
            self._cells.clear()
            self._given_away.clear()

    def _record(  # noqa: PLR0913  what it knows of a state, each with its name
        self,
        number: Number,
        cell: Cell | None,
        error: BaseException | None,
        duration: float,
        *,
        result: object = None,
        everything: bool = False,
    ) -> State | None:
        """Capture what changed and add it as a state.

        Returns:
            The state; None if nothing had changed and the number tells that it is only a part of
            a cell.

        """
        timeline = self.timeline
        self._late = None  # what comes now builds on that state: it is not to change any more
        with deferred_interrupts(), paused_collection():
            started = perf_counter()
            captured = self._recorder.capture(
                result=UNSET if result is None or _is_report(result) else result,
                everything=everything,
                seconds=duration,
            )
            if isinstance(number, str) and not captured.delta:
                return None
            if number == timeline.position:  # the count was set back to where the present is
                number = timeline.free_number(cast("int", number))
            names = self._names(captured)
            state = State(
                number=number,
                parent=timeline.position,
                delta=captured.delta,
                source=cell.source if cell is not None else "",
                cell_id=cell.cell_id if cell is not None else None,
                # a part of a cell has none: they are the cell's
                outputs=cell.outputs if cell is not None and isinstance(number, int) else None,
                started=cell.started if cell is not None else now(),
                duration=duration,
                cost=perf_counter() - started,
                error=type(error).__name__ if error is not None else None,
                names=names,
                # between two cells nothing is to be expected
                late=names if everything and cell is None else captured.late,
                by_reference=MappingProxyType(captured.by_reference),
                stored=captured.stored,
                serial=timeline.next_serial(),
            )
            if number in timeline:
                timeline.remove([number], f"cell {number} ran again")
            timeline.add(state)
            self.keeper.ask()
            if captured.names or not self.steps:
                self.steps.append(number)
        for line in self._notices(captured):
            self._say(line)
        return state

    def _record_late(self, captured: Captured, cost: float) -> None:
        """Add a state of late changes, or add them to the one that the present is in."""
        timeline = self.timeline
        names = self._names(captured)
        here = timeline[self.position]
        if here.number == self._late and here.delta is not None:
            timeline.replace(
                replace(
                    here,
                    delta=here.delta.then(captured.delta),
                    cost=here.cost + cost,
                    names=tuple(sorted({*here.names, *names})),
                    late=tuple(sorted({*here.late, *names})),
                    by_reference=MappingProxyType(captured.by_reference),
                    stored=here.stored + captured.stored,
                )
            )
        else:
            self._late = timeline.free_number(self._current_cell() + 1)
            timeline.add(
                State(
                    number=self._late,
                    parent=here.number,
                    delta=captured.delta,
                    started=now(),
                    cost=cost,
                    names=names,
                    late=names,
                    by_reference=MappingProxyType(captured.by_reference),
                    stored=captured.stored,
                    serial=timeline.next_serial(),
                )
            )
            if names:
                self.steps.append(self._late)
        self.keeper.ask()
        self.keeper.words.extend(self._notices(captured))

    def _names(self, captured: Captured) -> tuple[str, ...]:
        """Return the variables that changed."""
        return changed_variables(captured.names, captured.delta, self._recorder.mirror)

    def _notices(self, captured: Captured) -> list[str]:
        """Return what is to be said of what came to be by reference, in lines.

        Each thing of each name once: a name may be bound to another of its like in every cell.
        """
        fresh = [item for item in captured.new_references.items() if item not in self._said]
        self._said.update(fresh)
        return [
            f"cowtm: {words_of(name)}: {what} can't be recorded; "
            "it stays by reference, the rest is recorded."
            for name, what in fresh
        ]


def _is_report(value: object) -> bool:
    """Tell our own reports: recording them would record the recording."""
    module = type.__dict__["__module__"].__get__(type(value))
    return isinstance(module, str) and module.partition(".")[0] == "cowtm"
