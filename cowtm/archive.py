"""Recorded states, to be looked at: those of this session, or of a journal."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cowtm.display import Report, Table, Variables, clock_text, shorten
from cowtm.reports import States
from cowtm.timeline import Number, State, Timeline, as_number

if TYPE_CHECKING:
    from cowtm.lookup import Lookup

_HISTORY = ("cell", "time", "what it was", "what changed", "source")


class Archive(Report):
    """States, and what their variables were.

    Args:
        timeline: the states.
        lookup: looks at them.
        lock: held while they are looked at.
        title: what they are the states of.
        damage: what of them can't be read, in sentences.

    """

    def __init__(
        self,
        timeline: Timeline,
        lookup: Lookup,
        lock: threading.RLock,
        title: str,
        damage: Iterable[str] = (),
    ) -> None:
        self._timeline = timeline
        self._lookup = lookup
        self._lock = lock
        self._title = title
        self.damage = tuple(damage)

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
            CannotRestore: the one variable that was asked for can't be made: its own code
                refuses. Among several it is whole but for a placeholder, and named.

        Example:
            In [1]: scores = {"ann": 1}

            In [2]: scores["bob"] = 2

            In [3]: tm.vars(1, "scores")
            Out[3]: {'ann': 1}

        """
        with self._lock:
            goal = self._state(cell)
            if len(names) == 1:
                return self._lookup.build(goal, names)[names[0]]
            unmade: dict[Any, Any] = {}
            built = self._lookup.build(goal, names or None, unmade)
            lost = self._lookup.lost(goal, built, unmade)
            return Variables(f"variables after cell {goal}", built, lost)

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
                return self._lookup.names(self._lookup.here)
            return self._lookup.names(self._state(cell))

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
            goal = self._state(cell)
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
            start = self._state(a)
            goal = self._lookup.here if b is None else self._state(b)
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

    def _state(self, cell: Number) -> Number:
        """Return the number of a state that is used now."""
        number = self._timeline[as_number(cell)].number
        self._timeline.touch(number)
        return number

    def _table(self) -> Table:
        return self.states.table(self._title, self.damage)
