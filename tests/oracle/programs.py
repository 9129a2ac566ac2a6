"""Random programs of cells over aliased, nested and cyclic data, and random ways through them.

A program is a list of steps; a step is ``("run", source)``, ``("travel", k)``, ``("look", k)`` or
``("again", k)``, where `k` picks one of the states that there are. Statements may fail: a cell that
fails half-way leaves a state too. Sessions that are stored have further steps: ``("forget", k)``,
``("rerun", k)`` and ``("leave", None)``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from string import Formatter
from typing import TYPE_CHECKING, Any

from cowtm.testing.session import Checked, Session, same_without_recording

if TYPE_CHECKING:
    from cowtm.testing.form import Form

Step = tuple[str, Any]
Program = list[Step]

PRELUDE = """
import collections, contextlib, copy, functools, random, weakref, types, array
import numpy as np
"""

_DATA = ("a", "b", "c", "d")
_FUNCTIONS = ("f", "g")
_CLASSES = ("C", "D")
_ARRAYS = ("m", "v", "w")
_ANY = _DATA + _FUNCTIONS + _ARRAYS + ("o", "p")

_VALUES = (
    "{n}",
    "'{n}'",
    "None",
    "float({n})",
    "[]",
    "[{any}, {n}]",
    "[{any}, [{any}], {any}]",
    "{{'k': {any}, {n}: {any}}}",
    "{{}}",
    "({any}, {any})",
    "({n}, ({any}, [{n}]))",
    "({n}, {n})",
    "set([{n}, {n}])",
    "frozenset([{n}, '{n}'])",
    "{{({n}, C)}}",
    "collections.OrderedDict(x={any}, y={any}, z={n})",
    "collections.defaultdict(list, x={any})",
    "collections.Counter([{n}, {n}, {n}])",
    "collections.deque([{any}, {n}, {any}], maxlen=4)",
    "collections.deque([{any}])",
    "bytearray(b'abc') * {n}",
    "array.array('i', [{n}, {n}])",
    "types.SimpleNamespace(x={any}, y={n})",
    "C()",
    "D()",
    "S()",
    "P({any}, {n})",
    "ValueError({any}, {n})",
    "functools.partial({function}, {any}, k={any})",
    "{class_}",
    "{any}.append",
    "o.method",
    "{function}",
    "lambda x={any}: (x, {any})",
    "copy.copy({any})",
    "{any}",
    "iter([{any}, {n}, {any}])",
    "random.Random({n})",
    "np.random.default_rng({n})",
    "np.arange({n} + 3)",
    "weakref.ref(o)",
    "o.__dict__",
    "{any}[0]",
    "{any}['k']",
    "f.__closure__",
    "memoryview(b) if type(b) is bytearray else 0",
    "E.red",
    "types.MethodType({function}, {any})",
    "property({function})",
    "SubList([{any}, {n}])",
    "SubDict(k={any})",
    "Tagged({n})",
    "Cold({any}, {n})",
    "{any}.items()",
)

_STATEMENTS = (
    "{data} = {value}",
    "{data} = {value}",
    "{data} = {value}",
    "{data}.append({value})",
    "{data}.append({data})",
    "{data}[0] = {value}",
    "{data}['k'] = {value}",
    "{data}['k{n}'] = {value}",
    "{data}.add({n})",
    "{data}.insert(0, {any})",
    "{data}.reverse()",
    "{data}.pop()",
    "{data}.pop('k')",
    "{data}.pop().append({n})",
    "{data}['k'] = {data}.pop('k')",
    "{data}.move_to_end('x')",
    "{data}.clear()",
    "{data}[:] = [{any}, {value}]",
    "{data}.x = {value}",
    "del {data}[0]",
    "del {data}",
    "del {any}",
    "{data}, {data} = {data}, {data}",
    "o = C(); o.tag = {n}",
    "o = D(); o.tag = {n}",
    "o.x = {value}",
    "o.y = {any}",
    "o.tag = o.tag",
    "del o.x",
    "o.__class__ = {class_}",
    "o.me = o",
    "o.__dict__ = {any}",
    "p = S(); p.a = {value}",
    "p.b = {any}",
    "del p.a",
    "{data} = o",
    "C.items.append({value})",
    "C.extra = {value}",
    "del C.extra",
    "C.method = {function}",
    "class C:\n    items = []\n    def method(self): return self.items, {any}\n",
    "class D(C):\n    size = {value}\n    def __init__(self):\n        self.x = {any}\n",
    "D.__bases__ = (C,)",
    "def f(x=None, *, k={any}):\n    global {data}\n    {data} = x\n    return {any}",
    "def g(x=0):\n    {data}.append(x)\n    return {any}",
    (
        "def make(n):\n    held = [{any}]\n    def put(x=0):\n        nonlocal n\n        n += 1\n"
        "        held.append(x)\n        return held, n\n    def get():\n        return held, n\n"
        "    return put, get\nf, g = make({n})"
    ),
    "f({any})",
    "g({n})",
    "f.note = {value}",
    "f.__defaults__ = ({any},)",
    "f.__code__ = (lambda x=0: {any}).__code__",
    "a = [f, g]",
    "{data}({n})",
    "{data}[0]({n})",
    "next({data})",
    "{data}.rotate(1)",
    "{data}.update(k={any})",
    "m = np.arange({n} * 4.0).reshape(2, -1)",
    "m = np.zeros((3, 4), order='F')",
    "m = np.array([{any}, {n}, None], dtype=object)",
    "m = np.array([(1, 2.0), (3, 4.0)], dtype=[('i', 'i4'), ('f', 'f8')])",
    "v = m[0]",
    "v = m[::2]",
    "v = m.T",
    "w = m.ravel()[::-1]",
    "w = v[:1]",
    "w = m.copy()",
    "w = np.frombuffer({data}, 'u1')",
    "m[0] = {n}",
    "v[...] = {n}",
    "w += 1",
    "m *= 2",
    "v.flags.writeable = False",
    "m.sort()",
    "m[0] = {any}",
    "{data} = {array}",
    "{array} = {array}",
    "random.random()",
    "np.random.rand()",
    "a.append(random.random())",
    "a = np.random.rand(3)",
    "{data}.random()",
    "1 / 0",
    "import math",
    "for {data} in [{any}, {n}]: pass",
    "with contextlib.nullcontext([{any}]) as {data}: pass",
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    {data} = error.with_traceback(None)",
    "{data}.__cause__ = ValueError({any})",
    "exec('{data} = [{n}]')",
    "globals()['{data}'] = {any}",
    "{data} = [i for i in range({n})]",
    "{data} = [{any}] * 2",
    "a = a[:3] if type(a) is list else a",
    "b = dict(list(b.items())[::-1]) if type(b) is dict else b",
)

START = (
    PRELUDE
    + """
import dataclasses, enum
class E(enum.Enum):
    red = 1
class C:
    items = []
    tag = 0
    def method(self, x=0):
        self.items.append(x)
        return self
class D(C):
    def __init__(self):
        self.x = [1]
class S:
    __slots__ = ("a", "b", "__weakref__")
P = collections.namedtuple("P", "first second")
P.__module__ = "elsewhere"
class SubList(list): pass
class SubDict(dict): pass
class Tagged(int): pass
@dataclasses.dataclass(frozen=True, slots=True)
class Cold:
    first: object
    second: int
a = [1, [2]]
b = {"k": a, "x": 1}
c = (a, b)
d = [b, a]
o = C()
p = S()
p.a = a
def f(x=0): return a
def g(x=a): return b
m = np.arange(8.0).reshape(2, 4)
v = m[1]
w = v[::-1]
"""
)


def program(random: Random, cells: int = 12) -> Program:
    """Make a program: a start, then cells with looks and travels between them."""
    steps: Program = [("run", START)]
    for _ in range(cells):
        lines = [statement(random) for _ in range(random.randrange(1, 5))]
        steps.append(("run", "\n".join(lines)))
        turn = random.randrange(10)
        if turn < 3:
            steps.append(("travel", random.randrange(64)))
        elif turn == 3:
            steps.append(("look", random.randrange(64)))
        elif turn == 4:
            steps.append(("again", random.randrange(64)))
    steps += [("travel", random.randrange(64)), ("look", random.randrange(64))]
    return [*steps, ("travel", 0), ("travel", 63), ("travel", 1)]


def stored_program(random: Random, *, leaves: int = 1) -> Program:
    """Make a program that also drops states, runs cells anew, and leaves its process."""
    steps = program(random)
    for what in ("forget", "rerun", "forget", "rerun", "look", *["leave"] * leaves):
        place = random.randrange(2, len(steps))
        steps.insert(place, (what, None if what == "leave" else random.randrange(64)))
    return steps


def case(number: int) -> tuple[Program, dict[str, Any]]:
    """Give a program, and how it is to be checked: half of them are of sessions that are stored."""
    random = Random(number)
    how: dict[str, Any] = {"hold": random.random() < 0.5}
    if random.random() < 0.5:
        return program(random), how
    how["between"] = random.choice([Session.demote, Session.flush])
    return stored_program(random, leaves=random.randrange(3)), how


def statement(random: Random) -> str:
    """Make one statement."""
    return WORDS.fill(random.choice(_STATEMENTS), random)


@dataclass(frozen=True, slots=True)
class Words:
    """What templates of statements are filled with."""

    pools: Mapping[str, Sequence[str]]
    """Hole -> what may stand there, which may have holes itself."""
    ends: Mapping[str, str]
    """Hole -> the hole that stands for it where expressions are deep enough."""

    def fill(self, template: str, random: Random, depth: int = 2) -> str:
        """Put something at random into the holes of a template."""
        pieces = []
        for literal, hole, _, _ in _FORMATTER.parse(template):
            pieces.append(literal)
            if hole is not None:
                pieces.append(self._choose(hole, random, depth))
        return "".join(pieces)

    def _choose(self, hole: str, random: Random, depth: int) -> str:
        if hole == "n":
            return str(random.randrange(1, 5))
        if hole in self.ends:
            template = random.choice(self.pools[hole if depth else self.ends[hole]])
            return self.fill(template, random, max(depth - 1, 0))
        return random.choice(self.pools[hole])


_FORMATTER = Formatter()

WORDS = Words(
    pools={
        "data": _DATA,
        "any": _ANY,
        "array": _ARRAYS,
        "function": _FUNCTIONS,
        "class_": _CLASSES,
        "value": _VALUES,
    },
    ends={"value": "any"},
)


def check(
    steps: Program,
    *,
    hold: bool,
    in_place: bool = True,
    between: Callable[[Session], None] | None = None,
    plain: bool = False,
) -> None:
    """Run a program against the oracle.

    Args:
        steps: the program.
        hold: keep every object of every state alive.
        in_place: whether survivors must keep their identity.
        between: what is done with the session after every step.
        plain: whether the cells that led to the last state must leave the same where nothing is
            recorded.

    Raises:
        Wrong: a law does not hold.

    """
    checked = Checked(hold=hold, in_place=in_place, between=between)
    way: list[tuple[str, Form | None]] = []
    try:
        for what, argument in steps:
            if what == "run":
                checked.run(argument)
                continue
            if what == "leave":
                checked.leave()
                continue
            states = list(checked.known)
            if what in ("again", "rerun"):
                cells = [n for n, (before, _) in checked.sources.items() if before in checked.known]
                if cells:
                    getattr(checked, what)(cells[argument % len(cells)])
            else:
                getattr(checked, what)(states[argument % len(states)])
        if plain and 0 in checked.known:
            way = checked.path(checked.position)
            checked.travel(0)  # so that generators and the like are what they were at first
    finally:
        checked.close()
    same_without_recording(way, stored=between is not None)


def holds(steps: Program, **how: Any) -> None:
    """Run a program against the oracle; if it fails, say so with a small one.

    Args:
        steps: the program.
        how: as for `check`.

    Raises:
        AssertionError: a law does not hold.

    """
    if failure(steps, **how) is not None:
        raise AssertionError(explained(steps, **how))


def explained(steps: Program, **how: Any) -> str:
    """Say what is wrong with a program, with the smallest one that shows it."""
    steps = smallest(steps, **how)
    lines = "\n".join(f"  {step!r}," for step in steps)
    try:
        check(steps, **how)
    except Exception as error:  # noqa: BLE001  whatever goes wrong is shown
        return f"{type(error).__name__}: {error}\n{lines}\n  {how}"
    return f"it fails now and then:\n{lines}\n  {how}"


def smallest(steps: Program, **how: Any) -> Program:
    """Leave out steps, and lines of cells, that a failing program does not need to fail.

    It stops when it took long: it is for people to read, who rather read more than wait.

    Args:
        steps: the program.
        how: as for `check`.

    """
    kind = failure(steps, **how)
    if kind is None:
        return steps
    end = time.monotonic() + PATIENCE
    found = True
    while found:
        found = False
        for shorter in _shorter(steps):
            if time.monotonic() > end:
                return steps
            if failure(shorter, **how) == kind:
                steps, found = shorter, True
                break
    return steps


PATIENCE = 60.0
"""Seconds for making a failing program small."""


def failure(steps: Program, **how: Any) -> str | None:
    """Return the kind of error that a program ends with, None if it holds."""
    try:
        check(steps, **how)
    except Exception as error:  # noqa: BLE001  whatever it is, it is a failure
        return f"{type(error).__name__} {re.sub(r'[^a-z :]', '', str(error))[:60]}"
    return None


def _shorter(steps: Program) -> list[Program]:
    found = [steps[:i] + steps[i + n :] for n in (8, 4, 2, 1) for i in range(len(steps))]
    for index, (what, source) in enumerate(steps):
        lines = source.splitlines() if what == "run" else []
        if len(lines) > 1:
            for line in range(len(lines)):
                rest = "\n".join(lines[:line] + lines[line + 1 :])
                found.append([*steps[:index], ("run", rest), *steps[index + 1 :]])
    return found
