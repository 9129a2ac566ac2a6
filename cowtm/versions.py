"""Old versions of classes: what ``%autoreload`` has replaced is not brought back by travelling.

Code of modules is not part of a state. When a module that was edited is reloaded, autoreload gives
all instances of its old classes the new ones. An instance from a state before that gets its
attributes back, and the class that its module has now: the old one would be dead code, which later
edits do not reach. What is read back from a journal is of the classes that there are now, too.
Where nobody uses autoreload an instance has the class that it had, as in any session:
``importlib.reload`` leaves instances alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from cowtm.delta import Delta, Difference
from cowtm.kinds.base import InstanceKind, Kind, Layout, name_of
from cowtm.native import INSTANCE, UNSET, Content, Node

if TYPE_CHECKING:
    from cowtm.kinds import Kinds

AUTORELOAD = "IPython.extensions.autoreload"
"""What is imported when somebody uses it."""


def current(cls: type) -> type:
    """Return the class that a class's module has now under its name; the class itself if none."""
    module, name = name_of(cls)
    there = sys.modules.get(module)
    found = there.__dict__.get(name) if there is not None else None
    if isinstance(found, type) and name_of(found) == (module, name):
        return found
    return cls


def with_current_classes(delta: Delta, kinds: Kinds) -> Delta:
    """Return a delta in which instances of classes that autoreload replaced are of the new ones.

    An instance that has no place for what it held, because the slots of its class were edited,
    keeps the old class, as it does when autoreload meets it.
    """
    if AUTORELOAD not in sys.modules:
        return delta
    after = cast("Mapping[Node, Content]", delta.contents.after)
    kind_now: dict[int, Kind] = {}
    anew: dict[Any, object] = {}
    for node, content in after.items():
        kind: Any = content.kind
        if id(kind) not in kind_now:
            kind_now[id(kind)] = _kind_now(kind, kinds)
        now: Any = kind_now[id(kind)]
        if now is kind:
            continue
        slots = content.flat()
        if slots and slots[0] is kind.cls:
            anew[node] = Content(now, (now.cls, *slots[1:]))
    if not anew:
        return delta
    contents = Difference(delta.contents.before, {**delta.contents.after, **anew})
    return Delta(delta.bindings, contents)


def _kind_now(kind: Kind, kinds: Kinds) -> Kind:
    """Return the kind of what objects of a kind are to be made as."""
    layout = getattr(kind, "layout", None)
    if kind.cls is None or not isinstance(layout, Layout):
        return kind
    cls = current(kind.cls)
    if cls is kind.cls:
        return kind
    now = kinds.classify(cls)
    if now is None or type(now) is not type(kind):
        return kind
    return now if _alike(layout, getattr(now, "layout", layout)) else kind


def _alike(one: Layout, other: Layout) -> bool:
    return one.names() == other.names() and one.has_dict == other.has_dict


# -- what was read back ----------------------------------------------------------------------------


def slots_of(kind: Kind) -> tuple[str, ...]:
    """Return the names of the slots that contents of a kind begin with; empty if there are none."""
    layout = getattr(kind, "layout", None)
    return tuple(layout.names()) if isinstance(layout, Layout) else ()


class Rearranged:
    """The kind of contents that were written when the class had other slots than now.

    Args:
        kind: the kind of the class's objects now.
        names: the slots that it had.

    Raises:
        TypeError: something that such objects held has no place in them now.

    """

    code = INSTANCE

    def __init__(self, kind: Kind, names: tuple[str, ...]) -> None:
        gone = [name for name in names if name not in slots_of(kind)]
        if type(kind) is not InstanceKind or (gone and not kind.has_dict):
            msg = f"class {name_of(cast('type', kind.cls))[1]} has no slots {', '.join(gone)} now"
            raise TypeError(msg)
        self.kind = kind
        self._names = names

    def now(self, slots: tuple[Any, ...]) -> tuple[Any, ...]:
        """Put the slots of a content in the places that they have now."""
        count = 1 + len(self._names)
        held = dict(zip(self._names, slots[1:count], strict=True))
        kept = [held.pop(name, UNSET) for name in slots_of(self.kind)]
        attributes = [part for item in held.items() if item[1] is not UNSET for part in item]
        return (slots[0], *kept, *slots[count:], *attributes)
