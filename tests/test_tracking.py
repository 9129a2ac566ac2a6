"""Whatever way a cell has to change a variable: it is noticed in that cell's state, and undone."""

from __future__ import annotations

import colorsys
import copy
from textwrap import dedent
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that records."""
    with new_session(tmp_path) as session:
        yield session


def seen(session: Session, names: set[str]) -> dict[str, Any]:
    """Copy what some variables hold; of functions, classes and the like only what they do."""
    found: dict[str, Any] = {}
    for name in names & session.names.keys():
        value = session.names[name]
        if isinstance(value, type):
            found[name] = value.__name__, vars(value).get("x")
        elif isinstance(value, FunctionType):
            found[name] = value.__code__
        elif isinstance(value, int | float | str | list | dict):
            found[name] = type(value), copy.deepcopy(value)
        else:
            found[name] = type(value)
    return found


COUNTER = """
def make():
  n = 0
  def up():
    nonlocal n
    n += 1
    return n
  return up
up = make()
"""

# ---- names bound and unbound --------------------------------------------------------------------

BINDING: dict[str, tuple[str, str, set[str]]] = {
    # what: (cell before, cell, variables that it binds or unbinds)
    "assignment": ("x = 1", "x = 2", {"x"}),
    "first assignment": ("", "x = 2", {"x"}),
    "unpacking": ("a = b = 0", "a, *b = 1, 2, 3", {"a", "b"}),
    "augmented": ("x = 1", "x += 1", {"x"}),
    "annotated": ("x = 1", "x: int = 5", {"x", "__annotations__"}),
    "for": ("i = 9", "for i in range(3): j = i", {"i", "j"}),
    "with": (
        "",
        "from io import StringIO\nwith StringIO('a') as f: text = f.read()",
        {"f", "text", "StringIO"},
    ),
    "import": ("", "import colorsys", {"colorsys"}),
    "import as": ("", "import colorsys as cs", {"cs"}),
    "import from": ("", "from colorsys import rgb_to_hsv", {"rgb_to_hsv"}),
    "import star": ("", "from colorsys import *", set(colorsys.__all__)),
    "def": ("def f(): return 1", "def f(): return 2", {"f"}),
    "async def": ("", "async def f(): return 2", {"f"}),
    "class": ("class C: x = 1", "class C: x = 2", {"C"}),
    "except as": ("e = 5", "try: 1 / 0\nexcept ZeroDivisionError as e: s = str(e)", {"e", "s"}),
    "match": ("", "match {'k': [1, 2]}:\n  case {'k': [first, *rest]}: pass", {"first", "rest"}),
    "walrus": ("w = 0", "print(w := 5)", {"w"}),
    "walrus in a comprehension": ("w = 0", "k = [w := n for n in range(3)]", {"w", "k"}),
    "del": ("x = 1", "del x", {"x"}),
    "del and new": ("x = 1", "del x; x = 1.0", {"x"}),
    "global in a function": ("def f():\n  global x\n  x = 1", "f()", {"x"}),
    "global by another way": (
        "x = 0\ndef f():\n  global x\n  x = 1\nfs = [f]",
        "list(map(lambda g: g(), fs))",
        {"x"},
    ),
    "global del in a function": ("x = 1\ndef f():\n  global x\n  del x", "f()", {"x"}),
    "globals item": ("", "globals()['x'] = 1", {"x"}),
    "globals update": ("x = 1", "globals().update(x=2, y=3)", {"x", "y"}),
    "globals pop": ("x = 1", "globals().pop('x')", {"x"}),
    "globals or": ("x = 1", "g = globals(); g |= {'x': 2}; del g", {"x"}),
    "globals setdefault": ("", "globals().setdefault('x', 2)", {"x"}),
    "globals del": ("x = 1", "del globals()['x']", {"x"}),
    "globals kept": ("g = globals()", "g['x'] = 5", {"x"}),
    "locals": ("x = 1", "locals()['x'] = 2", {"x"}),
    "vars": ("x = 1", "vars()['x'] = 2", {"x"}),
    "vars of main": ("x = 1", "import __main__; vars(__main__)['x'] = 2", {"x", "__main__"}),
    "exec": ("x = 1", "exec('x = 2; y = 3')", {"x", "y"}),
    "exec in a function": ("def f(): exec('x = 2', globals())", "f()", {"x"}),
    "eval": ("x = 1", "eval('(x := 2)')", {"x"}),
    "setattr of main": ("x = 1", "import __main__; setattr(__main__, 'x', 2)", {"x", "__main__"}),
    "delattr of main": ("import __main__; x = 1", "delattr(__main__, 'x')", {"x"}),
    "user_ns": ("x = 1", "get_ipython().user_ns['x'] = 2", {"x"}),
    "user_ns update": ("x = 1", "get_ipython().user_ns.update(x=2)", {"x"}),
    "user_ns pop": ("x = 1", "get_ipython().user_ns.pop('x')", {"x"}),
    "user_ns of a shell kept": ("ip = get_ipython()", "ip.user_ns['x'] = 2", {"x"}),
    "push": ("ip = get_ipython()", "ip.push({'x': 2})", {"x"}),
    "ex": ("ip = get_ipython()", "ip.ex('x = 2')", {"x"}),
    "a thread": (
        "import threading\ndef f():\n  global x\n  x = 1",
        "t = threading.Thread(target=f); t.start(); t.join(); del t",
        {"x"},
    ),
    "top-level await": ("import asyncio", "x = await asyncio.sleep(0, 5)", {"x"}),
    "async for": (
        "async def count():\n  for n in range(3): yield n",
        "async for x in count(): y = x",
        {"x", "y"},
    ),
    "%time": ("x = 1", "%time x = 2", {"x"}),
    "%%time": ("x = 1", "%%time\nx = 2\ny = 3", {"x", "y"}),
    "%%timeit": ("x = [0]", "%%timeit -n1 -r1 global y\ny = 1", {"y"}),
    "%%capture": ("", "%%capture out\nx = 1", {"x", "out"}),
    "%env": ("", "x = %env HOME", {"x"}),
    "shell": ("", "x = !echo hello", {"x"}),
    "nested run_cell": ("", "get_ipython().run_cell('x = 5', store_history=False)", {"x"}),
    "%store -r": ("%load_ext storemagic\nx = 5\n%store x\nx = 6", "%store -r x", {"x"}),
    "no variable of that name": ("", "_private = 1; __dunder = 2", {"_private", "__dunder"}),
    "names that no code can have": ("", "globals()['two words'] = 1", {"two words"}),
}


@pytest.mark.parametrize("what", BINDING)
def test_binding_is_noticed_and_undone(session: Session, what: str) -> None:
    """The state names the variables; the past has them as they were, and back again."""
    before, source, names = BINDING[what]
    if what == "%store -r" and not hasattr(session.shell.db, "__getitem__"):
        pytest.skip("this IPython has no database without the package pickleshare")
    session.cells("keep = [1]", before or "keep")
    there = seen(session, names)
    session.cell(source)
    then = seen(session, names)
    assert there != then
    state = session.last
    assert state.number == 4
    assert set(state.names) == names
    session.cell("%past 3")
    assert seen(session, names) == there
    session.cell("%past 4")
    assert seen(session, names) == then
    assert session.names["keep"] == [1]


def test_run_binds(session: Session, tmp_path: Path) -> None:
    """A script run in the namespace, or copied into it, changes variables."""
    script = tmp_path / "script.py"
    script.write_text(
        dedent("""
        data = [1]
        def add(value):
            data.append(value)
    """)
    )
    session.cells("base = 1", f"%run -i {script}")
    assert session.last.names == ("__file__", "add", "data")
    session.cell("add(2)")
    assert session.last.names == ("data",)
    session.cell("%past 3")
    assert session.names["data"] == [1]
    session.cell(f"%run {script}")
    session.cell("add(7)")
    assert (session.last.names, session.last.late) == (("data",), ())
    session.cell("%past 6")
    assert session.names["data"] == [1]


def test_reset_is_undone(session: Session) -> None:
    """After %reset everything is gone but tm; the past has it all."""
    session.cells("x = [1]; y = x", "%reset -f")
    assert session.last.names == ("x", "y")
    assert "x" not in session.names
    session.cell("tm.past(2)")
    assert session.names["x"] == [1]
    assert session.names["x"] is session.names["y"]


def test_reset_selective_is_undone(session: Session) -> None:
    """A part of the variables thrown away comes back."""
    session.cells("x1 = 1; x2 = 2; y = 3", "%reset_selective -f ^x")
    assert session.last.names == ("x1", "x2")
    session.cell("%undo")
    assert (session.names["x1"], session.names["x2"]) == (1, 2)


def test_a_function_from_before_the_load(tmp_path: Path) -> None:
    """What functions and classes defined before loading do afterwards is noticed."""
    with new_session(tmp_path, loaded=False) as session:
        session.cells(
            "data = []\ndef put():\n  global x\n  x = 1\n  data.append(x)",
            "class C:\n  items = data\n  def add(self): self.items.append('c')",
            "%load_ext cowtm",
            "put()",
        )
        assert session.last.names == ("C", "data", "x")  # the class holds the list
        session.cell("C().add()")
        assert "data" in session.last.names
        session.cell("%past 3")
        assert session.names["data"] == []
        assert "x" not in session.names


# ---- changes in place ---------------------------------------------------------------------------

CHANGING: dict[str, tuple[str, str, set[str]]] = {
    # what: (cell before, cell, variables that must be named)
    "method": ("x = [1]", "x.append(2)", {"x"}),
    "item": ("x = {'a': [1]}", "x['a'][0] = 2", {"x"}),
    "del of an item": ("x = {'a': 1}", "del x['a']", {"x"}),
    "augmented": ("x = [1]", "x += [2]", {"x"}),
    "for into an item": ("x = [0]", "for x[0] in range(3): pass", {"x"}),
    "an alias": ("x = [1]; y = x", "y.append(2)", {"x", "y"}),
    "deep in an alias": ("x = {'k': [1]}; y = x['k']", "y.append(2)", {"y"}),
    "a function that reads a global": ("x = []\ndef f(): x.append(1)", "f()", {"x"}),
    "a function called by a function": (
        "x = []\ndef f(): x.append(1)\ndef g(): return f()\ndef h(): return g()",
        "h()",
        {"x"},
    ),
    "a function in a dict": ("x = []\nd = {'f': lambda: x.append(1)}", "d['f']()", {"x"}),
    "a method that reads a global": (
        "x = []\nclass C:\n  def f(self): x.append(1)\nc = C()",
        "c.f()",
        {"x"},
    ),
    "a method of an instance": (
        "class C:\n  def __init__(self): self.n = 0\n  def up(self): self.n += 1\nc = C()",
        "c.up()",
        {"c"},
    ),
    "a bound method kept": ("x = []; put = x.append", "put(1)", {"x"}),
    "a partial kept": (
        "import functools\nx = []; put = functools.partial(x.append, 1)",
        "put()",
        {"x"},
    ),
    "a class attribute": ("class C: items = []", "C.items.append(1)", {"C"}),
    "a class attribute set": ("class C: n = 1\nc = C()", "C.n = 2", {"C"}),
    "a class attribute by an instance": (
        "class C: items = []\nc = C()",
        "c.items.append(1)",
        {"c"},
    ),
    "slots": ("class S: __slots__ = ('v',)\ns = S(); s.v = 1", "s.v = 2", {"s"}),
    "a property": (
        "class C:\n  log = []\n  @property\n  def p(self): self.log.append(1); return 1\nc = C()",
        "c.p",
        {"c"},
    ),
    "an operator": (
        "x = []\nclass C:\n  def __add__(self, o): x.append(o); return self\nc = C()",
        "c + 1",
        {"x"},
    ),
    "a decorator": (
        "calls = []\ndef trace(f): return lambda: calls.append(f())\n@trace\ndef one(): return 1",
        "one()",
        {"calls"},
    ),
    "a default argument": (
        "def f(v, seen=[]):\n  seen.append(v)\n  return list(seen)",
        "f(1)",
        {"f"},
    ),
    "a keyword default": ("def f(*, seen=[]): seen.append(1)", "f()", {"f"}),
    "a function's attribute": ("def f(): f.calls += 1\nf.calls = 0", "f()", {"f"}),
    "a closure": (
        COUNTER,
        "up()",
        {"up"},
    ),
    "a closure over a list": (
        "def make():\n  held = []\n  return held.append, (lambda: list(held))\nput, get = make()",
        "put(1)",
        {"put"},
    ),
    "popped, then changed": ("inner = []; t = [inner]", "t.pop().append(1)", {"t", "inner"}),
    "a key callback": (
        "x = []\ndef key(v): x.append(v); return v",
        "sorted([2, 1], key=key)",
        {"x"},
    ),
    "the last result": ("x = [1]\nx", "_.append(2)", {"x"}),
    "a result by number": ("x = [1]\nx", "Out[3].append(2)", {"x"}),
    "a result by name": ("x = [1]\nx", "_3.append(2)", {"x"}),
    "eval in a function": ("x = []\ndef f(): return eval('x.append(1)')", "f()", {"x"}),
    "globals in a function": ("x = []\ndef f(): globals()['x'].append(1)", "f()", {"x"}),
    "getattr of main": ("import __main__ as m\nx = []", "getattr(m, 'x').append(1)", {"x"}),
    "the shell kept": ("ip = get_ipython()\nx = []", "ip.user_ns['x'].append(1)", {"x"}),
    "the shell in a function": (
        "ip = get_ipython()\nx = []\ndef f(n): ip.user_ns[n].append(1)",
        "f('x')",
        {"x"},
    ),
    "globals kept": ("g = globals(); x = []", "g['x'].append(1)", {"x"}),
    "globals kept in a closure": (
        "x = []\ndef make():\n  g = globals()\n  return lambda n: g[n].append(1)\nput = make()",
        "put('x')",
        {"x"},
    ),
    "a generator": (
        "x = []\ndef gen():\n  while True:\n    x.append(1)\n    yield\ng = gen()",
        "next(g)",
        {"x"},
    ),
    "a generator's own list": (
        "own = []\ndef gen(held):\n  while True:\n    held.append(1)\n    yield\ng = gen(own)",
        "next(g)",
        {"own"},
    ),
    "a thread": (
        "import threading\nx = []\ndef f(): x.append(1)",
        "t = threading.Thread(target=f); t.start(); t.join(); del t",
        {"x"},
    ),
    "await": (
        "x = []\nasync def f(): x.append(1)",
        "await f()",
        {"x"},
    ),
    "a deque": ("from collections import deque\nx = deque([1])", "x.rotate(); x.append(2)", {"x"}),
    "an array": ("import numpy as np\nx = np.zeros(3)", "x[1] = 5", {"x"}),
    "a view of an array": (
        "import numpy as np\nx = np.zeros(3); v = x[1:]",
        "v[0] = 5",
        {"x", "v"},
    ),
    "a frame": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        "df['b'] = df.a * 2",
        {"df"},
    ),
    "a frame's column": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        "df.loc[0, 'a'] = 9",
        {"df"},
    ),
    "%time": ("x = []", "%time x.append(1)", {"x"}),
    "%timeit": ("x = []", "%timeit -n1 -r1 x.append(1)", {"x"}),
    "nested run_cell": ("x = []", "get_ipython().run_cell('x.append(5)')", {"x"}),
    "%%time in a function's global": ("x = []\ndef f(): x.append(1)", "%%time\nf()", {"x"}),
    "sys.modules": ("import sys\nx = []", "sys.modules['__main__'].x.append(1)", {"x"}),
    "a frame's globals": ("import sys\nx = []", "sys._getframe().f_globals['x'].append(1)", {"x"}),
    "a function's globals": ("x = []\ndef f(): pass", "f.__globals__['x'].append(1)", {"x"}),
}


@pytest.mark.parametrize("what", CHANGING)
def test_a_change_in_place_is_noticed_and_undone(session: Session, what: str) -> None:
    """The state names the variables, at once and not late, and the past has what they held."""
    before, source, names = CHANGING[what]
    session.cell("untouched = [1]")
    session.cell(before)
    look = "tm.diff(3, 4)"
    identities = {name: id(session.names[name]) for name in names}
    session.tm.recorder.recheck = 0.0
    session.cell(source)
    state = session.last
    assert names <= set(state.names)
    assert state.late == ()
    assert "untouched" not in state.names
    changed = {row[0] for row in session.cell(look).value.rows}
    assert names <= changed
    session.cell("%past 3")
    assert session.cell("tm.diff(3)").value.rows == []
    session.cell("%past 4")
    assert session.cell("tm.diff(4)").value.rows == []
    assert {name: id(session.names[name]) for name in names if name in identities} == identities


def test_what_was_undone_is_as_it_was(session: Session) -> None:
    """Closures, defaults and class attributes show the past through whoever holds them."""
    session.cells(
        "def f(v, seen=[]):\n  seen.append(v)\n  return list(seen)",
        COUNTER,
        "class C: items = []\nholder = {'c': C(), 'f': f, 'up': up}",
        "f(1); f(2); up(); up(); C.items.append(3)",
        "%past 4",
    )
    assert session.cell("holder['f'](7)").value == [7]
    assert session.cell("holder['up']()").value == 1
    assert session.cell("holder['c'].items").value == []


def test_a_callback_is_found_late(session: Session) -> None:
    """What something else changed between two cells is recorded with the next one, marked late."""
    session.cells(
        "import threading\nx = [0]\ngo, done = threading.Event(), threading.Event()", "y = 1"
    )
    session.cell("def work(): go.wait(); x.append(1); done.set()")
    session.cell("threading.Thread(target=work).start()")
    session.names["go"].set()
    session.names["done"].wait()
    session.cell("y = 2")
    assert session.last.names == ("x", "y")
    assert session.last.late == ("x",)
    session.cell("%past 4")
    assert session.names["x"] == [0]


# ---- nothing breaks -----------------------------------------------------------------------------


def test_globals_is_a_dict(session: Session) -> None:
    """The namespace that functions see is the real one."""
    assert session.cell("type(globals()) is dict").value
    assert session.cell("def f(): return type(globals()) is dict\nf()").value
    assert session.cell("f.__globals__ is globals() is get_ipython().user_ns").value


def test_who_lists_variables_alone(session: Session) -> None:
    """%who does not show tm."""
    session.cell("x = 1")
    assert session.cell("%who").output.split() == ["x"]


def test_time_and_timeit_give_results(session: Session) -> None:
    """%time gives its value, %timeit -o a result, %%timeit runs what it should."""
    session.cell("n = 5")
    assert session.cell("%time n + 1").value == 6
    result = session.cell("r = %timeit -o -q -n2 -r3 n + 1\nr").value
    assert (result.loops, result.repeat) == (2, 3)
    session.cell("hits = []")
    session.cell("%%timeit -n2 -r3\nhits.append(1)")
    assert len(session.names["hits"]) == 6


def test_instances_can_be_pickled(session: Session) -> None:
    """Instances of notebook classes go through pickle, also after travelling."""
    source = (
        "import pickle\nclass P:\n  def __init__(self, n): self.n = n\n"
        "p = P(3); q = pickle.loads(pickle.dumps(p))"
    )
    session.cell(source)
    assert session.cell("q.n, type(q) is P").value == (3, True)
    session.cells("p.n = 4", "%past 2")
    assert session.cell("pickle.loads(pickle.dumps(p)).n").value == 3


def test_dataclasses_and_hints(session: Session) -> None:
    """What looks for the module of a class finds the namespace."""
    session.cell(
        "from __future__ import annotations\nimport dataclasses, typing\n"
        "@dataclasses.dataclass\nclass Point:\n  x: int\n  tail: list[Point] | None = None\n"
        "p = Point(1)"
    )
    assert session.cell("typing.get_type_hints(Point)['x'] is int").value
    session.cells("p.x = 2", "%past 2")
    assert session.cell("p == Point(1), isinstance(p, Point)").value == (True, True)


def test_completion_knows_names(session: Session) -> None:
    """Names and attributes are completed, `tm` among them."""
    session.cell("my_long_name = {'some_key': 1}")
    for text, wanted in (("my_lo", "my_long_name"), ("tm.pa", "past"), ("%pas", "%past")):
        assert wanted in completions(session, text)
    assert "some_key" in completions(session, 'my_long_name["so')


def completions(session: Session, text: str) -> list[str]:
    """Complete a text."""
    with provisionalcompleter():
        found = session.shell.Completer.completions(text, len(text))
        return [completion.text for completion in found]


def test_tracebacks_show_the_cell_alone(session: Session) -> None:
    """Between IPython and the cell there is no frame of ours."""
    outcome = session.fail("def f(): 1 / 0\nf()")
    assert outcome.error is not None
    frames = []
    traceback = outcome.error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert not [name for name in frames if "cowtm" in name]
    assert "cowtm" not in outcome.output


def test_debug_shows_the_frame(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """%debug after an error sees the variables of the frame."""
    session.fail("def f(n): return n / 0\nf(7)")
    commands = iter(["p n * 6", "q"])

    def type_commands(debugger: Any, *_: object, **__: object) -> None:
        while not debugger.onecmd(next(commands)):
            continue

    monkeypatch.setattr("bdb.Bdb.set_trace", None)
    monkeypatch.setattr("cmd.Cmd.cmdloop", type_commands)
    assert "42" in session.cell("%debug").output


@pytest.mark.parametrize(
    ("before", "source"),
    [
        ("import weakref\nx = Box(); r = weakref.ref(x)", "r().n = 2"),
        ("x = Box(); held = Box(); held.names = globals()", "held.names['x'].n = 2"),
    ],
)
def test_what_leads_there_unseen_is_found_late(session: Session, before: str, source: str) -> None:
    """Recording does not follow weak references, nor an object that holds the namespace.

    What was changed through them is found by the check of untouched variables after the cell.
    """
    session.cells(f"class Box: n = 1\n{before}", source)
    assert (session.last.names, session.last.late) == (("x",), ("x",))
    session.cell("%past 2")
    assert session.names["x"].n == 1
