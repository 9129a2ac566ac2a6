"""Names that IPython and Python keep in the namespace are theirs: not recorded, not travelled."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGISTRY = "__warningregistry__"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that records."""
    with new_session(tmp_path) as session:
        yield session


def test_an_underscore_of_a_result_is_no_variable(session: Session) -> None:
    """No state lists it, and travelling leaves it as it is."""
    session.cells("x = [1]", "x + [2]", "x + [3]", "y = 1")
    assert session.last.names == ("y",)
    assert not {"_", "__", "___"} & set(session.tm.vars(list(session.tm.states)[-1]))
    before = session.names["_"], session.names["__"]
    session.tm.past(list(session.tm.states)[1])
    assert (session.names["_"], session.names["__"]) == before == ([1, 3], [1, 2])


def test_an_underscore_of_the_user_is_a_variable(session: Session) -> None:
    """It comes back, in place, and is gone before it was bound: then results are left in it."""
    session.cells("x = 'first'", "x")
    before = list(session.tm.states)[-1]
    session.cell("for _ in [[0], [1]]: _.append(x)")
    bound = list(session.tm.states)[-1]
    assert session.last.names == ("_",)
    mine = session.names["_"]
    session.cell("'another'")
    assert session.names["_"] is mine
    session.cell("_.append(2)")
    session.cell(f"tm.past({bound})")
    assert session.names["_"] is mine
    assert mine == [1, "first"]
    session.cell(f"tm.past({before}); None")
    assert session.names["_"] is not mine
    session.cell("'result'")
    assert session.names["_"] == "result"
    session.cell(f"tm.past({bound}); None")
    assert session.names["_"] == [1, "first"]


def test_an_underscore_that_was_deleted_is_for_results_again(session: Session) -> None:
    """As without the time machine."""
    session.cells("_ = 5", "del _", "'result'")
    assert session.names["_"] == "result"
    assert "_" not in session.tm.vars(list(session.tm.states)[-1])


def test_what_an_underscore_leads_to_is_recorded(session: Session) -> None:
    """A change through the name of a result is one of the variable that leads there too."""
    session.cells("rows = [1]", "rows")
    before = list(session.tm.states)[-1]
    session.cell("_.append(2)")
    assert session.last.names == ("rows",)
    session.tm.past(before)
    assert session.names["rows"] == [1]


def test_which_warnings_were_shown_is_no_variable(session: Session) -> None:
    """It is in no state and no difference, and travelling does not show one again."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        first = session.cell("import warnings; x = 1")
        warned = session.cell("warnings.warn('once', stacklevel=1); x = 2")
        assert [str(one.message) for one in shown] == ["once"]
        assert REGISTRY in session.names
        noted = session.names[REGISTRY]
        assert session.last.names == ("x",)
        assert warned.number is not None
        assert first.number is not None
        assert REGISTRY not in session.tm.vars(warned.number)
        assert REGISTRY not in repr(session.tm.diff(first.number, warned.number))
        session.tm.past(first.number)
        assert session.names[REGISTRY] is noted
        assert session.names["x"] == 1
