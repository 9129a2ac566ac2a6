"""What a user of `%%future` relies on, in a real kernel: jobs and session keep apart, see the same.

Most cases are run twice: first in a job, then in the session itself. What they show has to be the
same, and in between nothing may have changed in the session.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from session import COLOURS
from test_kernel import PATIENCE, Kernel, new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long


@dataclass(slots=True)
class Shown:
    """What is shown under a cell."""

    text: str = ""
    """What it printed."""
    result: str = ""
    """Its result, as text."""
    error: str = ""
    """The traceback of what it raised, without the numbers of cells."""
    displayed: list[dict[str, Any]] = field(default_factory=list)
    """Rich outputs, each form by its type; not the line that tells how the job is."""

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Take what a message shows."""
        match kind:
            case "stream":
                self.text += content["text"]
            case "execute_result":
                self.result = content["data"]["text/plain"]
            case "display_data" if not content["data"]["text/plain"].startswith("job "):
                self.displayed.append(content["data"])
            case "error":
                said = COLOURS.sub("", "\n".join(content["traceback"]))
                self.error = re.sub(r"In\[\d+\]|\d+\.py", "In", said)

    @property
    def pictures(self) -> list[str]:
        """The types of the pictures."""
        return [form for data in self.displayed for form in data if form.startswith("image/")]


class Notebook:
    """A notebook with cowtm loaded: cells, and jobs to their end.

    Args:
        kernel: that it runs in.
        folder: that it is in.

    """

    def __init__(self, kernel: Kernel, folder: Path) -> None:
        self.folder = folder
        self._kernel = kernel
        self._shown: dict[str, Shown] = {}

    def cell(self, source: str) -> Shown:
        """Run a cell."""
        return self._gather(self._kernel.start(dedent(source)))

    def ok(self, source: str) -> Shown:
        """Run a cell that must succeed."""
        shown = self.cell(source)
        assert not shown.error, shown.error
        return shown

    def begin(self, source: str, options: str = "") -> Shown:
        """Start a job; what it shows comes with `end` and with further cells."""
        request = self._kernel.start(f"%%future {options}\n{dedent(source)}")
        return self._gather(request)

    def end(self) -> None:
        """Wait for the newest job."""
        self.cell(f"tm.jobs[-1].exception({PATIENCE});")

    def job(self, source: str, options: str = "") -> Shown:
        """Run a job to its end."""
        shown = self.begin(source, options)
        self.end()
        return shown

    def _gather(self, request: str) -> Shown:
        """Take what all cells show until one of them is done."""
        while True:
            message = self._kernel.message()
            parent = message["parent_header"].get("msg_id")
            kind, content = message["msg_type"], message["content"]
            self._shown.setdefault(parent, Shown()).take(kind, content)
            if kind == "status" and content["execution_state"] == "idle" and parent == request:
                return self._shown[request]


HELPER = """
STATE = {"n": 0}
seen = []

class Thing:
    def __init__(self, n):
        self.n = n

def bump():
    STATE["n"] += 1
    seen.append(STATE["n"])
    return STATE["n"]

def edition():
    return "first"
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """Give a notebook for all tests here: names are the tests' own."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "helper.py").write_text(HELPER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
            notebook = Notebook(kernel, folder)
            notebook.ok("%load_ext cowtm\n%config TimeMachine.max_workers = 2")
            yield notebook


@dataclass(frozen=True, slots=True)
class Case:
    """Something that code can do, or see."""

    setup: str
    """What the session does first."""
    cell: str
    """What is done in a job, then in the session."""
    look: str = ""
    """An expression that tells what the session has."""


TOUCHES = {
    "a global variable, by a function": Case(
        "total = 0\ndef add(n):\n    global total\n    total += n\n    return total",
        "add(2), total",
        "total",
    ),
    "a list, by a function that reads it": Case(
        "rows = [1]\ndef note(n):\n    rows.append(n)", "note(2); rows", "rows"
    ),
    "one list by two names": Case(
        "left = [1]; right = {'left': left}",
        "left.append(2); right, right['left'] is left",
        "left, right",
    ),
    "class attributes": Case(
        """
        class Counter:
            count, seen = 0, []
            def hit(self):
                type(self).count += 1
                self.seen.append(self.count)
        counter = Counter()
        """,
        "counter.hit(); Counter().hit(); Counter.added = 1; Counter.count, Counter.seen",
        "Counter.count, Counter.seen, hasattr(Counter, 'added')",
    ),
    "a method put in place of another": Case(
        "class Greeter:\n    def say(self): return 'hello'\ngreeter = Greeter()",
        "Greeter.say = lambda self: 'bye'; greeter.say()",
        "greeter.say()",
    ),
    "a closure": Case(
        """
        def counting():
            n = 0
            def count():
                nonlocal n
                n += 1
                return n
            return count
        count = counting()
        """,
        "count(), count()",
        "count.__closure__[0].cell_contents",
    ),
    "a default argument": Case(
        "def keep(n, kept=[]):\n    kept.append(n)\n    return kept",
        "keep(1)",
        "keep.__defaults__",
    ),
    "an attribute of a function": Case(
        "def called(): called.times = getattr(called, 'times', 0) + 1",
        "called(); called(); called.times",
        "vars(called)",
    ),
    "cached results": Case(
        "import functools\n@functools.lru_cache\ndef squares(n): return [n * n]\nsquares(2)",
        "squares(2).append('more'); squares(2), squares.cache_info().misses",
        "squares(2)",
    ),
    "a cached property": Case(
        """
        import functools
        class Model:
            @functools.cached_property
            def fitted(self): return [0]
        model = Model()
        """,
        "model.fitted.append(1); model.fitted",
        "vars(model)",
    ),
    "an array, in place": Case(
        "import numpy as np\narray = np.arange(300_000.); part = array[2:5]",
        "array[3] = -1; part *= 2; array[:6], part, part.base is array",
        "array[:6], part",
    ),
    "a frame and its column": Case(
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]}); column = frame['a'].array",
        "column[0] = 9; frame['b'] = 3; frame",
        "frame",
    ),
    "the data of a module of one's own": Case(
        "import helper; from helper import bump, STATE",
        "bump(); helper.bump(); helper.STATE, STATE is helper.STATE, helper.seen",
        "helper.STATE, helper.seen, STATE",
    ),
    "a name of a module": Case(
        "import helper", "helper.extra = 1; helper.extra", "hasattr(helper, 'extra')"
    ),
    "built-in names": Case(
        "import builtins", "builtins.answer = 42; answer", "hasattr(builtins, 'answer')"
    ),
    "random generators": Case(
        "import random, numpy as np\nrandom.seed(1); np.random.seed(1); own = random.Random(5)",
        "random.random(), np.random.rand(), own.random()",
        "random.getstate()[1][-1], np.random.get_state()[2], own.getstate()[1][-1]",
    ),
    "the surroundings": Case(
        "import os, sys, warnings, time\nos.environ['COLOUR'] = 'red'",
        """
        os.environ["COLOUR"] += "der"; os.environ["SHAPE"] = "round"
        home = os.getcwd(); os.chdir("/"); sys.path.append("/nowhere")
        warnings.simplefilter("error"); sys.setrecursionlimit(4000)
        found = os.environ["COLOUR"], os.getcwd(), sys.path[-1], sys.getrecursionlimit()
        os.chdir(home); del os.environ["SHAPE"]; sys.path.pop(); sys.setrecursionlimit(3000)
        os.environ["COLOUR"] = "red"; warnings.filters.pop(0)
        found
        """,
        "os.environ['COLOUR'], 'SHAPE' in os.environ, os.getcwd(), sys.path, len(warnings.filters)",
    ),
    "names that are gone": Case("short, lived = 1, 2", "del short; 'short' in globals()", "short"),
}


@pytest.mark.parametrize("what", TOUCHES)
def test_what_a_job_touches_is_its_own(notebook: Notebook, what: str) -> None:
    """A job does what the session would do, and the session has none of it."""
    case = TOUCHES[what]
    for library in ("numpy", "pandas"):
        if library in case.setup:
            pytest.importorskip(library)
    notebook.ok(case.setup)
    before = notebook.ok(case.look).result
    job = notebook.job(case.cell)
    assert not job.error, job.error
    assert notebook.ok(case.look).result == before
    here = notebook.ok(case.cell)
    assert (job.result, job.text) == (here.result, here.text)


def test_what_the_session_does_afterwards_is_its_own(notebook: Notebook) -> None:
    """A job goes on with what was there when it started, whatever becomes of that meanwhile."""
    gate = notebook.folder / "gate"
    os.mkfifo(gate)
    notebook.ok(
        f"""
        import numpy as np, helper, os
        gate = {str(gate)!r}
        number, items, array = 1, [1], np.zeros(300_000)
        class Model:
            rate = 1
        def read():
            return number, items, array[:2], Model.rate, helper.STATE["n"], os.environ.get("LATE")
        helper.STATE["n"] = 1
        """
    )
    shown = notebook.begin("print('ready', flush=True)\nopen(gate).read()\nread()")
    notebook.ok(
        """
        number = 2; items.append(2); array[:] = 2; Model.rate = 2; helper.STATE["n"] = 2
        os.environ["LATE"] = "yes"
        def read(): return "another function"
        %mkdir -p elsewhere
        %cd -q elsewhere
        open(gate, "w").write("go on");
        """
    )
    notebook.end()
    notebook.ok("%cd -q ..")
    assert shown.result == "(1, [1], array([0., 0.]), 1, 1, None)"


SIGHTS = {
    "functions, classes and lambdas": Case(
        """
        class Shape:
            def __init__(self, side): self.side = side
            def area(self): return self.side ** 2
        class Cube(Shape):
            def area(self): return 6 * super().area()
        def double(n): return 2 * n
        triple = lambda n: 3 * n
        cube = Cube(2)
        """,
        "isinstance(cube, Shape), Cube.__mro__[1] is Shape, cube.area(), double(2), triple(2)",
    ),
    "methods of built-in objects": Case(
        "import re\nletters = []; put = letters.append; find = re.compile('b').search",
        "put('a'); letters, find('abc')",
    ),
    "a class in a module that comes on demand": Case(
        "import numpy as np\nrecords = np.zeros(2, dtype=[('a', int)]).view(np.recarray)",
        "type(records) is np.recarray, records.a, records",
    ),
    "decorators": Case(
        """
        import functools
        def twice(function):
            @functools.wraps(function)
            def both(*args): return function(*args), function(*args)
            return both
        @twice
        def greet(name): return f"hello {name}"
        """,
        "greet('you'), greet.__name__, greet.__wrapped__('me')",
    ),
    "dataclasses and enums": Case(
        """
        import dataclasses, enum
        class Colour(enum.Enum): RED = 1
        @dataclasses.dataclass
        class Dot:
            colour: Colour = Colour.RED
            at: list = dataclasses.field(default_factory=list)
        """,
        "Dot(), Dot().colour is Colour.RED, dataclasses.replace(Dot(), at=[1])",
    ),
    "modules and what is in them": Case(
        "import json as j, xml.etree.ElementTree as tree\nfrom os import path",
        "j.dumps([1]), tree.Element('a').tag, path.basename('/a/b')",
    ),
    "where it is": Case(
        "import os, sys\nsys.path.insert(0, 'a folder')\nos.environ['A_KEY'] = 'a value'",
        "os.getcwd(), sys.path[:2], os.environ['A_KEY'], __name__, sys.getrecursionlimit()",
    ),
    "filters of warnings of one's own": Case(
        """
        import warnings
        class Mine(UserWarning): pass
        warnings.simplefilter("error", Mine)
        """,
        "warnings.warn(Mine('raised'))",
    ),
    "filters of warnings": Case(
        "import warnings\nwarnings.filterwarnings('ignore', message='hush')",
        "warnings.warn('hush, nobody hears this'); len(warnings.filters)",
    ),
    "__main__": Case("", "if __name__ == '__main__':\n    print('main')"),
    "pickles of the notebook's objects": Case(
        "import pickle\nclass Parcel:\n    pass",
        "isinstance(pickle.loads(pickle.dumps(Parcel())), Parcel)",
    ),
    "top-level await": Case(
        "import asyncio\nasync def later(n):\n    await asyncio.sleep(0)\n    return n",
        "await later(1)\nawait asyncio.gather(later(2), later(3))",
    ),
    "line magics": Case("", "%pwd"),
    "a magic that times": Case("", "%%time\npass\n1 + 1"),
    "shell commands": Case("what = 'world'", "!echo hello $what\nlisted = !echo a b\nlisted"),
    "another language": Case("", "%%bash\necho from bash"),
    "results of earlier cells": Case(
        "where = len(In) - 1\n[4, 5]", "_ + [6], Out[where], In[where], _oh is Out"
    ),
    "a magic of the notebook": Case(
        """
        from IPython.core.magic import register_line_magic, register_cell_magic
        prefix = "-> "
        @register_line_magic
        def shout(line): return prefix + line.upper()
        @register_cell_magic
        def lines(line, cell): return cell.splitlines()
        """,
        "%shout hello",
    ),
    "a cell magic of the notebook": Case("", "%%lines\na\nb"),
    "how numpy prints": Case(
        "import numpy as np\nnp.set_printoptions(precision=2, suppress=True)",
        "np.array([1 / 3, 1e-9])",
    ),
    "how pandas prints": Case(
        "import pandas as pd\npd.set_option('display.max_rows', 4, 'display.precision', 1)",
        "pd.Series([1 / 3] * 9)",
    ),
    "how IPython prints": Case("%precision 2", "1 / 3"),
    "which expressions are shown": Case(
        "from IPython import get_ipython\n%config InteractiveShell.ast_node_interactivity = 'all'",
        "1\n2",
    ),
    "which are shown by default": Case(
        "%config InteractiveShell.ast_node_interactivity = 'last_expr'", "1\n2"
    ),
    "the context of decimals": Case(
        "import decimal\ndecimal.getcontext().prec = 5", "decimal.Decimal(1) / 3"
    ),
    "context variables": Case(
        "import contextvars\nlevel = contextvars.ContextVar('level', default=0)\nlevel.set(3);",
        "level.get()",
    ),
    "what is logged": Case(
        """
        import logging, sys
        logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", force=True)
        log = logging.getLogger("mine"); log.setLevel(logging.DEBUG)
        quiet = logging.getLogger("quiet"); quiet.setLevel(logging.ERROR)
        """,
        "log.debug('a detail'); logging.info('news'); quiet.warning('not this')",
    ),
    "a module of one's own": Case(
        "import helper; from helper import bump, Thing\nthing = Thing(1)",
        "isinstance(thing, helper.Thing), bump is helper.bump, helper.edition(), thing.n",
    ),
    "a traceback with its source": Case(
        "def divide(a, b):\n    return a / b  # this line is shown", "x = 1\ndivide(x, 0)"
    ),
    "a syntax error": Case("", "print('a'\nprint('b')"),
    "a display that is updated": Case(
        "from IPython.display import display",
        "shown = display('one', display_id=True); shown.update('two')",
    ),
    "processes of its own": Case(
        "import multiprocessing\ndef square(n): return n * n",
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    squares = pool.map(square, [1, 2])\n"
        "del pool\n"
        "squares",
    ),
    "annotations that are not evaluated": Case(
        "from __future__ import annotations\nimport typing",
        "def of(a: Unknown) -> Neither: ...\nof.__annotations__",
    ),
}


@pytest.mark.parametrize("what", SIGHTS)
def test_a_job_sees_what_the_session_would_have_seen(notebook: Notebook, what: str) -> None:
    """Code shows the same in a job and in the session."""
    case = SIGHTS[what]
    for library in ("numpy", "pandas"):
        if library in case.setup:
            pytest.importorskip(library)
    notebook.ok(case.setup)
    job = notebook.job(case.cell)
    here = notebook.cell(case.cell)
    assert (without_times(job.text), job.result, job.error) == (
        without_times(here.text),
        here.result,
        here.error,
    )
    assert job.displayed == here.displayed


def without_times(text: str) -> str:
    """Leave out what a clock said, and what is said of what other tests left in the session."""
    left_out = ("time", "can't be handed over to a job")
    return "\n".join(
        line for line in text.splitlines() if not any(words in line for words in left_out)
    )


def test_a_module_that_was_reloaded(notebook: Notebook) -> None:
    """Functions from before an edit go with what the module holds now, as they do in the session.

    So do functions that the module made.
    """
    module = notebook.folder / "edited.py"
    module.write_text(
        "calls = []\ndef note():\n    calls.append(1)\n    return len(calls)\n"
        "def counting():\n    def count(): return note()\n    return count\n"
    )
    notebook.ok("import edited, importlib; from edited import note; count = edited.counting()")
    module.write_text(module.read_text() + "def edition(): return 'second'\n")
    notebook.ok("importlib.reload(edited); note();")
    cell = "note(), count(), edited.note(), edited.calls, edited.edition(), note is edited.note"
    job = notebook.job(cell)
    assert job.result == notebook.ok(cell).result == "(2, 3, 4, [1, 1, 1, 1], 'second', False)"


def test_a_module_that_was_edited_only(notebook: Notebook) -> None:
    """A job imports what is in the file; that it is not what the session has, is said."""
    module = notebook.folder / "half.py"
    module.write_text("def edition(): return 'loaded'\n")
    notebook.ok("import half, importlib")
    module.write_text("def edition(): return 'in the file'\n")
    job = notebook.job("half.edition()")
    assert job.text == (
        "cowtm: half was edited since it was imported; the job has it as its file is now. "
        "importlib.reload(half) loads it here.\n"
    )
    assert job.result == "'in the file'"
    assert notebook.ok("half.edition()").result == "'loaded'"
    notebook.ok("importlib.reload(half);")
    assert notebook.job("half.edition()").text == ""


def test_modules_of_ones_own_while_one_works_elsewhere(notebook: Notebook) -> None:
    """What a job changes in a module is in its state, wherever the session's folder is by then."""
    notebook.ok("import helper; helper.STATE['n'] = 0\n%mkdir -p far\n%cd -q far")
    notebook.job("helper.bump()")
    notebook.ok("%cd -q ..")
    said = notebook.ok("tm.diff(tm.jobs[-1].task.start, tm.jobs[-1].number)").result
    assert "helper" in said


def test_nobody_answers_a_job(notebook: Notebook) -> None:
    """`input`, `getpass` and `breakpoint` say so in a job."""
    for ask in ("input('name? ')", "import getpass; getpass.getpass()", "breakpoint()"):
        error = notebook.job(ask).error
        assert "a background cell can't ask for input" in error, error


def test_the_last_result_is_no_variable_of_a_job(notebook: Notebook) -> None:
    """What IPython binds `_` to is not part of what a job did; what the user binds it to is."""
    notebook.ok("shelf = [1]\nshelf")
    names = "tm.states[tm.jobs[-1].number].names"
    assert notebook.job("shelf.append(2)\nshelf").result == "[1, 2]"
    assert notebook.ok(names).result == "('shelf',)"
    notebook.job("for _ in range(3): pass")
    assert notebook.ok(names).result == "('_',)"
    notebook.ok("for _ in range(5): pass")
    assert notebook.job("_").result == notebook.ok("_").result == "4"
    notebook.ok("del _")


def test_all_variables_that_lead_to_a_change_are_named(notebook: Notebook) -> None:
    """As for a cell of the session: what was changed through one name is changed for others too."""
    notebook.ok("class Shop: pass\nshop = Shop(); shop.basket = basket = []\nlist(range(9));")
    notebook.job("basket.append(1)")
    assert notebook.ok("tm.states[tm.jobs[-1].number].names").result == "('basket', 'shop')"


def test_figures(notebook: Notebook) -> None:
    """They are shown under the job's cell, in the form that is set; those of the session go on."""
    pytest.importorskip("matplotlib")
    notebook.ok(
        """
        import matplotlib.pyplot as plt
        plt.rcParams["figure.figsize"] = 2, 1
        figure, axes = plt.subplots()
        axes.plot([1, 2])
        plt.close(figure)
        """
    )
    assert notebook.job("plt.plot([1, 2, 3]);").pictures == ["image/png"]
    cell = "axes.plot([3, 4])\nlen(axes.lines), [*figure.get_size_inches()], plt.get_fignums()"
    assert notebook.job(cell).result == notebook.ok(cell).result
    notebook.ok("axes.lines[-1].remove()\n%config InlineBackend.figure_formats = ['svg']")
    assert notebook.job("plt.plot([1, 2, 3]);").pictures == ["image/svg+xml"]
    assert notebook.ok("plt.plot([1, 2, 3]);").pictures == ["image/svg+xml"]
    assert notebook.ok("len(axes.lines), plt.get_fignums()").result == "(1, [])"


def test_what_ended_a_job_can_be_kept(notebook: Notebook) -> None:
    """It is a variable like others, with the traceback of the job as its cause."""
    notebook.job("{}['no such key']")
    notebook.ok("ended = tm.jobs[-1].exception()\nended")
    said = "type(ended.__cause__).__name__, 'no such key' in str(ended.__cause__)"
    cell = f"type(ended), ended.args, {said}"
    assert notebook.job(cell).result == notebook.ok(cell).result
    assert notebook.ok(cell).result == "(KeyError, ('no such key',), 'JobFailed', True)"


def test_what_cant_be_handed_over_does_no_harm(notebook: Notebook) -> None:
    """It is named before the job starts, whatever holds it; the job has all the rest."""
    notebook.ok(
        """
        import re
        rest = [1]
        found = re.match("a", "abc"); held = {"steps": (n for n in rest), "rest": rest}
        """
    )
    job = notebook.job("rest.append(2); held['rest'], held['rest'] is rest")
    assert job.result == "([1, 2], True)"
    assert "held (a generator)" in job.text
    assert "a Match" in job.text
    used = notebook.job("next(held['steps'])").error
    assert "a generator can't be handed over to a background cell" in used
    assert notebook.job("found.group()").error
    assert notebook.ok("next(held['steps']), found.group(), rest").result == "(1, 'a', [1])"
    notebook.ok("del found, held")
