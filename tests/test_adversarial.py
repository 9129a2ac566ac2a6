"""Objects that raise, lie or get in the way: recording and travelling run none of their methods."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from cowtm.errors import CannotRestore
from cowtm.testing.session import Checked, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

CRASHER = """
calls = []

def crash(name):
    def method(self, *arguments, **keywords):
        calls.append(name)
        raise RuntimeError(name)
    return method

NAMES = (
    "__eq__ __ne__ __lt__ __bool__ __len__ __iter__ __contains__ __getattr__ __getattribute__ "
    "__getitem__ __setitem__ __delitem__ __reduce__ __reduce_ex__ __getstate__ __setstate__ "
    "__getnewargs__ __getnewargs_ex__ __copy__ __deepcopy__ __sizeof__ __repr__ __str__ __format__ "
    "__dir__ __call__ __index__ __int__ __float__ __array__ __array_interface__ __instancecheck__ "
    "__length_hint__ __missing__ __reversed__ __keys__ keys items values append extend update add "
    "__setattr__ __delattr__ __enter__ __exit__ __await__ __next__ __missing__ __fspath__ __bytes__"
).split()

def crasher(base, **more):
    body = {name: crash(name) for name in NAMES}
    body["__hash__"] = object.__hash__
    return type(base)("Crasher", (base,), body | more)
"""

BODIES = {
    "instance": ("crasher(object)", "object.__new__(K)", "object.__setattr__(x, 'a', {n})"),
    "list": ("crasher(list)", "list.__new__(K)", "list.append(x, {n})"),
    "dict": ("crasher(dict)", "dict.__new__(K)", "dict.__setitem__(x, {n}, [])"),
    "set": ("crasher(set)", "set.__new__(K)", "set.add(x, {n})"),
    "tuple": ("crasher(tuple)", "tuple.__new__(K, ([],))", "tuple.__getitem__(x, 0).append({n})"),
    "deque": (
        "crasher(collections.deque)",
        "collections.deque.__new__(K)",
        "collections.deque.append(x, {n})",
    ),
    "exception": (
        "crasher(Exception)",
        "Exception.__new__(K)",
        "Exception.args.__set__(x, ({n},))",
    ),
    "int": ("crasher(int)", "int.__new__(K, 7)", "object.__setattr__(x, 'a', {n})"),
    "str": ("crasher(str)", "str.__new__(K, 'text')", "object.__setattr__(x, 'a', {n})"),
    "bytearray": ("crasher(bytearray)", "bytearray.__new__(K)", "bytearray.append(x, {n})"),
    "slots": (
        "crasher(object, __slots__=('a',))",
        "object.__new__(K)",
        "K.__dict__['a'].__set__(x, {n})",
    ),
    "lying class": (
        "crasher(object, __class__=property(crash('__class__')))",
        "object.__new__(K)",
        "object.__setattr__(x, 'a', {n})",
    ),
    "dict property": (
        "crasher(object, __dict__=property(crash('__dict__')))",
        "object.__new__(K)",
        "object.__setattr__(x, 'a', {n})",
    ),
    "array": (
        "crasher(np.ndarray)",
        "np.ndarray.__new__(K, 3)",
        "np.ndarray.__setitem__(x, 0, {n})",
    ),
}


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session."""
    session = Session()
    yield session
    session.close()


def ran(session: Session, source: str) -> None:
    """Run a cell that must succeed."""
    error = session.run(source)
    assert error is None, f"{source}: {error!r}"


@pytest.mark.parametrize("kind", BODIES)
def test_nothing_of_the_users_runs(session: Session, kind: str) -> None:
    """Recording and travelling call no method of an object, whatever it is made of."""
    cls, make, change = BODIES[kind]
    ran(session, "import collections, numpy as np\n" + CRASHER)
    ran(session, f"K = {cls}\nx = {make}\nholder = {{'x': [x], 1: x}}")
    ran(session, "import gc; gc.collect(); calls.clear()")
    for number in range(1, 4):
        ran(session, change.format(n=number))
    assert session.home["calls"] == []
    last = session.number
    for goal in (last - 1, last - 3, 1, last, last - 2, last):
        session.machine.past(goal)
        assert session.home["calls"] == [], goal
    session.machine.vars(last - 2)
    session.machine.vars(last)
    assert session.home["calls"] == []
    assert session.home["holder"]["x"][0] is session.home["x"]
    assert not session.machine.states[last].by_reference


def test_a_metaclass_that_raises(session: Session) -> None:
    """Classes are told apart without asking their metaclass."""
    ran(session, CRASHER)
    ran(
        session,
        "M = crasher(type, __hash__=crash('__hash__'), __call__=type.__call__,"
        " mro=type.mro, __instancecheck__=crash('__instancecheck__'))\n"
        "K = type.__new__(M, 'K', (), {'a': [1]})\nx = object.__new__(K)\ncalls.clear()",
    )
    ran(session, "type.__getattribute__(K, 'a').append(2)")
    ran(session, "object.__setattr__(x, 'b', 1)")
    assert session.home["calls"] == []
    session.machine.past(2)
    assert session.home["calls"] == []
    assert type.__getattribute__(session.home["K"], "a") == [1]
    session.machine.past(4)
    assert object.__getattribute__(session.home["x"], "b") == 1
    assert session.home["calls"] == []


def test_a_hash_that_fails_later(session: Session) -> None:
    """Keys whose hash has come to raise are recorded; travelling says so and changes nothing."""
    ran(
        session,
        "broken = []\nclass Key:\n    def __hash__(self):\n        assert not broken\n"
        "        return 1\nx = {Key(): 1}",
    )
    ran(session, "x['new'] = 2")
    ran(session, "broken.append(1); y = 1")
    ran(session, "x.clear()")
    assert session.machine.states[3].error is None
    try:
        session.machine.past(2)
    except CannotRestore:
        assert session.home["x"] == {}
        assert session.home["broken"] == [1]
    else:
        assert len(session.home["x"]) == 2


def test_two_keys_that_have_become_equal(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict that can't be made again as it was is not half made: the present stays."""
    ran(
        session,
        "import sys\nclass Key:\n    def __hash__(self): return 1\n"
        "    def __eq__(self, other): return hasattr(sys, 'all_keys_are_equal')\n"
        "x = {Key(): 1, Key(): 2}\nkeep = list(x)\na = [1]",
    )
    ran(session, "x.clear(); z = 5; a.append(2)")
    before = session.form()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "all_keys_are_equal", True, raising=False)
        with pytest.raises(CannotRestore, match="equal now"):
            session.machine.past(1)
    assert session.form() == before
    session.machine.past(1)
    assert list(session.home["x"]) == session.home["keep"]


def test_what_destructors_change_of_a_state_is_put_back() -> None:
    """A class that counts its objects has the count of that state, not of those that just ended."""
    checked = Checked(hold=False)
    for cell in (
        (
            "class Counted:\n    count = 0\n    def __init__(self): type(self).count += 1\n"
            "    def __del__(self): type(self).count -= 1\nended = []\n"
            "def steps():\n    try: yield 1\n    finally: ended.append(1)"
        ),
        "one = Counted()",
        "more = [Counted(), Counted()]; going = steps(); next(going)",
        "del going\nended",
    ):
        checked.run(cell)
    for goal in (1, 2, 4, 0, 4, 1):
        checked.travel(goal)
    checked.close()


def test_a_memoryview_is_released_where_it_was() -> None:
    """What it viewed can be resized there, and not where it was open."""
    checked = Checked(hold=False, in_place=False)  # none can be opened again: it is made anew
    for cell in (
        "data = bytearray(b'abcd'); view = memoryview(data); part = view[1:3]",
        "with view: view[0] = 65",
        "part.release()\ndata += b'more'",
        "del data[:2]",
        "other = bytearray(b'xy'); open_ = memoryview(other)",
        "open_ = None; other += b'longer'",
    ):
        checked.run(cell)
    for goal in (1, 3, 2, 4, 6, 5, 1, 2, 3, 5, 4, 1):
        checked.travel(goal)
    checked.look(2)
    checked.travel(3)
    checked.run("data += b'!'")
    checked.leave()
    for goal in (1, 4, 2):
        checked.travel(goal)
    checked.close()


def test_functions_of_the_clock_that_the_user_replaced_are_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cell that is tested against a clock of its own finds it as it left it."""

    def stopped(*_: object, **__: object) -> None:
        raise RuntimeError("not to be called")

    checked = Checked(hold=False)
    with monkeypatch.context() as patch:
        for module, name in (
            *((time, name) for name in ("time", "perf_counter", "monotonic", "sleep")),
            *((json, name) for name in ("dumps", "loads")),
        ):
            patch.setattr(module, name, stopped)
        checked.run("x = [1]")
        checked.run("x.append(2)")
        checked.travel(1)
        checked.travel(2)
    checked.close()


def test_destructors_run_against_a_whole_state(session: Session) -> None:
    """What `__del__` raises or changes does no harm to the travel that let go of the object."""
    ran(
        session,
        "class Last:\n    def __del__(self):\n"
        "        globals().get('a', []).append('late')\n"
        "a = [1]",
    )
    ran(session, "b = Last()\na.append(2)")
    session.machine.past(1)
    assert session.home["a"] == [1]
    assert "b" not in session.home
    session.machine.past(2)
    assert session.home["a"] == [1, 2]
    assert type(session.home["b"]) is session.home["Last"]


def test_ten_thousand_levels(session: Session) -> None:
    """Depth is no matter, whatever it is made of; nor when it is let go."""
    ran(session, "class Link:\n    pass\ndeep = []\nlinks = Link()\npair = (1, [])\nd = {}")
    ran(
        session,
        "at, link, t, e = deep, links, pair, d\n"
        "for i in range(10_000):\n"
        "    at.append([]); at = at[0]\n"
        "    link.next = Link(); link = link.next\n"
        "    t = (t, [])\n"
        "    e['k'] = {}; e = e['k']\n"
        "bottom = at",
    )
    ran(session, "bottom.append('here')")
    session.machine.past(2)
    assert session.home["bottom"] == []
    copies = session.machine.vars(3)
    assert copies["bottom"] == ["here"]
    session.machine.past(1)
    session.machine.past(3)
    level, depth = session.home["deep"], 0
    while level and isinstance(level[0], list):
        level, depth = level[0], depth + 1
    assert depth == 10_000
    assert level is session.home["bottom"]


def test_an_object_that_reads_differently_each_time(session: Session) -> None:
    """It is recorded with every capture, and harms nothing."""
    ran(
        session,
        "import copyreg\nclass Odd(complex):\n    pass\nn = 0\n"
        "x = type('Strange', (memoryview.__class__,), {})('Made', (), {})\na = [1]",
    )
    ran(session, "a.append(2)")
    session.machine.past(1)
    assert session.home["a"] == [1]


def test_a_commit_that_fails_puts_everything_back(session: Session) -> None:
    """An error in the middle of travelling leaves the present as it was, and recording goes on."""
    ran(
        session,
        "import threading\n"
        "class Guard(list):\n    pass\n"
        "a = [1]\nb = {'a': a}\nx = __import__('io').BytesIO(b'abc')\nz = [b, a]",
    )
    ran(session, "a.append(2); b['b'] = 2; x.write(b'xyz'); c = 1; z.reverse()")
    before = session.form()
    view = session.home["x"].getbuffer()  # while it lives the stream can't be set
    with pytest.raises(CannotRestore, match=r"put back|changed"):
        session.machine.past(1)
    assert session.form() == before
    assert session.machine.states[2].number == 2
    view.release()
    session.machine.past(1)
    assert session.home["a"] == [1]
    assert session.home["x"].getvalue() == b"abc"
    assert "c" not in session.home
    session.machine.past(2)
    assert session.form() == before


def interrupt_after(seconds: float) -> None:
    """Have the process interrupted, as the user does, after a time."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def end_and_wait(session: Session) -> None:
    """Record the cell; wait for the interrupt if it did not come meanwhile."""
    session.machine.end_cell(session.number)
    signal.pause()


@pytest.fixture
def _alarms_interrupt() -> Iterator[None]:
    """Make the timer's signal raise the interrupt signal."""
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.usefixtures("_alarms_interrupt")
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_an_interrupt_leaves_no_half_state(session: Session, fraction: float) -> None:
    """Travelling or recording is finished, then the interrupt comes."""
    ran(session, "x = [[i] for i in range(20_000)]")
    ran(session, "for item in x: item.append(0)")
    started = time.perf_counter()
    session.machine.past(1)
    took = time.perf_counter() - started
    session.machine.past(2)
    interrupted = False
    try:
        interrupt_after(took * fraction)
        session.machine.past(1)
        while time.perf_counter() - started < 10:
            time.sleep(0.001)
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
    lengths = {len(item) for item in session.home["x"]}
    assert len(lengths) == 1, "half of the objects were put back"
    session.machine.past(1)
    assert {len(item) for item in session.home["x"]} == {1}
    session.machine.past(2)
    assert {len(item) for item in session.home["x"]} == {2}


@pytest.mark.usefixtures("_alarms_interrupt")
def test_an_interrupt_while_recording(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is whole, and the next one is exact."""
    capture = session.machine.recorder.capture

    def interrupted(**how: Any) -> Any:
        interrupt_after(0.001)
        return capture(**how)

    ran(session, "x = [[i] for i in range(20_000)]")
    session.machine.begin_cell("for item in x: item.append(0)")
    for item in session.home["x"]:
        item.append(0)
    session.machine.recorder.view["x"] = session.home["x"]
    session.number += 1
    monkeypatch.setattr(session.machine.recorder, "capture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        end_and_wait(session)
    monkeypatch.undo()
    assert session.number in session.machine.states
    session.machine.past(1)
    assert {len(item) for item in session.home["x"]} == {1}
    session.machine.past(session.number)
    assert {len(item) for item in session.home["x"]} == {2}


def test_calls_from_another_thread(session: Session) -> None:
    """A state recorded from a thread is exact; so is a travel."""
    ran(session, "a = [1]")
    done: list[Any] = []

    def work() -> None:
        done.append(session.run("a.append(2)"))
        session.machine.past(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [None]
    assert session.home["a"] == [1]
    session.machine.past(2)
    assert session.home["a"] == [1, 2]


def test_the_namespace_in_the_namespace() -> None:
    """The namespace itself, the time machine and modules may be variables."""
    checked = Checked(hold=False)
    session = checked.session
    session.run("g = globals(); import sys, __cells__ as me; a = [g, me, sys]")
    session.run("a.append(1)")
    session.home["tm"] = session.machine
    session.run("b = [tm]")
    session.machine.past(1)
    assert session.home["a"][0] is session.home
    assert len(session.home["a"]) == 3
    session.machine.past(3)
    assert session.home["b"][0] is session.machine
    checked.close()


@pytest.mark.parametrize(
    "make",
    [
        "(i for i in range(3))",
        "open(os.devnull)",
        "threading.Lock()",
        "threading.Thread(target=print)",
        "sys._getframe()",
        "iter({1: 2})",
        "socket.socket()",
        "sqlite3.connect(':memory:')",
        "logging.getLogger('x')",
        "mmap.mmap(-1, 10)",
        "asyncio.new_event_loop()",
        "compile('1', 'f', 'eval')",
        "object()",
        "contextvars.ContextVar('v')",
        "queue.Queue()",
        "concurrent.futures.Future()",
    ],
)
def test_what_can_not_be_recorded_stays_by_reference(session: Session, make: str) -> None:
    """The same object is there in every state, and the rest of the state is restored."""
    ran(
        session,
        "import asyncio, concurrent.futures, contextvars, logging, mmap, os, queue, socket, sqlite3"
        ", sys, threading",
    )
    ran(session, f"x = {make}\na = [x, 1]")
    ran(session, "a.append(2)")
    ran(session, "y = a")
    x = session.home["x"]
    for goal in (2, 3, 1, 4, 2):
        session.machine.past(goal)
        if goal != 1:
            assert session.home["x"] is x
            assert session.home["a"][0] is x
            assert len(session.home["a"]) == {2: 2, 3: 3, 4: 3}[goal]
    ran(session, "getattr(x, 'close', int)()")
