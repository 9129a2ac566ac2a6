"""Contents are joined in columns, and split again; their nodes come by number."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import pytest

# pytest finds the fixture `session` by the import of `fresh_session`.
from tables import Session, Told, fresh_session  # noqa: F401

from cowtm.native import BLOCK

if TYPE_CHECKING:
    from conftest import NativeModule

KIND = Told(cls=list)
TYPES = (int, str, bytes, type(None))


def numbers(*values: int) -> bytes:
    """Give numbers as the table takes them."""
    return array("q", values).tobytes()


class Unhashable(type):
    """A type of types that refuse to be hashed."""

    def __hash__(cls) -> int:
        """Refuse."""
        msg = "no"
        raise TypeError(msg)


class Odd(metaclass=Unhashable):
    """An object of such a type."""


def test_contents_are_joined(session: Session, native_module: NativeModule) -> None:
    """A node is its number, and where it is is told; a number is itself."""
    inner: list[int] = [1, 2]
    session.capture(x=[inner, 7, inner], y=[], z=["a", None])
    contents: list[Any] = [session.node(name).content for name in "xyz"]
    lengths, gaps, flat = native_module.Content.join(contents, TYPES, 9) or (b"", b"", [])
    oid = next(node.oid for node in session.table.live() if node.object is inner)
    assert flat == [oid, 7, oid, "a", None]
    assert array("q", lengths).tolist() == [3, 0, 2]
    assert array("q", gaps).tolist() == [0, 2]


@pytest.mark.parametrize("slot", [1.5, True, "long text", b"long bytes", (1,), Odd(), ...])
@pytest.mark.parametrize("many", [0, 2 * BLOCK])
def test_what_is_of_another_type_or_too_long_is_not_joined(
    native_module: NativeModule, slot: Any, many: int
) -> None:
    """Wherever it is; the type itself counts, not its bases."""
    Content = native_module.Content  # noqa: N806  it is one
    kind: Any = KIND
    good = Content(kind, (1, "a", b"x", None))
    [bad] = Content.split(kind, numbers(many + 1), [1] * many + [slot])
    assert Content.join([good, bad], TYPES, 8) is None
    assert Content.join([good, bad], (*TYPES, type(slot)), 10) is not None


@pytest.mark.parametrize("count", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5])
def test_contents_are_split(native_module: NativeModule, count: int) -> None:
    """As the table makes them: in blocks if the slots are many."""
    Content, Node = native_module.Content, native_module.Node  # noqa: N806
    kind: Any = KIND
    node = Node(5, kind, [])
    slots = [*range(count)]
    slots[-1:] = [node] * bool(slots)
    first, second = Content.split(kind, numbers(2, count), [node, "x", *slots])
    assert (first.slots, first.blocked, first.nodes()) == ((node, "x"), False, [node])
    assert second.flat() == tuple(slots)
    assert second.nodes() == [node] * bool(slots)
    assert second.blocked is (count > BLOCK)
    if second.blocked:
        assert {len(block) for block in second.slots[:-1]} == {BLOCK}
        again = Content(kind, second.slots, True)  # noqa: FBT003
        assert again.flat() == second.flat()


def test_lengths_must_add_up(native_module: NativeModule) -> None:
    """Also where one of them is below nothing."""
    kind: Any = KIND
    for lengths in ((1,), (1, 2), (3, -1), (1 << 62, 1 << 62), ()):
        with pytest.raises(ValueError, match="add up"):
            native_module.Content.split(kind, numbers(*lengths), ["a", "b"])
    with pytest.raises(ValueError, match=r"8|multiple"):
        native_module.Content.split(kind, b"123", ["a", "b"])


def test_only_contents_are_joined(native_module: NativeModule) -> None:
    """Anything else is an error."""
    one: Any = ("a",)
    with pytest.raises(TypeError, match="not tuple"):
        native_module.Content.join([one], TYPES, 9)


def test_nodes_come_by_number(session: Session) -> None:
    """Those that are there, and new ones; each number one node."""
    session.capture(x=[1])
    known = session.node("x")
    kind: Any = KIND
    new, found, again = session.table.nodes(numbers(50, known.oid, 50), kind)
    assert found is known
    assert new is again is session.table.find(50)
    assert new.kind is kind
    assert session.table.nodes(b"", kind) == []
    with pytest.raises(ValueError, match="a serial number is at least 1"):
        session.table.nodes(numbers(60, 0), kind)
    with pytest.raises(ValueError, match=r"8|multiple"):
        session.table.nodes(b"1234", kind)
