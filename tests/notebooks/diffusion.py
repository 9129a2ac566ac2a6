# %%
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# %%
N, dt, D = 48, .1, .5
u = np.zeros((N, N))
u[N//2 - 4:N//2 + 4, N//2 - 4:N//2 + 4] = 1.0
inner = u[1:-1, 1:-1]
u.sum()

# %%
lap = np.zeros_like(inner)
def laplace(out=lap):
    np.add(u[:-2, 1:-1], u[2:, 1:-1], out=out)
    out += u[1:-1, :-2]
    out += u[1:-1, 2:]
    out -= 4 * inner
    return out

def step(n=1):
    global t
    for _ in range(n):
        inner[...] += D * dt * laplace()
        t += dt

# %% raises
step()

# %%
t = 0.
step(10)
print(f"t = {t:.2f}, total = {u.sum():.4f}, max = {u.max():.4f}")

# %%
snaps = [u.copy()]
step(50); snaps.append(u.copy())
abs(snaps[1] - snaps[0]).max()

# %% again 6

# %%
# reflecting borders, by views of the edges
edges = u[0], u[-1], u[:, 0], u[:, -1]
for e in edges:
    e[:] = .01
u[0, :3], u[:3, -1]

# %%
u.flags.writeable = False

# %% raises
u[0, 0] = 1

# %%
u.flags.writeable = True
u.T[3] = 5          # a column, through the transpose
inner[:, 2][:3]

# %%
particles = np.zeros(30, dtype=[("pos", float, 2), ("vel", float, 2), ("alive", bool)])
rng = np.random.default_rng(11)
particles["pos"] = rng.uniform(0, N, (30, 2))
particles["vel"] = rng.normal(size=(30, 2))
particles["alive"] = True
particles[:2]

# %%
def move(p, dt=1.0):
    p["pos"] += p["vel"] * dt
    out = ((p["pos"] < 0) | (p["pos"] >= N)).any(axis=1)
    p["alive"][out] = False
    return out.sum()
[move(particles) for _ in range(12)], particles["alive"].sum()

# %%
live = particles[particles["alive"]]
live["vel"] *= -1
particles[particles["alive"]] = live
rec = particles.view(np.recarray)
rec.alive[:] = True
particles["alive"].all()

# %%
masked = np.ma.masked_greater(u, .02)
masked.mask.sum(), masked.mean()

# %%
masked[10, 10] = np.ma.masked
masked.harden_mask()
masked.mask[0, 0] = True
masked.count()

# %%
windows = sliding_window_view(u, (3, 3))
smooth = windows.mean(axis=(2, 3))
u[20:22, 20:22] = 7
windows[19, 19].max(), smooth.max()

# %%
buf = bytearray(64)
wave = np.frombuffer(buf, dtype=np.float32)
wave[:] = np.sin(np.linspace(0, 3, 16))
bytes(buf[:4])

# %%
buf[0:4] = b"\x00\x00\x80\x3f"
wave[0]

# %%
big = np.asfortranarray(rng.integers(0, 9, (40, 20)).astype(np.int16))
big.sort(axis=0)
big[::2, ::-3] = 0
big.flags.f_contiguous, big.sum()

# %%
u = u.astype(np.float32)      # the views still see the old array
u[...] = 0
inner.max() > 0, np.shares_memory(inner, u)

# %%
ufuncs = {f.__name__: f for f in (np.add, np.maximum)}
acc = np.zeros(5)
for i in range(4):
    ufuncs["maximum"].at(acc, [i, i + 1], i)
np.add.accumulate(acc, out=acc)
acc

# %%
cplx = np.exp(1j * np.linspace(0, 6, 7))
cplx.real[:3] = 0
cplx.imag *= 2
cplx.round(2)

# %%
del inner, lap, edges
snaps.clear()
objs = np.array([{"a": 1}, [2], None], dtype=object)
objs[1].append(3); objs[2] = objs
objs[2] is objs, objs[1]
