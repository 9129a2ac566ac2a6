"""Tells which variables a cell can have touched: from its code, and from the code that it can call.

It may say too much, but not too little, as far as code can be read: names that go through the view,
names in the cell's code, and in that of every function of the notebook that is reached from them.
Code that can look up names at run time (`eval`, `globals`, the shell, ...) touches everything.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Mapping
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any

from cowtm.kinds.modules import module_behind
from cowtm.native import REFERENCE, Node, TrackingNamespace, code_names

EVERYTHING = frozenset(
    {
        *("eval", "exec", "globals", "locals", "vars", "breakpoint", "pdb", "runpy", "inspect"),
        *("__main__", "modules", "import_module", "__import__", "__globals__"),
        *("f_globals", "f_locals", "f_back", "_getframe"),
        *("get_ipython", "user_ns", "user_global_ns", "user_module"),
        *("get_objects", "get_referrers", "get_referents", "ctypes"),
    }
)
"""Code that names one of these may touch any variable."""

CODES = 1_000
"""Code objects whose names are kept at hand."""

_CODE_OF: dict[int, str] = {
    id(FunctionType): "__code__",
    id(GeneratorType): "gi_code",
    id(CoroutineType): "cr_code",
    id(AsyncGeneratorType): "ag_code",
}
"""Where an object that runs keeps its code, by the type's address: a type may refuse to hash."""

_module_dict: Any = vars(ModuleType)["__dict__"].__get__


class Touch:
    """Tells which variables of one namespace can have been touched.

    Args:
        home: the namespace, a real dict.
        variables: the names that are recorded.

    """

    def __init__(self, home: dict[str, Any], variables: Mapping[str, object]) -> None:
        self._home = home
        self._variables = variables
        self._codes: dict[int, tuple[CodeType, frozenset[str]]] = {}

    def by_cells(self, view: TrackingNamespace) -> set[str]:
        """Return the names that the cells noted by a view can have touched themselves."""
        touched = set(view.names)
        for code in view.codes:
            touched |= self._names_of(code)
        if view.everything or not EVERYTHING.isdisjoint(touched):
            touched.update(self._variables)
        return touched

    def by_code_of(self, node: Node) -> Collection[str]:
        """Return the names that the code of a function or generator can touch."""
        return self._in_home(node.object)

    def by_name(self, name: str) -> Collection[str]:
        """Return what else can be touched through the object that a name is bound to.

        That is everything, if it leads to the namespace itself; and if it is a function that is not
        recorded (a library's, or a script's), the variables that its code names too. And what the
        module holds that its code is in, if that is the user's own.
        """
        value = self._home.get(name)
        module = binding_of(module_behind(value))
        if module in self._variables:
            return [module, *self._by_value(name, value)]
        return self._by_value(name, value)

    def _by_value(self, name: str, value: object) -> Collection[str]:
        if value is self._home:
            return list(self._variables)
        if issubclass(type(value), ModuleType):  # isinstance would ask the object
            return list(self._variables) if _module_dict(value) is self._home else ()
        slot = self._variables.get(name)
        if type(slot) is not Node:
            return self._in_home(value)
        if slot.kind.code != REFERENCE:
            return ()
        held = gc.get_referents(value)
        held += [one for some in held if type(some) is dict for one in some.values()]
        return list(self._variables) if _holds(held, self._home) else ()

    def _in_home(self, value: object) -> Collection[str]:
        attribute = _CODE_OF.get(id(type(value)))
        if attribute is None:
            return ()
        names = self._names_of(getattr(value, attribute))
        if not EVERYTHING.isdisjoint(names) or self._encloses_home(value):
            return list(self._variables)
        return [name for name in names if name in self._home]

    def _encloses_home(self, value: object) -> bool:
        cells = getattr(value, "__closure__", None) or ()
        return _holds((held for cell in cells for held in gc.get_referents(cell)), self._home)

    def _names_of(self, code: CodeType) -> frozenset[str]:
        known = self._codes.get(id(code))
        if known is None:
            if len(self._codes) >= CODES:
                self._codes.clear()
            known = code, code_names(code)
            self._codes[id(code)] = known
        return known[1]


def binding_of(module: str) -> str:
    """Return what a state binds a module to that code of its own leads to, if no variable does."""
    return f"<module {module}>"


def _holds(held: Iterable[object], wanted: object) -> bool:
    return any(one is wanted for one in held)
