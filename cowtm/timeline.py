"""All states and how they came from one another: a tree, and where in it the present is.

A state is numbered by the cell that made it. When a cell travels after it changed something, what
it had changed is a state of its own, numbered with a letter: ``"7a"`` before cell 7 travelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import index
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from cowtm.delta import Delta
from cowtm.display import Report, Table, clock_text, names_text, size_text, time_text, words_of
from cowtm.errors import BadInput, Damaged, StateNotFound, Unhooked
from cowtm.origins import Origins

if TYPE_CHECKING:
    from cowtm.native import Node

Number: TypeAlias = int | str
"""A cell's number, or that with a letter."""

RESULT = "<result>"
"""What the cell's result is bound to, among the variables of its state."""


class PutOut(Protocol):
    """What a cell put out, as nbformat 4 has it; more may come."""

    @property
    def version(self) -> int:
        """A number that is another after each change."""

    @property
    def size(self) -> int:
        """Bytes that they take in memory, about."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the outputs in order."""


@dataclass(frozen=True, slots=True, repr=False)
class State(Report):
    """What is known of one state."""

    number: Number
    """The cell that made it."""
    parent: Number | None
    """The state it came from; None for the first."""
    delta: Delta | None = field(repr=False)
    """The step from the parent; None when it is in the journal only."""
    source: str = field(default="", repr=False)
    """The cell's source text."""
    cell_id: str | None = None
    """The notebook's own name for the cell."""
    started: float = 0.0
    """When the cell began, seconds since 1970."""
    duration: float = 0.0
    """How long the cell ran, seconds."""
    cost: float = 0.0
    """How long recording took, seconds."""
    error: str | None = None
    """The name of the exception that ended the cell, if one did."""
    names: tuple[str, ...] = ()
    """Variables that the cell changed, bound or deleted, sorted."""
    late: tuple[str, ...] = ()
    """Variables found changed by a check afterwards: an earlier cell or a callback did it."""
    by_reference: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Variable -> what in it could only be kept by reference."""
    stored: int = 0
    """Bytes that this state added to the archive."""
    serial: int = 0
    """The how-many-th state it is, of all that ever were."""
    pinned: bool = False
    """Whether it is never dropped to make room."""
    outputs: PutOut | None = field(default=None, repr=False, compare=False)
    """What the cell put out, as nbformat has it, and goes on putting out; None if not recorded."""

    @property
    def title(self) -> str:
        """The first line of the source that says something."""
        lines = (line.strip() for line in self.source.splitlines())
        return next((line for line in lines if line), "")

    def _table(self) -> Table:
        by_reference = [f"{words_of(name)}: {what}" for name, what in self.by_reference.items()]
        came = "is the first" if self.parent is None else f"came from state {self.parent}"
        rows = [
            ("source", self.title),
            ("ended by", self.error or ""),
            ("changed", names_text(self.names)),
            ("found late", names_text(self.late)),
            ("by reference", names_text(by_reference)),
            ("began", clock_text(self.started)),
            ("ran", time_text(self.duration)),
            ("recorded in", time_text(self.cost)),
            ("stored", size_text(self.stored)),
            ("pinned", "yes" if self.pinned else ""),
        ]
        shown = [row for row in rows if row[1]]
        return Table(f"state {self.number}, {came}", ("", ""), shown)


class Stored(Protocol):
    """Where deltas are that left memory."""

    def delta(self, serial: int) -> Delta:
        """Read the delta of a state; its values may stand for what is not read yet."""

    def resolve(self, delta: Delta) -> Delta:
        """Read what the values of a delta stand for."""

    def value(self, node: Node | None, value: Any) -> Any:
        """Read what one value stands for: of a node's content, or of a name."""


class Timeline:
    """The tree of states.

    Args:
        stored: where the deltas are that states do not have themselves.

    Attributes:
        position: the state that the present came from.
        last_serial: the serial number given last.
        fresh: serial number -> state that came or was made anew, for who writes them down.
        gone: serial numbers of states that were removed, likewise.
        is_over: whether it was closed: there will be no states any more.

    """

    def __init__(self, stored: Stored | None = None) -> None:
        self.stored = stored
        self._states: dict[Number, State] = {}
        self._missing: dict[Number, str] = {}
        self._expected: dict[Number, State] = {}
        self._origins = Origins()
        self._last_job = ""
        self._recent: dict[Number, None] = {}
        self.position: Number | None = None
        self.last_serial = 0
        self.fresh: dict[int, State] = {}
        self.gone: set[int] = set()
        self.is_over = False

    def __len__(self) -> int:
        """Count the states."""
        return len(self._states)

    def __iter__(self) -> Iterator[Number]:
        """Give the numbers, in the order in which the states came."""
        return iter(self._states)

    def __contains__(self, number: object) -> bool:
        """Tell whether there is such a state."""
        return number in self._states

    def __getitem__(self, number: Number) -> State:
        """Give a state, or say which are near and why it is missing.

        Raises:
            StateNotFound: there is none of that number.
            Unhooked: the timeline was closed.

        """
        state = self._states.get(number)
        if state is None:
            self.must_go_on()
            raise StateNotFound(self._why_missing(number))
        return state

    def values(self) -> list[State]:
        """Return all states, in the order in which they came."""
        return list(self._states.values())

    @property
    def missing(self) -> Mapping[Number, str]:
        """Number -> why there is no such state, for those that there were."""
        return self._missing

    def delta(self, state: State) -> Delta:
        """Return the step to a state from its parent, from wherever it is.

        Its values may stand for what is not read yet: `resolve` reads them.
        """
        if state.delta is not None:
            return state.delta
        return self._stored.delta(state.serial)

    def resolve(self, delta: Delta) -> Delta:
        """Read what the values of a delta stand for, if they do."""
        return delta if self.stored is None else self.stored.resolve(delta)

    def value(self, node: Node | None, value: Any) -> Any:
        """Read what one value of a delta stands for: of a node's content, or of a name."""
        return value if self.stored is None else self.stored.value(node, value)

    @property
    def _stored(self) -> Stored:
        if self.stored is None:
            msg = "a state's delta is neither in memory nor in a journal"
            raise RuntimeError(msg)
        return self.stored

    def next_serial(self) -> int:
        """Give a serial number to a state that is being made."""
        self.last_serial += 1
        return self.last_serial

    def add(self, state: State) -> None:
        """Add a state; the present is there now."""
        self._put(state)
        self.move(state.number)

    def _put(self, state: State) -> None:
        self._states[state.number] = state
        self._missing.pop(state.number, None)
        self.fresh[state.serial] = state

    # -- states that are made in the background ------------------------------------------------

    def expect(self, state: State) -> None:
        """Take note that a state is being made in the background.

        Args:
            state: as it is known so far: its parent is the state that it begins from. Whatever
                becomes of that, `path_to_origin` finds what it was.

        """
        self.remove([state.number], f"cell {state.number} ran again")
        self._expected[state.number] = state
        if isinstance(state.number, str):
            self._last_job = state.number
        self._origins.begin(state.number, state.parent)
        self._missing.pop(state.number, None)

    def is_expected(self, number: Number) -> bool:
        """Tell whether such a state is being made."""
        return number in self._expected

    def path_to_origin(self, start: Number, number: Number) -> Delta:
        """Return the one step from a state to where one that is made in the background began.

        Raises:
            StateNotFound: none was, or that is not known any more.

        """
        if number not in self._origins:
            raise StateNotFound(self._why_no_origin(number))
        origin = self._origins[number]
        return self._path(start, origin.parent, [origin.step])

    def land(self, number: Number, step: Delta, **known: Any) -> State:
        """Add a state that was made in the background; the present stays where it is.

        Args:
            number: of the state that was expected.
            step: from where it began.
            known: fields of the state that are known by now.

        """
        origin = self._origins[number]
        state = replace(
            self._expected.pop(number),
            parent=origin.parent,
            delta=origin.step.then(step),
            serial=self.next_serial(),
            **known,
        )
        self._put(state)
        self.touch(number)
        return state

    def give_up(self, number: Number, why: str) -> None:
        """Take note that a state that was expected will not be."""
        if self._expected.pop(number, None) is not None:
            self._origins.forget(number)
            self.note_missing(number, why)

    def forget_origins(self) -> None:
        """Let go of where states that have landed began, if no state tells: memory is needed."""
        self._origins.forget_detached(but=self._expected)

    # -- the present, and what is used ---------------------------------------------------------

    def move(self, number: Number) -> None:
        """Take note that the present is in another state."""
        self.position = number
        self.touch(number)

    def touch(self, number: Number) -> None:
        """Take note that a state is used."""
        self._recent.pop(number, None)
        self._recent[number] = None

    def by_use(self) -> list[State]:
        """Return all states, the least recently used first."""
        return [self._states[number] for number in self._recent]

    def replace(self, state: State) -> None:
        """Put what is known of a state anew, in its place."""
        self._states[self[state.number].number] = state
        self.fresh[state.serial] = state

    def shelve(self, state: State) -> bool:
        """Let go of a state's delta, which is in the journal now, unless it has another by now."""
        now = self._states.get(state.number)
        if now is None or now.serial != state.serial or now.delta is not state.delta:
            return False
        self._states[state.number] = replace(now, delta=None)
        return True

    def take_over(self, states: Iterable[State], missing: Mapping[Number, str]) -> None:
        """Have the states of a journal, which are there with their deltas."""
        self.clear()
        for state in states:
            self._states[state.number] = state
            self.last_serial = max(self.last_serial, state.serial)
            self.move(state.number)
        self._missing.update(missing)

    def clear(self) -> None:
        """Forget all states."""
        self.gone.update(state.serial for state in self._states.values())
        self._states.clear()
        self._missing.clear()
        self._expected.clear()
        self._last_job = ""
        self._origins = Origins()
        self._recent.clear()
        self.fresh.clear()
        self.position = None

    def close(self) -> None:
        """Forget all states, for good."""
        self.clear()
        self.gone.clear()
        self.is_over = True

    def must_go_on(self) -> None:
        """Refuse what makes no sense any more once the timeline was closed.

        Raises:
            Unhooked: it was.

        """
        if self.is_over:
            raise Unhooked

    def part_number(self, cell: int) -> str:
        """Return a number for what a cell had changed before it travelled, or started a job.

        Once it has started some it is that of the last one with a letter more, ``"7aa"``: so jobs
        that a cell starts one after the other are numbered without gaps.
        """
        job = self._last_job
        return self.free_number(job if order(job)[0] == cell else cell)

    def free_number(self, cell: Number) -> str:
        """Return a number that is free: of a cell, or another such number, with a letter more."""
        letters = "abcdefghijklmnopqrstuvwxyz"
        index = 0
        while True:
            high, low = divmod(index, len(letters))
            number = f"{cell}{letters[high - 1] if high else ''}{letters[low]}"
            if not any(number in known for known in (self._states, self._missing, self._expected)):
                return number
            index += 1

    def note_missing(self, number: Number, why: str) -> None:
        """Remember why there is no state of that number."""
        if number not in self._states:
            self._missing[number] = why

    def ancestors(self, number: Number) -> list[Number]:
        """Return a state's number, its parent's, and so on up to the first."""
        line: list[Number] = []
        at: Number | None = number
        while at is not None:
            line.append(at)
            at = self[at].parent
        return line

    def way(self, start: Number, goal: Number) -> tuple[list[Number], list[Number]]:
        """Return the states to undo from one to another, and those to do again, the last first."""
        up, down = self.ancestors(start), self.ancestors(goal)
        while up and down and up[-1] == down[-1]:
            up.pop()
            down.pop()
        return up, down

    def path(self, start: Number, goal: Number) -> Delta:
        """Return the one step from one state to another.

        Raises:
            Damaged: it passes through a state that can't be read from the journal.

        """
        return self._path(start, goal, ())

    def _path(self, start: Number, goal: Number | None, steps: Iterable[Delta]) -> Delta:
        """Return the one step from one state to another and on; None is nothing."""
        up, down = (self.ancestors(start), []) if goal is None else self.way(start, goal)
        return self.resolve(
            Delta.chain(
                [
                    *(self.delta(self[number]).inverse() for number in up),
                    *(self.delta(self[number]) for number in reversed(down)),
                    *steps,
                ]
            )
        )

    def path_from_nothing(self, goal: Number) -> Delta:
        """Return the one step that makes a state of an empty namespace."""
        line = self.ancestors(goal)
        return self.resolve(Delta.chain(self.delta(self[number]) for number in reversed(line)))

    def remove(self, numbers: Iterable[Number], why: str) -> list[Number]:
        """Remove states, composing deltas so that those that stay are exact.

        The state that the present came from stays, whether named or not.

        Returns:
            The numbers removed.

        """
        doomed = {number for number in numbers if number in self._states}
        doomed.discard(self.position)
        if not doomed:
            return []
        kept: dict[Number, State] = {}
        steps: dict[Number, list[Delta]] = {}
        parents: dict[Number, Number | None] = {}
        for number, state in self._states.items():
            # A parent always comes before its children, so its own way is known here.
            before = steps.get(state.parent, []) if state.parent in doomed else []
            parent = parents[state.parent] if state.parent in doomed else state.parent
            if number in doomed:
                self.gone.add(state.serial)
                self.fresh.pop(state.serial, None)
                steps[number] = [*before, self.delta(state)]
                parents[number] = parent
            elif before:
                delta = Delta.chain([*before, self.delta(state)])
                kept[number] = replace(state, parent=parent, delta=delta)
                self.fresh[state.serial] = kept[number]
            else:
                kept[number] = state
        self._origins.leave_out(steps, parents, self._read_now)
        self._states = kept
        for number in doomed:
            self._missing[number] = why
            self._recent.pop(number, None)
            self._origins.forget(number)
        return sorted(doomed, key=order)

    def _why_no_origin(self, number: Number) -> str:
        if number in self._states:
            return (
                f"what state {number} began from was dropped, to stay within the budgets: what "
                f"its job changed can't be told any more; tm.vars({number!r}) gives all variables"
            )
        why = self._missing.get(number)
        return f"state {number} of the job is gone" + (f": {why}" if why else "")

    def _read_now(self, delta: Delta) -> Delta:
        """Read a delta that no state has, as long as the journal still knows what is in it."""
        try:
            return self.resolve(delta)
        except Damaged:  # whoever needs it will be told
            return delta

    def _why_missing(self, number: object) -> str:
        what = f"there is no state {number!r}"
        if isinstance(number, bool) or not isinstance(number, int | str):
            return f"{what}: a state is named by its cell number, such as 7, or '7a'"
        if number in self._expected:
            return f"state {number} is still being made, by a cell in the background: see tm.jobs"
        why = self._missing.get(number)
        if why is not None:
            what = f"state {number} is gone: {why}"
        elif self._states:
            what += ": no cell of that number was recorded"
        near = sorted(self._states, key=lambda known: _distance(known, number))[:4]
        listed = ", ".join(str(known) for known in sorted(near, key=order))
        return f"{what}. The nearest states are {listed}." if near else f"{what}."


def order(number: Number) -> tuple[int, int, str]:
    """Sort key of numbers: ``6 < "7a" < "7b" < 7``."""
    if isinstance(number, int):
        return number, 1, ""
    digits = number.rstrip("abcdefghijklmnopqrstuvwxyz")
    letters = number[len(digits) :]
    return (int(digits) if digits.lstrip("-").isdigit() else 0), 0, letters


def _distance(known: Number, wanted: Number) -> tuple[int, int]:
    a, b = order(known), order(wanted)
    return abs(a[0] - b[0]), abs(a[1] - b[1])


def as_numbers(cells: object) -> list[Number]:
    """Return the state numbers that a user named: one, or any iterable of them.

    Raises:
        BadInput: it is neither.

    """
    if not isinstance(cells, Iterable) or isinstance(cells, str):
        return [as_number(cells)]
    if isinstance(cells, bytes):
        msg = f"cells are named by numbers: 3, range(3, 9) or [1, 5]; got {cells!r}"
        raise BadInput(msg)
    return [as_number(cell) for cell in cells]


def as_number(cell: Any) -> Number:
    """Return a cell number as users write it; numpy's integers are numbers too.

    Raises:
        BadInput: it is none.

    """
    if isinstance(cell, str):
        return int(cell) if cell.isdecimal() else cell
    try:
        return _whole(cell)
    except TypeError:
        msg = f"a state is named by its cell number, such as 7, or '7a'; got {repr(cell)[:60]}"
        raise BadInput(msg) from None


def _whole(cell: Any) -> int:
    if isinstance(cell, bool):
        raise TypeError
    return index(cell)
