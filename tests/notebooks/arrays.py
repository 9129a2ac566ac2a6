# %%
# What numpy can do besides arithmetic: views, records, masks, files, iterators.
import numpy as np
import numpy.ma as ma

np.set_printoptions(precision=3)
np.random.seed(0)

# %%
grid = np.zeros((20, 20))
grid[8:12, 8:12] = 1
inner = grid[1:-1, 1:-1]


def relax(times):
    for _ in range(times):
        inner[:] = (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:]) / 4


relax(5)
grid.sum()

# %%
old = np.seterr(divide="ignore")
with np.errstate(all="ignore"):
    q = np.log(grid)
np.isneginf(q).sum()

# %%
people = np.array(
    [("Ann", 30, 1.7), ("Bob", 25, 1.8)], dtype=[("name", "U10"), ("age", "i4"), ("h", "f8")]
)
people["age"][0] = 31
rec = people.view(np.recarray)
first = people[0]
first["age"] = 99
people, rec.age

# %%
people = np.sort(people, order="age")
rec.h[:] = 2
people["h"], rec.h

# %%
m = ma.masked_greater(np.arange(6.0), 3)
m[0] = ma.masked
m.data[1] = 77
m, m.mean()

# %%
m.mask[5] = False
m.set_fill_value(-1)
m.filled()

# %%
from numpy.lib.stride_tricks import as_strided, sliding_window_view

base = np.arange(10)
win = sliding_window_view(base, 3)
wr = as_strided(base, (4, 4), (8, 8))
wr[0, 1] = 50
win[0], base[:3]

# %%
mm = np.memmap("data.bin", dtype="f4", mode="w+", shape=(4,))
mm[:] = range(4)
mm.flush()
total = mm.sum()
total

# %%
del mm
E = np.einsum("ij,jk->ik", grid[:3], grid[:, :3])
F = np.fft.fft(grid[10])
F[0] = 0
back = np.fft.ifft(F).real
w, V = np.linalg.eigh(np.cov(np.random.rand(3, 9)))
w

# %%
V[:, 0] *= -1
V.T.flags.c_contiguous, np.linalg.norm(V)

# %% raises
grid.reshape(3, 7)

# %%
grid.shape = (4, 100)
inner.shape, grid.shape

# %%
rows = np.array([[1, 2], [3]], dtype=object)
rows[1].append(rows)
texts = np.array(["a", "bb"])
texts[0] = "cccc"
texts, len(rows[1])

# %%
rng = np.random.default_rng(5)
streams = rng.spawn(2)
a = rng.permuted(np.arange(5)), streams[0].normal()
rng.shuffle(base)
a

# %%
it = np.nditer(base[:3], flags=["f_index"])
next(it)
x, *_ = it
poly = np.polynomial.Polynomial([1, 2, 3])
poly.coef[0] = 9
p1 = np.poly1d([1, 2])
p1[0] = 5
poly(2), p1(1)

# %%
f = np.vectorize(lambda v, acc=[]: (acc.append(v), len(acc))[1])
f(np.arange(3))

# %%
u = np.frompyfunc(lambda a, b: a + b, 2, 1)
u.accumulate(np.arange(4), dtype=object)

# %%
b2 = np.broadcast_to(np.arange(3), (2, 3))
ro = np.arange(3)
ro.flags.writeable = False
mat = np.matrix("1 2; 3 4")
mat[0, 0] = 7
scalar = np.array(5)
scalar[()] = 6
mat * mat, scalar

# %%
np.seterr(**old)
base.resize(4, refcheck=False) if False else base.fill(2)
inner is None, base, win.sum()
