"""What a job changed is brought into the present: all of it, in place, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import NAME, Recording

from cowtm.delta import Delta
from cowtm.errors import BadInput, CannotRestore, StateNotFound, WorkerDied
from cowtm.future.dispatcher import Dispatcher
from cowtm.future.job import DIED, Job, Task
from cowtm.future.outputs import Outputs
from cowtm.testing.form import Form, form_of
from cowtm.timeline import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cowtm.timeline import Number


class Branches(Recording):
    """A recording with jobs that need no worker: what they do is done here and then undone."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        lookup: Any = self.tm._lookup
        never: Any = None
        self.dispatcher = Dispatcher(self.tm._scribe, self.tm.recorder, lookup, never, never)

    def job(self, source: str, start: Number | None = None) -> Job:
        """Have a job that began here, or from a state, and is done."""
        timeline, here = self.tm._timeline, self.here
        begun = here if start is None else start
        self.tm.past(begun)
        end = self.cell(source)
        step = timeline.path(begun, end)
        self.tm.past(here)
        self.tm.clear_past(end)
        number = timeline.free_number(end)
        timeline.expect(State(number=number, parent=begun, delta=Delta()))
        timeline.land(number, step)
        job = Job(Task(number, end, begun, source), self.dispatcher, Outputs())
        job.begin(lambda: None)
        job.finish(None)
        return job

    @property
    def here(self) -> Number:
        """The state that the present came from."""
        return self.tm._scribe.position

    def values(self, *names: str) -> Any:
        """Give what some variables hold now."""
        return tuple(self.home.get(name, "unbound") for name in names)

    def form(self, names: Iterable[str] = "abcdef", cell: Number | None = None) -> Form:
        """Give the form of some variables: what they hold and what they share."""
        there = self.home if cell is None else self.tm.vars(cell)
        held = {name: there[name] for name in names if name in there}
        form = form_of(held, classes=False, module=NAME)
        form.objects = []  # who holds an object's __dict__ changes how it is recorded
        return form


@pytest.fixture
def here() -> Iterator[Branches]:
    """Give a recording."""
    branches = Branches()
    try:
        yield branches
    finally:
        branches.close()


# -- laws ------------------------------------------------------------------------------------------

STATEMENTS = (
    "{x}.append({n})",
    "{x} = [{y}]",
    "{x} = {y}",
    "{x} = [{n}]",
    "{x}.append({y})",
    "{x}.clear()",
    "{x}.insert(0, [{n}])",
    "del {x}",
    "{x} = ({y}, [{n}])",
    "{x} = {{'k': {y}}}",
    "{x}['k'] = {y}",
    "{x} = Box({y})",
    "{x}.held = {y}",
)


def statements(names: str) -> st.SearchStrategy[str]:
    """Give cells that change and share some objects; what does not go is skipped."""
    return st.lists(
        st.tuples(
            st.sampled_from(STATEMENTS),
            st.sampled_from(names),
            st.sampled_from(names),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=4,
    ).map(lambda all_of_them: "\n".join(_guarded(*one) for one in all_of_them))


def _guarded(statement: str, x: str, y: str, n: int) -> str:
    return (
        f"try: {statement.format(x=x, y=y, n=n)}\n"
        "except (NameError, TypeError, AttributeError): skipped = 1"
    )


BEGIN = """
class Box:
    def __init__(self, held): self.held = held
a = [1]; b = [a, a]; c = [2]; d = [c]; e = [[3]]; f = e[0]; box = Box(5)
"""


@given(job=statements("ab"), session=statements("cd"))
def test_independent_changes_come_together_as_if_both_had_run_here(job: str, session: str) -> None:
    """Each side changes objects of its own: the merge is what running both gives."""
    both, apart = Branches(), Branches()
    try:
        both.cell(BEGIN)
        both.cell(session)
        both.cell(job)
        apart.cell(BEGIN)
        one = apart.job(job)
        apart.cell(session)
        one.merge()
        assert apart.form().impersonal().difference(both.form().impersonal()) == ""
    finally:
        both.close()
        apart.close()


@given(job=statements("abcd"), session=statements("bcde"), data=st.data())
def test_a_merge_is_whole_or_nothing(job: str, session: str, data: st.DataObject) -> None:
    """What is taken over is what the job has, sharing included; the rest is as it was."""
    branches = Branches()
    try:
        branches.cell(BEGIN)
        one = branches.job(job)
        branches.cell(session)
        begun, before = branches.here, branches.form()
        choice = st.one_of(st.just(value=True), st.lists(st.sampled_from("abcde"), unique=True))
        side = data.draw(st.sampled_from([{}, {"ours": 1}, {"theirs": 1}]))
        how: dict[str, Any] = {word: data.draw(choice) for word in side}
        try:
            changed = one.merge(**how)
        except BadInput:
            assert branches.form().difference(before) == ""
            assert not _differing(branches, begun, branches.here)
            return
        kept = sorted(set("abcdef") - set(changed))
        assert branches.form(kept).difference(branches.form(kept, begun)) == ""
        session_s, job_s = (_differing(branches, one.task.start, n) for n in (begun, one.number))
        chosen = how.get("theirs", ())
        taken = {name for name in changed if name not in session_s}
        taken |= job_s & set(changed) if chosen is True else set(chosen)
        found = branches.form(sorted(taken))
        assert found.difference(branches.form(sorted(taken), one.number)) == ""
        merged, state = branches.form(), branches.here
        branches.tm.past(begun)
        assert branches.form().difference(before) == ""
        branches.tm.past(state)
        assert branches.form().difference(merged) == ""
    finally:
        branches.close()


def _differing(branches: Branches, start: Number, goal: Number) -> set[str]:
    return {row[0] for row in branches.tm.diff(start, goal).rows}


# -- what is taken over ----------------------------------------------------------------------------


def test_what_only_the_job_changed_comes_into_the_live_objects(here: Branches) -> None:
    """Who holds an object sees the change; what the job made is there, what it deleted is gone."""
    here.cell("a = [1]; b = [a]; old = 0")
    job = here.job("a.append(2); new = {'a': a}; del old")
    here.cell("mine = 3; held = a")
    held = here.home["a"]
    assert job.merge() == ("a", "b", "held", "new", "old")
    assert here.values("a", "b", "mine") == ([1, 2], [[1, 2]], 3)
    assert here.home["a"] is held is here.home["new"]["a"] is here.home["held"]
    assert "old" not in here.home


def test_a_merge_can_be_undone_and_is_a_state(here: Branches) -> None:
    """It is a part of the cell in which it was called."""
    here.cell("a = [1]; z = 1")
    job = here.job("a.append(2); z = 2")
    job.merge()
    here.cell("z += 1")
    assert here.tm.blame("a").names == ("a", "z")
    assert here.tm.vars(here.number, "a", "z") == {"a": [1, 2], "z": 3}
    here.tm.undo()
    here.tm.undo()
    assert here.values("a", "z") == ([1], 1)
    assert job.merge() == ("a", "z")


def test_merging_twice_does_nothing_more(here: Branches) -> None:
    """What is merged already differs no more, so that nothing is in conflict."""
    here.cell("a = [1]")
    job = here.job("a.append(2)")
    assert job.merge() == ("a",)
    assert job.merge() == ()
    here.cell("other = 1")
    assert job.merge() == ()


def test_several_jobs_come_together(here: Branches) -> None:
    """One after another; what two of them changed is a conflict with the second."""
    here.cell("a, b, c = [1], [2], [3]")
    jobs = [here.job(source) for source in ("a.append(1)", "b.append(1)", "c += [1]; a += [5]")]
    assert jobs[0].merge() == ("a",)
    assert jobs[1].merge() == ("b",)
    with pytest.raises(BadInput, match=r"changed here as well .*: a;"):
        jobs[2].merge()
    assert jobs[2].merge(ours="a") == ("c",)
    assert here.values("a", "b", "c") == ([1, 1], [2, 1], [3, 1])


def test_conflicts_are_listed_and_decided_by_name(here: Branches) -> None:
    """Nothing is changed until each has a side."""
    here.cell("x = 1; y = [1]; z = 1")
    job = here.job("x = 2; y.append(2); z = 2")
    here.cell("x = 3; y.append(3)")
    with pytest.raises(BadInput, match="job 2a since it began: x, y; nothing was merged"):
        job.merge()
    with pytest.raises(BadInput, match="since it began: y;"):
        job.merge(theirs=["x"])
    with pytest.raises(BadInput, match="x: named in ours and in theirs"):
        job.merge(theirs=["x", "y"], ours="x")
    assert here.values("x", "y", "z") == (3, [1, 3], 1)
    assert job.merge(theirs="y", ours=["x"]) == ("y", "z")
    assert here.values("x", "y", "z") == (3, [1, 2], 2)
    assert job.merge(theirs=True) == ("x",)


def test_true_stands_for_all_conflicts(here: Branches) -> None:
    """One word decides."""
    here.cell("x = 1; y = 1; z = 1")
    job = here.job("x = 2; y = 2; z = 2")
    here.cell("x = 3; y = 3")
    here.tm.pin(here.number)
    before = here.number
    assert job.merge(ours=True) == ("z",)
    here.tm.past(before)
    assert job.merge(theirs=True) == ("x", "y", "z")
    assert here.values("x", "y", "z") == (2, 2, 2)


def test_a_variable_of_which_both_made_the_same_is_no_conflict(here: Branches) -> None:
    """Other objects, alike: those of here stay."""
    here.cell("x = 1; y = [1]; z = [2]")
    job = here.job("x = 2; y = [5, [6]]; z.append(1)")
    here.cell("x = 2; y = [5, [6]]")
    mine = here.home["y"]
    assert job.merge() == ("z",)
    assert here.home["y"] is mine


def test_what_both_made_alike_keeps_what_the_job_has_in_it(here: Branches) -> None:
    """What shares an object with such a variable is refused: it would be torn apart."""
    here.cell("y = []")
    job = here.job("y = [[6]]; z = y[0]")
    here.cell("y = [[6]]")
    with pytest.raises(BadInput, match="y is to stay and z to be taken over"):
        job.merge()
    job.merge(theirs="y")
    assert here.home["y"][0] is here.home["z"]


def test_a_variable_unlike_in_what_it_shares_is_a_conflict(here: Branches) -> None:
    """Equal values are not enough."""
    here.cell("y = []")
    job = here.job("y = [[6]]; y.append(y[0])")
    here.cell("y = [[6], [6]]")
    with pytest.raises(BadInput, match="since it began: y;"):
        job.merge()


@pytest.mark.parametrize("how", [{"ours": "a", "theirs": "b"}, {"ours": "b", "theirs": "a"}])
def test_what_shares_an_object_takes_one_side(here: Branches, how: dict[str, str]) -> None:
    """One list can't be as both sides made it."""
    here.cell("a = [1]; b = [a]")
    job = here.job("a.append(2); b.append(2)")
    here.cell("a.append(3); b.append(3)")
    with pytest.raises(BadInput, match="they share an object"):
        job.merge(**how)
    assert here.values("a", "b") == ([1, 3], [[1, 3], 3])
    assert job.merge(theirs=["a", "b"]) == ("a", "b")
    assert here.values("a", "b") == ([1, 2], [[1, 2], 2])


def test_what_the_session_made_of_an_object_is_not_lost(here: Branches) -> None:
    """Though the variable that holds it now is none that the job knows."""
    here.cell("a = [1]")
    job = here.job("a.append(2)")
    here.cell("kept = a; a = []; kept.append(3)")
    with pytest.raises(BadInput, match="kept is to stay and a to be taken over"):
        job.merge(theirs="a")
    assert here.values("a", "kept") == ([], [1, 3])


def test_what_the_job_made_shared_is_not_torn_apart(here: Branches) -> None:
    """A new object that two variables hold in the job is taken over for both, or for none."""
    here.cell("a = 1; b = 1")
    job = here.job("a = b = [5]")
    here.cell("a = 2")
    with pytest.raises(BadInput, match=r"a is to stay and b to be taken over .* share an object"):
        job.merge(ours="a")
    job.merge(theirs="a")
    assert here.home["a"] is here.home["b"] == [5]
    assert here.values("a") == ([5],)


# -- from wherever the session is ------------------------------------------------------------------


def test_a_merge_works_after_travelling(here: Branches) -> None:
    """To before the job began, along another branch, or into the job's own state."""
    here.cell("a = [0]")
    here.cell("a.append(1)")
    job = here.job("b = [a]; a.append(2)")
    here.tm.past(1)
    here.cell("c = 1")
    with pytest.raises(BadInput, match="since it began: a;"):
        job.merge()
    assert job.merge(theirs=True) == ("a", "b")
    assert here.values("a", "c") == ([0, 1, 2], 1)
    assert here.home["b"][0] is here.home["a"]
    here.tm.past(job.number)
    assert job.merge() == ()


def test_a_merge_knows_where_the_job_began_when_that_state_is_gone(here: Branches) -> None:
    """Clearing states around it changes nothing of what is in conflict."""
    here.cell("a = [0]; b = [0]")
    here.cell("a.append(1)")
    job = here.job("b.append(2)", start=2)
    here.cell("a.append(5)")
    here.tm.clear_past([1, 2])
    assert job.merge() == ("b",)
    assert here.values("a", "b") == ([0, 1, 5], [0, 2])


def test_a_job_whose_state_is_gone_can_t_be_merged(here: Branches) -> None:
    """The error says why it is gone."""
    here.cell("a = [0]")
    job = here.job("a.append(1)")
    here.cell("pass")
    here.tm.clear_past(job.number)
    with pytest.raises(StateNotFound, match="state 2a of the job is gone: it was cleared"):
        job.merge()


def test_a_merge_reads_states_that_are_in_the_journal(tmp_path: Path) -> None:
    """Where there is no room in memory; after some of them are gone, too."""
    here = Branches(memory=1, folder=tmp_path)
    try:
        here.cell("import numpy as np; a = np.zeros(300_000); b = [a[:10]]; c = 1")
        job = here.job("a[0] = 1; b.append([5])")
        here.cell("d = a[5:]; c = 2")
        here.cell("e = 1")
        here.tm.flush()
        assert here.tm.states[1].delta is None
        assert here.tm.states[job.number].delta is None
        here.tm.clear_past([1, 3])
        here.tm.flush()
        held = here.home["d"]
        assert job.merge() == ("a", "b", "d")
        here.cell("a[6] = 7")
        assert (here.home["a"][0], held[1], here.home["b"][0][6]) == (1, 7, 7)
    finally:
        here.close()


def test_a_job_that_began_from_a_dropped_state_can_t_be_merged(here: Branches) -> None:
    """Where memory is short nothing is kept just for that; the error says what can be done."""
    here.cell("a = [0]")
    job = here.job("a.append(1)")
    here.cell("b = 1")
    here.tm.clear_past(1)
    here.tm._timeline.forget_origins()
    with pytest.raises(StateNotFound, match="was dropped, to stay within the budgets"):
        job.merge()
    assert here.tm.vars(job.number, "a") == [0, 1]


def test_a_merge_that_fails_changes_nothing(here: Branches) -> None:
    """Where something can't be brought back, all is as it was."""
    here.cell(
        "import threading; switch = threading.local(); switch.on = False\n"
        "class Key:\n"
        "    def __hash__(self):\n"
        "        if switch.on: raise ValueError('no hash')\n"
        "        return 5\n"
        "d = {Key(): 1}; a = [1]"
    )
    job = here.job("d[Key()] = 2; a.append(2)")
    here.home["switch"].on = True
    with pytest.raises(CannotRestore):
        job.merge()
    assert here.values("a") == ([1],)
    assert len(here.home["d"]) == 1
    here.home["switch"].on = False
    assert job.merge() == ("a", "d")
    assert here.values("a") == ([1, 2],)
    assert len(here.home["d"]) == 2


def test_names_that_are_left_out_stay(here: Branches) -> None:
    """Neither what is not recorded nor random generators are merged."""
    here.cell("import random; random.seed(1); a = 1")
    job = here.job("a = 2; tmp_1 = 5; random.random()")
    here.tm.dontsave("tmp_*")
    here.cell("state = random.getstate()")
    assert job.merge() == ("a",)
    here.cell("same = state == random.getstate()")
    assert here.values("same", "tmp_1") == (True, "unbound")


@pytest.mark.parametrize("wrong", [{"ours": "nothing"}, {"theirs": 5}, {"ours": [1]}])
def test_what_is_no_name_is_refused(here: Branches, wrong: dict[str, Any]) -> None:
    """Nothing is changed."""
    here.cell("a = 1")
    job = here.job("a = 2")
    with pytest.raises(BadInput):
        job.merge(**wrong)
    assert here.values("a") == (1,)


def test_a_job_that_is_not_over_can_t_be_merged(here: Branches) -> None:
    """There is nothing yet."""
    here.cell("a = 1")
    job = Job(Task(9, 1, 1, "a = 2"), here.dispatcher, Outputs())
    with pytest.raises(BadInput, match="job 9 is queued"):
        job.merge()
    job.begin(lambda: None)
    job.fail(WorkerDied("its worker ended"), DIED)
    with pytest.raises(BadInput, match="job 9 died: there is nothing to merge"):
        job.merge()
