"""Deltas in the journal: written as addresses of contents, read back as places, resolved on demand.

A content is written once, into a page, and knows its *address* from then on. A delta in the journal
is names, object numbers and addresses, no contents, so the deltas of many states are read and
composed without reading what they pass through. What is left in the end is *resolved*: only those
contents are read.

Thread safety: one thread writes at a time; any may read and resolve.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import TYPE_CHECKING, Any, cast

from cowtm.delta import Delta, Difference
from cowtm.errors import Damaged
from cowtm.kinds.classes import ClassKind
from cowtm.native import GONE, UNSET, Content, Node
from cowtm.packing import pack, unpack
from cowtm.saved import pages
from cowtm.saved.columns import Columns, Row, by_kind, columns_of
from cowtm.saved.naming import Naming
from cowtm.saved.revival import revival_of
from cowtm.saved.shelf import ITEMS, Address, Item, Shelf, packed_page

if TYPE_CHECKING:
    from cowtm.journal import Journal
    from cowtm.kinds.base import Kind
    from cowtm.mirror import Mirror

SLOTS = 16_384
"""Slots in a page, about: some 100 KB of pickle, a few milliseconds to write or read."""


FEW = 100
"""Contents of a page that go one by one: leaves that they share are found shared."""


class Place:
    """Stands in a delta for what is in the journal: a content, or a leaf bound to a name."""

    __slots__ = ("address",)

    def __init__(self, address: Address) -> None:
        self.address = address


@dataclass(frozen=True, slots=True)
class Written:
    """A delta that was written."""

    delta: bytes
    """Names, numbers and addresses."""
    pages: tuple[int, ...]
    """The pages that it needs."""
    lost: tuple[str, ...]
    """What could not be pickled, in words: it comes back in this process only."""


class Codec:
    """Writes the deltas of one mirror into a journal, and reads them back.

    Args:
        mirror: whose deltas they are.
        journal: where they go.

    """

    def __init__(self, mirror: Mirror, journal: Journal) -> None:
        self.journal = journal
        self.naming = Naming(mirror, journal)
        self._shelf = Shelf(journal, self.naming)
        self._store = mirror.store
        self._table = mirror.table
        self._bindings = mirror.bindings
        self._constants = mirror.constants
        self._pages: set[int] = set()
        self._own: set[int] = set()
        self._next_page = journal.next_page
        self._blocks: dict[int, dict[int, tuple[object, Address]]] = {}
        self._leaves: dict[str, tuple[object, Address]] = {}
        self.lasting: dict[str, int] = {}
        """What is no variable -> number of the object that states bind to it."""

    # -- writing -------------------------------------------------------------------------------

    def write(self, delta: Delta) -> Written:
        """Put what a delta holds into the journal: chunks and pages, but not the state itself.

        Args:
            delta: its values may be places.

        Raises:
            DiskFull: the journal has no room; what was written before is there.

        """
        book = _Book(self._next_page)
        bindings, contents = delta.bindings, delta.contents
        names = {
            name: [
                self._slot(book, name, side.get(name, UNSET))
                for side in (bindings.before, bindings.after)
            ]
            for name in bindings
        }
        sides = [
            {self.naming.keep(node): self._content(book, node, value) for node, value in side}
            for side in (_contents(contents.before), _contents(contents.after))
        ]
        # Addresses that were given and could not be kept must not be given again.
        self._next_page = book.first + len(book.pages)
        lost = [self._put_page(book.first + i, page) for i, page in enumerate(book.pages)]
        needed = {address // ITEMS for side in sides for address in side.values()}
        needed |= {ref // 2 // ITEMS for refs in names.values() for ref in refs if ref % 2 == 0}
        for side in sides:
            self._find_blocks(side)
            needed.update(*map(self._shelf.blocked.__getitem__, self._blocked_in(side)))
        needed.discard(0)
        return Written(
            _encode(names, *sides),
            tuple(sorted(needed)),
            tuple(dict.fromkeys(what for page in lost for what in page)),
        )

    def write_page(self, data: bytes) -> int:
        """Write a page that is none of a delta; returns its number.

        Raises:
            DiskFull: the journal has no room.

        """
        number = self._next_page
        self._next_page += 1
        self.journal.put_page(number, data, ())
        self._pages.add(number)
        return number

    def bound(self, size: int) -> None:
        """Keep no more pages after reading than so many bytes of pickles."""
        self._shelf.bound(size)

    def prune(self) -> None:
        """Let go of what was only kept to write the next version, where there will be none."""
        self.naming.prune()
        live = self._table.find
        self._blocks = {
            oid: blocks
            for oid, blocks in self._blocks.items()
            if (node := live(oid)) is not None and node.content is not None
        }
        bindings = self._bindings
        self._leaves = {
            name: known
            for name, known in self._leaves.items()
            if bindings.get(name, UNSET) is known[0]
        }

    def note_pages(self, numbers: Iterable[int]) -> None:
        """Take note of which pages the journal has: after it was opened or swept."""
        gone = self._pages
        self._pages = set(numbers)
        self._shelf.forget(gone - self._pages)
        self._leaves = {
            name: (leaf, address)
            for name, (leaf, address) in self._leaves.items()
            if address // ITEMS in self._pages
        }

    def _slot(self, book: _Book, name: str, slot: Any) -> int:
        """Give what stands for a slot: 0 for none, odd for a node, even for a leaf's address."""
        if slot is UNSET:
            return 0
        if type(slot) is Place:
            return slot.address * 2
        if type(slot) is Node:
            return self.naming.keep(slot) * 2 + 1
        leaf, address = self._leaves.get(name, (UNSET, 0))
        if leaf is not slot or not self._is_there(address, book):
            address = book.put((slot,), 1)
            self._leaves[name] = slot, address
        return address * 2

    def _content(self, book: _Book, node: Node, value: Any) -> Address:
        """Give the address of a content, writing it if it is not written yet."""
        if type(value) is Place:
            return value.address
        if self._is_there(value.address, book):
            return int(value.address)
        if isinstance(value.kind, ClassKind):
            self.naming.bear(node)
        if value.blocked:
            blocks = self._put_blocks(book, node, value)
            address = book.put((blocks, True, None), len(blocks), value.kind)
            self._shelf.blocked[address] = {block // ITEMS for block in blocks}
        elif self._is_bare(book, value.kind):
            address = book.put_bare(value)
        else:
            item = *_plain(value), self._call(node, value)
            address = book.put(item, len(value.slots), value.kind)
        value.address = address
        return address

    def _is_bare(self, book: _Book, kind: Any) -> bool:
        """Tell whether contents of a kind may go into columns."""
        is_bare = book.bare.get(id(kind))
        if is_bare is None:
            is_bare = book.bare[id(kind)] = self.naming.is_bare(kind)
        return is_bare

    def _put_blocks(self, book: _Book, node: Node, content: Content) -> tuple[Address, ...]:
        """Give the addresses of the blocks of a content; those of its last version are there."""
        known = self._blocks.get(node.oid, {})
        blocks: dict[int, tuple[object, Address]] = {}
        for block in content.slots:
            _, address = known.get(id(block), (None, 0))
            if not self._is_there(address, book):
                address = book.put((pages.compact(block), True), len(block))
            blocks[id(block)] = block, address
        self._blocks[node.oid] = blocks
        return tuple(blocks[id(block)][1] for block in content.slots)

    def _find_blocks(self, side: Mapping[int, Address]) -> None:
        """Read contents of another process that may be in blocks: they say where these are."""
        for address in side.values():
            if address // ITEMS not in self._own:
                self._shelf.item(address)

    def _blocked_in(self, side: Mapping[int, Address]) -> Iterator[Address]:
        """Give the addresses of contents in blocks, which lie in pages of their own."""
        if self._shelf.blocked:
            yield from (address for address in side.values() if address in self._shelf.blocked)

    def _is_there(self, address: Address, book: _Book) -> bool:
        number = address // ITEMS
        return number in self._pages or number >= book.first

    def _call(self, node: Node, content: Content) -> bytes | None:
        """Pickle the call that gives a node's object to a process which has lost it, if any."""
        value = node.object
        if value is GONE:
            return None
        call = revival_of(value, cast("Kind", content.kind), self._constants)
        return None if call is None else pages.dump(list(call), self.naming).data

    def _put_page(self, number: int, sheet: _Sheet) -> list[str]:
        """Write a page and the chunks that it names; returns what could not be pickled."""
        columns = sheet.columns()
        page = pages.dump([sheet.kinds, sheet.items, columns.kinds], self.naming)
        for chunk in page.chunks:
            if chunk.key not in self.journal.chunks:
                self.journal.chunks[chunk.key] = self._store.frame(chunk.key)
        keys = dict.fromkeys(chunk.key for chunk in page.chunks)
        self.journal.put_page(number, packed_page(page.data, columns.data), keys)
        self._pages.add(number)
        self._own.add(number)
        return page.lost

    # -- reading -------------------------------------------------------------------------------

    def delta(self, serial: int) -> Delta:
        """Read the delta of a state: contents and leaves in it are places.

        Raises:
            Damaged: it can't be read.

        """
        names, sides = _decode(self.journal.state(serial).delta)
        bindings: tuple[dict[str, object], dict[str, object]] = ({}, {})
        for name, refs in names.items():
            for side, ref in zip(bindings, refs, strict=True):
                if ref:
                    side[name] = self.naming.node(ref // 2) if ref % 2 else Place(ref // 2)
        contents: list[dict[Any, object]] = [
            {self.naming.node(oid): Place(address) for oid, address in side} for side in sides
        ]
        return Delta(Difference(*bindings), Difference(*contents))

    def resolve(self, delta: Delta) -> Delta:
        """Put what is meant in place of places.

        Raises:
            Damaged: a page can't be read.

        """
        if not holds_places(delta):
            return delta
        bindings, contents = delta.bindings, delta.contents
        return Delta(
            Difference(self._values(bindings.before), self._values(bindings.after)),
            Difference(
                {node: self._before(node, value) for node, value in _contents(contents.before)},
                {node: self.value(node, value) for node, value in _contents(contents.after)},
            ),
        )

    def reserve(self, blobs: Iterable[bytes]) -> None:
        """Have new objects get other numbers than those in some deltas; note what is lasting."""
        highest = 0
        for blob in blobs:
            names, sides = _decode(blob)
            numbers = [oid for side in sides for oid, _ in side]
            bound = [(name, ref // 2) for name, refs in names.items() for ref in refs if ref % 2]
            highest = max(highest, *numbers, *(oid for _, oid in bound), 0)
            self.lasting.update((name, oid) for name, oid in bound if name.startswith("<"))
        if highest:
            self.naming.reserve(highest)

    def value(self, node: Node | None, value: object) -> Any:
        """Give what a place stands for, a node's content or a leaf; anything else as it is."""
        if type(value) is not Place:
            return value
        if node is None:
            return self._shelf.item(value.address)
        return self._shelf.content(value.address, node)

    def _before(self, node: Node, value: object) -> Content:
        """Give what a content was before: most often the present, which need not be read."""
        now = node.content
        if now is not None and type(value) is Place and now.address == value.address:
            return now
        return cast("Content", self.value(node, value))

    def _values(self, slots: Mapping[str, object]) -> dict[str, object]:
        return {name: self.value(None, slot) for name, slot in slots.items()}


def holds_places(delta: Delta) -> bool:
    """Tell whether a delta refers to what is in the journal only."""
    return any(
        Place in set(map(type, side.values()))
        for both in (delta.bindings, delta.contents)
        for side in (both.before, both.after)
    )


class _Book:
    """The pages that one delta fills.

    Attributes:
        first: the number of the first page.
        pages: the pages.
        bare: address of a kind -> whether its contents may go into columns.

    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.pages: list[_Sheet] = []
        self.bare: dict[int, bool] = {}

    def put(self, rest: tuple[Any, ...], slots: int, kind: Any = None) -> Address:
        """Add an item of so many slots; returns its address."""
        sheet = self._sheet(slots)
        sheet.items.append((sheet.index(kind), *rest))
        return self._address(sheet)

    def put_bare(self, content: Content) -> Address:
        """Add a content that may go into columns; returns its address."""
        sheet = self._sheet(len(content.slots))
        sheet.rows.append((len(sheet.items), content))
        sheet.items.append(None)
        return self._address(sheet)

    def _sheet(self, slots: int) -> _Sheet:
        sheet = self.pages[-1] if self.pages else None
        if sheet is None or sheet.slots >= SLOTS or len(sheet.items) == ITEMS:
            sheet = _Sheet()
            self.pages.append(sheet)
        sheet.slots += slots + 1
        return sheet

    def _address(self, sheet: _Sheet) -> Address:
        return (self.first + len(self.pages) - 1) * ITEMS + len(sheet.items) - 1


class _Sheet:
    """One page that is being filled.

    Attributes:
        kinds: what the items are of.
        items: the items; None for the first, as no address is 0, and for what is in columns.
        rows: places of contents that may go into columns, with these.
        slots: how many there are.

    """

    def __init__(self) -> None:
        self.kinds: list[Any] = []
        self.items: list[Item | None] = [None]
        self.rows: list[Row] = []
        self.slots = 0
        self._indices: dict[int, int] = {}

    def index(self, kind: Any) -> int | None:
        """Give the place of a kind in `kinds`."""
        if kind is None:
            return None
        index = self._indices.setdefault(id(kind), len(self.kinds))
        if index == len(self.kinds):
            self.kinds.append(kind)
        return index

    def columns(self) -> Columns:
        """Put what can be into columns, and the rest among the items."""
        few = len(self.rows) <= FEW
        columns, others = columns_of(by_kind(() if few else self.rows), int)
        for place, content in self.rows if few else others:
            self.items[place] = (self.index(content.kind), *_plain(content), None)
        return columns


def _plain(content: Content) -> tuple[Any, bool]:
    """Give the slots of a content that is not in blocks, maybe compact; and that it is not."""
    return pages.compact(content.slots), False


def _contents(side: Mapping[Any, object]) -> Iterable[tuple[Node, Any]]:
    return cast("Mapping[Node, Any]", side).items()


def _encode(
    names: Mapping[str, list[int]], before: Mapping[int, int], after: Mapping[int, int]
) -> bytes:
    """Put a delta into bytes: names as JSON, then numbers and addresses, packed."""
    head = dumps(names, separators=(",", ":")).encode()
    body = array("q")
    for side in (before, after):
        body.extend(side.keys())
        body.extend(side.values())
    counts = array("q", [len(head), len(before), len(after)])
    plain = head + body.tobytes()
    return counts.tobytes() + pack(memoryview(plain), counts.itemsize)


def _decode(blob: bytes) -> tuple[dict[str, list[int]], list[list[tuple[int, int]]]]:
    """Read what `_encode` wrote."""
    counts = array("q", blob[:24])
    length, *sizes = counts
    plain = bytes(unpack(blob[24:], length + 16 * sum(sizes)))
    try:
        names: dict[str, list[int]] = loads(plain[:length])
    except ValueError as error:
        raise Damaged(f"the names of a state can't be read: {error}") from error
    numbers = array("q", plain[length:])
    sides = []
    start = 0
    for size in sizes:
        middle, end = start + size, start + 2 * size
        sides.append(list(zip(numbers[start:middle], numbers[middle:end], strict=True)))
        start = end
    return names, sides
