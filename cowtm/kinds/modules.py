"""The user's own modules, those in files below the notebook's folder: the data that they hold.

A module is one object for ever, never copied nor rebuilt: travelling puts the names in it back.
Its code is not part of a state: a function or class that the module has anew, because its file was
edited, stays. With an edit that is loaded a module begins anew, and nothing from before is put into
it: what its code needs now could be missing in it.

A module that was made by hand has no file, so its code is part of a state.

Of Python's built-in names those are recorded that are not as they were: `builtins.print = ...`.
"""

from __future__ import annotations

import builtins
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from operator import is_
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, cast

from cowtm.errors import CannotRestore
from cowtm.kinds.base import ByValue, Commit, ContentOf, Kind, differ, name_of
from cowtm.native import SELECT, UNSET

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders that hold what is not the user's own, also below the notebook's."""


_PLACES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
"""Where Python keeps its own modules and those that are installed."""


class ModuleChoice(Kind):
    """Tells the user's own modules from those of libraries.

    Args:
        home: the namespace of the notebook, a module of its own.
        folder: the notebook's, None if there is none: then no module is recorded.

    """

    name = "module"
    code = SELECT

    def __init__(self, home: dict[str, Any], folder: Path | None) -> None:
        self._home = home
        self._folder = folder
        self._known: dict[str, bool] = {}
        self._kind = ModuleKind(home, lambda module: self.select(module) is not None)
        self.tracked = self._kind

    def select(self, value: Any) -> Kind | None:
        """A module is recorded when its file is Python below the folder, and is not installed.

        So is the one of Python's built-in names, and one that was made by hand.
        """
        names = _names_of(value)
        if names is _BUILTINS or _is_made_by_hand(value, names):
            return self.tracked
        file = names.get("__file__")
        if type(file) is not str or names is self._home or self._folder is None:
            return None
        own = self._known.get(file)
        if own is None:
            name = str(names.get("__name__"))
            own = self._known[file] = self._is_own(Path(file), name, self._folder)
        return self.tracked if own else None

    def loaded(self) -> dict[str, Loaded]:
        """Tell of the user's own modules that are loaded from files, by name."""
        below = str(self._folder)
        found: dict[str, Loaded] = {}
        for name, module in sys.modules.copy().items():
            if type(module) is ModuleType:
                file = _names_of(module).get("__file__")
                # most are not: a glance at the text is a tenth of the work
                if type(file) is str and file.startswith(below) and self.select(module) is not None:
                    found[name] = Loaded(module, self._kind.is_edited(module))
        return found

    def _is_own(self, file: Path, name: str, folder: Path) -> bool:
        if file.suffix != ".py" or name.partition(".")[0] in ("cowtm", "__main__"):
            return False
        if not file.is_relative_to(folder) or not INSTALLED.isdisjoint(file.parts):
            return False
        return not any(file.is_relative_to(place) for place in _PLACES)


def _is_made_by_hand(module: Any, names: dict[str, Any]) -> bool:
    """Tell what `types.ModuleType` made from what was imported."""
    name = names.get("__name__")
    if names.get("__spec__") is not None or "__file__" in names or type(name) is not str:
        return False
    return type(module) is ModuleType and sys.modules.get(name) is None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module that is loaded."""

    module: ModuleType
    is_edited: bool
    """Whether its source is another by now."""

    @property
    def root(self) -> str:
        """The folder that it is imported from."""
        file = Path(str(self.module.__file__))
        levels = self.module.__name__.count(".") + (file.name == "__init__.py")
        return str(file.parents[levels]) if levels < len(file.parents) else ""


class Definition(ByValue):
    """A function, class or module by its name: whichever version of it there is.

    Args:
        module: the name of the module.
        name: what it is called there; nothing for the module itself.
        value: the object, in the process that has it.

    """

    __slots__ = ("module", "name", "value")

    def __init__(self, module: str, name: str, value: object = UNSET) -> None:
        self.module = module
        self.name = name
        self.value = value

    def matches(self, other: Any) -> bool:
        """Tell whether two are versions of one."""
        return isinstance(other, Definition) and (self.module, self.name) == (
            other.module,
            other.name,
        )

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle the names: in another process it may be another version, or gone."""
        return Definition, (self.module, self.name)

    def find(self) -> object:
        """Return the object; UNSET if there is none of that name."""
        found: Any = self.value if self.value is not UNSET else sys.modules.get(self.module, UNSET)
        if self.value is UNSET and found is not UNSET and self.name:
            for name in self.name.split("."):
                found = getattr(found, name, UNSET)
        return found


_BUILTINS: dict[str, Any] = vars(builtins)
_ORIGINAL = dict(_BUILTINS)
_OF_SHELLS = frozenset({"_", "display", "exit", "get_ipython", "input", "quit"})
"""Built-in names that shells set, and take away, as they please."""

_CODE = (Definition, FunctionType, BuiltinFunctionType, type, ModuleType)
"""Types of what is code rather than data."""


class ModuleKind(Kind):
    """A module: its name, a digest of its source, then names and values.

    Args:
        home: the namespace of the notebook, whose functions and classes are recorded.
        is_own: tells modules that are recorded themselves.

    """

    name = "module"
    keep = True
    by_value = True

    def __init__(self, home: dict[str, Any], is_own: Callable[[Any], bool]) -> None:
        self._home = home
        self._is_own = is_own
        self._digests: dict[int, tuple[object, str]] = {}

    def parts(self, value: Any) -> Sequence[object]:
        """Read the names, but for those that Python keeps itself."""
        names = _names_of(value)
        parts: list[object] = [names["__name__"], self._digest(names)]
        if names is _BUILTINS:
            names = changed_builtins()
        for name, held in names.copy().items():
            if type(name) is str and name.isidentifier() and not _is_special(name):
                parts += (name, held if parts[1] == MADE_BY_HAND else self._defined(held))
        return parts

    def _defined(self, value: Any) -> object:
        """Return what stands for a value: code is no data, it is known by its name."""
        cls = type(value)
        if cls is FunctionType:
            module, name = value.__module__, value.__qualname__
        elif issubclass(cls, type):
            module, name = name_of(value)
        elif cls is ModuleType and not self._is_own(value):
            module, name = _names_of(value).get("__name__"), ""
        else:
            return value
        # what a function made, and a lambda, are not found by their names
        if type(module) is not str or "<" in name or module == self._home.get("__name__"):
            return value
        return Definition(module, name, value)

    def _digest(self, names: dict[str, Any]) -> str:
        """Return what the source was when the module was loaded the last time, in short."""
        spec = names.get("__spec__")  # loading makes a new one
        if spec is None:
            return MADE_BY_HAND
        known = self._digests.get(id(spec))
        if known is None:
            known = self._digests[id(spec)] = spec, _digest_of(names)
        return known[1]

    def is_edited(self, value: Any) -> bool:
        """Tell whether the source is another by now than when the module was loaded."""
        names = _names_of(value)
        return self._digest(names) != _digest_of(names)

    def same(self, old: object, new: object) -> bool:
        """Compare names, and definitions by theirs."""
        if isinstance(old, Definition):
            return old.matches(new)
        return type(old) is type(new) is str and old == new

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Import the module."""
        if slots[1] == MADE_BY_HAND:
            return ModuleType(slots[0])
        return module_again(slots[0])

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Leave it as it is, if it was imported: it belongs to the present."""
        if parts[1] == MADE_BY_HAND:
            super().fill(value, parts)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare putting the names back, unless the source is another by now."""
        names = _names_of(value)
        if self._digest(names) != parts[1]:
            return list
        wanted = dict(zip(parts[2::2], parts[3::2], strict=True))
        own = self.parts(value)
        now: dict[Any, Any] = dict(zip(own[2::2], own[3::2], strict=True))

        def commit() -> object:
            displaced = dict(names)
            if names is _BUILTINS:
                reset_builtins()
                now.clear()
            for name, held in now.items():
                is_code = parts[1] != MADE_BY_HAND and issubclass(type(held), _CODE)
                if name not in wanted and not is_code:
                    del names[name]
            for name, held in wanted.items():
                if held is UNSET:
                    names.pop(name, None)
                elif type(held) is not Definition:
                    names[name] = held
                elif not held.matches(now.get(name)) and (found := held.find()) is not UNSET:
                    names[name] = found
            return displaced

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Give its name."""
        return f"module {slots[0]}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Name the variables that changed in it."""
        before, after = (dict(zip(side[2::2], side[3::2], strict=True)) for side in (old, new))
        names = [
            name
            for name in {**before, **after}
            if name not in before or name not in after or differ(before[name], after[name])
        ]
        return f"{', '.join(names[:3])}{', ...' * (len(names) > 3)} changed"  # noqa: PLR2004


MADE_BY_HAND = "made by hand"
"""What stands for the source of a module that has none."""


def _digest_of(names: dict[str, Any]) -> str:
    """Return what the source of a module is now, in short."""
    try:
        source = Path(names["__file__"]).read_bytes()
    except (OSError, KeyError):  # the file is gone; built-in names have none
        source = b""
    return hashlib.blake2b(source).hexdigest()[:16]


def changed_builtins() -> dict[str, object]:
    """Return the built-in names that are not what they were; UNSET for one that was deleted."""
    return _BUILT_IN.changed()


class _BuiltIn:
    """Watches Python's built-in names: one for the process, as they are.

    It is asked after every cell, and most often all is as it was when it was asked last.
    """

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._changed: dict[str, object] = {}

    def changed(self) -> dict[str, object]:
        seen = self._seen
        if len(seen) != len(_BUILTINS) or not all(map(is_, _BUILTINS.values(), seen)):
            self._seen = tuple(_BUILTINS.values())
            self._changed = self._find()
        return dict(self._changed)

    def _find(self) -> dict[str, object]:
        changed = {
            name: held
            for name, held in _BUILTINS.copy().items()
            if _ORIGINAL.get(name, UNSET) is not held
        }
        changed.update((name, UNSET) for name in _ORIGINAL if name not in _BUILTINS)
        return {
            name: held
            for name, held in changed.items()
            if name not in _OF_SHELLS and not _is_special(name)
        }


_BUILT_IN = _BuiltIn()


def reset_builtins() -> None:
    """Make all built-in names what they were."""
    for name in changed_builtins():
        if name in _ORIGINAL:
            _BUILTINS[name] = _ORIGINAL[name]
        else:
            del _BUILTINS[name]


def folder_here() -> Path | None:
    """Return the folder that the notebook is run in; None if it is gone."""
    try:
        return Path.cwd()
    except OSError:
        return None


def module_again(name: str) -> Any:
    """Import a module that a state of another process holds.

    Raises:
        CannotRestore: there is none of that name here.

    """
    try:
        return import_module(name)
    except Exception as error:
        msg = (
            f"the module {name!r}, which the state holds, can't be imported here "
            f"({type(error).__name__}: {error}); start where its file is found"
        )
        raise CannotRestore(msg) from error


def module_behind(value: object) -> str:
    """Return the name of the module that an object's code is in: a function's, a class's, its own.

    The objects of classes that a module defines may change what it holds. Nothing for those of
    built-in types.
    """
    cls: Any = type(value)
    if cls is FunctionType:
        module = _module_of.__get__(value)
        return module if type(module) is str else ""
    module = name_of(cast("type", value) if issubclass(cls, type) else cls)[0]
    return "" if module == "builtins" else module


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


_module_dict: Any = vars(ModuleType)["__dict__"]
_names_of = _module_dict.__get__
_module_of: Any = FunctionType.__dict__["__module__"]


def is_installed(name: str) -> bool:
    """Tell Python's own modules and those of libraries from the user's, by name."""
    if name.partition(".")[0] in ("", "__main__", "builtins"):
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    return type(file) is not str or any(file.startswith(place) for place in _PLACES)
