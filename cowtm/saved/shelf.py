"""Contents read back from the journal by their addresses.

A page is read whole, and kept as long as `CACHE` allows; the least recently used go first.

Thread safety: any thread may read, one at a time.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from zict import LRU

from cowtm.errors import CannotRestore, CowtmError, Damaged
from cowtm.kinds.classes import ClassKind
from cowtm.kinds.reference import Unmade, UnmadeKind
from cowtm.native import GENERIC, GONE, INSTANCE, Content, Node
from cowtm.packing import pack, unpack
from cowtm.saved import pages
from cowtm.saved.columns import contents_in, groups_in
from cowtm.saved.naming import PENDING, Naming
from cowtm.saved.tolerant import said
from cowtm.versions import Rearranged

if TYPE_CHECKING:
    from cowtm.journal import Journal

ITEMS = 4096
"""Items in a page, at most; an address is the page's number times this, and the place in it."""

CACHE = 32 << 20
"""Bytes of pickles whose pages are kept after reading."""

Address: TypeAlias = int

Item: TypeAlias = tuple[Any, ...]
"""Of a content: which of the page's kinds, slots (maybe compact) or addresses of blocks, whether
these are addresses, and how its object is had again if it is gone (a pickled call, or None). Of a
leaf: None and the value. Of a block: None, its slots (maybe compact), and True. None if it lies in
the page's columns."""


class Shelf:
    """Reads pages of one journal.

    Args:
        journal: where they are.
        naming: what they name.

    Attributes:
        blocked: address of a content in blocks -> the pages with these.

    """

    def __init__(self, journal: Journal, naming: Naming) -> None:
        self._journal = journal
        self._naming = naming
        self.blocked: dict[Address, set[int]] = {}
        self._calls: dict[Address, bytes] = {}
        self._pages: LRU[int, _Page] = LRU(CACHE, {}, weight=lambda _, page: page.size)
        self._last = 0, _Page([], [], 0)
        self._lock = threading.RLock()

    def item(self, address: Address) -> Any:
        """Give the content or leaf at an address.

        Raises:
            Damaged: its page can't be read.

        """
        with self._lock:
            page = self._page(address // ITEMS)
            index = address % ITEMS
            item = page.items[index]
            if type(item) is not tuple:
                return item.value if type(item) is _Leaf else item
            page.items[index] = made = self._made(address, page.kinds, item)
            return made.value if type(made) is _Leaf else made

    def content(self, address: Address, node: Node) -> Content:
        """Give the content at an address; its node's object is had again if it is gone."""
        content: Content = self.item(address)
        if node.kind is PENDING:
            node.kind = content.kind
        if node.object is not GONE:
            return content
        try:
            if isinstance(content.kind, ClassKind):
                self._naming.class_of(node.oid)
            elif address in self._calls:
                function, arguments = pages.load(self._calls[address], self._naming)
                self._naming.revive(node, function(*arguments))
        except (MemoryError, Damaged, CannotRestore):  # which says what to do
            raise
        except Exception as error:  # noqa: BLE001  a module, or a class, runs what it likes
            self._naming.lacks[said(error)] = None
            kind = node.kind = UnmadeKind.of(content.kind, said(error), quiet=False)
            content = Content(kind, (kind.what,))
            content.address = address
        return content

    def bound(self, size: int) -> None:
        """Keep pages of at most so many bytes, and of `CACHE`."""
        with self._lock:
            self._pages.n = min(size, CACHE)
            self._pages.evict_until_below_target()

    def forget(self, numbers: Iterable[int]) -> None:
        """Let go of pages that are no more."""
        with self._lock:
            self._last = 0, _Page([], [], 0)
            for number in numbers:
                self._pages.pop(number, None)

    def _made(self, address: Address, kinds: list[Any], item: Item) -> Any:
        index, slots, *rest = item
        if index is None:
            return _Leaf(pages.expand(slots) if rest else slots)
        kind = kinds[index]
        blocked, call = rest
        slots = pages.expand(slots)
        if call is not None:
            self._calls[address] = call
        if blocked:
            self.blocked[address] = {block // ITEMS for block in slots}
            slots = tuple(self.item(block) for block in slots)
        elif not isinstance(kind, Unmade) and kind.code in (INSTANCE, GENERIC):
            slots = tuple(map(pages.interned, slots))
        content = _here(kind, slots, blocked)
        content.address = address
        return content

    def _take_columns(self, number: int, kinds: list[Any], data: bytes, items: list[Any]) -> None:
        """Put the contents that lie in a page's columns in their places."""
        for kind, group in zip(kinds, groups_in(data), strict=True):
            is_here = not isinstance(kind, Unmade | Rearranged)
            places, contents = contents_in(group, kind if is_here else PENDING, self._naming.nodes)
            for place, content in zip(places, contents, strict=True):
                held = content if is_here else _here(kind, content.slots, content.blocked)
                held.address = number * ITEMS + place
                items[place] = held

    def _page(self, number: int) -> _Page:
        if self._last[0] == number:  # most are asked for in the order in which they were written
            return self._last[1]
        page = self._pages.get(number)
        if page is None:
            page = self._load(number)
            self._pages[number] = page
        self._last = number, page
        return page

    def _load(self, number: int) -> _Page:
        data = self._journal.page(number)
        try:
            head, columns = unpacked_page(data)
            kinds, items, in_columns = pages.load(head, self._naming)
            self._take_columns(number, in_columns, columns, items)
            return _Page(kinds, items, len(head) + len(columns))
        except CowtmError:
            raise
        except Exception as error:
            msg = (
                f"page {number} of {self._journal.path} can't be read here: "
                f"{type(error).__name__}: {error}"
            )
            raise Damaged(msg) from error


def _here(kind: Any, slots: tuple[Any, ...], blocked: bool) -> Content:  # noqa: FBT001
    """Make a content of a kind as it is here."""
    if isinstance(kind, Unmade):  # of a type that this process has not
        kind = UnmadeKind(kind, quiet=False)
        slots, blocked = (kind.what,), False
    if type(kind) is Rearranged:
        slots, kind = kind.now(slots), kind.kind
    return Content(kind, slots, blocked)


def packed_page(*parts: bytes) -> bytes:
    """Pack the pickles of a page, how many they are and their sizes before them."""
    sizes = array("q", [len(parts), *map(len, parts)]).tobytes()
    return sizes + pack(memoryview(b"".join(parts)), 1)


def unpacked_page(data: bytes) -> list[bytes]:
    """Give back what `packed_page` was given."""
    count = array("q", data[:8])[0]
    start = 8 * (1 + count)
    ends = [*accumulate(array("q", data[8:start]), initial=0)]
    plain = bytes(unpack(data[start:], ends[-1]))
    return [plain[first:end] for first, end in pairwise(ends)]


class _Leaf:
    """A leaf that was read: it may be a tuple itself."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Page:
    """A page that was read: items, turned into contents when they are asked for."""

    __slots__ = ("items", "kinds", "size")

    def __init__(self, kinds: list[Any], items: list[Any], size: int) -> None:
        self.kinds = kinds
        self.items = items
        self.size = size
