# %%
# A game in dataclasses: deep copies as saved games, references both ways, generators.
from __future__ import annotations
from dataclasses import dataclass, field
from enum import Enum, auto
import random, copy, itertools, heapq, json

random.seed(5)


class Tile(Enum):
    FLOOR = "."
    WALL = "#"
    EXIT = ">"

    @property
    def solid(self):
        return self is Tile.WALL


# %%
@dataclass
class Entity:
    name: str
    pos: tuple[int, int]
    hp: int = 10
    bag: list[str] = field(default_factory=list)
    target: Entity | None = None


@dataclass
class World:
    grid: list[list[Tile]]
    things: dict[str, Entity] = field(default_factory=dict)
    turn: int = 0

    def __str__(self):
        return "\n".join(
            "".join(
                next((e.name[0] for e in self.things.values() if e.pos == (r, c)), t.value)
                for c, t in enumerate(row)
            )
            for r, row in enumerate(self.grid)
        )


w = World(
    [[Tile.WALL if random.random() < 0.2 else Tile.FLOOR for _ in range(8)] for _ in range(5)]
)
w.grid[4][7] = Tile.EXIT
hero = w.things["hero"] = Entity("@", (0, 0))
orc = w.things["orc"] = Entity("o", (3, 3), target=hero)
hero.target = orc
print(w)

# %%
saves = [copy.deepcopy(w)]


def path(world, a, b):
    heap, seen = [(0, a, ())], set()
    while heap:
        d, p, way = heapq.heappop(heap)
        if p == b:
            return way + (p,)
        if p in seen:
            continue
        seen.add(p)
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r, c = p[0] + dr, p[1] + dc
            if 0 <= r < 5 and 0 <= c < 8 and not world.grid[r][c].solid:
                heapq.heappush(heap, (d + 1, (r, c), way + (p,)))


route = path(w, hero.pos, (4, 7))
len(route or ())


# %%
def turn(world=w, log=[]):
    world.turn += 1
    way = path(world, orc.pos, hero.pos)
    if way and len(way) > 2:
        orc.pos = way[1]
    else:
        hero.hp -= random.randint(1, 3)
        log.append(("hit", hero.hp))
    return log


for _ in range(4):
    turn()
print(w)
turn.__defaults__[1]

# %%
saves.append(copy.deepcopy(w))
saves[0].things["hero"].target is saves[0].things["orc"], saves[1].things["hero"].target is orc

# %%
hero.bag += ["potion", saves]
hero.bag[0] = hero.bag[0].upper()
orc.bag = hero.bag
orc.bag.append(hero)
len(hero.bag)

# %% raises
w.things["dragon"].hp

# %%
w = saves[0]
turn(w), w.turn, saves[0].turn


# %%
class Entity(Entity):
    def heal(self, n=1):
        self.hp += n
        return self


elf = Entity("e", (1, 1)).heal()
w.things["elf"] = elf
hasattr(hero, "heal"), isinstance(hero, Entity)

# %%
hero.__class__ = Entity
hero.heal(5).hp

# %%
events = (f"{i}:{t.name}" for i, t in enumerate(Tile))
next(events)
order = itertools.cycle(w.things)
next(order)
undo = []


def act(f):
    def run(*a):
        undo.append((f.__name__, copy.copy(hero)))
        return f(*a)

    return run


@act
def hurt(n):
    hero.hp -= n
    return hero.hp


hurt(3), hurt(4), undo[0][1].hp

# %% raises
hero.__dict__.update(undo.pop()[1].__dict__)
del w.things["orc"]
hero.hp, next(order), next(events)

# %%
turn.__defaults__[1].clear()
saves.clear()
orc = None
hero.target.name, hero.bag[-1] is hero
