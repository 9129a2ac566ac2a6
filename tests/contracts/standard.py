"""The standard library: caches, contexts, zones, registries, data of C, iterators, what refuses."""

from __future__ import annotations

import abc
import ctypes
import decimal
import enum
import gc
from contextvars import Context
from importlib import import_module
from typing import Any

from cowtm.testing import Example, Family, Limit, describes, describes_ambient, describes_leaf

PRELUDE = """
import abc, argparse, collections, configparser, contextlib, contextvars, ctypes
import datetime, decimal, enum, functools, graphlib, hashlib, inspect, ipaddress, itertools
import io, logging, queue, sqlite3, string, subprocess, textwrap, threading, types
import typing, weakref, zoneinfo
import numpy as np

rate = 2

class Plain:
    pass

class Cached:
    def __init__(self, n):
        self.n = n
    @functools.cached_property
    def double(self):
        return [self.n * 2]
    @functools.lru_cache(maxsize=4)
    def power(self, k):
        return self.n ** k
    @functools.singledispatchmethod
    def take(self, value):
        return "any"

@functools.lru_cache
def scaled(n):
    return n * rate

@functools.cache
def boxed(n):
    return [n]

@functools.singledispatch
def show(value):
    return "any"

class Zone(datetime.tzinfo):
    hours = 1
    def utcoffset(self, moment):
        return datetime.timedelta(hours=self.hours)

class Meta(type):
    def __new__(meta, name, bases, body, **given):
        made = super().__new__(meta, name, bases, body)
        made.given = given
        return made

class WithMeta(metaclass=Meta, a=[1]):
    pass

class Descriptor:
    def __init__(self):
        self.seen = []
    def __get__(self, instance, owner=None):
        return self if instance is None else instance.__dict__.get("_v")
    def __set__(self, instance, value):
        instance.__dict__["_v"] = value

class Described:
    field = Descriptor()

class Registry(abc.ABC):
    pass

class Child(Registry):
    pass

class Late:
    pass

class Sized(typing.Protocol):
    def size(self) -> int: ...

class Pair(typing.TypedDict):
    a: int

class Colour(enum.Enum):
    red = 1
    blue = 2

class Boxes(enum.Enum):
    box = [1]

class Planet(enum.Enum):
    earth = (1, 2)
    mars = (2, 3)
    def __init__(self, mass, radius):
        self.mass = mass
        self.moons = [radius]

class Heard(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []
    def emit(self, record):
        self.records.append(record.getMessage())

def rows(query, *values):
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()

class Point(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double * 2)]

class Linked(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("p", ctypes.POINTER(ctypes.c_int))]

var = contextvars.ContextVar("var")
other = contextvars.ContextVar("other", default=[0])
inner = [1]

def gen(n=3):
    for i in range(n):
        yield i

async def coro():
    return 1

async def agen():
    yield 1
"""

CACHES = {
    "lru_cache": Example(
        "scaled", ("x(3)", "x(4)", "x(3)", "x.cache_clear()", "x(5)", "x.note = 1")
    ),
    "lru_cache over a variable": Example(
        "[scaled, 0]", ("rate = 3; x[1] = x[0](3)", "rate = 5; x[0].cache_clear(); x[1] = x[0](3)")
    ),
    "cache of lists": Example(
        "[boxed, 0]", ("x[1] = x[0](3)", "x[0](3).append(7)", "x[0](4)", "x[0]('a')")
    ),
    "cached method": Example(
        "[Cached(3), 0]",
        ("x[1] = x[0].power(2)", "x[0].n = 9; Cached.power.cache_clear(); x[1] = x[0].power(2)"),
        copies=False,
    ),
    "cache by type and keyword": Example(
        "(lambda f: [f, f(1, 2), f('a', k=3), f(1.5)])"
        "(functools.lru_cache(typed=True)(lambda a, b=0, k=None: [a]))",
        ("x[0](1.0)", "x[0](1, k=4)", "x[0](1, 2).append(5)", "x[0](b=3, a=1.0)", "x[1].append(x)"),
    ),
    "small cache of objects": Example(
        "(lambda p: [p, (f := functools.lru_cache(2)(lambda q: q)), f(p)])(Plain())",
        ("x[1](5)", "x[1](6)", "x[1](x[0])", "x[0].a = 1"),
    ),
    "cache in a closure": Example(
        "(lambda k: [functools.cache(lambda n: [n, k]), k])([1])",
        ("x[0](1)", "x[1].append(2)", "x[0](1)[1].append(3)"),
    ),
    "cached_property": Example(
        "Cached(3)", ("x.double", "x.double.append(7)", "del x.double", "x.n = 4; x.double")
    ),
    "singledispatch": Example(
        "[show, 0]",
        (
            "show.register(str, lambda v: 'str'); x[1] = show('a')",
            "show.register(str, lambda v: 'other'); x[1] = show('a')",
        ),
    ),
    "singledispatchmethod": Example(
        "[Cached(3), 0]",
        ("Cached.take.register(str, lambda self, v: 'str'); x[1] = x[0].take('a')",),
    ),
}

CONTEXTS = {
    "context variable": Example("other", ("x.set([1])", "x.get().append(5)", "x.set(x)")),
    "context variable without default": Example(
        "[var, 0]", ("var.set([5])", "var.get().append(6)", "var.set(3)"), in_place=False
    ),
    "decimal context": Example(
        "decimal.Context(prec=5)",
        (
            "x.prec = 9",
            "x.flags[decimal.Inexact] = True",
            "x.traps[decimal.DivisionByZero] = False",
            "x.rounding = 'ROUND_UP'",
            "x.Emin = -5; x.capitals = 0",
        ),
    ),
    "decimal context in use": Example(
        "[decimal.getcontext()]",
        (
            "x[0].prec = 5",
            "x.append(decimal.Decimal(1) / 3)",
            "decimal.setcontext(decimal.Context(prec=7))",
            "x.append(decimal.getcontext())",
            "decimal.getcontext().prec = 8",
            "decimal.setcontext(decimal.Context())",
        ),
    ),
}

CLASSES = {
    "abstract class": Example(
        "[Registry, Child]",
        (
            "Registry.register(Plain)",
            "Child.register(Late)",
            "x.append(isinstance(Late(), Registry))",
        ),
    ),
    "enumeration": Example(
        "Colour", ("x.red.note = [1]", "x.red.note.append(x)", "del x.red.note"), copies=False
    ),
    "enumeration with attributes": Example(
        "Planet", ("x.earth.mass = 4", "x.mars.more = 4", "x.earth.moons.append(5)"), copies=False
    ),
    "member of an enumeration": Example(
        "Colour.red", ("x.note = [1]", "x.note.append(x)", "del x.note"), copies=False
    ),
    "members of an enumeration without a name": Example(
        "[made := enum.Enum('made', 'a b', module=__name__)['a'], {made: 1}, {made}]",
        ("x[0].note = [1]", "list(x[1])[0].note.append(x)", "del x[0].note"),
        copies=False,
    ),
    "enumeration of values that change": Example(
        "Boxes",
        ("x.box.value.append(2)",),
        copies=False,
        saved="a value that can change is a copy in another process",
    ),
    "metaclass": Example("WithMeta", ("x.given['a'].append(2)", "x.new = 5"), copies=False),
    "descriptor": Example(
        "[Described(), Described]",
        ("x[1].field.seen.append(1)", "x[0].field = 7"),
        copies=False,
    ),
    "protocol, typed dict": Example("[Sized, Pair, Pair(a=1)]", ("x[2]['a'] = 2", "x[0].note = 1")),
    "class redefined": Example(
        "[Plain, Plain()]",
        ("class Plain:\n    b = 1", "x.append(Plain())", "x[1].z = 1", "Plain.b = 2"),
    ),
    "property replaced": Example(
        "Cached",
        ("x.more = property(lambda self: 1)", "x.more = x.more.setter(lambda self, v: None)"),
        copies=False,
    ),
    "structure's class": Example("Point", ("x.extra = 5", "x.extra = [x]"), copies=False),
}

DATA = {
    "simple data": Example("ctypes.c_int(5)", ("x.value = 6",)),
    "array of data": Example("(ctypes.c_double * 3)(1, 2, 3)", ("x[0] = 6", "x[:] = [1, 1, 1]")),
    "structure": Example(
        "Point(1, (2, 3))", ("x.a = 6", "x.b[1] = 7", "x.note = [1]", "x.note.append(x)")
    ),
    "part of a structure": Example(
        "(lambda s: [s, s.b])(Point(1, (2, 3)))", ("x[1][0] = 9", "x[0].b[1] = 8")
    ),
    "part of a structure that nobody names": Example("Point(1, (2, 3)).b", ("x[0] = 9",)),
    "array of structures": Example(
        "(Point * 2)()",
        ("x[1].a = 5", "x[0] = Point(1, (2, 3))", "x[1].b[1] = 3"),
        saved="ctypes knows the arrays of a class of the notebook in its own process only",
    ),
    "data over a bytearray": Example(
        "(lambda b: [b, (ctypes.c_int * 2).from_buffer(b, 4)])(bytearray(12))",
        ("x[1][0] = 9", "x[0][4] = 8"),
    ),
    "data over an array": Example(
        "(lambda a: [a, (ctypes.c_int * 2).from_buffer(a)])(np.zeros(2, 'i4'))",
        ("x[1][0] = 9", "x[0][1] = 8"),
    ),
    "array over data": Example(
        "(lambda c: [c, np.frombuffer(c)[1:], np.frombuffer(c)])((ctypes.c_double * 3)(1, 2, 3))",
        ("x[1][0] = 9", "x[0][1] = 8", "x[2][1] = 4"),
    ),
    "text in memory": Example("ctypes.create_string_buffer(b'abc', 10)", ("x.value = b'zz'",)),
    "memoryview of data": Example(
        "(lambda c: [c, memoryview(c)])((ctypes.c_double * 3)(1, 2, 3))", ("x[0][1] = 9",)
    ),
    "memoryviews that skip elements": Example(
        "(lambda b: [b, memoryview(b)[::2], memoryview(b)[::-1], memoryview(b)[1:6:3]])"
        "(bytearray(b'abcdefgh'))",
        ("x[1][0] = 5", "x[2][0] = 6", "x[0][3] = 7", "x[3][1] = 9"),
    ),
    "memoryview of nothing": Example(
        "(lambda b: [b, memoryview(b)[2:2]])(bytearray(b'abcdef'))", ("x[0][3] = 7",)
    ),
    "memoryviews of other types": Example(
        "(lambda b: [b, memoryview(b).cast('i')[1:3], memoryview(b).cast('i')[::-2],"
        " memoryview(b)[:4].cast('i', [])])(bytearray(16))",
        ("x[1][0] = 7", "x[2][0] = 8", "x[0][0] = 3"),
    ),
    "memoryviews of arrays": Example(
        "(lambda a, f, r: [a, memoryview(a)[1:], memoryview(a)[::2], f, memoryview(f), r,"
        " memoryview(r)[1:]])(np.zeros((3, 2)), np.zeros((3, 2), order='F'),"
        " np.zeros(3, [('a', 'i4'), ('b', 'f8')]))",
        ("x[1][0, 1] = 7", "x[2][1, 1] = 8.0", "x[4][0, 1] = 9", "x[5]['a'] = 7"),
    ),
    "memoryview of a memoryview": Example(
        "(lambda b: [b, memoryview(memoryview(b)[2:])[1:], memoryview(b).toreadonly()])"
        "(bytearray(16))",
        ("x[1][0] = 7", "x[0][0] = 3"),
    ),
}

_CELLS = {
    "count": ("itertools.count(3)", ("next(x)", "next(x)")),
    "cycle": ("itertools.cycle([1, [2]])", ("next(x)", "next(x)")),
    "islice": ("itertools.islice([1, 2, 3], 1, None)", ("next(x)",)),
    "product": ("itertools.product([1, 2], 'ab')", ("next(x)",)),
    "permutations": ("itertools.permutations([1, 2, 3], 2)", ("next(x)",)),
    "combinations": ("itertools.combinations([1, 2, 3], 2)", ("next(x)",)),
    "accumulate": ("itertools.accumulate([1, 2, 3])", ("next(x)",)),
    "groupby": ("itertools.groupby([1, 1, 3])", ("next(x)",)),
    "tee": ("[*itertools.tee(iter([1, 2, 3]))]", ("next(x[0])", "next(x[1])")),
    "takewhile": ("itertools.takewhile(bool, [1, 2, 0])", ("next(x)",)),
    "starmap": ("itertools.starmap(max, [(1, 2), (3, 4)])", ("next(x)",)),
    "zip_longest": ("itertools.zip_longest([1, 2], 'a')", ("next(x)",)),
    "repeat": ("itertools.repeat([1], 5)", ("next(x)", "next(x).append(3)")),
}

_SET = frozenset({"cycle", "tee", "takewhile", "starmap", "zip_longest"})

ANEW = {name: Example(make, cells, in_place=name in _SET) for name, (make, cells) in _CELLS.items()}

PLAIN = {
    "handlers of logging": Example(
        "[Heard(), logging.StreamHandler(io.StringIO())]",
        (
            "for handler in x: handler.handle(logging.LogRecord('n', 20, 'p', 1, 'a', (), None))",
            "x[0].setLevel('ERROR')",
            "x[1].setFormatter(logging.Formatter('%(levelname)s %(message)s'))",
            "for handler in x: handler.handle(logging.LogRecord('n', 20, 'p', 1, 'b', (), None))",
        ),
    ),
    "namespace that was given to exec": Example(
        "(lambda names: (exec('n = 1', names), names)[1])({})",
        ("exec('n += 1', x)", "exec('held = [n]', x)", "x['held'].append(x)", "del x['n']"),
    ),
    "module made by hand": Example(
        "types.ModuleType('made')",
        ("x.held = [1]", "x.held.append(x)", "exec('def n(): return held', vars(x))", "del x.n"),
        copies=False,
    ),
    "rows of a database": Example(
        "rows('select 1 as a, ? as b', 'text')",
        ("x.append(x[0])", "x.append(rows('select 2'))"),
        saved="a row can't be pickled",
    ),
    "zones": Example(
        "[datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('UTC')),"
        " datetime.timezone(datetime.timedelta(hours=1))]",
        ("x[0] = x[0].replace(fold=1)", "x[0] = x[0].replace(month=2)"),
    ),
    "own zone": Example("Zone()", ("x.hours = 2", "x.note = [x]")),
    "heap": Example("[3, 5]", ("__import__('heapq').heappush(x, 1)",)),
    "UserString": Example("collections.UserString('a')", ("x.data = 'b'",)),
    "string.Template": Example("string.Template('$a')", ("x.template = '$b'",)),
    "argparse.Namespace": Example("argparse.Namespace(a=[1])", ("x.a.append(2)", "x.b = 3")),
    "subprocess.CompletedProcess": Example(
        "subprocess.CompletedProcess(['a'], 0, b'out')", ("x.returncode = 1", "x.args.append('b')")
    ),
    "configparser": Example(
        "configparser.ConfigParser()",
        ("x['a'] = {'b': 'c'}", "x['a']['b'] = 'd'", "x.remove_section('a')"),
    ),
    "graphlib": Example("graphlib.TopologicalSorter({1: [2]})", ("x.add(3, 1)", "x.prepare()")),
    "addresses": Example(
        "[ipaddress.ip_address('1.2.3.4'), ipaddress.ip_network('10.0.0.0/8')]", ("x.pop()",)
    ),
    "textwrap": Example("textwrap.TextWrapper(width=5)", ("x.width = 6",)),
    "signature": Example("[inspect.signature(gen)]", ("x.append(x[0].parameters['n'])",)),
    "read-only view of a mapping": Example(
        "(lambda d: [types.MappingProxyType(d), d])(collections.OrderedDict(a=1))",
        ("x[1]['b'] = [2]", "x[0]['b'].append(3)"),
    ),
    "exit stack": Example("contextlib.ExitStack()", ("x.callback(print, inner)", "x.pop_all()")),
}

WEAK = {
    "WeakValueDictionary": Example(
        "(lambda p: [p, weakref.WeakValueDictionary({'a': p})])(Plain())",
        ("x[0].a = 1", "x[1]['b'] = x[0]", "del x[1]['a']"),
        saved="weak references are dead in another process",
    ),
    "WeakKeyDictionary": Example(
        "(lambda p: [p, weakref.WeakKeyDictionary({p: [1]})])(Plain())",
        ("x[1][x[0]].append(1)", "x[1][x[0]] = 5"),
        copies=False,
        saved="weak references are dead in another process",
    ),
    "reference with a callback": Example(
        "(lambda p, calls: [p, weakref.ref(p, calls.append), calls])(Plain(), [])", ("x[0].a = 1",)
    ),
    "finalizer": Example(
        "(lambda p, calls: [p, weakref.finalize(p, calls.append, 1), calls])(Plain(), [])",
        ("x[0].a = 1", "x[2].append(3)"),
        saved="weak references are dead in another process",
    ),
}

REFERENCES = {
    "Queue": Example(
        "queue.Queue()",
        ("x.put([1])", "x.queue[0].append(2)", "x.get()"),
        by_reference="a lock, a condition",
        copies=False,
    ),
    "proxy": Example(
        "(lambda p: [weakref.proxy(p), p])(Plain())",
        ("x[1].a = 1", "x[0].a = 2"),
        by_reference="a ProxyType (cannot pickle 'weakref.ProxyType' object)",
        copies=False,
        saved="a proxy can't be pickled",
    ),
    "pointer": Example(
        "(lambda i: [ctypes.pointer(i), i, [1]])(ctypes.c_int(5))",
        ("x[0].contents.value = 6", "x[2].append(2)"),
        by_reference="a LP_c_int (ctypes objects containing pointers cannot be pickled)",
        copies=False,
        saved="a pointer can't be pickled",
    ),
    "structure that holds a pointer": Example(
        "[Linked(1, ctypes.pointer(ctypes.c_int(7))), [1]]",
        ("x[1].append(2)",),
        by_reference="a Linked (it holds pointers)",
        copies=False,
        saved="a pointer can't be pickled",
    ),
    "SimpleQueue": Example(
        "[queue.SimpleQueue(), [1]]",
        ("x[0].put(1); x[1].append(2)",),
        by_reference="a SimpleQueue (cannot pickle '_queue.SimpleQueue' object)",
        copies=False,
        saved="it can't be pickled",
    ),
    "hash": Example(
        "[hashlib.sha256(b'a'), [1]]",
        ("x[0].update(b'b'); x[1].append(1)",),
        by_reference="a HASH (cannot pickle '_hashlib.HASH' object)",
        copies=False,
        saved="it can't be pickled",
    ),
    "thread-local data": Example(
        "[threading.local(), [1]]",
        ("x[0].a = 1; x[1].append(2)",),
        by_reference="thread-local data",
        copies=False,
    ),
}

FAMILIES = [
    Family(
        "what functools caches and dispatches",
        CACHES,
        prelude=PRELUDE,
        how="function, settings, the results kept, in order; the functions registered",
        limits=(
            Limit(
                "how often a cache was asked",
                (
                    "import functools\n@functools.lru_cache\ndef f(n):\n    return n\nf(1); f(1)",
                    "f.cache_clear()",
                ),
                "f.cache_info().hits != 1",
            ),
        ),
    ),
    Family(
        "context variables, contexts of decimal and which one is in use",
        CONTEXTS,
        prelude=PRELUDE,
        how="name, default, the value where cells run; all settings, flags and traps",
    ),
    Family(
        "enumerations, abstract classes, metaclasses, descriptors, protocols of the notebook",
        CLASSES,
        prelude=PRELUDE,
        how="attributes of the class and of members; what was registered",
    ),
    Family(
        "data of ctypes, memoryviews",
        DATA,
        prelude=PRELUDE,
        how="memory in chunks; parts, and what is over a buffer, as a place",
    ),
    Family(
        "iterators of itertools",
        ANEW,
        prelude=PRELUDE,
        how="taken apart by `__reduce_ex__`, made anew",
    ),
    Family(
        "time zones, configurations, results of processes and such of Python's own",
        PLAIN,
        prelude=PRELUDE,
        how="as instances",
    ),
    Family(
        "weak dictionaries, callbacks, finalizers",
        WEAK,
        prelude=PRELUDE,
        how="the references themselves",
        limits=(
            Limit(
                "a reference whose object died: it stays dead when the object is made anew",
                ("import weakref\nclass P:\n    pass\nx = P()\nr = weakref.ref(x)", "del x"),
                "r() is not x",
            ),
        ),
    ),
    Family(
        "pointers, proxies, hashes, queues and other objects made in C that refuse to be pickled",
        REFERENCES,
        prelude=PRELUDE,
        how="by reference, held",
    ),
]


@describes("functools._lru_cache_wrapper")
def _cached(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe what a cache keeps, in order; the mark before keywords is no argument."""
    function = walk.token(value.__wrapped__)
    if function[0] == "function":  # a library's, and so is its cache
        return (*function,)
    told = value.cache_info()
    held = gc.get_referents(value)[1:]
    links = 0 if told.maxsize is None else 3 * told.currsize
    kept: Any = ()
    if told.currsize:
        kept = zip(held[0:links:3], held[1:links:3], strict=True) if links else held[0].items()
    entries = []
    for key, result in kept:
        parts = key if type(key) is tuple else (key,)
        given = [part for part in parts if type(part) is not object]
        entries.append((*walk.tokens(given), walk.token(result)))
    return function, repr(value.cache_parameters()), tuple(entries), walk.pairs(vars(value).items())


@describes("_contextvars.ContextVar")
def _variable(walk: Any, value: Any) -> tuple[Any, ...]:
    try:
        default = walk.token(Context().run(value.get))
    except LookupError:
        default = "none"
    try:
        now = walk.token(value.get())
    except LookupError:
        now = "none"
    return value.name, default, now


@describes("dataclasses.Field")
def _data_field(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe a field; of its metadata what they say: all fields without any share a view."""
    told = [(name, getattr(value, name)) for name in value.__slots__ if name != "metadata"]
    return *walk.pairs(told), walk.pairs(value.metadata.items())


@describes("decimal.Context")
def _decimal(_: Any, value: Any) -> tuple[Any, ...]:
    return (repr(value),)


@describes_ambient("<decimal context>")
def _decimal_in_use(_: Any) -> object:
    return repr(decimal.getcontext())


@describes_leaf("zoneinfo.ZoneInfo")
def _zone(value: Any) -> object:
    return repr(value)


@describes("datetime.tzinfo")
def _own_zone(walk: Any, value: Any) -> tuple[Any, ...]:
    described: tuple[Any, ...] = walk.attributes(value)
    return described


COMPILED = ("core_schema", "validator", "serializer", "complete")


@describes("builtins.type")
def _class(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe a class as the oracle does, but for what pydantic and ctypes make; and the rest."""
    own = type.__dict__["__dict__"].__get__(value)
    hidden = [f"__pydantic_{name}__" for name in COMPILED]
    if any(name in own for name in hidden) or type(value).__module__ == "_ctypes":
        names = {name: held for name, held in own.items() if _is_told(name, held, hidden)}
        return "class", value.__qualname__, walk.tokens(value.__bases__), walk.pairs(names.items())
    described: tuple[Any, ...] = walk.klass(value)
    if isinstance(value, abc.ABCMeta):
        known = [reference() for reference in import_module("_abc")._get_dump(value)[0]]
        described += (tuple(sorted(cls.__qualname__ for cls in known if cls is not None)),)
    if issubclass(type(value), enum.EnumMeta):
        described += tuple(walk.pairs(vars(member).items()) for member in value)
    return described


def _is_told(name: str, held: object, hidden: list[str]) -> bool:
    if name in hidden or name in ("__dict__", "__weakref__", "_abc_impl", "__abstractmethods__"):
        return False
    return type(held).__name__ not in ("getset_descriptor", "member_descriptor", "CField")


@describes("logging.Handler", "functools.cached_property")
def _guarded(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe what such an object holds, but for its own lock."""
    held: tuple[Any, ...] = walk.pairs(i for i in vars(value).items() if i[0] != "lock")
    return held


@describes_leaf("sqlite3.Row")
def _row(value: Any) -> object:
    return value.keys(), tuple(value)


@describes("weakref.ProxyType")
def _proxy(_: Any, value: Any) -> tuple[Any, ...]:
    return "itself", id(value)


@describes_leaf("_ctypes.CField")
def _field(_: Any) -> object:
    return "field"


@describes("_ctypes._SimpleCData", "_ctypes.Structure", "_ctypes.Array", "_ctypes.Union")
def _data(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe the bytes of data, whose they are, attributes; by identity what has pointers."""
    root = value
    while root._b_base_ is not None:
        root = root._b_base_
    if isinstance(root, ctypes._Pointer) or hasattr(value, "p"):
        return "itself", id(value)
    kept = root._objects if type(root._objects) is dict and not root._b_needsfree_ else {}
    under = [part.obj for part in kept.values() if type(part) is memoryview]
    own = tuple(vars(value).items()) if hasattr(value, "__dict__") else ()
    data = bytes(memoryview(value).cast("B"))
    return data, walk.token(under[0] if under else root), walk.pairs(own)
