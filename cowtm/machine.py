"""The time machine: what users call.

Records a state after every cell, travels between states, tells what changed where. How it hears of
cells is not its business: `cowtm.ipython` calls `begin_cell` and `end_cell`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from cowtm import native
from cowtm.archive import account
from cowtm.changes import Changes, History
from cowtm.delta import Delta
from cowtm.display import (
    Table,
    Variables,
    clock_text,
    describe,
    names_text,
    shorten,
    size_text,
    time_text,
)
from cowtm.errors import BadInput, NameNotFound
from cowtm.interrupts import deferred_interrupts, paused_collection
from cowtm.mirror import is_variable
from cowtm.native import UNSET, Content, Node
from cowtm.recorder import KEEP, Captured, Recorder, names_in
from cowtm.timeline import RESULT, Number, State, Timeline, as_numbers, order


@dataclass(slots=True)
class _Cell:
    """The cell that is running."""

    source: str
    cell_id: str | None
    started: float
    clock: float


class TimeMachine:
    """A time machine for the variables of one session.

    After every cell, what the cell changed is recorded. Then

    - `past` puts all variables back to what they were after a cell, `undo` goes back one step;
    - `vars`, `ans` look at a state without moving;
    - `diff`, `history`, `blame`, `states` tell what changed where;
    - `memory_report`, `clear_past`, `saving`, `dontsave` keep it in bounds;
    - `unhook` ends it.

    Args:
        home: the namespace, a real dict.
        hidden: tells a name with its value that is not a variable.
        current_cell: gives the number of the cell that runs or ran last.
        say: shows one line to the user.

    """

    def __init__(
        self,
        home: dict[str, Any],
        hidden: Callable[[str, object], bool] = lambda name, value: False,  # noqa: ARG005
        current_cell: Callable[[], int] = lambda: 0,
        say: Callable[[str], None] = print,
    ) -> None:
        self._home = home
        self._recorder = Recorder(home, lambda name, value: value is self or hidden(name, value))
        self._timeline = Timeline()
        self._current_cell = current_cell
        self._say = say
        self._lock = threading.RLock()
        self._steps: list[Number] = []
        self._cells: list[_Cell] = []
        self._saving = True
        self._unhook: Callable[[], None] | None = None

    # -- cells come and go (called by the hooks) -----------------------------------------------

    def begin(self, number: int) -> None:
        """Record what is there already as the first state."""
        with self._lock:
            self._record(number, None, None, 0.0)

    def begin_cell(self, source: str, cell_id: str | None = None) -> None:
        """Take note that a cell starts."""
        with self._lock:
            self._cells.append(_Cell(source, cell_id, time.time(), time.perf_counter()))

    def end_cell(
        self, number: int | None, result: object = None, error: BaseException | None = None
    ) -> None:
        """Record the state after a cell.

        Args:
            number: the cell's number; None for one that is not in the history: what it changed
                goes with the next cell.
            result: the cell's result, None if it has none.
            error: what ended the cell, if it failed.

        """
        with self._lock:
            cell = self._cells.pop() if self._cells else None
            if number is None or self._cells:
                return
            if not self._saving:
                self._timeline.note_missing(number, "recording was off when it ran")
                self._recorder.view.reset()
                return
            duration = time.perf_counter() - cell.clock if cell is not None else 0.0
            self._record(number, cell, error, duration, result=result)

    def _record(
        self,
        number: Number,
        cell: _Cell | None,
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
        with deferred_interrupts(), paused_collection():
            started = time.perf_counter()
            captured = self._recorder.capture(
                result=UNSET if result is None else result,
                everything=everything,
                seconds=duration,
            )
            if isinstance(number, str) and not captured.delta:
                return None
            state = State(
                number=number,
                parent=self._timeline.position,
                delta=captured.delta,
                source=cell.source if cell is not None else "",
                cell_id=cell.cell_id if cell is not None else None,
                started=cell.started if cell is not None else time.time(),
                duration=duration,
                cost=time.perf_counter() - started,
                error=type(error).__name__ if error is not None else None,
                names=captured.names,
                late=captured.late,
                by_reference=MappingProxyType(captured.by_reference),
                stored=captured.stored,
            )
            if number in self._timeline:
                self._timeline.remove([number], f"cell {number} ran again")
            self._timeline.add(state)
            if captured.names or not self._steps:
                self._steps.append(number)
        self._announce(captured)
        return state

    def _announce(self, captured: Captured) -> None:
        for name, what in captured.new_references.items():
            where = name if is_variable(name) else "the result"
            self._say(
                f"cowtm: {where}: {what} can't be recorded; it stays by reference, "
                "the rest is recorded."
            )

    # -- travel --------------------------------------------------------------------------------

    def past(self, cell: Number, names: Iterable[str] | None = None) -> Any:
        """Put all variables back to what they were after a cell.

        Objects that are still alive keep their identity: what they held is put back into them, so
        whoever holds them sees the past too. What the running cell had changed so far is recorded
        first, so nothing is lost; `undo` comes back.

        Args:
            cell: the cell's number, from `states`.
            names: only these variables, as fresh objects; everything else stays as it is.

        Returns:
            The cell's result, as it was; None if it had none.

        Raises:
            StateNotFound: no such state; the message says which are near.
            NameNotFound: a name in `names` was not there in that state.
            CannotRestore: something could not be brought back; nothing was changed.

        Example:
            In [1]: data = [3, 1, 2]

            In [2]: data.sort()

            In [3]: tm.past(1)
            back after cell 1: data changed

            In [4]: data
            Out[4]: [3, 1, 2]

        """
        with self._lock:
            goal = self._timeline[_number(cell)].number
            if names is not None:
                return self._past_names(goal, names)
            return self._travel(goal)

    def _past_names(self, goal: Number, names: Iterable[str]) -> None:
        wanted = [names] if isinstance(names, str) else list(names)
        self._home.update(self._build(goal, wanted))
        self._say(f"from after cell {goal}: {names_text(wanted)}")

    def _travel(self, goal: Number, *, push: bool = True) -> Any:
        start = self._arrive()
        delta = self._timeline.path(start, goal)
        self._recorder.mirror.restore(delta, self._recorder.is_unsaved)
        self._timeline.position = goal
        if push and delta:
            self._steps.append(goal)
        self._say(self._travel_text(goal, delta))
        slot = self._recorder.mirror.bindings.get(RESULT)
        return slot.object if type(slot) is Node else slot

    def _arrive(self) -> Number:
        """Record what changed since the last state; return where the present is now."""
        cell = self._cells[0] if self._cells else None
        duration = time.perf_counter() - cell.clock if cell is not None else 0.0
        number = self._timeline.free_number(self._current_cell())
        state = self._record(number, cell, None, duration, result=KEEP, everything=True)
        if state is not None:
            self._say(f"cowtm: what had changed before is kept as state {number}.")
        return cast("Number", self._timeline.position)

    def _travel_text(self, goal: Number, delta: Delta) -> str:
        names = delta.bindings
        born = names_in({k: v for k, v in names.after.items() if k not in names.before})
        gone = names_in({k: v for k, v in names.before.items() if k not in names.after})
        changed = sorted(self._names_reaching(delta) - set(born) - set(gone))
        said = [
            f"{names_text(listed)} {what}"
            for listed, what in ((changed, "changed"), (born, "came back"), (gone, "gone"))
            if listed
        ]
        return f"back after cell {goal}: " + ("; ".join(said) or "nothing was different")

    def _names_reaching(self, delta: Delta) -> set[str]:
        mirror = self._recorder.mirror
        found = Changes(delta, mirror.bindings, mirror.content).names
        return {name for name in found if is_variable(name)}

    def undo(self) -> Any:
        """Go back one step: undo the last cell or travel that changed something.

        Called again it goes back further. Nothing is lost: `past` leads to any state.

        Returns:
            The result of the cell whose state it went back to.

        Raises:
            BadInput: there is nothing before.

        Example:
            In [1]: price = 10

            In [2]: price = 99

            In [3]: tm.undo()
            back after cell 1: price changed

            In [4]: price
            Out[4]: 10

        """
        with self._lock:
            self._arrive()
            steps = [number for number in self._steps if number in self._timeline]
            current = self._timeline.position
            while steps and (steps[-1] == current or self._same(steps[-1], current)):
                steps.pop()
            if not steps:
                msg = "there is nothing to undo: no earlier state is recorded"
                raise BadInput(msg)
            goal = steps[-1]
            result = self._travel(goal, push=False)
            self._steps = steps
            return result

    def _same(self, one: Number, other: Number | None) -> bool:
        """Tell whether two states differ in no variable."""
        delta = self._timeline.path(one, cast("Number", other))
        return not self._names_reaching(delta) and not names_in(
            {**delta.bindings.before, **delta.bindings.after}
        )

    # -- looking -------------------------------------------------------------------------------

    def vars(self, cell: Number, *names: str) -> Any:
        """Return the variables of a state as fresh objects, without moving there.

        Sharing among them is kept; classes, modules and what stays by reference are the live ones.

        Args:
            cell: the cell's number.
            names: only these; a single one gives the object itself.

        Returns:
            A dict of name -> object, or the one object.

        Raises:
            StateNotFound: no such state.
            NameNotFound: no such variable in that state.

        Example:
            In [1]: scores = {"ann": 1}

            In [2]: scores["bob"] = 2

            In [3]: tm.vars(1, "scores")
            Out[3]: {'ann': 1}

        """
        with self._lock:
            goal = self._timeline[_number(cell)].number
            built = self._build(goal, names or None)
            if len(names) == 1:
                return built[names[0]]
            return Variables(f"variables after cell {goal}", built)

    def ans(self, cell: Number) -> Any:
        """Return the result of a cell as it was, a fresh object; None if it had none.

        Raises:
            StateNotFound: no such state.

        Example:
            In [1]: words = ["a"]; words
            Out[1]: ['a']

            In [2]: words.append("b")

            In [3]: tm.ans(1)
            Out[3]: ['a']

        """
        with self._lock:
            goal = self._timeline[_number(cell)].number
            delta = self._delta_to(goal)
            slot = self._bindings_of(delta).get(RESULT)
            return self._recorder.mirror.build({RESULT: slot}, delta)[RESULT]

    def _build(self, goal: Number, names: Iterable[str] | None) -> dict[str, Any]:
        delta = self._delta_to(goal)
        bindings = self._bindings_of(delta)
        wanted = names_in(bindings) if names is None else list(names)
        for name in wanted:
            if not isinstance(name, str) or name not in bindings:
                msg = f"there is no variable {name!r} after cell {goal}"
                near = names_text(names_in(bindings), 12)
                raise NameNotFound(f"{msg}; there are {near}" if near else msg)
        slots = {name: bindings[name] for name in wanted}
        return self._recorder.mirror.build(slots, delta)

    def _delta_to(self, goal: Number) -> Delta:
        return self._timeline.path(cast("Number", self._timeline.position), goal)

    def _bindings_of(self, delta: Delta) -> dict[str, Any]:
        bindings = dict(self._recorder.mirror.bindings)
        delta.bindings.apply(bindings)
        return bindings

    def diff(self, a: Number, b: Number | None = None) -> Table:
        """Tell what differs between two states.

        Args:
            a: a cell's number.
            b: another; the present if left out.

        Returns:
            A table: variable, what happened to it from `a` to `b`, and in short what changed.

        Raises:
            StateNotFound: no such state.

        Example:
            In [1]: x = 1; data = [1, 2]

            In [2]: data.append(3); y = "new"; del x

            In [3]: tm.diff(1, 2)
            Out[3]:
            from after cell 1 to after cell 2
            variable  what     account
            data      changed  length 2 to 3
            x         removed  1
            y         added    'new'

        """
        with self._lock:
            start = self._timeline[_number(a)].number
            goal = self._timeline.position if b is None else self._timeline[_number(b)].number
            return self._diff(start, cast("Number", goal))

    def _diff(self, start: Number, goal: Number) -> Table:
        to_start, to_goal = self._delta_to(start), self._delta_to(goal)
        delta = to_start.inverse().then(to_goal)
        before_of, after_of = self._contents_of(to_start), self._contents_of(to_goal)
        before, after = self._bindings_of(to_start), self._bindings_of(to_goal)
        changes = Changes(delta, after, after_of)
        rows = []
        for name in sorted({*before, *after}):
            if not is_variable(name):
                continue
            old, new = before.get(name, UNSET), after.get(name, UNSET)
            if old is UNSET:
                rows.append((name, "added", describe(new, after_of)))
            elif new is UNSET:
                rows.append((name, "removed", describe(old, before_of)))
            elif old is not new:
                said = f"{describe(old, before_of)} to {describe(new, after_of)}"
                rows.append((name, "rebound", said))
            elif name in changes.names:
                rows.append((name, "changed", changes.account(name, before_of, after_of)))
        notes = () if rows else ("no variable differs",)
        return Table(f"from after cell {start} to after cell {goal}", _DIFF, rows, notes)

    def _contents_of(self, delta: Delta) -> Callable[[Node], Content | None]:
        contents = delta.contents

        def content_of(node: Node) -> Content | None:
            if node in contents:
                return cast("Content | None", contents.after.get(node))
            return node.content

        return content_of

    def history(self, name: str) -> Table:
        """List the versions of a variable on the way to the present.

        Args:
            name: the variable.

        Returns:
            A table: cell, time, what it was, what changed.

        Raises:
            NameNotFound: no state on the way here holds it.

        Example:
            In [1]: total = [1]

            In [2]: total.append(2)

            In [3]: [row[0] for row in tm.history("total").rows]
            Out[3]: ['1', '2']

        """
        with self._lock:
            versions = self._versions(name)
            rows = [
                (
                    version.state.number,
                    clock_text(version.state.started),
                    version.what,
                    version.account,
                    shorten(version.state.title),
                )
                for version in versions
            ]
            return Table(f"versions of {name}", _HISTORY, rows)

    def blame(self, name: str) -> State:
        """Return the state of the cell that last changed a variable.

        Raises:
            NameNotFound: no state on the way here holds it.

        Example:
            In [1]: total = [1]

            In [2]: total.append(2)

            In [3]: tm.blame("total").number
            Out[3]: 2

        """
        with self._lock:
            return self._versions(name)[-1].state

    def _versions(self, name: str) -> History:
        line = [self._timeline[n] for n in self._ancestry()]
        versions = History(name, line)
        if not len(versions):
            known = names_text(names_in(self._recorder.mirror.bindings), 12)
            msg = f"no state on the way here holds a variable {name!r}; there are {known}"
            raise NameNotFound(msg)
        return versions

    def _ancestry(self) -> list[Number]:
        return self._timeline.ancestors(cast("Number", self._timeline.position))[::-1]

    @property
    def states(self) -> States:
        """All states, by cell number.

        Example:
            In [1]: x = 1

            In [2]: tm.states[1].names
            Out[2]: ('x',)

        """
        return States(self._timeline)

    # -- keeping it in bounds ------------------------------------------------------------------

    def memory_report(self) -> MemoryReport:
        """Tell how many bytes the time machine holds: in total, by variable, by state.

        Example:
            In [1]: word = "hello"

            In [2]: tm.memory_report().to_dict()["total"] > 0
            Out[2]: True

        """
        with self._lock:
            held = account(self._timeline.values(), self._recorder.mirror.store)
            return MemoryReport(
                {
                    "total": held.total,
                    "chunks": held.chunks,
                    "contents": held.contents,
                    "by_variable": held.by_variable,
                    "by_state": held.by_state,
                }
            )

    def saving(self, on: bool | None = None) -> bool:  # noqa: FBT001  the seed system's call
        """Switch recording off or on; without an argument tell which it is.

        What changed while it was off is recorded with the first cell after it is on again.

        Example:
            In [1]: tm.saving(False)
            Out[1]: False

            In [2]: x = 1

            In [3]: 2 in tm.states
            Out[3]: False

        """
        with self._lock:
            if on is not None:
                if not isinstance(on, bool):
                    msg = f"saving takes True or False, got {on!r}"
                    raise BadInput(msg)
                self._saving = on
            return self._saving

    def dontsave(self, *patterns: str) -> tuple[str, ...]:
        """Leave variables out: they are not recorded, and travelling does not touch them.

        Args:
            patterns: names, or patterns such as ``"tmp_*"``.

        Returns:
            All patterns that are left out now.

        Example:
            In [1]: tm.dontsave("tmp_*")
            Out[1]: ('tmp_*',)

            In [2]: tmp_big = [0] * 1000; kept = 1

            In [3]: tm.states[2].names
            Out[3]: ('kept',)

        """
        with self._lock:
            for pattern in patterns:
                if not isinstance(pattern, str) or not pattern:
                    msg = f"dontsave takes names or patterns such as 'tmp_*', got {pattern!r}"
                    raise BadInput(msg)
            for pattern in patterns:
                self._recorder.forget(pattern)
            return self._recorder.unsaved

    def clear_past(self, cells: object = None) -> list[Number]:
        """Forget states; those that stay are exact.

        Args:
            cells: a number, a range or any iterable of numbers; everything but the present if
                left out. The state that the present came from always stays.

        Returns:
            The numbers of the states that were forgotten.

        Raises:
            BadInput: `cells` are no numbers.

        Example:
            In [1]: x = 1

            In [2]: x = 2

            In [3]: x = 3

            In [4]: tm.clear_past(range(1, 3))
            Out[4]: [1, 2]

        """
        with self._lock:
            numbers = list(self._timeline) if cells is None else as_numbers(cells)
            why = f"it was cleared at cell {self._current_cell()}"
            removed = self._timeline.remove(numbers, why)
            self._steps = [number for number in self._steps if number in self._timeline]
            return removed

    def to_main(self, mapping: Mapping[str, Any]) -> None:
        """Make each key of a mapping a variable, such as those that `vars` gave.

        Raises:
            BadInput: it is no mapping, or a key can't be a variable's name; nothing was changed.

        Example:
            In [1]: x = 1

            In [2]: x = 2

            In [3]: tm.to_main(tm.vars(1)); x
            Out[3]: 1

        """
        if not isinstance(mapping, Mapping):
            msg = f"to_main takes a mapping of names, such as tm.vars(3); got {type(mapping).__name__}"
            raise BadInput(msg)
        for name in mapping:
            if not isinstance(name, str) or not name.isidentifier():
                msg = f"{name!r} can't be the name of a variable; nothing was changed"
                raise BadInput(msg)
        with self._lock:
            self._home.update(mapping)

    def audit(self) -> tuple[str, ...]:
        """Check every variable now, and record what had changed unseen.

        Returns:
            The variables found changed.

        Example:
            In [1]: x = [1]

            In [2]: tm.audit()
            Out[2]: ()

        """
        with self._lock:
            before = self._timeline.position
            self._arrive()
            after = self._timeline.position
            return () if after == before else self._timeline[cast("Number", after)].names

    def unhook(self) -> None:
        """Stop recording and undo every hook; what was recorded is let go.

        Example:
            In [1]: tm.unhook()

            In [2]: "tm" in globals()
            Out[2]: False

        """
        if self._unhook is not None:
            self._unhook()

    def close(self) -> None:
        """Let go of everything that was recorded."""
        with self._lock:
            self._recorder.mirror.table.clear()
            self._timeline = Timeline()
            self._steps.clear()
            self._cells.clear()

    def on_unhook(self, action: Callable[[], None]) -> None:
        """Have `unhook` call `action`."""
        self._unhook = action

    @property
    def recorder(self) -> Recorder:
        """What records; its view is what cells run against."""
        return self._recorder

    def _table(self) -> Table:
        timeline = self._timeline
        where = f"after cell {timeline.position}" if len(timeline) else "nowhere yet"
        notes = [
            f"{len(timeline)} states; the present came from {where}",
            f"recording is {'on' if self._saving else 'off'}; tracked by: {native.reason}",
            "tm.past(n)  tm.undo()  tm.vars(n)  tm.diff(a, b)  tm.history(name)  tm.states  "
            "tm.memory_report()  tm.clear_past()",
        ]
        return Table("cowtm, the time machine", (), (), notes)

    def __repr__(self) -> str:
        """Tell where it is."""
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()  # noqa: SLF001


_DIFF = ("variable", "what", "account")
_HISTORY = ("cell", "time", "what it was", "what changed", "source")
_STATES = ("cell", "parent", "source", "changed", "ran", "recorded", "stored", "")


class States(Mapping[Number, State]):
    """All states by number, as a table."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def __getitem__(self, number: Number) -> State:
        """Give one state.

        Raises:
            StateNotFound: no such state.

        """
        return self._timeline[_number(number)]

    def __iter__(self) -> Iterator[Number]:
        """Give the numbers in order."""
        return iter(sorted(self._timeline, key=order))

    def __len__(self) -> int:
        """Count them."""
        return len(self._timeline)

    def __contains__(self, number: object) -> bool:
        """Tell whether there is a state of that number."""
        return isinstance(number, int | str) and number in self._timeline

    def _table(self) -> Table:
        rows = []
        for number in self:
            state = self._timeline[number]
            marks = [state.error] if state.error else []
            marks += ["<- here"] if number == self._timeline.position else []
            marks += [f"late: {names_text(state.late)}"] if state.late else []
            if state.by_reference:
                marks.append(f"by reference: {names_text(sorted(state.by_reference))}")
            rows.append(
                (
                    number,
                    "" if state.parent is None else state.parent,
                    shorten(state.title),
                    names_text(state.names),
                    time_text(state.duration),
                    time_text(state.cost),
                    size_text(state.stored),
                    "; ".join(marks),
                )
            )
        return Table("states", _STATES, rows)

    def __repr__(self) -> str:
        """Give the table as text."""
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()  # noqa: SLF001


class MemoryReport:
    """Bytes that the time machine holds."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, bytes: total, chunks, contents, by_variable, by_state."""
        return {
            key: dict(value) if isinstance(value, dict) else value
            for key, value in self._figures.items()
        }

    def _table(self) -> Table:
        figures = self._figures
        largest = sorted(figures["by_variable"].items(), key=lambda item: -item[1])
        states = sorted(figures["by_state"].items(), key=lambda item: -item[1])
        rows = [("variable", _label(name), size_text(size)) for name, size in largest[:15]]
        rows += [("state", number, size_text(size)) for number, size in states[:10] if size]
        title = (
            f"held: {size_text(figures['total'])} "
            f"(memory of arrays and buffers {size_text(figures['chunks'])}, "
            f"contents of objects {size_text(figures['contents'])})"
        )
        return Table(title, ("of", "which", "bytes"), rows)

    def __repr__(self) -> str:
        """Give the report as text."""
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()  # noqa: SLF001


_LABELS = {
    RESULT: "(results)",
    "<random>": "(random numbers)",
    "<numpy.random>": "(random numbers of numpy)",
}


def _label(name: str) -> str:
    return _LABELS.get(name, name)


def _number(cell: Any) -> Number:
    """Take a cell number as users write it; numpy's integers are numbers too."""
    if isinstance(cell, str) or (isinstance(cell, int) and not isinstance(cell, bool)):
        return int(cell) if isinstance(cell, str) and cell.isdigit() else cell
    index = getattr(type(cell), "__index__", None)
    if index is not None and not isinstance(cell, bool):
        return int(index(cell))
    msg = f"a state is named by its cell number, such as 7, or '7a'; got {cell!r}"
    raise BadInput(msg)
