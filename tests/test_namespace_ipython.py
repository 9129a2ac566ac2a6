"""Real IPython shells whose cells run on a view: nothing shows but the notes it takes."""

from __future__ import annotations

import asyncio
import atexit
import builtins
import io
import re
import signal
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core import interactiveshell
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from cowtm.interrupts import paused_collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NativeModule

    from cowtm.twin.namespace import TrackingNamespace


@contextmanager
def new_shell(folder: Path, **arguments: Any) -> Iterator[InteractiveShell]:
    """Give a shell of its own, and take back all it did to the process."""
    config = Config()
    config.HistoryManager.enabled = False
    folder.mkdir(exist_ok=True)
    make: Any = InteractiveShell
    shell = make(config=config, ipython_dir=str(folder), **arguments)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield shell
    finally:
        signal.signal(signal.SIGINT, interrupt)  # the debugger puts in its own
        shell.restore_sys_module_state()
        atexit.unregister(shell.atexit_operations)


@contextmanager
def cells_on_view(
    native_module: NativeModule, shell: InteractiveShell
) -> Iterator[TrackingNamespace]:
    """Let the cells of `shell` run on a view of its namespace, as the extension does."""
    view = native_module.TrackingNamespace(shell.user_ns)
    with pytest.MonkeyPatch.context() as patch:
        for builtin in (exec, eval):
            runner = native_module.CellRunner(builtin, view)
            patch.setattr(interactiveshell, builtin.__name__, runner, raising=False)
        yield view
    assert not vars(interactiveshell).keys() & {"exec", "eval"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user sees of a cell that ran."""

    output: str
    """What it printed and displayed, the traceback included."""
    value: str
    """The repr of its result."""
    error: str
    """The repr of what it raised."""
    frames: list[tuple[str, int | None, str]]
    """File, line and function of every frame of the traceback."""


def lasting(text: str) -> str:
    """Take out what differs from run to run."""
    return re.sub(r"0x[0-9a-f]+|Thread-\d+|stopped \d+|(?<=time).*: .*", "...", text)


def run(shell: Any, source: str) -> Outcome:
    """Run one cell."""
    with capture_output() as captured:
        result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    stack = traceback.extract_tb(error.__traceback__) if error else []
    return Outcome(
        output=lasting(captured.stdout + captured.stderr),
        value=lasting(repr(result.result)),
        error=repr(error) if error else "",
        frames=[(frame.filename, frame.lineno, frame.name) for frame in stack],
    )


def run_well(shell: InteractiveShell, source: str) -> Outcome:
    """Run one cell that must succeed."""
    outcome = run(shell, source)
    assert outcome.error == "", outcome.output
    return outcome


def variables(shell: InteractiveShell) -> dict[str, str]:
    """Give the user's variables, in order."""
    hidden = shell.user_ns_hidden
    return {
        name: lasting(repr(value)) for name, value in shell.user_ns.items() if name not in hidden
    }


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[InteractiveShell]:
    """Give a shell."""
    with new_shell(tmp_path / "shell") as shell:
        yield shell


@pytest.fixture
def view(native_module: NativeModule, shell: InteractiveShell) -> Iterator[TrackingNamespace]:
    """Give the view that the shell's cells run on."""
    with cells_on_view(native_module, shell) as view:
        yield view


# ---- sessions that must not tell the difference -------------------------------------------------

SESSIONS = {
    "globals": [
        "assert type(globals()) is dict",
        "globals()['x'] = 1",
        "globals().update(y=2); globals().pop('x')",
        "y, 'x' in globals(), list(globals())[-1]",
    ],
    "locals": [
        "locals()['x'] = 1",
        "x",
        "locals()['x'] += 1; locals().update(y=3); x, y",
        "sorted(name for name in locals() if name in ('x', 'y'))",
        "isinstance(locals(), dict), 'x' in locals(), locals().get('len'), len(locals()) > 3",
        "del locals()['x']; 'x' in globals()",
        "'{y}'.format(**locals()), '%(y)s' % locals(), '{y}'.format_map(locals())",
        "type(dict(locals())), dict(locals()) == globals(), {**locals()} == globals()",
        "import json; json.dumps({'y': y}), json.loads(json.dumps(locals(), default=str))['y']",
    ],
    "vars and dir": ["vars()['x'] = 1", "x, 'x' in vars(), 'x' in dir(), dir() == sorted(vars())"],
    "exec and eval": [
        "exec('a = 1'); a",
        "eval('a + 1'), eval('a', globals()), eval('a', locals()), eval('a', {}, locals())",
        "exec('b = a', globals()); exec('c = b', locals()); exec('d = c', globals(), locals())",
        "a, b, c, d",
        "exec('def f():\\n  global n\\n  n = a\\nf()', locals()); n",
        "import builtins; exec is builtins.exec, eval is builtins.eval",
    ],
    "functions": [
        "n = 0\ndef f(step=n):\n    global n\n    n += 1\n    return n, len([])\nf(); n",
        "f(); n",
        "def g():\n    global m\n    m = n\ng(); m",
        "def outer():\n    k = n\n    def inner(): return k + n\n    return inner\nouter()()",
        "f.__globals__ is globals(), type(f.__globals__)",
        "def d():\n    global n\n    del n\nd(); 'n' in globals()",
    ],
    "classes": [
        "x = 1\nclass A:\n    y = x\n    global z\n    z = y",
        "class A(A):\n    def f(self): return x, self.y, __class__",
        "A().f(), z, A.__module__, A.__qualname__",
        "class B(A):\n    def f(self): return super().f()\nB().f(), isinstance(B(), A)",
    ],
    "comprehensions": [
        "[y := x for x in range(3)], y",
        "x = 'mine'\n[x for x in range(2)], {x: len(str(x)) for x in range(2)}, x",
        "[sorted(locals())[:0] for i in range(2)], [i in [j for j in range(2)] for i in range(3)]",
        "sum(len(x) for _ in range(2))",
    ],
    "await": [
        "import asyncio\nx = 1\nawait asyncio.sleep(0)\nx += 1",
        "async def f(): return x\nawait f()",
        "async def g():\n    for i in range(3): yield i\n[i async for i in g()], x",
        "async for i in g(): y = i\ny",
        "await asyncio.gather(f(), f())",
    ],
    "annotations": ["x: int = 1", "y: list[int]", "x, 'y' in globals()"],
    "dataclasses": [
        "from dataclasses import asdict, dataclass, field, replace",
        "@dataclass(slots=True)\nclass P:\n    x: int\n    y: list = field(default_factory=list)",
        "p = P(1); p, asdict(p), replace(p, x=2), P.__module__",
    ],
    "other class makers": [
        "import enum, typing, collections, abc",
        "class E(enum.Enum):\n    A = 1\nclass N(typing.NamedTuple):\n    a: int = 1",
        "class T(typing.TypedDict):\n    a: int\nC = collections.namedtuple('C', 'a b')",
        "E.A, N(), T(a=1), C(1, 2), C.__module__, N.__module__",
    ],
    "pickle": [
        "import copy, pickle\nclass C:\n    def __init__(self, a): self.a = a\nc = C([1])",
        "d = pickle.loads(pickle.dumps(c)); type(d) is C, d.a, copy.deepcopy(c).a",
        "def f(): return c\npickle.loads(pickle.dumps(f)) is f",
        "import cloudpickle\ncloudpickle.loads(cloudpickle.dumps(f))().a",
    ],
    "type hints": [
        "import typing\nclass A:\n    x: 'B'\nclass B: pass\ndef f(a: 'A') -> 'list[B]': ...",
        "typing.get_type_hints(A), typing.get_type_hints(f)",
        "typing.get_type_hints(A, globals(), locals())",
    ],
    "imports": [
        "import os.path as p",
        "from os.path import *",
        "join('a', 'b') == p.join('a', 'b')",
    ],
    "output history": ["1 + 1", "_ + 1", "_1, _2, __, Out[1], In[1]", "x = 5; x", "_"],
    "main module": [
        "import __main__; __main__.x = 1",
        "x, __name__, vars(__main__) is globals()",
        "setattr(__main__, 'y', 2); y",
    ],
    "threads": [
        "import threading\ndef work():\n    global x\n    x = 1\nt = threading.Thread(target=work)",
        "t.start(); t.join(); x",
        "t = threading.Thread(target=lambda ns: ns.update(y=x), args=(locals(),))",
        "t.start(); t.join(); y",
    ],
    "the shell's own ways": [
        "ip = get_ipython()",
        "ip.push({'x': 1}); ip.ex('y = x'); ip.ev('y + x'), x, y",
        "ip.run_cell('z = x; w = [z]'); z, w",
        "ip.drop_by_id({'x': x}); 'x' in globals()",
        "ip.user_ns['v'] = 1; v",
    ],
    "shell commands": [
        "x = 'one'\ny = !echo $x {x} two\ny",
        "def f():\n    local = 'three'\n    return get_ipython().getoutput('echo {local}')\nf()",
    ],
    "%run -i": ["a = 1", "%run -i {script}", "a, b, f(), f.__globals__ is globals()"],
    "%run": ["a = 1", "%run {script}", "b, f()"],
    "%who": ["x = 1\ndef f(): pass\nl = locals()['x']", "%who", "%who_ls", "%whos int"],
    "%store": [
        "%load_ext storemagic",
        "x = [1]",
        "%store x",
        "del x",
        "%store -r x",
        "x",
        "%store -d x",
    ],
    "%reset": ["x = 1", "%reset -f", "'x' in globals()", "y = 2; y", "%who"],
    "%reset_selective": ["x1 = x2 = y = 1", "%reset_selective -f ^x", "%who"],
    "%xdel": ["x = []", "%xdel x", "'x' in globals()"],
    "%macro and %rerun": ["x = 1", "x += 1", "%macro -q m 2", "m", "x"],
    "%psearch and help": ["def fff(a): 'Say a.'", "%psearch ff*", "%pdef fff", "fff?"],
    "%capture and %%script": ["%%capture c\nx = 1\nprint(x)", "x, c.stdout"],
    "%%time": ["%%capture c\n%time x = 1", "x", "%%capture c\n%%time\ny = 2\ny", "x, y"],
    "%timeit": [
        "t = [1]; n = 0",
        "r = %timeit -q -o -n2 -r1 len(t)",
        "type(r), r.loops",
        "%timeit -q -n1 -r1 globals().update(n=type(globals()))\nn",
    ],
    "%%timeit": ["n = 0", "%%timeit -q -n3 -r1\nglobal n\nn += 1", "n > 0"],
    "%prun": ["def f(): global n; n = 1", "%%capture c\n%prun -q f()", "n"],
    "frames": [
        "import sys, inspect\nx = 1",
        "sys._getframe().f_globals is globals(), sys._getframe().f_locals['x']",
        "def f(): return sys._getframe(1).f_locals['x'], inspect.stack()[1].function\nf()",
    ],
    "timeit module": ["import timeit; t = [1]", "timeit.timeit('len(t)', globals=locals()) > 0"],
    "match": ["match {'k': [1, 2]}:\n    case {'k': [x, *rest]}: y = x\nx, rest, y"],
    "with and except": [
        "from contextlib import suppress\nwith suppress(NameError) as w: nowhere\nw",
        "try: nowhere\nexcept NameError as e: text = str(e)\ntext, 'e' in globals()",
        "try: del nowhere\nexcept NameError as e: text = str(e)\ntext",
        "try: locals()['nowhere']\nexcept KeyError as e: text = e.args\ntext",
    ],
    "shadowed builtins": ["len = lambda x: 'mine'\nlen([])", "del len\nlen([])"],
    "display": ["from IPython.display import display\ndisplay(1, 'a')\nprint('b')\n2"],
}
if sys.version_info >= (3, 12):
    SESSIONS["type parameters"] = [
        "type T = list[X]\nclass X[Y]: pass\ndef f[Z](z: Z) -> Z: return z",
        "T.__value__, X[int], f(1)",
    ]

CAN_STORE = find_spec("IPython.external.pickleshare") or find_spec("pickleshare")

SCRIPT = "b = a if 'a' in globals() else 'no a'\ndef f():\n    return b\n"


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_the_same(native_module: NativeModule, tmp_path: Path, name: str) -> None:
    """Every cell prints, gives and leaves behind what it does in a shell without the view."""
    if name == "%store" and not CAN_STORE:
        pytest.skip("this IPython needs the package pickleshare for %store")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    cells = [cell.replace("{script}", str(script)) for cell in SESSIONS[name]]
    with new_shell(tmp_path / "plain") as plain:
        expected = [run_well(plain, cell) for cell in cells]
        expected_variables = variables(plain)
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell) as view:
        assert [run(shell, cell) for cell in cells] == expected
        assert variables(shell) == expected_variables
        assert view.home is shell.user_ns
        assert view.codes


FAILURES = {
    "at the top level": ["x = 0", "1 / x"],
    "in a function": ["def f(x):\n    y = x\n    return 1 / y", "f(0)"],
    "in a function of another cell": ["def f(): g()", "def g(): raise KeyError('k')", "f()"],
    "missing name": ["nowhere"],
    "missing name, deleted": ["del nowhere"],
    "missing name with a hint": ["value = 1", "valeu"],
    "in a library": ["import json", "json.loads('{')"],
    "in exec": ["exec('1 / 0')"],
    "in await": ["import asyncio\nasync def f(): 1 / 0", "await f()"],
    "in a thread pool": [
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor() as pool: pool.submit(lambda: 1 / 0).result()",
    ],
    "one behind another": ["try: 1 / 0\nexcept ZeroDivisionError as e: raise ValueError from e"],
    "a group": ["raise ExceptionGroup('both', [ValueError(1), KeyError(2)])"],
    "in %time": ["%time 1 / 0"],
    "in a script": ["%run -i {script}"],
    "syntax": ["1 +"],
    "syntax, found late": ["return"],
    "exit": ["raise SystemExit(1)"],
    "assertion": ["x = 1", "assert x == 2, 'no'"],
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.filterwarnings("ignore:To exit. use:UserWarning")
def test_a_traceback_is_the_same(native_module: NativeModule, tmp_path: Path, name: str) -> None:
    """The last cell fails with the same error, the same frames and the same text."""
    script = tmp_path / "script.py"
    script.write_text("def f():\n    1 / 0\nf()\n")
    cells = [cell.replace("{script}", str(script)) for cell in FAILURES[name]]
    with new_shell(tmp_path / "plain") as plain:
        expected = [run(plain, cell) for cell in cells]
        assert expected[-1].error or "Traceback" in expected[-1].output
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell):
        assert [run(shell, cell) for cell in cells] == expected
        run_well(shell, "x = 1")


def test_endless_recursion(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """It ends as it always does, and the shell goes on."""
    run_well(shell, "%xmode Minimal")  # to show thousands of frames takes IPython half a minute
    outcome = run(shell, "def f(): f()\nf()")
    assert outcome.error.startswith("RecursionError('maximum recursion depth exceeded")
    assert {name for _, _, name in outcome.frames} == {"run_code", "<module>", "f"}
    assert run_well(shell, "len([f])").value == "1"
    assert "f" in view.names


DEBUG_COMMANDS = "p local\nup\np x\nw\nargs\n!x = 5\np x + 1\n!fresh = 6\np len([x])\ndown\nq\n"


def debug(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fail, enter the debugger, look around, and give what it printed."""
    run_well(shell, "x = 0\ndef f():\n    local = x\n    return 1 / local")
    assert "ZeroDivisionError" in run(shell, "f()").error
    monkeypatch.setattr(sys, "stdin", io.StringIO(DEBUG_COMMANDS))
    printed = run_well(shell, "%debug").output
    return printed.splitlines()


def test_debug_is_the_same(
    native_module: NativeModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """%debug enters after a failure, walks the same frames, reads and writes the variables."""
    with new_shell(tmp_path / "plain") as plain:
        expected = debug(plain, monkeypatch)
        expected_variables = variables(plain)
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell):
        assert debug(shell, monkeypatch) == expected
        assert variables(shell) == expected_variables
        assert shell.user_ns["x"] == 5
    assert any(line.endswith("6") for line in expected)  # what `x + 1` printed


def trace(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stop in the middle of a cell, look where that is, go on, and give what was printed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("w\nup\nup\nw\n!y = x + 5\nc\n"))
    source = "from IPython.core.debugger import set_trace\nx = 1\nset_trace()\nprint(y)"
    with paused_collection():  # it calls other libraries, and the debugger would stop there
        lines = run_well(shell, source).output.splitlines()
    return [re.sub(r"skipping \d+ hidden", "skipping some hidden", line) for line in lines]


def test_stopping_in_a_cell_is_the_same(
    native_module: NativeModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a breakpoint one sees the same frames around the cell, and can set variables."""
    with new_shell(tmp_path / "plain") as plain:
        expected = trace(plain, monkeypatch)
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell):
        assert trace(shell, monkeypatch) == expected
    assert any(line.endswith("6") for line in expected)


def test_completion_is_the_same(native_module: NativeModule, tmp_path: Path) -> None:
    """Names, attributes, keys and modules complete as they do without the view."""
    lines = ["variab", "variable_one.app", "mapping['lon", "import js", "le", "%tim", "func(arg"]
    cell = "variable_one = []\nmapping = {'long key': 1}\ndef func(argument): pass"

    def completions(shell: InteractiveShell) -> list[list[str]]:
        run_well(shell, cell)
        with provisionalcompleter():
            found = [shell.Completer.completions(line, len(line)) for line in lines]
            return [[completion.text for completion in each] for each in found]

    with new_shell(tmp_path / "plain") as plain:
        expected = completions(plain)
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell):
        assert completions(shell) == expected
    assert "variable_one" in expected[0]
    assert "append" in "".join(expected[1])
    assert "long key" in "".join(expected[2])


def test_frames_of_other_code_query_them(native_module: NativeModule, tmp_path: Path) -> None:
    """Pandas reads the caller's variables from its frame, at the top level too."""
    pytest.importorskip("pandas")
    cells = [
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlimit = 1",
        "df.query('a > @limit').a.tolist(), pd.eval('limit + 1'), df.eval('a + @limit').tolist()",
        "limit = 2\ndf.query('a > @limit').a.tolist()",
    ]
    with new_shell(tmp_path / "plain") as plain:
        expected = [run_well(plain, cell) for cell in cells]
    with new_shell(tmp_path / "on view") as shell, cells_on_view(native_module, shell):
        assert [run(shell, cell) for cell in cells] == expected


# ---- what the view notes ------------------------------------------------------------------------


def test_every_statement_of_a_cell_is_noted(
    shell: InteractiveShell, view: TrackingNamespace
) -> None:
    """IPython runs a cell in pieces; all of them count, until the next reset."""
    run_well(shell, "a = 1\nb = a\nb")
    assert {"a", "b"} <= view.names
    assert {name for code in view.codes for name in code.co_names} == {"a", "b"}
    view.reset()
    run_well(shell, "c = 2")
    assert view.names & {"a", "b", "c"} == {"c"}
    assert not view.everything


def test_awaiting_cells_are_noted(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """Names used after an `await` count as well."""
    run_well(shell, "import asyncio\nfirst = 1\nawait asyncio.sleep(0)\nsecond = first")
    assert {"asyncio", "first", "second"} <= view.names
    assert view.codes


def test_cells_run_inside_a_loop(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """A kernel runs cells as coroutines of its own event loop."""
    kernel: Any = shell

    async def session() -> list[Any]:
        sources = ["import asyncio\nx = 1", "await asyncio.sleep(0)\ny = x + 1", "y"]
        return [
            await kernel.run_cell_async(source, transformed_cell=kernel.transform_cell(source))
            for source in sources
        ]

    with capture_output():
        results = asyncio.run(session())
    assert [result.success for result in results] == [True, True, True]
    assert results[-1].result == 2
    assert {"asyncio", "x", "y"} <= view.names


@pytest.mark.parametrize("source", ["sorted(locals())", "vars().items()", "{**locals()}", "dir()"])
def test_looking_at_all_variables_is_noted(
    shell: InteractiveShell, view: TrackingNamespace, source: str
) -> None:
    """Code that goes over its variables may have used all of them."""
    run_well(shell, f"{source};")
    assert view.everything


def test_functions_read_without_the_view(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """What a function does with globals is told by its code's names, not by the view."""
    run_well(shell, "n = 0\ndef f():\n    global n\n    n += 1")
    view.reset()
    run_well(shell, "f()")
    assert shell.user_ns["n"] == 1
    assert "f" in view.names
    assert "n" not in view.names


def test_an_interrupted_cell(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """What it did before Ctrl-C is there and noted, and the next cell runs."""
    source = "import signal\nbefore = 1\nsignal.raise_signal(signal.SIGINT)\nafter = 1"
    outcome = run(shell, source)
    assert outcome.error == "KeyboardInterrupt()"
    assert {"signal", "before"} <= view.names
    assert "after" not in view.names
    assert shell.user_ns["before"] == 1
    assert run_well(shell, "before + 1").value == "2"


def test_an_interrupted_loop(shell: InteractiveShell, view: TrackingNamespace) -> None:
    """A loop at the top level stops at once, whatever the view is just doing."""
    source = (
        "import _thread, threading\n"
        "threading.Timer(0.05, _thread.interrupt_main).start()\n"
        "n = 0\n"
        "while True:\n    n += 1\n"
    )
    assert run(shell, source).error == "KeyboardInterrupt()"
    assert shell.user_ns["n"] > 0
    assert "n" in view.names
    assert run_well(shell, "n > 0").value == "True"


def test_an_embedded_shell(native_module: NativeModule, tmp_path: Path) -> None:
    """Where variables and globals are two, both are found, and everything may have been used."""
    module = ModuleType("embedding")
    vars(module).update(len="the module's", deep="global")
    names = {"local": 1}
    with (
        new_shell(tmp_path / "shell", user_module=module, user_ns=names) as shell,
        cells_on_view(native_module, shell) as view,
    ):
        assert run_well(shell, "x = 2\nlocal, x, deep, len").value == (
            "(1, 2, 'global', \"the module's\")"
        )
        assert shell.user_ns["x"] == 2
        assert view.everything


# ---- beginning and ending -----------------------------------------------------------------------


def test_beginning_and_ending_in_the_middle(
    native_module: NativeModule, shell: InteractiveShell
) -> None:
    """Functions and classes made before, while and after cells run on the view are one session."""
    run_well(shell, "n = 0\ndef before():\n    global n\n    n += 1\nclass Before: pass")
    with cells_on_view(native_module, shell) as view:
        run_well(
            shell, "before()\nb = Before()\ndef during():\n    before()\n    return len(str(n))"
        )
        run_well(shell, "during()\nassert n == 2\nassert during.__globals__ is globals()")
        assert view.home["n"] == 2
    view.reset()
    run_well(shell, "during(); before(); import pickle; pickle.loads(pickle.dumps(b))")
    assert run_well(shell, "n, type(b) is Before, locals() is globals()").value == "(4, True, True)"
    assert view.names == frozenset()


def test_the_builtins_stay(native_module: NativeModule, shell: InteractiveShell) -> None:
    """Only the module that runs cells sees the runners; it sees the builtins again afterwards."""
    with cells_on_view(native_module, shell):
        assert type(interactiveshell.exec) is native_module.CellRunner  # type: ignore[attr-defined]
        assert run_well(shell, "exec, eval").value == repr((exec, eval))
    assert builtins.exec is exec
    assert not hasattr(interactiveshell, "exec")


def test_two_shells_are_apart(native_module: NativeModule, tmp_path: Path) -> None:
    """A runner swaps the view in for its own namespace only."""
    with (
        new_shell(tmp_path / "one") as one,
        new_shell(tmp_path / "other") as other,
        cells_on_view(native_module, one) as view,
    ):
        run_well(other, "x = 1")
        assert view.names == frozenset()
        assert view.codes == ()
        run_well(one, "y = 1")
        assert "y" in view.names
        assert "x" not in one.user_ns


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
def test_the_caller_of_a_cell_is_the_shell(
    shell: InteractiveShell, view: TrackingNamespace
) -> None:
    """In C, no frame stands between a cell and IPython's `run_code`."""
    assert view.home is shell.user_ns
    assert run_well(shell, "import sys; sys._getframe(1).f_code.co_name").value == "'run_code'"
