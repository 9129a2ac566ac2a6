"""Modules that the user edits and reloads: instances of their classes after travelling."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE = """
import dataclasses

class Thing:
    def __init__(self, n):
        self.n = n

    def name(self):
        return "one"

class Slotted:
    __slots__ = ("a", "b")

    def name(self):
        return "one"

class Tags(list):
    def name(self):
        return "one"

class Failure(Exception):
    def name(self):
        return "one"

@dataclasses.dataclass
class Point:
    x: int

def told(thing):
    return thing.n, thing.name()
"""

TWO = (
    ONE.replace('"one"', '"two"')
    .replace("    x: int", "    x: int\n    y: int = 5")
    .replace("self.n = n", "self.n = n\n        self.more = True")
)

Edit: TypeAlias = Callable[[str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Give what writes the module `notebook_helper`, each time as if a while had passed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    seconds = itertools.count(2_000_000_000, 10)

    def write(source: str) -> None:
        path = tmp_path / "notebook_helper.py"
        path.write_text(source)
        now = next(seconds)
        os.utime(path, (now, now))

    write(ONE)
    yield write
    sys.modules.pop("notebook_helper", None)


@pytest.fixture
def session(tmp_path: Path, edit: Edit) -> Iterator[Session]:  # noqa: ARG001  its clean-up is last
    """Give a session that records; its first own cell is number 2."""
    known = set(sys.modules)
    with new_session(tmp_path) as session:
        yield session
    for name in [name for name in sys.modules if name not in known and "autoreload" in name]:
        del sys.modules[name]


SET_UP = (
    "import notebook_helper as helper\nfrom notebook_helper import Thing, told",
    "t, gone = Thing(1), Thing(7)",
    "t.n = 2; del gone",
)


@pytest.mark.parametrize("mode", ["2", "3", "1"])
def test_instances_have_the_live_class(session: Session, edit: Edit, mode: str) -> None:
    """With autoreload an instance is one of the class that its module has now.

    That holds for one that was alive all the time, and for one that is made anew.
    """
    session.cells("%load_ext autoreload", f"%autoreload {mode}")
    if mode == "1":
        session.cell("%aimport notebook_helper")
    session.cells(*SET_UP)
    before, end = list(session.tm.states)[-2:]
    edit(TWO)
    session.cell("t.name()")
    session.cell(f"tm.past({before})")
    assert session.cell("t.n, gone.n").value == (1, 7)
    assert session.cell("[type(one) is helper.Thing for one in (t, gone)]").value == [True, True]
    assert session.cell("told(t), gone.name()").value == ((1, "two"), "two")
    assert session.last.names == ()
    session.cell(f"tm.past({end})")
    assert session.cell("t.n, t.name(), 'gone' in globals()").value == (2, "two", False)
    edit(TWO.replace('"two"', '"three"'))
    session.cell(f"tm.past({before})")
    assert session.cell("told(t), gone.name()").value == ((1, "three"), "three")


@pytest.mark.parametrize(
    ("make", "look"),
    [
        ("x = helper.Point(3)", "x.x, x.y"),
        ("x = helper.Tags([3]); x.y = 5", "x[0], x.y"),
        ("x = helper.Failure(3, 5)", "x.args"),
        ("x = helper.Slotted(); x.a = 3; x.b = 5", "x.a, x.b"),
    ],
)
def test_instances_of_all_kinds(session: Session, edit: Edit, make: str, look: str) -> None:
    """Data classes, lists with a name, exceptions, slots: what was deleted comes back as new."""
    session.cells("%load_ext autoreload", "%autoreload 2", *SET_UP, make)
    number = session.last.number
    session.cell("del x")
    edit(TWO)
    session.cell(f"tm.past({number})")
    assert session.cell(look).value == (3, 5)
    assert session.cell("type(x) is getattr(helper, type(x).__name__)").value
    fresh = session.tm.vars(number)["x"]
    assert type(fresh) is type(session.names["x"])


def test_slots_that_changed_keep_the_old_class(session: Session, edit: Edit) -> None:
    """There is no place for the data in the new one: nothing is lost, and nothing breaks."""
    session.cells("%load_ext autoreload", "%autoreload 2", *SET_UP)
    session.cell("x = helper.Slotted(); x.a = 3; x.b = 5; kept = x; y = helper.Slotted(); y.b = 6")
    number = session.last.number
    session.cell("x.a = 4; del y")
    edit(TWO.replace('("a", "b")', '("b", "c")'))
    live = session.run("x.a, x.b")
    session.cell(f"tm.past({number})")
    assert session.cell("kept is x, type(y) is type(x)").value == (True, True)
    back = session.run("x.a, x.b, y.b")
    if live.error is None:
        assert back.value == (3, 5, 6)
    else:  # older versions of autoreload take the slots away from instances that are alive
        assert type(back.error) is type(live.error)


@pytest.mark.parametrize("now", ["renamed", "gone", "a function"])
def test_a_class_that_is_gone(session: Session, edit: Edit, now: str) -> None:
    """An instance keeps the class that it had when the module has none of that name."""
    session.cells("%load_ext autoreload", "%autoreload 2", *SET_UP)
    before = list(session.tm.states)[-2]
    edit(
        {
            "renamed": TWO.replace("class Thing", "class Item"),
            "gone": "def told(thing): return thing.n, 'two'",
            "a function": TWO + "\ndef Thing(n): return n\n",
        }[now]
    )
    session.cell("1")
    session.cell(f"tm.past({before})")
    assert session.cell("t.n, gone.n, type(t) is type(gone)").value == (1, 7, True)
    session.cell("tm.undo()")
    assert session.cell("t.n, 'gone' in globals()").value == (2, False)


def test_a_plain_reload_leaves_instances_alone(session: Session, edit: Edit) -> None:
    """They have the class that they had, as without travelling: some are old, some are new."""
    session.cells(*SET_UP)
    session.cell("import importlib")
    edit(TWO)
    session.cell("importlib.reload(helper); new = helper.Thing(3)")
    after = session.last.number
    session.cell("gone = Thing(8); t.n = 5; new.n = 4")
    session.cell("%past 3")
    assert session.cell("t.n, gone.n, t.name(), isinstance(gone, Thing)").value == (
        1, 7, "one", True,
    )  # fmt: skip
    session.cell(f"tm.past({after})")
    assert session.cell("new.n, new.name(), t.n, t.name()").value == (3, "two", 2, "one")
    assert session.cell("type(new) is helper.Thing, type(t) is Thing").value == (True, True)


def test_functions_of_modules_are_the_live_ones(session: Session, edit: Edit) -> None:
    """The code of a module is not part of a state: travelling to before an edit keeps the edit."""
    session.cells("%load_ext autoreload", "%autoreload 2", *SET_UP, "held = [told, t]")
    number = session.last.number
    session.cell("held.append(1)")
    edit(ONE.replace("return thing.n,", "return -thing.n,"))
    session.cell("1")
    session.cell(f"tm.past({number})")
    assert session.cell("told(t)[0], held[0](t)[0], len(held)").value == (-2, -2, 2)


def test_a_session_is_gone_on_with_after_an_edit(
    session: Session, edit: Edit, tmp_path: Path
) -> None:
    """What is read back from a journal is of the classes that the module has by then."""
    path = str(tmp_path / "edited.cowtm")
    session.cells(*SET_UP, f"tm.save({path!r})")
    session.cells("%reset -f", "%unload_ext cowtm")
    edit(TWO)
    del sys.modules["notebook_helper"]
    session.cells("%load_ext cowtm", f"tm.resume({path!r})")
    assert session.cell("t.n, t.name(), type(t) is helper.Thing").value == (2, "two", True)
    session.cell("tm.past(3)")
    assert session.cell("told(t), gone.n").value == ((1, "two"), 7)


def carry_over(session: Session, edit: Edit, source: str, path: str) -> str:
    """Save, edit the module, and go on with what was saved; returns what that shows."""
    session.cells(f"tm.save({path!r})", "%reset -f", "%unload_ext cowtm")
    edit(source)
    del sys.modules["notebook_helper"]
    session.cell("%load_ext cowtm")
    return session.run(f"tm.resume({path!r})").output


FREE = "\nclass Free(Slotted):\n    pass\n"


def test_slots_that_changed_in_a_journal(session: Session, edit: Edit, tmp_path: Path) -> None:
    """Each value goes to the slot of its name; one without a slot goes to the attributes."""
    edit(ONE + FREE)
    session.cells("import notebook_helper as helper", "x = helper.Free(); x.a, x.b, x.z = 3, 5, 7")
    edited = ONE.replace('("a", "b")', '("b", "c")') + FREE
    carry_over(session, edit, edited, str(tmp_path / "slots.cowtm"))
    assert session.cell("x.b, vars(x), hasattr(x, 'c')").value == (5, {"z": 7, "a": 3}, False)


def test_slots_that_have_no_place_in_a_journal(
    session: Session, edit: Edit, tmp_path: Path
) -> None:
    """Nothing is put where it does not belong: it says what is missing, now and when it is used."""
    session.cells("import notebook_helper as helper", "x = helper.Slotted(); x.a, x.b = 3, 5")
    edited = ONE.replace('("a", "b")', '("b", "c")')
    said = carry_over(session, edit, edited, str(tmp_path / "slots.cowtm"))
    why = "class Slotted has no slots a now"
    assert f"cowtm: x can't be made here in full: TypeError: {why}" in said
    assert why in str(session.fail("x.b").error)
