# %%
# Conway's game of life, and other recursions
import random
from functools import cache

# %%
import numpy as np

random.seed(7)
grid = np.zeros((12, 16), dtype=np.int8)
for r, c in [(1, 2), (2, 3), (3, 1), (3, 2), (3, 3)]:
    grid[r, c] = 1
grid

# %%
def neighbours(g):
    total = np.zeros_like(g)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            if dr or dc:
                total += np.roll(g, (dr, dc), axis=(0, 1))
    return total

def show(g):
    for row in g:
        print("".join(".#"[v] for v in row))

# %%
show(grid)

# %%
history = [grid.copy()]
window = grid[0:6, 0:6]          # a view: follows the grid

def step():
    global generation
    n = neighbours(grid)
    grid[...] = ((n == 3) | ((n == 2) & (grid == 1))).astype(np.int8)
    history.append(grid.copy())
    generation += 1

# %% raises
step()

# %%
generation = 0
for _ in range(4):
    step()
show(grid)
print(window.sum(), generation)

# %%
step(); step()
len(history), history[-1].sum()

# %% again 8

# %%
# the same with a set of cells
alive = {(int(r), int(c)) for r, c in zip(*np.nonzero(grid))}
def evolve(alive):
    from collections import Counter
    around = Counter(
        (r + dr, c + dc)
        for r, c in alive for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc
    )
    return {cell for cell, n in around.items() if n == 3 or (n == 2 and cell in alive)}
sorted(evolve(alive))

# %%
old = alive
for _ in range(10):
    alive = evolve(alive)
alive |= {(random.randrange(20), random.randrange(20)) for _ in range(30)}
len(old), len(alive)

# %%
calls = 0
def fib(n):
    global calls
    calls += 1
    return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(15), calls

# %%
@cache
def fast(n):
    global calls
    calls += 1
    return n if n < 2 else fast(n - 1) + fast(n - 2)
calls = 0
fast(60), calls

# %%
fast(80), calls, fast.cache_info().currsize

# %%
memo = {}
def ways(total, coins=(50, 20, 10, 5, 2, 1)):
    if total == 0: return 1
    if total < 0 or not coins: return 0
    key = total, coins
    if key not in memo:
        memo[key] = ways(total - coins[0], coins) + ways(total, coins[1:])
    return memo[key]
ways(100)

# %%
len(memo), max(memo, key=lambda k: memo[k])

# %%
memo.clear()
ways(30), len(memo)

# %%
# towers of hanoi, in place
pegs = {"a": list(range(5, 0, -1)), "b": [], "c": []}
moves = []
def hanoi(n, src, via, dst):
    if n:
        hanoi(n - 1, src, dst, via)
        pegs[dst].append(pegs[src].pop())
        moves.append((src, dst))
        hanoi(n - 1, via, src, dst)
hanoi(5, "a", "b", "c")
pegs, len(moves)

# %%
del moves, old
pegs["c"].reverse()
pegs

# %%
# permutations with backtracking; keeps a reference to its own state
def queens(n, placed=[], found=[]):
    if len(placed) == n:
        found.append(tuple(placed))
        return found
    for col in range(n):
        if all(col != c and abs(col - c) != len(placed) - r for r, c in enumerate(placed)):
            placed.append(col)
            queens(n, placed, found)
            placed.pop()
    return found
len(queens(6))

# %%
solutions = queens(6)   # the mutable default remembers: twice as many
len(solutions), queens.__defaults__[1] is solutions

# %% raises
def deep(n):
    return deep(n + 1)
deep(0)

# %%
_ = 3
total = sum(fast(i) for i in range(20)) + _
total
