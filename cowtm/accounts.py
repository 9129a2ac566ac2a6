"""What the states in memory hold, in bytes: in total, by state, by variable.

What is in the journal only is not read for this. Chunks are counted exactly. Contents are counted
with the slots they do not share with the version before; values that a content refers to (numbers,
strings) are counted once each, at what Python says they take, though the present may hold them
too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from cowtm.chunks import Chunk, ChunkStore
from cowtm.native import Content, Node

if TYPE_CHECKING:
    from cowtm.delta import Delta
    from cowtm.timeline import Number, State

_PLAIN = (str, bytes, int, float, complex)
"""Values that are counted, once each; others cost the pointer to them."""


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes held."""

    chunks: int
    """Bytes of memory copied (arrays, buffers)."""
    contents: int
    """Bytes of what objects held."""
    by_state: dict[Number, int] = field(default_factory=dict)
    """State -> bytes that it added."""
    by_variable: dict[str, int] = field(default_factory=dict)
    """Variable -> bytes of all its versions; what several share is counted for the first."""
    shared: int = 0
    """Bytes of chunks that are in more than one version, and are there once."""

    @property
    def total(self) -> int:
        """All bytes."""
        return self.chunks + self.contents


def account(states: Iterable[State], store: ChunkStore) -> Account:
    """Add up what the archive holds."""
    owners = _Owners()
    seen: set[int] = set()
    by_state: dict[Number, int] = {}
    by_variable: dict[str, int] = {}
    chunks = contents = 0
    common: dict[int, int] = {}
    for state in states:
        delta = state.delta
        if delta is None:
            continue
        owners.add(delta)
        of_state = _weigh_state(state, delta)
        contents += of_state
        for name, slot in delta.bindings.after.items():
            own = _weigh_leaf(slot, seen)
            by_variable[name] = by_variable.get(name, 0) + own
            of_state += own
            contents += own
        for key, held in delta.contents.after.items():
            before = delta.contents.before.get(key)
            if type(held) is not Content:  # it is in the journal, and so is the one before
                continue
            known = before if type(before) is Content else None
            own, raw = _weigh(held, known, seen, common)
            name = owners.name(cast("Node", key))
            by_variable[name] = by_variable.get(name, 0) + own + raw
            of_state += own + raw
            chunks += raw
            contents += own
        by_state[state.number] = of_state
    # what nothing in the timeline accounts for (a chunk of a state being made) is held all the same
    chunks = max(chunks, store.held)
    return Account(chunks, contents, by_state, by_variable, sum(common.values()))


def _weigh_state(state: State, delta: Delta) -> int:
    """Return bytes of what is kept of a state itself: source, bindings."""
    bindings = delta.bindings
    return sum(map(sys.getsizeof, (state, state.source, bindings.before, bindings.after)))


def _weigh_leaf(slot: object, seen: set[int]) -> int:
    """Return bytes of a plain value that was not counted yet."""
    if id(slot) in seen or not isinstance(slot, _PLAIN):
        return 0
    seen.add(id(slot))
    return sys.getsizeof(slot)


def _weigh(
    content: Content, before: Content | None, seen: set[int], common: dict[int, int]
) -> tuple[int, int]:
    """Return bytes of a content that were not counted yet: its own, and those of its chunks."""
    own, raw = sys.getsizeof(content), 0
    known = {id(b) for b in before.slots} if before is not None and before.blocked else set()
    blocks = content.slots if content.blocked else (content.slots,)
    for block in blocks:
        if id(block) in known:
            continue
        own += sys.getsizeof(block)
        for slot in block:
            if type(slot) is not Chunk:
                own += _weigh_leaf(slot, seen)
            elif id(slot) in seen:
                common[id(slot)] = slot.size
            else:
                seen.add(id(slot))
                raw += slot.size
    return own, raw


class _Owners:
    """Tells which variable an object belongs to: the first that led to it."""

    def __init__(self) -> None:
        self._holders: dict[Node, Node | str] = {}

    def add(self, delta: Delta) -> None:
        """Take in what a state bound and what its objects hold."""
        for name, slot in delta.bindings.after.items():
            if type(slot) is Node:
                self._holders.setdefault(slot, name)
        for node, content in delta.contents.after.items():
            if type(content) is Content:
                for child in content.nodes():
                    self._holders.setdefault(child, cast("Node", node))

    def name(self, node: Node) -> str:
        """Follow the holders up to a name; those on the way have the same from now on."""
        way: dict[Node, None] = {}
        at: Node | str | None = node
        while isinstance(at, Node) and at not in way:
            way[at] = None
            at = self._holders.get(at)
        name = at if isinstance(at, str) else "?"
        self._holders.update(dict.fromkeys(way, name))
        return name
