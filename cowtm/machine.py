"""The time machine: what users call.

Travels between states, tells what changed where. `cowtm.scribe` writes the states, `cowtm.lookup`
looks at them, and `cowtm.ipython` says when a cell begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cowtm import native
from cowtm.archive import Archive
from cowtm.display import Table, count_text, names_text
from cowtm.errors import BadInput, Unhooked
from cowtm.figures import figures
from cowtm.future.calls import Futures
from cowtm.lookup import Lookup
from cowtm.recorder import Recorder, names_in
from cowtm.reports import MemoryReport
from cowtm.resuming import Prepared, prepare
from cowtm.saved.remote import as_path, is_url, sent_to
from cowtm.scribe import Cell, Scribe
from cowtm.timeline import Number, PutOut, State, as_numbers
from cowtm.unmade import lines_of, name_them

if TYPE_CHECKING:
    from cowtm.delta import Delta
    from cowtm.keeper import Limits


class TimeMachine(Archive, Futures):
    """A time machine for the variables of one session.

    After every cell, what the cell changed is recorded. Then

    - `past` puts all variables back to what they were after a cell, `undo` goes back one step;
    - `vars`, `ans` look at a state without moving;
    - `diff`, `history`, `blame`, `states` tell what changed where;
    - `memory_report`, `clear_past`, `pin`, `saving`, `dontsave` keep it in bounds;
    - `save` and `resume` carry it from one session to another, `archive` is all that is recorded;
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
        self._keeper = self._scribe.keeper
        timeline = self._scribe.timeline
        lookup = Lookup(self._recorder.mirror, timeline)
        super().__init__(timeline, lookup, self._scribe.lock, "cowtm, the time machine")
        self._say = say
        Futures.__init__(self)
        self._on_resume: Callable[[Sequence[State]], int] = lambda states: current_cell()  # noqa: ARG005
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
            goal = self._state(cell)
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
        self._recorder.meet_ambient()  # of libraries that the way to that state has imported too
        self._recorder.mirror.restore(delta, self._recorder.unsaved.__contains__)
        self._recorder.travelled(delta)
        self._timeline.move(goal)
        self._recorder.settle()
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

    # -- keeping it in bounds ------------------------------------------------------------------

    def memory_report(self) -> MemoryReport:
        """Tell what the archive holds, where, for which variables and states, and the budgets.

        Example:
            In [1]: word = "hello"

            In [2]: tm.memory_report().to_dict()["total"] > 0
            Out[2]: True

        """
        with self._lock:
            self._timeline.must_go_on()
            return MemoryReport(
                figures(self._home, self._recorder.mirror, self._timeline, self._keeper)
            )

    def pin(self, cell: Number, on: bool = True) -> None:  # noqa: FBT001, FBT002  as `saving`
        """Keep a state whatever the budgets say; ``tm.pin(3, False)`` lets it go again.

        Raises:
            StateNotFound: no such state.

        Example:
            In [1]: model = "trained"

            In [2]: tm.pin(1)

            In [3]: tm.states[1].pinned
            Out[3]: True

        """
        if not _is(bool, on):
            raise BadInput(f"pin takes a cell number, and True or False; got {on!r}")
        with self._lock:
            state = self._timeline[self._state(cell)]
            self._timeline.replace(replace(state, pinned=on))
        self._keeper.ask()

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
            self._timeline.must_go_on()
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
            self._timeline.must_go_on()
            for pattern in patterns:
                if not _is(str, pattern) or not pattern:
                    raise BadInput(
                        f"dontsave takes names or patterns such as 'tmp_*', got {pattern!r}"
                    )
            for pattern in patterns:
                self._recorder.unsaved.add(pattern)
            return self._recorder.unsaved.patterns

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

    # -- journals ------------------------------------------------------------------------------

    @property
    def archive(self) -> Archive:
        """The states of this session, to be looked at as those that `cowtm.load` opens.

        Example:
            In [1]: x = 1

            In [2]: tm.archive.vars(1, "x")
            Out[2]: 1

        """
        return Archive(self._timeline, self._lookup, self._lock, "states of this session")

    @property
    def journal_path(self) -> Path | None:
        """Where states are written to; None if they are not saved, and all of them are in memory.

        Raises:
            OSError: they are to be saved, and no journal can be made there.
            Unhooked: they were to be saved, until this time machine was unhooked.

        Example:
            In [1]: %config TimeMachine.autosave = True

            In [2]: tm.journal_path.suffix
            Out[2]: '.cowtm'

        """
        return self._keeper.journal_path

    @property
    def saved(self) -> list[Number]:
        """The numbers of the states that are in the journal: they outlive the kernel.

        Example:
            In [1]: %config TimeMachine.autosave = True

            In [2]: x = 1

            In [3]: tm.flush()

            In [4]: 2 in tm.saved
            Out[4]: True

        """
        return self._keeper.saved()

    def flush(self) -> None:
        """Wait until all states so far are where they belong: saved, packed, within the budgets.

        Example:
            In [1]: x = 1

            In [2]: tm.flush()

        """
        self._keeper.flush()
        self._scribe.say_words()

    def save(self, path: Any) -> None:
        """Save all states into a file, which `cowtm.load` opens and `resume` continues.

        Args:
            path: of a file that is not there yet; or a URL that fsspec understands.

        Raises:
            BadInput: there is such a file.
            DiskFull: there is no room for it.

        Example:
            In [1]: x = [1, 2]

            In [2]: tm.save("work.cowtm")

            In [3]: import cowtm

            In [4]: cowtm.load("work.cowtm").vars(1, "x")
            Out[4]: [1, 2]

        """
        with self._lock:
            self._scribe.arrive()
        if is_url(path):
            with sent_to(path) as local:
                self._keeper.save(local)
            return
        where = as_path(path)
        if where.exists():
            raise BadInput(f"{where} is there already; name another file, or remove it first")
        self._keeper.save(where)

    def resume(self, path: Any, *, trust: bool = False, replace: bool = False) -> Any:
        """Go on with the session that a journal holds: its variables, its states, its numbers.

        New states are written into the same journal. What this session recorded so far is let go;
        its variables stay, unless the journal has others of the same names.

        Args:
            path: of the journal; or a URL that fsspec understands: a copy is continued then.
            trust: whether to open it though it was not written with this user's key.
            replace: whether variables of the same names may be replaced.

        Returns:
            The result of the last cell, as it was.

        Raises:
            JournalNotFound: there is no such file.
            JournalInUse: another process is writing it.
            Untrusted: it was not written by this user, or was altered.
            BadInput: variables of this session would be replaced; or it has no states.
            CannotRestore: its last state can't be brought back; nothing was changed.

        Example:
            In [1]: x = [1, 2]

            In [2]: tm.save("session.cowtm")

            In [3]: del x

            In [4]: tm.resume("session.cowtm")
            resumed after cell 1: 1 variable, 2 states; this cell is number 4

            In [5]: x
            Out[5]: [1, 2]

        """
        self._timeline.must_go_on()
        prepared = prepare(path, self._home, self._keeper.folder, trust=trust)
        try:
            with self._keeper.at_rest(), self._lock:
                self._refuse_conflicts(prepared.names, replace=replace)
                prepared.restore(self._home, self._recorder.ambient)
                result = self._continue(prepared)
        except BaseException:
            if prepared.journal is not self._keeper.journal:
                prepared.journal.close()
            raise
        return result

    def _refuse_conflicts(self, names: Iterable[str], *, replace: bool) -> None:
        known = self._recorder.mirror.bindings
        there = [name for name in names if name in known]
        if there and not replace:
            raise BadInput(
                f"the journal has variables of the same names as this session: "
                f"{names_text(there)}; resume(path, replace=True) replaces them"
            )

    def _continue(self, prepared: Prepared) -> Any:
        """Have this session be the one that was prepared."""
        self._stop_jobs("the session went on from a journal")
        states = prepared.timeline.values()
        last = states[-1]
        self._recorder.mirror.close()
        self._recorder.use(prepared.mirror)
        self._lookup.mirror = prepared.mirror
        self._timeline.take_over(states, prepared.timeline.missing)
        self._keeper.use(prepared.mirror, prepared.codec)
        self._scribe.steps = [state.number for state in states if state.names]
        self._recorder.travelled(prepared.delta)
        number = self._on_resume(states)
        for line in prepared.words:
            self._say(line)
        if prepared.codec.naming.lacks:
            name_them(prepared.mirror)
            for line in lines_of(prepared.mirror, "here"):
                self._say(line)
        self._say(
            f"resumed after cell {last.number}: {count_text(prepared.names, 'variable')}, "
            f"{count_text(states, 'state')}; this cell is number {number}"
        )
        return self._lookup.live_result()

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

    def begin_cell(
        self,
        source: str,
        cell_id: str | None = None,
        outputs: PutOut | None = None,
    ) -> Cell:
        """Take note that a cell starts; returns what `end_cell` wants.

        Args:
            source: of the cell.
            cell_id: the notebook's own name for it.
            outputs: what it puts out, as it comes; None if that is not recorded.

        """
        return self._scribe.begin_cell(source, cell_id, outputs)

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

    def catch_up(self) -> None:
        """Wait while too much waits for being written, and say what there is to say.

        To be called after `end_cell`, where an interrupt may come.
        """
        self._keeper.catch_up()
        self._scribe.say_words()
        self._notices.tell()

    def glance(self) -> float | None:
        """Look for late changes for a moment: to be called while no cell runs, again and again.

        Returns:
            Seconds until there is more to look at; None if there is not, until a cell ends.

        """
        return self._scribe.glance()

    def close(self) -> None:
        """End all jobs, and let go of everything that was recorded."""
        self._close_future()
        self._scribe.close()
        self._unhook = None  # another time machine's by now

    def on_unhook(self, action: Callable[[], None]) -> None:
        """Have `unhook` call `action`."""
        self._unhook = action

    def on_resume(self, action: Callable[[Sequence[State]], int]) -> None:
        """Have `resume` tell the states; `action` returns the number of the cell that runs."""
        self._on_resume = action

    @property
    def limits(self) -> Limits:
        """What the archive may take."""
        return self._keeper.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._keeper.limits = limits

    @property
    def recorder(self) -> Recorder:
        """What records; its view is what cells run against."""
        return self._recorder

    def _table(self) -> Table:
        self._scribe.say_words()
        timeline = self._timeline
        if timeline.is_over:
            return Table(self._title, (), (), [str(Unhooked())])
        where = f"after cell {timeline.position}" if len(timeline) else "nowhere yet"
        notes = [
            f"{len(timeline)} states; the present came from {where}",
            f"recording is {'on' if self._scribe.saving else 'off'}; tracked by: {native.reason}",
            "tm.past(n)  tm.undo()  tm.vars(n)  tm.diff(a, b)  tm.history(name)  tm.blame(name)",
            "tm.states  tm.memory_report()  tm.clear_past(cells)  tm.pin(n)  tm.saving(False)",
            "%%future  tm.jobs  tm.submit(source)  tm.thread(function)  tm.replay(n)",
            "tm.save(path)  tm.resume(path)  tm.archive  tm.journal_path  tm.unhook()",
        ]
        return Table(self._title, (), (), notes)


def _is(kind: type, value: object) -> bool:
    """Tell whether a user gave what we say we take."""
    return isinstance(value, kind)
