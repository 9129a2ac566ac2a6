"""Which variables a delta reaches, and what a variable went through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cowtm.display import describe
from cowtm.mirror import is_variable
from cowtm.native import UNSET, Content, Node

if TYPE_CHECKING:
    from cowtm.delta import Delta
    from cowtm.mirror import Mirror
    from cowtm.timeline import State

FEW = 2_000
"""Tracked objects that are gone through just to name what changed: about 0.5 us each."""

ContentOf = Callable[[Node], Content | None]


def changed_variables(found: Iterable[str], delta: Delta, mirror: Mirror) -> tuple[str, ...]:
    """Return the variables that a capture found changed: all that lead to a change, if it can tell.

    Among many objects only those that the search came upon: it need not have gone through the rest.

    Args:
        found: those.
        delta: what the capture gave.
        mirror: what it looked at, afterwards.

    """
    if mirror.table.tracked > FEW:
        return tuple(found)
    leading = Changes(delta, mirror.bindings, mirror.content).names
    return tuple(sorted({*found, *filter(is_variable, leading)}))


class Changes:
    """Finds the variables that lead to an object whose content a delta changes.

    Args:
        delta: from one state to another.
        bindings: name -> slot in the other.
        content_of: contents in the other.

    """

    def __init__(self, delta: Delta, bindings: Mapping[str, Any], content_of: ContentOf) -> None:
        both = delta.contents
        self._delta = delta
        self._bindings = bindings
        self._content_of = content_of
        self._changed = {node for node in both.after if node in both.before}
        self.names = self._reaching() | (delta.bindings.after.keys() | delta.bindings.before.keys())

    def _reaching(self) -> set[str]:
        if not self._changed:
            return set()
        holders: dict[Node, list[Node | str]] = {}
        stack: list[Node] = []
        for name, slot in self._bindings.items():
            if type(slot) is Node:
                holders.setdefault(slot, []).append(name)
                stack.append(slot)
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            content = self._content_of(node)
            for child in content.nodes() if content is not None else ():
                holders.setdefault(child, []).append(node)
                stack.append(child)
        found: set[str] = set()
        upwards: list[Any] = [node for node in self._changed if node in seen]
        climbed: set[Any] = set()
        while upwards:
            at = upwards.pop()
            if at in climbed:
                continue
            climbed.add(at)
            if isinstance(at, str):
                found.add(at)
            else:
                upwards.extend(holders.get(at, ()))
        return found

    def account(self, name: str, before_of: ContentOf, after_of: ContentOf) -> str:
        """Say in a few words what changed in a variable."""
        return account_of(self._bindings.get(name), self._changed, before_of, after_of)


def account_of(slot: Any, changed: set[Any], before_of: ContentOf, after_of: ContentOf) -> str:
    """Describe the changed objects that a slot leads to, the nearest first."""
    old, new = (of(slot) if type(slot) is Node else None for of in (before_of, after_of))
    if old is not None and new is not None and old.kind is new.kind:
        whole: str = new.kind.compare(old.flat(), new.flat(), before_of, after_of)  # type: ignore[attr-defined]
        if whole:
            return whole
    level, seen, said = [slot], set(), []
    while level:
        below: list[Any] = []
        for node in level:
            if type(node) is not Node or node in seen:
                continue
            seen.add(node)
            old, new = before_of(node), after_of(node)
            if node in changed and old is not None and new is not None:
                said.append(_account(old, new))
            if new is not None:
                below.extend(new.nodes())
        level = below
    if not said:
        return "changed"
    more = len(said) - 1
    return said[0] + (f", and {more} more {'object' if more == 1 else 'objects'}" if more else "")


def _account(old: Content, new: Content) -> str:
    if old.kind is not new.kind:
        return f"{old.kind.name} to {new.kind.name}"  # type: ignore[attr-defined]
    text: str = new.kind.account(old.flat(), new.flat())  # type: ignore[attr-defined]
    return text


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a variable."""

    state: State
    """The state in which it came."""
    what: str
    """What it was."""
    account: str
    """What changed."""


class History(Sequence[Version]):
    """The versions of a variable along a line of states.

    Args:
        name: the variable.
        line: the states with their deltas, the first one first.
        value: reads what stands in a delta for something else.

    """

    def __init__(
        self,
        name: str,
        line: Iterable[tuple[State, Delta]],
        value: Callable[[Node | None, Any], Any],
    ) -> None:
        self._versions = list(_versions(name, line, value))

    def __len__(self) -> int:
        """Count them."""
        return len(self._versions)

    def __getitem__(self, index: Any) -> Any:
        """Give one, the first one first."""
        return self._versions[index]


def _versions(
    name: str,
    line: Iterable[tuple[State, Delta]],
    value: Callable[[Node | None, Any], Any],
) -> Iterator[Version]:
    contents: dict[Any, Any] = {}
    slot: Any = UNSET
    reach: set[Node] = set()

    def content_of(node: Node) -> Content | None:
        return cast("Content | None", value(node, contents.get(node)))

    for state, delta in line:
        touched = {node for node in reach if node in delta.contents}
        kept = {node: contents.get(node) for node in touched}
        delta.contents.apply(contents)
        bound = name in delta.bindings
        now = value(None, delta.bindings.after.get(name, UNSET)) if bound else slot
        if not bound and not touched:
            continue

        def before_of(node: Node, kept: dict[Node, Any] = kept) -> Content | None:
            return cast("Content | None", value(node, kept.get(node, contents.get(node))))

        what = describe(now, content_of)
        if now is UNSET:
            account = "deleted"
        elif slot is UNSET:
            account = "new"
        elif now is not slot:
            account = "rebound"
        else:
            account = account_of(now, touched, before_of, content_of)
        slot = now
        reach = _reach(slot, content_of)
        yield Version(state, what, account)


def _reach(slot: Any, content_of: ContentOf) -> set[Node]:
    reach: set[Node] = set()
    stack = [slot]
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in reach:
            reach.add(node)
            content = content_of(node)
            if content is not None:
                stack.extend(content.nodes())
    return reach
