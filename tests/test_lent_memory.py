"""Memory that libraries share: whoever lies in it does so again, and nobody is kept alive by it."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from programs import said_by

from cowtm.testing.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session without IPython."""
    made = Session()
    yield made
    made.close()


def cells(session: Session, *sources: str) -> int:
    """Run some cells that must succeed; give the number of the last."""
    for source in sources:
        error = session.run(source)
        assert error is None, (source, error)
    return session.number


def begin(session: Session, *libraries: str) -> None:
    """Import libraries in the session, if they are here."""
    for library in libraries:
        pytest.importorskip(library)
    names = {"numpy": "np", "pandas": "pd", "polars": "pl", "pyarrow": "pa"}
    for library in ("numpy", *libraries):
        cells(session, f"import {library} as {names.get(library, library)}")


def address(value: Any) -> int:
    """Tell where an array of numpy's begins."""
    where: int = value.__array_interface__["data"][0]
    return where


@pytest.mark.parametrize("gone", ["del a, t", "del t", "del a", "pass"])
@pytest.mark.parametrize("make", ["pa.array(a)", "pa.py_buffer(a)", "pa.table({'c': a})['c']"])
def test_arrow_lies_in_an_array_of_the_users_again(session: Session, make: str, gone: str) -> None:
    """Whatever of the two was made anew, a write into the array is a write into arrow's memory."""
    begin(session, "pyarrow")
    there = cells(session, f"a = np.arange(4.0)\nt = {make}")
    cells(session, f"a[0] = 5\n{gone}")
    session.machine.past(there)
    cells(session, "a[1] = 7")
    a, t = session.home["a"], session.home["t"]
    assert a.tolist() == [0.0, 7.0, 2.0, 3.0]
    buffer = t if hasattr(t, "parent") else getattr(t, "chunks", [t])[0].buffers()[1]
    assert buffer.address == address(a)
    assert np.frombuffer(buffer).tolist() == a.tolist()


@pytest.mark.parametrize(
    ("make", "view"),
    [
        ("pa.array([1.0, 2.0, 3.0])", "t.to_numpy()"),
        ("pa.array([1.0, 2.0, 3.0])", "t.slice(1).to_numpy()"),
        ("pa.allocate_buffer(24)", "np.frombuffer(t)"),
        ("pa.allocate_buffer(24)", "np.frombuffer(t.slice(8))"),
    ],
)
@pytest.mark.parametrize("gone", ["del v, t", "del v", "del t"])
def test_an_array_lies_in_the_memory_of_arrow_again(
    session: Session, make: str, view: str, gone: str
) -> None:
    """A view that numpy was lent by arrow is a view of the same memory."""
    begin(session, "pyarrow")
    there = cells(session, f"t = {make}\nv = {view}")
    t, v = session.home["t"], session.home["v"]
    offset = address(v) - (t if hasattr(t, "parent") else t.buffers()[1]).address
    del t, v
    cells(session, gone)
    session.machine.past(there)
    t, v = session.home["t"], session.home["v"]
    assert address(v) - (t if hasattr(t, "parent") else t.buffers()[1]).address == offset


def test_slices_of_one_array_are_slices_of_one_again(session: Session) -> None:
    """A hundred slices take no hundred times the memory."""
    begin(session, "pyarrow")
    there = cells(session, "t = pa.table({'a': [1, 2, 3]})\nparts = [t['a'].chunk(0), t.slice(1)]")
    cells(session, "del t, parts")
    session.machine.past(there)
    table, (chunk, tail) = session.home["t"], session.home["parts"]
    found = {a.buffers()[1].address for a in (table["a"].chunk(0), chunk, tail["a"].chunk(0))}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("libraries", "make"),
    [
        (["pyarrow"], "pa.array(a)"),
        (["pyarrow"], "pa.table({'a': a})"),
        (["pyarrow"], "pa.py_buffer(a)"),
        (["polars"], "pl.Series(a)"),
        (["polars"], "pl.DataFrame({'a': a})"),
        (["pyarrow", "pandas"], "pd.Series(pd.arrays.ArrowExtensionArray(pa.array(a)))"),
    ],
)
def test_nothing_is_kept_alive(session: Session, libraries: list[str], make: str) -> None:
    """What the user lets go of is gone, and the memory that it was over."""
    begin(session, *libraries)
    there = cells(session, f"a = np.arange(1000.0)\nt = {make}")
    known = [weakref.ref(session.home[name]) for name in ("a", "t")]
    cells(session, "a[0] = 5", "del a, t")
    gc.collect()
    assert [reference() for reference in known] == [None, None]
    session.machine.past(there)
    assert session.home["a"][0] == 0
    known = [weakref.ref(session.home[name]) for name in ("a", "t")]
    cells(session, "del a, t")
    gc.collect()
    assert [reference() for reference in known] == [None, None]


def test_memory_that_is_a_file_stays_by_reference(session: Session, tmp_path: Path) -> None:
    """It is the file's, and may be larger than all memory; the rest is recorded."""
    begin(session, "pyarrow")
    session.home["path"] = str(tmp_path / "table.arrow")
    cells(
        session,
        "t = pa.table({'a': np.arange(5000)})",
        "with pa.ipc.new_file(path, t.schema) as file:\n    file.write_table(t)\ndel file",
    )
    there = cells(session, "held = [pa.ipc.open_file(pa.memory_map(path)).read_all(), [1]]")
    assert (
        session.machine.states[there].by_reference["held"] == "a Table (memory mapped from a file)"
    )
    assert len(session.said) == 1
    cells(session, "held[1].append(2)")
    session.machine.past(there)
    assert session.home["held"][1] == [1]
    assert session.home["held"][0].equals(session.home["t"])


def test_a_series_stays_in_the_memory_of_an_array(session: Session) -> None:
    """A travel that leaves both alive leaves one lying in the other."""
    begin(session, "polars")
    there = cells(session, "a = np.arange(3.0)\ns = pl.Series(a)\nf = pl.DataFrame({'c': a})")
    if address(session.home["s"].to_numpy()) != address(session.home["a"]):
        pytest.skip("this polars copies arrays of numpy's")
    later = cells(session, "a[0] = 9")
    for goal in (there, later, there):
        session.machine.past(goal)
        wanted = [9.0 if goal == later else 0.0, 1.0, 2.0]
        assert session.home["s"].to_list() == session.home["f"]["c"].to_list() == wanted
    cells(session, "a[1] = 7")
    assert session.home["s"].to_list() == session.home["f"]["c"].to_list() == [0.0, 7.0, 2.0]


@pytest.mark.parametrize(
    ("library", "make", "look"),
    [
        ("polars", "pl.DataFrame({'a': [1, 2], 'b': ['x', None]})", "x['a'].sum(), x.describe()"),
        ("polars", "pl.Series(['x', 'y'], dtype=pl.Categorical)", "x.to_list(), repr(x)"),
        ("pyarrow", "pa.table({'a': [1, None], 'b': ['x', 'y']})", "x['a'].null_count, repr(x)"),
    ],
)
def test_looking_changes_nothing(session: Session, library: str, make: str, look: str) -> None:
    """What was only read is not stored again."""
    begin(session, library)
    cells(session, f"x = {make}")
    for _ in range(2):
        state = session.machine.states[cells(session, look)]
        assert (state.names, state.stored) == ((), 0)


@pytest.mark.parametrize(
    ("library", "make", "change", "account"),
    [
        ("polars", "pl.DataFrame({'a': [1, 2], 'b': [3, 4]})", "x[0, 'b'] = 9", "column b changed"),
        (
            "polars",
            "pl.DataFrame({'a': [1]})",
            "x.columns = ['z']",
            "column z added; column a gone",
        ),
        ("polars", "pl.DataFrame({'a': [1]})", "x.extend(x)", "1 to 2 rows"),
        ("polars", "pl.DataFrame({'a': [1], 'b': [2]})", "x.drop_in_place('b')", "column b gone"),
        ("pyarrow", "pa.allocate_buffer(2, resizable=True)", "x.resize(4)", "2 to 4 bytes"),
    ],
)
def test_reports_tell_what_changed(
    session: Session, library: str, make: str, change: str, account: str
) -> None:
    """What changed in a table is said as its user would."""
    begin(session, library)
    there = cells(session, f"x = {make}")
    cells(session, change)
    assert ("x", "changed", account) in session.machine.diff(there).rows


def test_a_rotation_comes_back(session: Session) -> None:
    """What scipy turns by is kept in memory that Cython lends to numpy."""
    pytest.importorskip("scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells(session, "import numpy as np", "from scipy.spatial.transform import Rotation")
    there = cells(session, "r = Rotation.from_quat([[0.0, 0, 0, 1], [0, 0, 1, 0]])")
    cells(session, "r[0] = r[1]")
    session.machine.past(there)
    assert session.home["r"].as_quat().tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]
    cells(session, "del r")
    session.machine.past(there)
    assert session.home["r"].as_quat().tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("library", "make"),
    [
        ("polars", "polars.DataFrame({'a': [1.0], 'b': ['x']})"),
        ("pyarrow", "pyarrow.table({'a': [1.0], 'b': ['x']})"),
    ],
)
def test_no_library_is_imported_that_the_user_did_not(library: str, make: str) -> None:
    """Frames of polars are recorded without arrow, and tables of arrow without pandas."""
    pytest.importorskip(library)
    code = (
        "import sys\nfrom cowtm.testing.session import Session\nsession = Session()\n"
        f"exec({f'import {library}; x = {make}'!r}, {{}})\nbefore = set(sys.modules)\n"
        f"assert session.run({f'import {library}; x = {make}'!r}) is None\n"
        "assert session.run('del x') is None\nsession.machine.past(1)\n"
        "assert 'x' in session.home\n"
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert not found & {'polars', 'pyarrow', 'pandas', 'torch', 'xarray', 'scipy'}, found\n"
        "session.close()"
    )
    assert said_by(code) == []
