# %%
# Closures, caches, names shadowed, exec and eval, modules made by hand.
from functools import partial, lru_cache, reduce, cache, cmp_to_key
from operator import itemgetter, attrgetter, methodcaller
import math as m, sys, builtins, types


# %%
def make_counter(start=0):
    n = start

    def inc(by=1):
        nonlocal n
        n += by
        return n

    def get():
        return n

    return inc, get


inc, get = make_counter(5)
inc()
inc(2)
get()


# %%
@lru_cache(maxsize=3)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


fib(20), fib.cache_info().currsize

# %%
calls = []


@cache
def slow(x):
    calls.append(x)
    return [x]


slow(1).append("mut")
slow(1), slow(2), calls

# %%
slow.cache_clear()
slow(1), calls

# %%
add = lambda a, b, *c, k=0: a + b + sum(c) + k
p = partial(add, 1, k=10)
pp = partial(p, 2)
p.note = []
pp(3), p.func is add

# %%
fs = [lambda: i for i in range(3)]
gs = [lambda i=i: i for i in range(3)]
[f() for f in fs], [g() for g in gs]

# %%
compose = lambda *f: reduce(lambda a, b: lambda x: b(a(x)), f)
pipeline = compose(str.strip, methodcaller("upper"), itemgetter(slice(0, 2)))
pipeline("  hello ")

# %%
list = [1, 2]  # a name shadowed
sum = lambda *a: "sum"
sum(list)

# %% raises
list((1, 2))

# %%
del list, sum
list((1, 2)), sum([1, 2])

# %%
total = 0


def bump(by=1):
    global total, fresh
    total += by
    fresh = [total]
    globals()["viaglobals"] = by


bump(3)
total, fresh, viaglobals

# %%
exec("dyn = [total]; bump()")
code = compile("dyn.append(total)", "x", "exec")
exec(code)
eval("dyn + fresh")

# %%
ns = {"total": 100}
exec("total += 1; def_ = lambda: total", ns)
ns["def_"](), total, sorted(k for k in ns if k != "__builtins__")

# %%
locals()["injected"] = 1
injected, "injected" in globals()

# %%
ops = {"+": lambda a, b: a + b, "max": max, "m": m.sqrt, "self": None}
ops["self"] = ops
ops["bound"] = calls.append
ops["bound"](99)
calls, ops["m"](9)


# %%
def f(x, cache={}):
    """Doc."""
    cache[x] = cache.get(x, 0) + 1
    return cache


f(1)
f(1)
f.attr = f
f.__doc__ = "changed"
f.__defaults__[0]


# %%
def f(x):
    return "new f"


f(1)

# %%
inc.__closure__[0].cell_contents = 100
get(), inc()

# %%
make_counter.__defaults__ = (50,)
make_counter.__code__ = (lambda start=0: start).__code__
make_counter()

# %%
_, __, Out[len(Out) and max(Out)] if Out else None

# %%
k = [1, 2, 3]
a, *b = k
k2 = k[:]
k[0] = k
del k[1:]
(x := 5) + x, [y for y in b if (z := y)], z, len(k)

# %%
m.tau2 = 2 * m.tau
builtins.mine = [7]
mod = types.ModuleType("mod")
mod.v = []
mine, mod.v.append(1)

# %%
del builtins.mine, inc
get()

# %%
ns = {"total": 100}
exec("total += 1\ndef f(): return total\nclass K:\n    def go(self): return total", ns)
f = ns["f"]
k = ns["K"]()
k.items = [1]
f(), k.go()

# %%
ns["total"] = 5
k.items.append(k)
f(), k.go()

# %%
exec("total *= 2", ns)
f(), k.go(), ns["K"].__name__

# %%
import types

mod = types.ModuleType("mymod")
exec("state = []\ndef push(x): state.append(x); return state", mod.__dict__)
mod.push(1)

# %%
mod.push(2), mod.state

# %%
import runpy

open("s.py", "w").write("data = [1]\ndef add(x): data.append(x); return data")
g = runpy.run_path("s.py")
g["add"](5)

# %%
g["add"](6), f.__globals__ is ns, k.items
