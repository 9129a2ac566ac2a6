"""matplotlib: figures and all that is in them, put back as matplotlib itself would pickle them.

Most artists are plain instances and need nothing from here. What matplotlib holds weakly does:
which transforms depend on which, who listens to what, and which axes are shared. Recorded are the
objects at the far end; weak references are made anew when they are put back.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import MethodType
from typing import Any

import numpy as np

from cowtm.chunks import Chunk, ChunkStore, write_back
from cowtm.kinds.ambient import Ambient
from cowtm.kinds.base import (
    Commit,
    ContentOf,
    InstanceKind,
    Kind,
    Layout,
    class_dict,
    mro_of,
    name_of,
    plain_instances,
    plan_dict,
)
from cowtm.kinds.reference import Lost, ReferenceKind
from cowtm.kinds.styles import SettingsKind
from cowtm.native import GENERIC, Node

FIGURES = "<matplotlib figures>"
"""What states bind the figures that pyplot knows to."""


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Nothing of matplotlib's is told by its type to never change."""
    return False


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of matplotlib's; None for what is like any other object."""
    if name_of(cls) == ("matplotlib", "RcParams"):
        return SettingsKind(cls)
    if not plain_instances(cls):
        return None
    for base in mro_of(cls):
        make = _KINDS.get(name_of(base))
        if make is not None and not Layout(cls).members:
            return make(cls, base, store)
    return None


def ambient() -> list[Ambient]:
    """Tell of the figures that pyplot knows, the current one last."""
    helpers: Any = import_module("matplotlib._pylab_helpers")
    figures = helpers.Gcf.figs
    return [Ambient(FIGURES, figures, lambda: not figures, figures.clear)]


class _PartlyKind(InstanceKind):
    """A plain instance of which some attributes are told in another way.

    Parts: class, names and values of the other attributes, END, what `told` gives.
    """

    code = GENERIC
    by_value = True
    apart: frozenset[str] = frozenset()

    def __init__(self, cls: type, base: Any, _store: ChunkStore) -> None:
        super().__init__(cls)
        self.base = base

    def parts(self, value: Any) -> Sequence[object]:
        """Read the attributes, and what stands for those that are told apart."""
        apart, items = self.apart, dict.items(self.layout.dict_of(value))
        own = [part for item in items if item[0] not in apart for part in item]
        return [type(value), *own, END, *self.told(value)]

    def told(self, value: Any) -> Sequence[object]:
        """Tell what the attributes that are left out mean."""
        raise NotImplementedError

    def same(self, old: object, new: object) -> bool:
        """Compare numbers and texts."""
        return type(old) is type(new) and type(old) in _PLAIN and old == new

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes, then what is told apart."""
        end = _end(parts)
        mapping = self.layout.dict_of(value)
        left = [p for item in dict.items(mapping) if item[0] in self.apart for p in item]
        write = plan_dict(mapping, [*left, *parts[1:end]])
        rest = self.plan_told(value, parts[1:end], parts[end + 1 :])

        def commit() -> object:
            return write(), rest()

        return commit

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:
        """Prepare putting back what `told` gave, `own` being the other attributes."""
        raise NotImplementedError

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Name the class."""
        return self.cls.__name__

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the attributes that changed, or say what else did."""
        before, after = old[: _end(old)], new[: _end(new)]
        said = super().account(before, after)
        return said if "order" not in said else self.otherwise

    otherwise = "what belongs to it changed"


END = "<end of the attributes>"
"""Stands behind the attributes; only this very text counts."""

_PLAIN = (int, str, bytes)


def _end(parts: Sequence[Any]) -> int:
    """Find where attributes end."""
    return next(i for i in range(1, len(parts), 2) if type(parts[i]) is str and parts[i] == END)


class TransformKind(_PartlyKind):
    """A transform or a bounding box: attributes; what depends on it follows from those.

    What it has worked out is recorded like anything else; whether that still holds is not: it is
    worked out anew after travel.
    """

    name = "transform"
    apart = frozenset({"_parents", "_invalid"})
    otherwise = "its numbers changed"

    def told(self, value: Any) -> Sequence[object]:
        """Tell the numbers: when they are changed in place, what depends on them must hear."""
        held = self.layout.dict_of(value).values()
        return [v.tobytes() for v in held if type(v) is np.ndarray and v.size <= _FEW]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make one that nothing depends on yet."""
        made = super().create(parts, slots)
        self.layout.dict_of(made).update(_parents={}, _invalid=_INVALID)
        return made

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare telling what it depends on, and what depends on it."""
        children = [part for part in own[1::2] if isinstance(part, self.base)]

        def commit() -> object:
            for child in children:
                known = vars(child)["_parents"].get(id(value))
                if known is None or known() is not value:
                    self.base.set_children(value, child)
            _invalidate(value)
            return None

        return commit


_FEW = 16
"""Numbers that a transform has of its own, at most; more are somebody's data."""

_INVALID = 2
"""What matplotlib calls fully invalid."""


def _invalidate(node: Any) -> None:
    """Have a transform and all that depends on it be worked out anew."""
    waiting, seen = [node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        vars(node)["_invalid"] = _INVALID
        waiting += [parent() for parent in vars(node)["_parents"].values()]


class CallbacksKind(_PartlyKind):
    """Who listens to what: methods are told by function and object, as they are held weakly."""

    name = "callbacks"
    hashes = True  # the functions, when they are registered
    apart = frozenset({"callbacks", "_func_cid_map", "_cid_gen", "_signals", "_pickled_cids"})
    otherwise = "callbacks were registered or removed"

    def told(self, value: Any) -> Sequence[object]:
        """Tell the next number, then signal, number and function of each that is registered."""
        held = self.layout.dict_of(value)
        signals = held.get("_signals")
        told: list[object] = [
            repr(held["_cid_gen"]),
            None if signals is None else repr(signals),
            repr(sorted(held["_pickled_cids"])),
        ]
        for signal, callbacks in held["callbacks"].items():
            for number, reference in callbacks.items():
                function = reference()
                if type(function) is MethodType:
                    told += [signal, number, _method(function), function.__self__, BOUND]
                elif function is not None:
                    told += [signal, number, function, None, None]
        return told

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare registering them, as unpickling does."""
        count, signals, pickled, *rest = told
        callbacks: dict[Any, dict[int, Any]] = {}
        for signal, number, function, owner, bound in _fives(rest):
            if type(owner) is not Lost and type(function) is not Lost:
                if bound == BOUND:
                    function = MethodType(_function(owner, function), owner)  # noqa: PLW2901
                callbacks.setdefault(signal, {})[number] = function
        state = {
            "callbacks": callbacks,
            "_func_cid_map": None,
            "_cid_gen": _number(count),
            "_signals": None if signals is None else literal_eval(signals),
            "_pickled_cids": set(literal_eval(pickled)),
        }

        def commit() -> object:
            displaced = dict(self.layout.dict_of(value))
            self.base.__setstate__(value, state)
            return displaced

        return commit


BOUND = "bound"
"""Tells a method from a function that takes the place of one."""


def _method(method: Any) -> Any:
    """Give the name of a method in its class; the function, if that has it not by its name."""
    function, owner = method.__func__, method.__self__
    name = getattr(function, "__name__", None)
    return name if type(name) is str and _function(owner, name) is function else function


def _function(owner: Any, named: Any) -> Any:
    """Give the function that a class has by a name; a function itself as it is."""
    if type(named) is not str:
        return named
    return next((d[named] for d in map(class_dict, mro_of(type(owner))) if named in d), None)


def _fives(parts: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (parts[i : i + 5] for i in range(0, len(parts), 5))


class AxesKind(_PartlyKind):
    """Axes: attributes, and the axes that they share an axis with, which only a class knows."""

    name = "axes"
    otherwise = "the axes that it is shared with changed"

    def told(self, value: Any) -> Sequence[object]:
        """Tell, for each way of sharing, its name, how many share, and these."""
        told: list[object] = []
        for name, group in _groups(value):
            siblings = group.get_siblings(value)
            if len(siblings) > 1:
                told += [name, len(siblings), *siblings]
        return told

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare sharing with these, and with no others."""
        shared: dict[str, Sequence[Any]] = {}
        waiting = list(told)
        while waiting:
            name, count = waiting[:2]
            shared[name] = waiting[2 : 2 + count]
            del waiting[: 2 + count]

        def commit() -> object:
            for name, group in _groups(value):
                siblings = shared.get(name, ())
                if siblings or len(group.get_siblings(value)) > 1:
                    for one in [value, *siblings]:
                        group.remove(one)
                    group.join(*(siblings or [value]))
            return None

        return commit

    def compare(
        self,
        old: Sequence[Any],
        new: Sequence[Any],
        before_of: ContentOf,
        after_of: ContentOf,
    ) -> str:
        """Tell how many artists there are, and the title."""
        before, after = self._named(old[: _end(old)]), self._named(new[: _end(new)])
        counts = [_length(before, before_of), _length(after, after_of)]
        titles = [_title(before, before_of), _title(after, after_of)]
        said = []
        if counts[0] != counts[1]:
            said.append(f"{counts[0]} to {counts[1]} artists")
        if titles[0] != titles[1]:
            said.append(f"title {titles[0]!r} to {titles[1]!r}")
        return ", ".join(said)


def _length(named: Mapping[Any, Any], content_of: ContentOf) -> int:
    children = named.get("_children")
    content = content_of(children) if type(children) is Node else None
    return 0 if content is None else len(content.flat())


def _title(named: Mapping[Any, Any], content_of: ContentOf) -> object:
    title = named.get("title")
    content = content_of(title) if type(title) is Node else None
    slots = () if content is None else content.flat()
    texts = (slots[i + 1] for i, slot in enumerate(slots) if type(slot) is str and slot == "_text")
    return next(texts, "")


def _groups(value: Any) -> Iterator[tuple[str, Any]]:
    yield from type(value)._shared_axes.items()  # noqa: SLF001  the getters give views of these
    yield "twinned", type(value)._twinned_axes  # noqa: SLF001


class GrouperKind(_PartlyKind):
    """Groups of artists: who is in which, in order."""

    name = "groups"
    hashes = True
    apart = frozenset({"_mapping", "_ordering"})
    otherwise = "who belongs together changed"

    def told(self, value: Any) -> Sequence[object]:
        """Tell the length of each group, and its members."""
        return [part for group in list(value) for part in (len(group), *group)]

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare joining them."""
        groups, waiting = [], list(told)
        while waiting:
            count = waiting.pop(0)
            groups.append(waiting[:count])
            del waiting[:count]

        def commit() -> object:
            held = self.layout.dict_of(value)
            displaced, left = dict(held), {k: v for k, v in held.items() if k not in self.apart}
            self.base.__init__(value)
            for group in groups:
                self.base.join(value, *group)
            held.update(left)
            return displaced

        return commit


class AxesStackKind(_PartlyKind):
    """The axes of a figure, and the order in which they were current."""

    name = "axes of a figure"
    apart = frozenset({"_counter"})

    def told(self, value: Any) -> Sequence[object]:
        """Tell the counter."""
        return [repr(self.layout.dict_of(value)["_counter"])]

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:
        """Prepare setting the counter."""
        state = {**dict(zip(own[::2], own[1::2], strict=True)), "_counter": _number(told[0])}

        def commit() -> object:
            self.base.__setstate__(value, state)
            return None

        return commit


class ComputedKind(_PartlyKind):
    """What was computed with an object of C++'s, which is done without, as after unpickling."""

    name = "computed"
    apart = frozenset({"_contour_generator", "_cpp_triangulation"})
    otherwise = "nothing changed"

    def told(self, value: Any) -> Sequence[object]:  # noqa: ARG002
        """Tell nothing."""
        return []

    def plan_told(self, value: Any, own: Sequence[Any], told: Sequence[Any]) -> Commit:  # noqa: ARG002
        """Prepare having none, where there is none yet."""
        name = "_contour_generator" if "levels" in own[::2] else "_cpp_triangulation"
        return lambda: self.layout.dict_of(value).setdefault(name, None)


class RendererKind(Kind):
    """What a canvas was drawn with: size, and the picture."""

    name = "drawing"
    by_value = True

    def __init__(self, cls: type, _base: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.store = store

    def parts(self, value: Any) -> Sequence[object]:
        """Read the size, hash the picture."""
        with value.buffer_rgba() as view, view.cast("B") as memory:
            chunks = self.store.split(memory, 4)
        return [type(value), value.width, value.height, value.dpi, *chunks]

    def same(self, old: object, new: object) -> bool:
        """Compare sizes."""
        return isinstance(old, int | float) and isinstance(new, int | float) and old == new

    def needs(self, slots: Sequence[object]) -> int:  # noqa: ARG002
        """The size is given at birth."""
        return 4

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with nothing drawn, as unpickling does."""
        return parts[0](*parts[1:4])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The size can't be changed."""
        same_class = type(value) is self.cls
        return same_class and [value.width, value.height, value.dpi] == list(slots[1:4])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the picture."""
        chunks: list[Chunk] = list(parts[4:])

        def commit() -> object:
            with value.buffer_rgba() as view, view.cast("B") as memory:
                write_back(memory, chunks)
            return None

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell the size."""
        return f"drawing of {slots[1]:g} x {slots[2]:g}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that something was drawn."""
        return "it was drawn anew"


def _number(counter: str) -> int:
    """Read the next number of an `itertools.count` as it shows itself."""
    return int(counter.removeprefix("count(").removesuffix(")"))


def _animation(cls: type, base: type, store: ChunkStore) -> Kind:  # noqa: ARG001
    return ReferenceKind("an animation", resource=True)


_KINDS: dict[tuple[str, str], Callable[[type, type, ChunkStore], Kind]] = {
    ("matplotlib.transforms", "TransformNode"): TransformKind,
    ("matplotlib.cbook", "CallbackRegistry"): CallbacksKind,
    ("matplotlib.axes._base", "_AxesBase"): AxesKind,
    ("matplotlib.cbook", "Grouper"): GrouperKind,
    ("matplotlib.figure", "_AxesStack"): AxesStackKind,
    ("matplotlib.contour", "ContourSet"): ComputedKind,
    ("matplotlib.tri._triangulation", "Triangulation"): ComputedKind,
    ("matplotlib.backends.backend_agg", "RendererAgg"): RendererKind,
    ("matplotlib.animation", "Animation"): _animation,
}
"""(module, name) of a class -> kind for it and what derives from it; what was not imported stays
so."""
