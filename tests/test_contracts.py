"""Every kind keeps the contract: faithful, stable, sensitive, sharing, identity, fresh copies."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
from oracle.form import form_of
from oracle.session import NAME, Checked

PRELUDE = """
import abc, array, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools
import io, itertools, operator, pathlib, random, re, types, typing, uuid, weakref
import numpy as np
import pandas as pd

class Plain:
    pass

class Slotted:
    __slots__ = ("a", "b", "__weakref__")

class Both(Slotted):
    __slots__ = ("c", "__dict__")

class Inherited(Plain):
    kind = "inherited"

class Mangled:
    __slots__ = ("__hidden", "shown")
    def hide(self, value):
        self.__hidden = value
    def seek(self):
        return self.__hidden

class Base(abc.ABC):
    @abc.abstractmethod
    def work(self): ...

class Worker(Base):
    def work(self):
        return self.done

class MyList(list):
    pass

class MyDict(dict):
    pass

class MySet(set):
    pass

class MyTuple(tuple):
    pass

class MyFrozenset(frozenset):
    pass

class MyDeque(collections.deque):
    pass

class MyOrdered(collections.OrderedDict):
    pass

class MyDefault(collections.defaultdict):
    pass

class MyCounter(collections.Counter):
    pass

class MyInt(int):
    pass

class MyStr(str):
    pass

class MyFloat(float):
    pass

class MyBytes(bytes):
    pass

class MyBytearray(bytearray):
    pass

class MyArray(np.ndarray):
    pass

class MyError(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.second = second

class MyRandom(random.Random):
    pass

class MyPartial(functools.partial):
    pass

class MyNamespace(types.SimpleNamespace):
    pass

class MyProperty(property):
    pass

class Colour(enum.Enum):
    red = 1
    blue = 2

class Flags(enum.Flag):
    one = 1
    two = 2

Point = collections.namedtuple("Point", "x y")

class Typed(typing.NamedTuple):
    x: list
    y: int

@dataclasses.dataclass
class Data:
    a: object
    b: int = 0

@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object
    b: int = 0

@dataclasses.dataclass(slots=True)
class Slim:
    a: object
    b: int = 0

@dataclasses.dataclass(frozen=True, slots=True)
class Ice:
    a: object
    b: int = 0

def plain(value=[1], *, key={"k": 1}):
    return value, key

def counter():
    count = 0
    seen = []
    def step(by=1):
        nonlocal count
        count += by
        seen.append(count)
        return count
    def look():
        return count, seen
    return step, look

def empty_cell():
    def use():
        return late
    def fill():
        nonlocal late
        late = [1]
    def drain():
        nonlocal late
        del late
    return use, fill, drain
    late = 0

def with_attributes(**attributes):
    made = Plain()
    made.__dict__.update(attributes)
    return made

def slotted(**attributes):
    made = Both()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made

def raised():
    try:
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("bad", [1]) from error
    except ValueError as error:
        error.__cause__.__traceback__ = None
        return error.with_traceback(None)

inner = [1]
"""


@dataclass(frozen=True, slots=True)
class Example:
    """An object and ways to change it in place."""

    make: str
    """An expression; its value is bound to ``x``."""
    changes: tuple[str, ...] = ()
    """Cells, each of which changes what ``x`` leads to."""
    in_place: bool = True
    """Whether travelling keeps the identity of what is alive."""
    copies: bool = True
    """Whether `vars` gives objects of its own."""


LISTS = ("x.append(1)", "x[0] = [2]", "x.insert(0, x)", "x.reverse()", "del x[1:]", "x.clear()")
DICTS = (
    "x['new'] = [1]",
    "x['a'] = x",
    "x['a'] = x.pop('a')",
    "x[2] = x.pop('b')",
    "del x['new']",
    "x.setdefault('new', []).append(1)",
    "x[(1, 'pair')] = 2",
    "x.clear()",
)
SETS = ("x.add(5)", "x.discard(1)", "x.add(Plain())", "x.clear()")
ATTRIBUTES = ("x.a = 1", "x.b = [x]", "x.b.append(2)", "x.a = x.__dict__.pop('a')", "del x.b")
DEQUES = ("x.append(5)", "x.rotate(1)", "x.appendleft([x])", "x.popleft()", "x.clear()")
FLOATS = ("x[0] = 5", "x += 1", "x[...] = -0.0", "x[-1] = np.nan")
FRAMES = (
    "x.loc[0, 'a'] = 9",
    "x['d'] = [7.0, 8.0, 9.0]",
    "x['c'] = ['z', 'y', 'x']",
    "del x['b']",
    "x.insert(0, 'first', 1)",
    "x.columns = list('stuv')[:len(x.columns)]",
    "x.index = [5, 6, 7]",
    "x.sort_index(ascending=False, inplace=True)",
    "x.drop(x.index[0], inplace=True)",
    "x.attrs['note'] = [1]",
)

EXAMPLES: dict[str, Example] = {
    # containers
    "list": Example("[1, [2], inner]", (*LISTS,)),
    "list of lists": Example("[[0], [1]] * 2", ("x[0].append(1)", "x[3] = x[0]", "x[:] = x[::-1]")),
    "long list": Example(
        "list(range(10_000))", ("x[5000] = 'five'", "x.insert(1, 0)", "del x[:4096]")
    ),
    "long list of lists": Example("[[i] for i in range(5000)]", ("x[4999].append(1)", "x.pop()")),
    "dict": Example("{'a': 1, 'b': [2], 3: inner}", DICTS),
    "dict order": Example("{'a': 1, 'b': 2}", ("x['a'] = x.pop('a')", "x['b'] = x.pop('b')")),
    "dict values": Example("{'a': 1, 'b': 2}", ("x['a'], x['b'] = x['b'], x['a']",)),
    "dict keys by type": Example(
        "{1: 'a'}", ("x.clear(); x[True] = 'a'", "x.clear(); x[1.0] = 'a'")
    ),
    "dict of objects": Example(
        "{Plain(): 1, (1, Plain()): [2]}", ("list(x)[0].a = 1", "x.popitem()")
    ),
    "tuple": Example("(1, [2], (3, inner))", ("x[1].append(x)", "x[2][1].append(1)")),
    "tuple in itself": Example("(lambda t: (t[0].append(t), t)[1])(([],))", ("x[0].append(1)",)),
    "set": Example("{1, 2, 'three', (4, 5)}", SETS),
    "set of objects": Example("{with_attributes(tag=1)}", ("list(x)[0].tag = 2", "x.clear()")),
    "frozenset": Example(
        "frozenset({1, with_attributes(tag=1)})", ("[p for p in x if p != 1][0].a = 3",)
    ),
    "OrderedDict": Example(
        "collections.OrderedDict(a=1, b=[2])",
        (*DICTS[:-1], "x.move_to_end('new')", "x.move_to_end('new', last=False)", "x.clear()"),
    ),
    "defaultdict": Example(
        "collections.defaultdict(list, a=1, b=[2])",
        ("x['c']", *DICTS, "x.default_factory = None", "x.default_factory = plain"),
    ),
    "Counter": Example(
        "collections.Counter('abca')", ("x['a'] += 1", "x.update('q')", "del x['a']")
    ),
    "deque": Example("collections.deque([1, [2]])", DEQUES),
    "deque with a bound": Example("collections.deque([1, [2], 3], maxlen=3)", DEQUES),
    "ChainMap": Example(
        "collections.ChainMap({'a': 1}, {'b': 2})", ("x['c'] = [1]", "x.maps[1]['b'] = 3")
    ),
    "UserDict": Example("collections.UserDict(a=1)", ("x['b'] = [1]", "del x['a']")),
    "UserList": Example("collections.UserList([1])", ("x.append([1])", "x[1].append(x)")),
    # classes derived from them
    "list subclass": Example("MyList([1, [2], inner])", (*LISTS, *ATTRIBUTES)),
    "dict subclass": Example("MyDict({'a': 1, 'b': 2})", (*DICTS, *ATTRIBUTES)),
    "set subclass": Example(
        "MySet({1, 2})", ("x.add(5)", "x.discard(1)", "x.clear()", *ATTRIBUTES)
    ),
    "tuple subclass": Example("MyTuple((1, [2]))", ("x[1].append(x)", *ATTRIBUTES)),
    "frozenset subclass": Example("MyFrozenset((1, 2))", ATTRIBUTES),
    "deque subclass": Example("MyDeque([1, [2]], 9)", (*DEQUES, *ATTRIBUTES)),
    "OrderedDict subclass": Example(
        "MyOrdered(a=1, b=2)", ("x.move_to_end('a')", *DICTS, *ATTRIBUTES)
    ),
    "defaultdict subclass": Example("MyDefault(list, a=1, b=2)", (*DICTS, *ATTRIBUTES)),
    "Counter subclass": Example("MyCounter('aab')", ("x['c'] += 1", *ATTRIBUTES)),
    # values
    "int subclass": Example("MyInt(7)", ATTRIBUTES),
    "str subclass": Example("MyStr('text')", ATTRIBUTES),
    "float subclass": Example("MyFloat('nan')", ATTRIBUTES),
    "bytes subclass": Example("MyBytes(b'raw')", ATTRIBUTES),
    "big int subclass": Example("MyInt(7 ** 100)", ATTRIBUTES),
    "leaves": Example(
        "[decimal.Decimal('1.10'), fractions.Fraction(1, 3), datetime.datetime(2020, 1, 1),"
        " uuid.UUID(int=5), pathlib.Path('a'), re.compile('a'), range(3), slice(1, 2), 1j, -0.0,"
        " float('nan'), b'x', None, ..., Colour.red, Flags.one | Flags.two, datetime.timezone.utc,"
        " np.float64(1.5), np.dtype('i4'), int]",
        ("x[0] = decimal.Decimal('1.1')", "x[9] = 0.0", "x[-2] = np.dtype('>i4')", "x[-3] = 1.5"),
    ),
    "slice of objects": Example("[slice([1], 2)]", ("x[0].start.append(1)",)),
    # instances
    "instance": Example("with_attributes(a=0)", ATTRIBUTES),
    "instance attribute order": Example(
        "with_attributes(a=1, b=2)", ("a = x.a; del x.a; x.a = a",)
    ),
    "instance attribute renamed": Example(
        "with_attributes(a=1, b=2)", ("x.c = x.__dict__.pop('b')",)
    ),
    "instance dict shared": Example(
        "(lambda o: [o, o.__dict__])(with_attributes(a=1))",
        ("x[0].b = 2", "x[1]['c'] = x", "x[0].__dict__ = {'a': 1}", "x.pop()"),
    ),
    "instance dict let go": Example(
        "with_attributes(a=1)", ("y = x.__dict__", "y['b'] = 1", "del y", "x.c = 1")
    ),
    "two instances with one dict": Example(
        "(lambda o, p: (setattr(p, '__dict__', o.__dict__), [o, p])[1])(Plain(), Plain())",
        ("x[0].a = 1", "x[1].__dict__ = {}", "x[0].b = 2"),
    ),
    "slots": Example("Slotted()", ("x.a = [1]", "x.b = x", "x.a.append(1)", "del x.a", "del x.b")),
    "slots and dict": Example(
        "slotted(a=1, c=2, d=3)", ("x.a = x", "x.e = [1]", "del x.c", "x.e.append(2)")
    ),
    "inherited": Example("Inherited()", ATTRIBUTES),
    "mangled slots": Example("Mangled()", ("x.hide([1])", "x.seek().append(1)", "x.shown = x")),
    "class of an instance": Example(
        "with_attributes(a=1)", ("x.__class__ = Inherited", "x.b = 1", "x.__class__ = Plain")
    ),
    "abstract": Example("Worker()", ("x.done = [1]", "x.done.append(2)")),
    "dataclass": Example("Data([1])", ("x.a.append(1)", "x.b = 2", "x.extra = 1")),
    "frozen dataclass": Example("Frozen([1])", ("x.a.append(1)", "object.__setattr__(x, 'b', 5)")),
    "slotted dataclass": Example("Slim([1])", ("x.a.append(1)", "x.b = x")),
    "frozen slotted dataclass": Example(
        "Ice([1])", ("x.a.append(1)", "object.__setattr__(x, 'b', 5)")
    ),
    "namedtuple": Example("Point([1], 2)", ("x.x.append(x)",)),
    "typed namedtuple": Example("Typed([1], 2)", ("x.x.append(x)",)),
    "enum members": Example(
        "[Colour.red]", ("x[0] = Colour.blue", "Colour.red.note = [1]; x.append(1)")
    ),
    "SimpleNamespace": Example("types.SimpleNamespace(a=0)", ATTRIBUTES),
    "SimpleNamespace subclass": Example("MyNamespace(a=0)", ATTRIBUTES),
    "mappingproxy": Example(
        "[types.MappingProxyType(inner_dict := {'a': [1]}), inner_dict]", ("x[1]['b'] = 1",)
    ),
    # functions
    "function": Example(
        "plain",
        (
            "x.note = [1]",
            "x.__defaults__[0].append(2)",
            "x.__kwdefaults__['key']['k'] = 2",
            "x.__kwdefaults__['key'] = x",
            "x.__defaults__ = ([5],)",
            "x.__doc__ = 'told'",
            "x.__name__ = 'other'",
            "x.__annotations__['value'] = list",
            "x.__code__ = (lambda value, *, key: key).__code__",
            "x.__kwdefaults__ = None",
            "x.__defaults__ = None",
            "del x.note",
        ),
    ),
    "closures": Example("counter()", ("x[0]()", "x[0](5)", "x[1]()[1].append(x)")),
    "empty cell": Example("empty_cell()", ("x[1]()", "x[2]()", "x[1]()")),
    "recursive closure": Example("(lambda f: f(f))(lambda f: lambda: f)", ("x.note = x",)),
    "cell": Example(
        "counter()[0].__closure__",
        ("x[0].cell_contents = 5", "x[1].cell_contents.append(1)", "del x[0].cell_contents"),
    ),
    "lambda": Example(
        "lambda a=inner: a",
        ("x.__defaults__[0].append(1)", "inner = [7]; x.__defaults__ = (inner,)"),
    ),
    "bound method": Example("Worker().work", ("x.__self__.done = 1",)),
    "bound method of many": Example("[Data([1]).__eq__] * 2", ("x[0].__self__.a.append(1)",)),
    "built-in method": Example("[1].append", ("x(2)", "x(x)")),
    "built-in methods that share": Example(
        "(lambda d: [d.get, d.update, d])({})", ("x[1](a=1)", "x[2]['b'] = x")
    ),
    "partial": Example(
        "functools.partial(plain, inner, key=[1])",
        (
            "x.args[0].append(1)",
            "x.keywords['key'].append(2)",
            "x.note = [3]",
            "x.keywords['value'] = 4",
            "x.__setstate__((print, (1,), {}, {}))",
        ),
    ),
    "partial subclass": Example("MyPartial(plain, inner)", ATTRIBUTES),
    "partialmethod": Example("functools.partialmethod(plain, inner)", ("x.args[0].append(1)",)),
    "property": Example("[property(plain, plain)]", ("x[0].fget.note = [1]",)),
    "property subclass": Example("[MyProperty(plain)]", ("x[0].fget.note = [1]", "x[0].more = 5")),
    "staticmethod": Example("staticmethod(plain)", ("x.__func__.note = [1]", "x.more = 1")),
    "classmethod": Example("classmethod(plain)", ("x.__func__.note = [1]", "x.more = 1")),
    "cached_property": Example(
        "functools.cached_property(plain)", ("x.func.note = 1", "x.attrname = 'q'"), copies=False
    ),
    "singledispatchmethod": Example("operator.itemgetter(inner)", ("inner.append(1)",)),
    "weak reference": Example("[p := Plain(), weakref.ref(p)]", ("x[0].a = 1", "x.append(x[1])")),
    # classes
    "class": Example(
        "Inherited",
        (
            "x.extra = [1]",
            "x.extra.append(x)",
            "x.kind = 'new'",
            "x.method = plain",
            "x.method.note = 1",
            "del x.extra",
            "x.__bases__ = (Data,)",
            "x.__doc__ = 'told'",
        ),
        copies=False,
    ),
    "class with slots": Example("Slotted", ("x.more = [1]", "x.more.append(2)"), copies=False),
    "class attribute order": Example(
        "Plain", ("x.one = 1", "x.two = 2", "del x.one", "x.one = 1"), copies=False
    ),
    # exceptions
    "exception": Example(
        "ValueError('a', [1])",
        ("x.args[1].append(x)", "x.args = (2,)", "x.note = [1]", "x.add_note('n')"),
    ),
    "exception with a cause": Example(
        "raised()",
        (
            "x.__cause__.extra = 1",
            "x.__cause__ = None",
            "x.__context__ = x.__cause__",
            "x.__suppress_context__ = False",
        ),
    ),
    "own exception": Example(
        "MyError([1], [2])", ("x.second.append(1)", "x.args[0].append(3)", "x.second = x")
    ),
    "OSError": Example(
        "FileNotFoundError(2, 'gone', 'name')",
        ("x.filename = 'other'", "x.strerror = 'odd'", "x.note = [1]"),
    ),
    "StopIteration": Example("StopIteration([1])", ("x.value.append(1)", "x.value = 5")),
    "SystemExit": Example("SystemExit(3)", ("x.code = [4]",)),
    "UnicodeError": Example(
        "UnicodeDecodeError('utf8', b'abc', 0, 1, 'why')", ("x.start = 1", "x.reason = 'odd'")
    ),
    "ImportError": Example("ImportError('m', name='n', path='p')", ("x.path = 'q'",)),
    "SyntaxError": Example(
        "SyntaxError('bad', ('f', 1, 2, 'text', 1, 3))", ("x.lineno = 7", "x.text = 'other'")
    ),
    "AttributeError": Example(
        "AttributeError('m', name='n', obj=inner)", ("x.obj.append(1)", "x.name = 'k'")
    ),
    "exception group": Example(
        "ExceptionGroup('g', [ValueError([1]), TypeError()])",
        ("x.exceptions[0].args[0].append(1)", "x.add_note('n')"),
    ),
    # buffers
    "bytearray": Example(
        "bytearray(b'abc')", ("x[0] = 0", "x.append(5)", "x.clear()", "x.extend(b'x' * 100)")
    ),
    "bytearray subclass": Example("MyBytearray(b'abc')", ("x[0] = 0", "x.append(5)", *ATTRIBUTES)),
    "big bytearray": Example(
        "bytearray(3_000_000)", ("x[2_500_000] = 1", "x.append(5)", "del x[:1_000_000]")
    ),
    "array": Example(
        "array.array('d', [1, 2])", ("x[0] = -0.0", "x.append(3)", "x.pop()", "x.byteswap()")
    ),
    "unicode array": Example("array.array('u', 'text')", ("x[0] = 'T'", "x.append('!')")),
    "memoryview": Example(
        "[b := bytearray(b'abcdef'), memoryview(b)[1:4]]", ("x[1][0] = 5", "x[0][5] = 6")
    ),
    "memoryview of an array": Example("memoryview(array.array('i', [1, 2]))", ("x[0] = 5",)),
    "memoryview read-only": Example(
        "[memoryview(inner_bytes := bytearray(b'abc')).toreadonly(), inner_bytes]", ("x[1][0] = 5",)
    ),
    "memoryview of two axes": Example(
        "memoryview(bytearray(12)).cast('B', (3, 4))", ("x[1, 2] = 5",)
    ),
    "memoryview of bytes": Example("[memoryview(b'abc')]", ("x.append(1)",)),
    # numpy
    "float array": Example("np.arange(4.0)", FLOATS),
    "int8 array": Example("np.arange(5, dtype='i1')", ("x[0] = 5", "x.sort()", "x[::2] = 3")),
    "bool array": Example("np.zeros(3, bool)", ("x[1] = True",)),
    "complex array": Example("np.zeros(3, complex)", ("x[1] = 1j", "x.real = 2")),
    "big-endian array": Example("np.arange(3, dtype='>f8')", FLOATS),
    "array of two axes": Example(
        "np.zeros((3, 4))", ("x[1, 2] = 5", "x[:, 0] = 1", "x.flags.writeable = False")
    ),
    "Fortran order": Example(
        "np.asfortranarray(np.arange(6.0).reshape(2, 3))", ("x[1, 2] = 9", "x += 1")
    ),
    "axes swapped": Example(
        "np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0).copy('K')",
        ("x[1, 2, 1] = 9", "x += 1"),
    ),
    "array without axes": Example("np.array(5.0)", ("x[()] = 6", "x += 1")),
    "array without elements": Example("np.empty((0, 3))", ("x.flags.writeable = False",)),
    "read-only array": Example(
        "(lambda a: (a.setflags(write=False), a)[1])(np.arange(3.0))",
        ("x.setflags(write=True)", "x[0] = 5", "x.setflags(write=False)"),
    ),
    "structured array": Example(
        "np.zeros(3, [('i', 'i4'), ('f', 'f8', (2,))])",
        ("x['i'] = 5", "x[1]['f'] = 2", "x[0] = (7, (8, 9))"),
    ),
    "aligned structured array": Example(
        "np.zeros(2, np.dtype([('a', 'i1'), ('b', 'f8')], align=True))", ("x['b'] = 1",)
    ),
    "record": Example("[np.zeros(3, [('i', 'i4')])[1]]", ("x[0]['i'] = 5",)),
    "record of an array": Example(
        "(lambda a: [a, a[1]])(np.zeros(3, [('i', 'i4')]))", ("x[1]['i'] = 5", "x[0]['i'] = 6")
    ),
    "array of objects": Example(
        "np.array([1, [2], inner, None], object)",
        ("x[0] = [x]", "x[1].append(1)", "x[3] = x[1]", "x[:] = None"),
    ),
    "array of objects, two axes": Example(
        "np.array([[1, None], ['a', inner]], object, order='F')",
        ("x[0, 1] = [5]", "x[1, 1].append(1)", "x[0] = 0"),
    ),
    "array of objects without axes": Example(
        "np.array(None, object)", ("x[()] = [1]", "x[()].append(2)")
    ),
    "view of objects": Example(
        "(lambda a: [a, a[::2], a[::-1], a[1:]])(np.array([1, [2], None], object))",
        ("x[1][0] = [5]", "x[2][0] = x", "x[0][1] = 0"),
    ),
    "object views alone": Example(
        "np.array([1, [2], None, 4], object)[1:3]", ("x[0] = [5]", "x[1] = x")
    ),
    "strings": Example("np.array(['a', 'bcd'])", ("x[0] = 'zz'",)),
    "bytes": Example("np.array([b'a', b'bcd'])", ("x[0] = b'zz'",)),
    "dates": Example(
        "np.array(['2020-01-01', 'NaT'], 'M8[D]')",
        ("x[1] = '2021-05-05'", "x += np.timedelta64(1, 'D')"),
    ),
    "durations": Example("np.array([1, 2], 'm8[s]')", ("x *= 2",)),
    "views": Example(
        "(lambda a: [a, a[2:], a[::2], a[::-1], a.reshape(2, 3), a.view('i8')])(np.arange(6.0))",
        (
            "x[0][2] = 9",
            "x[1][1] = 8",
            "x[2][0] = 7",
            "x[3][1] = 6",
            "x[4][0, 0] = 5",
            "x[5][3] = 1",
        ),
    ),
    "overlapping views": Example(
        "(lambda a: [a[:4], a[2:]])(np.arange(6.0))", ("x[0][3] = 9", "x[1][0] = 8")
    ),
    "views of views": Example(
        "(lambda a: [a[1:][1:].T[::-1]])(np.arange(12.0).reshape(4, 3))",
        ("x[0][0, 0] = 9", "x.append(x[0][1:])"),
    ),
    "windows": Example(
        "np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)",
        ("x[0, 2] = 9", "x[3, 2] = 7"),
    ),
    "broadcast": Example("[b := np.arange(3.0), np.broadcast_to(b, (2, 3))]", ("x[0][1] = 7",)),
    "diagonal": Example(
        "[b := np.zeros((3, 3)), np.einsum('ii->i', b)]", ("x[1][:] = 7", "x[0][1, 1] = 2")
    ),
    "field view": Example(
        "[b := np.zeros(3, [('i', 'i4'), ('f', 'f8')]), b['f']]", ("x[1][1] = 5", "x[0]['f'] = 3")
    ),
    "view without elements": Example("[b := np.arange(3.0), b[3:], b[1:1]]", ("x[0][0] = 1",)),
    "frombuffer": Example(
        "[b := bytearray(16), np.frombuffer(b)]", ("x[1][0] = 2.0", "x[0][15] = 1")
    ),
    "frombuffer of bytes": Example("[np.frombuffer(b'abcdefgh', 'i4')]", ("x.append(1)",)),
    "array over array.array": Example(
        "[b := array.array('d', [1, 2]), np.frombuffer(b)]", ("x[1][0] = 5",)
    ),
    "big array": Example("np.zeros(400_000)", ("x[200_000] = 1", "x[:3] = 4", "x += 1")),
    "array subclass": Example("np.arange(3.0).view(MyArray)", (*FLOATS, *ATTRIBUTES)),
    "masked array": Example(
        "np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])",
        ("x[0] = 9", "x[1] = 5", "x[2] = np.ma.masked", "x.fill_value = 7"),
    ),
    "matrix": Example("np.matrix([[1.0, 2.0]])", ("x[0, 1] = 5",)),
    "recarray": Example(
        "np.rec.array([(1, 2.0)], dtype=[('i', 'i4'), ('f', 'f8')])", ("x.i = 5", "x[0].f = 3")
    ),
    "reshaped in place": Example(
        "np.arange(6.0)", ("x.shape = (2, 3)", "x[0] = 1", "x.shape = (6,)"), in_place=False
    ),
    "retyped in place": Example("np.arange(6.0)", ("x.dtype = 'i8'", "x[0] = 1"), in_place=False),
    # random
    "Random": Example("random.Random(1)", ("x.random()", "x.gauss(0, 1)", "x.seed(5)")),
    "Random subclass": Example("MyRandom(1)", ("x.random()", *ATTRIBUTES)),
    "Generator": Example(
        "np.random.default_rng(1)", ("x.random()", "x.normal(size=3)", "x.integers(5, dtype='u1')")
    ),
    "Generator and its bits": Example(
        "(lambda g: [g, g.bit_generator])(np.random.default_rng(1))",
        ("x[0].random()", "x[1].random_raw()"),
    ),
    "BitGenerator": Example("np.random.PCG64(1)", ("x.random_raw()", "x.advance(3)")),
    "Generator on MT19937": Example(
        "np.random.Generator(np.random.MT19937(1))", ("x.random()", "x.normal()")
    ),
    "Generator on Philox": Example("np.random.Generator(np.random.Philox(1))", ("x.random()",)),
    "RandomState": Example("np.random.RandomState(1)", ("x.rand()", "x.randn()", "x.seed(3)")),
    "global generators": Example(
        "[]",
        ("x.append(random.random())", "x.append(np.random.rand())", "random.seed(5); x.append(1)"),
    ),
    # iterators and the rest of the standard library
    "list iterator": Example("iter([1, [2], 3])", ("next(x)", "next(x).append(1)")),
    "shared list iterator": Example("[iter(inner), inner]", ("next(x[0])", "x[1].append(2)")),
    "iterator over what holds it": Example(
        "(lambda l: (l.append(iter(l)), l)[1])([1, 2])", ("next(x[2])", "x.append(3)", "next(x[2])")
    ),
    "tuple iterator": Example("iter((1, [2]))", ("next(x)",)),
    "string iterator": Example("iter('text')", ("next(x)",)),
    "range iterator": Example("iter(range(5))", ("next(x)",), in_place=False),
    "enumerate": Example("enumerate([5, [6]])", ("next(x)",), in_place=False),
    "zip": Example("zip([1, 2], 'ab')", ("next(x)",)),
    "map": Example("map(str, [1, 2])", ("next(x)",)),
    "reversed": Example("reversed([1, 2])", ("next(x)",)),
    "dict views": Example(
        "(lambda d: [d.keys(), d.values(), d.items(), d])({'a': [1]})",
        ("x[3]['b'] = 2", "x[3]['a'].append(1)"),
    ),
    "dict view alone": Example("{'a': [1]}.items()", ("list(x)[0][1].append(1)",)),
    "BytesIO": Example("io.BytesIO(b'abc')", ("x.write(b'z')", "x.seek(0)", "x.truncate(2)")),
    "StringIO": Example("io.StringIO('abc')", ("x.write('z')", "x.seek(0)", "x.truncate(2)")),
    "lru_cache": Example("[functools.lru_cache(plain)]", ("x.append(1)",), copies=False),
    "generic alias": Example(
        "[list[int], int | str, typing.Optional[int], typing.TypeVar('T')]", ("x.pop()",)
    ),
    "template": Example(
        "[re.match('a', 'abc'), __import__('string').Template('$a')]", ("x[1].template = '$b'",)
    ),
    "argparse": Example(
        "__import__('argparse').ArgumentParser('p')", ("x.add_argument('--a')", "x.prog = 'q'")
    ),
    "decimal context": Example("decimal.Context(prec=5)", ("x.prec = 9",), in_place=False),
    "heap of tuples": Example(
        "[(1, 'a'), (2, 'b')]", ("__import__('heapq').heappush(x, (0, 'c'))",)
    ),
    "cycle": Example(
        "(lambda a, b: (a.append(b), b.append(a), a)[2])([1], [2])",
        ("x[1].append(3)", "x[1].clear()"),
    ),
    "everything at once": Example(
        "{'list': (l := [1, inner]), 'again': l, 'object': (o := with_attributes(l=l)),"
        " 'method': l.append, 'partial': functools.partial(plain, o),"
        " 'array': (a := np.arange(3.0)), 'view': a[1:]}",
        (
            "x['list'].append(x)",
            "x['object'].l.append(2)",
            "x['view'][0] = 7",
            "x['method'](5)",
            "del x['list']",
        ),
    ),
    # pandas
    "frame": Example(
        "pd.DataFrame({'a': [1, 2, 3], 'b': [1.5, 2.5, 3.5], 'c': ['x', 'y', None]})", FRAMES
    ),
    "frame of objects": Example(
        "pd.DataFrame({'a': [[1], {}, None]})", ("x.loc[0, 'a'].append(1)",)
    ),
    "frame of kinds": Example(
        "pd.DataFrame({'t': pd.date_range('2020', periods=3), 'c': pd.Categorical(list('aba')),"
        " 'i': pd.array([1, None, 3]), 'z': pd.date_range('2020', periods=3, tz='UTC')})",
        (
            "x.loc[0, 't'] = pd.Timestamp('2021')",
            "x.loc[1, 'c'] = 'a'",
            "x.loc[1, 'i'] = 7",
            "x['i'] = x['i'] + 1",
        ),
    ),
    "frame with two levels": Example(
        "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([('x', 1), ('y', 2)]))",
        ("x.loc[('x', 1), 'a'] = 5", "x.reset_index(inplace=True)"),
    ),
    "series": Example(
        "pd.Series([1.0, 2.0], name='s')",
        (
            "x[0] = 5",
            "x.name = 't'",
            "x.iloc[1] = None",
            "x.index = ['a', 'b']",
            "x.loc['new'] = 3",
        ),
    ),
    "index": Example(
        "[pd.Index(['a', 'b']), pd.RangeIndex(5), pd.date_range('2020', periods=2)]",
        ("x[0].name = 'n'", "x.pop()"),
    ),
    "column of a frame": Example(
        "(lambda f: [f, f['a']])(pd.DataFrame({'a': [1, 2], 'b': [3, 4]}))",
        ("x[0].loc[0, 'a'] = 9", "x[1].iloc[1] = 7"),
    ),
    "group": Example(
        "[pd.DataFrame({'a': [1, 1], 'b': [3, 4]}).groupby('a')]", ("x.append(x[0].sum())",)
    ),
}


def _prelude_for(source: str) -> str:
    """Return the statements of the prelude that define what a source names, and what those name."""
    wanted = {*re.findall(r"[A-Za-z_]+", source)}
    chosen: list[str] = []
    for statement in reversed(ast.parse(PRELUDE).body):
        text = ast.get_source_segment(PRELUDE, statement) or ""
        if isinstance(statement, ast.Import):
            names = [alias.asname or alias.name for alias in statement.names]
            text = "\n".join(
                f"import {alias.name} as {name}"
                for alias, name in zip(statement.names, names, strict=True)
                if name in wanted
            )
        elif isinstance(statement, ast.ClassDef | ast.FunctionDef):
            start = min([statement.lineno, *(mark.lineno for mark in statement.decorator_list)])
            text = "\n".join(PRELUDE.splitlines()[start - 1 : statement.end_lineno])
            names = [statement.name]
        else:
            names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if wanted.intersection(names):
            wanted.update(re.findall(r"[A-Za-z_]+", text))
            chosen.append(text)
    return "\n".join(reversed(chosen))


def _run(checked: Checked, example: Example) -> list[Any]:
    """Run an example's cells; return the states, from before the object to after all changes."""
    checked.run(_prelude_for(" ".join((example.make, *example.changes))))
    states = [checked.position]
    for source in (f"x = {example.make}\nalso = [x]", *example.changes):
        checked.run(source)
        state = checked.session.machine.states[checked.position]
        assert state.error is None, source
        assert checked.known[states[-1]].form != checked.known[checked.position].form, (
            f"the example is wrong: {source} changes nothing"
        )
        assert state.names or state.delta, f"{source} went unseen"
        states.append(checked.position)
    return states


@pytest.mark.parametrize("hold", [True, False], ids=["held", "let go"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_travel(name: str, hold: bool) -> None:  # noqa: FBT001
    """Travelling to any state and back gives what was there, in the objects that are alive."""
    example = EXAMPLES[name]
    checked = Checked(hold=hold, in_place=example.in_place)
    try:
        states = _run(checked, example)
        for goal in [*states[::-1], *states, *states[::2], states[-1], states[0], *states[::-2]]:
            checked.travel(goal)
    finally:
        checked.close()


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].copies])
def test_copies(name: str) -> None:
    """What `vars` gives is what was there, and belongs to nobody else."""
    example = EXAMPLES[name]
    checked = Checked(hold=False)
    try:
        states = _run(checked, example)
        for goal in states:
            checked.look(goal)
        present = checked.session.form()
        for goal, change in zip(states[1:], example.changes, strict=False):
            fresh = {**checked.session.home, **checked.session.machine.vars(goal)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(change, fresh)  # noqa: S102  the example's own change, on the copy
            before = checked.session.form()
            assert (
                before.names.items()
                >= {n: t for n, t in present.names.items() if not n.startswith("<")}.items()
            )
        for goal in states:
            checked.look(goal)
    finally:
        checked.close()


def test_the_examples_are_told_apart() -> None:
    """The oracle sees every change of every example; here it sees a class and a sharing."""
    shared = [1]
    apart = form_of({"a": shared, "b": shared}, module=NAME)
    assert apart != form_of({"a": [1], "b": [1]}, module=NAME)
    assert sys.getsizeof(apart) > 0
