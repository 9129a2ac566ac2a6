# %%
# Agents that walk about: instances in lists, dicts and sets, random numbers, iterators.
import random, math, statistics as st, itertools
from collections import deque

random.seed(11)


# %%
class Agent:
    ids = itertools.count()
    population = []

    def __init__(self, x, y):
        self.id = next(Agent.ids)
        self.tag = self.id
        self.x, self.y, self.trail = x, y, deque(maxlen=3)
        Agent.population.append(self)

    def move(self, rng=random):
        self.trail.append((self.x, self.y))
        self.x += rng.choice([-1, 0, 1])
        self.y += rng.gauss(0, 1)

    def near(self, other, d=3):
        return math.hypot(self.x - other.x, self.y - other.y) < d

    def __repr__(self):
        return f"A{self.tag}"


agents = [Agent(random.randint(0, 9), random.random()) for _ in range(6)]
agents


# %%
def tick(n=1):
    for _ in range(n):
        for a in agents:
            a.move()
        world["t"] += 1
        history.append([(a.x, round(a.y, 2)) for a in agents])


world, history = {"t": 0, "agents": agents}, []
tick(3)
world["t"], len(history)

# %%
friends = {a: {b for b in agents if b is not a and a.near(b)} for a in agents}
sum(map(len, friends.values()))

# %%
tick(2)
agents.sort(key=lambda a: a.y)
agents[0], agents.index(Agent.population[0])

# %%
gone = agents.pop()
friends.pop(gone)
[f.discard(gone) for f in friends.values()]
del gone
len(Agent.population)

# %% again 5

# %%
it = iter(agents)
first = next(it)
rest = list(it)
next(Agent.ids)

# %%
Agent.move = lambda self, rng=random: setattr(self, "x", self.x + 100)
tick()
[a.x > 50 for a in agents].count(True)

# %% raises
tick("many")

# %%
state = random.getstate()
r1 = random.random()
random.setstate(state)
r1 == random.random(), st.mean(a.y for a in agents) == st.fmean(a.y for a in agents)

# %%
Agent.population.clear()
del agents[0]
tick()
world["t"], random.random()
