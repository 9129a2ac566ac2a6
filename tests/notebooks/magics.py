# %%
# A notebook that leans on IPython: magics, files that it writes, `_` and `Out`.
# %load_ext autoreload
# %autoreload 2
import sys, os

sys.path.insert(0, os.getcwd())

# %%
from pathlib import Path

for name in ("helperm.py", "script1.py"):
    Path(name).unlink(missing_ok=True)

# %%
# %%writefile helperm.py
STATE = {"n": 0}


class Tool:
    def go(self):
        STATE["n"] += 1
        return "v1"


def fun(x):
    return x + 1


# %%
import helperm
from helperm import Tool, fun

t = Tool()
t.go(), fun(1), helperm.STATE

# %%
# %%writefile script1.py
alpha = [1, 2]


def sf():
    return alpha


print("script", __name__)

# %%
# %run script1.py
alpha.append(3)
sf()

# %%
# %%time
total = sum(range(10))

# %%
# %time z = total + 1
z

# %%
# %%capture cap
print("hidden")
5

# %%
cap.stdout, _

# %%
# %timeit -q -n1 -r1 alpha.append(9)
len(alpha)

# %%
a = 5

# %%
_ + a if isinstance(_, int) else a

# %%
Out[max(Out)], _i[:5], len(In) > 3

# %%
# %sx echo hi
_

# %%
# %cd -q .
# %env NOTEBOOK_SET=1
os.environ["NOTEBOOK_SET"]

# %%
# %%python3 --out got
print(1)

# %%
# %alias_magic tt timeit
# %xmode Minimal

# %% raises
1 / 0

# %%
# %xmode Context
# %precision 2
3.14159

# %%
# %precision
# %who_ls int

# %%
# %reset_selective -f ^z$
"z" in globals()

# %%
helperm.STATE["n"] = 50
t.go(), helperm.STATE

# %%
get_ipython().run_cell("inner = 1")
inner

# %%
# %pip --version > /dev/null
get_ipython().user_ns["pushed"] = [1]
get_ipython().push({"p2": 2})
pushed, p2

# %%
from math import *

floor(pi), e

# %%
e = 3
del floor
sqrt(16) + e
