"""What pages name and do not hold: the nodes, classes, kinds and chunks of one process.

The same names lead, in another process, to its own namespace, its own kinds, and to classes made
again from what they were born with.
"""

from __future__ import annotations

import abc
import secrets
from array import array
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from cowtm.kinds.classes import ClassKind, registered_with
from cowtm.kinds.modules import ModuleKind
from cowtm.kinds.reference import ReferenceKind, Unmade
from cowtm.native import GONE, REFERENCE, Node
from cowtm.saved import pages
from cowtm.saved.births import (
    attributes_of,
    birth_of,
    give_attributes,
    make_class,
)

if TYPE_CHECKING:
    from cowtm.chunks import Chunk
    from cowtm.journal import Journal
    from cowtm.kinds.base import Kind
    from cowtm.kinds.functions import FunctionKind, Globals
    from cowtm.mirror import Mirror

PENDING = ReferenceKind("not read yet", resource=True, quiet=True)
"""The kind of a node whose content was not read yet."""


class Naming:
    """Names things of one mirror, as `pages.Process` asks for.

    Args:
        mirror: whose things they are.
        journal: where classes are described.

    """

    reader_has_modules = False

    def __init__(self, mirror: Mirror, journal: Journal) -> None:
        self.home = mirror.home
        self._table = mirror.table
        self._kinds = mirror.kinds
        self._store = mirror.store
        self._journal = journal
        self._constants = mirror.constants
        self._newborn = mirror.newborn
        self._owner = secrets.token_hex(8)
        self._names: dict[int, tuple[str, int]] = {}
        self._held: dict[tuple[str, int], object] = {}
        self._kept = mirror.kept
        self._born: set[int] = set()
        self.unmade: dict[pages.Name, Unmade] = {}
        self.lacks: dict[str, None] = {}

    # -- nodes and classes ---------------------------------------------------------------------

    def node(self, oid: int) -> Node:
        """Give the node of a number."""
        return self._table.node(oid, PENDING)

    def nodes(self, numbers: array[int]) -> list[Node]:
        """Give the nodes of numbers."""
        return self._table.nodes(numbers.tobytes(), PENDING)

    def keep(self, node: Node) -> int:
        """Have a node found again whose delta leaves memory; returns its number.

        A node that the present reaches is found anyway. So it is about the others: an object that
        something else holds must be the same when it comes back, and what is by reference, or a
        class, can't be made again.
        """
        if (
            node.kind.keep
            or node.kind.code == REFERENCE
            or (node.content is None and node.object is not GONE)
        ):
            self._kept[node.oid] = node
        return node.oid

    def prune(self) -> None:
        """Let go of nodes that were kept for objects that are gone."""
        gone = [oid for oid, node in self._kept.items() if node.object is GONE]
        for oid in gone:
            del self._kept[oid]

    def reserve(self, oid: int) -> None:
        """Have new nodes get higher numbers."""
        self._table.reserve(oid)

    def class_number(self, cls: type) -> int | None:
        """Give the number of a class of the notebook, None for others."""
        node = self._table.node_of(cls)
        if node is None:
            return None
        self._kept[node.oid] = node
        self.bear(node)
        return node.oid

    def bear(self, node: Node) -> None:
        """Write down what a class was born with, if that is not done yet."""
        if node.oid in self._born or node.object is GONE:
            return
        self._born.add(node.oid)  # first: what it is born with may lead back to it
        try:
            later = pages.dump([attributes_of(node.object), registered_with(node.object)], self)
            page = pages.dump([birth_of(node.object), later.data], self)
            self._journal.put_birth(node.oid, page.data)
        except BaseException:
            self._born.discard(node.oid)
            raise

    def class_of(self, oid: int) -> type:
        """Give the class of the notebook with a number, made anew if need be."""
        node = self.node(oid)
        if node.object is GONE:
            birth, later = pages.load(self._journal.birth(oid), self)
            node.kind = self._kinds.named(type)
            made: Any = make_class(birth)
            self.revive(node, made)
            self._newborn.add(node)
            self._born.add(oid)
            attributes, registered = pages.load(later, self)
            give_attributes(made, attributes)
            for known in registered:
                abc.ABCMeta.register(made, known)
        return cast("type", node.object)

    def revive(self, node: Node, value: object) -> None:
        """Make `value` the object of a node that lost its own."""
        self._table.attach(node, value)
        self._kept[node.oid] = node

    # -- everything else -----------------------------------------------------------------------

    def type_of(self, kind: Kind) -> type:
        """Give the type whose objects are of a kind."""
        return self._kinds.name_of(kind)

    def is_bare(self, kind: Any) -> bool:
        """Tell whether objects of a kind are made from their contents, and need nothing else."""
        if kind.code == REFERENCE or isinstance(kind, ClassKind | ModuleKind):
            return False
        return not self._constants.has(self.type_of(kind))

    def kind(self, cls: type) -> Kind:
        """Give the kind of recorded objects of a type."""
        return self._kinds.named(cls)

    def globals_of(self, names: dict[str, Any]) -> Globals:
        """Give the leaf that stands for a namespace in the contents of functions."""
        return cast("FunctionKind", self._kinds.named(FunctionType)).globals_of(names)

    def split(self, memory: memoryview) -> list[Chunk]:
        """Give the chunks of some memory."""
        return self._store.split(memory)

    def chunk(self, digest: bytes, size: int) -> Chunk:
        """Give the chunk of a digest."""
        return self._store.chunk(digest, size)

    def number_of(self, value: object) -> int | None:
        """Give the number of a recorded object, None for others."""
        node = self._table.node_of(value)
        return None if node is None else self.keep(node)

    def object_of(self, oid: int | None, make: Callable[[], Any]) -> Any:
        """Give the object of a number, which is made if there is none; a new one if None."""
        if oid is None:
            return make()
        node = self.node(oid)
        if node.object is GONE:
            self.revive(node, make())
        return node.object

    def hold(self, value: object) -> tuple[str, int]:
        """Keep an object that can't be pickled; says whose it is, and a number."""
        key = self._names.get(id(value))
        if key is None:
            key = self._owner, len(self._names) + 1
            self._keep_value(key, value)
        return key

    def held(self, owner: str, number: int, otherwise: Callable[[], Any]) -> Any:
        """Give back what was kept, or what is in its place in another process: one for ever."""
        key = owner, number
        if key not in self._held:
            self._keep_value(key, otherwise())
        return self._held[key]

    def _keep_value(self, key: tuple[str, int], value: object) -> None:
        """Keep an object alive under its name, which it has in every journal."""
        self._held[key] = value
        self._names[id(value)] = key
