"""Data frames travel exactly: values, types, labels, memory shared, copy-on-write, attributes."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pandas import testing
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PANDAS_3 = int(pd.__version__.split(".")[0]) >= 3

FRAMES = {
    "plain": "pd.DataFrame({'a': [3., 1., 2.], 'b': [1, 2, 3], 'c': ['x', 'y', None]})",
    "categories": "pd.DataFrame({'a': pd.Categorical(list('uvu')), 'b': [1, 2, 3], 'c': 1.5})",
    "zones": (
        "pd.DataFrame({'a': pd.date_range('2024', periods=3, tz='Europe/Berlin'), 'b': [1, 2, 3],"
        " 'c': [1., 2., 3.]}, index=pd.date_range('2020', periods=3, freq='D'))"
    ),
    "nullable": (
        "pd.DataFrame({'a': pd.array([1, None, 3], dtype='Int64'),"
        " 'b': pd.array([True, None, False], dtype='boolean'),"
        " 'c': pd.array(['p', None, 'q'], dtype='string')})"
    ),
    "objects": (
        "pd.DataFrame({'a': pd.Series([[1], {'k': 2}, None], dtype=object), 'b': [1, 2, 3],"
        " 'c': [1., 2., 3.]})"
    ),
    "levels": (
        "pd.DataFrame({'a': [1, 2, 3], 'b': [1., 2., 3.], 'c': [4., 5., 6.]},"
        " index=pd.MultiIndex.from_tuples([('x', 1), ('x', 2), ('y', 1)], names=['k', 'l']))"
    ),
    "spans": (
        "pd.DataFrame({'a': pd.period_range('2024-01', periods=3, freq='M'),"
        " 'b': pd.to_timedelta([1, 2, 3], unit='h'),"
        " 'c': pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3])})"
    ),
    "sparse": (
        "pd.DataFrame({'a': pd.arrays.SparseArray([0, 0, 1]), 'b': [1, 2, 3], 'c': [1., 2., 3.]})"
    ),
    "labels twice": "pd.DataFrame({'a': [1, 2], 'b': [3., 4.], 'c': ['x', 'y']}, index=[1, 1])",
}

CHANGES = (
    "df['new'] = df['b']",
    "df.loc[df.index[0], 'c'] = df.loc[:, 'c'].iloc[1]",
    "df.iloc[0, 1] = df.iloc[1, 1]",
    "df.insert(0, 'first', 1)",
    "df.pop('b')",
    "del df['c']",
    "df.columns = ['p', 'q', 'r']",
    "df.index.name = 'row'",
    "df.attrs['source'] = ['here']",
    "df['b'] = df['b'].astype(object)",
    "df.drop(columns='a', inplace=True)",
    "df.drop(df.index[0], inplace=True)",
    "df.dropna(inplace=True)",
    "df.sort_values('b', ascending=False, inplace=True)",
    "df.rename(columns={'a': 'z'}, inplace=True)",
    "df.set_index('c', inplace=True, drop=False)",
    "df.reset_index(inplace=True)",
    "held = df['b'].copy()\nheld.array[0] = held.array[1]\ndf['b'] = held",
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session with pandas."""
    with new_session(tmp_path) as session, warnings.catch_warnings():
        # pandas 3 warns of `inplace`, which users have in their notebooks all the same.
        warnings.simplefilter("ignore")
        session.cell("import numpy as np, pandas as pd")
        yield session


def number(session: Session, source: str) -> int:
    """Run a cell; give its number."""
    found = session.cell(source).number
    assert found is not None
    return found


def frozen(value: Any) -> Any:
    """Copy a value by a way that is not ours."""
    return pickle.loads(pickle.dumps(value))


def assert_same(left: Any, right: Any) -> None:
    """Check that two frames are the same in every respect that pandas shows."""
    testing.assert_frame_equal(left, right, check_exact=True, check_flags=True, check_freq=True)
    assert left.attrs == right.attrs
    assert [str(kind) for kind in left.dtypes] == [str(kind) for kind in right.dtypes]
    assert type(left.index) is type(right.index)
    assert left.index.names == right.index.names


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_changed_in_place_goes_back_and_forth(session: Session, frame: str) -> None:
    """Every change of every sort of frame, from one past; held objects stay the same ones."""
    base = number(session, f"df = {FRAMES[frame]}\nalias = df\nco = df['b']\ntail = df.iloc[1:]")
    names = session.names
    whole, column, part = frozen(names["df"]), frozen(names["co"]), frozen(names["tail"])
    live = names["df"]
    for change in CHANGES:
        there = number(session, change)
        changed = frozen(names["df"])
        session.cell(f"tm.past({base})")
        assert_same(names["df"], whole)
        assert names["df"] is names["alias"] is live, change
        assert_same(session.tm.vars(there, "df"), changed)
        session.cell(f"tm.past({there})")
        assert_same(names["df"], changed)
        session.cell(f"tm.past({base})")
        assert_same(names["df"], whole)
        assert_same(names["tail"], part)
        testing.assert_series_equal(names["co"], column, check_exact=True)
    assert not any(state.by_reference for state in session.tm.states.values())


@pytest.mark.parametrize("frame", FRAMES)
def test_looking_at_a_frame_changes_nothing(session: Session, frame: str) -> None:
    """What pandas keeps to answer faster is no part of a state."""
    session.cell(f"df = {FRAMES[frame]}")
    for look in (
        "df.loc[df.index[-1]];",
        "df.index.is_unique, df.columns.get_loc('b');",
        "df['b'].iloc[0], len(df), df.shape;",
        "repr(df), df.to_dict();",
        "df.isna().sum();",
    ):
        session.cell(look)
        assert session.last.names == (), look
        assert session.last.stored == 0, look


@pytest.mark.parametrize("way", ["past", "vars"])
def test_copy_on_write_still_holds_after_travel(session: Session, way: str) -> None:
    """Who shares memory is known again: to write into one does not change the other."""
    base = number(
        session,
        "df = pd.DataFrame({'a': [1, 2, 3], 'b': [1., 2., 3.]})\nco = df['b']\n"
        "two = df.copy(deep=False)\nkeys = pd.Index(df['a'])",
    )
    shared = np.shares_memory(session.names["df"]["b"], session.names["co"])
    if way == "past":
        session.cells("del df, co, two, keys", f"tm.past({base})")
        there = session.names
    else:
        there = session.tm.vars(base)
    df, co, two, keys = (there[name] for name in ("df", "co", "two", "keys"))
    assert np.shares_memory(df["b"], co) is shared
    df.loc[0, "b"] = 99.0
    df.loc[0, "a"] = 77
    expected = 1.0 if PANDAS_3 else 99.0
    assert co.tolist() == two["b"].tolist() == [expected, 2.0, 3.0]
    assert keys.tolist() == ([1, 2, 3] if PANDAS_3 else [77, 2, 3])


def test_looking_makes_no_copy_of_what_is_looked_at(session: Session) -> None:
    """A frame that lies in an array goes on writing there, whoever has a copy of it."""
    session.cell("a = np.arange(3); df = pd.DataFrame({'k': a}, copy=False); ix = pd.Index(a)")
    session.cell("df.iloc[0, 0] = 7")
    copy = session.tm.vars(session.last.number, "a", "df", "ix")
    session.cell("df.iloc[0, 0] = 9")
    assert session.names["a"].tolist() == [9, 1, 2]
    copy["df"].iloc[0, 0] = 5
    assert copy["a"].tolist() == [5, 1, 2]
    assert session.names["a"].tolist() == [9, 1, 2]


@pytest.mark.parametrize("written", ["df.loc[0, 'b']", "co.iloc[0]"])
def test_copy_on_write_holds_in_frames_that_lived_on(session: Session, written: str) -> None:
    """A frame put back into the memory that it shared knows of the other."""
    if not PANDAS_3:
        pytest.skip("before pandas 3 the two are meant to change together")
    base = number(session, "df = pd.DataFrame({'a': [1, 2], 'b': [1., 2.]})\nco = df['b']")
    session.cells(f"{written} = 5.", f"tm.past({base})", "df.loc[0, 'b'] = 99.")
    assert session.names["co"].tolist() == [1.0, 2.0]
    assert session.names["df"]["b"].tolist() == [99.0, 2.0]


def test_writing_past_pandas_is_noticed(session: Session) -> None:
    """Memory is compared, so a write through numpy that pandas knows nothing of is seen."""
    base = number(session, "df = pd.DataFrame({'a': [1., 2.], 'b': [3., 4.]})")
    there = number(session, "raw = df['a'].values\nraw.flags.writeable = True\nraw[0] = -1.")
    assert session.names["df"].loc[0, "a"] == -1.0
    assert session.tm.blame("df").number == there
    session.cell(f"tm.past({base})")
    assert session.names["df"]["a"].tolist() == [1.0, 2.0]


def test_cells_with_objects_in_them_are_followed(session: Session) -> None:
    """A list in a cell of a frame is an object of its own, shared with whoever holds it."""
    base = number(session, "bag = [1]\ndf = pd.DataFrame({'o': [bag, None]})")
    session.cells("bag.append(2)", f"tm.past({base})")
    assert session.names["df"].loc[0, "o"] == [1]
    assert session.names["df"].loc[0, "o"] is session.names["bag"]


@pytest.mark.parametrize(
    "source",
    [
        "df.describe()",
        "df.groupby('g')['x'].mean()",
        "df.groupby('g').agg({'x': ['min', 'max']})",
        "df.pivot_table(index='g', values='x', aggfunc='sum')",
        "df['g'].value_counts()",
        "df['x'].to_frame().T",
        "pd.concat([df, df], keys=['one', 'two'])",
    ],
)
def test_results_of_cells_are_kept_as_they_were(session: Session, source: str) -> None:
    """`ans` gives a frame or series as the cell gave it, whatever became of the data."""
    session.cell("df = pd.DataFrame({'g': list('aab'), 'x': [1., 2., 4.]})")
    outcome = session.cell(source)
    expected = frozen(outcome.value)
    session.cell("df.loc[:, 'x'] = 0.")
    assert outcome.number is not None
    found = session.tm.ans(outcome.number)
    assert type(found) is type(expected)
    if isinstance(expected, pd.DataFrame):
        assert_same(found, expected)
    else:
        testing.assert_series_equal(found, expected, check_exact=True)


def test_a_group_by_works_on_after_travel(session: Session) -> None:
    """The object that groups is one of pandas' own, and holds the frame."""
    base = number(
        session, "df = pd.DataFrame({'g': list('aab'), 'x': [1, 2, 4]})\ng = df.groupby('g')"
    )
    assert session.names["g"]["x"].sum().tolist() == [3, 4]
    session.cells("df['x'] = 0", "del g", f"tm.past({base})")
    assert session.names["g"]["x"].sum().tolist() == [3, 4]
    assert session.names["g"].obj is session.names["df"]


def test_a_subclass_of_a_frame_keeps_what_it_adds(session: Session) -> None:
    """Classes of the notebook derived from pandas' travel with their own attributes."""
    session.cell(
        "class Table(pd.DataFrame):\n"
        "    _metadata = ['unit']\n"
        "    @property\n"
        "    def _constructor(self):\n"
        "        return Table"
    )
    base = number(session, "t = Table({'a': [1, 2]})\nt.unit = 'kg'")
    session.cells("t.unit = 'lb'\nt['b'] = 1", f"tm.past({base})")
    table = session.names["t"]
    assert type(table) is session.names["Table"]
    assert (table.unit, list(table.columns)) == ("kg", ["a"])


def test_one_element_of_a_big_frame_stores_one_chunk(session: Session) -> None:
    """The memory of a frame is kept in chunks, so a small change is small."""
    session.cell("df = pd.DataFrame(np.zeros((400_000, 4)))")
    session.cell("df.iloc[5, 2] = 1.")
    assert 0 < session.last.stored <= 1 << 20
    session.cell("df.iloc[5, 2]")
    assert session.last.stored == 0


def test_a_frame_says_its_size(session: Session) -> None:
    """Reports name frames by rows and columns."""
    session.cell("df = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')}, index=list('pqr'))")
    assert "DataFrame 3x2" in str(session.tm.history("df"))


@pytest.mark.parametrize(
    ("change", "account"),
    [
        ("df['c'] = 1", "column c added"),
        ("del df['b']", "column b gone"),
        ("df.columns = ['b', 'a']", "columns in another order"),
        ("df.rename(columns={'a': 'z'}, inplace=True)", "column z added; column a gone"),
        ("df.drop(1, inplace=True)", "3 to 2 rows"),
        ("df.sort_values('a', inplace=True)", "values or labels changed"),
        ("df.iloc[0, 0] = 9", "1 of 3 elements changed"),
    ],
)
def test_reports_tell_columns_and_rows(session: Session, change: str, account: str) -> None:
    """What changed in a frame is said as its user would."""
    base = number(session, "df = pd.DataFrame({'a': [3, 1, 2], 'b': [1., 2., 3.]})")
    session.cell(change)
    assert ("df", "changed", account) in session.tm.diff(base).rows
    assert account in str(session.tm.history("df"))
