"""Python itself: containers, classes, closures, caches, contexts, and what stays by reference."""

from __future__ import annotations

from oracle.library import Library

PYTHON = Library(
    start="""
import collections, contextlib, copy, dataclasses, functools, random
random.seed(1)
class C:
    seen = []
    tag = 0
    def method(self, x=0):
        self.seen.append(x)
        return self
@dataclasses.dataclass
class Point:
    x: object
    y: object = 0
@functools.lru_cache
def cached(n): return [n, rate]
rate = 2
row = [1, [2]]
box = {"k": row, "x": 1}
o = C()
p = Point(row)
def f(x=0): return row
def g(x=row): return box
""",
    names={
        "any": ("o", "p", "C"),
        "data": ("row", "box", "kept"),
        "function": ("f", "g"),
    },
    values={
        "new": (
            "{n}",
            "[{any}, {n}]",
            "{{'k': {any}, {n}: {any}}}",
            "({any}, [{any}])",
            "C()",
            "Point({any}, {any})",
            "copy.copy({any})",
            "copy.deepcopy({any})",
            "functools.partial({function}, {any})",
            "lambda x={any}: (x, {any})",
            "collections.deque([{any}, {n}])",
            "o.method",
            "vars(o)",
            "cached({n})",
            "{any}",
            "{any}",
            "random.Random({n})",
            "dataclasses.replace(p, x={any})",
        ),
    },
    statements=(
        "{data} = {new}",
        "{data} = {new}",
        "row.append({new})",
        "row[0] = {new}",
        "row.reverse()",
        "row.pop()",
        "row[:] = [{any}, {any}]",
        "box['k'] = {new}",
        "box['k{n}'] = {new}",
        "box['k'] = box.pop('k')",
        "box.pop('k')",
        "kept = box['k']",
        "kept = row[0]",
        "o.x = {any}",
        "o.y = {new}",
        "p.x = {any}",
        "p.y = [{any}, p]",
        "del o.x",
        "C.seen.append({any})",
        "C.extra = {any}",
        "o = C()",
        "o.method({any})",
        "class C:\n    seen = [{any}]\n    def method(self, x=0): return self.seen, {any}\n",
        "class C(C):\n    extra = {any}\n    def other(self): return super().method({any})\n",
        "o.__class__ = C",
        "class Point:\n    def __init__(self, x, y=0): self.x, self.y = x, y\n",
        (
            "@dataclasses.dataclass(eq=False, slots=True)\nclass Point:\n"
            "    x: object\n    y: object = 0\n    z: object = None\n"
        ),
        "p = Point({any}, {n})",
        "def f(x={any}):\n    global kept\n    kept = x\n    return {any}",
        "def g(x=0):\n    row.append(x)\n    return {any}",
        (
            "def make(n):\n    held = [{any}]\n    def put(x=0):\n        nonlocal n\n"
            "        n += 1\n        held.append(x)\n        return held\n"
            "    return put, lambda: (held, n)\nf, g = make({n})"
        ),
        "f({any})",
        "g({any})",
        "f.note = {any}",
        "rate = {n}",
        "row.append(cached({n}))",
        "cached({n}).append({n})",
        "cached.cache_clear()",
        "@functools.lru_cache\ndef cached(n): return {any}, n",
        "print = {any}",
        "list = {new}",
        "len = lambda x: {n}",
        "del print",
        "del list",
        "del len",
        "del {any}",
        "del {any}",
        "{data}, kept = {any}, {data}",
        "row.append({n}); raise ValueError({n})",
        "box['half'] = {any}; 1 / 0",
        "random.random()",
        "row.append(random.random())",
        "random.shuffle(row)",
        "for kept in [{any}, {any}]: pass",
        "with contextlib.suppress(Exception): kept = {any}[0]",
        "try:\n    {any}.nothing\nexcept AttributeError as error:\n    kept = {any}",
        "globals()['kept'] = {any}",
        "exec('box = dict(k=row)')",
    ),
)

CONTEXT = Library(
    start="""
import contextvars
var = contextvars.ContextVar("var")
var.set(row)
""",
    names={"any": ("var",)},
    values={"new": ("var.get(None)",)},
    statements=(
        "var.set({any})",
        "var.set({new})",
        "kept = var.get(None)",
        "var.get().append({n})",
        "token = var.set({any}); var.reset(token); del token",
        "box['var'] = var",
    ),
)

ATTRS = Library(
    start="""
import attrs
@attrs.define
class Part:
    held: object
    count: int = attrs.field(default=0)
@attrs.frozen
class Cold:
    held: object
part = Part(row)
cold = Cold(part)
""",
    names={"any": ("part", "cold")},
    values={"new": ("Part({any}, {n})", "Cold({any})")},
    statements=(
        "part = Part({any}, {n})",
        "part.held = {any}",
        "part.count += {n}",
        "cold = Cold({any})",
        "cold = attrs.evolve(cold, held={any})",
        "part.held.append({any})",
        (
            "@attrs.define\nclass Part:\n    held: object = None\n"
            "    more: list = attrs.Factory(list)\n"
        ),
        "part.more.append({any})",
        "box['part'] = part",
    ),
    needs=("attrs",),
)

PYDANTIC = Library(
    start="""
import pydantic, typing
class Model(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    n: int = 0
    held: typing.Any = None
    _secret: typing.Any = pydantic.PrivateAttr(default=None)
model_1 = Model(n=1, held=row)
""",
    names={"any": ("model_1",)},
    values={"new": ("Model(n={n}, held={any})", "model_1.model_copy()")},
    statements=(
        "model_1 = Model(n={n}, held={any})",
        "model_1.n = {n}",
        "model_1.held = {any}",
        "model_1.extra_{n} = {any}",
        "model_1._secret = {any}",
        "model_1 = model_1.model_copy(update=dict(n={n}))",
        "class Model(pydantic.BaseModel):\n    n: int = {n}\n    held: typing.Any = None\n",
        "box['model'] = model_1",
        "row.append(Model.model_validate(dict(n={n})))",
    ),
    needs=("pydantic",),
)

BY_REFERENCE = Library(
    start="""
import threading
from oracle.kept import keep
gen = keep(i for i in [1, 2, 3, 4, 5, 6])
lock = keep(threading.Lock())
""",
    names={"any": ("gen", "lock")},
    values={"new": ("[gen, {any}]", "{{'lock': lock, 'k': {any}}}")},
    statements=(
        "gen = keep(i for i in [1, 2, 3, 4])",
        "row.append(gen)",
        "box['lock'] = lock",
        "o.gen = gen",
        "next(gen)",
        "kept = [lock, {any}]",
        "lock = keep(threading.Lock())",
        "p.x = [gen, lock]",
    ),
    leaves=False,
)
