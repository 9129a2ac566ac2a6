"""What can't be made of a page is left out alone, and is there again where it can be made."""

from __future__ import annotations

import datetime
import decimal
import enum
import io
import pickle
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session import new_session

import cowtm
from cowtm.errors import NotHere
from cowtm.kinds.reference import Unmade
from cowtm.mirror import Mirror
from cowtm.saved import tolerant
from cowtm.saved.bundle import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
import collections, datetime, decimal, enum

class Day(datetime.date):
    pass

class Amount(decimal.Decimal):
    def __reduce__(self):
        return rebuilt, (str(self),)

def rebuilt(text):
    return Amount(text)

class Colour(enum.Enum):
    RED = 1

class Point:
    def __init__(self, x):
        self.x = x

class Guarded:
    def __init__(self, x):
        self.x = x
    def __setstate__(self, state):
        if REFUSES:
            raise ValueError("it refuses")
        self.x = state["x"]

class Row(list):
    pass

class Table(dict):
    def __reduce__(self):
        return Table, (), None, None, iter(self.items())

class Built:
    def __reduce__(self):
        return Built, (), {"x": self.x}, None, None, restore

class WithKeywords:
    def __new__(cls, *, x):
        made = object.__new__(cls)
        made.x = x
        return made
    def __getnewargs_ex__(self):
        return (), {"x": self.x}

def restore(made, state):
    if REFUSES:
        raise ValueError("it refuses")
    made.__dict__.update(state)

REFUSES = False
"""
NAME = "of_a_module"


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """Give a module that is imported by its name as long as it is in `sys.modules`."""
    made = ModuleType(NAME)
    exec(SOURCE, vars(made))  # noqa: S102  ours
    sys.modules[NAME] = made
    yield made
    sys.modules.pop(NAME, None)


def samples(module: Any) -> dict[str, Any]:
    """Give objects that the module is needed for, with what shows that they are whole."""
    row, table, built = module.Row([1, 2]), module.Table(a=1), module.Built()
    row.own, built.x = "its own", 7
    return {
        "class": module.Point,
        "function": module.rebuilt,
        "member": module.Colour.RED,
        "date": module.Day(2000, 1, 2),
        "by a call": module.Amount("1.5"),
        "with a state": module.Point([1]),
        "items": row,
        "pairs": table,
        "put in by a function": built,
        "with keywords": module.WithKeywords(x=3),
    }


def look(value: Any) -> Any:
    """Show what an object holds."""
    if isinstance(value, type) or callable(value):
        return value
    plain = [*value.items()] if isinstance(value, dict) else value
    plain = [*plain] if isinstance(plain, list) else repr(value)
    return type(value), getattr(value, "__dict__", None), plain if type(plain) is list else None


@pytest.fixture
def process() -> Exchange:
    """Give what reads and writes pages."""
    return Exchange(Mirror({}))


def written(process: Exchange, value: object) -> bytes:
    """Write a page."""
    page = process.page(value)
    assert page is not None
    return page


CASES = [
    *("class", "function", "member", "date", "by a call", "with a state", "items", "pairs"),
    *("put in by a function", "with keywords"),
]


@pytest.mark.parametrize("what", CASES)
def test_what_needs_a_module_that_is_gone_is_left_out_alone(
    process: Exchange, module: ModuleType, what: str
) -> None:
    """It says what it was and why it is not here; what is beside it is whole."""
    value = samples(module)[what]
    page = written(process, {"before": [1], "it": (value, [value]), "after": {2}})
    del sys.modules[NAME]
    read = process.value(page)
    lost = read["it"][0]
    assert (read["before"], read["after"], read["it"][1][0] is lost) == ([1], {2}, True)
    assert type(lost) is Unmade
    assert lost.why == f"ModuleNotFoundError: No module named '{NAME}'"
    with pytest.raises(NotHere, match=rf"{NAME}.* can't be made here \(ModuleNotFoundError"):
        lost.use()


@pytest.mark.parametrize("what", CASES)
def test_written_again_it_is_what_it_was(process: Exchange, module: ModuleType, what: str) -> None:
    """Who has the module reads it whole: it went through a process that has it not."""
    value = samples(module)[what]
    page = written(process, [value, value])
    del sys.modules[NAME]
    once = written(process, process.value(page))
    twice = written(process, process.value(once))
    sys.modules[NAME] = module
    found = process.value(twice)
    assert found[0] is found[1]
    assert look(found[0]) == look(value)


@pytest.mark.parametrize("what", ["Guarded", "Built"])
def test_what_refuses_its_state_is_left_out_wherever_it_is(
    process: Exchange, module: Any, what: str
) -> None:
    """No half of it stays: whoever held it holds what is in its place."""
    value = module.Guarded(1) if what == "Guarded" else module.Built()
    value.x = [1]
    page = written(process, [value, "beside", value])
    module.REFUSES = True
    first, beside, second = process.value(page)
    assert (type(first), beside, first is second) == (Unmade, "beside", True)
    assert first.why == "ValueError: it refuses"
    again = written(process, [first])
    module.REFUSES = False
    [whole] = process.value(again)
    assert type(whole) is type(value)
    assert whole.x == [1]


def test_a_reason_is_that_of_what_is_missing(process: Exchange, module: Any) -> None:
    """Not that of what could not be made without it."""
    late = module.Point(datetime.timedelta(1))
    page = written(process, [datetime.timezone(late.x / 24), {module.Colour.RED: late}])
    del sys.modules[NAME]
    zone, table = process.value(page)
    assert zone == datetime.timezone(datetime.timedelta(hours=1))
    [(key, value)] = table.items()
    assert key.why == value.why == f"ModuleNotFoundError: No module named '{NAME}'"


def test_a_name_that_is_not_found_is_one_object(process: Exchange, module: Any) -> None:
    """In all pages: what was one class is one."""
    pages = [written(process, [module.Point]) for _ in range(2)]
    del sys.modules[NAME]
    first, second = (process.value(page)[0] for page in pages)
    assert first is second


def test_what_is_no_pickle_is_refused(process: Exchange) -> None:
    """Damage is not taken for an object that can't be made."""
    page = written(process, [1, "text", {2: 3}])
    for broken in (page[:-3], b"", page[: len(page) // 2] + b"\xff" * 9):
        with pytest.raises(Exception):  # noqa: B017, PT011  pickle raises what it likes
            process.value(broken)


class Shade(enum.Enum):
    """A member of an enumeration is pickled by a call."""

    DARK = 1


class Sack(list[Any]):
    """A list with attributes."""


class Box:
    """An object with a state, and with arguments for its making."""

    def __init__(self, held: Any = None) -> None:
        self.held = held

    def __getnewargs__(self) -> tuple[Any, ...]:
        return ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.held == other.held

    __hash__ = None  # type: ignore[assignment]


leaves = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.sampled_from([Shade.DARK, int, len, decimal.Decimal]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
        st.frozensets(st.integers(), max_size=4),
        inner.map(Box),
        st.lists(inner, max_size=3).map(Sack),
    ),
    max_leaves=12,
)


@given(values, st.integers(0, 5))
def test_it_reads_what_is_whole_as_pickle_does(value: Any, protocol: int) -> None:
    """The slow way is the same as the fast one."""
    shared = [value, value]
    shared.append(shared)
    data = pickle.dumps(shared, protocol)
    unmade: dict[Any, Unmade] = {}
    lacks: dict[str, None] = {}
    read = tolerant.load(data, lambda name: name, unmade, lacks)
    assert read[0] == value
    assert read[0] is read[1] or type(value) in (int, str, bytes, tuple, frozenset, type(None))
    assert read[2] is read
    assert pickle.dumps(read, protocol) == pickle.dumps(pickle.loads(data), protocol)
    assert (unmade, lacks) == ({}, {})


def test_names_are_asked_for(process: Exchange) -> None:
    """Of a name that stands for nothing an object says so, and is written as that name."""

    class Naming(pickle.Pickler):
        def persistent_id(self, value: object) -> Any:
            return ("word", 5) if value is process else None

    file = io.BytesIO()
    Naming(file).dump([1, process])

    def named(name: Any) -> Any:
        raise LookupError(name)

    lacks: dict[str, None] = {}
    one, lost = tolerant.load(file.getvalue(), named, {}, lacks)
    assert [*lacks] == [lost.why]
    assert (one, lost.name, lost.why) == (1, ("word", 5), "LookupError: ('word', 5)")


# -- journals --------------------------------------------------------------------------------------


def test_a_session_goes_on_without_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs it says so, the rest is there; with the module all of it is there again."""
    installed = tmp_path / "site-packages"
    installed.mkdir()
    file = installed / f"{NAME}.py"
    file.write_text(SOURCE)
    monkeypatch.syspath_prepend(str(installed))
    first, second = tmp_path / "first.cowtm", tmp_path / "second.cowtm"
    with new_session(tmp_path) as session:
        session.cell(f"from {NAME} import *\nday, point, ok = Day(2000, 1, 2), Point(5), [1]")
        session.cell("class Own(Point): pass\nown, all = Own(6), [ok, day, point, Colour.RED, Day]")
        session.tm.save(first)
    with monkeypatch.context() as without:
        without.delitem(sys.modules, NAME)
        file.rename(tmp_path / "away.py")
        with new_session(tmp_path) as session:
            said = session.cell(f"tm.resume({str(first)!r})").output
            assert "Own and 10 more can't be made here in full: ModuleNotFoundError" in said
            assert session.cell("ok, all[0] is ok, len(all)").value == ([1], True, 5)
            for use in ("day.year", "point.x", "all[3].value", "Day()", "own.x", "Own()"):
                error = session.fail(use).error
                assert "No module named" in str(error), use
                assert isinstance(error, NotHere), use
            session.cell("ok.append(2); all.append(3)")
            session.tm.save(second)
        archive = cowtm.load(first)
        told = repr(archive.vars(2)).splitlines()[-1]
        assert told.startswith("not whole: Amount, Built, Colour, Day,")
        assert told.endswith(f"ModuleNotFoundError: No module named '{NAME}'")
        assert "not whole" not in repr(archive.vars(2, "ok", "ok"))
        (tmp_path / "away.py").rename(file)
    sys.modules.pop(NAME, None)
    with new_session(tmp_path) as session:
        session.cell(f"tm.resume({str(second)!r})")
        shown = session.cell("day.year, point.x, all[1] is day, all[2] is point, own.x, ok").value
        assert shown == (2000, 5, True, True, 6, [1, 2])
        assert session.cell("all[3] is Colour.RED, all[4] is Day, all[5]").value == (True, True, 3)
        sys.modules.pop(NAME, None)


def test_code_that_makes_objects_finds_the_names_of_the_notebook(tmp_path: Path) -> None:
    """Modules, functions and classes are there before what is made by them, in whatever order."""
    path = tmp_path / "x.cowtm"
    with new_session(tmp_path) as session:
        session.cell(
            """
import decimal, json
class Amount(decimal.Decimal):
    def __reduce__(self): return make, (str(self),), {"x": 1}
    def __setstate__(self, state): assert 3 * [1] == helper(json.loads("[1]"), FACTOR)
first = Amount(5)
FACTOR = 3
def make(text): return Other.of(json.loads(text))
def helper(value, factor): return value * factor
class Other:
    @staticmethod
    def of(value): return Amount(value)
"""
        )
        session.tm.save(path)
    with new_session(tmp_path) as session:
        session.cell(f"tm.resume({str(path)!r})")
        assert session.cell("first + 1, type(first) is Amount").value == (6, True)
        order = [name for name in session.names if name in ("first", "FACTOR", "make", "Amount")]
        assert order == ["Amount", "first", "FACTOR", "make"]
