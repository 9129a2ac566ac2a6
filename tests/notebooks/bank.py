# %%
# Lesson 7: objects
import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from enum import Enum


# %%
class Account:
    """A bank account."""
    count = 0
    fees = {"transfer": 1}

    def __init__(self, owner, balance=0):
        self.owner, self.balance = owner, balance
        self.history = []
        Account.count += 1

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("a deposit is positive")
        self.balance += amount
        self.history.append(("deposit", amount))
        return self

    def __repr__(self):
        return f"<{type(self).__name__} of {self.owner}: {self.balance}>"

ann, bob = Account("Ann", 100), Account("Bob")
ann

# %%
ann.deposit(50).deposit(5)
bob.nickname = "B."
vars(bob), Account.count

# %% raises
ann.deposit(-1)

# %%
class Savings(Account):
    rate = .02
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self._notes = {}
    def year(self):
        return self.deposit(self.balance * self.rate)
    @property
    def notes(self):
        return self._notes
    @classmethod
    def for_children(cls, name):
        return cls(f"little {name}", 10)
    @staticmethod
    def advice():
        return "save!"
eve = Savings.for_children("Eve")
eve.year()

# %%
eve.notes["card"] = "lost"
accounts = {a.owner: a for a in (ann, bob, eve)}
accounts["Ann"].partner = bob
bob.partner = ann                       # a cycle
accounts

# %%
def withdraw(self, amount):
    self.balance -= amount + Account.fees["transfer"]
    self.history.append(("withdraw", amount))
    return self
Account.withdraw = withdraw             # now all of them can
eve.withdraw(3), ann.withdraw(10)

# %%
Account.fees["transfer"] = 2
Savings.rate = .05
Account.count, eve.year().balance

# %%
# redefined while there are instances: the old ones stay what they were
class Account:
    count = 0
    def __init__(self, owner):
        self.owner = owner
new = Account("New")
isinstance(ann, Account), isinstance(eve, Savings), type(ann) is type(new)

# %% raises
Savings("Sam").withdraw()

# %%
ann.__class__ = Account
ann.balance, ann.__dict__.keys(), hasattr(ann, "deposit")

# %%
class Shape(ABC):
    registry = []
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        Shape.registry.append(cls)
    @abstractmethod
    def area(self): ...

@dataclass
class Square(Shape):
    side: float = 1
    tags: list = field(default_factory=list)
    def area(self):
        return self.side ** 2

@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)
Square(3), Point(1) + Point(2, 5), Shape.registry

# %% raises
Shape()

# %%
s = Square(2)
t = copy.copy(s)
t.tags.append("shared")
s.side = 5
s, t, replace(s, side=1)

# %% raises
Point(1).x = 2

# %%
class Color(Enum):
    RED = 1
    GREEN = 2
    def mix(self, other):
        return {self.name, other.name}
paint = {Color.RED: [s], Color.GREEN: []}
paint[Color.GREEN].append(Color.RED.mix(Color.GREEN))
paint[Color.GREEN]

# %%
class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, a):
        self.a = a
class Validated:
    def __set_name__(self, owner, name):
        self.name = "_" + name
    def __get__(self, obj, cls):
        return self if obj is None else getattr(obj, self.name, 0)
    def __set__(self, obj, value):
        checks.append(value)
        setattr(obj, self.name, value)
class Item:
    price = Validated()
checks = []
slot, item = Slotted([1]), Item()
item.price = 3; slot.a.append(item)
checks, slot.a[1] is item

# %%
slot.b = slot
del slot.a
item.price += 4
hasattr(slot, "a"), item.price, checks

# %%
class Stack(list):
    pushed = 0
    def push(self, value):
        self.append(value); self.pushed += 1
    def __iter__(self):
        return reversed(list(super().__iter__()))
stack = Stack("ab")
stack.push(ann); stack.label = "mine"
list(stack), stack.pushed

# %%
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
tick = counter(); tick(); tick()
on_change = [tick, ann.__init__, eve.deposit]
on_change[2](7)

# %%
tick(), on_change[2].__self__ is eve, eve.balance

# %%
with_context = []
class Tracer:
    def __enter__(self):
        with_context.append("in"); return self
    def __exit__(self, *exc):
        with_context.append(exc[0]); return True
with Tracer() as tracer:
    1 / 0
with_context

# %%
del Account.count, accounts
Square.side = 9
Square().side, Square.__dataclass_fields__["side"].default
