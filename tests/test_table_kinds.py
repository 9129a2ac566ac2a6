"""How the object table asks kinds: once, in order, and never while it is at work."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Box, Plain, Session, Told, fresh_session, only_c, session_with  # noqa: F401

from cowtm.kinds.base import Kind
from cowtm.kinds.reference import ReferenceKind
from cowtm.native import BLOCK, SELECT

if TYPE_CHECKING:
    from conftest import NativeModule


def test_types_are_asked_about_once(native_module: NativeModule) -> None:
    """Leaves and others alike."""
    asked = []
    tables = Session(native_module)

    def classify(cls: type) -> Any:
        asked.append(cls)
        return tables.kinds.classify(cls)

    tables.table = native_module.ObjectTable(classify, tables.home)
    tables.capture(x=[1, 2, "a", "b", [], [[]]])
    tables.capture(y=[3, "c", {}])
    assert asked == [list, int, str, dict]


def test_a_class_may_die(native_module: NativeModule) -> None:
    """The table does not keep classes whose objects are leaves."""
    tables = session_with(native_module, {})
    short = type("Short", (), {})
    tables.table = native_module.ObjectTable(lambda cls: None, tables.home)  # noqa: ARG005
    tables.table.rebind("x", short())
    tables.table.rebind("x", 1)
    tables.table.finish()
    gone = weakref.ref(short)
    del short
    gc.collect()
    assert gone() is None


def test_frozen_parts_are_read_once(native_module: NativeModule) -> None:
    """As long as the object lives."""
    kind = Told(frozen=True)
    tables = session_with(native_module, {Box: kind})
    box = Box([1])
    tables.capture(x=box)
    box.inside[0].append(2)
    box.inside.append(3)
    found = tables.capture()
    assert kind.asked == [box]
    assert [content.flat() for content in found.after.values()] == [(1, 2)]


def test_parts_by_value(native_module: NativeModule) -> None:
    """Leaves made anew at each reading are compared by the kind; then the old ones stay."""

    class ByEquality(Told):
        by_value = True

        def same(self, old: object, new: object) -> bool:
            return type(old) is type(new) is str and old == new

    tables = session_with(native_module, {Box: ByEquality()})
    inner = [1]
    box = Box("ab", inner, *(f"{i} of many" for i in range(2 * BLOCK)))
    tables.capture(x=box)
    first = tables.slots("x")
    box.inside = ["".join("ab"), inner, *(f"{i} of many" for i in range(2 * BLOCK))]
    assert not tables.capture()
    box.inside = ["".join("ab"), inner, *(f"{i} of many" for i in range(2 * BLOCK + 1))]
    found = tables.capture()
    assert tables.slots("x")[:-1] == first
    assert all(a is b for a, b in zip(first, tables.slots("x"), strict=False))
    node = tables.node("x")
    shared = zip(found.before[node].slots, found.after[node].slots, strict=True)
    assert [a is b for a, b in shared] == [True, True, False]


def test_a_kind_may_choose_by_the_object(native_module: NativeModule) -> None:
    """SELECT asks for each object; None makes it a leaf."""

    class Choice(Kind):
        code = SELECT

        def select(self, value: Any) -> Kind | None:
            return kind if value.inside else None

    kind = Told()
    tables = session_with(native_module, {Box: Choice()})
    full, empty = Box(1), Box()
    tables.capture(x=[full, empty, full])
    node, leaf, again = tables.slots("x")
    assert leaf is empty
    assert node is again
    assert node.kind is kind
    empty.inside.append(2)
    tables.home["x"].append(3)
    tables.capture()
    assert tables.slots("x")[1] is empty


def test_a_choice_is_made_anew_after_other_code_ran(native_module: NativeModule) -> None:
    """What a kind said of an object holds until code of the user's can have run."""

    class Choice(Kind):
        code = SELECT

        def select(self, value: Any) -> Kind | None:
            return told if value.inside else None

    class Filling(Told):
        def parts(self, value: Any) -> Sequence[object]:
            box.inside.append(1)
            return super().parts(value)

    class Other(Box):
        """Fills the box when it is read."""

    told = Told()
    box = Box()
    tables = session_with(native_module, {Box: Choice(), Other: Filling()})
    tables.capture(x=[box, Other(), [box]])
    first, _, third = tables.slots("x")
    assert first is box
    assert third.content.flat()[0].kind is told


def test_functions_are_told(session: Session) -> None:
    """`reached` gives what was visited and may run code, once."""

    def function() -> list[int]:
        return inner

    inner = [1]
    session.capture(x=[function])
    (node,) = session.slots("x")
    assert session.table.reached() == [node]
    assert session.table.reached() == []
    session.capture()
    assert session.table.reached() == [node]


def test_what_stays_by_reference_is_told(session: Session) -> None:
    """`referred` gives what was recorded by reference, once."""
    generator = (i for i in [1])
    session.capture(x=[generator], y=[1])
    (node,) = session.slots("x")
    assert session.table.referred() == [node]
    assert session.table.referred() == []
    session.capture()
    assert session.table.referred() == []


def test_what_is_kept_is_held_strongly(native_module: NativeModule) -> None:
    """Classes of the notebook, and what is by reference only."""
    tables = session_with(native_module, {Box: Told(keep=True)})
    tables.capture(x=Box())
    node = tables.node("x")
    assert node.holds
    del tables.home["x"]
    tables.capture()
    assert isinstance(node.object, Box)


def test_what_can_not_be_read_stays_by_reference(native_module: NativeModule) -> None:
    """The kind is asked what to make of it; the rest is recorded all the same."""

    class Failing(Told):
        def parts(self, value: Any) -> Sequence[object]:
            super().parts(value)
            msg = "not today"
            raise OSError(msg)

        def refuse(self, value: Any, error: Exception) -> Kind:
            assert isinstance(error, OSError)
            assert error.__traceback__ is not None
            return super().refuse(value, error)

    kind = Failing()
    tables = session_with(native_module, {Box: kind})
    box = Box([1])
    tables.capture(x=box, y=[2])
    node = tables.node("x")
    assert isinstance(node.kind, ReferenceKind)
    assert node.kind.what == "a Box (not today)"
    assert tables.slots("x") == (node.kind.what,)
    assert node.holds, "it can't be made again, so a state holds it"
    assert tables.slots("y") == (2,)
    assert not tables.capture()
    assert kind.asked == [box]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["classify", "parts", "same", "refuse", "select"])
def test_an_interrupt_loses_nothing(
    native_module: NativeModule, error: type[BaseException], where: str
) -> None:
    """It passes through, and the object that was being visited is visited again."""
    armed = True

    def interrupt(here: str) -> None:
        nonlocal armed
        if armed and here == where:
            armed = False
            raise error

    class Choice(Told):
        code = SELECT

        def select(self, value: Any) -> Kind | None:  # noqa: ARG002
            interrupt("select")
            return kind

    class Interrupted(Told):
        by_value = True

        def parts(self, value: Any) -> Sequence[object]:
            interrupt("parts")
            if where == "refuse" and value.inside[0] == 2:
                msg = "unreadable"
                raise ValueError(msg)
            return super().parts(value)

        def same(self, old: object, new: object) -> bool:
            interrupt("same")
            return old == new

        def refuse(self, value: Any, error: Exception) -> Kind:
            interrupt("refuse")
            return super().refuse(value, error)

    class New:
        """A type not yet asked about."""

    kind = Interrupted()

    def classify(cls: type) -> Any:
        if cls is New:
            interrupt("classify")
        return Choice() if cls is Box else tables.kinds.classify(cls)

    tables = Session(native_module)
    tables.table = native_module.ObjectTable(classify, tables.home)
    x, y = Box(1, [1]), [New(), [2]]
    before = [[1]]

    def capture_twice() -> None:
        tables.capture(first=before, x=x, y=y)
        x.inside[0] = 2  # `same` and `refuse` take part in the second capture
        tables.capture()

    with pytest.raises(error):
        capture_twice()
    tables.capture()
    assert not armed
    assert not tables.capture()
    assert {node.oid for node in tables.table.live()} >= {1, 2}
    assert all(node.holders == 1 for node in tables.table.live())
    if where != "refuse":
        assert tables.slots("x")[0] == (2 if where == "same" else 1)
    assert type(tables.slots("y")[0].object) is New


def test_an_error_of_classify_comes_through(native_module: NativeModule) -> None:
    """It is a mistake of ours, not of the object's."""

    def classify(cls: type) -> Kind:
        raise ZeroDivisionError(cls)

    tables = Session(native_module, classify)
    with pytest.raises(ZeroDivisionError):
        tables.table.rebind("x", 1)
    assert tables.table.bindings == {}


def test_a_container_that_changes_while_it_is_read(native_module: NativeModule) -> None:
    """What is recorded was there, nothing breaks, and the next capture finds the rest."""

    class Spoiling(Told):
        code = SELECT

        def select(self, value: Any) -> Kind | None:  # noqa: ARG002
            for container in (a, b, c, d):
                if len(container) > 2:
                    container.clear()
            e.__dict__.clear()
            e.z = [9]
            return kind

    kind = Told()
    a: list[Any] = [[1], Box(1), *([i] for i in range(3 * BLOCK))]
    b: dict[Any, Any] = {0: Box(2), **{i: [i] for i in range(1, 100)}}
    c: set[Any] = {Box(3), *range(100)}
    d: list[Any] = [Box(4), *([i] for i in range(100))]
    e = Plain(a=Box(5), b=[1], c=[2])
    tables = session_with(native_module, {Box: Spoiling()})
    tables.capture(a=a, b=b, c=c, d=d, e=e)
    tables.capture()
    assert tables.slots("a") == tables.slots("b") == tables.slots("c") == ()
    assert tables.slots("d") == ()
    assert tables.slots("e")[1] == "z"
    assert not tables.capture()


@only_c
def test_a_capture_is_no_part_of_a_capture(native_module: NativeModule) -> None:
    """A kind, or a destructor, that wants to use the table at work is told so."""
    said: list[str] = []

    class Meddling(Told):
        def parts(self, value: Any) -> Sequence[object]:
            for use in (
                lambda: tables.table.check("x"),
                lambda: tables.table.rebind("x", 1),
                lambda: tables.table.check_object([]),
                tables.table.finish,
                tables.table.clear,
                lambda: tables.table.adopt(({}, {}), ({}, {})),
                lambda: tables.table.kill([]),
                lambda: tables.table.release([]),
                lambda: tables.table.attach(tables.node("x"), value),
            ):
                try:
                    use()
                except RuntimeError as error:
                    said.append(str(error))
            assert tables.table.differing(set()) == ([], [])
            assert tables.table.live() == tables.table.limbo() == []
            return super().parts(value)

    tables = session_with(native_module, {Box: Meddling()})
    tables.capture(x=Box(1))
    assert len(said) == 9
    assert "at work" in said[0]
    assert tables.slots("x") == (1,)
