"""ipywidgets: the widget stays the one on the page, and the page hears what it was put back to.

A widget is recorded with the values of its traits as parts of its own; other objects with traits
are plain instances. Nobody's handlers run when values are put back: what these did is put back too.
A widget that is made anew, such as a copy, gets onto the page when it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cowtm.kinds.base import (
    Commit,
    ContentOf,
    InstanceKind,
    Kind,
    class_dict,
    differ,
    mro_of,
    name_of,
    plain_instances,
    plan_dict,
)
from cowtm.kinds.reference import ReferenceKind
from cowtm.native import GENERIC, UNSET

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Nothing with traits is told by its type to never change."""
    return False


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Give the kind of a widget or of its line to the page; None for what is like any other."""
    for base in mro_of(cls):
        if name_of(base) == ("comm.base_comm", "BaseComm"):
            return ReferenceKind("a line to the page", quiet=True)
        if name_of(base) == ("ipywidgets.widgets.widget", "Widget") and plain_instances(cls):
            return WidgetKind(cls)
        if name_of(base) == ("traitlets.traitlets", "BaseDescriptor") and plain_instances(cls):
            return DescriptorKind(cls)
    return None


class DescriptorKind(InstanceKind):
    """A trait, or a handler of changes: of a library's class by its name there, else as it is."""

    name = "trait"
    code = GENERIC
    by_value = True

    def same(self, old: object, new: object) -> bool:
        """Compare texts."""
        return type(old) is type(new) is str and old == new

    def parts(self, value: Any) -> Sequence[object]:
        """Read class and name, or the attributes."""
        held = self.layout.dict_of(value)
        owner: Any = held.get("this_class")
        name: Any = held.get("name")
        if _is_of_library(owner) and class_dict(owner).get(name) is value:
            return [type(value), OWNED, owner, name]
        return super().parts(value)

    def needs(self, slots: Sequence[object]) -> int:
        """Its class, and the one that has it."""
        return 4 if _is_owned(slots) else super().needs(slots)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Give the one that the class has, or make one."""
        return class_dict(parts[2])[parts[3]] if _is_owned(parts) else super().create(parts, slots)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """One that a class has is that for ever."""
        if _is_owned(slots) or _is_owned(self.parts(value)):
            return self.parts(value) == list(slots)
        return super().fits(value, slots)

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Name the class."""
        return self.cls.__name__

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the attributes that changed."""
        if _is_owned(old) or _is_owned(new):
            return "it is another one"
        return super().account(old, new)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes of one that no library's class has."""
        return (lambda: None) if _is_owned(parts) else super().plan(value, parts)


OWNED = "<in its class>"
"""Says that what follows are a class and the name that it has something by."""


def _is_owned(parts: Sequence[Any]) -> bool:
    return len(parts) == 4 and type(parts[1]) is str and parts[1] == OWNED  # noqa: PLR2004


def _is_of_library(owner: Any) -> bool:
    """Tell whether a class can be had by its name in a module that was imported."""
    if not isinstance(owner, type):
        return False
    module, name = name_of(owner)
    found = sys.modules.get(module)
    return getattr(found, "__spec__", None) is not None and vars(found).get(name) is owner


class WidgetKind(InstanceKind):
    """A widget: attributes, whether it was closed, the values of its traits.

    Parts: class, names and values of attributes, the marker VALUES and whether it is closed, names
    and values of traits.
    """

    name = "widget"
    code = GENERIC
    by_value = True

    def same(self, old: object, new: object) -> bool:
        """Compare the marker: it may have been read from a journal."""
        return type(old) is type(new) is str and old == new == VALUES

    def parts(self, value: Any) -> Sequence[object]:
        """Read attributes and values, past what traits do when they are asked."""
        attributes = self.layout.dict_of(value)
        parts: list[object] = [type(value)]
        for item in dict.items(attributes):
            if item[0] not in _APART:
                parts += item
        parts += [VALUES, _is_closed(value)]
        for item in dict.items(attributes["_trait_values"]):
            if item[0] not in _OF_THE_LINE:
                parts += item
        return parts

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make one that is on no page yet."""
        made = super().create(parts, slots)
        values: dict[str, Any] = {"comm": None, "_property_lock": {}, "_states_to_send": set()}
        self.layout.dict_of(made).update(_model_id=None, _trait_values=values)
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing attributes and values; the page hears when all is in place."""
        attributes = self.layout.dict_of(value)
        values = attributes["_trait_values"]
        end = _end(parts)
        closed, wanted = parts[end + 1], parts[end + 2 :]
        write = plan_dict(attributes, [*_left(attributes, _APART), *parts[1:end]])
        write_values = plan_dict(values, [*_left(values, _OF_THE_LINE), *wanted])
        changed = [
            name
            for name, new in zip(wanted[::2], wanted[1::2], strict=True)
            if dict.get(values, name, UNSET) is not new
        ]

        def commit() -> object:
            return write(), write_values(), Afterwards(lambda: _tell(value, changed, closed))

        return commit

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Write all parts; a new one is on no page before it is shown."""
        end = _end(parts)
        attributes = self.layout.dict_of(value)
        attributes.update(zip(parts[1:end:2], parts[2:end:2], strict=True))
        rest = parts[end + 2 :]
        attributes["_trait_values"].update(zip(rest[::2], rest[1::2], strict=True))
        attributes[_SHOW] = None if parts[end + 1] else partial(_open_and_show, value)

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Name the class."""
        return self.cls.__name__

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the traits that changed, else the attributes."""
        before, after = _traits(old), _traits(new)
        changed = [n for n in after if n not in before or differ(before[n], after[n])]
        if changed:
            return f"{', '.join(map(str, changed[:3]))} changed"
        if old[_end(old) + 1] is not new[_end(new) + 1]:
            return "it was closed" if new[_end(new) + 1] else "it was opened"
        return "its attributes changed"


VALUES = "<values of traits>"
"""Stands before the values of traits."""

_SHOW = "_repr_mimebundle_"
"""The method that shows a widget; one that was closed has nothing in its place."""

_APART = ("_trait_values", "_model_id", _SHOW)
"""Attributes that are told in another way, or belong to the page."""

_OF_THE_LINE = ("comm", "_property_lock", "_states_to_send")
"""Traits that belong to the line to the page."""


class Afterwards:
    """Has something done when all of a travel is in place: what was displaced is let go then."""

    __slots__ = ("_do",)

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do

    def __del__(self) -> None:
        """Do it."""
        self._do()


def _is_closed(widget: Any) -> bool:
    return vars(widget).get(_SHOW, _SHOW) is None


def _tell(widget: Any, changed: Sequence[str], closed: bool) -> None:  # noqa: FBT001
    """Tell the page what a widget is now; a page that is gone need not hear it."""
    try:
        if closed:
            widget.close()
            vars(widget)[_SHOW] = None  # one that was on no page too
        elif _is_closed(widget):
            vars(widget)[_SHOW] = partial(_open_and_show, widget)
            _open(widget)
        elif widget.comm is not None:
            synced = [name for name in changed if name in widget.keys]
            if synced:
                widget.send_state(synced)
    except Exception as error:  # noqa: BLE001  the state is what it was; the page is not
        widget.log.warning("the page could not be told of %s: %s", type(widget).__name__, error)


def _open_and_show(widget: Any, **how: Any) -> Any:
    """Put a widget that was made anew, and those in it, on the page."""
    _open(widget)
    return widget._repr_mimebundle_(**how)  # that of its class now


def _open(widget: Any) -> None:
    if isinstance(vars(widget).get(_SHOW), partial):
        del vars(widget)[_SHOW]
        for held in list(vars(widget)["_trait_values"].values()):
            for inner in held if isinstance(held, list | tuple) else [held]:
                if "_trait_values" in getattr(inner, "__dict__", ()):
                    _open(inner)
        widget.open()


def _end(parts: Sequence[Any]) -> int:
    """Find where the values of traits begin."""
    return next(i for i in range(1, len(parts), 2) if type(parts[i]) is str and parts[i] == VALUES)


def _traits(parts: Sequence[Any]) -> dict[Any, Any]:
    start = _end(parts) + 2
    return dict(zip(parts[start::2], parts[start + 1 :: 2], strict=True))


def _left(attributes: dict[Any, Any], names: Sequence[str]) -> list[Any]:
    return [part for name in names if name in attributes for part in (name, attributes[name])]
