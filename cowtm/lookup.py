"""Looks at states without moving there: what they held, how two of them differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from cowtm.changes import FEW, Changes, History
from cowtm.display import Table, describe, names_text
from cowtm.errors import NameNotFound
from cowtm.kinds.base import differ
from cowtm.mirror import Mirror, is_variable
from cowtm.native import UNSET, Content, Node
from cowtm.recorder import names_in
from cowtm.timeline import RESULT, Number, Timeline
from cowtm.unmade import reasons

if TYPE_CHECKING:
    from cowtm.delta import Delta

NEAR = 12
"""Names that an error lists."""

_DIFF = ("variable", "what", "account")


class Lookup:
    """Looks at the states of one timeline.

    Args:
        mirror: the present, as recorded.
        timeline: the states.
        live: whether the mirror is in the state of the timeline's position; else it is empty.
        lacks: why something could not be read that could not be made here.

    """

    def __init__(
        self,
        mirror: Mirror,
        timeline: Timeline,
        *,
        live: bool = True,
        lacks: Collection[str] = (),
    ) -> None:
        self.mirror = mirror
        self._timeline = timeline
        self._live = live
        self._lacks = lacks

    @property
    def here(self) -> Number:
        """The state that the present came from, or the last one."""
        self._timeline.must_go_on()
        return cast("Number", self._timeline.position)

    def build(
        self, goal: Number, names: Iterable[str] | None, unmade: dict[Node, Content] | None = None
    ) -> dict[str, Any]:
        """Make fresh objects for some names of a state, all if None.

        Args:
            goal: the state.
            names: of variables.
            unmade: takes what can't be made, with what stands for it, if it is given.

        Raises:
            NameNotFound: a name was not there in that state.
            CannotRestore: something can't be made, and is to be.

        """
        delta = self._delta_to(goal)
        bindings = self.bindings_of(delta)
        wanted: list[Any] = names_in(bindings) if names is None else list(names)
        for name in wanted:
            if not isinstance(name, str) or name not in bindings or not is_variable(name):
                msg = f"there is no variable {name!r} after cell {goal}"
                raise NameNotFound(_with_names(msg, bindings))
        return self._build({name: bindings[name] for name in wanted}, delta, unmade)

    def lost(self, goal: Number, names: Iterable[str], unmade: Mapping[Node, Content]) -> list[str]:
        """Say which variables of a state that was built can't be made here in full, and why."""
        if not self._lacks and not unmade:
            return []
        delta = self._delta_to(goal)
        bindings, content_of = self.bindings_of(delta), self.contents_of(delta)
        found = reasons(
            {name: bindings[name] for name in names},
            lambda node: unmade.get(node) or content_of(node),
        )
        return [f"not whole: {names}: {why}" for names, why in found]

    def names(self, goal: Number) -> list[str]:
        """List the variables of a state."""
        return names_in(self.bindings_of(self._delta_to(goal)))

    def result(self, goal: Number) -> Any:
        """Make the result of a state's cell, a fresh object; None if there was none."""
        delta = self._delta_to(goal)
        slot = self.bindings_of(delta).get(RESULT)
        return self._build({RESULT: slot}, delta)[RESULT]

    def live_result(self) -> Any:
        """Return the result of the state that the present is in: the object itself."""
        slot = self.mirror.bindings.get(RESULT)
        return slot.object if type(slot) is Node else slot

    def path(self, start: Number, goal: Number) -> Delta:
        """Return the step from one state to another."""
        return self._timeline.path(start, goal)

    def same(self, one: Number, other: Number) -> bool:
        """Tell whether two states differ in no variable."""
        delta = self._timeline.path(one, other)
        return not names_in(delta.bindings) and not self.names_changed(one, other, delta)

    def names_changed(self, start: Number, goal: Number, delta: Delta) -> set[str]:
        """Return the variables of the present that differ between two states, one of them here.

        All that lead to a difference, if few objects are tracked; else those that the states on
        the way are known to have changed.
        """
        mirror = self.mirror
        if mirror.table.tracked <= FEW:
            found = Changes(delta, mirror.bindings, mirror.content).names
        else:
            way = [number for side in self._timeline.way(start, goal) for number in side]
            found = {name for number in way for name in self._timeline[number].names}
            found &= mirror.bindings.keys()
        return {name for name in found if is_variable(name)}

    def diff(self, start: Number, goal: Number) -> Table:
        """Tell what differs between two states."""
        to_start, to_goal = self._delta_to(start), self._delta_to(goal)
        before_of, after_of = self.contents_of(to_start), self.contents_of(to_goal)
        before, after = self.bindings_of(to_start), self.bindings_of(to_goal)
        changes = Changes(to_start.inverse().then(to_goal), after, after_of)
        rows = []
        for name in names_in({**before, **after}):
            old, new = before.get(name, UNSET), after.get(name, UNSET)
            if old is UNSET:
                rows.append((name, "added", describe(new, after_of)))
            elif new is UNSET:
                rows.append((name, "removed", describe(old, before_of)))
            elif differ(old, new):
                said = f"{describe(old, before_of)} to {describe(new, after_of)}"
                rows.append((name, "rebound", said))
            elif name in changes.names and type(new) is Node:
                rows.append((name, "changed", changes.account(name, before_of, after_of)))
        notes = () if rows else ("no variable differs",)
        return Table(f"from after cell {start} to after cell {goal}", _DIFF, rows, notes)

    def versions(self, name: Any) -> History:
        """Return the versions of a variable on the way to the present.

        Raises:
            NameNotFound: no state on the way holds it.

        """
        numbers = self._timeline.ancestors(self.here)
        states = [self._timeline[number] for number in reversed(numbers)]
        line = ((state, self._timeline.delta(state)) for state in states)
        versions = History(name, line, self._timeline.value)
        if not (isinstance(name, str) and is_variable(name) and versions):
            msg = f"no state on the way here holds a variable {name!r}"
            raise NameNotFound(_with_names(msg, self.mirror.bindings))
        return versions

    def whole(self, delta: Delta) -> tuple[dict[str, Any], dict[Node, Content]]:
        """Return all names and contents of the state that a delta from the present leads to."""
        contents = {node: node.content for node in self.mirror.table.live() if node.content}
        delta.contents.apply(cast("dict[Hashable, object]", contents))
        return self.bindings_of(delta), contents

    def _build(
        self,
        slots: dict[str, Any],
        delta: Delta,
        unmade: dict[Node, Content] | None = None,
    ) -> dict[str, Any]:
        return self.mirror.build(slots, delta, fill_classes=not self._live, unmade=unmade)

    def _delta_to(self, goal: Number) -> Delta:
        if self._live:
            return self._timeline.path(self.here, goal)
        return self._timeline.path_from_nothing(goal)

    def bindings_of(self, delta: Delta) -> dict[str, Any]:
        """Return name -> slot in the state that a delta from the present leads to."""
        bindings = dict(self.mirror.bindings)
        delta.bindings.apply(bindings)
        return bindings

    def contents_of(self, delta: Delta) -> Callable[[Node], Content | None]:
        """Return what gives the content of a node in the state that a delta leads to."""
        contents = delta.contents

        def content_of(node: Node) -> Content | None:
            if node in contents:
                return cast("Content | None", contents.after.get(node))
            return node.content

        return content_of


def _with_names(message: str, bindings: Iterable[str]) -> str:
    near = names_text(names_in(bindings), NEAR)
    return f"{message}; there are {near}" if near else message
