"""The present, as recorded: captures what changed in it, and changes it to another state.

The mirror owns the object table of one namespace. `capture` brings it up to date and gives the
delta; `restore` applies a delta to the live objects, in place where they are alive, and to the
table.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar, cast

from cowtm.builder import Builder, Meanwhile
from cowtm.chunks import ChunkStore
from cowtm.constants import Constants
from cowtm.delta import Delta, Difference
from cowtm.errors import CannotRestore
from cowtm.interrupts import deferred_interrupts, paused_collection
from cowtm.kinds import Kinds
from cowtm.kinds.base import Commit, Kind, resolved
from cowtm.kinds.classes import ClassKind
from cowtm.kinds.reference import UnmadeKind
from cowtm.native import GONE, REFERENCE, SET, TUPLE, Content, Maker, Node, ObjectTable
from cowtm.versions import with_current_classes

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Mirror:
    """What all tracked objects of a namespace looked like at the last capture.

    Args:
        home: the namespace, a real dict.
        folder: the notebook's; the present one if left out.

    Attributes:
        kept: number -> node, of objects that no name reaches and something else still holds: the
            states that lead to them may be in a journal only, and must find them again.
        newborn: nodes of classes that were made anew, and have nothing in them yet.
        lasting: name -> node that a journal knows what is one for ever by, such as the figures of
            pyplot, though the present may have no such thing.

    """

    def __init__(self, home: dict[str, Any], folder: Path | None = None) -> None:
        self.home = home
        self.store = ChunkStore()
        self.kinds = Kinds(home, self.store, folder)
        self.table = ObjectTable(self.kinds.classify, home)
        self.constants = Constants(home, self.kinds.kind_of)
        self.kept: dict[int, Node] = {}
        self.newborn: set[Node] = set()
        self.lasting: dict[str, Node] = {}

    @property
    def bindings(self) -> Mapping[str, Any]:
        """Name -> slot, as of the last capture."""
        return self.table.bindings

    def finish(self) -> Delta:
        """End a capture and give what differs since the one before."""
        names_before, names_after, before, after = self.table.finish()
        contents = Difference(before, after)
        return Delta(
            Difference(names_before, names_after), cast("Difference[Hashable, object]", contents)
        )

    def content(self, node: Node) -> Content | None:
        """Give the content of a node in the present."""
        return node.content

    def close(self) -> None:
        """Let go of everything that was recorded, whoever still holds some of it.

        Whoever ends a session must call this: a node leads to its kind, that to the store, and that
        to where its frames go, which may know states and so nodes again. The collector does not see
        through nodes, and would never let go of such a circle.
        """
        self.table.clear()
        self.kept.clear()
        self.newborn.clear()
        self.lasting.clear()
        self.store.close()

    def meet(self, node: Node, value: object) -> Kind:
        """Have an object that is there be the one of a node that has none; returns its kind."""
        kind = node.kind = self.kinds.named(type(value))
        self.table.attach(node, value)
        return kind

    # -- making copies -------------------------------------------------------------------------

    def build(
        self,
        slots: Mapping[Any, Any],
        delta: Delta,
        *,
        fill_classes: bool = False,
        unmade: dict[Node, Content] | None = None,
    ) -> dict[Any, Any]:
        """Make fresh objects of the state that `delta` leads to from the present.

        Args:
            slots: key -> slot in that state.
            delta: from the present to that state.
            fill_classes: write into classes that are reached what they held in that state: they
                belong to no present.
            unmade: takes what can't be made, if it is given, with what stands for it: placeholders.

        Returns:
            Key -> object; sharing among them is kept. Classes, constants of libraries, and what is
            kept by reference, are the live ones.

        Raises:
            CannotRestore: one of them can't be made.

        """
        delta = with_current_classes(delta, self.kinds)
        lost = {} if unmade is None else unmade
        after = cast("Mapping[Node, Content]", delta.contents.after)
        contents = {**after, **lost} if lost else after

        def stays(node: Node) -> bool:
            if node in lost:
                return False
            content = contents.get(node) or node.content
            if node.kind.keep or (content is not None and content.kind.code == REFERENCE):
                return True
            return self.constants.name(node.object) != ""

        def is_copied(kind: Kind) -> bool:
            # No library has a constant of a plain list, and of few classes it has any.
            return kind.plain and not self.constants.has(self.kinds.name_of(kind))

        def is_empty(node: Node) -> bool:
            return node in self.newborn or (fill_classes and isinstance(node.kind, ClassKind))

        def new_maker() -> Maker:
            return Maker(_as_dict(contents), set(), is_empty, stays, is_copied)

        maker = new_maker()
        with paused_collection():
            try:
                maker.add(slots.values())
                maker.fill()
            except Exception as error:
                found = {} if unmade is None else _unmade_by(new_maker(), slots, contents)
                if unmade is not None and not found.keys() <= unmade.keys():
                    unmade.update(found)
                    return self.build(slots, delta, fill_classes=fill_classes, unmade=unmade)
                if isinstance(error, CannotRestore):
                    raise
                msg = f"its objects can't be made: {type(error).__name__}: {error}"
                raise CannotRestore(msg) from error
        self.newborn.difference_update(maker.filled)
        return {key: maker.value(slot) for key, slot in slots.items()}

    # -- travel --------------------------------------------------------------------------------

    def restore(self, delta: Delta, untouched: Callable[[str], bool]) -> None:
        """Change the live objects and the namespace from the present state by `delta`.

        The present must have been captured in full just before.

        Args:
            delta: from the present to the state wanted.
            untouched: tells names that are left as they are.

        Raises:
            CannotRestore: something can't be brought back; everything is as it was.

        """
        delta = with_current_classes(delta, self.kinds)
        with deferred_interrupts(), paused_collection():
            try:
                maker, builder, plans = self._prepare(delta)
                made = maker.made
            except CannotRestore:
                raise
            except Exception as error:
                msg = f"nothing was changed: {type(error).__name__}: {error}"
                raise CannotRestore(msg) from error
            displaced: list[object] = []
            try:
                displaced.extend(commit() for commit in plans)
                self._bind(delta, maker, made, untouched)
            except Exception as error:
                lost = self._roll_back(builder, delta, untouched)
                but = f", but for {len(lost)} ({lost[0]})" if lost else ""
                msg = f"everything was put back as it was{but}: {type(error).__name__}: {error}"
                raise CannotRestore(msg) from error
            self.table.attach_all(made)
            self.newborn.difference_update(maker.filled)
            names, contents = delta.bindings, delta.contents
            self.table.adopt(
                (_as_dict(names.before), _as_dict(names.after)),
                (
                    _as_dict(cast("Mapping[Node, Content]", contents.before)),
                    _as_dict(cast("Mapping[Node, Content]", contents.after)),
                ),
            )
            # What was displaced dies here, after everything is in place: destructors of the
            # user's run against a whole state.
            displaced.clear()
            for node in cast("Mapping[Node, object]", contents.before):
                if node.content is None and node.object is not GONE:
                    self.kept[node.oid] = node

    def unmakeable(self, delta: Delta) -> dict[Node, Exception]:
        """Find what can't be made of the state that a delta leads to; nothing is changed.

        The present must have been captured in full just before.

        Args:
            delta: from the present to the state.

        Returns:
            Nodes whose objects can't be made, and why.

        Raises:
            CannotRestore: there is no telling.

        """
        failed: dict[Node, Exception] = {}
        with deferred_interrupts(), paused_collection():
            self._prepare(with_current_classes(delta, self.kinds), failed)
        return failed

    def _prepare(
        self, delta: Delta, failed: dict[Node, Exception] | None = None
    ) -> tuple[Maker, Builder, list[Commit]]:
        wanted = _as_dict(cast("Mapping[Node, Content]", delta.contents.after))
        gone = {cast("Node", node) for node in delta.contents.before if node not in wanted}
        live = self.table.living(wanted)

        def content_of(node: Node) -> Content | None:
            found = wanted.get(node)
            return found if found is not None else (None if node in gone else node.content)

        rebuilt, repointed = self._misfits(wanted, live, content_of)

        def stays(node: Node) -> bool:
            return node not in rebuilt

        is_empty = self.newborn.__contains__
        maker = Maker(wanted, gone, is_empty, stays if rebuilt else None)
        maker.failed = failed
        builder = Builder(maker, is_empty)
        bound = list(delta.bindings.after.values())
        names = {name: slot for name, slot in delta.bindings.after.items() if is_variable(name)}
        with Meanwhile(self.home, names) as meanwhile:
            maker.add([slot for slot in bound if _is_called(slot)])
            maker.fill()
            meanwhile.bind(maker)
            for node in {**live, **repointed}:
                value, content = node.object, content_of(node)
                if value is GONE or content is None or content.kind.frozen or node in rebuilt:
                    continue
                builder.refill(node, value, content)
            maker.add([*bound, *wanted, *(node for node in rebuilt if node not in wanted)])
            meanwhile.bind(maker)
            return maker, builder, builder.plans()

    def _misfits(
        self,
        wanted: Mapping[Node, Content],
        live: Mapping[Node, Content],
        content_of: Callable[[Node], Content | None],
    ) -> tuple[dict[Node, None], dict[Node, None]]:
        """Find live objects that can't be put back in place, and everything that holds them.

        Returns:
            Nodes whose objects must be made anew, and nodes to be written in place because they
            hold such an object.

        """
        rebuilt = {
            node: None
            for node, content in live.items()
            if not (
                _is_made_so(node, content) if content.kind.frozen else _fits(node.object, content)
            )
        }
        for node, then in wanted.items():
            if then.kind.views and (node not in live or node in rebuilt):  # type: ignore[attr-defined]
                viewed = then.flat()[0]
                if type(viewed) is Node and viewed in live and _resizes(viewed, live[viewed]):
                    rebuilt[viewed] = None
        repointed: dict[Node, None] = {}

        def is_anew(slot: object) -> bool:
            # Garbage that is not collected yet may still be there though a part of it is not.
            return type(slot) is Node and (slot in rebuilt or (slot in wanted and slot not in live))

        found = bool(rebuilt) or len(live) < len(wanted)
        while found:
            found = False
            for node in {*live, *self.table.live()} if rebuilt else live:
                if node in rebuilt or node.object is GONE:
                    continue
                content = content_of(node)
                if content is None:
                    continue
                slots = content.flat()
                count = content.kind.needs(slots)  # type: ignore[attr-defined]
                if any(map(is_anew, slots[:count])):
                    rebuilt[node] = None
                    found = True
                elif rebuilt and any(type(s) is Node and s in rebuilt for s in slots[count:]):
                    repointed[node] = None
        for node in rebuilt:
            repointed.pop(node, None)
        return rebuilt, repointed

    def _bind(
        self,
        delta: Delta,
        maker: Maker,
        made: Mapping[Node, Any],
        untouched: Callable[[str], bool],
    ) -> None:
        """Bind names: those that differ, and those whose object was made anew."""
        names = delta.bindings
        for name in names.before:
            if name not in names.after and is_variable(name) and not untouched(name):
                self.home.pop(name, None)
        for name, slot in {**self.bindings, **names.after}.items():
            if name in names.before and name not in names.after:
                continue
            if not is_variable(name) or untouched(name):
                continue
            if name in names.after or (type(slot) is Node and slot in made):
                self.home[name] = maker.value(slot)

    def _roll_back(
        self, builder: Builder, delta: Delta, untouched: Callable[[str], bool]
    ) -> list[str]:
        """Put back what the present was, from its contents.

        Returns:
            What could not be put back, in words.

        """
        lost = []
        for node in sorted(builder.refilled, key=lambda node: node.kind.hashes):  # type: ignore[attr-defined]
            content = node.content
            if content is None or content.kind.frozen:
                continue
            try:
                _write(node.object, content)
            except Exception as error:  # noqa: BLE001  the others are put back all the same
                lost.append(f"{content.kind.name}: {error}")  # type: ignore[attr-defined]
        for name in delta.bindings:
            if name not in self.bindings and is_variable(name) and not untouched(name):
                self.home.pop(name, None)
        for name, slot in self.bindings.items():
            if is_variable(name) and not untouched(name):
                self.home[name] = resolved(slot)
        return lost

    # -- garbage -------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Let go of what no name reaches: cycles, and objects that only garbage holds."""
        reached: set[Node] = set()
        stack = [slot for slot in self.bindings.values() if type(slot) is Node]
        while stack:
            node = stack.pop()
            if node in reached or node.content is None:
                continue
            reached.add(node)
            stack.extend(node.content.nodes())
        lost = [node for node in self.table.live() if node not in reached]
        if lost:
            self.table.kill(lost)
        self.table.suspects = 0

    def release_garbage(self, limit: int) -> bool:
        """Let go of objects in limbo that hold one another and that nothing else holds.

        As the garbage collector does it: count the references to each object of the group, take
        away those from within the group; what is left comes from outside.

        Args:
            limit: objects to look at before giving up.

        Returns:
            Whether it came to an end.

        """
        limbo = self.table.limbo()
        members = _reachable([node.object for node in limbo], self.home, limit)
        if members is None:
            return False
        inside = _held_within(members)
        ours = {id(node.object) for node in limbo if node.holds}
        outside = [
            key
            for key in members
            # besides: the dict of members, the argument of getrefcount
            if sys.getrefcount(members[key]) - 2 - (key in ours) > inside[key]
        ]
        alive = _closure(outside, members)
        members.clear()
        self.table.release([node for node in limbo if id(node.object) not in alive])
        return True


def _reachable(roots: list[Any], home: dict[str, Any], limit: int) -> dict[int, Any] | None:
    """Return the objects that some lead to, by address; None if there are more than `limit`.

    Classes, modules and the namespace are not gone into. What Python's collector does not track
    (a dict of numbers) holds nothing of interest, but as a root it counts.
    """
    members: dict[int, Any] = {}
    wanted = {id(root) for root in roots}
    while roots:
        value = roots.pop()
        if id(value) in members or not (gc.is_tracked(value) or id(value) in wanted):
            continue
        if value is home or issubclass(type(value), type | ModuleType):
            continue
        members[id(value)] = value
        if len(members) > limit:
            return None
        roots.extend(_referents(value))
    return members


def _referents(value: Any) -> list[Any]:
    """Return what an object holds; of a function not its globals, which lead to everything."""
    held = gc.get_referents(value)
    if type(value) is FunctionType:
        return [part for part in held if part is not value.__globals__]
    return held


def _held_within(members: dict[int, Any]) -> dict[int, int]:
    """Count, for each object, the references that others of the group hold."""
    inside = dict.fromkeys(members, 0)
    for value in members.values():
        for held in _referents(value):
            if id(held) in inside:
                inside[id(held)] += 1
    return inside


def _closure(keys: list[int], members: dict[int, Any]) -> set[int]:
    """Return the addresses of some objects and of all of the group that they lead to."""
    found: set[int] = set()
    while keys:
        key = keys.pop()
        if key not in found:
            found.add(key)
            keys.extend(id(held) for held in _referents(members[key]) if id(held) in members)
    return found


def _as_dict(mapping: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    """Return a mapping as a dict, itself if it is one: a state's contents may be a million."""
    return mapping if type(mapping) is dict else dict(mapping)


def _write(value: Any, content: Content) -> None:
    """Write a content of the present into its object; all that it holds is alive."""
    content.kind.plan(value, [resolved(slot) for slot in content.flat()])()  # type: ignore[attr-defined]


LONGEST = 200
"""Characters of the reason why something can't be made."""


def _unmade_by(
    maker: Maker, slots: Mapping[Any, Any], contents: Mapping[Node, Content]
) -> dict[Node, Content]:
    """Find what can't be made of some slots, and what stands for it; nothing if nobody can tell.

    Args:
        maker: a new one.
        slots: key -> slot.
        contents: node -> content, where it is not that of the present.

    """
    failed: dict[Node, Exception] = {}
    maker.failed = failed
    with suppress(Exception):
        maker.add(slots.values())
        maker.fill()
    found: dict[Node, Content] = {}
    for node, error in failed.items():
        content = contents.get(node) or node.content
        if content is not None:
            why = next(iter(str(error).strip().splitlines()), "")[:LONGEST]
            found[node] = UnmadeKind.of(content.kind, f"{type(error).__name__}: {why}").content
    return found


def _resizes(node: Node, content: Content) -> bool:
    """Tell whether a live object can't be put back while others view its memory."""
    return bool(content.kind.resizes(node.object, content.flat()))  # type: ignore[attr-defined]


def _fits(value: Any, content: Content) -> bool:
    fits: bool = content.kind.fits(value, content.flat())  # type: ignore[attr-defined]
    return fits


def _is_called(slot: Any) -> bool:
    """Tell functions and classes: what makes other objects may call them."""
    return type(slot) is Node and bool(slot.kind.called)  # type: ignore[attr-defined]


def _is_made_so(node: Node, content: Content) -> bool:
    """Tell whether a frozen object that comes back holds what it is to hold.

    One that is garbage may hold another object than the one that has been made for a node since.
    """
    kind: Any = content.kind
    if node.content is not None or kind.code in (REFERENCE, SET):
        return True
    parts = node.object if kind.code == TUPLE else kind.parts(node.object)
    slots = content.flat()
    return len(parts) == len(slots) and all(
        type(slot) is not Node or slot.object is part
        for slot, part in zip(slots, parts, strict=True)
    )


def is_variable(name: str) -> bool:
    """Tell variables from the other things that a state binds (results, random generators)."""
    return not name.startswith("<")
