"""Finds what a cell changed: which names to look at, in which order, for how long.

Rebinding is found by comparing pointers, always. For changes in place the objects are walked from
the names that the cell can have touched: those that went through the view, those that its code
names, and, through every function of the notebook that is reached, those that its code names.
Names that were not touched are checked again too, the least recently checked first, as long as a
small allowance lasts (a callback, a thread or a library may have changed them); what is left over
of them is checked in small slices while nothing else is to be done.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from cowtm.delta import Delta
from cowtm.errors import CannotRestore
from cowtm.kinds import surroundings
from cowtm.kinds.modules import module_behind
from cowtm.mirror import Mirror, is_variable
from cowtm.native import GONE, REFERENCE, UNSET, Content, Node, TrackingNamespace
from cowtm.references import References
from cowtm.rounds import Round
from cowtm.timeline import RESULT
from cowtm.touch import Touch, binding_of
from cowtm.unsaved import Unsaved

if TYPE_CHECKING:
    from cowtm.kinds.ambient import Ambient

LENT = "<lent>"
"""What an object is bound to that is known for a moment."""

KEEP: Any = object()
"""Given as a result: the one that is recorded stays."""

RECHECK = 0.0002
"""Seconds for checking untouched names after a cell, if 5 % of the cell's own time is less."""

SWEEP_NODES = 1_000
"""Tracked objects that a search for unreachable cycles may visit, for each cell since the last."""

TRIAL_LIMIT = 1_000_000
"""Objects that a search for garbage looks at when everything is checked."""

ATTEMPTS = 64
"""Names looked at for one that fits into what is left of the allowance."""

_RESULTS = ("Out", "_oh")
"""The names of IPython's dict of all results."""

_IPYTHON = re.compile(r"_i{1,3}|_i\d+|_\d+[a-z]*|_[dio]h|_exit_code|In|Out")

_COMPILER = re.compile(r"__(compiled_fn|resume_at|builtins_dict|import)_\w+")
"""Names that `torch.compile` gives the namespace of the functions that it compiles, and needs
there as long as it remembers them."""

_WARNED = "__warningregistry__"
"""Where Python notes which warnings were shown: that stays so, as in every module."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture found."""

    delta: Delta
    """The step from the last capture."""
    names: tuple[str, ...]
    """Variables changed, sorted."""
    late: tuple[str, ...]
    """Of them, those that nothing pointed to."""
    by_reference: dict[str, str]
    """Variable -> what in it is kept by reference, in the present."""
    new_references: dict[str, str]
    """Of them, those seen for the first time."""
    stored: int
    """Bytes of new chunks."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a slice of checking came to."""

    captured: Captured | None
    """What it found; None if there is nothing that a state would be made for."""
    wait: float | None
    """Seconds until the next slice; None when every name was looked at."""


@dataclass(slots=True)
class _Work:
    """One capture under way."""

    changed: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)
    checked_late: set[str] = field(default_factory=set)

    def note(self, name: str, *, late: bool) -> None:
        """Take note that a name was found changed."""
        if is_variable(name):
            self.changed.add(name)
            if late:
                self.late.add(name)


class Recorder:
    """Records one namespace.

    Args:
        home: the namespace, a real dict.
        hidden: tells a name with its value that is not a variable but IPython's.
        folder: the notebook's; the present one if left out.

    Attributes:
        recheck: seconds for checking untouched names after each cell, more after a long one;
            0 if they are not to be checked.
        unsaved: names that are not recorded.

    """

    def __init__(
        self,
        home: dict[str, Any],
        hidden: Callable[[str, object], bool],
        folder: Path | None = None,
    ) -> None:
        self.home = home
        self.view = TrackingNamespace(home)
        self.mirror = Mirror(home, folder)
        self.recheck = RECHECK
        self._hidden = hidden
        self._skip: set[str] = set()
        self._left_out: dict[str, object] = {}
        self.unsaved = Unsaved()
        self._surroundings = surroundings()
        self.use(self.mirror)

    def use(self, mirror: Mirror) -> None:
        """Record by a mirror, which knows the present, from now on."""
        self.mirror = mirror
        self.view.reset()
        self._references = References(mirror.bindings)
        self._touch = Touch(self.home, mirror.bindings)
        self._last_check: dict[str, float] = {}
        self._cells = 0
        self._cells_kept = 0
        self._in_limbo = 0
        self._trusted = True
        self.unsaved.look_again()
        self._left_over = Delta()
        self._left_names: set[str] = set()
        self._round: Round | None = None

    def close(self) -> None:
        """Let go of everything that was recorded."""
        self.mirror.close()
        self.use(self.mirror)
        self._left_out.clear()

    @property
    def ambient(self) -> Mapping[str, object]:
        """What no variable leads to (global generators, ...), by the names that states give it."""
        return {one.name: one.value for one in self._surroundings.find()}

    def meet_ambient(self) -> list[Ambient]:
        """Find what no variable leads to; if a journal knows of it, it is known to be that."""
        found = self._surroundings.find()
        mirror = self.mirror
        for one in found if mirror.lasting else ():
            node = mirror.lasting.get(one.name)
            if node is not None and node.object is GONE and mirror.table.node_of(one.value) is None:
                mirror.meet(node, one.value)
        return found

    def reset_ambient(self, but: Container[str]) -> None:
        """Make what no variable leads to as its library makes it, but for some, by name."""
        for ambient in self._surroundings.find():
            if ambient.name not in but:
                ambient.reset()

    @contextmanager
    def lent(self, value: object) -> Iterator[tuple[Any, Mapping[Node, Content]]]:
        """Know some object for a moment as if a variable led to it.

        Gives its slot, and the contents of what it leads to and no variable does.
        """
        table = self.mirror.table
        table.rebind(LENT, value)
        table.check(LENT)
        delta = self.mirror.finish()
        known = delta.contents.before
        new = {n: c for n, c in delta.contents.after.items() if n not in known}
        lent = cast("dict[Node, Content]", new)
        try:
            yield table.bindings[LENT], lent
        finally:
            table.rebind(LENT, UNSET)
            table.kill(list(lent))
            self._left_over = self._left_over.then(delta.then(self.mirror.finish()))

    # -- capture -------------------------------------------------------------------------------

    def capture(
        self, *, result: object = UNSET, everything: bool = False, seconds: float = 0.0
    ) -> Captured:
        """Bring the mirror up to date and give what changed.

        Args:
            result: the cell's result; UNSET if it has none, KEEP to leave it as recorded.
            everything: check every variable, however long it takes.
            seconds: how long the cell ran.

        """
        self._end_round()
        stored = self.mirror.store.stored
        work = _Work()
        touched = self._touch.by_cells(self.view)
        self.view.reset()
        self._cells += 1
        self._cells_kept += 1
        everything = everything or not self._trusted
        self._trusted = False
        try:
            self._bind(work)
            self._check_all(work, touched)
            if result is not KEEP:
                self._bind_result(result)
            self._bind_ambient()
            if everything:
                self._check_all(work, self._untouched(work), late=True)
            elif self.recheck:
                self._recheck(work, max(self.recheck, seconds / 20))
            self._sweep(everything=everything)
        except BaseException:
            # What was found so far goes with the next capture, which checks everything.
            self._left_over = self._left_over.then(self.mirror.finish())
            raise
        self._trusted = True
        captured = self._captured(work, self.mirror.store.stored - stored)
        self._release(everything=everything)
        return captured

    def _captured(self, work: _Work, stored: int) -> Captured:
        """End a capture: tell what it found, with what an earlier one left over."""
        delta = self._left_over.then(self.mirror.finish())
        self._left_over = Delta()
        new = self._references.note(self.mirror.table.referred(), work.checked - work.checked_late)
        changed = {*work.changed, *names_in(delta.bindings), *self._bound_to(delta)}
        changed |= self._left_names
        self._left_names = set()
        return Captured(
            delta=delta,
            names=tuple(sorted(changed)),
            late=tuple(sorted(work.late)),
            by_reference=self._references.present(changed),
            new_references=new,
            stored=stored,
        )

    def glance(self) -> Glance:
        """Check some names: those that the last capture looked at may have changed since, too.

        Called again and again it looks at each name once: that is a round, which a capture ends.
        """
        if not self._trusted:  # the next capture checks everything
            return Glance(None, None)
        self._trusted = False
        stored, changes = self.mirror.store.stored, self.mirror.table.changes
        work = _Work()
        try:
            self._bind(work)
            going = self._round or self._begin_round()
            wait = going.slice(lambda name: self._look_at(name, work))
            if self.mirror.table.changes == changes and not work.changed:
                self._trusted = True
                return Glance(None, wait)
            work.late |= {name for name in work.changed if is_variable(name)}
            captured = self._captured(work, self.mirror.store.stored - stored)
        except BaseException:
            self._left_over = self._left_over.then(self.mirror.finish())
            raise
        self._trusted = True
        if captured.delta.bindings or captured.delta.contents.after:
            return Glance(captured, wait)
        self._left_over = captured.delta  # only garbage was found: no state is made for that
        return Glance(None, wait)

    def _begin_round(self) -> Round:
        took = {
            name: self._last_check.get(name, 0.0)
            for name, slot in self.mirror.bindings.items()
            if type(slot) is Node and (is_variable(name) or name in self._last_check)
        }
        self._round = Round(took)
        self._bind_ambient()
        return self._round

    def _look_at(self, name: str, work: _Work) -> None:
        if name in self.mirror.bindings and name not in work.checked:
            self._check(name, work, late=True)
            self.mirror.table.reached()

    def _end_round(self) -> None:
        """Have the next capture look at all objects anew."""
        if self._round is not None:
            self._round = None
            self._left_over = self._left_over.then(self.mirror.finish())

    def distrust(self) -> None:
        """Have the next capture check everything: cells ran of which nothing is known."""
        self._trusted = False
        self.view.reset()

    def spare_unsaved(self, delta: Delta) -> None:
        """Keep a travel by `delta` from writing into what only names that are left out lead to.

        The objects are let go: travelling then makes others for them, which nobody gets to see.
        """
        goal = dict(self.mirror.bindings)
        delta.bindings.apply(goal)
        for node in self.unsaved.nodes(goal, cast("Mapping[Node, Content]", delta.contents.after)):
            if not node.kind.keep:
                node.drop()

    def travelled(self, delta: Delta) -> None:
        """Take note that the mirror was changed by `delta`."""
        contents = cast("Mapping[Node, Content]", delta.contents.after)
        found = [node for node, content in contents.items() if content.kind.code == REFERENCE]
        self._references.note(found, ())
        self.unsaved.look_again()
        for name in filter(is_variable, delta.bindings.after):
            self._last_check.setdefault(name, 0.0)
        for ambient in self._surroundings.find():
            if ambient.name in delta.bindings.before and ambient.name not in self.mirror.bindings:
                ambient.reset()

    def settle(self) -> None:
        """Put back what was changed by the end of what a travel let go of.

        Destructors and ``finally`` clauses run when all is in place, and may change some of it:
        a count of the objects that there are, mostly.
        """
        if not self.mirror.kinds.has_destructors:
            return
        captured = self.capture(result=KEEP, everything=True)
        changed = captured.delta
        if changed.bindings or changed.contents.after:
            back = changed.inverse()
            with suppress(CannotRestore):  # then it is a late change like others
                self.mirror.restore(back, self.unsaved.__contains__)
                self.travelled(back)
                return
        self._left_over = changed
        self._left_names.update(captured.names)

    def merged(self, delta: Delta, names: Iterable[str]) -> None:
        """Take note that the mirror was changed by `delta`, which is to be part of the next state.

        Args:
            delta: from the last capture.
            names: variables that it changed.

        """
        self.travelled(delta)
        self._left_over = self._left_over.then(delta)
        self._left_names.update(names)

    def _bind(self, work: _Work) -> None:
        """Take over what names are bound to now."""
        table = self.mirror.table
        if self.unsaved.is_new:
            for name in [name for name in table.bindings if name in self.unsaved]:
                table.rebind(name, UNSET)
            self.unsaved.is_new = False
        changed, gone = table.differing(self._skip)
        for name in changed:
            if not issubclass(type(name), str):
                continue
            value = self.home[name]
            if self._left_out.get(name, UNSET) is value and name not in table.bindings:
                continue
            if not self._is_left_out(name, value):
                table.rebind(name, value)
                self._bind_module(value)
                work.changed.add(name)
                work.checked.add(name)
            elif name in table.bindings:
                table.rebind(name, UNSET)
                work.changed.add(name)
        for name in gone:
            if is_variable(name):
                table.rebind(name, UNSET)
                self._last_check.pop(name, None)
                work.changed.add(name)
        # What was bound is walked here, so that no other name is taken for the one that changed.
        started = perf_counter()
        table.check("")
        took = perf_counter() - started
        self._last_check.update(dict.fromkeys(work.checked, took))

    def _bind_module(self, value: object) -> None:
        """Have the user's own module that an object's code is in belong to the state."""
        name = module_behind(value)
        module = sys.modules.get(name)
        if type(module) is not ModuleType or binding_of(name) in self.mirror.bindings:
            return
        if self.mirror.kinds.kind_of(module) is not None:
            self.mirror.table.rebind(binding_of(name), module)
            self._last_check[binding_of(name)] = 0.0

    def _is_left_out(self, name: str, value: object) -> bool:
        if _is_never_recorded(name) or name in self.unsaved:
            self._skip.add(name)
            return True
        if self._hidden(name, value):
            self._left_out[name] = value
            return True
        return False

    def _bind_result(self, result: object) -> None:
        if result is not UNSET or RESULT in self.mirror.bindings:
            self.mirror.table.rebind(RESULT, result)
            self.mirror.table.check(RESULT)

    def _bind_ambient(self) -> None:
        """Have what no variable leads to belong to the state, once it is not as it was made."""
        table = self.mirror.table
        for ambient in self.meet_ambient():
            slot = table.bindings.get(ambient.name)
            if slot is None and ambient.is_pristine():
                continue
            if type(slot) is not Node or slot.object is not ambient.value:
                table.rebind(ambient.name, ambient.value)
            table.check(ambient.name)

    def _check_all(self, work: _Work, names: Iterable[str], *, late: bool = False) -> None:
        """Check names, and the names that functions reached by them can touch."""
        waiting = [*names, *work.checked]
        table = self.mirror.table
        done: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in done:
                continue
            done.add(name)
            if name in table.bindings:
                self._check(name, work, late=late)
            elif name in self.home:
                self._check_hidden(name, work)
            waiting += self._touch.by_name(name)
            for node in table.reached():
                waiting += self._touch.by_code_of(node)

    def _check(self, name: str, work: _Work, *, late: bool = False) -> None:
        table = self.mirror.table
        work.checked.add(name)
        if late:
            work.checked_late.add(name)
        # The longest counts: what others hold too is walked only once, for the first of them.
        took = self._last_check.pop(name, 0.0)
        if type(table.bindings[name]) is not Node:
            return
        changes = table.changes
        started = perf_counter()
        table.check(name)
        for value in self.mirror.kinds.beside():
            table.check_object(value)
        self._last_check[name] = max(took, perf_counter() - started)
        if table.changes != changes:
            work.note(name, late=late)

    def _check_hidden(self, name: str, work: _Work) -> None:
        """Check what a name that is no variable leads to: ``_.append(1)``, ``Out[3].append(1)``."""
        table = self.mirror.table
        value = self.home[name]
        for held in list(value.values()) if name in _RESULTS and type(value) is dict else [value]:
            changes = table.changes
            table.check_object(held)
            if table.changes != changes:
                work.changed.update(self._names_bound_to(held))

    def _names_bound_to(self, value: object) -> list[str]:
        return [
            name
            for name, slot in self.mirror.bindings.items()
            if type(slot) is Node and slot.object is value and is_variable(name)
        ]

    def _untouched(self, work: _Work) -> list[str]:
        return [name for name in self.mirror.bindings if name not in work.checked]

    def _recheck(self, work: _Work, allowance: float) -> None:
        """Check untouched names, the least recently checked first, as long as allowance lasts."""
        end = perf_counter() + allowance
        for name in list(islice(self._last_check, ATTEMPTS)):
            left = end - perf_counter()
            if left <= 0:
                break
            took = self._last_check.pop(name)
            if name not in self.mirror.bindings:
                continue
            self._last_check[name] = took
            if took <= left:
                self._look_at(name, work)

    def _sweep(self, *, everything: bool) -> None:
        table = self.mirror.table
        if not table.suspects:
            return
        if everything or table.tracked <= SWEEP_NODES * self._cells:
            self._cells = 0
            self.mirror.sweep()

    def _release(self, *, everything: bool) -> None:
        """Let go of garbage that the table holds, looking at as much as the cells so far allow."""
        table = self.mirror.table
        if table.in_limbo in (0, self._in_limbo):
            return
        if self.mirror.release_garbage(
            TRIAL_LIMIT if everything else SWEEP_NODES * self._cells_kept
        ):
            self._in_limbo = table.in_limbo
            self._cells_kept = 0

    # -- reports -------------------------------------------------------------------------------

    def _bound_to(self, delta: Delta) -> set[str]:
        """Return the variables bound directly to an object that changed."""
        sides = sorted((delta.contents.before, delta.contents.after), key=len)
        changed = {node for node in sides[0] if node in sides[1]}
        if not changed:
            return set()
        return {
            name
            for name, slot in self.mirror.bindings.items()
            if type(slot) is Node and slot in changed and is_variable(name)
        }


def _is_never_recorded(name: str) -> bool:
    """Tell names that are IPython's or Python's own, whatever they are bound to."""
    return bool(_IPYTHON.fullmatch(name) or _COMPILER.match(name)) or name == _WARNED


def names_in(bindings: Iterable[str]) -> list[str]:
    """Return the variables among bindings, sorted."""
    return sorted(name for name in bindings if is_variable(name))
