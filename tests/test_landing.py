"""What is handed to a job, and what lands of it; what can't be says so, and nothing is left."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contracts import provide
from session import Session, new_session

from cowtm.errors import CowtmError, JobFailed, NotHere
from cowtm.kinds.adopted import adoption
from cowtm.mapping import anonymous

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cowtm.future.job import Job

PATIENCE = 60
"""Seconds that a job may take."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux only")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give a session whose one worker all tests here share."""
    with new_session(tmp_path_factory.mktemp("ipython")) as session:
        session.cell("%config TimeMachine.max_workers = 1")
        yield session


@pytest.fixture
def session(started: Session) -> Session:
    """Give the session without variables."""
    started.cell("%reset -f")
    return started


def result(session: Session, source: str) -> Any:
    """Run a job; returns its result."""
    return session.tm.submit(source).result(PATIENCE)


# -- what each process has itself ------------------------------------------------------------------


def test_submodules_are_there_by_way_of_their_packages(session: Session) -> None:
    """In jobs, where ``import xml.dom`` binds `xml` alone, and here when a job imported them."""
    session.cell("import xml.dom.minidom, urllib.request")
    assert result(session, "xml.dom.minidom.parseString('<a/>').documentElement.tagName") == "a"
    assert result(session, "urllib.request.Request('http://host/x').host") == "host"
    code = "import email.mime.text"
    sys.modules.pop("email.mime.text", None)
    vars(sys.modules.get("email.mime", sys)).pop("text", None)
    session.tm.submit(code).result(PATIENCE)
    session.tm.jobs[-1].merge()
    assert session.cell("email.mime.text.MIMEText('said').get_payload()").value == "said"


def test_the_method_of_something_lost_is_lost_with_it(session: Session) -> None:
    """A pool of processes that was used has such ones; the rest of the job is merged."""
    session.cell("kept = [1]")
    result(
        session, "import threading\nlock = threading.Lock()\nrelease = lock.release\nkept.append(2)"
    )
    session.tm.jobs[-1].merge()
    assert session.names["kept"] == [1, 2]
    session.tm.past(session.tm.jobs[-1].number)


# -- what can't be handed over ---------------------------------------------------------------------

THINGS = {
    "a lock": "import threading\nthing = threading.Lock()",
    "a condition": "import threading\nthing = threading.Condition()",
    "an event": "import threading\nthing = threading.Event()",
    "an open file": "import tempfile\nthing = tempfile.TemporaryFile()",
    "a database connection": "import sqlite3\nthing = sqlite3.connect(':memory:')",
    "a generator": "thing = (number for number in [1, 2, 3])",
    "a socket": "import socket\nthing = socket.socket()",
}

USES = {
    "attribute": "thing.acquire",
    "call": "thing()",
    "with": "with thing: pass",
    "iteration": "for one in thing: pass",
    "next": "next(thing)",
    "item": "thing[0]",
    "length": "len(thing)",
    "await": "await thing",
    "async with": "async with thing: pass",
}


@pytest.mark.parametrize("what", THINGS)
def test_what_cannot_be_handed_over_says_so_when_it_is_used(session: Session, what: str) -> None:
    """Its job has a placeholder that does no harm; the session has the thing itself afterwards."""
    session.cell(THINGS[what])
    thing = session.names["thing"]
    job = session.tm.submit("held = [thing, thing]\nhas = hasattr(thing, 'close')\nthing.close()")
    error = job.exception(PATIENCE)
    assert isinstance(error, NotHere)
    assert str(error) == (
        f"thing: {what} can't be handed over to a background cell; make one in the cell"
    )
    assert session.tm.vars(job.number, "has") is False
    landed = session.tm.vars(job.number)
    assert landed["held"][0] is landed["held"][1] is landed["thing"] is thing
    session.tm.past(job.number)
    assert session.names["held"][0] is session.names["thing"] is thing
    if hasattr(thing, "close"):
        thing.close()


@pytest.mark.parametrize("use", USES)
def test_every_use_raises(session: Session, use: str) -> None:
    """An error of ours that is an AttributeError and a TypeError too."""
    session.cell(THINGS["a lock"])
    job = session.tm.submit(USES[use])
    error = job.exception(PATIENCE)
    assert isinstance(error, CowtmError)
    assert isinstance(error, AttributeError)
    assert isinstance(error, TypeError)
    assert "make one in the cell" in str(error)


def test_what_holds_such_a_thing_can_be_used(session: Session) -> None:
    """A list, an instance, a closure: all but the thing itself."""
    session.cell(
        """
import threading
class Counter:
    def __init__(self):
        self.lock, self.count = threading.Lock(), 0
    def add(self):
        self.count += 1
        return self.count
    def add_safely(self):
        with self.lock:
            return self.add()
counter = Counter()
"""
    )
    assert result(session, "counter.add(), bool(counter.lock), 'lock' in repr(counter.lock)") == (
        *(1, True, True),
    )
    error = session.tm.submit("counter.add_safely()").exception(PATIENCE)
    assert str(error).startswith("a lock can't be handed over")
    assert session.cell("counter.add_safely()").value == 1


def test_what_libraries_lock_their_own_objects_with_is_had_anew(session: Session) -> None:
    """A queue is a copy, with its lock; so is what a cached property locks."""
    session.cell(
        """
import functools, logging, queue
class Lazy:
    @functools.cached_property
    def value(self):
        return 7
lazy, waiting, logger = Lazy(), queue.Queue(), logging.getLogger("mine")
waiting.put(1)
"""
    )
    source = "logger.setLevel(10)\nwaiting.put(2)\nlazy.value, waiting.get(), waiting.get()"
    assert result(session, source) == (7, 1, 2)
    assert session.cell("waiting.qsize(), waiting.get()").value == (1, 1)


def test_what_a_job_made_that_cannot_be_handed_back(session: Session) -> None:
    """A lock is had anew, a generator is a placeholder that says what it was."""
    job = session.tm.submit("import threading\nlock = threading.Lock()\nmade = iter([1])\n"
                            "steps = (i for i in [1])")  # fmt: skip
    job.result(PATIENCE)
    assert session.tm.vars(job.number, "lock").acquire(blocking=False)
    assert list(session.tm.vars(job.number, "made")) == [1]
    with pytest.raises(NotHere, match="a generator was kept by reference only, and is gone"):
        next(session.tm.vars(job.number, "steps"))


# -- what can't be made in a worker ----------------------------------------------------------------

MODULE = """
import datetime, enum
class Day(datetime.date): pass
class Colour(enum.Enum): RED = 1
class Point:
    def __init__(self, x): self.x = x
def double(x): return 2 * x
"""

REFUSING = """
import decimal
def refuse(*_): raise ValueError("it refuses")
class Refusing(decimal.Decimal):
    def __reduce__(self): return refuse, (1,)
class WithState(decimal.Decimal):
    def __reduce__(self): return WithState, ("1",), {"x": 1}
    def __setstate__(self, state): refuse()
made = Refusing(1)
filled = WithState(2)
held = [made, 1, filled]
ok = [1]
"""


def said(job: Job) -> list[str]:
    """Wait for a job; returns what it wrote to standard error, in lines."""
    job.exception(PATIENCE)
    found = [one["text"] for one in job.outputs if one.get("name") == "stderr"]
    return "".join(found).splitlines()


def test_what_refuses_to_be_made_is_named_and_nothing_else_suffers(session: Session) -> None:
    """The job's own output says which variables and why; using one of them raises the same."""
    session.cell(REFUSING)
    job = session.tm.submit("held.append(3); ok.append(2); held[1]")
    assert job.result(PATIENCE) == 1
    [line] = said(job)
    assert line == (
        "cowtm: filled, held, made can't be made in a background cell in full: "
        "ValueError: it refuses; using what is missing raises an error."
    )
    for use in ("made + 1", "filled.x", "-held[0]", "sum(held)"):
        error = session.tm.submit(use).exception(PATIENCE)
        assert isinstance(error, NotHere), use
        assert "can't be made here (ValueError: it refuses)" in str(error), use
    state = session.tm.states[job.number]
    assert (state.names, dict(state.by_reference)) == (("held", "ok"), {})


def test_what_a_worker_could_not_make_comes_back_as_it_was(session: Session) -> None:
    """A list that the job changed holds the session's own objects after the merge."""
    session.cell(REFUSING)
    made, filled = session.names["made"], session.names["filled"]
    job = session.tm.submit("held.append(held.pop(0)); other = made")
    job.result(PATIENCE)
    session.cell(f"tm.jobs[-1].merge() if tm.jobs[-1].number == {job.number!r} else 1 / 0")
    assert [type(one) for one in session.names["held"]] == [int, type(filled), type(made)]
    assert session.names["held"][2] is session.names["other"] is session.names["made"] is made
    assert session.names["held"][1] is filled


def test_a_job_runs_without_a_module_that_it_cannot_import(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects, classes, members and functions of it are missing, and are the session's after."""
    file = tmp_path / "soon_gone.py"
    file.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    session.cell(
        """
import soon_gone
from soon_gone import Colour, Day, Point, double
day, point, red = Day(2000, 1, 1), Point([1]), Colour.RED
class Own(Point): pass
own = Own(5)
all = [day, point, red, double, Point, own, Own]
ok = [point, 1]
"""
    )
    file.unlink()
    everything = list(session.names["all"])
    job = session.tm.submit("all.reverse(); ok[1] += 1; 6 * 7")
    assert job.result(PATIENCE) == 42
    [line] = said(job)
    assert "Colour, Day, Own, Point, all, day and 6 more can't be made in a background" in line
    assert "No module named 'soon_gone'" in line
    for use in ("day.year", "point.x", "red.value", "double(1)", "Point(1)", "own.x", "Own(1)"):
        error = session.tm.submit(use).exception(PATIENCE)
        assert isinstance(error, NotHere), use
        assert "soon_gone" in str(error), use
    landed = session.tm.vars(job.number)
    assert [type(one) for one in landed["all"]] == [type(one) for one in everything[::-1]]
    assert landed["ok"] == [landed["point"], 2]
    assert landed["all"][5] is landed["point"]
    assert landed["all"][2] is everything[4]
    assert landed["all"][4] is everything[2]
    sys.modules.pop("soon_gone")


def test_what_a_job_made_and_the_session_cannot_make(session: Session, tmp_path: Path) -> None:
    """The rest of its state is there; the user is told what is missing, and can go on."""
    (tmp_path / "of_the_job.py").write_text(MODULE)
    job = session.tm.submit(
        f"import sys\nsys.path.append({str(tmp_path)!r})\nfrom of_the_job import *\n"
        "point, ok = Point(1), [1]\npoint"
    )
    with pytest.raises(NotHere, match="No module named 'of_the_job'"):
        job.result(PATIENCE).use()
    assert session.tm.vars(job.number, "ok") == [1]
    with pytest.raises(NotHere, match="No module named 'of_the_job'"):
        session.tm.vars(job.number, "point").use()
    said = session.cell("1 + 1").output
    assert f"not all that job {job.number} made can be made here: ModuleNotFoundError" in said


def test_a_result_that_cannot_be_made_is_no_loss_of_the_state(session: Session) -> None:
    """The job fails with the reason; what else it made can be looked at."""
    session.cell(REFUSING)
    job = session.tm.submit("ok.append(2)\nRefusing(3)")
    with pytest.raises(JobFailed, match=r"^its state is there, but its result can't be made here"):
        job.result(PATIENCE)
    assert session.tm.vars(job.number, "ok") == [1, 2]
    assert job.merge() == ("ok",)


def test_a_job_has_the_variables_of_a_module_of_the_system(session: Session) -> None:
    """`vars(sys)` leads to everything; what no other process has of it is named before."""
    session.cell("import sys\nv = vars(sys)\nok = [v]")
    assert result(session, "ok[0]['maxsize']") == sys.maxsize


# -- memory ----------------------------------------------------------------------------------------

ARRAYS = {
    "rows": "np.arange(600_000.0).reshape(600, 1000).copy()",
    "columns": "np.asfortranarray(np.arange(600_000.0).reshape(600, 1000))",
    "few bytes behind whole chunks": "np.arange((1 << 17) + 3.0)",
    "whole chunks": "np.arange(1 << 18)",
    "equal chunks": "np.ones(1 << 19)",
    "less than a chunk": "np.arange(70_000, dtype=np.int8)",
    "records": "np.zeros(200_000, [('a', 'i4'), ('b', 'f8')])",
    "dates": "np.arange(300_000).astype('datetime64[s]')",
    "locked": "(lambda a: (a.setflags(write=False), a)[1])(np.arange(300_000))",
}


@linux
@pytest.mark.parametrize("what", ARRAYS)
def test_large_arrays_are_not_copied_and_are_what_they_were(session: Session, what: str) -> None:
    """They own their memory, which is that of the session until somebody writes into it."""
    session.cell(f"import numpy as np\nbig = {ARRAYS[what]}\npart = big[5:20]\nkept = big.copy()")
    looks = (
        "np._core.multiarray.get_handler_name(big), big.flags.owndata, big.base is None,"
        " big.flags.f_contiguous, big.flags.writeable, part.base is big, (big == kept).all()"
    )
    handler, *others = result(session, looks)
    assert handler == "cowtm"
    assert others == list(session.cell(looks).value[1:])
    source = "big.setflags(write=True)\nbig[7] = big[0]\n(part[2] == big[0]).all()"
    job = session.tm.submit(source)
    assert job.result(PATIENCE)
    assert session.cell("(big == kept).all()").value
    made = session.tm.vars(job.number)
    assert (made["big"][7] == made["big"][0]).all()
    assert (made["big"][8:] == made["kept"][8:]).all()


@linux
def test_arrays_of_classes_of_the_notebook_are_not_copied(session: Session) -> None:
    """What such a class does when one is made, arrays that it makes then too, is none the worse."""
    session.cell(
        """
import numpy as np
class Own(np.ndarray):
    def __array_finalize__(self, other):
        self.besides = np.arange(5) + np.zeros(5)
        self.name = getattr(other, "name", None)
big = np.ndarray.__new__(Own, 300_000)
big[:] = 3
big.name = "big"
class Refusing(np.ndarray):
    def __array_finalize__(self, other):
        if other is None and REFUSES:
            raise MemoryError("it refuses")
REFUSES = False
refused = np.ndarray.__new__(Refusing, 300_000)
REFUSES = True
"""
    )
    looks = """
big[0] += 1
handler = np._core.multiarray.get_handler_name(big)
handler, type(big) is Own, big.name, float(big.sum()), big.base is None, big.besides.tolist()
"""
    shown = ("cowtm", True, "big", 900_001.0, True, [0, 1, 2, 3, 4])
    job = session.tm.submit(looks)
    assert job.result(PATIENCE) == shown
    assert any("MemoryError: it refuses" in line for line in said(job))
    assert session.cell("big.sum(), len(big.besides)").value == (900_000, 5)


@linux
def test_what_the_session_writes_meanwhile_no_job_sees(session: Session, tmp_path: Path) -> None:
    """And the other way round, though both look at the same memory."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    session.cell("import numpy as np\nbig = np.ones(1 << 20)")
    job = session.tm.submit(f"open({str(gate)!r}).read()\nbig[0] += 1\nbig.sum()")
    session.cell("big[:] = 7")
    gate.write_text("go on")
    assert job.result(PATIENCE) == (1 << 20) + 1
    assert session.cell("big.sum()").value == 7 << 20
    session.cell("del big")
    session.tm.past(job.number)
    assert session.cell("big.sum()").value == (1 << 20) + 1


@linux
def test_memory_goes_back_with_the_array(session: Session) -> None:
    """A worker that is used again does not grow."""
    session.cell("import numpy as np\nbig = np.ones(8 << 20)")
    source = """
import os
count = sum("memfd:cowtm" in line for line in open("/proc/self/maps"))
big += 1
os.getpid(), count
"""
    found = [result(session, source) for _ in range(3)]
    assert len(set(found)) == 1


def test_frames_are_what_they_were(session: Session) -> None:
    """Their blocks are arrays."""
    provide("pandas")
    session.cell("import pandas as pd\nframe = pd.DataFrame({c: range(200_000) for c in 'abc'})")
    source = "frame.loc[0, 'b'] = 9\nint(frame.sum().sum())"
    before = 3 * 200_000 * 199_999 // 2
    assert result(session, source) == before + 9
    assert session.cell("int(frame.sum().sum())").value == before


# -- what belongs to the session -------------------------------------------------------------------


@pytest.mark.parametrize("source", ["tm.past(1)", "tm.jobs", "%past 1", "%%future\n1", "%jobs"])
def test_a_job_cannot_use_the_time_machine(session: Session, source: str) -> None:
    """It says that it can't, and who can."""
    error = session.tm.submit(source).exception(PATIENCE)
    assert "a background cell can't travel, look at states or start others" in str(error)


def test_loading_cowtm_in_a_job_does_nothing(session: Session) -> None:
    """A notebook's first cell can be run as a job."""
    assert result(session, "%load_ext cowtm\n1") == 1


# -- the next job ----------------------------------------------------------------------------------

HABITS = {
    "variables": ("left = 1", "'left' in globals()", False),
    "sys.path": (
        "import sys\nsys.path.append('/left')",
        "'/left' in __import__('sys').path",
        False,
    ),
    "environment": ("import os\nos.environ['LEFT'] = '1'", "__import__('os').getenv('LEFT')", None),
    "working directory": ("import os\nos.chdir('/')", "__import__('os').getcwd() == '/'", False),
    "warnings": (
        "import warnings\nwarnings.filterwarnings('error', message='left')",
        "'left' in str(__import__('warnings').filters)",
        False,
    ),
    "future": (
        "from __future__ import annotations",
        "def f(x: int): pass\nf.__annotations__['x'] is int",
        True,
    ),
    "built-in names": ("import builtins\nbuiltins.ascii = repr", "ascii is repr", False),
    "attribute of builtins": (
        "import builtins\nbuiltins.left = 0",
        "hasattr(__import__('builtins'), 'left')",
        False,
    ),
    "random numbers": (
        "import random\nrandom.seed(1)",
        "import random\nrandom.getstate() == random.Random(1).getstate()",
        False,
    ),
    "user's module": (
        "import of_the_user\nof_the_user.x = 2",
        "import of_the_user\nof_the_user.x",
        1,
    ),
    "handlers of logging": (
        "import logging\nlogging.getLogger().addHandler(logging.NullHandler())",
        "any(type(h).__name__ == 'NullHandler' for h in __import__('logging').root.handlers)",
        False,
    ),
    "display hook": (
        "import sys\nsys.displayhook = print",
        "__import__('sys').displayhook is print",
        False,
    ),
    "how things are shown": (
        "get_ipython().display_formatter.formatters['text/plain'].for_type(frozenset, print)",
        "frozenset({1}).__len__() and get_ipython().display_formatter.format(frozenset())[0]",
        {"text/plain": "frozenset()"},
    ),
    "threads": (
        """
import threading
threading.Thread(target=threading.Event().wait, name="left", daemon=True).start()
""",
        "'left' in [thread.name for thread in __import__('threading').enumerate()]",
        False,
    ),
    "tasks": (
        """
import asyncio
async def left():
    await asyncio.sleep(1000)
task = asyncio.create_task(left())
await asyncio.sleep(0)
""",
        "'left' in str(__import__('asyncio').all_tasks())",
        False,
    ),
    "magics": (
        """
from IPython.core.magic import register_line_magic
@register_line_magic
def left(line): pass
""",
        "'left' in get_ipython().magics_manager.magics['line']",
        False,
    ),
    "signals": (
        "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "import signal\nsignal.getsignal(signal.SIGUSR1) == signal.SIG_IGN",
        False,
    ),
    "trace of classes": ("class Left: pass\nleft = Left()", "'Left' in dir()", False),
}


@pytest.mark.parametrize("what", HABITS)
def test_a_job_finds_nothing_of_the_one_before(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Neither in a worker that is used again, nor in the one that takes its place."""
    (tmp_path / "of_the_user.py").write_text("x = 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    source, question, answer = HABITS[what]
    result(session, source)
    assert result(session, question) == answer


def test_a_job_finds_no_figures_of_the_one_before(session: Session) -> None:
    """Nor its settings of matplotlib."""
    provide("matplotlib")
    # Figures and settings of the session do go along, and other tests may have left some.
    session.cell("import matplotlib.pyplot as plt\nplt.close('all')\nplt.rcdefaults()\ndel plt")
    source = "import matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 77\nplt.figure();"
    result(session, source)
    question = "import matplotlib.pyplot as plt\nplt.get_fignums(), plt.rcParams['lines.linewidth']"
    assert result(session, question) == ([], 1.5)


def test_a_plain_job_leaves_its_worker_warm(session: Session) -> None:
    """The next one runs in the same process."""
    session.cell("import numpy as np\nx = np.arange(10)")
    source = "import os\nx += 1\nprint(x)\ndisplay(x)\nnp.random.random()\nos.getpid()"
    assert len({result(session, source) for _ in range(3)}) == 1


MANY_OBJECTS = """
from datetime import date
from enum import Enum
Level = Enum('Level', 'LOW HIGH')
class Point:
    def __init__(self, i):
        self.x, self.pair, self.level = i, (i, 'p'), Level.LOW
shared = [0]
data = [{'i': i, 'shared': shared, 'at': date(2020, 1, 1)} for i in range(900)]
points = [Point(i) for i in range(900)]
points[3].all = points
long = ['x' * 70_000] * 2
"""


def test_a_job_on_many_objects_has_them_all(session: Session) -> None:
    """With what they share, cycles, classes of the notebook, and leaves of every sort."""
    session.cell(MANY_OBJECTS)
    told = (
        "sum(d['i'] for d in data), all(d['shared'] is shared for d in data), "
        "{d['at'] for d in data} == {date(2020, 1, 1)}, points[3].all is points, "
        "sum(p.x for p in points), {p.level is Level.LOW for p in points}, "
        "{type(p) is Point for p in points}, len(long[0])"
    )
    source = f"shared[0] = 7\npoints[5].pair = (1, 2)\ndata.append(data[0])\n{told}"
    assert result(session, source) == (404550, True, True, True, 404550, {True}, {True}, 70_000)
    after = session.tm.vars(session.tm.jobs[-1].number)
    assert (after["shared"], after["points"][5].pair, len(after["data"])) == ([7], (1, 2), 901)
    assert session.names["shared"] == [0]


@linux
def test_arrays_that_refuse_to_be_made_leave_the_others_whole() -> None:
    """Where numpy lets go of the handler once too often, it is still there."""
    held = adoption()
    assert held is not None
    before = sys.getrefcount(held._capsule)
    place = (300_000,), np.dtype(float), "C"

    class Refusing(np.ndarray):
        def __array_finalize__(self, _: object) -> None:
            raise MemoryError

    for _ in range(5):
        with pytest.raises(MemoryError):
            held.array(Refusing, place, anonymous(2_400_000), 2_400_000)
    assert sys.getrefcount(held._capsule) >= before
    made = held.array(np.ndarray, place, anonymous(2_400_000), 2_400_000)
    assert made.sum() == 0
    del made
    assert sys.getrefcount(held._capsule) >= before
