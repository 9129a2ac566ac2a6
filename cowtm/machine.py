"""The time machine: what users call.

Travels between states, tells what changed where. `cowtm.scribe` writes the states, `cowtm.lookup`
looks at them, and `cowtm.ipython` says when a cell begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from cowtm import native
from cowtm.archive import account
from cowtm.display import Report, Table, Variables, clock_text, names_text, shorten
from cowtm.errors import BadInput
from cowtm.lookup import Lookup
from cowtm.recorder import Recorder, names_in
from cowtm.reports import MemoryReport, States
from cowtm.scribe import Cell, Scribe
from cowtm.timeline import Number, State, as_number, as_numbers

if TYPE_CHECKING:
    from cowtm.delta import Delta

_HISTORY = ("cell", "time", "what it was", "what changed", "source")


class TimeMachine(Report):
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
        self._scribe = Scribe(self._recorder, current_cell, say)
        self._timeline = self._scribe.timeline
        self._lookup = Lookup(self._recorder.mirror, self._timeline)
        self._lock = self._scribe.lock
        self._say = say
        self._unhook: Callable[[], None] | None = None

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
            goal = self._timeline[as_number(cell)].number
            if names is not None:
                return self._past_names(goal, names)
            return self._travel(goal)

    def _past_names(self, goal: Number, names: Iterable[str]) -> None:
        if not _is(Iterable, names):
            raise BadInput(f"names takes a list of variable names, such as ['x']; got {names!r}")
        wanted = [names] if isinstance(names, str) else list(names)
        self._home.update(self._lookup.build(goal, wanted))
        self._say(f"from after cell {goal}: {names_text(wanted)}")

    def _travel(self, goal: Number, *, push: bool = True) -> Any:
        start = self._scribe.arrive()
        delta = self._lookup.path(start, goal)
        self._recorder.spare_unsaved(delta)
        self._recorder.mirror.restore(delta, self._recorder.is_unsaved)
        self._recorder.travelled(delta)
        self._timeline.position = goal
        if push and delta:
            self._scribe.steps.append(goal)
        self._say(self._travel_text(start, goal, delta))
        return self._lookup.live_result()

    def _travel_text(self, start: Number, goal: Number, delta: Delta) -> str:
        names = delta.bindings
        born = names_in(name for name in names.after if name not in names.before)
        gone = names_in(name for name in names.before if name not in names.after)
        changed = sorted(self._lookup.names_changed(start, goal, delta) - {*born, *gone})
        said = [
            f"{names_text(listed)} {what}"
            for listed, what in ((changed, "changed"), (born, "came back"), (gone, "gone"))
            if listed
        ]
        return f"back after cell {goal}: " + ("; ".join(said) or "nothing was different")

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
            at = self._scribe.arrive()
            steps = [number for number in self._scribe.steps if number in self._timeline]
            while steps and (steps[-1] == at or self._lookup.same(steps[-1], at)):
                steps.pop()
            if not steps:
                raise BadInput("there is nothing to undo: no earlier state is recorded")
            result = self._travel(steps[-1], push=False)
            self._scribe.steps = steps
            return result

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
            goal = self._timeline[as_number(cell)].number
            built = self._lookup.build(goal, names or None)
            if len(names) == 1:
                return built[names[0]]
            return Variables(f"variables after cell {goal}", built)

    def names(self, cell: Number | None = None) -> list[str]:
        """List the variables of a state, sorted.

        Args:
            cell: the cell's number; the present if left out.

        Raises:
            StateNotFound: no such state.

        Example:
            In [1]: x = 1

            In [2]: del x; y = 2

            In [3]: tm.names(1)
            Out[3]: ['x']

        """
        with self._lock:
            if cell is None:
                return self._lookup.names(self._scribe.position)
            return self._lookup.names(self._timeline[as_number(cell)].number)

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
            goal = self._timeline[as_number(cell)].number
            return self._lookup.result(goal)

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
            start = self._timeline[as_number(a)].number
            goal = self._scribe.position if b is None else self._timeline[as_number(b)].number
            return self._lookup.diff(start, goal)

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
            versions = self._lookup.versions(name)
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
            return Table(f"versions of {name}", _HISTORY, rows, right=("cell",))

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
            latest: State = self._lookup.versions(name)[-1].state
            return latest

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
                if not _is(bool, on):
                    raise BadInput(f"saving takes True or False, got {on!r}")
                self._scribe.saving = on
            return self._scribe.saving

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
                if not _is(str, pattern) or not pattern:
                    raise BadInput(
                        f"dontsave takes names or patterns such as 'tmp_*', got {pattern!r}"
                    )
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
            return self._scribe.forget(numbers)

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
        if not _is(Mapping, mapping):
            what = type(mapping).__name__
            raise BadInput(f"to_main takes a mapping of names, such as tm.vars(3); got {what}")
        for name in mapping:
            if not _is(str, name) or not name.isidentifier() or iskeyword(name):
                raise BadInput(f"{name!r} can't be the name of a variable; nothing was changed")
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
            before = self._scribe.position
            after = self._scribe.arrive()
            return () if after == before else self._timeline[after].names

    def unhook(self) -> None:
        """Stop recording and undo every hook; what was recorded is let go.

        Example:
            In [1]: tm.unhook()

            In [2]: "tm" in globals()
            Out[2]: False

        """
        if self._unhook is not None:
            self._unhook()

    # -- for the hooks -------------------------------------------------------------------------

    def begin(self, number: int) -> None:
        """Record what is there already as the first state."""
        self._scribe.begin(number)

    def begin_cell(self, source: str, cell_id: str | None = None) -> Cell:
        """Take note that a cell starts; returns what `end_cell` wants."""
        return self._scribe.begin_cell(source, cell_id)

    def end_cell(
        self,
        number: int | None,
        result: object = None,
        error: BaseException | None = None,
        cell: Cell | None = None,
    ) -> None:
        """Record the state after a cell.

        A cell that ran within another one is part of that.

        Args:
            number: the cell's number; None for one that is not in the history: what it changed
                goes with the next cell.
            result: the cell's result, None if it has none.
            error: what ended the cell, if it failed.
            cell: what `begin_cell` gave; the one that began last if left out.

        """
        self._scribe.end_cell(number, result, error, cell)

    def close(self) -> None:
        """Let go of everything that was recorded."""
        self._scribe.close()

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
            f"recording is {'on' if self._scribe.saving else 'off'}; tracked by: {native.reason}",
            "tm.past(n)  tm.undo()  tm.vars(n)  tm.diff(a, b)  tm.history(name)  tm.blame(name)",
            "tm.states  tm.memory_report()  tm.clear_past(cells)  tm.saving(False)  tm.unhook()",
        ]
        return Table("cowtm, the time machine", (), (), notes)


def _is(kind: type, value: object) -> bool:
    """Tell whether a user gave what we say we take."""
    return isinstance(value, kind)
