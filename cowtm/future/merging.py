"""Brings what a job changed together with what changed in the session since the job began.

Three states are compared, by variable: the one that the job *began* from, the *job's* own, and the
*present*. What only the job changed is taken over, what only the session changed stays, and of what
both changed the user says which. Objects are the same in all three, so what is taken over is put
into the live ones.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from cowtm.changes import Changes
from cowtm.delta import Delta, Difference
from cowtm.display import names_text
from cowtm.errors import BadInput
from cowtm.kinds.base import differ
from cowtm.mirror import is_variable
from cowtm.native import REFERENCE, UNSET, Content, Node

if TYPE_CHECKING:
    from cowtm.lookup import Lookup
    from cowtm.timeline import Number

ContentOf: TypeAlias = Callable[[Node], Content | None]

LISTED = 12
"""Names that a refusal lists."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the three states."""

    bindings: Mapping[str, Any]
    """Name -> slot."""
    content_of: ContentOf
    """Gives what a node holds."""

    def reach(self, names: Iterable[str]) -> set[Node]:
        """Return the nodes that some names lead to."""
        found: set[Node] = set()
        stack = [self.bindings[name] for name in names if name in self.bindings]
        while stack:
            node = stack.pop()
            if type(node) is Node and node not in found:
                found.add(node)
                content = self.content_of(node)
                if content is not None:
                    stack.extend(content.nodes())
        return found


class Merge:
    """The changes of a job and of the session.

    Args:
        number: of the job's state.
        lookup: at the states; the present is captured in full.
        to_start: from the present to the state that the job began from.
        to_end: from the present to the job's state.
        is_left_out: tells variables that are not recorded.

    Attributes:
        theirs: variables that the job changed.
        ours: variables that changed in the session since; if both made the same of one, it stays.

    """

    def __init__(
        self,
        number: Number,
        lookup: Lookup,
        to_start: Delta,
        to_end: Delta,
        is_left_out: Callable[[str], bool],
    ) -> None:
        self._number = number
        self._is_left_out = is_left_out
        self._live = lookup.mirror.table.live
        self._now = Side(lookup.mirror.bindings, lookup.mirror.content)
        self._start = Side(lookup.bindings_of(to_start), lookup.contents_of(to_start))
        self._end = Side(lookup.bindings_of(to_end), lookup.contents_of(to_end))
        back = to_start.inverse()
        self.theirs = self._changed(back.then(to_end), self._end)
        self.ours = self._changed(back, self._now)
        differing = self.ours & self.theirs & self._changed(to_end, self._end)
        self._both = {name for name in differing if not self._agree(name)}

    def step(self, *, ours: Any, theirs: Any) -> tuple[Delta, tuple[str, ...]]:
        """Give the step from the present to where both are together.

        Args:
            ours: variables that stay, or True for all that both changed.
            theirs: variables that become what they are in the job's state, or True.

        Returns:
            The step, and the variables that it changes.

        Raises:
            BadInput: both changed a variable that is named in neither; or what is to stay shares
                an object with what is not.

        """
        stay, come = self._chosen(ours, theirs)
        self._refuse_shared(stay, come)
        delta, merged = self._delta(come)
        return delta, tuple(sorted(self._changed(delta, merged)))

    # -- who changed what ----------------------------------------------------------------------

    def _changed(self, delta: Delta, goal: Side) -> set[str]:
        names = Changes(_pruned(delta), goal.bindings, goal.content_of).names
        return {name for name in names if is_variable(name) and not self._is_left_out(name)}

    def _agree(self, name: str) -> bool:
        """Tell whether the job and the session made the same of a variable, of other objects."""
        pair_of: dict[Node, Node] = {}
        stack = [(self._now.bindings.get(name, UNSET), self._end.bindings.get(name, UNSET))]
        while stack:
            one, other = stack.pop()
            if type(one) is not Node or type(other) is not Node:
                if differ(one, other):
                    return False
                continue
            if one in pair_of:
                if pair_of[one] is not other:
                    return False
                continue
            pair_of[one] = other
            held, also = self._now.content_of(one), self._end.content_of(other)
            if held is None or also is None or held.kind is not also.kind:
                return False
            slots, others = held.flat(), also.flat()
            if len(slots) != len(others) or (held.kind.code == REFERENCE and one is not other):
                return False
            stack += zip(slots, others, strict=True)
        return len(set(pair_of.values())) == len(pair_of)

    def _chosen(self, ours: Any, theirs: Any) -> tuple[set[str], set[str]]:
        """Return the variables that the user has stay, and those that are taken over."""
        both = self._both
        stay, come = self._named(ours, both), self._named(theirs, both)
        if stay & come:
            raise BadInput(f"{_listed(stay & come)}: named in ours and in theirs")
        if undecided := both - stay - come:
            raise BadInput(
                f"changed here as well as in job {self._number} since it began: "
                f"{_listed(undecided)}; nothing was merged. theirs=[...] takes the job's version "
                "of some, ours=[...] keeps those of here, and True stands for all of them"
            )
        return stay, (self.theirs - self.ours - stay) | come

    def _named(self, given: Any, both: set[str]) -> set[str]:
        if given is True:
            return both
        wanted = [given] if isinstance(given, str) else given or ()
        if not isinstance(wanted, Iterable):
            raise BadInput(f"ours and theirs take names of variables, or True; got {given!r}")
        names = list(wanted)
        known = self._now.bindings.keys() | self._end.bindings.keys() | self._start.bindings.keys()
        for name in names:
            if not (isinstance(name, str) and name in known and is_variable(name)):
                raise BadInput(f"there is no variable {name!r}, here or in job {self._number}")
        return set(names)

    # -- objects that several variables lead to ------------------------------------------------

    def _refuse_shared(self, stay: set[str], come: set[str]) -> None:
        """See that no variable that stays would be changed by what is taken over.

        One that only got hold of an object that the job changed is: so it would be, had the job's
        cell run here.
        """
        taken = self._end.reach(come)
        written = {node for node in taken if self._is_written(node)}
        touched = Changes(_changing(written), self._now.bindings, self._now.content_of).names
        apart = (stay | self.ours) & self.theirs  # not as the job has them
        for name in sorted((touched | apart) - come):
            if not is_variable(name):
                continue
            reach = self._now.reach([name])
            shared = reach & written
            lost = shared if name in stay else set(filter(self._is_ours, shared))
            if not lost and name in apart:
                lost = (self._end.reach([name]) & taken) - reach
            if lost:
                other = next(n for n in sorted(come) if self._end.reach([n]) & lost)
                raise BadInput(
                    f"{name} is to stay and {other} to be taken over from job {self._number}, but "
                    "they share an object; nothing was merged. Name both in ours, or both in theirs"
                )

    def _is_written(self, node: Node) -> bool:
        now = self._now.content_of(node)
        return now is not None and not _same(now, self._end.content_of(node))

    def _is_ours(self, node: Node) -> bool:
        """Tell whether the session changed an object."""
        return not _same(self._now.content_of(node), self._start.content_of(node))

    # -- the step ------------------------------------------------------------------------------

    def _delta(self, come: set[str]) -> tuple[Delta, Side]:
        """Return the step that takes some variables over, and what it leads to."""
        now, end = self._now, self._end
        names = Difference(
            {name: now.bindings[name] for name in come if name in now.bindings},
            {name: end.bindings[name] for name in come if name in end.bindings},
        )
        bindings = dict(now.bindings)
        names.apply(bindings)
        taken = end.reach(come)
        merged = Side(bindings, lambda node: (end if node in taken else now).content_of(node))
        reached = merged.reach(bindings)
        after = {node: content for node in taken if (content := end.content_of(node)) is not None}
        before = {node: content for node in after if (content := now.content_of(node)) is not None}
        for node in self._live():
            content = now.content_of(node)
            if node not in reached and content is not None:
                before[node] = content
        contents = cast("Difference[Hashable, object]", Difference(before, after))
        return _pruned(Delta(names, contents)), merged


def _changing(nodes: set[Node]) -> Delta:
    """Return a step that changes some nodes, whatever they hold."""
    some = dict.fromkeys(nodes)
    return Delta(Difference(), cast("Difference[Hashable, object]", Difference(some, some)))


def _pruned(delta: Delta) -> Delta:
    """Leave out what is the same before and after."""
    names, contents = delta.bindings, delta.contents
    same = {
        n for n in names.before if n in names.after and not differ(names.before[n], names.after[n])
    }
    alike = {n for n in contents.before if _same(contents.before[n], contents.after.get(n))}
    return Delta(_without(names, same), _without(contents, alike))


def _without(difference: Difference[Any, Any], keys: set[Any]) -> Difference[Any, Any]:
    if not keys:
        return difference
    before, after = difference.before, difference.after
    return Difference(
        {key: before[key] for key in before if key not in keys},
        {key: after[key] for key in after if key not in keys},
    )


def _same(one: Any, other: Any) -> bool:
    """Tell whether two contents hold the same."""
    if one is other or one is None or other is None:
        return one is other
    if one.kind is not other.kind:
        return False
    held, also = one.flat(), other.flat()
    return len(held) == len(also) and not any(map(differ, held, also))


def _listed(names: Iterable[str]) -> str:
    return names_text(sorted(names), LISTED)
