"""What examples can't show: how functions answer after travelling, what recording must not do."""

from __future__ import annotations

import contextvars
import functools
import gc
import sys
import warnings
import weakref
from typing import TYPE_CHECKING

import pytest

from cowtm.testing.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session without IPython."""
    made = Session()
    yield made
    made.close()


def cells(session: Session, *sources: str) -> None:
    """Run cells that must succeed."""
    for source in sources:
        assert session.run(source) is None, source


@pytest.mark.parametrize("mark", ["cache", "lru_cache", "lru_cache(2)", "lru_cache(typed=True)"])
def test_a_cached_function_answers_as_in_the_state(session: Session, mark: str) -> None:
    """What was kept in the future is not given in the past, and what was kept then is."""
    cells(
        session,
        "import functools\nrate = 2",
        f"@functools.{mark}\ndef f(n):\n    asked.append(n)\n    return [n * rate]\nasked = []",
        "first = f(3)",
        "rate = 5\nf.cache_clear()\nsecond = f(3)",
    )
    machine, home = session.machine, session.home
    machine.past(3)
    assert home["f"](3) is home["first"]
    assert (home["first"], home["asked"]) == ([6], [3])
    machine.past(2)
    assert (home["f"](3), home["asked"]) == ([6], [3])
    machine.past(4)
    assert home["f"](3) is home["second"]
    assert home["second"] == [15]


def test_a_cached_function_is_itself_again(session: Session) -> None:
    """Its code, defaults and closure are what they were, and it computes what it is asked first."""
    cells(
        session,
        (
            "import functools\ndef outer(inner, _):\n    @functools.lru_cache(4)\n"
            "    def f(a, *b, c=1, **d): return (a, b, c, d, inner, _)\n    return f\n"
            "f = outer(7, [8])"
        ),
        "kept = [f(1), f(2, 3, c=4, e=5)]",
        "f(9)",
    )
    f = session.home["f"]
    code = f.__wrapped__.__code__
    session.machine.past(2)
    assert f is session.home["f"]
    assert f.__wrapped__.__code__ is code
    assert f(2, 3, c=4, e=5) is session.home["kept"][1]
    assert f(10) == (10, (), 1, {}, 7, [8])


def test_what_a_cache_keeps_dies_when_it_lets_go(session: Session) -> None:
    """A state records what a result held, and does not keep the result alive."""
    cells(
        session,
        "import functools\nclass C: pass",
        "@functools.lru_cache(1)\ndef f(n): return C()",
        "f(1).a = [1]",
    )
    kept = weakref.ref(session.home["f"](1))
    cells(session, "f(2)", "done = 1")
    gc.collect()
    assert kept() is None
    session.machine.past(3)
    assert session.home["f"](1).a == [1]


def test_a_cache_that_shows_nothing_is_said(session: Session) -> None:
    """What wraps no function of Python's can't be made to answer: it stays by reference."""
    cells(session, "import functools\nf = functools.lru_cache(max)", "f(1, 2)")
    assert "cached function" in session.machine.states[2].by_reference["f"]
    assert session.home["f"](1, 2) == 2


def test_reading_a_cache_leaves_no_trace() -> None:
    """Hits, misses and order stay what they are."""

    @functools.lru_cache(2)
    def f(n: int) -> int:
        return n

    session = Session()
    try:
        session.home["f"] = f
        for n in (1, 2, 1):
            f(n)
        before = f.cache_info()
        cells(session, "pass")
        assert f.cache_info() == before
        f(3)  # the least recently used is 2
        assert f.cache_info().misses == 3
        f(1)
        assert f.cache_info().misses == 3
    finally:
        session.close()


def test_memory_that_is_not_there_is_not_read(session: Session) -> None:
    """Anonymous memory that was made longer has no memory behind it: reading would end Python."""
    if sys.platform != "linux":
        pytest.skip("only Linux makes shared memory longer")
    cells(session, "import mmap\nm = mmap.mmap(-1, 100)\nrest = [1]", "m.resize(8192)")
    assert "longer" in session.machine.states[2].by_reference["m"]
    cells(session, "rest.append(2)")
    session.machine.past(1)
    assert session.home["rest"] == [1]


def test_context_variables_of_others_are_theirs(session: Session) -> None:
    """A value set in another context is not the one where cells run."""
    cells(session, "import contextvars\nv = contextvars.ContextVar('v', default=0)", "v.set([1])")
    variable = session.home["v"]
    contextvars.copy_context().run(variable.set, 5)
    assert session.machine.audit() == ()
    session.machine.past(1)
    assert variable.get() == 0
    assert session.home["v"] is variable


def test_recording_warns_of_nothing(session: Session) -> None:
    """Iterators whose pickling is on its way out are recorded in silence."""
    cells(session, "import itertools, array\nx = [itertools.count(), array.array('d', [1])]")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session.machine.begin_cell("next(x[0])")
        next(session.home["x"][0])
        session.number += 1
        session.machine.end_cell(session.number, None, None)
    assert not session.machine.states[session.number].by_reference
    session.machine.past(1)
    assert next(session.home["x"][0]) == 0


def test_a_generator_is_never_advanced(session: Session) -> None:
    """It stays by reference, is said once, and what holds it is exact."""
    cells(
        session,
        "def gen():\n    yield from range(9)\ng = gen()\nbox = [g, [1]]",
        "first = next(g)\nbox[1].append(2)",
    )
    assert session.machine.states[2].by_reference["g"] == "a generator"
    assert len([line for line in session.said if "a generator" in line]) == 1
    held = session.home["g"]
    session.machine.past(1)
    assert session.home["box"] == [held, [1]]
    assert next(held) == 1


def test_a_view_of_objects_names_its_array_as_base(session: Session) -> None:
    """An array of objects that was made anew is the base of the views of it."""
    cells(
        session,
        "import numpy as np\na = np.array([1, [2], None, 4], object)\nv = a[1::2]",
        "t = np.array(['a', 'b' * 99], np.dtypes.StringDType())\nw = t[1:]",
        "del a, v, t, w",
    )
    session.machine.past(2)
    home = session.home
    assert home["v"].base is home["a"]
    assert home["w"].base is home["t"]
    home["w"][0] = "other " * 20
    assert home["t"][1] == "other " * 20
