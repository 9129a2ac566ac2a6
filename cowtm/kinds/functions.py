"""Functions and what is made of them: closure cells, methods, partials, properties.

A function is its code, defaults, attributes and closure cells; never its globals, which are and
stay the namespace itself.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Sequence
from types import CellType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    Layout,
    class_dict,
    differ,
    mro_of,
    resolved,
)
from cowtm.kinds.reference import Lost
from cowtm.native import SELECT, UNSET


class FunctionChoice(Kind):
    """Tells functions of the user, which are recorded, from those of libraries, which are not."""

    name = "function"
    code = SELECT

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = home
        self.tracked = FunctionKind()

    def select(self, value: Any) -> Kind | None:
        """A function of the namespace or made inside another function is recorded.

        One that a library made and gave the name of one of the namespace is one of these too.
        """
        if value.__globals__ is self._home or "<locals>" in value.__qualname__:
            return self.tracked
        module = value.__module__
        if value.__closure__ and type(module) is str and module == self._home.get("__name__"):
            return self.tracked
        return None


_FIELDS = (
    "__code__",
    "__name__",
    "__qualname__",
    "__module__",
    "__doc__",
    "__defaults__",
    "__kwdefaults__",
    "__annotations__",
    "__type_params__",
)


class Globals(ByValue):
    """The globals of a function, a leaf: they are a namespace of their own, not part of it."""

    __slots__ = ("names",)

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def matches(self, other: Any) -> bool:
        """Tell whether it is the same namespace."""
        return bool(self.names is other.names)


class FunctionKind(Kind):
    """A function: globals, number of cells, cells, fields, attributes."""

    name = "function"
    follow = True
    called = True

    def __init__(self) -> None:
        self._globals: dict[int, Globals] = {}

    def globals_of(self, names: dict[str, Any]) -> Globals:
        """Give one leaf for each namespace, the same at each reading."""
        known = self._globals.get(id(names))
        if known is None:
            known = self._globals[id(names)] = Globals(names)
        return known

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it; annotations and attributes that are empty stay untouched."""
        cells = _closure.__get__(value) or ()
        return [
            self.globals_of(_globals.__get__(value)),
            len(cells),
            *cells,
            *(getattr(value, field, UNSET) for field in _FIELDS),
            *_attributes.read(value),
        ]

    def needs(self, slots: Sequence[Any]) -> int:
        """The cells are given at birth."""
        cells: int = slots[1]
        return 2 + cells + 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it with its code and cells."""
        count = parts[1]
        code = parts[2 + count]
        closure = tuple(parts[2 : 2 + count]) or None
        # Its globals may be of a process that is gone: then it finds no names, and says so.
        names = parts[0].names if type(parts[0]) is Globals else {}
        return FunctionType(code, names, closure=closure)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The cells can't be changed, nor their number."""
        cells = _closure.__get__(value) or ()
        return len(cells) == slots[1] and all(
            resolved(slot) is cell
            for slot, cell in zip(slots[2 : 2 + slots[1]], cells, strict=True)
        )

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing fields and attributes."""
        start = 2 + parts[1]
        end = start + len(_FIELDS)
        fields = list(zip(_FIELDS, parts[start:end], strict=True))
        attributes = _attributes.plan(value, parts[end:])

        def commit() -> object:
            displaced: list[object] = []
            for field, new in fields:
                old = getattr(value, field, UNSET)
                if old is not new and new is not UNSET:
                    displaced.append(old)
                    setattr(value, field, new)
            return displaced, attributes()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Give its name."""
        return f"function {slots[3 + slots[1]]}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the fields that changed."""
        named = [
            field.strip("_")
            for i, field in enumerate(_FIELDS)
            if differ(old[2 + old[1] + i], new[2 + new[1] + i])
        ]
        return f"function's {', '.join(named)} changed" if named else "its attributes changed"


_globals: Any = FunctionType.__dict__["__globals__"]
_closure: Any = FunctionType.__dict__["__closure__"]
_attributes = Layout(FunctionType)


class CellKind(Kind):
    """A closure cell: its value."""

    name = "closure cell"
    called = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read the value."""
        try:
            return [value.cell_contents]
        except ValueError:
            return [UNSET]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty cell."""
        return CellType()

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the value."""
        new = parts[0]

        def commit() -> object:
            displaced = self.parts(value)[0]
            if new is not UNSET:
                value.cell_contents = new
            elif displaced is not UNSET:
                del value.cell_contents
            return displaced

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that the value changed."""
        return "a closure's variable changed"


class MethodKind(Kind):
    """A bound method: function and object."""

    name = "bound method"
    frozen = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read function and object."""
        return [value.__func__, value.__self__]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Bind anew."""
        return MethodType(parts[0], parts[1])


class BuiltinChoice(Kind):
    """Tells built-in methods of objects (`data.append`) from functions of modules."""

    name = "built-in method"
    code = SELECT

    def __init__(self) -> None:
        self.tracked = BuiltinMethodKind()

    def select(self, value: Any) -> Kind | None:
        """A method bound to an object is recorded with it.

        Others may have an object too: what compiled them keeps something of its own there.
        """
        owner = value.__self__
        if owner is None or issubclass(type(owner), type) or type(owner) is ModuleType:
            return None
        is_method = any(value.__name__ in class_dict(base) for base in mro_of(type(owner)))
        return self.tracked if is_method else None


class BuiltinMethodKind(Kind):
    """A built-in method bound to an object: name and object."""

    name = "built-in method"
    frozen = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read name and object."""
        return [value.__name__, value.__self__]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Bind anew; the method of something lost is lost with it."""
        if isinstance(parts[1], Lost):
            return parts[1]
        return object.__getattribute__(parts[1], parts[0])


class PartialKind(Kind):
    """functools.partial: class, function, arguments, keywords, attributes."""

    name = "partial"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it."""
        partial = functools.partial.__dict__
        return [
            type(value),
            *(partial[name].__get__(value) for name in ("func", "args", "keywords")),
            *self.layout.read(value),
        ]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Function and class must exist."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it without arguments."""
        return functools.partial.__new__(parts[0], parts[1])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:  # noqa: ARG002
        """The class must be the same."""
        return type(value) is self.cls

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing function, arguments, attributes."""
        state = (*parts[1:4], None)
        attributes = self.layout.plan(value, parts[4:])

        def commit() -> object:
            displaced = self.parts(value)
            mapping = self.layout.dict_of(value)
            functools.partial.__setstate__(value, (*state[:3], mapping))  # type: ignore[attr-defined]
            return displaced, attributes()

        return commit


class PropertyKind(Kind):
    """A property: class, functions, text, attributes if the class has any."""

    name = "property"

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.frozen = not self.layout.has_dict and not self.layout.members

    def parts(self, value: Any) -> Sequence[object]:
        """Read functions and attributes."""
        own = property.__dict__
        fields = (own[name].__get__(value) for name in ("fget", "fset", "fdel", "__doc__"))
        return [type(value), *fields, *self.layout.read(value)]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class, functions and text are given at birth."""
        return 5

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it anew, past the constructor of the class."""
        made = property.__new__(parts[0])
        property.__init__(made, *parts[1:5])
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The functions can't be changed."""
        now = self.parts(value)[:5]
        return all(resolved(s) is part for s, part in zip(slots, now, strict=False))

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[5:])


class WrapperKind(Kind):
    """staticmethod or classmethod: the function in it, attributes."""

    name = "method wrapper"
    called = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read the function and the attributes."""
        own: Any = staticmethod if issubclass(self.cls, staticmethod) else classmethod
        return [own.__dict__["__func__"].__get__(value), *self.layout.read(value)]

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """The function is given at birth."""
        return 1

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Wrap anew."""
        return self.cls(parts[0])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        return self.layout.plan(value, parts[1:])


class ViewKind(Kind):
    """dict.keys(), values(), items() kept in a variable: the dict behind."""

    name = "dict view"
    frozen = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Read the dict."""
        return gc.get_referents(value)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """View anew."""
        return {type({}.keys()): dict.keys, type({}.values()): dict.values}.get(
            self.cls, dict.items
        )(parts[0])


class ProxyChoice(Kind):
    """Tells read-only views of a dict, which are recorded, from those of a class's attributes."""

    name = "read-only view"
    code = SELECT

    def __init__(self) -> None:
        self.tracked = ProxyKind()

    def select(self, value: Any) -> Kind | None:
        """A view of a class belongs to the class."""
        (mapping,) = gc.get_referents(value)
        return None if type(mapping) is dict and "__module__" in mapping else self.tracked


class ProxyKind(Kind):
    """types.MappingProxyType: the mapping behind."""

    name = "read-only view"
    frozen = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read the mapping."""
        return gc.get_referents(value)

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """View anew."""
        return MappingProxyType(parts[0])


class SliceKind(Kind):
    """A slice of anything: start, stop, step."""

    name = "slice"
    frozen = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read its three."""
        return [value.start, value.stop, value.step]

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it anew."""
        return slice(*parts)
