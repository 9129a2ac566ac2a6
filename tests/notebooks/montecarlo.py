# %%
import math
import random
from statistics import mean, stdev

import numpy as np

# %%
random.seed(2024)
rng = np.random.default_rng(2024)
legacy = np.random.RandomState(7)
np.random.seed(99)

# %%
def estimate(n):
    hits = sum(random.random() ** 2 + random.random() ** 2 <= 1 for _ in range(n))
    return 4 * hits / n
estimate(2000)

# %% again 3

# %%
estimates = [estimate(200) for _ in range(20)]
mean(estimates), stdev(estimates)

# %%
pts = rng.random((1000, 2))
inside = (pts ** 2).sum(axis=1) <= 1
4 * inside.mean()

# %% again 6

# %%
# %time walks = rng.choice([-1, 1], size=(50, 100)).cumsum(axis=1)
walks[:, -1].std()

# %%
children = rng.spawn(3)
[c.normal() for c in children]

# %%
bits = np.random.Generator(np.random.PCG64(5))
other = np.random.Generator(bits.bit_generator)   # one stream, two handles
bits.random(), other.random(), bits.integers(10)

# %%
saved = rng.bit_generator.state
a = rng.normal(size=3)
rng.bit_generator.state = saved
b = rng.normal(size=3)
a == b

# %%
legacy.shuffle(estimates)
np.random.shuffle(walks)
legacy.normal(), np.random.rand()

# %%
deck = [f"{r}{s}" for s in "SHDC" for r in "23456789TJQKA"]
mine = random.Random(1)
def deal(n=5):
    mine.shuffle(deck)
    return [deck.pop() for _ in range(n)]
deal()

# %%
hands = []
while len(deck) >= 10:
    hands.append(deal())
len(hands), deck

# %% raises
deal(50)

# %%
deck, random.gauss(0, 1)

# %%
def stream():
    while True:
        yield rng.integers(100)
numbers = stream()
[next(numbers) for _ in range(3)]

# %%
from itertools import islice

list(islice(numbers, 4)), rng.random()

# %%
numbers.close()
del numbers
def metropolis(n, x=0.0, step=1.0):
    chain, accepted = [], 0
    for _ in range(n):
        y = x + rng.uniform(-step, step)
        if math.log(rng.random()) < (x * x - y * y) / 2:
            x, accepted = y, accepted + 1
        chain.append(x)
    metropolis.accepted = accepted
    return np.array(chain)
chain = metropolis(500)
chain.mean(), metropolis.accepted

# %%
chain[:100] = np.nan
np.nanstd(chain)

# %%
def bootstrap(data, stat=np.mean, n=200, generator=legacy):
    return np.array([stat(generator.choice(data, len(data))) for _ in range(n)])
low, high = np.percentile(bootstrap(chain[100:]), [2.5, 97.5])
low < high

# %%
price = {"AAA": [100.0], "BBB": [50.0]}
def tick():
    for name, path in price.items():
        path.append(path[-1] * math.exp(.01 * random.gauss(0, 1)))
for _ in range(30): tick()
{k: round(v[-1], 3) for k, v in price.items()}

# %%
rng2 = rng
rng = np.random.default_rng(1)
rng2.random(), rng.random()

# %%
np.random.get_state()[2], np.random.standard_normal(2)
