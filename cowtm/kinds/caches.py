"""What functools.lru_cache makes: the function, and the results that it keeps.

The results are content like any other, so a cache is never older or newer than the state. They can
be read, though Python offers no way to: the garbage collector is told of all that the cache holds.
To put them back the function is made to answer what was kept, once for each call; then it is itself
again.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import CodeType, FunctionType
from typing import Any

from cowtm.kinds.base import Commit, Kind, Layout, NotCapturable, differ, resolved
from cowtm.native import SELECT


class CachedChoice(Kind):
    """Tells caches of the user's functions from those of a library's, which are the library's own.

    Args:
        cls: the type.
        kind_of: gives the kind of an object, None for one that is not recorded.

    """

    name = "cached function"
    code = SELECT

    def __init__(self, cls: type, kind_of: Callable[[Any], Kind | None]) -> None:
        self._kind_of = kind_of
        self._kept = CachedKind(cls)
        self.tracked = self._kept

    def select(self, value: Any) -> Kind | None:
        """A cache is recorded when its function is."""
        function = self._kept.layout.dict_of(value).get("__wrapped__")
        if type(function) is FunctionType and self._kind_of(function) is None:
            return None
        return self._kept


class CachedKind(Kind):
    """A cached function.

    Parts: function, how many results it keeps at most, whether types count, how many parts they
    are, those, attributes. For each result, the least recently used first: number of arguments,
    those, number of keywords' names and values, those in turn, the result.
    """

    name = "cached function"
    hashes = True
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it but how often it was asked."""
        attributes = self.layout.dict_of(value)
        settings: Any = attributes.get("cache_parameters")
        if "__wrapped__" not in attributes or not _is_of_functools(settings):
            msg = "a cached function without the attributes that functools gave it"
            raise NotCapturable(msg)
        told = settings()
        function = attributes["__wrapped__"]
        kept = _read(value, typed=told["typed"])
        if kept and type(function) is not FunctionType:
            msg = "a cached function that is not one of Python's"
            raise NotCapturable(msg)
        body = [part for call in kept for part in _flat(*call)]
        settled = [function, told["maxsize"], told["typed"], len(body)]
        return [*settled, *body, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare how much is kept, arguments and results."""
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Function and settings are given at birth."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one that keeps nothing yet."""
        made: Any = functools.lru_cache(parts[1], parts[2])(parts[0])
        self.layout.dict_of(made).clear()
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """The function can't be changed."""
        return self.layout.dict_of(value).get("__wrapped__") is resolved(slots[0])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the results and the attributes."""
        function, _, typed, count = parts[:4]
        end = 4 + count
        kept = list(_calls(parts[4:end]))
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            displaced = _read(value, typed=typed)
            if not _are_the_same(displaced, kept):
                _write(value, function, kept)
            return displaced, attributes()

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell how many results are kept."""
        before, after = (list(_calls(side[4 : 4 + side[3]])) for side in (old, new))
        if len(before) != len(after):
            return f"{len(before)} to {len(after)} results kept"
        changed = any(map(differ, old[4 : 4 + old[3]], new[4 : 4 + new[3]]))
        return "other results kept" if changed else "its attributes changed"


Call = tuple[Sequence[Any], Sequence[Any], Any]
"""Arguments, keywords as name and value in turn, result."""


def _flat(arguments: Sequence[Any], keywords: Sequence[Any], result: Any) -> Iterator[object]:
    yield len(arguments)
    yield from arguments
    yield len(keywords)
    yield from keywords
    yield result


def _calls(body: Sequence[Any]) -> Iterator[Call]:
    """Give the calls that were made flat."""
    parts = iter(body)
    for count in parts:
        arguments = list(islice(parts, count))
        keywords = list(islice(parts, next(parts)))
        yield arguments, keywords, next(parts)


_LINK = 3
"""What the collector is told of for each result that has a place in a row: key, result, a type."""


def _read(value: Any, *, typed: bool) -> list[Call]:
    """Return the calls that a cached function knows the results of.

    Raises:
        NotCapturable: this Python keeps them in another way.

    """
    told = functools._lru_cache_wrapper.cache_info(value)  # noqa: SLF001  what the user sees of it
    if not told.currsize:
        return []
    held = gc.get_referents(value)[1:]
    start = 0 if told.maxsize is None else _LINK * told.currsize
    if len(held) <= start + 2 or type(held[start]) is not dict or len(held[start]) != told.currsize:
        msg = "a cached function that does not show what it keeps"
        raise NotCapturable(msg)
    if told.maxsize is None:
        entries = list(held[start].items())
    else:
        entries = list(zip(held[0:start:_LINK], held[1:start:_LINK], strict=True))
    mark = held[start + 2]
    return [(*_arguments(key, mark, typed=typed), result) for key, result in entries]


def _arguments(key: Any, mark: object, *, typed: bool) -> tuple[Sequence[Any], Sequence[Any]]:
    """Tell what a cached function was called with, from the key that it keeps the result under."""
    if type(key) is not tuple:
        return (key,), ()
    at = next((i for i, part in enumerate(key) if part is mark), None)
    if at is None:
        return (key[: len(key) // 2] if typed else key), ()
    rest = key[at + 1 :]
    # of n arguments and k keywords come n + k types after 2 k names and values
    count = (len(rest) - at) // 3 * 2 if typed else len(rest)
    return key[:at], rest[:count]


def _are_the_same(left: Sequence[Call], right: Sequence[Call]) -> bool:
    return len(left) == len(right) and all(
        a[2] is b[2] and _identical(a[0], b[0]) and _identical(a[1], b[1])
        for a, b in zip(left, right, strict=True)
    )


def _identical(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


def _write(value: Any, function: FunctionType, kept: Sequence[Call]) -> None:
    """Have a cached function keep the results of some calls, and nothing else."""
    functools._lru_cache_wrapper.cache_clear(value)  # noqa: SLF001
    if not kept:
        return
    answers = [result for _, _, result in reversed(kept)]
    code = function.__code__
    function.__code__ = _answering(answers, code)
    try:
        for arguments, keywords, _ in kept:
            value(*arguments, **dict(zip(keywords[::2], keywords[1::2], strict=True)))
    finally:
        function.__code__ = code


def _answering(answers: list[Any], code: CodeType) -> CodeType:
    """Make code that gives one answer after another, the last first, in place of other code.

    It has as many variables of enclosing functions as that one: Python wants it so.
    """
    unused = "_" * (1 + max(map(len, code.co_freevars), default=0))
    free = "".join(f"{name}, " for name in code.co_freevars)
    source = (
        f"def outer({free}):\n"
        f"    def inner(*{unused}, **{unused}_):\n"
        f"        if not _ANSWERS: ({free})\n"
        "        return _ANSWERS.pop()\n"
    )
    outer = compile(source.replace("_ANSWERS", "'answers'"), "<cowtm>", "exec").co_consts[0]
    inner = next(held for held in outer.co_consts if type(held) is CodeType)
    constants = tuple(answers if held == "answers" else held for held in inner.co_consts)
    return inner.replace(co_consts=constants)


def _is_of_functools(value: Any) -> bool:
    """Tell whether a value is a function that functools made."""
    return type(value) is FunctionType and value.__globals__ is vars(functools)
