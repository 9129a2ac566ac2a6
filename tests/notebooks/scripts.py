# %%
# odds and ends: files, logs, threads, caches, settings
import json
import logging
import os
import pickle
import sys
from collections import namedtuple
from contextlib import contextmanager, suppress
from functools import partial, reduce, singledispatch
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from IPython.display import HTML, display

# %%
# %config InteractiveShell.ast_node_interactivity = "last_expr"
settings = SimpleNamespace(debug=False, paths=[Path("data")], level=logging.INFO)
log = logging.getLogger("tool")
log.setLevel(settings.level)
records = []

class ListHandler(logging.Handler):
    def emit(self, record):
        records.append(self.format(record))
log.addHandler(ListHandler())
log.propagate = False
log.info("started %s", settings.paths[0])
records

# %%
Path("data").mkdir(exist_ok=True)
path = Path("data/numbers.json")
path.write_text(json.dumps({"a": [1, 2], "b": None}))
data = json.loads(path.read_text())
data["a"].append(data)
data["a"][2] is data

# %%
# %time blob = pickle.dumps(data)
clone = pickle.loads(blob)
clone["b"] = "cloned"
data["b"], clone["a"][2] is clone

# %% raises
open("data/nowhere.txt")

# %%
class Row(NamedTuple):
    name: str
    tags: list = []
Pair = namedtuple("Pair", "left right")
row = Row("first", ["x"])
row.tags.append("y")
Row("second").tags.append("oops")       # the default is shared
Row("third").tags, row._replace(name="new")

# %%
@singledispatch
def show(value):
    return f"? {value}"
@show.register
def _(value: int):
    return f"int {value}"
@show.register(list)
def show_list(value):
    return [show(v) for v in value]
show([1, "a", [2]])

# %%
@show.register
def show_row(value: Row):
    return f"row {value.name}"
show(row), show.dispatch(Row) is show_row

# %%
scale = partial(lambda x, factor, offset=0: x * factor + offset, factor=3)
scale.keywords["offset"] = 1
chain = [scale, partial(scale, offset=10)]
reduce(lambda acc, f: f(acc), chain, 2)

# %%
@contextmanager
def pushed(stack, value):
    stack.append(value)
    try:
        yield stack
    finally:
        stack.pop()
depth = []
with pushed(depth, 1), suppress(ValueError), pushed(depth, 2):
    seen = list(depth)
    raise ValueError
depth, seen

# %%
display(HTML("<b>bold</b>"))
for i, (key, value) in enumerate(sorted(os.environ.items())):
    if key.startswith("PYTHONHASH"):
        print(i > -1, key)

# %%
if __name__ == "__main__":
    sys.argv_saved = None
    args = dict(pair.split("=") for pair in "a=1 b=2".split())
    match args:
        case {"a": "1", **rest}:
            found = rest
found, (half := len(args) / 2)

# %%
import threading
results = {}
def work(n):
    results[n] = sum(range(n * 1000))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
del threads, t
sorted(results)

# %%
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    squares = list(pool.map(lambda v: v ** 2, range(5)))
del pool
squares

# %%
# %%time
total = 0
for v in squares:
    total += v
print(total)

# %%
exec("made = [total] * 2; settings.debug = True")
globals()["also_made"] = made
vars(settings)["level"] = 10
eval("made is also_made"), settings

# %%
with open("data/log.txt", "w") as handle:
    handle.write("\n".join(records))
handle.closed, Path(handle.name).stat().st_size

# %%
def parse(lines):
    for line in lines:
        word, _, rest = line.partition(" ")
        yield word, rest
lines = parse(open("data/log.txt"))
list(lines), list(lines)

# %%
del lines, handle
try:
    {}["missing"]
except KeyError as error:
    kept = error
kept.args, kept.__traceback__ is not None

# %%
kept.add_note("seen before")
error_log = {"last": kept, "all": [kept]}
# %xdel made
"made" in globals(), "also_made" in globals()

# %%
# %reset_selective -f ^half$
log.warning("nearly done")
records[-1], "half" in globals()

# %%
print = partial(print, "say:")
print("shadowed")

# %%
del print
print("back")
list = [1, 2]          # oh dear
len(list)

# %% raises
list("abc")

# %%
del list
list("abc")
