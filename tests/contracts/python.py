"""What Python itself brings: containers, instances, functions, classes, buffers, iterators."""

from __future__ import annotations

import sys

from cowtm.testing import Example, Family, Limit

PRELUDE = """
import abc, array, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools
import io, itertools, operator, pathlib, random, re, types, typing, uuid, weakref
import numpy as np

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

class Numbered:
    def __getitem__(self, index):
        return [0][index]

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

FAMILIES = [
    Family(
        "list, dict, set, tuple, frozenset, deque, OrderedDict, defaultdict, Counter",
        {
            "list": Example("[1, [2], inner]", (*LISTS,)),
            "list of lists": Example(
                "[[0], [1]] * 2", ("x[0].append(1)", "x[3] = x[0]", "x[:] = x[::-1]")
            ),
            "long list": Example(
                "list(range(10_000))", ("x[5000] = 'five'", "x.insert(1, 0)", "del x[:4096]")
            ),
            "long list of lists": Example(
                "[[i] for i in range(5000)]", ("x[4999].append(1)", "x.pop()")
            ),
            "dict": Example("{'a': 1, 'b': [2], 3: inner}", DICTS),
            "dict order": Example(
                "{'a': 1, 'b': 2}", ("x['a'] = x.pop('a')", "x['b'] = x.pop('b')")
            ),
            "dict values": Example("{'a': 1, 'b': 2}", ("x['a'], x['b'] = x['b'], x['a']",)),
            "dict keys by type": Example(
                "{1: 'a'}", ("x.clear(); x[True] = 'a'", "x.clear(); x[1.0] = 'a'")
            ),
            "dict of objects": Example(
                "{Plain(): 1, (1, Plain()): [2]}", ("list(x)[0].a = 1", "x.popitem()")
            ),
            "tuple": Example("(1, [2], (3, inner))", ("x[1].append(x)", "x[2][1].append(1)")),
            "tuple in itself": Example(
                "(lambda t: (t[0].append(t), t)[1])(([],))", ("x[0].append(1)",)
            ),
            "set": Example("{1, 2, 'three', (4, 5)}", SETS),
            "set of objects": Example(
                "{with_attributes(tag=1)}", ("list(x)[0].tag = 2", "x.clear()")
            ),
            "frozenset": Example(
                "frozenset({1, with_attributes(tag=1)})", ("[p for p in x if p != 1][0].a = 3",)
            ),
            "frozenset of what hashes by what it holds": Example(
                "frozenset({Frozen((1, plain)), (Frozen(3), 4)})",
                ("[p for p in x if type(p) is Frozen][0].__dict__.update(b=5)",),
            ),
            "OrderedDict": Example(
                "collections.OrderedDict(a=1, b=[2])",
                (
                    *DICTS[:-1],
                    "x.move_to_end('new')",
                    "x.move_to_end('new', last=False)",
                    "x.clear()",
                ),
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
        },
        prelude=PRELUDE,
        how="elements, past overridden methods",
        limits=(
            Limit(
                "the order in which a set iterates",
                (
                    (
                        "x = set(range(40_000))\n"
                        "for n in range(40_000):\n    n in (9, 32768) or x.discard(n)\n"
                        "seen = list(x)"
                    ),
                    "x.clear()",
                ),
                "list(x) != seen",
            ),
        ),
    ),
    Family(
        "classes derived from containers",
        {
            "results of system calls": Example(
                "[(lambda time, os: [time.localtime(0), os.stat('/'), os.terminal_size((3, 4))])"
                "(__import__('time'), __import__('os')), [1]]",
                ("x[1].append(2)", "x[0].pop(0)"),
            ),
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
        },
        prelude=PRELUDE,
        how="elements, past overridden methods; attributes",
    ),
    Family(
        "numbers, strings, dates, paths, patterns, enum members of libraries, and classes derived "
        "from them",
        {
            "int subclass": Example("MyInt(7)", ATTRIBUTES),
            "str subclass": Example("MyStr('text')", ATTRIBUTES),
            "float subclass": Example("MyFloat('nan')", ATTRIBUTES),
            "bytes subclass": Example("MyBytes(b'raw')", ATTRIBUTES),
            "big int subclass": Example("MyInt(7 ** 100)", ATTRIBUTES),
            "leaves": Example(
                "[decimal.Decimal('1.10'), fractions.Fraction(1, 3), datetime.datetime(2020, 1, 1),"
                " uuid.UUID(int=5), pathlib.Path('a'), re.compile('a'), range(3), slice(1, 2), 1j,"
                " -0.0, float('nan'), b'x', None, ..., re.RegexFlag.A, re.A | re.I, Colour.red,"
                " datetime.timezone.utc, np.float64(1.5), np.dtype('i4'), int]",
                (
                    "x[0] = decimal.Decimal('1.1')",
                    "x[9] = 0.0",
                    "x[-2] = np.dtype('>i4')",
                    "x[-3] = 1.5",
                ),
            ),
            "slice of objects": Example("[slice([1], 2)]", ("x[0].start.append(1)",)),
        },
        prelude=PRELUDE,
        how="by reference: they never change; attributes of derived ones",
    ),
    Family(
        "instances of classes made by a class statement",
        {
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
            "slots": Example(
                "Slotted()", ("x.a = [1]", "x.b = x", "x.a.append(1)", "del x.a", "del x.b")
            ),
            "slots and dict": Example(
                "slotted(a=1, c=2, d=3)", ("x.a = x", "x.e = [1]", "del x.c", "x.e.append(2)")
            ),
            "inherited": Example("Inherited()", ATTRIBUTES),
            "mangled slots": Example(
                "Mangled()", ("x.hide([1])", "x.seek().append(1)", "x.shown = x")
            ),
            "class of an instance": Example(
                "with_attributes(a=1)",
                ("x.__class__ = Inherited", "x.b = 1", "x.__class__ = Plain"),
            ),
            "abstract": Example("Worker()", ("x.done = [1]", "x.done.append(2)")),
            "dataclass": Example("Data([1])", ("x.a.append(1)", "x.b = 2", "x.extra = 1")),
            "frozen dataclass": Example(
                "Frozen([1])", ("x.a.append(1)", "object.__setattr__(x, 'b', 5)")
            ),
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
        },
        prelude=PRELUDE,
        how="class, slots, `__dict__`",
    ),
    Family(
        "functions, closures, methods, partials, properties, weak references",
        {
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
                (
                    "x[0].cell_contents = 5",
                    "x[1].cell_contents.append(1)",
                    "del x[0].cell_contents",
                ),
            ),
            "lambda": Example(
                "lambda a=inner: a",
                ("x.__defaults__[0].append(1)", "inner = [7]; x.__defaults__ = (inner,)"),
            ),
            "bound method": Example("Worker().work", ("x.__self__.done = 1",)),
            "bound method of many": Example(
                "[Data([1]).__eq__] * 2", ("x[0].__self__.a.append(1)",)
            ),
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
            "partialmethod": Example(
                "functools.partialmethod(plain, inner)", ("x.args[0].append(1)",)
            ),
            "property": Example("[property(plain, plain)]", ("x[0].fget.note = [1]",)),
            "property subclass": Example(
                "[MyProperty(plain)]", ("x[0].fget.note = [1]", "x[0].more = 5")
            ),
            "staticmethod": Example("staticmethod(plain)", ("x.__func__.note = [1]", "x.more = 1")),
            "classmethod": Example("classmethod(plain)", ("x.__func__.note = [1]", "x.more = 1")),
            "cached_property": Example(
                "functools.cached_property(plain)",
                ("x.func.note = 1", "x.attrname = 'q'"),
            ),
            "singledispatchmethod": Example("operator.itemgetter(inner)", ("inner.append(1)",)),
            "weak reference": Example(
                "[p := Plain(), weakref.ref(p)]", ("x[0].a = 1", "x.append(x[1])")
            ),
        },
        prelude=PRELUDE,
        how="code, defaults, attributes, closure cells; what they are made of",
    ),
    Family(
        "classes of the notebook",
        {
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
            "class with slots": Example(
                "Slotted", ("x.more = [1]", "x.more.append(2)"), copies=False
            ),
            "class attribute order": Example(
                "Plain", ("x.one = 1", "x.two = 2", "del x.one", "x.one = 1"), copies=False
            ),
        },
        prelude=PRELUDE,
        how="bases and attributes, put back into the one class object",
    ),
    Family(
        "exceptions",
        {
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
                "UnicodeDecodeError('utf8', b'abc', 0, 1, 'why')",
                ("x.start = 1", "x.reason = 'odd'"),
            ),
            "ImportError": Example("ImportError('m', name='n', path='p')", ("x.path = 'q'",)),
            "SyntaxError": Example(
                "SyntaxError('bad', ('f', 1, 2, 'text', 1, 3))",
                ("x.lineno = 7", "x.text = 'other'"),
            ),
            "AttributeError": Example(
                "AttributeError('m', name='n', obj=inner)", ("x.obj.append(1)", "x.name = 'k'")
            ),
            "exception group": Example(
                "ExceptionGroup('g', [ValueError([1]), TypeError()])",
                ("x.exceptions[0].args[0].append(1)", "x.add_note('n')"),
            ),
        },
        prelude=PRELUDE,
        how="arguments, cause, context, attributes",
        limits=(
            Limit(
                "the traceback",
                ("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    x = error", "del x"),
                "x.__traceback__ is None",
            ),
        ),
    ),
    Family(
        "bytearray, array.array, memoryview",
        {
            "bytearray": Example(
                "bytearray(b'abc')",
                ("x[0] = 0", "x.append(5)", "x.clear()", "x.extend(b'x' * 100)"),
            ),
            "bytearray subclass": Example(
                "MyBytearray(b'abc')", ("x[0] = 0", "x.append(5)", *ATTRIBUTES)
            ),
            "big bytearray": Example(
                "bytearray(3_000_000)", ("x[2_500_000] = 1", "x.append(5)", "del x[:1_000_000]")
            ),
            "array": Example(
                "array.array('d', [1, 2])",
                ("x[0] = -0.0", "x.append(3)", "x.pop()", "x.byteswap()"),
            ),
            "unicode array": Example("array.array('u', 'text')", ("x[0] = 'T'", "x.append('!')")),
            "memoryview": Example(
                "[b := bytearray(b'abcdef'), memoryview(b)[1:4]]",
                ("x[1][0] = 5", "x[0][5] = 6"),
            ),
            "released memoryview": Example(
                "(lambda b, m: m.release() or [b, m])(b := bytearray(b'abc'), memoryview(b))",
                ("x[0].append(4)", "del x[0][:2]"),
            ),
            "memoryview of an array": Example(
                "memoryview(array.array('i', [1, 2]))", ("x[0] = 5",)
            ),
            "memoryview read-only": Example(
                "[memoryview(inner_bytes := bytearray(b'abc')).toreadonly(), inner_bytes]",
                ("x[1][0] = 5",),
            ),
            "memoryview of two axes": Example(
                "memoryview(bytearray(12)).cast('B', (3, 4))", ("x[1, 2] = 5",)
            ),
            "memoryview of bytes": Example("[memoryview(b'abc')]", ("x.append(1)",)),
        },
        prelude=PRELUDE,
        how="memory in chunks; a view as a place",
    ),
    Family(
        "random generators",
        {
            "Random": Example("random.Random(1)", ("x.random()", "x.gauss(0, 1)", "x.seed(5)")),
            "Random subclass": Example("MyRandom(1)", ("x.random()", *ATTRIBUTES)),
            "Generator": Example(
                "np.random.default_rng(1)",
                ("x.random()", "x.normal(size=3)", "x.integers(5, dtype='u1')"),
            ),
            "Generator and its bits": Example(
                "(lambda g: [g, g.bit_generator])(np.random.default_rng(1))",
                ("x[0].random()", "x[1].random_raw()"),
            ),
            "BitGenerator": Example("np.random.PCG64(1)", ("x.random_raw()", "x.advance(3)")),
            "Generator on MT19937": Example(
                "np.random.Generator(np.random.MT19937(1))", ("x.random()", "x.normal()")
            ),
            "Generator on Philox": Example(
                "np.random.Generator(np.random.Philox(1))", ("x.random()",)
            ),
            "RandomState": Example(
                "np.random.RandomState(1)", ("x.rand()", "x.randn()", "x.seed(3)")
            ),
            "global generators": Example(
                "[]",
                (
                    "x.append(random.random())",
                    "x.append(np.random.rand())",
                    "random.seed(5); x.append(1)",
                ),
            ),
        },
        prelude=PRELUDE,
        how="their whole state; the global ones with every state of the session",
    ),
    Family(
        "iterators, streams in memory, and what else Python has in C",
        {
            "list iterator": Example("iter([1, [2], 3])", ("next(x)", "next(x).append(1)")),
            "shared list iterator": Example(
                "[iter(inner), inner]", ("next(x[0])", "x[1].append(2)")
            ),
            "iterator over what holds it": Example(
                "(lambda l: (l.append(iter(l)), l)[1])([1, 2])",
                ("next(x[2])", "x.append(3)", "next(x[2])"),
            ),
            "tuple iterator": Example("iter((1, [2]))", ("next(x)",)),
            "string iterator": Example("iter('text')", ("next(x)",)),
            # From 3.12 on it says what is left, not where it is.
            "range iterator": Example(
                "iter(range(5))", ("next(x)",), in_place=sys.version_info < (3, 12)
            ),
            "iterators at their end": Example(
                "[iter([1]), reversed([1]), iter((1,)), reversed((2,)), iter('a'), iter('\u20ac'),"
                " iter(b'a'), iter(bytearray(1)), iter(array.array('b', [1])),"
                " iter(Numbered()), itertools.chain([1]), itertools.islice([1], 1)]",
                ("for one in x: next(one)", "for one in x: next(one, None)", "x.append(2)"),
                in_place=False,
            ),
            "enumerate": Example("enumerate([5, [6]])", ("next(x)",), in_place=False),
            "zip": Example("zip([1, 2], 'ab')", ("next(x)",)),
            "map": Example("map(str, [1, 2])", ("next(x)",)),
            "reversed": Example("reversed([1, 2])", ("next(x)",)),
            "dict views": Example(
                "(lambda d: [d.keys(), d.values(), d.items(), d])({'a': [1]})",
                ("x[3]['b'] = 2", "x[3]['a'].append(1)"),
            ),
            "dict view alone": Example("{'a': [1]}.items()", ("list(x)[0][1].append(1)",)),
            "BytesIO": Example(
                "io.BytesIO(b'abc')", ("x.write(b'z')", "x.seek(0)", "x.truncate(2)")
            ),
            "StringIO": Example(
                "io.StringIO('abc')", ("x.write('z')", "x.seek(0)", "x.truncate(2)")
            ),
            "lru_cache": Example("[functools.lru_cache(plain)]", ("x.append(1)",)),
            "generic alias": Example(
                "[list[int], int | str, typing.Optional[int], typing.TypeVar('T')]", ("x.pop()",)
            ),
            "template": Example(
                "[re.match('a', 'abc'), __import__('string').Template('$a')]",
                ("x[1].template = '$b'",),
                saved="a match of a pattern can't be pickled",
            ),
            "argparse": Example(
                "__import__('argparse').ArgumentParser('p')",
                ("x.add_argument('--a')", "x.prog = 'q'"),
            ),
            "decimal context": Example("decimal.Context(prec=5)", ("x.prec = 9",)),
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
        },
        prelude=PRELUDE,
        how="taken apart by `__reduce_ex__`, compared by value",
    ),
]
