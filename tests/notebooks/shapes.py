# %%
# A course on classes: abstract ones, slots, descriptors, metaclasses, enums, generics.
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from enum import Enum, Flag, auto, IntEnum
from functools import (
    cached_property,
    singledispatch,
    total_ordering,
    wraps,
    lru_cache,
    partial,
    reduce,
    singledispatchmethod,
)
from typing import Protocol, NamedTuple, Generic, TypeVar, ClassVar
import contextlib, weakref, copy


# %%
class Shape(ABC):
    registry = []

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        Shape.registry.append(cls)

    @abstractmethod
    def area(self): ...
    @property
    def name(self):
        return type(self).__name__


class Sq(Shape):
    __slots__ = ("side",)

    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Circle(Shape):
    def __init__(self, r):
        self._r = r

    @property
    def r(self):
        return self._r

    @r.setter
    def r(self, v):
        if v < 0:
            raise ValueError("no")
        self._r = v

    def area(self):
        return 3 * self._r**2

    @cached_property
    def heavy(self):
        return [self._r] * 2


shapes = [Sq(2), Circle(1)]
[s.area() for s in shapes], [c.__name__ for c in Shape.registry]

# %% raises
shapes[1].r = -1

# %% raises
Shape()

# %%
shapes[1].r = 5
shapes[1].heavy.append(0)
shapes[0].side = 7
sum(s.area() for s in shapes)


# %%
class Meta(type):
    made = {}

    def __new__(mcs, name, bases, ns, **kw):
        ns["tag"] = name.lower()
        cls = super().__new__(mcs, name, bases, ns)
        mcs.made[name] = cls
        return cls

    def __call__(cls, *a, **k):
        obj = super().__call__(*a, **k)
        cls.count = getattr(cls, "count", 0) + 1
        return obj


class Thing(metaclass=Meta):
    pass


class Sub(Thing):
    pass


Thing()
Sub()
Sub()
Thing.count, Sub.count, list(Meta.made)


# %%
class Typed:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, obj, owner=None):
        return self if obj is None else getattr(obj, self.name, None)

    def __set__(self, obj, v):
        if not isinstance(v, int):
            raise TypeError(self.name)
        setattr(obj, self.name, v)


class Acc:
    bal = Typed()
    log: ClassVar[list] = []

    def __init__(self, b):
        self.bal = b

    def __iadd__(self, o):
        self.bal += o
        self.log.append(o)
        return self

    def __getattr__(self, n):
        return f"no {n}"

    def __len__(self):
        return self.bal

    def __eq__(self, o):
        return isinstance(o, Acc) and self.bal == o.bal

    __hash__ = None


acc = Acc(5)
acc += 3
acc.bal, acc.missing, len(acc), Acc.log

# %% raises
acc.bal = "x"


# %%
@dataclass(order=True)
class Item:
    price: float
    name: str = field(compare=False)
    tags: list = field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True)
class Pt:
    x: int
    y: int = 0
    extra: dict = field(default_factory=dict)


items = [Item(2, "b"), Item(1, "a")]
items[0].tags.append(items)
p = Pt(1)
p.extra["k"] = p
q = replace(p, x=2)
sorted(items)[0].name, q.extra is p.extra


# %%
class Color(Enum):
    RED = 1
    GREEN = auto()

    def __init__(self, v):
        self.seen = []


class Perm(Flag):
    R = auto()
    W = auto()


Color.RED.seen.append("x")
perm = Perm.R | Perm.W
perm ^= Perm.R
Color(2), perm, Color.RED.seen


# %%
def counted(f):
    @wraps(f)
    def inner(*a, **k):
        inner.calls += 1
        return f(*a, **k)

    inner.calls = 0
    return inner


@counted
def add(a, b=[]):
    b.append(a)
    return len(b)


add(1), add(2), add.calls


# %%
@singledispatch
def show(x):
    return "obj"


@show.register
def _(x: int):
    return "int"


@show.register(list)
def _(x):
    return "list"


show(1), show([]), show("s")


# %%
@show.register(Shape)
def _shape(x):
    return x.name


show(shapes[0])


# %%
class Acc:  # again, with instances alive
    def __init__(self, b):
        self.bal = b

    def hello(self):
        return "new"


isinstance(acc, Acc), acc.hello, Acc(1).hello()


# %%
@contextlib.contextmanager
def managed(log):
    log.append("in")
    try:
        yield log
    finally:
        log.append("out")


log = []
with contextlib.suppress(ZeroDivisionError), managed(log) as l:
    l.append(1 / 0)
log


# %%
class Node:
    def __init__(self, v):
        self.v, self.kids, self.parent = v, [], None

    def add(self, k):
        k.parent = weakref.ref(self)
        self.kids.append(k)
        return k


root = Node(0)
kid = root.add(Node(1))
deep = copy.deepcopy(root)
wd = weakref.WeakValueDictionary(r=root, k=kid)
ws = weakref.WeakSet([kid])
kid.parent() is root, deep.kids[0].v, len(wd)

# %%
del root
kid.parent() is None, len(wd)

# %%
T = TypeVar("T")


class Stack(Generic[T]):
    def __init__(self):
        self.items: list[T] = []

    def push(self, x):
        self.items.append(x)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.items.clear()

    def __iter__(self):
        yield from self.items

    def __getitem__(self, i):
        return self.items[i]

    def __contains__(self, x):
        return x in self.items

    def __bool__(self):
        return False

    def __call__(self, x):
        return self.push(x)


s = Stack[int]()
s.push(1)(2)
list(s), 2 in s, bool(s)


# %%
class HasArea(Protocol):
    def area(self) -> float: ...


@total_ordering
class Ver:
    def __init__(s, *a):
        s.a = a

    def __eq__(s, o):
        return s.a == o.a

    def __lt__(s, o):
        return s.a < o.a

    def __repr__(s):
        return "v" + ".".join(map(str, s.a))


class NT(NamedTuple):
    a: int
    b: list = []


NT(1).b.append(5)
max(Ver(1, 2), Ver(1, 10)), NT(2)

# %%
Sq.area = lambda self: -1
Circle.extra = shapes
setattr(Shape, "hello", lambda self: "hi")
del Thing.tag
shapes[0].area(), shapes[1].hello(), Shape.registry.pop().__name__
