"""What is saved comes back exactly, in a process that knows nothing of the first."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contracts import CASES as CONTRACTS
from contracts import provide
from elsewhere import elsewhere, of_variables, variables_form
from notebook_code import CASES
from programs import run_python
from test_estimators import CLASSIFIERS, ESTIMATORS
from test_frames import CHANGES, FRAMES, assert_same, frozen

import cowtm
from cowtm.chunks import CHUNK
from cowtm.errors import DiskFull
from cowtm.journal import Journal, StateRow
from cowtm.kinds.reference import Lost
from cowtm.machine import TimeMachine
from cowtm.saved.codec import Codec
from cowtm.saved.rows import about_of
from cowtm.testing import run
from cowtm.testing.form import session_form
from cowtm.testing.session import NAME, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cowtm.testing.form import Form

SAVED = [case for case, (family, name) in CONTRACTS.items() if not family.examples[name].saved]


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def resumed(home: dict[str, Any], path: Path, cell: int) -> TimeMachine:
    """Go on with a journal in a namespace; returns its time machine."""
    said: list[str] = []
    machine = TimeMachine(home, lambda name, _: name.startswith("__"), lambda: cell, said.append)
    machine.begin(0)
    machine.resume(path)
    return machine


@pytest.mark.long
@pytest.mark.parametrize("case", SAVED)
def test_every_example_comes_back(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values, sharing, order, cycles, classes: every state of a journal is what it was.

    Loaded, to be looked at; and resumed: then all states can be travelled to. What can be is
    written in columns, as it is when there is more of it.
    """
    monkeypatch.setattr("cowtm.saved.codec.FEW", 0)
    family, name = CONTRACTS[case]
    provide(*family.needs)
    with run(family, name) as ran:
        ran.checked.session.machine.save(tmp_path / "saved.cowtm")
        known = {state: of_variables(ran.checked.known[state].form) for state in ran.states}
        with elsewhere():
            archive = cowtm.load(tmp_path / "saved.cowtm")
            for state, wanted in known.items():
                found = of_variables(variables_form(archive.vars(state)))
                assert not wanted.difference(found), state
                found.objects.clear()
        with elsewhere() as home:
            _goes_on(home, tmp_path / "saved.cowtm", known)


def _goes_on(home: dict[str, Any], path: Path, known: Mapping[Any, Form]) -> None:
    """See that a session resumed in a namespace is the one that was."""
    states = list(known)
    machine = resumed(home, path, states[-1] + 1)
    try:
        for state in [states[-1], *states[::-2], *states[::2], states[0]]:
            machine.past(state)
            found = of_variables(session_form(home, module=NAME))
            assert not known[state].difference(found), state
            found.objects.clear()
            assert machine.audit() == (), state
    finally:
        machine.close()
        home.clear()


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_come_back(frame: str, tmp_path: Path) -> None:
    """Every sort of frame after every change: types, labels, attributes, flags, frequencies."""
    session = Session()
    try:
        session.run("import numpy as np, pandas as pd")
        known = {}
        for change in CHANGES:
            failed = session.run(f"df = {FRAMES[frame]}\nco = df['b']\n{change}")
            if failed is None:
                known[session.number] = frozen(session.home["df"])
        assert len(known) > len(CHANGES) // 2
        shared = _shares(session.home)
        session.machine.save(tmp_path / "saved.cowtm")
        with elsewhere():
            archive = cowtm.load(tmp_path / "saved.cowtm")
            for number, frame_then in known.items():
                there = archive.vars(number)
                assert_same(there["df"], frame_then)
            assert _shares(there) is shared
    finally:
        session.close()


def _shares(names: Mapping[str, Any]) -> bool:
    """Tell whether a column kept apart and its frame are over the same memory."""
    frame = names["df"]
    return "b" in frame and bool(np.shares_memory(names["co"].array, frame["b"].array))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_predict_as_they_did(name: str, tmp_path: Path) -> None:
    """A fitted model that was saved predicts to the last bit what it predicted."""
    module, call = ESTIMATORS[name]
    goal = "high" if name in CLASSIFIERS else "y"
    session = Session()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for cell in (
                (
                    "import numpy as np\nfrom sklearn.datasets import load_diabetes\n"
                    "X, y = load_diabetes(as_frame=True, return_X_y=True)\n"
                    "X, y = X.iloc[:60], y[:60]\nhigh = (y > 140).astype(int)"
                ),
                (
                    "from sklearn.compose import ColumnTransformer\n"
                    "from sklearn.decomposition import PCA\n"
                    "from sklearn.linear_model import LinearRegression, Ridge\n"
                    "from sklearn.pipeline import make_pipeline\n"
                    "from sklearn.preprocessing import StandardScaler"
                ),
                f"from sklearn.{module} import {call.partition('(')[0]}\ne = {call}",
                f"e.fit(X, {goal})",
            ):
                assert session.run(cell) is None
            wanted = np.asarray(session.home["e"].predict(session.home["X"]))
            session.machine.save(tmp_path / "saved.cowtm")
            with elsewhere():
                there = cowtm.load(tmp_path / "saved.cowtm").vars(4)
                assert np.array_equal(np.asarray(there["e"].predict(there["X"])), wanted)
    finally:
        session.close()


# -- code of the notebook, in real processes -------------------------------------------------------

PROCESS = """
import json, sys
import __main__
OURS = None
from cowtm.machine import TimeMachine
from cowtm.saved.rows import about_of
import cowtm
from notebook_code import CASES

class Notebook:
    def __init__(self, number):
        self.number = number
        self.home = vars(__main__)
        self.machine = TimeMachine(
            self.home,
            lambda name, _: name in OURS or name.startswith("__"),
            lambda: self.number,
            lambda line: None,
        )
        self.machine.begin(0)

    def run(self, source):
        self.number += 1
        self.machine.begin_cell(source)
        exec(compile(source, "<cell>", "exec"), self.home, self.machine.recorder.view)
        self.machine.end_cell(self.number)

def answers():
    return {name: [repr(eval(ask, vars(__main__))) for ask in case.asks]
            for name, case in CASES.items()}

OURS = {*vars(__main__), "OURS"}
what, path = sys.argv[1:]
OURS |= {"what", "path", "notebook"}
if what == "write":
    notebook = Notebook(0)
    for case_ in CASES.values():
        OURS.add("case_")
        notebook.run(case_.cell)
    notebook.machine.save(path)
elif what == "load":
    vars(__main__).update(cowtm.load(path).vars(len(CASES)))
else:
    notebook = Notebook(len(CASES) + 1)
    notebook.machine.resume(path)
    assert notebook.machine.audit() == ()
print("answers:" + json.dumps(answers()))
"""


def _answers(what: str, path: Path) -> dict[str, list[str]]:
    done = run_python(PROCESS, what, path, folder=path.parent)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("answers:"))
    found: dict[str, list[str]] = json.loads(line.removeprefix("answers:"))
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """Give what the same questions are answered in three processes."""
    folder = tmp_path_factory.mktemp("processes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "jupyter"))
        patch.delenv("PYTHONHASHSEED", raising=False)
        path = folder / "saved.cowtm"
        written = _answers("write", path)
        return {"write": written, "load": _answers("load", path), "resume": _answers("go on", path)}


@pytest.mark.parametrize("way", ["load", "resume"])
@pytest.mark.parametrize("name", CASES)
def test_code_of_the_notebook_works_in_another_process(
    name: str, way: str, answers: dict[str, dict[str, list[str]]]
) -> None:
    """Functions, classes, enumerations, locks, generators of numbers answer as they did."""
    for ask, wanted, found in zip(
        CASES[name].asks, answers["write"][name], answers[way][name], strict=True
    ):
        assert found == wanted, ask


# -- what is peculiar ------------------------------------------------------------------------------


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session without IPython whose states may be stored."""
    made = Session(stored=True)
    yield made
    made.close()


def test_objects_that_are_alive_are_the_same_after_demotion(session: Session) -> None:
    """Whoever holds an object sees the past in it, though the state was on disk only."""
    session.run("import threading")
    session.run(
        "class C:\n    tag = 1\nkept = [1]\nobj = C()\nlock = threading.Lock()\n"
        "def gen():\n    yield 1\nrunning = gen()\nfunction = lambda: kept"
    )
    names = ("kept", "obj", "lock", "running", "function", "C")
    held = {name: session.home[name] for name in names}
    session.run("kept.append(2)\nobj.a = kept\nC.tag = 2")
    session.run("del kept, obj, lock, running, function, C")
    session.demote()
    session.machine.past(3)
    assert {name: session.home[name] for name in names} == held
    assert (held["kept"], held["C"].tag, held["obj"].a) == ([1, 2], 2, held["kept"])
    session.machine.past(4)
    session.demote()
    session.machine.past(2)
    assert {name: session.home[name] for name in names} == held
    assert (held["kept"], held["C"].tag, vars(held["obj"])) == ([1], 1, {})


def test_types_of_elements_are_the_ones_that_numpy_has(session: Session) -> None:
    """What is read back is of the type itself, not of one like it: numpy tells them apart."""
    session.run("import numpy as np\na = np.arange(3)\nb = np.zeros(2, '>i4')\nc = np.array(['x'])")
    session.run("a = b = c = None")
    session.demote()
    session.machine.past(1)
    a = session.home["a"]
    assert a.dtype is np.dtype(int)
    assert np.array(a, dtype=int, copy=None) is a
    assert [session.home[name].dtype.str for name in "abc"] == ["<i8", ">i4", "<U1"]


def test_what_something_else_holds_is_found_after_two_travels(session: Session) -> None:
    """An object that no state in memory knows is still the one that it was."""
    session.run("import weakref\nclass C: pass")
    session.run("obj = C()\nobj.a = [1]")
    held = session.home["obj"]
    session.demote()
    for goal in (1, 2, 1, 2):
        session.machine.past(goal)
        session.demote()
    assert session.home["obj"] is held


def test_long_texts_are_kept_once(session: Session, tmp_path: Path) -> None:
    """A long text or bytes is a chunk: whoever refers to it, it is written once."""
    session.run("import random\nr = random.Random(1)\nlong = r.randbytes(1 << 20)")
    session.run("text = long.hex()\nholders = [[long, text] for _ in range(5)]")
    session.run("other = {'long': long}")
    session.machine.save(tmp_path / "saved.cowtm")
    assert (tmp_path / "saved.cowtm").stat().st_size < 5 << 20
    with elsewhere():
        there = cowtm.load(tmp_path / "saved.cowtm").vars(3)
        assert there["long"] == session.home["long"]
        assert there["holders"] == session.home["holders"]
        assert there["other"] == session.home["other"]


def test_texts_around_the_size_of_a_chunk(session: Session, tmp_path: Path) -> None:
    """Whatever the length, and whatever is in it, a text comes back."""
    sizes = (0, 1, 65_535, 65_536, 65_537, CHUNK - 1, CHUNK, CHUNK + 1)
    session.home["texts"] = [("\ud800é\0" * size)[:size] for size in sizes]
    session.home["datas"] = [bytes(size) for size in sizes]
    session.run("done = 1")
    session.machine.save(tmp_path / "saved.cowtm")
    with elsewhere():
        there = cowtm.load(tmp_path / "saved.cowtm").vars(1)
        assert there["texts"] == session.home["texts"]
        assert there["datas"] == session.home["datas"]


@pytest.mark.parametrize(
    ("make", "depth"),
    [
        ("deep = []\nfor _ in range(100_000): deep = [deep]", "deep[0]"),
        (
            (
                "class Link:\n    def __init__(self, next): self.next = next\ndeep = None\n"
                "for _ in range(100_000): deep = Link(deep)"
            ),
            "deep.next",
        ),
    ],
    ids=["lists", "linked"],
)
def test_what_is_nested_deeply_comes_back(
    session: Session, tmp_path: Path, make: str, depth: str
) -> None:
    """Objects are saved one by one, so no depth is too deep."""
    session.run(make)
    session.machine.save(tmp_path / "saved.cowtm")
    count = f"n, at = 0, deep\nwhile at: n, at = n + 1, {depth.replace('deep', 'at')}"
    with elsewhere() as home:
        home.update(cowtm.load(tmp_path / "saved.cowtm").vars(1))
        exec(count, home)  # noqa: S102  the test's own
        assert home["n"] == 100_000


UNPICKLABLE = {
    "a match": ("import re", "re.match('a', 'abc')"),
    "a generator": ("def g(): yield 1", "g()"),
    "a weak reference": ("import weakref\nclass W: pass\nheld = W()", "weakref.ref(held)"),
    "a token of a context variable": ("import contextvars", "contextvars.ContextVar('v').set(1)"),
    "an object that refuses": (
        "class No:\n    def __reduce_ex__(self, protocol): raise TypeError('no')",
        "type('T', (__import__('_io').BytesIO,), dict(vars(No)))()",
    ),
}


@pytest.mark.parametrize("name", UNPICKLABLE)
def test_what_can_not_be_pickled_leaves_the_rest_exact(
    session: Session, tmp_path: Path, name: str
) -> None:
    """Elsewhere something says what it was; the user is told; in this process nothing is lost."""
    before, make = UNPICKLABLE[name]
    assert session.run(before) is None
    assert session.run(f"odd = {make}\nrest = [1, [odd, {{'k': 2}}]]\nalso = rest[1]") is None
    odd = session.home["odd"]
    session.machine.save(tmp_path / "saved.cowtm")
    session.run("kept = odd\ndel odd, rest, also")
    session.machine.flush()
    assert any("can't be" in line for line in session.said), session.said
    session.demote()
    session.machine.past(2)
    assert session.home["odd"] is odd
    assert session.home["rest"][1] is session.home["also"]
    assert session.home["also"][0] is odd
    with elsewhere():
        there = cowtm.load(tmp_path / "saved.cowtm").vars(2)
        assert there["rest"][0] == 1
        assert there["rest"][1] is there["also"]
        assert there["also"][1] == {"k": 2}
        assert there["also"][0] is there["odd"]
        gone = there["odd"]
        assert isinstance(gone, Lost) or gone() is None


def test_importing_aside_draws_no_numbers(session: Session) -> None:
    """A library that is imported in the background does not disturb the user's random numbers."""
    import random  # noqa: PLC0415  the module as it is now

    from cowtm.aside import import_aside  # noqa: PLC0415  nearby

    before, names = random.getstate(), dict(vars(random))
    sys.modules.pop("draws_when_imported", None)
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(session.machine._keeper.folder)
        (folder / "draws_when_imported.py").write_text("import random\nn = random.random()\n")
        patch.syspath_prepend(str(folder))
        assert 0 <= import_aside("draws_when_imported").n < 1
    assert random.getstate() == before
    assert dict(vars(random)) == names


@pytest.mark.parametrize("fails", [1, 2, 3, 5, 8])
def test_what_could_not_be_written_is_written_later(tmp_path: Path, fails: int) -> None:
    """A disk that refuses now and then costs nothing but the attempt: all is exact in the end."""
    [everything] = [case for case in CONTRACTS if case.endswith(": everything at once")]
    with run(*CONTRACTS[everything]) as ran:
        checked, states = ran.checked, ran.states
        checked.run("long = list(range(20_000)); class_ = type('Made', (), {'n': 1})")
        checked.run("long[5] = 'five'; also_long = long")
        states += [checked.position - 1, checked.position]
        machine = checked.session.machine
        timeline, mirror = machine.archive._timeline, machine.recorder.mirror
        with Journal.create(tmp_path / "stumbled.cowtm", "saved") as journal:
            stumbling: Any = Stumbling(journal, fails)
            codec = Codec(mirror, stumbling)
            for state in timeline.values():
                written = None
                while written is None:
                    try:
                        written = codec.write(timeline.delta(state))
                    except DiskFull:
                        continue
                row = StateRow(state.serial, about_of(state), written.delta, written.pages)
                journal.put_state(row)
        with elsewhere():
            archive = cowtm.load(tmp_path / "stumbled.cowtm")
            for state in states:
                found, wanted = variables_form(archive.vars(state)), checked.known[state].form
                assert not of_variables(wanted).difference(of_variables(found)), state


class Stumbling:
    """A journal that refuses a page or a class now and then."""

    def __init__(self, journal: Journal, every: int) -> None:
        self._journal: Any = journal
        self._every = every
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        """Give what the journal has."""
        return getattr(self._journal, name)

    def put_page(self, *page: Any) -> None:
        """Store a page, or refuse."""
        self._stumble()
        self._journal.put_page(*page)

    def put_birth(self, *birth: Any) -> None:
        """Store a class, or refuse."""
        self._stumble()
        self._journal.put_birth(*birth)

    def _stumble(self) -> None:
        self._calls += 1
        if self._calls % (self._every + 1) == 0:
            raise DiskFull("the disk is full, for the test")
