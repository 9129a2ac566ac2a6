"""Functions, classes and values as notebooks have them, and what they answer when asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A cell, and expressions over its variables."""

    cell: str
    """What is run."""
    asks: tuple[str, ...]
    """Expressions that must give the same wherever the variables are."""


CASES: dict[str, Case] = {
    # functions
    "function": Case(
        "rate = 3\ndef times(n, by=[2], *, more={'k': 1}):\n    'Multiply.'\n"
        "    return n * by[0] * rate + more['k']\ntimes.note = [1]",
        (
            "times(5)",
            "times.__doc__, times.note, times.__defaults__, times.__kwdefaults__",
            "times.__module__, times.__qualname__, times.__globals__ is globals()",
        ),
    ),
    "annotations": Case(
        "def annotated(a: int, b: 'list[str]' = ()) -> dict[str, int]:\n    return a",
        ("annotated.__annotations__", "annotated(4)"),
    ),
    "closures that share": Case(
        "def pair():\n    count = 0\n    seen = []\n    def step():\n        nonlocal count\n"
        "        count += 1\n        seen.append(count)\n        return count\n"
        "    return step, lambda: (count, seen)\nstep, look = pair()\nstep()",
        ("look()", "step(), look()", "step.__closure__[0] is look.__closure__[0]"),
    ),
    "globals written": Case(
        "tally = 0\ndef bump():\n    global tally\n    tally += 1\n    return tally\nbump()",
        ("bump()", "tally"),
    ),
    "functions that call one another": Case(
        "def even(n): return True if n == 0 else odd(n - 1)\n"
        "def odd(n): return False if n == 0 else even(n - 1)",
        ("even(10), odd(7), even(7)",),
    ),
    "lambda in a dict": Case(
        "table = {'square': lambda n: n * n, 'twice': lambda n, k=2: n * k}",
        ("table['square'](7), table['twice'](7)",),
    ),
    "decorated": Case(
        "import functools\ndef loud(f):\n    calls = []\n    @functools.wraps(f)\n"
        "    def inner(*a):\n        calls.append(a)\n        return f(*a), len(calls)\n"
        "    return inner\n@loud\ndef spoken(n):\n    'Speak.'\n    return n + 1\nspoken(1)",
        ("spoken(2)", "spoken.__name__, spoken.__doc__, spoken.__wrapped__(5)"),
    ),
    "decorated by a library": Case(
        "import contextlib\n@contextlib.contextmanager\ndef within(n):\n    yield n + 1",
        ("[(v, None) for v in [within(3).__enter__()]]", "within.__name__"),
    ),
    "cached": Case(
        "import functools\n@functools.lru_cache(maxsize=50)\ndef fib(n):\n"
        "    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(5);",
        ("fib(30), fib.cache_info().maxsize", "fib.__wrapped__.__name__, fib.__name__"),
    ),
    "cached method": Case(
        "import functools\nclass Slow:\n    @functools.cache\n    def work(self): return 42\n"
        "    @functools.cached_property\n    def once(self): return [1]\nslow = Slow()",
        ("slow.work()", "slow.once is slow.once"),
    ),
    "dispatched": Case(
        "import functools\n@functools.singledispatch\ndef kind_of(v): return 'any'\n"
        "@kind_of.register\ndef _(v: int): return 'int'",
        ("kind_of(3), kind_of('a'), kind_of(True)",),
    ),
    "partial": Case(
        "import functools, operator\nbase = [1]\nadd = functools.partial(operator.add, base)\n"
        "power = functools.partial(pow, exp=2)",
        ("add([2]), power(5)", "add.args[0] is base"),
    ),
    "generator function": Case(
        "def upto(n):\n    yield from range(n)", ("list(upto(4))", "sum(upto(5))")
    ),
    "coroutine function": Case(
        "import asyncio\nasync def later(n):\n    await asyncio.sleep(0)\n    return n * 2",
        ("asyncio.run(later(4))",),
    ),
    "methods kept": Case(
        "words = ['b', 'a']\nput = words.append\nclass Box:\n    def __init__(self): self.v = []\n"
        "    def add(self, n): self.v.append(n); return self.v\nbox = Box()\nadder = box.add",
        ("adder(1) is box.v", "put('c'), words", "adder.__self__ is box"),
    ),
    # classes
    "inheritance": Case(
        "class Animal:\n    legs = 4\n    def __init__(self, name): self.name = name\n"
        "    def speak(self): return 'I am ' + self.name\n"
        "class Dog(Animal):\n    def __init__(self, name):\n        super().__init__(name)\n"
        "    def speak(self): return super().speak() + '!'\nrex = Dog('rex')",
        ("rex.speak(), Dog('ace').speak()", "type(rex) is Dog, Dog.__mro__[1] is Animal"),
    ),
    "three ways of inheriting": Case(
        "class Top:\n    def go(self): return ['top']\n"
        "class Left(Top):\n    def go(self): return ['left', *super().go()]\n"
        "class Right(Top):\n    def go(self): return ['right', *super().go()]\n"
        "class Bottom(Left, Right):\n    def go(self): return ['bottom', *super().go()]\n"
        "bottom = Bottom()",
        ("bottom.go()", "[c.__name__ for c in Bottom.__mro__]"),
    ),
    "properties": Case(
        "class Celsius:\n    def __init__(self): self._t = 20\n    @property\n"
        "    def warm(self):\n        'Warmth.'\n        return self._t\n    @warm.setter\n"
        "    def warm(self, v): self._t = v\n    @classmethod\n"
        "    def cold(cls):\n        made = cls()\n        made.warm = -5\n        return made\n"
        "    @staticmethod\n    def scale(): return 'C'\ntoday = Celsius()",
        (
            "today.warm, Celsius.cold().warm, Celsius.scale()",
            "Celsius.warm.__doc__, type(Celsius.__dict__['cold'])",
            "setattr(today, 'warm', 7), today._t",
        ),
    ),
    "slots": Case(
        "class Packed:\n    __slots__ = ('a', '__hidden', '__weakref__')\n"
        "    def __init__(self): self.a = 1; self.__hidden = 2\n"
        "    def seek(self): return self.__hidden\n"
        "class Fuller(Packed):\n    __slots__ = ('c', '__dict__')\n"
        "packed = Packed()\nfuller = Fuller()\nfuller.c = 3\nfuller.d = 4",
        (
            "packed.seek(), packed.a, fuller.seek(), fuller.c, fuller.d",
            "hasattr(packed, '__dict__'), fuller.__dict__, Packed.__slots__, list(vars(Packed))",
        ),
    ),
    "nested classes": Case(
        "class Outer:\n    class Inner:\n        def me(self): return 'inner'\n"
        "    def make(self): return Outer.Inner()\nouter = Outer()\ninside = outer.make()",
        ("outer.make().me(), inside.me()", "type(inside) is Outer.Inner, Outer.Inner.__qualname__"),
    ),
    "class in a cycle": Case(
        "class Linked:\n    known = []\n    def __init__(self): Linked.known.append(self)\n"
        "one, two = Linked(), Linked()\none.next = two\ntwo.next = one\nLinked.first = one",
        (
            "Linked.known[0] is one, one.next.next is one, Linked.first is one",
            "type(Linked.known[1]) is Linked",
        ),
    ),
    "class from a function": Case(
        "def factory(n):\n    class Made:\n        def n(self): return n\n    return Made\n"
        "Three, Four = factory(3), factory(4)\nthree = Three()",
        ("three.n(), Four().n()", "type(three) is Three, Three is not Four"),
    ),
    "operators": Case(
        "class Vec:\n    def __init__(self, *v): self.v = v\n"
        "    def __add__(self, o): return Vec(*(a + b for a, b in zip(self.v, o.v)))\n"
        "    def __eq__(self, o): return self.v == o.v\n"
        "    def __hash__(self): return hash(self.v)\n"
        "    def __len__(self): return len(self.v)\n"
        "    def __getitem__(self, i): return self.v[i]\n"
        "    def __call__(self): return 'called'\n    def __repr__(self): return f'Vec{self.v}'\n"
        "    def __enter__(self): return self\n    def __exit__(self, *a): return True\n"
        "vec = Vec(1, 2)\nkeyed = {vec: 'found'}",
        (
            "vec + Vec(1, 1), vec == Vec(1, 2), len(vec), vec[1], vec(), list(vec)",
            "keyed[Vec(1, 2)], hash(vec) == hash(Vec(1, 2))",
        ),
    ),
    "attributes asked for": Case(
        "class Ghost:\n    def __getattr__(self, name): return 'no ' + name\n"
        "    def __setattr__(self, name, v): object.__setattr__(self, name, [v])\n"
        "ghost = Ghost()\nghost.real = 1",
        ("ghost.real, ghost.other", "ghost.__dict__"),
    ),
    "descriptors": Case(
        "class Positive:\n    def __set_name__(self, owner, name): self.name = '_' + name\n"
        "    def __get__(self, o, cls): return self if o is None else getattr(o, self.name)\n"
        "    def __set__(self, o, v): setattr(o, self.name, abs(v))\n"
        "class Account:\n    balance = Positive()\naccount = Account()\naccount.balance = -5",
        ("account.balance, account.__dict__, Account.balance.name",),
    ),
    "subclasses registered": Case(
        "class Plugin:\n    known = {}\n    def __init_subclass__(cls, *, key, **more):\n"
        "        super().__init_subclass__(**more)\n        Plugin.known[key] = cls\n"
        "class A(Plugin, key='a'): pass\nclass B(A, key='b'): pass\nplug = B()",
        (
            "sorted(Plugin.known), Plugin.known['b'] is B, type(plug) is B",
            "type('C', (Plugin,), {}, key='c') and sorted(Plugin.known)",
        ),
    ),
    "metaclass": Case(
        "class Meta(type):\n    made = []\n    def __new__(m, name, bases, ns, **kw):\n"
        "        c = super().__new__(m, name, bases, ns)\n        Meta.made.append(name)\n"
        "        return c\n    def __call__(cls, *a):\n        o = super().__call__(*a)\n"
        "        o.stamped = True\n        return o\n    def __len__(cls): return 7\n"
        "class Stamped(metaclass=Meta): pass\nstamped = Stamped()",
        ("Meta.made, len(Stamped), stamped.stamped", "Stamped().stamped, type(Stamped) is Meta"),
    ),
    "abstract": Case(
        "import abc\nclass Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\n"
        "    @property\n    @abc.abstractmethod\n    def name(self): ...\n"
        "class Square(Shape):\n    name = 'square'\n    def area(self): return 4\n"
        "@Shape.register\nclass Odd: pass\nsquare, odd_one = Square(), Odd()",
        (
            "square.area(), isinstance(square, Shape), isinstance(odd_one, Shape)",
            "sorted(Shape.__abstractmethods__), isinstance(5, Shape)",
        ),
    ),
    "collections' own": Case(
        "import collections.abc\nclass Deck(collections.abc.Sequence):\n"
        "    def __init__(self): self.c = list('abc')\n"
        "    def __len__(self): return len(self.c)\n"
        "    def __getitem__(self, i): return self.c[i]\n"
        "deck = Deck()",
        ("list(deck), 'b' in deck, list(reversed(deck)), deck.index('c')",),
    ),
    "generic": Case(
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Stack(Generic[T]):\n"
        "    def __init__(self): self.items: list[T] = []\n"
        "    def push(self, v: T) -> None: self.items.append(v)\n"
        "stack = Stack[int]()\nstack.push(1)\nalias = Stack[int]",
        (
            "stack.items, Stack[str], Stack.__parameters__, stack.__orig_class__",
            "alias() is not None",
        ),
    ),
    "protocol": Case(
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\n"
        "class Speaks(Protocol):\n    def speak(self) -> str: ...\n"
        "class Cat:\n    def speak(self): return 'meow'\ncat = Cat()",
        ("isinstance(cat, Speaks), isinstance(3, Speaks)",),
    ),
    "named tuples": Case(
        "import collections, typing\nPair = collections.namedtuple('Pair', 'x y', defaults=[0])\n"
        "class Point(typing.NamedTuple):\n    x: int\n    y: int = 2\n"
        "    def norm(self): return self.x + self.y\nspot, pair_of = Point(1), Pair(1)",
        (
            "spot, spot.norm(), spot._replace(x=5), Point._fields, Point._field_defaults",
            "pair_of, pair_of._asdict(), Pair._make([3, 4]), type(pair_of) is Pair",
        ),
    ),
    "typed dict": Case(
        "from typing import TypedDict\nclass Movie(TypedDict, total=False):\n    title: str\n"
        "movie: Movie = {'title': 'M'}",
        ("movie, Movie.__annotations__, Movie.__total__, Movie(title='N')",),
    ),
    "exceptions": Case(
        "class Failure(ValueError):\n    def __init__(self, code, *rest):\n"
        "        super().__init__(code, *rest)\n        self.code = code\n"
        "class Worse(Failure): pass\nfailure = Worse(3, 'x')\nfailure.__cause__ = KeyError('k')",
        (
            "failure.code, failure.args, repr(failure.__cause__), isinstance(failure, Failure)",
            "Worse(9).code",
        ),
    ),
    "module called otherwise": Case(
        "class Foreign: pass\nForeign.__module__ = 'elsewhere'\nforeign = Foreign()\n"
        "foreign.a = [1]",
        ("foreign.a, type(foreign) is Foreign, Foreign.__name__",),
    ),
    # dataclasses
    "dataclass": Case(
        "import dataclasses\nfrom dataclasses import dataclass, field\n@dataclass\nclass Item:\n"
        "    name: str\n    price: float = 1.5\n    tags: list = field(default_factory=list)\n"
        "    hidden: int = field(default=3, repr=False, compare=False, metadata={'m': 1})\n"
        "    def total(self): return self.price * 2\nitem = Item('a')",
        (
            "item, item.total(), Item('b', tags=['t']), item == Item('a')",
            "[f.name for f in dataclasses.fields(Item)], dataclasses.asdict(item)",
            "dataclasses.replace(item, name='z'), Item.__match_args__",
            "dataclasses.fields(Item)[0].default is dataclasses.MISSING",
            "dict(dataclasses.fields(Item)[3].metadata)",
        ),
    ),
    "dataclass frozen": Case(
        "@dataclass(frozen=True, order=True)\nclass Version:\n    major: int\n    minor: int = 0\n"
        "version = Version(1, 2)",
        ("version, version < Version(2), hash(version) == hash(Version(1, 2))",),
    ),
    "dataclass with slots": Case(
        "@dataclass(slots=True, kw_only=True)\nclass Slim:\n    a: int = 1\n    b: list = "
        "field(default_factory=list)\n    def grow(self):\n        self.b.append(self.a)\n"
        "        return self.b\nslim = Slim(a=5)",
        ("slim, slim.grow(), Slim(), hasattr(slim, '__dict__'), Slim.__slots__",),
    ),
    "dataclass frozen with slots": Case(
        "@dataclass(frozen=True, slots=True, eq=True)\nclass Ice:\n    a: object\n    b: int = 0\n"
        "@dataclass\nclass Derived(Item):\n    extra: int = 9\n"
        "ice, derived = Ice([1]), Derived('q')",
        ("ice, ice == Ice([1]), derived, derived.total(), isinstance(derived, Item)",),
    ),
    "dataclass with more": Case(
        "@dataclass\nclass Post:\n    a: int\n    b: int = field(init=False)\n"
        "    c: dataclasses.InitVar[int] = 2\n    def __post_init__(self, c): self.b = self.a + c\n"
        "post = Post(1)",
        ("post, Post(5, c=7)",),
    ),
    # enumerations
    "enum": Case(
        "import enum\nclass Colour(enum.Enum):\n    RED = 1\n    BLUE = enum.auto()\n"
        "    CRIMSON = 1\n"
        "    def loud(self): return self.name.upper()\n    @property\n"
        "    def soft(self): return self.name.lower()\nchosen = [Colour.RED, Colour.BLUE]",
        (
            "chosen, chosen[0] is Colour.RED, Colour(2), Colour['RED'], Colour.RED.loud()",
            "list(Colour), Colour.CRIMSON is Colour.RED, Colour.BLUE.soft, len(Colour)",
            "list(Colour.__members__), {Colour.RED: 1}[Colour.RED], Colour.RED in Colour",
            "Colour.RED == Colour.RED, hash(Colour.RED) == hash(chosen[0])",
        ),
    ),
    "flags": Case(
        "class Perm(enum.Flag):\n    R = enum.auto()\n    W = enum.auto()\n    X = enum.auto()\n"
        "both = Perm.R | Perm.W\nheld = {'both': both, 'none': Perm(0)}",
        (
            "both, Perm.R in both, Perm.X in both, both & Perm.R, both ^ Perm.W, ~Perm.R",
            "held['both'] is both, both is (Perm.R | Perm.W), held['none'] is Perm(0)",
            "both.value, list(Perm)",
        ),
    ),
    "enum of numbers": Case(
        "class Level(enum.IntEnum):\n    LOW = 1\n    HIGH = 10\n"
        "class Bits(enum.IntFlag):\n    A = 1\n    B = 2\n"
        "level, bits = Level.HIGH, Bits.A | Bits.B",
        (
            "level, level + 1, level > Level.LOW, Level(1), max(Level)",
            "bits, bits == 3, Bits.A in bits, bits is (Bits.A | Bits.B), bits & 8",
        ),
    ),
    "enum of strings": Case(
        "class Mode(enum.StrEnum):\n    FAST = enum.auto()\n    SLOW = 'slowly'\nmode = Mode.FAST",
        ("mode, mode + '!', Mode('slowly'), f'{mode}', mode == 'fast', {'fast': 1}[mode]",),
    ),
    "enum with a constructor": Case(
        "class Planet(enum.Enum):\n    EARTH = (5.97e24, 6.37e6)\n    MARS = (6.42e23, 3.39e6)\n"
        "    def __init__(self, mass, radius):\n        self.mass = mass\n"
        "        self.radius = radius\n    @property\n"
        "    def density(self): return round(self.mass / self.radius ** 3)\nhome_of = Planet.EARTH",
        ("home_of.mass, home_of.density, Planet((6.42e23, 3.39e6)).name, home_of.value",),
    ),
    "enum that makes its members": Case(
        "class Coord(bytes, enum.Enum):\n    def __new__(cls, value, label):\n"
        "        made = bytes.__new__(cls, [value])\n        made._value_ = value\n"
        "        made.label = label\n        return made\n    PX = (0, 'P.X')\n"
        "    VY = (3, 'V.Y')\n"
        "    @classmethod\n    def _missing_(cls, value): return cls.PX\ncoord = Coord.VY",
        ("coord.name, coord.label, Coord(3) is coord, bytes(coord), Coord(99) is Coord.PX",),
    ),
    "enum that numbers itself": Case(
        "class Suit(enum.Enum):\n    def _generate_next_value_(name, start, count, last):\n"
        "        return name.title()\n    SPADES = enum.auto()\n    HEARTS = enum.auto()\n"
        "suit = Suit.HEARTS",
        ("suit, Suit('Spades'), suit.value",),
    ),
    "enum over a dataclass": Case(
        "@dataclass(frozen=True)\nclass Trait:\n    size: int\n    fur: bool = True\n"
        "class Pet(Trait, enum.Enum):\n    BEETLE = 1, False\n    DOG = 4\npet = Pet.DOG",
        ("pet.size, pet.fur, Pet.BEETLE.fur, pet.name, isinstance(pet, Trait)",),
    ),
    "enum over dates": Case(
        "import datetime\nclass Feast(datetime.date, enum.Enum):\n    XMAS = 2024, 12, 25\n"
        "feast = Feast.XMAS",
        ("feast.month, feast.name, feast.isoformat(), feast < datetime.date(2025, 1, 1)",),
    ),
    # values of the standard library
    "times and zones": Case(
        "import datetime, zoneinfo\nberlin = zoneinfo.ZoneInfo('Europe/Berlin')\n"
        "noon = datetime.datetime(2024, 7, 1, 12, tzinfo=berlin, fold=1)\n"
        "span = datetime.timedelta(days=1, microseconds=5)\n"
        "fixed = datetime.timezone(datetime.timedelta(hours=2), 'two')",
        (
            "noon, noon.utcoffset(), noon.tzinfo is berlin, noon.fold, span, fixed",
            "berlin is zoneinfo.ZoneInfo('Europe/Berlin')",
        ),
    ),
    "numbers": Case(
        "import decimal, fractions\ncost = decimal.Decimal('1.10')\n"
        "half = fractions.Fraction(1, 2)\n"
        "huge = 7 ** 500\nodd_floats = [float('nan'), float('inf'), -0.0, 1e-320]\nz = 1 - 2j",
        ("cost, half, huge, [repr(f) for f in odd_floats], z, cost + 1",),
    ),
    "texts": Case(
        "import re, pathlib, uuid, string\nword = re.compile(r'(\\w+)', re.I)\n"
        "where = pathlib.Path('a') / 'b'\nident = uuid.UUID(int=7)\n"
        "odd_text = 'caf\\u00e9 \\ud800 \\U0001f600'\ntemplate = string.Template('$x')",
        ("word.findall('ab cd'), word.flags, where, ident, odd_text, template.substitute(x=1)",),
    ),
    "modules": Case(
        "import math, os.path, collections.abc\nimport numpy as np\nmods = [math, os.path]",
        ("math.pi, np.arange(2).tolist(), mods[0] is math, mods[1] is __import__('os').path",),
    ),
    "loggers": Case(
        "import logging\nlog = logging.getLogger('study.part')\nclass Worker:\n"
        "    log = logging.getLogger('study')\nworker = Worker()",
        (
            "log is logging.getLogger('study.part'), worker.log is logging.getLogger('study')",
            "log.name",
        ),
    ),
    "locks": Case(
        "import threading\nclass Safe:\n    def __init__(self):\n        self.lock = "
        "threading.Lock()\n        self.again = threading.RLock()\n        self.n = 0\n"
        "    def add(self):\n        with self.lock, self.again:\n            self.n += 1\n"
        "            return self.n\nsafe = Safe()\nsame_lock = safe.lock",
        ("safe.add()", "same_lock is safe.lock, same_lock.locked()"),
    ),
    "queues": Case(
        "import queue\nq = queue.Queue()\nq.put([1])\nq.put('two')",
        ("q.qsize(), q.get_nowait(), q.get_nowait(), q.empty()",),
    ),
    "weak collections": Case(
        "import weakref\nclass Key: pass\nkey = Key()\nnoted = weakref.WeakKeyDictionary()\n"
        "noted[key] = 1\nheld_weakly = weakref.WeakSet([key])\n"
        "by_name = weakref.WeakValueDictionary(a=key)",
        ("type(noted).__name__, type(held_weakly).__name__, type(by_name).__name__",),
    ),
    # random numbers
    "random generators": Case(
        "import random\nimport numpy as np\nown = random.Random(3)\nown.random()\n"
        "rng = np.random.default_rng(5)\nrng.normal(size=3)\nold = np.random.RandomState(7)\n"
        "old.rand()\nrandom.seed(11)\nnp.random.seed(12)\nrandom.random(), np.random.rand();",
        (
            "own.random(), own.gauss(0, 1)",
            "rng.normal(), rng.integers(100)",
            "old.randn(), old.randn()",
        ),
    ),
    # arrays
    "arrays": Case(
        "import numpy as np\nrecords = np.zeros(2, np.dtype([('i', 'i4'), ('f', 'f8', (2,))], "
        "metadata={'unit': 'kg'}))\nrecords['i'] = 5\nscalar = np.float32(1.5)\n"
        "record = records[1]\nmasked = np.ma.array([1.0, 2.0], mask=[0, 1], fill_value=9)\n"
        "grid = np.arange(12.0).reshape(3, 4)\nrow = grid[1]\nback = grid.T[::-1]\n"
        "when = np.datetime64('2020-01-01T05')\nmix = np.array([1, [2], None], object)",
        (
            "records, records.dtype.metadata, repr(scalar), record, masked, masked.fill_value",
            "row, back, np.shares_memory(row, grid), np.shares_memory(back, grid), when, mix",
            "record.base is records or np.shares_memory(record, records)",
            "row.__iadd__(1).sum(), grid[1]",
            "back.flags.f_contiguous, grid.strides, grid.flags.owndata",
        ),
    ),
    "array classes": Case(
        "class Unit(np.ndarray):\n    def __new__(cls, v, unit):\n"
        "        made = np.asarray(v).view(cls)\n        made.unit = unit\n        return made\n"
        "    def __array_finalize__(self, o): self.unit = getattr(o, 'unit', None)\n"
        "metres = Unit([1.0, 2.0], 'm')",
        ("metres, metres.unit, (metres * 2).unit, type(metres) is Unit",),
    ),
}
"""Name -> case; the cells run one after the other in one session."""
