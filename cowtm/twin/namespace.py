"""A view of the user's namespace that notes which names go through it, and who runs cells on it.

A cell runs with the real namespace, *home*, as its globals and with the view as its locals.
So names at the top level go through the view, while functions keep an exact dict as their globals
and with it their speed.
What is noted only prunes later work and never decides what changed: it may say too much
(`TrackingNamespace.everything`) but not too little.

The view's own storage holds one entry, ``__builtins__``, and nothing else.
C code that never asks the methods of a dict subclass reads the storage: `json` takes an empty one
for ``{}``, and the interpreter looks for the builtins of ``exec(source, locals())`` there.
The same kind of code may write there (the ``global`` statement of a function made by such an
`exec`), so every operation first carries such strays over to home.
"""

# ruff: noqa: SLF001 -- a runner is a friend of its view

from __future__ import annotations

import builtins
import sys
from inspect import CO_OPTIMIZED
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Self, final

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
    from types import FrameType

_MISSING: Final = object()
_BUILTINS: Final = "__builtins__"
_own_length: Final = dict.__len__


@final
class TrackingNamespace(dict[Any, Any]):
    """A view of `home` that notes which names go through it.

    It behaves as `home` does, but for one thing: a subscript with a name that `home` lacks gives
    the builtin of that name, if there is one.
    That is what the interpreter would look up next, and much slower after a `KeyError`.
    These are the builtins that `home` named when the cell began, as for a frame.

    Thread-safety: as a dict's; a name noted while another thread calls `reset` may be forgotten.
    """

    __slots__ = ("_builtins", "_codes", "_everything", "_home", "_names")

    _builtins: object
    _codes: list[CodeType]
    _everything: bool
    _home: dict[Any, Any]
    _names: set[str]

    def __new__(cls, home: dict[str, Any]) -> Self:
        """Make a view of `home`, which must be exactly a dict."""
        if type(home) is not dict:
            raise TypeError(f"home must be exactly a dict, not {type(home).__name__}")
        view = super().__new__(cls)
        view._home = home
        view._names = set()
        view._codes = []
        view._everything = False
        view._take_builtins()
        return view

    def __init__(self, home: dict[str, Any]) -> None:
        """Write nothing to the own storage, as dict's would."""

    @property
    def home(self) -> dict[str, Any]:
        """The dict that the view shows."""
        self._carry_over()
        return self._home

    @property
    def names(self) -> frozenset[str]:
        """Names read, written, deleted or asked for since the last reset."""
        self._carry_over()
        return frozenset(self._names)

    @property
    def codes(self) -> tuple[CodeType, ...]:
        """Code objects that a `CellRunner` ran on the view since the last reset."""
        return tuple(self._codes)

    @property
    def everything(self) -> bool:
        """Whether names that are not in `names` may have been used too."""
        self._carry_over()
        return self._everything

    def reset(self) -> None:
        """Forget what was noted so far."""
        self._carry_over()
        self._names = set()
        self._codes = []
        self._everything = False

    def __getitem__(self, key: Any) -> Any:
        self._begin(key)
        value = self._home.get(key, _MISSING)
        if value is _MISSING and type(key) is str and type(self._builtins) is dict:
            value = self._builtins.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._begin(key)
        self._home[key] = value

    def __delitem__(self, key: Any) -> None:
        self._begin(key)
        del self._home[key]

    def __contains__(self, key: object) -> bool:
        self._begin(key)
        return key in self._home

    def __len__(self) -> int:
        self._carry_over()
        return len(self._home)

    def __iter__(self) -> Iterator[Any]:
        self._begin_with_everything()
        return iter(self._home)

    def __reversed__(self) -> Iterator[Any]:
        self._begin_with_everything()
        names: Iterator[Any] = reversed(self._home)
        return names

    def __repr__(self) -> str:
        self._begin_with_everything()
        return repr(self._home)

    def __eq__(self, other: object) -> Any:
        return _operand(self) == _operand(other)

    def __ne__(self, other: object) -> Any:
        return _operand(self) != _operand(other)

    __hash__ = None  # as dict's: there is none

    def __or__(self, other: Any) -> Any:
        return _operand(self) | _operand(other)

    def __ror__(self, other: Any) -> Any:
        return _operand(other) | _operand(self)

    def __ior__(self, other: Any) -> Self:
        home = _operand(self)
        home |= _operand(other)
        return self

    def get(self, key: Any, default: Any = None, /) -> Any:
        """As dict.get of home."""
        self._begin(key)
        return self._home.get(key, default)

    def setdefault(self, key: Any, default: Any = None, /) -> Any:
        """As dict.setdefault of home."""
        self._begin(key)
        return self._home.setdefault(key, default)

    def pop(self, key: Any, /, *default: Any) -> Any:
        """As dict.pop of home."""
        self._begin(key)
        return self._home.pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """As dict.popitem of home."""
        self._carry_over()
        item = self._home.popitem()
        self._begin(item[0])
        return item

    def keys(self) -> KeysView[Any]:  # type: ignore[override]
        """As dict.keys of home."""
        self._begin_with_everything()
        return self._home.keys()

    def items(self) -> ItemsView[Any, Any]:  # type: ignore[override]
        """As dict.items of home."""
        self._begin_with_everything()
        return self._home.items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """As dict.values of home."""
        self._begin_with_everything()
        return self._home.values()

    def update(self, *others: Any, **named: Any) -> None:
        """As dict.update of home."""
        self._begin_with_everything()
        self._home.update(*others, **named)

    def clear(self) -> None:
        """As dict.clear of home, for code that runs in it.

        A library that looks at the variables of who called it, as numexpr does, clears them in the
        end if they are not the globals: it takes them for a copy.
        """
        if sys._getframe(1).f_globals is not self._home:
            return
        self._begin_with_everything()
        self._home.clear()

    def copy(self) -> dict[Any, Any]:
        """Give a plain dict with the items of home."""
        self._begin_with_everything()
        return self._home.copy()

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], value: Any = None, /) -> dict[Any, Any]:
        """As dict.fromkeys: a plain dict."""
        return dict.fromkeys(iterable, value)

    __copy__ = copy

    def __reduce_ex__(self, _protocol: object, /) -> tuple[Any, ...]:
        # Items come last, after the new dict is known: it may hold itself (`ns = locals()`).
        return dict, (), None, None, iter(self.items())

    def _begin(self, key: object) -> None:
        if _own_length(self) != 1:
            self._carry_over()
        if type(key) is str:
            self._names.add(key)
        else:
            self._everything = True

    def _begin_with_everything(self) -> None:
        self._everything = True
        self._carry_over()

    def _take_builtins(self) -> None:
        """Take home's builtins, or else the interpreter's, as a frame does when it begins."""
        found = self._home.get(_BUILTINS, builtins.__dict__)
        dict.__setitem__(self, _BUILTINS, found)
        # Anything but an exact dict is left to the interpreter, which asks it after a KeyError.
        self._builtins = found.__dict__ if isinstance(found, ModuleType) else found

    def _carry_over(self) -> None:
        """Move what was written to the own storage, behind the view's back, to home."""
        if _own_length(self) == 1:
            return
        strays = list(dict.items(self))
        dict.clear(self)
        self._take_builtins()
        for key, value in strays:
            if type(key) is str and key == _BUILTINS:
                continue
            self._begin(key)
            self._home[key] = value


@final
class CellRunner:
    """Stands in for the builtin `exec` or `eval` and runs cells on a `TrackingNamespace`.

    A call with a code object and `view.home` as globals and locals notes the code and runs it with
    the view as its locals; any other call is that of the builtin.
    Tracebacks are those of the builtin: this object's frame takes itself out of them.
    """

    __slots__ = ("_builtin", "_view")

    def __init__(self, builtin: Callable[..., Any], view: TrackingNamespace) -> None:
        if type(view) is not TrackingNamespace:
            raise TypeError(f"view must be a TrackingNamespace, not {type(view).__name__}")
        self._builtin = builtin
        self._view = view

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run a cell on the view, or do what the builtin does."""
        __tracebackhide__ = True  # IPython's debugger passes over such a frame
        view = self._view
        match arguments:
            case (CodeType() as code, names, local_names, *others) if local_names is view._home:
                view._codes.append(code)
                if names is local_names:
                    view._take_builtins()
                    arguments = (code, names, view, *others)
                else:  # an embedded shell: the view would find builtins before these globals
                    view._everything = True
            case (_, *_):
                caller = sys._getframe(1)
                arguments, keywords = _with_namespaces(arguments, keywords, caller)
        try:
            return self._builtin(*arguments, **keywords)
        except BaseException as error:
            _drop_first_frame(error)
            raise
        finally:
            view._carry_over()


def code_names(code: CodeType, /) -> frozenset[str]:
    """Give the names that `code` and the code nested in it may read or write as globals.

    The names of attributes are among them: the interpreter keeps both in one table.
    """
    if not isinstance(code, CodeType):
        raise TypeError(f"code must be a code object, not {type(code).__name__}")
    names: set[str] = set()
    pending = [code]
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(names)


def _operand(value: Any) -> Any:
    """Give what stands for `value` in an operator: home, if it is a view."""
    if type(value) is not TrackingNamespace:
        return value
    value._begin_with_everything()
    return value._home


def _with_namespaces(
    arguments: tuple[Any, ...], keywords: dict[str, Any], caller: FrameType
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Fill in the namespaces that the builtin would take from the frame that calls it."""
    source, global_names, local_names, *_ = (*arguments, None, None)
    if keywords.get("globals", global_names) is not None:
        return arguments, keywords
    local_names = keywords.get("locals", local_names)
    if local_names is None:
        local_names = _local_names(caller)
    if "globals" in keywords:
        return arguments, {**keywords, "globals": caller.f_globals, "locals": local_names}
    if "locals" in keywords:
        return (source, caller.f_globals), {**keywords, "locals": local_names}
    return (source, caller.f_globals, local_names, *arguments[3:]), keywords


def _local_names(frame: FrameType) -> Any:
    """Give what `locals()` gives in `frame`."""
    names: Any = frame.f_locals
    if frame.f_code.co_flags & CO_OPTIMIZED and not isinstance(names, dict):
        return dict(names)  # since Python 3.13 `names` writes to the variables, as locals() doesn't
    return names


def _drop_first_frame(error: BaseException) -> None:
    # A function of its own: a traceback in a local of the frame that it shows would be a cycle.
    traceback = error.__traceback__
    if traceback is not None:
        error.__traceback__ = traceback.tb_next
