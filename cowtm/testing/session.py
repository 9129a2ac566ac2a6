"""A session without IPython, held against the oracle at every step."""

from __future__ import annotations

import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cowtm.keeper import Limits
from cowtm.machine import TimeMachine
from cowtm.native import CellRunner
from cowtm.testing.form import Form, form_of, session_form

NAME = "__cells__"
"""What the namespace is called."""


class Wrong(AssertionError):
    """The time machine did not do what the laws say."""


class Session:
    """A namespace, its time machine, and a way to run cells as IPython does.

    Args:
        stored: whether states may be on disk only.

    """

    def __init__(self, *, stored: bool = False) -> None:
        self._stored = stored
        self._left = 0
        self.number = 0
        self.said: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="cowtm-oracle-")
        self._begin()

    def _begin(self) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:  # what was left open before is no part of this
            pyplot.close("all")
        # A real module: dataclasses and pickles look the namespace up by its name.
        self.module = ModuleType(NAME)
        sys.modules[NAME] = self.module
        self.home: dict[str, Any] = self.module.__dict__
        self.machine = TimeMachine(self.home, _is_hidden, lambda: self.number, self.said.append)
        self.machine.recorder.recheck = 0.0
        self.machine.limits = Limits(folder=Path(self._folder.name))
        self._exec = CellRunner(exec, self.machine.recorder.view)
        np.random.seed(0)  # numpy loads its generator at the first use
        self.machine.begin(0)

    def run(self, source: str) -> BaseException | None:
        """Run one cell; return what ended it if it failed."""
        self.number += 1
        self.machine.begin_cell(source)
        error = _outcome(self._exec, source, self.number, self.home)
        self.machine.end_cell(self.number, None, error)
        return error

    def form(self, *, classes: bool = True) -> Form:
        """Describe the present."""
        constants = not self._stored
        return session_form(self.home, classes=classes, constants=constants, module=NAME)

    def form_of(self, fresh: Mapping[str, Any]) -> Form:
        """Describe copies of variables."""
        names = {name: fresh[name] for name in sorted(fresh)}
        return form_of(names, classes=False, constants=not self._stored, module=NAME)

    def demote(self) -> None:
        """Have all that is recorded on disk only."""
        self.machine.limits = Limits(memory=1, folder=Path(self._folder.name))
        self.machine.flush()
        self.machine.recorder.mirror.store.settle(0, 0)

    def flush(self) -> None:
        """Wait until the background has done what it has to do."""
        self.machine.flush()

    def leave(self) -> None:
        """Save all, and go on with it in a namespace that knows nothing of this one."""
        self._left += 1
        path = Path(self._folder.name) / f"left {self._left}.cowtm"
        self.machine.save(path)
        self._end()
        self._begin()
        self.machine.resume(path)

    def close(self) -> None:
        """Let go of everything."""
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        self.machine.close()
        sys.modules.pop(NAME, None)
        self.home.clear()


def _outcome(
    run: Callable[..., object], source: str, number: int, home: dict[str, Any]
) -> BaseException | None:
    """Run a cell; return what ended it if it failed, which may be a panic of Rust's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run(compile(source, f"<cell {number}>", "exec"), home, home)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:  # noqa: BLE001  cells may fail
            error = raised.with_traceback(None)
            error.__context__ = None
            return error
    return None


def _is_hidden(name: str, value: object) -> bool:  # noqa: ARG001
    return name.startswith("__")


@dataclass(slots=True)
class Known:
    """What the oracle knows of a state."""

    form: Form
    """Everything, without the objects."""
    flat: Form | None
    """The same with classes by identity; None when they are others than those it was made with."""
    weak: list[Any]
    """Number -> weak reference to the object, or the object itself, or None."""


class Checked:
    """A session that is compared with the oracle after every step.

    Args:
        hold: keep every object of every state alive, so that all of them are survivors.
        in_place: whether survivors must keep their identity.
        between: what is done with the session after every step; if given, states may be on disk
            only: constants are told by value then.

    """

    def __init__(
        self,
        *,
        hold: bool,
        in_place: bool = True,
        between: Callable[[Session], None] | None = None,
    ) -> None:
        self.session = Session(stored=between is not None)
        self.hold = hold
        self.in_place = in_place
        self._between = between if between is not None else _nothing
        self.known: dict[Any, Known] = {}
        self.sources: dict[int, tuple[Any, str]] = {}
        self._paths: dict[Any, tuple[tuple[Any, str], ...]] = {0: ()}
        self._of_garbage: set[Any] = set()  # states that are made for that alone
        self.position: Any = 0
        self._note(0)

    def close(self) -> None:
        """End the session."""
        self.known.clear()
        self.session.close()

    def run(self, source: str) -> None:
        """Run a cell, note the state that it leaves."""
        before = self.position
        self.session.run(source)
        number = self.session.number
        self.sources[number] = before, source
        self._paths[number] = *self._paths[before], (number, source)
        late = self.session.machine.states[number].late
        if late:
            raise Wrong(f"cell {number} changed {late}, which was only found by looking everywhere")
        self._second_capture_is_empty(f"after cell {number}")
        self._note(number)
        self._by_reference_is_told(number)
        self._between(self.session)

    def travel(self, goal: Any) -> None:
        """Go to a state; it must be what it was."""
        known = self.known[goal]
        survivors = [ref() if isinstance(ref, weakref.ref) else ref for ref in known.weak]
        if not self.hold:  # what only garbage holds need not survive
            present = {id(value) for value in self.session.form().objects}
            survivors = [value if id(value) in present else None for value in survivors]
        self.session.machine.past(goal)
        self.position = goal
        self._second_capture_is_empty(f"past({goal})")
        form = self.session.form()
        self._is(known.form, form, f"past({goal})")
        if self.in_place:
            self._survived(form, survivors, f"past({goal})")
        del form, survivors
        if known.flat is None:
            known.flat = self.session.form(classes=False)
            known.flat.objects = []
        self._between(self.session)

    def look(self, goal: Any) -> None:
        """Take fresh objects of a state; they must be what they were, and not be the live ones."""
        known = self.known[goal]
        if known.flat is None:
            here = self.position
            self.travel(goal)
            self.travel(here)
        assert known.flat is not None
        present = self.session.form()
        fresh = dict(self.session.machine.vars(goal))
        form = self.session.form_of(fresh)
        ambient = {n: t for n, t in known.flat.names.items() if n.startswith("<")}
        form.names.update({**ambient, "<memory>": form.names["<memory>"]})
        self._is(known.flat, form, f"vars({goal})")
        live = {id(value) for value in present.objects}
        lasting = form.by_reference() | form.made
        for number, value in enumerate(form.objects):
            if id(value) in live and not form.is_constant(number) and number not in lasting:
                raise Wrong(f"vars({goal}) shares {form.path(number)} with the present")
        self._is(present, self.session.form(), f"the present after vars({goal})")
        self._between(self.session)

    def forget(self, goal: Any) -> None:
        """Drop a state; the others must stay what they are."""
        if goal == self.position:
            return
        removed = self.session.machine.clear_past([goal])
        if removed != [goal]:
            raise Wrong(f"clear_past([{goal}]) removed {removed}")
        del self.known[goal]
        self.sources.pop(goal, None)
        self._between(self.session)

    def rerun(self, number: int) -> None:
        """Go back to before a cell and run it under its own number: that state is made anew."""
        before, source = self.sources[number]
        self.travel(before)
        wanted, last = self.known[number].form, self.session.number
        self.session.number = number - 1
        self.run(source)
        self.session.number = last
        self._is_alike(wanted, f"cell {number} run anew")

    def leave(self) -> None:
        """Go on with what was saved, as another process does; everything must be there."""
        for known in self.known.values():
            known.flat = None
            known.weak = []
        self.session.leave()
        machine = self.session.machine
        timeline = machine.archive._timeline
        at = timeline.position
        while at is not None and at in self._of_garbage:  # its variables are those before it
            at = timeline[at].parent
        self.position = at
        self._is(self.known[self.position].form, self.session.form(), "resume")
        self._second_capture_is_empty("resume")
        if set(machine.states) - self._of_garbage != set(self.known):
            raise Wrong(f"resume: there are states {list(machine.states)}")
        self._between(self.session)

    def again(self, number: int) -> None:
        """Go back to before a cell and run it again: it must give what it gave."""
        before, source = self.sources[number]
        self.travel(before)
        wanted = self.known[number].form
        self.run(source)
        self._is_alike(wanted, f"cell {number} again")

    def path(self, goal: Any) -> list[tuple[str, Form | None]]:
        """Give the cells that lead to a state, each with what it left, None if that was dropped."""
        return [
            (source, self.known[number].form if number in self.known else None)
            for number, source in self._paths[goal]
        ]

    def _note(self, number: Any) -> None:
        form, flat = self.session.form(), self.session.form(classes=False)
        # Holding the `__dict__` of an instance makes an object of it, which it was not.
        weak = [
            None if number in form.made else value if self.hold else _weak(value)
            for number, value in enumerate(form.objects)
        ]
        form.objects = flat.objects = []
        self.known[number] = Known(form, flat, weak)
        self.position = number

    def _by_reference_is_told(self, number: int) -> None:
        """See that a state names a variable for everything that is there by reference only."""
        form = self.known[number].form
        kept = form.by_reference()
        if not kept:
            return
        said = self.session.machine.states[number].by_reference
        for at in sorted(kept - form.reached(name for name in said if name in form.names)):
            raise Wrong(f"cell {number}: nothing says that {form.path(at)} is by reference: {said}")

    def _second_capture_is_empty(self, where: str) -> None:
        machine = self.session.machine
        known = set(machine.states)
        names = machine.audit()
        for number in set(machine.states) - known:
            timeline = machine.archive._timeline
            delta = timeline.delta(timeline[number])
            # Cycles that nothing holds may be found later than they came to be.
            if names or delta.bindings or delta.contents.after:
                raise Wrong(f"{where}: a second capture finds {delta} in {names}")
            self._of_garbage.add(number)

    def _is(self, wanted: Form, found: Form, where: str) -> None:
        if wanted != found:
            raise Wrong(f"{where}: {wanted.difference(found)}")

    def _is_alike(self, wanted: Form, where: str) -> None:
        """See that a cell made what it made before, of objects of its own.

        Not while all objects are kept alive: pandas copies what others hold before it writes there.
        """
        if not self.hold:
            self._is(wanted.impersonal(), self.session.form().impersonal(), where)

    def _survived(self, form: Form, survivors: list[Any], where: str) -> None:
        for number, survivor in enumerate(survivors):
            if survivor is not None and form.objects[number] is not survivor:
                raise Wrong(f"{where}: {form.path(number)} was alive and is another object now")


def same_without_recording(cells: Sequence[tuple[str, Form | None]], *, stored: bool) -> None:
    """See that cells leave what they left under the time machine where nothing is recorded.

    So whoever travelled on the way and went on is where one who never did would be.

    Args:
        cells: what `Checked.path` gave; the session went back to its first state, and is closed.
        stored: whether that was a session whose states may be on disk only.

    Raises:
        Wrong: a cell left something else.

    """
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    home = module.__dict__
    try:
        for number, (source, wanted) in enumerate(cells, 1):
            _outcome(exec, source, number, home)
            if wanted is not None:
                found = session_form(home, constants=not stored, module=NAME)
                found.objects = []  # pandas does not write where others are that live
                difference = wanted.impersonal().difference(found.impersonal())
                if difference:
                    where = f"cell {number} of {len(cells)} on the way, without a time machine"
                    raise Wrong(f"{where}: {difference}")
    finally:
        sys.modules.pop(NAME, None)
        home.clear()


def _nothing(_: Session) -> None:
    """Leave a session as it is."""


def _weak(value: Any) -> Any:
    try:
        return weakref.ref(value)
    except TypeError:
        return None
