# %%
import asyncio
from collections import deque

# %%
pages = {
    "/": ["/a", "/b"], "/a": ["/b", "/c"], "/b": [], "/c": ["/", "/d"], "/d": ["/missing"],
}
visited, order = set(), []

async def fetch(url):
    await asyncio.sleep(0)
    fetched.append(url)
    return pages[url]
fetched = []

# %%
await fetch("/a")

# %%
queue = deque(["/"])
async def crawl(limit):
    while queue and len(visited) < limit:
        url = queue.popleft()
        if url in visited:
            continue
        visited.add(url)
        order.append(url)
        queue.extend(await fetch(url))
await crawl(3)
order, queue

# %% raises
await crawl(10)

# %%
sorted(visited), fetched

# %%
visited.discard("/missing")
pages["/missing"] = []
results = await asyncio.gather(*(fetch(u) for u in ("/", "/d")), return_exceptions=True)
results

# %%
results[0].append("/e")            # the page itself
pages["/"]

# %%
lock = asyncio.Lock()
total = 0
async def add(n):
    global total
    async with lock:
        before = total
        await asyncio.sleep(0)
        total = before + n
await asyncio.gather(*map(add, range(10)))
total

# %%
async def ticker(n):
    for i in range(n):
        await asyncio.sleep(0)
        ticks.append(i)
        yield i
ticks = []
[i async for i in ticker(4)]

# %%
half = ticker(10)
await anext(half), await anext(half)

# %%
await anext(half)
ticks

# %%
await half.aclose()
del half

# %%
class Session:
    opened = 0
    async def __aenter__(self):
        type(self).opened += 1
        self.log = []
        return self
    async def __aexit__(self, *exc):
        self.log.append(exc[0] and exc[0].__name__)
async with Session() as session:
    session.log.append("working")
session.log, Session.opened

# %% raises
async with Session() as session:
    raise RuntimeError("down")

# %%
session.log, Session.opened

# %%
async def worker(name, jobs, done):
    while jobs:
        job = jobs.pop()
        await asyncio.sleep(0)
        done.setdefault(name, []).append(job ** 2)
jobs, done = list(range(8)), {}
await asyncio.gather(*(worker(n, jobs, done) for n in "ab"))
done

# %%
task = asyncio.ensure_future(worker("c", jobs2 := [1, 2, 3], done))
await task
done["c"], jobs2

# %% raises
await asyncio.wait_for(asyncio.sleep(5), timeout=.01)

# %%
coro = fetch("/b")
coro.close()
del coro, task
done.clear()
fetched[-2:], total
