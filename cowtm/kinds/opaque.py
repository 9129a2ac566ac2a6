"""Everything else: what `__reduce_ex__` gives, taken apart and compared by value.

The pieces that an object makes only for the asking (a fresh tuple, a copy of its state) are part of
its value; containers that something else holds too are objects of their own. Nothing is pickled or
called while recording but `__reduce_ex__` itself.
"""

from __future__ import annotations

import copyreg
import sys
import warnings
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from itertools import chain, islice
from typing import Any, cast

from cowtm.kinds.base import (
    PROTOCOL,
    ByValue,
    Commit,
    Kind,
    Layout,
    NotCapturable,
    name_of,
    resolved,
    same_leaf,
)
from cowtm.native import GENERIC, INSTANCE

FRESH = 2
"""References to an object that only its container holds, as getrefcount(container[i]) counts."""

ITERATORS: tuple[type, ...] = (
    type(iter([])),
    type(reversed([])),
    type(iter(())),
    enumerate,
    zip,
    map,
    filter,
)
"""Types whose objects only hold what they are made of: it may be filled later, so it may lead back
to them."""

KindOf = Callable[[Any], Kind | None]


def _at_end(make: Callable[[], Any]) -> Callable[[], Any]:
    """Give a function that makes an iterator that is at its end."""

    def ended() -> Any:
        made = make()
        deque(made, maxlen=0)
        return made

    return ended


class _Nothing:
    """A sequence without elements."""

    def __getitem__(self, index: int) -> Any:
        raise IndexError(index)


ENDED: list[tuple[type, Callable[[], Any]]] = [
    (type(make()), _at_end(make))
    for make in (
        lambda: iter([]),
        lambda: reversed([]),
        lambda: iter(()),
        lambda: reversed(()),
        lambda: iter(""),
        lambda: iter("\u20ac"),
        lambda: iter(b""),
        lambda: iter(bytearray()),
        lambda: iter(array("b")),
        lambda: iter(_Nothing()),
        chain,
        lambda: islice((), 0),
    )
]
"""Types of iterators that do not say of what type they are once they are at their end, and makers
of those. What they reduce to then would be a fresh one of another type."""


class Shape(ByValue):
    """How the parts of an opaque object were nested: a tree of tuples, a leaf in contents."""

    __slots__ = ("head", "tree")

    def __init__(self, tree: tuple[Any, ...], head: int) -> None:
        self.tree = tree
        self.head = head

    def matches(self, other: Any) -> bool:
        """Tell whether two are nested alike."""
        return bool(self.head == other.head and self.tree == other.tree)


_OF_CYTHON = "__pyx_unpickle_"
"""How the functions begin that Cython writes to unpickle its classes: for any class that has no
pointers, also where it then can't call them."""


class OpaqueKind(Kind):
    """An object that only its own `__reduce_ex__` can take apart.

    Parts: the nesting, then leaves and objects in order.
    """

    name = "opaque"
    by_value = True

    def __init__(self, cls: type, kind_of: KindOf) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self._kind_of = kind_of
        self.whole = not any(cls is iterator for iterator in ITERATORS)
        # Python 3.12 says that they will not be pickled any more; nobody asked but us.
        self._warns = name_of(cls)[0] == "itertools"

    def parts(self, value: Any) -> Sequence[object]:
        """Take the object apart."""
        # Asking for the dict makes it: before it reduces, so that it says the same each time.
        own = self.layout.dict_of(value) if self.layout.has_dict else None
        reduced = self._reduce(value)
        flat: list[object] = []
        encoder = Encoder(self._kind_of, own, flat)
        trees = [encoder.encode(reduced, index) for index in range(2)]
        head = len(flat)
        trees += [encoder.encode(reduced, index) for index in range(2, 6)]
        # Attributes that it does not speak of are its own all the same.
        trees.append(_NONE if own is None or encoder.met_own else encoder.encode_own(own))
        return [Shape(tuple(trees), head), *flat]

    def _reduce(self, value: Any) -> list[Any]:
        reduced: Any
        for cls, reducer in copyreg.dispatch_table.items():  # a look-up would hash the type
            if cls is self.cls:
                reduced = reducer(value)
                break
        else:
            reduced = self._ask(value)
        if type(reduced) is str:
            raise Global
        if type(reduced) is not tuple or not 2 <= len(reduced) <= 6 or not callable(reduced[0]):  # noqa: PLR2004
            msg = "it does not reduce as pickle expects"
            raise NotCapturable(msg)
        if getattr(reduced[0], "__name__", "").startswith(_OF_CYTHON) and not self._is_made_empty:
            msg = "it can't be made by its class alone"
            raise NotCapturable(msg)
        pieces = [*reduced, *[None] * (6 - len(reduced))]
        for index in (3, 4):
            if pieces[index] is not None:
                pieces[index] = list(pieces[index])
        return pieces

    @cached_property
    def _is_made_empty(self) -> bool:
        """Whether the class makes an object without being told anything, as Cython's pickles do."""
        try:
            cast("Any", self.cls).__new__(self.cls)
        except Exception:  # noqa: BLE001  whatever it misses
            return False
        return True

    def _ask(self, value: Any) -> Any:
        with self._unwarned():
            return cast("Any", self.cls).__reduce_ex__(value, PROTOCOL)

    def _unwarned(self) -> AbstractContextManager[object]:
        return warnings.catch_warnings(action="ignore") if self._warns else nullcontext()

    def same(self, old: object, new: object) -> bool:
        """Compare two leaves by value."""
        return same_leaf(old, new)

    def refuse(self, value: Any, error: Exception) -> Kind:
        """An object that is found by a global name is one for ever; others are by reference."""
        from cowtm.kinds.reference import ReferenceKind  # noqa: PLC0415

        if isinstance(error, Global):
            return ReferenceKind("a global object", quiet=True)
        return ReferenceKind.because(value, error)

    def needs(self, slots: Sequence[Any]) -> int:
        """Function and arguments must exist."""
        shape: Shape = slots[0]
        return 1 + shape.head

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Call the function with the arguments, as unpickling does."""
        shape: Shape = parts[0]
        if _is_at_end(self.cls, shape):
            return next(ended() for cls, ended in ENDED if cls is self.cls)
        decoder = Decoder(parts[1:])
        function = decoder.decode(shape.tree[0])
        arguments = decoder.decode(shape.tree[1])
        return function(*arguments)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """In place only if nothing but the state differs."""
        if type(value) is not self.cls:
            return False
        try:
            live = self.parts(value)
        except Exception:  # noqa: BLE001  it reduces no longer: it is made anew
            return False
        now, then = live[0], slots[0]
        if not isinstance(now, Shape) or now.head != then.head or now.tree[:2] != then.tree[:2]:
            return False
        if then.tree[3:5] != (_NONE, _NONE) or (then.tree[2] == _NONE) != (now.tree[2] == _NONE):
            return False
        heads = zip(live[1 : 1 + now.head], slots[1 : 1 + now.head], strict=True)
        return all(resolved(b) is a or same_leaf(b, a) for a, b in heads)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the state."""
        shape: Shape = parts[0]
        decoder = Decoder(parts[1 + shape.head :])
        state, items, pairs, setter, own = (decoder.decode(tree) for tree in shape.tree[2:7])

        def commit() -> object:
            if state is not None:
                self._set_state(value, state, setter)
            if items:
                value.extend(items)
            for key, item in pairs or ():
                value[key] = item
            if own is not None:
                mapping = self.layout.dict_of(value)
                mapping.clear()
                mapping.update(own)
            return None

        return commit

    def _set_state(self, value: Any, state: Any, setter: Any) -> None:
        if setter is not None:
            setter(value, state)
            return
        if hasattr(self.cls, "__setstate__"):
            with self._unwarned():
                self.cls.__setstate__(value, state)
            return
        slots = None
        if type(state) is tuple and len(state) == 2:  # noqa: PLR2004  attributes and slots
            state, slots = state
        if state is not None and self.layout.has_dict:
            mapping = self.layout.dict_of(value)
            mapping.clear()
            mapping.update(state)
        for name, held in (slots or {}).items():
            object.__setattr__(value, name, held)


def _is_at_end(cls: type, shape: Shape) -> bool:
    """Tell an iterator of one of these types that is at its end: it has no state then."""
    if not any(cls is known for known, _ in ENDED):
        return False
    arguments, state = shape.tree[1:3]
    return state == _NONE or (cls is islice and len(arguments) == _ITERATOR_AND_STOP)


_ITERATOR_AND_STOP = 3
"""Length of the tree of two arguments."""


class Global(Exception):
    """The object reduces to a global name."""


_NONE = ("none",)


class Encoder:
    """Takes nested fresh values apart into a tree and a flat list."""

    def __init__(self, kind_of: KindOf, own: dict[Any, Any] | None, flat: list[object]) -> None:
        self._kind_of = kind_of
        self._own = own
        self._flat = flat
        self.met_own = False

    def encode_own(self, own: dict[Any, Any]) -> tuple[Any, ...]:
        """Encode the attributes of the object, which nothing of it has led to."""
        return self.encode([own], 0, 0)

    def encode(self, container: Any, key: Any, alone: int = FRESH) -> tuple[Any, ...]:
        """Encode ``container[key]``; returns the tree, appends to the list.

        Args:
            container: what holds the value.
            key: where in it.
            alone: as many references make the value part of its fresh container; 0 if the
                container is not fresh itself.

        """
        count = sys.getrefcount(container[key])
        value = container[key]
        if value is None:
            return _NONE
        fresh = count <= alone
        inner = FRESH if fresh else 0
        cls = type(value)
        if cls is tuple:
            return ("tuple", *(self.encode(value, i, inner) for i in range(len(value))))
        if value is self._own:
            self.met_own = True
        if value is self._own or (fresh and cls is dict):
            trees = []
            for name in list(value):
                trees += [self.encode([name], 0, 0), self.encode(value, name, inner)]
            return ("dict", *trees)
        if fresh and cls is list:
            return ("list", *(self.encode(value, i, inner) for i in range(len(value))))
        kind = self._kind_of(value) if fresh else None
        if fresh and cls in (set, frozenset):
            held = list(value)
            return (cls.__name__, *(self.encode(held, i, FRESH + 1) for i in range(len(held))))
        if kind is not None and not kind.keep and kind.code in (GENERIC, INSTANCE):
            parts = list(kind.parts(value))
            # each part is held by the list here and by the fresh object
            return ("made", kind, *(self.encode(parts, i, FRESH + 1) for i in range(len(parts))))
        self._flat.append(value)
        return ("leaf",)


class Decoder:
    """Puts nested values together again."""

    def __init__(self, flat: Sequence[Any]) -> None:
        self._flat = iter(flat)

    def decode(self, tree: tuple[Any, ...]) -> Any:
        """Return the value a tree stands for; each leaf is taken from the list in turn."""
        what, *below = tree
        if what == "leaf":
            return next(self._flat)
        if what == "none":
            return None
        if what == "made":
            kind: Kind = below[0]
            parts = [self.decode(piece) for piece in below[1:]]
            made = kind.create(parts[: kind.needs(parts)], parts)
            if not kind.frozen:
                kind.fill(made, parts)
            return made
        items = [self.decode(piece) for piece in below]
        if what == "tuple":
            return tuple(items)
        if what == "list":
            return items
        if what in ("set", "frozenset"):
            return set(items) if what == "set" else frozenset(items)
        return dict(zip(items[::2], items[1::2], strict=True))
