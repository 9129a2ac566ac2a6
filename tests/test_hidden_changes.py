"""Changes that reach an object through no name of a cell: each way by which they come is a test.

They are found by looking at all variables while nothing else is to be done, and make a state
between two cells, marked late.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from session import Session, new_session
from test_kernel import Kernel, new_kernel

import cowtm
from cowtm import rounds
from cowtm.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that looks at nothing after a cell but what the cell touched."""
    with new_session(tmp_path) as session:
        session.cells("%config TimeMachine.recheck = 0", "x = [0]; y = {'in x': x}")
        yield session


def look(session: Session) -> None:
    """Do what an idle kernel does."""
    while session.tm.glance() is not None:
        continue


def _run_thread(session: Session) -> None:
    session.names["thread"].start()
    session.names["thread"].join()


def _send_signal(_: Session) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def _set_trait(session: Session) -> None:
    session.names["slider"].value = 5


def _collect(session: Session) -> None:
    session.names["box"].clear()
    gc.collect()


def _call_library(_: Session) -> None:
    sys.modules["a_library"].draw()


BETWEEN: dict[str, tuple[str, Callable[[Session], None]]] = {
    "a thread": (
        "import threading; thread = threading.Thread(target=x.append, args=(1,))",
        _run_thread,
    ),
    "a signal": (
        "import signal; signal.signal(signal.SIGUSR1, lambda *_, x=x: x.append(1)); None",
        _send_signal,
    ),
    "an observed trait": (
        (
            "import traitlets\nclass Slider(traitlets.HasTraits): value = traitlets.Int()\n"
            "slider = Slider(); slider.observe(lambda change, x=x: x.append(1), 'value')"
        ),
        _set_trait,
    ),
    "a finalizer": (
        (
            "import weakref\nclass Thing: pass\nbox = [Thing()]\n"
            "weakref.finalize(box[0], x.append, 1); None"
        ),
        _collect,
    ),
    "a library's own reference": (
        (
            "import sys, types; a_library = types.ModuleType('a_library')\n"
            "exec('held = None\\ndef draw(): held.append(1)', vars(a_library))\n"
            "a_library.held = x; sys.modules['a_library'] = a_library"
        ),
        _call_library,
    ),
}


@pytest.mark.parametrize("way", BETWEEN)
def test_a_change_between_cells_is_a_state(session: Session, way: str) -> None:
    """It comes after the last cell and before the next, and is marked late."""
    source, change = BETWEEN[way]
    session.cell(source)
    before = session.last
    assert session.names["x"] == [0]
    change(session)
    look(session)
    late = session.last
    assert session.names["x"] == [0, 1]
    assert (late.parent, late.number) == (before.number, f"{before.number + 1}a")
    assert {"x", "y"} <= set(late.late)
    session.cell("z = 1")
    assert (session.last.parent, session.last.names) == (late.number, ("z",))
    session.cell(f"tm.past({before.number})")
    assert session.names["x"] == session.names["y"]["in x"] == [0]
    session.cell(f"tm.past('{late.number}')")
    assert session.names["x"] == session.names["y"]["in x"] == [0, 1]
    sys.modules.pop("a_library", None)
    if way == "a signal":
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_a_callback_after_the_cell_was_recorded(session: Session) -> None:
    """What other extensions do at the end of a cell comes after it was recorded."""
    session.cell(
        "get_ipython().events.register('post_run_cell', lambda result, x=x: x.append(len(x)))"
    )
    number = session.last.number
    look(session)
    assert session.last.late == ("x", "y")
    session.cell(f"tm.past({number})")
    assert session.names["x"] == [0, 1]  # the callback ran once more, after the travel


HOOKS = {
    "a trace function": "sys.settrace(hook)\nf()\nsys.settrace(None)",
    "a profile function": "sys.setprofile(hook)\nf()\nsys.setprofile(None)",
    "a display hook": "get_ipython().display_formatter.formatters['text/plain'].for_type("
    "complex, lambda *_: x.append(1))\n1j",
    "a callback of a weak reference": "import weakref\nclass Thing: pass\n"
    "thing = Thing(); r = weakref.ref(thing, hook); del thing",
}


@pytest.mark.parametrize("how", HOOKS)
def test_hooks_within_a_cell(session: Session, how: str) -> None:
    """What a hook changes while a cell runs belongs to the cell that names the hook."""
    session.cell("import sys\ndef hook(*_):\n  x.append(1)\ndef f(): return 1")
    number = session.last.number
    session.cell(HOOKS[how])
    assert len(session.names["x"]) > 1
    assert "x" in session.last.names
    session.cell(f"tm.past({number})")
    assert session.names["x"] == [0]


def test_a_hook_that_is_on_while_recording(session: Session) -> None:
    """A profile function that changes variables, left on, breaks neither recording nor travel."""
    session.cell("import sys\ndef hook(*_):\n  if len(x) < 50: x.append(1)\nsys.setprofile(hook)")
    number = session.last.number
    session.cell("z = 1")
    session.cell("sys.setprofile(None)")
    look(session)
    known = list(session.names["x"])
    session.cell("%past 3")
    assert session.names["x"] == [0]
    session.cell(f"tm.past({number}); tm.undo(); tm.undo()")
    session.cell("x")
    assert len(known) > 1
    assert session.tm.audit() == ()


def test_an_audit_finds_all(session: Session) -> None:
    """Without waiting for anything."""
    session.cell("a = [1]; b = [a]")
    session.names["x"].append(1)
    session.names["a"].append(2)
    assert session.tm.audit() == ("a", "b", "x", "y")
    assert session.last.late == ("a", "b", "x", "y")
    assert session.tm.audit() == ()


def test_names_bound_between_cells(session: Session) -> None:
    """A thread that binds names."""
    number = session.last.number
    session.names["made"] = {"x": session.names["x"]}
    del session.names["y"]
    look(session)
    assert session.last.late == ("made", "y")
    session.cell(f"tm.past({number})")
    assert "made" not in session.names
    assert session.names["y"]["in x"] is session.names["x"]


# ---- how it is looked for ------------------------------------------------------------------------


def test_nothing_changed_leaves_no_state(session: Session) -> None:
    """And the round ends, until the next cell."""
    session.cell("import numpy as np; a = np.arange(9); f = lambda: a; d = dict(f=f); d['d'] = d")
    states = list(session.tm.states)
    look(session)
    assert list(session.tm.states) == states
    assert session.tm.glance() is None


@pytest.mark.parametrize("slices", [1, 99])
def test_a_cell_after_a_round(
    session: Session, monkeypatch: pytest.MonkeyPatch, slices: int
) -> None:
    """What was looked at while idle, and was as before, is looked at again after the next cell."""
    session.cell("a = [1]; b = {'a': a}")
    monkeypatch.setattr(rounds, "SLICE", 0.0)
    monkeypatch.setattr(rounds, "PATIENCE", 0)
    for _ in range(slices):
        session.tm.glance()
    number = session.last.number
    session.cell("a.append(2); x.append(3)")
    assert session.last.names == ("a", "b", "x", "y")
    session.cell(f"tm.past({number})")
    assert (session.names["a"], session.names["x"]) == ([1], [0])


def test_finds_of_one_round_make_one_state(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many slices it took."""
    session.cell("a = [1]; b = [2]; c = [3]")
    number = session.last.number
    monkeypatch.setattr(rounds, "SLICE", 0.0)  # each name takes longer
    monkeypatch.setattr(rounds, "PATIENCE", 0)
    slices = 0
    for name in "abc":
        session.names[name].append(9)
    while session.tm.glance() is not None:
        slices += 1
    assert slices > 3
    assert (session.last.number, session.last.parent) == (f"{number + 1}a", number)
    assert session.last.late == ("a", "b", "c")
    session.cell(f"tm.past({number})")
    assert [session.names[name] for name in "abc"] == [[1], [2], [3]]
    session.cell("tm.undo()")
    assert [session.names[name] for name in "abc"] == [[1, 9], [2, 9], [3, 9]]


def test_a_state_that_something_builds_on_is_not_added_to(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that begins in the middle of a round comes after what was found until then."""
    session.cell("a = [1]; b = [2]")
    monkeypatch.setattr(rounds, "SLICE", 0.0)
    monkeypatch.setattr(rounds, "PATIENCE", 0)
    for name in "ab":
        session.names[name].append(9)
    while session.last.late == ():
        session.tm.glance()
    found = session.last
    session.cell("c = 1")
    after = session.last.number
    session.tm.past(found.number)  # which keeps what was not found yet, if the cell did not
    end = [s.number for s in session.tm.states.values() if s.parent == after] or [after]
    assert sorted(len(session.names[name]) for name in "ab") == [1, 2]
    session.names["x"].append(5)  # a travel outside of a cell, then a late change
    look(session)
    assert session.tm.states[found.number] == found
    assert [s.parent for s in session.tm.states.values() if s.late == ("x", "y")] == [found.number]
    session.tm.past(end[0])
    assert session.names["a"] == [1, 9]
    assert session.names["b"] == [2, 9]


def test_what_takes_long_waits_for_a_long_rest(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that can't be checked within a slice is not in the way of the next cell."""
    session.cell("big = [[] for _ in range(3000)]")
    monkeypatch.setattr(rounds, "SLICE", 1e-9)
    monkeypatch.setattr(rounds, "PATIENCE", 1e9)
    session.names["big"].append(1)
    waits = [session.tm.glance() for _ in range(9)]
    assert session.last.late == ()
    assert all(wait is not None and wait > 0 for wait in waits)
    monkeypatch.setattr(rounds, "PATIENCE", 0)
    look(session)
    assert session.last.late == ("big",)


@pytest.mark.parametrize("share", [0.0, 1e-9])
def test_after_a_long_cell_for_longer_unless_for_not_at_all(share: float) -> None:
    """A setting of 0 is none, however long the cell ran."""
    home: dict[str, Any] = {"x": [1]}
    recorder = Recorder(home, lambda name, _: name.startswith("__"))
    recorder.recheck = share
    recorder.capture()
    home["x"].append(2)
    assert recorder.capture(seconds=1e4).late == (("x",) if share else ())


def test_not_while_a_cell_runs_nor_while_recording_is_off(session: Session) -> None:
    """A subshell's cell, or one that awaits, is not looked into."""
    machine = session.tm
    cell = machine.begin_cell("x.append(1)")
    session.names["x"].append(1)
    assert machine.glance() is None
    machine.end_cell(99, None, None, cell)
    look(session)
    assert [(s.parent, s.late) for s in machine.states.values() if s.late] == [(99, ("x", "y"))]
    machine.saving(on=False)
    session.names["x"].append(2)
    states = list(machine.states)
    assert machine.glance() is None
    assert list(machine.states) == states


def test_what_is_by_reference_is_said_with_the_next_cell(session: Session) -> None:
    """An idle kernel prints nothing: there is no cell that it could be shown under."""
    session.names["x"].append(iter({}))
    look(session)
    assert session.last.by_reference == {"x": "an iterator over a dict"}
    assert "x: an iterator over a dict can't be recorded" in session.cell("1").output


def test_undo_goes_back_before_a_late_change(session: Session) -> None:
    """It is a step like others."""
    session.cell("z = 1")
    session.names["x"].append(1)
    look(session)
    session.cell("tm.undo()")
    assert (session.names["x"], session.names["z"]) == ([0], 1)
    session.cell("tm.undo()")
    assert "z" not in session.names


# ---- cells that end half-way, and what is no part of a state -------------------------------------


@pytest.mark.filterwarnings("ignore:To exit")  # IPython's, of a SystemExit
@pytest.mark.parametrize("end", ["KeyboardInterrupt", "SystemExit", "GeneratorExit", "ValueError"])
def test_a_cell_that_ends_half_way(session: Session, end: str) -> None:
    """What it had done until then is a state, marked by what ended it."""
    number = session.last.number
    session.run(f"x.append(1); del y; z = [x]\nfor i in range(3):\n  z.append(i)\nraise {end}")
    half = session.last
    assert half.error == end
    assert {"x", "y", "z", "i"} <= set(half.names)
    session.cell(f"tm.past({number})")
    assert session.names["x"] == session.names["y"]["in x"] == [0]
    assert not {"z", "i"} & session.names.keys()
    session.cell(f"tm.past({half.number})")
    found = session.cell("z[0] is x, z[1:], i, 'y' in globals()").value
    assert found == (True, [0, 1, 2], 2, False)


def test_what_belongs_to_the_process_stays(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory, the environment, the path, filters of warnings: said in the docs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THIS_TEST", "before")
    monkeypatch.setattr(sys, "path", [*sys.path])
    number = session.last.number
    (tmp_path / "below").mkdir()
    outcome = session.cell(
        "import os, sys, warnings\nos.chdir('below'); os.environ['OF_THIS_TEST'] = 'after'\n"
        "sys.path.append('below'); env = os.environ"
    )
    assert "env: the environment of the process can't be recorded" in outcome.output
    session.cell(f"tm.past({number})")
    assert (Path.cwd(), os.environ["OF_THIS_TEST"]) == (tmp_path / "below", "after")
    assert sys.path[-1] == "below"
    assert "env" not in session.names


# ---- in a real kernel ----------------------------------------------------------------------------

WATCH = """
import asyncio
async def watch():
    while not any("x" in state.late for state in tm.states.values()):
        await asyncio.sleep(0.005)
    print("found", flush=True)
watching = asyncio.create_task(watch())
"""
"""Tells when a late change was found."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Give a kernel."""
    with new_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def kernel(started: Kernel) -> Kernel:
    """Give the kernel with an empty namespace and a time machine that begins."""
    started.run("%reset -f")
    started.run("%unload_ext cowtm")
    started.run("%load_ext cowtm")
    started.run("%config TimeMachine.recheck = 0")
    return started


AFTER = """
import asyncio
known = len(tm.states)
async def after(change):
    while len(tm.states) == known:
        await asyncio.sleep(0)
    change()
"""
"""Changes something as soon as the cell was recorded, and so before an idle kernel looks."""

TASKS = {
    "a task": f"{AFTER}task = asyncio.create_task(after(lambda x=x: x.append(1)))",
    "a timer": f"import threading\n{AFTER}timer = threading.Timer(0, x.append, (1,))\n"
    "task = asyncio.create_task(after(lambda: (timer.start(), timer.join())))",
    "a call of the loop": f"{AFTER}loop = asyncio.get_running_loop()\n"
    "task = asyncio.create_task(after(lambda x=x: loop.call_soon(x.append, 1)))",
}


@pytest.mark.parametrize("way", TASKS)
def test_an_idle_kernel_finds(kernel: Kernel, way: str) -> None:
    """Nobody asks for anything: the change is there as a state by itself."""
    kernel.run("x = [0]")
    request = kernel.start(f"{TASKS[way]}\n{WATCH}")
    kernel.wait_for(request)
    assert kernel.wait_for(request, "found").text.strip() == "found"
    late = kernel.value("[s for s in tm.states.values() if s.late][0].number")
    found = kernel.value(f"tm.states[{late}].source, tm.states[{late}].late")
    assert found == "('', ('x',))"
    kernel.run(f"tm.past(tm.states[{late}].parent)")
    assert kernel.value("x") == "[0]"
    kernel.run(f"tm.past({late})")
    assert kernel.value("x") == "[0, 1]"


def test_an_idle_kernel_that_finds_nothing(kernel: Kernel) -> None:
    """No state comes of it, in spite of what the kernel itself changes around a cell."""
    kernel.run("x = [0]; f = lambda: x")
    waiting = "get_ipython()._cowtm_session._idle._waiting is not None"
    source = (
        "import asyncio\nasync def wait():\n    await asyncio.sleep(0)\n"
        f"    while {waiting}: await asyncio.sleep(0.01)\n    print('rests', flush=True)\n"
        "waits = asyncio.create_task(wait())"
    )
    request = kernel.start(source)
    kernel.wait_for(request)
    assert "rests" in kernel.wait_for(request, "rests").text
    assert kernel.value("[n for n in tm.states if isinstance(n, str)]") == "[]"
    kernel.run("tm.past(list(tm.states)[-2])")
    assert kernel.value("[n for n in tm.states if isinstance(n, str)]") == "[]"


def test_it_can_be_switched_off(kernel: Kernel) -> None:
    """Then nothing waits on the loop."""
    waiting = "get_ipython()._cowtm_session._idle._waiting is None"
    seen = f"import asyncio\nasync def see():\n    print({waiting}, flush=True)\n"
    for source, found in (
        ("1", "False"),
        ("%config TimeMachine.idle_check = False", "True"),
        ("%config TimeMachine.idle_check = True", "False"),
    ):
        kernel.run(source)
        request = kernel.start(f"{seen}seeing = asyncio.create_task(see())")
        reply = kernel.wait_for(request)
        text = reply.text if found in reply.text else kernel.wait_for(request, found).text
        assert found in text


def test_unloading_leaves_nothing_on_the_loop(kernel: Kernel) -> None:
    """The time machine that was unloaded is gone."""
    kernel.run("import weakref, gc; seen = weakref.ref(tm)")
    kernel.run("%unload_ext cowtm")
    kernel.run("gc.collect()")
    assert kernel.value("seen() is None") == "True"


def test_what_is_changed_at_exit_breaks_nothing(tmp_path: Path) -> None:
    """The journal has the session as it was when the kernel was told to end, and is whole."""
    with new_kernel(tmp_path) as kernel:
        kernel.run("%load_ext cowtm")
        kernel.run("%config TimeMachine.autosave = True")
        kernel.run("import atexit\nx = [0]\natexit.register(lambda: x.append(1))")
        path = kernel.value("str(tm.journal_path)").strip("'")
        kernel.run("tm.flush()")
        kernel.client.shutdown()
        process: Any = kernel.manager.provisioner
        assert process.process.wait() == 0
    archive = cowtm.load(path, trust=True)
    assert archive.vars(3, "x") == [0]
    assert archive.vars(list(archive.states)[-1], "x") in ([0], [0, 1])
