"""Reads a page of which something can't be made here: that alone is left out, and says why.

A page is a pickle, and pickle gives up at the first object that can't be made: its class is in a
module that is not there, or its own code refuses. Here such an object is an `Unmade`, which knows
how it was to be made; so is what can't be made without it. The rest is as it was.

This is slow, as it is the reader of Python's that is written in Python: `pages.load` comes here
only when the fast one has given up.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import cloudpickle

from cowtm.errors import Damaged, NotHere
from cowtm.kinds.reference import Unmade, article

_Reader: Any = vars(pickle)["_Unpickler"]
"""Reads a pickle step by step; each step can be replaced."""

STATE, ITEMS, PAIRS, SETTER = 2, 3, 4, 5
"""Places in a recipe, as `object.__reduce__` has them."""


def load(
    data: bytes,
    named: Callable[[Any], Any],
    unmade: dict[Any, Unmade],
    lacks: dict[str, None],
) -> Any:
    """Read a pickle, whatever can't be made of what is in it.

    Args:
        data: the pickle.
        named: gives what a name stands for.
        unmade: name -> what is in place of what is not found by it; those that are met are added.
        lacks: takes why something can't be made, each reason once.

    Raises:
        Exception: it is no pickle, or is damaged.

    """
    return _Tolerant(io.BytesIO(data), named, unmade, lacks).load()


def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Make an object by the `__new__` of its class alone."""
    return cls.__new__(cls, *args, **kwargs)


class _Tolerant(_Reader):  # type: ignore[misc]
    """Reads on when a step fails."""

    def __init__(
        self,
        file: io.BytesIO,
        named: Callable[[Any], Any],
        unmade: dict[Any, Unmade],
        lacks: dict[str, None],
    ) -> None:
        super().__init__(file)
        self._named = named
        self._unmade = unmade
        self._lacks = lacks
        # By address: an object, kept alive, and the call that made it.
        self._calls: dict[int, tuple[Any, Any, tuple[Any, ...]]] = {}

    # -- what has a name -----------------------------------------------------------------------

    def find_class(self, module: str, name: str) -> Any:
        """Give what is found by its name."""
        try:
            return super().find_class(module, name)
        except _STOPS:
            raise
        except Exception as error:  # noqa: BLE001  to import a module runs its code
            known = "global", module, name
            unmade = self._lost(f"{module}.{name}", said(error), known)
            return self._unmade.setdefault(known, unmade)

    def persistent_load(self, pid: Any) -> Any:
        """Give what a name stands for."""
        try:
            return self._named(pid)
        except _STOPS:
            raise
        except Exception as error:  # noqa: BLE001  a class that is made again runs code
            return self._lost(_whose(pid), _why(error, pid), pid)

    # -- what is made --------------------------------------------------------------------------

    def _reduce(self) -> None:
        args = self.stack.pop()
        self._make(self.stack.pop(), args)

    def _new(self) -> None:
        args = self.stack.pop()
        self._make(new, (self.stack.pop(), *args))

    def _new_with_keywords(self) -> None:
        kwargs, args = self.stack.pop(), self.stack.pop()
        self._make(partial(new, **kwargs), (self.stack.pop(), *args))

    def _make(self, function: Any, args: tuple[Any, ...]) -> None:
        try:
            made = function(*args)
        except _STOPS:
            raise
        except Exception as error:  # noqa: BLE001  whatever it raises
            why = _why(error, (function, *args))
            made = self._lost(_what(function, args), why, (), function, args)
        else:
            self._calls[id(made)] = made, function, args
        self.append(made)

    # -- what is put into it -------------------------------------------------------------------

    def _build(self) -> None:
        state = self.stack.pop()

        def build(_: Any) -> None:
            self.append(state)
            super(_Tolerant, self).load_build()

        self._put(build, STATE, state)

    def _append(self) -> None:
        self._put_items([self.stack.pop()])

    def _append_all(self) -> None:
        self._put_items(self.pop_mark())

    def _put_items(self, items: list[Any]) -> None:
        def put(made: Any) -> None:
            for item in items:
                made.append(item)

        self._put(put, ITEMS, items)

    def _set(self) -> None:
        value = self.stack.pop()
        self._put_pairs([(self.stack.pop(), value)])

    def _set_all(self) -> None:
        flat = self.pop_mark()
        self._put_pairs([*zip(flat[::2], flat[1::2], strict=True)])

    def _put_pairs(self, pairs: list[tuple[Any, Any]]) -> None:
        def put(made: Any) -> None:
            for key, value in pairs:
                made[key] = value

        self._put(put, PAIRS, pairs)

    def _put(self, put: Callable[[Any], None], place: int, what: Any) -> None:
        """Put something into what is on top of the stack; an `Unmade` takes note of it."""
        height = len(self.stack)
        target = self.stack[-1]
        if type(target) is not Unmade:
            try:
                put(target)
            except _STOPS:
                raise
            except Exception as error:  # noqa: BLE001  whatever it raises
                del self.stack[height:]
                target = self._replace(target, _why(error, ()))
            else:
                return
        target.recipe[place] = what if place == STATE else [*target.recipe[place], *what]

    def _drop(self) -> None:
        """Drop what is on top: often what a function gave that put a state into the object below.

        If it could not, that object takes note of it.
        """
        call = self.stack[-1] if self.stack else None
        super().load_pop()
        if type(call) is not Unmade or not self.stack:
            return
        setter, args = call.recipe[:STATE]
        target = self.stack[-1]
        if len(args) == len(("object", "state")) and args[0] is target:
            if type(target) is not Unmade:
                target = self._replace(target, call.why)
            target.recipe[STATE], target.recipe[SETTER] = args[1], setter

    def _replace(self, made: Any, why: str) -> Unmade:
        """Put an `Unmade` in place of what is on top of the stack, and could not be filled."""
        _, function, args = self._calls.get(id(made), (made, type(made), ()))
        unmade = self._lost(article(type(made)), why, (), function, args)
        for number, known in [*self.memo.items()]:
            if known is made:
                self.memo[number] = unmade
        self.stack[-1] = unmade
        return unmade

    def _lost(self, what: str, why: str, *made: Any) -> Unmade:
        self._lacks[why] = None
        return Unmade(what, why, *made)

    dispatch = {  # noqa: RUF012  read by the class that this derives from
        **_Reader.dispatch,
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _new,
        pickle.NEWOBJ_EX[0]: _new_with_keywords,
        pickle.BUILD[0]: _build,
        pickle.APPEND[0]: _append,
        pickle.APPENDS[0]: _append_all,
        pickle.SETITEM[0]: _set,
        pickle.SETITEMS[0]: _set_all,
        pickle.POP[0]: _drop,
    }


_STOPS = (MemoryError, Damaged)
"""What is not the fault of an object."""

LONGEST = 200
"""Characters of a reason that are kept."""


def said(error: Exception) -> str:
    """Give an error in one short line."""
    line = next(iter(str(error).strip().splitlines()), "")[:LONGEST]
    if isinstance(error, NotHere):
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _why(error: Exception, parts: tuple[Any, ...]) -> str:
    """Say why a step failed: for want of what one of its parts is for want of, if there is one."""
    return next((part.why for part in parts if type(part) is Unmade), None) or said(error)


def _whose(pid: tuple[Any, ...]) -> str:
    """Say what a name stands for."""
    word, *parts = pid
    lost = [part.what for part in parts if type(part) is Unmade]
    if lost:
        return lost[0] if lost[0].startswith("a ") else f"a {lost[0]}"
    return f"module {parts[0]}" if word in ("globals", "module") else f"a {word}"


def _what(function: Any, args: tuple[Any, ...]) -> str:
    """Say what a call was to make."""
    if function is cloudpickle.cloudpickle.subimport:
        return f"module {args[0]}"
    cls = args[0] if args and (type(args[0]) is Unmade or isinstance(args[0], type)) else function
    if type(cls) is Unmade:
        return f"a {cls.what}"
    if isinstance(cls, type):
        return article(cast("type[Any]", cls))
    return f"what {getattr(cls, '__qualname__', 'a function')} gives"
