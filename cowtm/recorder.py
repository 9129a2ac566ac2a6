"""Finds what a cell changed: which names to look at, in which order, for how long.

Rebinding is found by comparing pointers, always. For changes in place the objects are walked from
the names that the cell can have touched: those that went through the view, those that its code
names, and, through every function of the notebook that is reached, those that its code names.
Names that were not touched are checked again too, the least recently checked first, as long as a
small allowance lasts (a callback, a thread or a library may have changed them).
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from types import CodeType
from typing import Any, cast

from cowtm.delta import Delta
from cowtm.mirror import Mirror, is_variable
from cowtm.native import REFERENCE, UNSET, Content, Node, TrackingNamespace, code_names
from cowtm.timeline import RESULT

KEEP: Any = object()
"""Given as a result: the one that is recorded stays."""

EVERYTHING = frozenset(
    "eval exec compile globals locals vars get_ipython breakpoint "
    "__main__ gc ctypes inspect pdb".split()
)
"""Code that names one of these may touch any variable."""

RECHECK = 0.0002
"""Seconds for checking untouched names after a cell, if 5 % of the cell's own time is less."""

SWEEP_NODES = 1_000
"""Tracked objects that a search for unreachable cycles may visit, for each cell since the last."""

TRIAL_LIMIT = 1_000_000
"""Objects that a search for garbage looks at when everything is checked."""

ATTEMPTS = 64
"""Names looked at for one that fits into what is left of the allowance."""

_IPYTHON = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[dio]h|_exit_code|In|Out")


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


@dataclass(slots=True)
class _Work:
    """One capture under way."""

    changed: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)


class Recorder:
    """Records one namespace.

    Args:
        home: the namespace, a real dict.
        hidden: tells a name with its value that is not a variable but IPython's.

    Attributes:
        recheck: seconds for checking untouched names after each cell.

    """

    def __init__(self, home: dict[str, Any], hidden: Callable[[str, object], bool]) -> None:
        self.home = home
        self.view = TrackingNamespace(home)
        self.mirror = Mirror(home)
        self.recheck = RECHECK
        self._hidden = hidden
        self._skip: set[str] = set()
        self._unsaved: list[str] = []
        self._last_check: dict[str, float] = {}
        self._references: dict[Node, tuple[str, str]] = {}
        self._codes: dict[int, tuple[CodeType, frozenset[str]]] = {}
        self._cells = 0
        self._cells_kept = 0
        self._in_limbo = 0

    # -- what is not recorded ------------------------------------------------------------------

    @property
    def unsaved(self) -> tuple[str, ...]:
        """The patterns of names that are not recorded."""
        return tuple(self._unsaved)

    def forget(self, pattern: str) -> None:
        """Leave names that match a pattern out, from now on."""
        if pattern not in self._unsaved:
            self._unsaved.append(pattern)

    def remember(self, pattern: str) -> None:
        """Record names that match a pattern again."""
        if pattern in self._unsaved:
            self._unsaved.remove(pattern)
            self._skip.clear()

    def is_unsaved(self, name: str) -> bool:
        """Tell whether a name is left out."""
        return any(fnmatchcase(name, pattern) for pattern in self._unsaved)

    def is_hidden(self, name: str, value: object) -> bool:
        """Tell whether a name is not a variable."""
        return _IPYTHON.fullmatch(name) is not None or self._hidden(name, value)

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
        table = self.mirror.table
        stored = self.mirror.store.stored
        work = _Work()
        touched, codes = set(self.view.names), self.view.codes
        for code in codes:
            touched |= self._names_of(code)
        if self.view.everything or EVERYTHING & touched:
            touched |= self.mirror.bindings.keys()
        self.view.reset()
        self._cells += 1
        self._cells_kept += 1

        self._bind(work)
        self._check_all(work, touched)
        if result is not KEEP:
            self._bind_result(result)
        self._bind_generators()
        if everything:
            self._check_all(work, self._untouched(work), late=True)
        else:
            self._recheck(work, max(self.recheck, seconds / 20))
        self._sweep(everything=everything)
        delta = self.mirror.finish()
        self._release(everything=everything)
        new = self._note_references(delta, work)
        return Captured(
            delta=delta,
            names=tuple(sorted(work.changed | self._bound_to(delta))),
            late=tuple(sorted(work.late)),
            by_reference=self._by_reference(work),
            new_references=new,
            stored=self.mirror.store.stored - stored,
        )

    def _bind(self, work: _Work) -> None:
        """Take over what names are bound to now."""
        table = self.mirror.table
        changed, gone = table.differing(self._skip)
        for name in changed:
            value = self.home[name]
            if not isinstance(name, str) or self._is_left_out(name, value):
                if name in table.bindings:
                    table.rebind(name, UNSET)
                    work.changed.add(name)
                continue
            table.rebind(name, value)
            work.changed.add(name)
            work.checked.add(name)
        for name in gone:
            if is_variable(name):
                table.rebind(name, UNSET)
                self._last_check.pop(name, None)
                work.changed.add(name)
        if self._unsaved:
            for name in [name for name in table.bindings if self.is_unsaved(name)]:
                table.rebind(name, UNSET)

    def _is_left_out(self, name: str, value: object) -> bool:
        if _IPYTHON.fullmatch(name):
            self._skip.add(name)
            return True
        if self.is_unsaved(name):
            return True
        return self._hidden(name, value)

    def _bind_result(self, result: object) -> None:
        if result is not UNSET or RESULT in self.mirror.bindings:
            self.mirror.table.rebind(RESULT, result)
            self.mirror.table.check(RESULT)

    def _bind_generators(self) -> None:
        """Have the global random generators belong to the state."""
        table = self.mirror.table
        generators: dict[str, object] = {"<random>": random._inst}  # type: ignore[attr-defined]  # noqa: SLF001
        numpy_random = sys.modules.get("numpy.random.mtrand")
        if numpy_random is not None:
            generators["<numpy.random>"] = numpy_random._rand  # noqa: SLF001
        for name, generator in generators.items():
            slot = table.bindings.get(name)
            if type(slot) is not Node or slot.object is not generator:
                table.rebind(name, generator)
            table.check(name)

    def _check_all(self, work: _Work, names: Iterable[str], *, late: bool = False) -> None:
        """Check names, and the names that functions reached by them can touch."""
        waiting = list(names)
        waiting += work.checked
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
                table.check_object(self.home[name])
            for node in table.reached():
                waiting.extend(self._followed(node) - done)

    def _check(self, name: str, work: _Work, *, late: bool = False) -> None:
        table = self.mirror.table
        changes = table.changes
        started = time.perf_counter()
        table.check(name)
        self._last_check.pop(name, None)
        self._last_check[name] = time.perf_counter() - started
        work.checked.add(name)
        if table.changes != changes:
            if is_variable(name):
                work.changed.add(name)
                if late:
                    work.late.add(name)

    def _untouched(self, work: _Work) -> list[str]:
        return [name for name in self.mirror.bindings if name not in work.checked]

    def _recheck(self, work: _Work, allowance: float) -> None:
        """Check untouched names, the least recently checked first, as long as allowance lasts."""
        end = time.perf_counter() + allowance
        for name in list(islice(self._last_check, ATTEMPTS)):
            left = end - time.perf_counter()
            if left <= 0:
                break
            if name in work.checked or self._last_check[name] > left:
                continue
            if name not in self.mirror.bindings:
                del self._last_check[name]
                continue
            self._check(name, work, late=True)
            self.mirror.table.reached()

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
        if table.in_limbo == 0 or (table.in_limbo == self._in_limbo and not everything):
            return
        if self.mirror.release_garbage(
            TRIAL_LIMIT if everything else SWEEP_NODES * self._cells_kept
        ):
            self._in_limbo = table.in_limbo
            self._cells_kept = 0

    # -- code ----------------------------------------------------------------------------------

    def _followed(self, node: Node) -> set[str]:
        """Return the names that the code of a function or generator can touch."""
        value = node.object
        for attribute in ("__code__", "gi_code", "cr_code", "ag_code"):
            code = getattr(value, attribute, None)
            if isinstance(code, CodeType):
                names = self._names_of(code)
                if EVERYTHING & names:
                    return set(self.mirror.bindings)
                return {name for name in names if name in self.home}
        return set()

    def _names_of(self, code: CodeType) -> frozenset[str]:
        known = self._codes.get(id(code))
        if known is None:
            if len(self._codes) > SWEEP_NODES:
                self._codes.clear()
            known = code, code_names(code)
            self._codes[id(code)] = known
        return known[1]

    # -- reports -------------------------------------------------------------------------------

    def _bound_to(self, delta: Delta) -> set[str]:
        """Return the variables bound directly to an object that changed."""
        changed = {node for node in delta.contents.after if node in delta.contents.before}
        if not changed:
            return set()
        return {
            name
            for name, slot in self.mirror.bindings.items()
            if type(slot) is Node and slot in changed and is_variable(name)
        }

    def _note_references(self, delta: Delta, work: _Work) -> dict[str, str]:
        """Keep account of what is kept by reference; return what is new."""
        new: dict[str, str] = {}
        for key in delta.contents:
            node = cast("Node", key)
            content = cast("Content | None", delta.contents.after.get(key))
            if content is None or content.kind.code != REFERENCE:
                self._references.pop(node, None)
            elif not getattr(content.kind, "quiet", False) and node not in self._references:
                what = content.flat()[0]
                name = self._name_of(node, work)
                self._references[node] = name, what
                new[name] = what
        return new

    def _name_of(self, wanted: Node, work: _Work) -> str:
        """Find a variable that leads to a node."""
        names = sorted(work.changed | work.checked, key=lambda name: not is_variable(name))
        for name in [*names, *self.mirror.bindings]:
            if _leads_to(self.mirror.bindings.get(name), wanted):
                return name
        return "?"

    def _by_reference(self, work: _Work) -> dict[str, str]:
        for node, (name, what) in list(self._references.items()):
            if name not in self.mirror.bindings:
                self._references[node] = self._name_of(node, work), what
        return dict(self._references.values())


def _leads_to(slot: Any, wanted: Node) -> bool:
    stack = [slot]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if type(node) is not Node or node in seen:
            continue
        if node is wanted:
            return True
        seen.add(node)
        if node.content is not None:
            stack.extend(node.content.nodes())
    return False


def names_in(bindings: Mapping[str, object]) -> list[str]:
    """Return the variables among bindings, sorted."""
    return sorted(name for name in bindings if is_variable(name))
