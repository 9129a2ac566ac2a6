"""What is left after unloading: the user's objects, and nothing of ours."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from session import new_session
from test_kernel import new_kernel

import cowtm
from cowtm.chunks import Chunk
from cowtm.delta import Delta
from cowtm.errors import Unhooked
from cowtm.mirror import Mirror
from cowtm.native import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session import Session


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Session]:
    """Give a session without cowtm."""
    with new_session(tmp_path, loaded=False) as session:
        yield session


def open_files() -> list[str]:
    """List what this process has open, shared memory among it."""
    found = []
    for file in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(file.readlink()))
        except FileNotFoundError:  # it was open for looking
            continue
    return sorted(found)


def ours() -> set[threading.Thread]:
    """List the threads that are cowtm's."""
    return {t for t in threading.enumerate() if t.name.startswith("cowtm")}


SESSIONS = {
    "nothing": [],
    "an array that changes": ["a = np.arange(300_000.0)", "a[0] = 7", "del a"],
    "what was travelled to": ["x = [1]", "x.append([2])", "%past 3", "%past 4", "tm.vars(3)"],
    "classes of the notebook": [
        "class Node:\n    def __init__(self): self.me = self; self.all = [self]\nn = Node()",
        "n.all.append(Node())",
        "del n, Node",
    ],
    "what stays by reference": ["import threading; lock = threading.Lock(); c = iter([lock])"],
    "the time machine in a variable's object": ["held = [tm, tm.states[1], tm.vars]", "del held"],
    "states on disk": [
        "%config TimeMachine.memory_budget = 1",
        "a = np.arange(3_000_000.0)",
        "a += 1",
        "tm.flush(); tm.vars(4, 'a')[0]",
    ],
    "states that are saved": [
        "%config TimeMachine.autosave = True",
        "a = np.arange(300_000.0); a[0] = 3",
        "a[1] = 3; tm.flush()",
    ],
    "a journal that was gone on with": [
        "x = [1]; a = np.arange(300_000.0)",
        "tm.save('session.cowtm')",
        "archive = cowtm.load('session.cowtm'); archive.vars(3); del archive",
        "tm.resume('session.cowtm', replace=True)",
        "x.append(a)",
    ],
    "a job that was merged": [
        "x = [1]; a = np.arange(300_000.0)",
        "tm.submit('a[0] = 7; x.append(a)').result()",
        "tm.jobs[-1].merge()",
    ],
    "a job that runs": ["job = tm.submit('import threading; threading.Event().wait()')"],
}


@pytest.mark.parametrize("what", SESSIONS)
def test_nothing_is_kept(what: str, plain: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """No store, no shared memory, no file, no thread: whatever had happened."""
    monkeypatch.chdir(plain.shell.ipython_dir)
    plain.cell("import numpy as np, cowtm")
    gc.collect()
    threads, files = ours(), open_files()
    plain.cell("%load_ext cowtm")
    kept: list[weakref.ref[Any]] = [weakref.ref(plain.tm.recorder.mirror.store)]
    for cell in SESSIONS[what]:
        plain.cell(cell)
        kept.append(weakref.ref(plain.tm.recorder.mirror.store))
    kept += [weakref.ref(plain.tm), weakref.ref(plain.tm.recorder.mirror)]
    plain.cells("%unload_ext cowtm", "None")
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)
    assert open_files() == files
    assert ours() == threads


MEASURED = """
import gc, glob, json, os, psutil, threading, weakref
def measure():
    gc.collect()
    process = psutil.Process()
    files = glob.glob("/proc/self/fd/*")
    links = [os.readlink(file) for file in files if os.path.lexists(file)]
    return {
        "resident": process.memory_info().rss,
        "files": sum("memfd" in link or ".cowtm" in link for link in links),
        "threads": [t.name for t in threading.enumerate() if t.name.startswith("cowtm")],
        "processes": len(process.children(recursive=True)),
        "stores": sum(store() is not None for store in stores),
    }
stores = []
"""
"""What a kernel is asked for: its own figures."""

WORK = (
    "%load_ext cowtm",
    "tm.dontsave('stores'); stores.append(weakref.ref(tm.recorder.mirror.store))",
    "import numpy as np; big = np.arange(8_000_000.0)",
    "big += 1; job = tm.submit('big[:] = 0; 6 * 7'); job.result()",
    "many = [{'k': number} for number in range(100_000)]",
    "for one in many: one['k'] = [one['k']]",
    "old = tm.vars(list(tm.states)[-2])",
    "del old",
    "%unload_ext cowtm",
)
"""64 MB, 100,000 dicts, copies of them, and a job."""


@pytest.mark.long
def test_a_kernel_is_as_it_was(tmp_path: Path) -> None:
    """Memory, files, threads, processes; user's objects stay, and loading again works."""
    with new_kernel(tmp_path) as kernel:
        kernel.run(MEASURED)

        def work() -> dict[str, Any]:
            for source in WORK:
                reply = kernel.run(source)
                assert not reply.error, reply.traceback
            figures: dict[str, Any] = json.loads(kernel.run("print(json.dumps(measure()))").text)
            return figures

        first = work()  # what it imports stays
        second = work()
        assert {**second, "resident": 0} == {
            "resident": 0,
            "files": 0,
            "threads": [],
            "processes": 0,
            "stores": 0,
        }
        # what was recorded takes twice as much; heaps have holes
        assert second["resident"] - first["resident"] < 100 << 20
        assert kernel.value("float(big[0]), many[7], job.result()") == "(1.0, {'k': [7]}, 42)"


AFTER = [
    "held.past(2)",
    "held.past(2, names=['x'])",
    "held.undo()",
    "held.vars(2)",
    "held.ans(2)",
    "held.names()",
    "held.names(2)",
    "held.diff(2)",
    "held.history('x')",
    "held.blame('x')",
    "held.states[2]",
    "held.memory_report()",
    "held.pin(2)",
    "held.saving(False)",
    "held.dontsave('x')",
    "held.clear_past()",
    "held.clear_past(2)",
    "held.save('new.cowtm')",
    "held.resume('session.cowtm', replace=True)",
    "held.audit()",
    "held.submit('1')",
    "held.submit('1', after=2)",
    "held.thread(pow, 1, 2)",
    "held.start_cell('1')",
    "held.start_each('1', {'x': [1]})",
    "held.connect(__import__('concurrent.futures').futures.ThreadPoolExecutor(1))",
    "held.jobs",
    "held.running",
    "held.finished",
    "held.replay(2)",
    "states[2]",
    "archive.vars(2)",
    "archive.names()",
    "job.rerun()",
    "job.merge()",
]
"""What can't be done any more."""


@pytest.fixture(scope="module")
def unloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give a session that was unloaded, whose user still holds this and that."""
    folder = tmp_path_factory.mktemp("unloaded")
    with new_session(folder, loaded=False) as session, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        session.cells(
            "import numpy as np",
            "%load_ext cowtm",
            "x = [1]; a = np.arange(300_000.0); print('said'); x",
            "tm.save('session.cowtm'); job = tm.submit('x.append(2); x'); job.result()",
            "held, states, state, archive = tm, tm.states, tm.states[3], tm.archive",
            "old, jobs = tm.vars(3), tm.jobs",
            "report, difference = tm.memory_report(), tm.diff(2, 3)",
            "%unload_ext cowtm",
        )
        yield session


@pytest.mark.parametrize("source", AFTER)
def test_what_is_held_says_that_it_is_over(source: str, unloaded: Session) -> None:
    """In one line that says what to do; nothing is changed, and nothing is started."""
    before = ours()
    error = unloaded.fail(source).error
    assert type(error) is Unhooked
    assert "%load_ext cowtm begins anew" in str(error)
    assert unloaded.names["x"] == [1]
    assert not Path("new.cowtm").exists()
    assert ours() == before


def test_what_was_given_is_the_users(unloaded: Session) -> None:
    """Copies, results, tables and what was put out are there; the rest says that it is over."""
    names = unloaded.names
    assert names["old"]["x"] == [1]
    assert names["old"]["a"].tolist() == np.arange(300_000.0).tolist()
    assert names["job"].result() == [1, 2]
    assert [job.status for job in names["jobs"]] == ["done"]
    assert not names["job"].cancel()
    for shown, said in (
        ("held", "unhooked"),
        ("states", "unhooked"),
        ("archive", "unhooked"),
        ("state", "state 3"),
        ("state.outputs", "said"),
        ("job", "done"),
        ("job.outputs", "[1, 2]"),
        ("report", "in memory"),
        ("difference", "added"),
    ):
        assert said in unloaded.cell(f"print({shown}); {shown}").output, shown
    assert list(names["states"]) == []
    assert 3 not in names["states"]
    unloaded.cells("held.unhook()", "held.flush()", "held.to_main({'x': x})", "held.close()")


def test_what_is_held_is_not_what_is_loaded_then(unloaded: Session) -> None:
    """Another time machine begins; the old one can neither end it nor see its states."""
    unloaded.cells("%load_ext cowtm", "x.append(2)", "held.unhook()")
    assert unloaded.names["tm"] is not unloaded.names["held"]
    unloaded.fail("held.vars(3)")
    unloaded.cells("tm.undo()", "%unload_ext cowtm")
    assert unloaded.names["x"] == [1]


def test_a_state_that_is_held_keeps_no_memory(plain: Session) -> None:
    """Its chunks are there as names of bytes, which are gone."""
    plain.cells("import numpy as np", "%load_ext cowtm", "a = np.arange(300_000.0)")
    state = plain.tm.states[3]
    store = plain.tm.recorder.mirror.store
    assert store.raw > 2_000_000
    plain.cell("%unload_ext cowtm")
    assert (store.raw, store.packed) == (0, 0)
    assert type(state.delta) is Delta
    node: Any = state.delta.bindings.after["a"]
    assert type(node) is Node
    assert node.content is None
    assert [c for c in chunks_of(state.delta) if c.size]


def chunks_of(delta: Delta) -> list[Chunk]:
    """List the chunks that the contents of a delta hold."""
    contents: Any = delta.contents.after.values()
    slots = [slot for content in contents for slot in content.flat()]
    held = [part for slot in slots for part in (slot if type(slot) is tuple else [slot])]
    return [part for part in held if type(part) is Chunk]


def test_a_mirror_that_nobody_holds_goes_with_its_memory() -> None:
    """Also one that was never closed, whatever it has recorded."""
    home: dict[str, Any] = {"a": np.arange(300_000.0), "many": [{1: [n]} for n in range(100)]}
    home["many"].append(home)
    home["many"].append(home["many"])
    mirror = Mirror(home)
    for name, value in home.items():
        mirror.table.rebind(name, value)
    delta = mirror.finish()
    gone = weakref.ref(mirror.store)
    del mirror, delta
    gc.collect()
    assert gone() is None


def test_an_archive_that_nobody_holds_goes_with_its_memory(plain: Session) -> None:
    """What `cowtm.load` opens needs no closing."""
    path = f"{plain.shell.ipython_dir}/a.cowtm"
    plain.cells("import numpy as np", "%load_ext cowtm", "a = np.arange(300_000.0); x = [[a]]")
    plain.cells("x.append(x)", f"tm.save({path!r})", "%unload_ext cowtm")
    gc.collect()
    files = open_files()
    archive = cowtm.load(path)
    values = archive.vars(4)
    store = weakref.ref(archive._lookup.mirror.store)
    del archive
    gc.collect()
    assert store() is None
    assert open_files() == files
    assert values["x"][0][0] is values["a"]
