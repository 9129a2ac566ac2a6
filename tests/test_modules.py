"""Modules of the user's own: the data that they hold goes back with the variables."""

from __future__ import annotations

import builtins
import importlib
import itertools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from session import Session, new_session

import cowtm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHES = """
import caches_limits

CACHE = {}
count = 0
HANDLER = None

def put(key, value):
    global count
    CACHE[key] = value
    count += 1
    caches_limits.seen.append(key)

def forget():
    global CACHE
    CACHE = {}

class Model:
    def fit(self):
        put("fit", self)
"""
LIMITS = "seen = []\n"
NAMES = ("caches", "caches_limits", "caches_site")

Write: TypeAlias = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Give what writes modules beside the notebook, each time as if a while had passed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    seconds = itertools.count(2_000_000_000, 10)

    def write(name: str, source: str) -> None:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        now = next(seconds)
        os.utime(path, (now, now))
        importlib.invalidate_caches()

    write("caches", CACHES)
    write("caches_limits", LIMITS)
    yield write
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def session(tmp_path: Path, write: Write) -> Iterator[Session]:  # noqa: ARG001  it comes first
    """Give a session in a folder with modules; its first own cell is number 2."""
    with new_session(tmp_path) as session:
        yield session


SEE = "caches.CACHE, caches.count, caches.caches_limits.seen"


def test_what_a_module_holds_goes_back(session: Session) -> None:
    """Its caches, its counters, and those of the modules of the user's that it uses."""
    session.cells("import caches", "x = [1]; caches.put('a', x)", "x.append(2); caches.put('b', 1)")
    assert session.last.names == ("caches", "x")
    session.cell("%past 3")
    assert session.cell(SEE).value == ({"a": [1]}, 1, ["a"])
    assert session.cell("caches.CACHE['a'] is x").value
    session.cell("%past 2")
    assert session.cell(SEE).value == ({}, 0, [])
    session.cell("%past 4")
    assert session.cell(SEE).value == ({"a": [1, 2], "b": 1}, 2, ["a", "b"])
    assert "count" in session.cell("tm.diff(3, 4)").output


def test_names_bound_and_added_in_a_module(session: Session) -> None:
    """Also by the notebook, and a function that the notebook put in place of one."""
    session.cells("import caches; keep = caches.CACHE", "caches.forget(); caches.extra = 5")
    session.cell("caches.put = len; caches.HANDLER = lambda: keep")
    session.cell("%past 2")
    assert session.cell("caches.CACHE is keep, hasattr(caches, 'extra')").value == (True, False)
    assert session.cell("caches.put.__module__, caches.HANDLER").value == ("caches", None)
    session.cell("%past 4")
    assert session.cell("caches.put is len, caches.HANDLER() is keep").value == (True, True)
    assert session.cell("caches.CACHE is keep, caches.extra").value == (False, 5)


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("from caches import put", "put('a', 1)"),
        ("from caches import Model", "Model().fit()"),
        ("from caches import Model as M; model = M(); del M", "model.fit()"),
    ],
)
def test_a_module_that_no_variable_is_bound_to(session: Session, source: str, use: str) -> None:
    """Its functions, its classes and their objects lead to it."""
    session.cell("%config TimeMachine.recheck = 0")
    session.cells(source, use)
    number = session.last.number
    module = sys.modules["caches"]
    assert len(module.CACHE) == 1
    session.cell("1")
    session.cell(f"tm.past({number - 1})")
    assert (module.CACHE, module.count) == ({}, 0)
    session.cell(f"tm.past({number})")
    assert (len(module.CACHE), module.count) == (1, 1)


def test_a_change_of_a_module_between_cells(session: Session) -> None:
    """It is found as any other."""
    session.cells("from caches import put", "x = [1]; put('x', x)")
    before = session.last.number
    sys.modules["caches"].CACHE["y"] = 2
    session.names["x"].append(3)
    while session.tm.glance() is not None:
        continue
    assert session.last.late == ("x",)
    session.cell(f"tm.past({before})")
    assert sys.modules["caches"].CACHE == {"x": [1]}
    assert sys.modules["caches"].CACHE["x"] is session.names["x"]


def test_an_edit_begins_a_module_anew(session: Session, write: Write) -> None:
    """Nothing from before is put into a module that was edited: its code may need what it has."""
    session.cells("import caches, importlib", "caches.put('a', [1]); held = caches.CACHE")
    edited = CACHES.replace("count = 0", "count = 100; step = 10").replace("+= 1", "+= step")
    write("caches", edited)
    session.cell("importlib.reload(caches); caches.put('b', 2)")
    number = session.last.number
    session.cell("caches.put('c', 3); held['x'] = 1")
    session.cell("%past 3")
    assert session.cell("caches.CACHE, caches.count, held").value == (
        {"b": 2, "c": 3}, 120, {"a": [1]},
    )  # fmt: skip
    assert session.cell("caches.put('d', 4); caches.count").value == 130
    session.cell(f"tm.past({number})")
    assert session.cell("caches.CACHE, caches.count").value == ({"b": 2}, 110)
    assert session.cell("caches.put('d', 4); caches.count").value == 120


def test_a_reload_of_the_same_source_goes_back(session: Session) -> None:
    """It only made the data anew."""
    session.cells("import caches, importlib", "caches.put('a', [1])", "importlib.reload(caches); 1")
    assert session.cell("caches.CACHE").value == {}
    session.cell("%past 3")
    assert session.cell("caches.CACHE, caches.count").value == ({"a": [1]}, 1)
    assert session.cell("caches.put('b', 2); caches.CACHE").value == {"a": [1], "b": 2}


def test_with_autoreload(session: Session, write: Write) -> None:
    """Functions patched in place keep what the module holds, and it goes back."""
    known = set(sys.modules)
    session.cells("%load_ext autoreload", "%autoreload 2", "import caches", "caches.put('a', 1)")
    before = session.last.number
    session.cell("caches.put('b', 1)")
    write("caches", CACHES.replace('"fit"', '"FIT"'))
    session.cell("caches.Model().fit()")
    assert "FIT" in sys.modules["caches"].CACHE
    held = dict(sys.modules["caches"].CACHE)
    number = session.last.number
    session.cell(f"tm.past({before})")
    session.cell("caches.Model().fit()")
    assert "FIT" in sys.modules["caches"].CACHE
    session.cell(f"tm.past({number})")
    assert sys.modules["caches"].CACHE.keys() == held.keys()
    for name in [name for name in sys.modules if name not in known and "autoreload" in name]:
        del sys.modules[name]


def test_fresh_objects_leave_modules_alone(session: Session) -> None:
    """`vars` gives the live module, as it is now."""
    session.cells("import caches", "caches.put('a', 1)")
    module = session.tm.vars(2)["caches"]
    assert module is sys.modules["caches"]
    assert module.CACHE == {"a": 1}


def test_installed_modules_are_left_alone(session: Session, write: Write) -> None:
    """Those of libraries, wherever they are: what a library holds is its own business."""
    write("site-packages/caches_site", "held = []")
    sys.path.insert(0, "site-packages")
    session.cells("import caches_site, json", "caches_site.held.append(1); json.mine = 1")
    assert session.last.names == ()
    session.cell("%past 2")
    assert session.cell("caches_site.held, json.mine").value == ([1], 1)
    del sys.modules["json"].mine
    sys.path.remove("site-packages")


def test_what_can_not_be_recorded_in_a_module(session: Session, write: Write) -> None:
    """A lock stays by reference, and that is said; the rest is exact."""
    write("caches", CACHES + "\nimport threading\nlock = threading.Lock()\n")
    outcome = session.cell("import caches")
    assert "caches: a lock can't be recorded" in outcome.output
    session.cells("caches.put('a', 1)", "%past 2")
    assert session.cell("caches.CACHE, caches.lock.locked()").value == ({}, False)


def test_in_a_journal(session: Session, tmp_path: Path) -> None:
    """Another process imports the module, and what it held is put into it."""
    session.cells("import caches", "x = [1]; caches.put('a', x)", "caches.put('b', 2)")
    path = str(tmp_path / "modules.cowtm")
    session.cells(f"tm.save({path!r})", "%reset -f", "%unload_ext cowtm")
    for name in NAMES:
        sys.modules.pop(name, None)
    looked = cowtm.load(path).vars(3)
    assert looked["caches"].CACHE == {}  # to look at a state changes no module
    session.cells("%load_ext cowtm", f"tm.resume({path!r})")
    assert session.cell(SEE).value == ({"a": [1], "b": 2}, 2, ["a", "b"])
    session.cell("%past 3")
    assert session.cell(SEE).value == ({"a": [1]}, 1, ["a"])
    assert session.cell("caches.CACHE['a'] is x").value


def test_a_journal_after_an_edit(session: Session, write: Write, tmp_path: Path) -> None:
    """Functions that are gone are not missed; the module is as it was imported."""
    session.cells("import caches", "x = [1]; caches.put('a', x)")
    path = str(tmp_path / "modules.cowtm")
    session.cells(f"tm.save({path!r})", "%reset -f", "%unload_ext cowtm")
    for name in NAMES:
        sys.modules.pop(name, None)
    write("caches", "CACHE = {'new': 1}")
    session.cells("%load_ext cowtm", f"tm.resume({path!r})")
    assert session.cell("x, caches.CACHE, hasattr(caches, 'put')").value == ([1], {"new": 1}, False)
    session.cell("%past 2")
    assert session.cell("caches.CACHE, 'x' in globals()").value == ({"new": 1}, False)


def test_a_journal_where_the_module_is_not(session: Session, tmp_path: Path) -> None:
    """It says which module is missing, and nothing is changed."""
    session.cells("import caches", "caches.put('a', 1)")
    path = str(tmp_path / "modules.cowtm")
    session.cells(f"tm.save({path!r})", "%reset -f", "%unload_ext cowtm")
    for name in NAMES:
        sys.modules.pop(name, None)
    (tmp_path / "caches.py").unlink()
    importlib.invalidate_caches()
    session.cells("%load_ext cowtm", "mine = 1")
    outcome = session.fail(f"tm.resume({path!r})")
    assert "the module 'caches', which the state holds, can't be imported here" in outcome.output
    assert "CannotRestore" in outcome.output
    assert session.names["mine"] == 1


def test_objects_of_a_module_are_data_but_for_bare_ones(session: Session, write: Write) -> None:
    """`vars` copies what holds something; what holds nothing is asked for by identity."""
    write("caches", CACHES + "\nclass Mark:\n    pass\n\nMISSING = Mark()\nDEFAULT = Model()\n")
    session.cells("import caches", "x = [caches.MISSING, caches.DEFAULT]; x[1].rate = 5")
    session.cell("x[1].rate = 6")
    missing, default = session.tm.vars(3)["x"]
    assert missing is sys.modules["caches"].MISSING
    assert default is not sys.modules["caches"].DEFAULT
    assert default.rate == 5
    assert sys.modules["caches"].DEFAULT.rate == 6


# ---- built-in names ------------------------------------------------------------------------------


@pytest.fixture
def builtin_names() -> Iterator[dict[str, Any]]:
    """Give Python's built-in names, and put them back."""
    names = vars(builtins)
    before = dict(names)
    yield names
    names.clear()
    names.update(before)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import builtins\nbuiltins.ascii = 5", "ascii"),
        ("import builtins\nbuiltins.ascii = lambda one: x", "ascii"),
        ("__builtins__['ascii'] = 5", "ascii"),
        ("import builtins\ndel builtins.ascii", "ascii"),
        ("import builtins\nbuiltins.helper_of_mine = x", "helper_of_mine"),
    ],
)
def test_built_in_names_go_back(
    session: Session, builtin_names: dict[str, Any], source: str, name: str
) -> None:
    """What the notebook binds for all modules is put back as its own variables are."""
    missing = object()
    before = builtin_names.get(name, missing)
    session.cell("x = [1]")
    session.cell(source.replace("__builtins__", "__import__('builtins').__dict__"))
    number = session.last.number
    after = builtin_names.get(name, missing)
    assert after is not before
    session.cell("%past 2")
    assert builtin_names.get(name, missing) is before
    session.cell(f"tm.past({number})")
    assert builtin_names.get(name, missing) is after
    session.cell("tm.undo()")
    assert builtin_names.get(name, missing) is before


def test_a_built_in_name_as_a_variable(session: Session) -> None:
    """`print = 5` binds a variable: before it the built-in one is seen again."""
    session.cells("len = 5; x = [1, 2]", "del len", "%past 2")
    assert session.cell("len").value == 5
    session.cell("%past 1")
    assert session.cell("len([1])").value == 1


def test_built_in_names_in_a_journal(
    session: Session, builtin_names: dict[str, Any], tmp_path: Path
) -> None:
    """They are put back in another process too."""
    path = str(tmp_path / "names.cowtm")
    session.cells("import builtins\nbuiltins.of_mine = x = [1]", "x.append(2)")
    session.cells(f"tm.save({path!r})", "%reset -f", "%unload_ext cowtm")
    del builtin_names["of_mine"]
    session.cells("%load_ext cowtm", f"tm.resume({path!r})")
    assert session.cell("of_mine is x, of_mine").value == (True, [1, 2])
    session.cell("%past 1")
    assert "of_mine" not in builtin_names
