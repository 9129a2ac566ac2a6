"""What one process hands to another: a state, or what was made of it, as pages and places.

Contents go as pages, as in a journal. Memory does not go at all where it can be mapped: a bundle
says where it is. Objects keep their numbers on the way, so what comes back is about the same ones;
those that were made on the other side get numbers of their own here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from cowtm.interrupts import paused_collection
from cowtm.kinds.base import name_of
from cowtm.kinds.classes import ClassKind
from cowtm.kinds.modules import is_installed
from cowtm.kinds.reference import Unmade, UnmadeKind
from cowtm.native import GENERIC, GONE, INSTANCE, REFERENCE, Content, Node
from cowtm.saved import pages
from cowtm.saved.columns import Row, by_kind, columns_of, contents_in, groups_in
from cowtm.saved.naming import PENDING, Naming
from cowtm.saved.revival import is_made_new, revival_of
from cowtm.saved.tolerant import said

if TYPE_CHECKING:
    from cowtm.arena import Place
    from cowtm.chunks import Chunk
    from cowtm.generations import Key
    from cowtm.mirror import Mirror

FEW = 1_000
"""Contents that go one by one: leaves that they share are found shared."""

ROWS = 65_536
"""Contents of one kind in a group, at most: their slots lie in one list."""

SLOTS = 65_536
"""Slots in a page, about: some 500 KB of pickle."""


@dataclass(slots=True)
class Bundle:
    """Names and contents, in plain values: it is pickled to be sent."""

    names: bytes
    """Pickle of names and slots; of a step, those that are bound anew."""
    unbound: tuple[str, ...]
    """Of a step, the names that are gone."""
    columns: list[tuple[bytes, bytes]]
    """Pickles of kinds, and of contents of these in columns."""
    pages: list[bytes]
    """Pickles of the other contents."""
    gone: tuple[int, ...]
    """Of a step, the numbers of objects that are gone."""
    known: int
    """The highest number of an object that both sides know."""
    births: dict[int, bytes] = field(default_factory=dict)
    """Number of a class of the notebook -> what it was born with."""
    chunks: dict[Key, Place | bytes] = field(default_factory=dict)
    """Where the bytes of chunks are, or they themselves."""
    lost: tuple[str, ...] = ()
    """What could not be handed over, in words."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A bundle that was made."""

    bundle: Bundle
    """What is sent."""
    lent: tuple[memoryview, ...]
    """Memory that the other side maps: to be kept until it is done with it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A bundle that was read."""

    names: dict[str, Any]
    """Name -> slot."""
    contents: dict[Node, Content]
    """Node -> content."""
    unbound: tuple[str, ...]
    """Names that are gone."""
    gone: tuple[Node, ...]
    """Nodes of objects that are gone."""


class Births:
    """What classes were born with: what `Naming` asks of a journal."""

    def __init__(self, known: dict[int, bytes]) -> None:
        self.known = known

    def put_birth(self, oid: int, data: bytes) -> None:
        """Write down what a class was born with."""
        self.known[oid] = data

    def birth(self, oid: int) -> bytes:
        """Read it."""
        return self.known[oid]


class Exchange(Naming):
    """One side of an exchange between two processes: who sends first gets numbers of its own.

    The first sends a state and receives a step; the second receives the state, takes its numbers
    over, and sends the step. Chunks that went one way do not go back: each side keeps them as long
    as the exchange lasts.

    Locks and the like that the user made do not go: whoever waits for them is in the first process.
    Those in the objects of libraries (a queue's) are had anew, as these objects are copies.

    Args:
        mirror: what is sent from, or received into.

    Attributes:
        staying: nodes of objects of which the other side has nothing.

    """

    reader_has_modules = True

    def __init__(self, mirror: Mirror) -> None:
        self.births: dict[int, bytes] = {}
        super().__init__(mirror, cast("Any", Births(self.births)))
        self._known_to_both: int | None = None
        self._numbers: dict[int, int] = {}
        self._exchanged: dict[Key, Chunk] = {}
        self.staying: set[Node] = set()
        self._withheld: set[Node] = set()
        self._answers = False

    def node(self, oid: int) -> Node:
        """Give the node of a number of the other side's."""
        if self._known_to_both is None or oid <= self._known_to_both:
            return super().node(oid)
        number = self._numbers.get(oid)
        if number is None:
            number = self._numbers[oid] = self._table.reserve(1) + 1
        return super().node(number)

    def nodes(self, numbers: array[int]) -> list[Node]:
        """Give the nodes of numbers of the other side's."""
        if self._known_to_both is None:
            return super().nodes(numbers)
        return [*map(self.node, numbers)]

    def keep(self, node: Node) -> int:
        """Give the number of a node; states hold it, so nobody else has to."""
        return int(node.oid)

    # -- sending -------------------------------------------------------------------------------

    def another(self) -> Exchange:
        """Give an exchange with somebody else, who is sent what was sent so far, and then more."""
        other = copy(self)
        other.part()
        return other

    def part(self) -> None:
        """Have what is exchanged from here on be known to this one alone."""
        self.births = dict(self.births)
        self._journal = cast("Any", Births(self.births))
        self._born = set(self._born)
        self._known_to_both = None
        self._numbers = {}
        self._exchanged = dict(self._exchanged)
        self.staying = set(self.staying)
        self._withheld = set(self._withheld)
        self.lacks = {}

    @paused_collection()  # what is made here is all needed
    def send(  # noqa: PLR0913  what a bundle is made of, each with its name
        self,
        names: Mapping[str, Any],
        contents: Iterable[tuple[Node, Content]],
        *,
        unbound: Iterable[str] = (),
        gone: Iterable[Node] = (),
        lend: bool = True,
        before: Sent | None = None,
    ) -> Sent:
        """Make a bundle of some names and contents.

        Args:
            names: name -> slot.
            contents: nodes with what they held.
            unbound: of a step, the names that are gone.
            gone: of a step, the nodes of objects that are gone.
            lend: whether the other side can map memory of this process.
            before: of an exchange that is `another`: what was sent at the first. These contents
                come besides those, the names instead of those.

        """
        lent: list[memoryview] | None = [] if lend else None
        bundle = _empty()
        if before is not None:
            known = before.bundle
            bundle = replace(
                known,
                columns=[*known.columns],
                pages=[*known.pages],
                chunks=dict(known.chunks),
            )
            lent = [*before.lent] if lend else None
        contents = list(contents)
        if not self._answers:
            self._withheld |= withheld(contents)
        # Pairs, so that a value which can't be sent is left out alone.
        head = self._dump([*names.items()], bundle, lent)
        if len(contents) > FEW:
            contents = self._send_columns(contents, bundle, lent)
        for items in _batches(self._item(node, content) for node, content in contents):
            bundle.pages.append(self._dump(items, bundle, lent))
        bundle.names = head
        bundle.unbound, bundle.gone = tuple(unbound), tuple(node.oid for node in gone)
        bundle.known = self._table.reserve(1)
        bundle.births = dict(self.births)
        if self._known_to_both is None:
            self._known_to_both = bundle.known
        return Sent(bundle, tuple(lent or ()))

    def _send_columns(
        self, contents: list[Row], bundle: Bundle, lent: list[memoryview] | None
    ) -> list[Row]:
        """Put what can be into columns; returns what is left."""
        rest: list[Row] = []
        bare: list[list[Row]] = []
        for rows in by_kind(contents):
            if self.is_bare(rows[0][1].kind):
                bare += (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))
            else:
                rest += rows
        columns, others = columns_of(bare, attrgetter("oid"))
        bundle.columns.append((self._dump(columns.kinds, bundle, lent), columns.data))
        return rest + others

    def _item(self, node: Node, content: Content) -> tuple[Any, ...]:
        kind: Any = content.kind
        if isinstance(kind, ClassKind):
            self.bear(node)
        slots = content.slots if content.blocked else pages.compact(content.slots)
        return node.oid, kind, slots, content.blocked, self._call(node, kind)

    def _call(self, node: Node, kind: Any) -> bytes | None:
        """Pickle the call that gives a node's object to the other side, if there is one."""
        call = None
        if node.object is not GONE and node not in self._withheld:
            call = revival_of(node.object, kind, self._constants)
        if call is not None:
            return pages.dump(list(call), self).data
        if kind.code == REFERENCE:
            self.staying.add(node)
        return None

    def _dump(self, items: list[Any], bundle: Bundle, lent: list[memoryview] | None) -> bytes:
        page = pages.dump(items, self)
        for chunk in page.chunks:
            if chunk.key not in self._exchanged:
                self._exchanged[chunk.key] = chunk
                memory, place = self._store.lend(chunk)
                if lent is None or place is None:
                    bundle.chunks[chunk.key] = bytes(memory)
                else:
                    bundle.chunks[chunk.key] = place
                    lent.append(memory)
        bundle.lost = tuple(dict.fromkeys((*bundle.lost, *page.lost)))
        return page.data

    def page(self, value: object) -> bytes | None:
        """Pickle one object as pages do, what both sides know by number; None if it can't be."""
        page = pages.dump([value], self)
        return None if page.lost or page.chunks else page.data

    def value(self, page: bytes) -> Any:
        """Read what `page` gave."""
        [value] = pages.load(page, self)
        return value

    # -- receiving -----------------------------------------------------------------------------

    @paused_collection()
    def receive(self, bundle: Bundle, take: Callable[[Key, Place | bytes], Chunk]) -> Received:
        """Read a bundle.

        Args:
            bundle: what was sent.
            take: has the store know the bytes of a chunk, and gives it.

        """
        self._answers = True
        self.births.update(bundle.births)
        if self._known_to_both is None:
            self._table.reserve(max(bundle.known, 1))
        self._exchanged.update({key: take(key, where) for key, where in bundle.chunks.items()})
        names = dict(pages.load(bundle.names, self))
        contents: dict[Node, Content] = {}
        for kinds, data in bundle.columns:
            for kind, group in zip(pages.load(kinds, self), groups_in(data), strict=True):
                is_here = not isinstance(kind, Unmade)
                numbers, found = contents_in(group, kind if is_here else PENDING, self.nodes)
                for node, content in zip(self.nodes(numbers), found, strict=True):
                    contents[node] = content if is_here else UnmadeKind(kind, quiet=True).content
                    if node.kind is PENDING:
                        node.kind = contents[node].kind
        for page in bundle.pages:
            items = pages.load(page, self)
            for oid, kind, slots, blocked, _ in items:
                node = self.node(oid)
                contents[node] = content = _content(kind, slots, blocked)
                if node.kind is PENDING:
                    node.kind = content.kind
            for oid, kind, _, _, call in items:
                try:
                    self._have(oid, kind, call)
                except Exception as error:  # noqa: BLE001  a module, or a class, runs what it likes
                    self._do_without(contents, self.node(oid), said(error))
        return Received(names, contents, bundle.unbound, tuple(map(self.node, bundle.gone)))

    def _have(self, oid: int, kind: Any, call: bytes | None) -> None:
        """Have an object that can't be made from its content, if it is not there."""
        node = self.node(oid)
        if node.object is not GONE:
            return
        if isinstance(kind, ClassKind):
            self.class_of(oid)
        elif call is not None:
            function, arguments = pages.load(call, self)
            self.revive(node, function(*arguments))

    def _do_without(self, contents: dict[Node, Content], node: Node, why: str) -> None:
        """Have a node's object be by reference, of which nothing is here."""
        self.lacks[why] = None
        kind = UnmadeKind.of(node.kind, why)
        node.kind, contents[node] = kind, kind.content


def withheld(contents: Iterable[tuple[Node, Content]]) -> set[Node]:
    """Return the nodes of locks and the like that belong to no object of a library."""
    held = dict(contents)
    locks = {
        node
        for node, content in held.items()
        if cast("Any", content.kind).code == REFERENCE and is_made_new(node.object)
    }
    if not locks:
        return locks
    kinds: Mapping[Node, Any] = {node: content.kind for node, content in held.items()}
    inner = [n for n, kind in kinds.items() if kind.cls is not None and _is_of_library(kind.cls)]
    seen = set(inner)
    while inner:
        for node in held[inner.pop()].nodes():
            locks.discard(node)
            if node not in seen and node in held and kinds[node].cls in _CONTAINERS:
                seen.add(node)
                inner.append(node)
    return locks


def _is_of_library(cls: type) -> bool:
    return is_installed(name_of(cls)[0])


_CONTAINERS = (list, dict, set, tuple, frozenset)


def _empty() -> Bundle:
    return Bundle(b"", (), [], [], (), 0)


def _batches(items: Iterable[tuple[Any, ...]]) -> Iterable[list[Any]]:
    """Cut items into pages."""
    page: list[Any] = []
    size = 0
    for item in items:
        page.append(item)
        size += len(item[2]) + 1
        if size >= SLOTS:
            yield page
            page, size = [], 0
    if page:
        yield page


def _content(kind: Any, slots: Any, blocked: bool) -> Content:  # noqa: FBT001
    if isinstance(kind, Unmade):
        return UnmadeKind(kind, quiet=True).content
    if not blocked:
        slots = pages.expand(slots)
        if kind.code in (INSTANCE, GENERIC):
            slots = tuple(map(pages.interned, slots))
    return Content(kind, slots, blocked)
