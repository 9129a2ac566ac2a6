"""Random programs over the libraries of a data scientist, against the oracle.

What one library holds is shared with others; programs fail half-way, rebind built-ins, define
classes anew, travel, drop states, are saved and gone on with. What they leave is what the same
cells leave where nothing is recorded. `python -m oracle.long` runs them for as long as one likes.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from oracle.libraries import LIBRARIES, case, here, program, words_for
from oracle.programs import holds

from cowtm.testing.session import Checked, Wrong, same_without_recording

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

PROGRAMS = 48
"""Programs that are the same in every run, about 0.4 s each (2-core x86-64)."""


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize("first", range(0, PROGRAMS, 8))
def test_the_same_programs_every_time(first: int) -> None:
    """The laws hold for programs made from fixed seeds."""
    for number in range(first, first + 8):
        steps, how = case(number)
        holds(steps, **how)


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_a_row_says_runs(name: str) -> None:
    """Its first cell works after those of the rows it needs; its statements are Python."""
    library = LIBRARIES[name]
    if name not in here():
        pytest.skip(f"not installed: {', '.join(library.needs)}")
    rows = [LIBRARIES[other] for other in LIBRARIES if other in _needed(name)]
    words = words_for(rows)
    checked = Checked(hold=False)
    try:
        for row in rows:
            checked.run(row.start)
            assert checked.session.machine.states[checked.position].error is None, row.start
    finally:
        checked.close()
    for number, statement in enumerate(library.statements):
        compile(words.fill(statement, Random(number)), "<cell>", "exec")


def _needed(name: str) -> set[str]:
    return {"python", name}.union(*(_needed(other) for other in LIBRARIES[name].after))


def test_programs_mix_libraries() -> None:
    """Among some hundred programs each row is used, and most programs use several libraries."""
    programs = [program(Random(number)) for number in range(100)]
    used = [
        {name for name in here() if ("run", LIBRARIES[name].start.strip()) in steps}
        for steps in programs
    ]
    assert set().union(*used) == set(here())
    assert sum(len(names) > 3 for names in used) > 50


def test_programs_are_made_of_the_rows_that_are_asked_for() -> None:
    """Programs over chosen rows use no others, but for what these need."""
    for number in range(20):
        steps, _ = case(number, ["numpy"])
        starts = {source for what, source in steps if what == "run"}
        assert LIBRARIES["numpy"].start.strip() in starts
        assert LIBRARIES["python"].start.strip() in starts
        assert LIBRARIES["pandas"].start.strip() not in starts


def test_the_same_cells_elsewhere_are_told_apart() -> None:
    """Cells that leave something else where nothing is recorded are found, with the place."""
    checked = Checked(hold=False)
    checked.run("a = [1]")
    checked.run("a.append(2)")
    checked.travel(1)
    checked.run("a.append(3)")
    way = checked.path(checked.position)
    checked.travel(0)
    checked.close()
    assert [source for source, _ in way] == ["a = [1]", "a.append(3)"]
    same_without_recording(way, stored=False)
    way[1] = "a.append(4)", way[1][1]
    with pytest.raises(Wrong, match="cell 2 of 2 on the way"):
        same_without_recording(way, stored=False)


def test_what_is_by_reference_must_be_told() -> None:
    """The oracle notices a state that does not say which variable leads to a lock."""
    checked = Checked(hold=False)
    checked.run("import threading\nlock = threading.Lock()")
    state = checked.session.machine.states[1]
    assert state.by_reference == {"lock": "a lock"}
    checked.known[1].form.names["other"] = checked.known[1].form.names.pop("lock")
    with pytest.raises(Wrong, match="nothing says that other is by reference"):
        checked._by_reference_is_told(1)
    checked.close()
