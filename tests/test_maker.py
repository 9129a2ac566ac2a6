"""The maker gives whole graphs anew, in an order that the objects' own code can rely on."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from conftest import gather
from tables import Box, Plain, Session, Slotted, only_c, session_with

from cowtm.errors import CannotRestore
from cowtm.kinds.base import InstanceKind, Kind
from cowtm.kinds.containers import ListKind
from cowtm.native import BLOCK, UNSET
from cowtm.testing.form import form_of
from cowtm.twin import maker as twin_maker
from cowtm.twin import namespace as twin_namespace
from cowtm.twin import table as twin_table

if TYPE_CHECKING:
    from conftest import NativeModule

    from cowtm.twin.maker import Maker
    from cowtm.twin.table import Node

TWIN = gather("python", twin_namespace, twin_table, twin_maker)
"""What is the specification."""


def never(_: object) -> bool:
    """Say no to everything."""
    return False


def copier(session: Session, **more: Any) -> Maker:
    """Give a maker of copies of the present."""
    return session.module.Maker({}, set(), never, never, **more)


def copied(session: Session, **more: Any) -> dict[str, Any]:
    """Make all that a session's names are bound to anew."""
    made = copier(session, **more)
    made.add(session.table.bindings.values())
    made.fill()
    return {name: made.value(slot) for name, slot in session.table.bindings.items()}


@pytest.fixture(name="session")
def a_session(native_module: NativeModule) -> Iterator[Session]:
    """Give a namespace with its table."""
    session = Session(native_module)
    yield session
    session.table.clear()


def assert_alike(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Hold that two namespaces hold the same, shared in the same way, in objects of their own."""
    one, other = form_of(left, module=__name__), form_of(right, module=__name__)
    assert not one.difference(other)
    mine = {id(value) for value in one.objects if isinstance(value, list | dict | set | Plain)}
    assert not mine & {id(value) for value in other.objects}


# -- graphs of plain objects -----------------------------------------------------------------------


class Both:
    """Attributes in slots and in a dict."""

    __slots__ = ("__dict__", "first")
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class Strict:
    """Says no to assignments, and shadows two attributes by what the class has."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AssertionError(name)

    __delattr__ = __setattr__  # type: ignore[assignment]

    @property
    def shown(self) -> str:
        """Give what the class says, whatever the instance holds."""
        return "the class's"

    @shown.setter
    def shown(self, value: object) -> None:
        raise AssertionError(value)

    def method(self) -> str:
        """Be a name of the class without a setter."""
        return "the class's"


LEAVES = (0, 1, -1, 2.5, float("nan"), "a", "b", "longer", b"c", True, None, 1j, (1, "x"), 10**30)


def slotted(some: list[Any]) -> Slotted:
    """Give an instance with slots, not all of them set."""
    value = Slotted()
    for name, each in zip(("left", "right"), some, strict=False):
        setattr(value, name, each)
    return value


def both(some: list[Any]) -> Both:
    """Give an instance with slots and a `__dict__`."""
    value = Both()
    for name, each in zip(("first", "second", "third"), some, strict=False):
        setattr(value, name, each)
    return value


MAKERS: list[Callable[[list[Any]], Any]] = [
    list,
    lambda some: {LEAVES[len(repr(type(each))) % 9]: each for each in some},
    lambda some: {each for each in some if type(each) in (int, str, float)} | {(1, "x")},
    tuple,
    lambda some: Plain(**{f"name{number}": each for number, each in enumerate(some)}),
    slotted,
    both,
]
"""Give an object that holds some others."""


def add_to(value: Any, random: Random, more: Any) -> None:
    """Have an object hold one more, if it can."""
    if type(value) is list:
        value.append(more)
    elif type(value) is dict:
        value[random.choice(LEAVES)] = more
    elif type(value) is Plain:
        setattr(value, random.choice("xyz"), more)


def grown(seed: int, size: int) -> dict[str, Any]:
    """Give some objects that hold one another at random."""
    random = Random(seed)
    known: list[Any] = [[]]

    def one() -> Any:
        return random.choice(known if random.random() < 0.6 else LEAVES)

    for _ in range(size):
        known.append(random.choice(MAKERS)([one() for _ in range(random.randrange(5))]))
        for each in random.sample(known, min(3, len(known))):
            add_to(each, random, one())
    return {f"v{i}": random.choice(known) for i in range(6)}


@pytest.mark.parametrize("seed", range(30))
def test_a_graph_is_made_with_all_its_sharing(session: Session, seed: int) -> None:
    """Cycles, shared objects, all sorts of leaves; nothing of it is the live object."""
    session.capture(**grown(seed, 60))
    assert_alike(session.home, copied(session))


@pytest.mark.parametrize("count", [0, 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_long_contents(session: Session, count: int) -> None:
    """Blocks make no difference."""
    inner: list[Any] = []
    session.capture(
        numbers=list(range(count)),
        lists=[[i] for i in range(count)],
        mixed=[*range(count), inner],
        tuples=tuple([i, inner] for i in range(count)),
        keys={i: i + 1 for i in range(count)},
        held={str(i): inner for i in range(count)},
        elements=set(range(0, 3 * count, 3)),
        plain=Plain(**{f"a{i}": [i] for i in range(min(count, 60))}),
    )
    assert_alike(session.home, copied(session))


def test_depth_is_no_matter(session: Session) -> None:
    """Lists, dicts and tuples in one another, many thousands of times."""
    deep: Any = []
    for _ in range(50_000):
        deep = [({"next": deep},)]
    session.capture(deep=deep)
    made = copied(session)["deep"]
    for _ in range(50_000):
        made = made[0][0]["next"]
    assert made == []


def test_slots_that_are_not_set_stay_so(session: Session) -> None:
    """And those that are set to something are set to its copy."""
    value = Slotted()
    value.right = [1]
    session.capture(value=value)
    made = copied(session)["value"]
    assert type(made) is Slotted
    assert not hasattr(made, "left")
    assert made.right == [1]
    assert made.right is not value.right


def test_no_code_of_a_class_runs(session: Session) -> None:
    """Neither constructors nor setters; the attributes are in the instance all the same."""
    value = Strict.__new__(Strict)
    value.__dict__.update(plain=[1], method=2)
    other = Strict.__new__(Strict)
    other.__dict__.update(first=1, shown=[2], last=3)
    odd = Plain(x=1)
    odd.__dict__[5] = [6]  # type: ignore[index]
    session.capture(value=value, other=other, odd=odd)
    made = copied(session)
    assert made["value"].__dict__ == {"plain": [1], "method": 2}
    assert made["other"].__dict__ == {"first": 1, "shown": [2], "last": 3}
    assert list(made["other"].__dict__) == ["first", "shown", "last"]
    assert made["other"].shown == "the class's"
    assert made["odd"].__dict__ == {"x": 1, 5: [6]}


def test_a_dict_that_others_hold_is_shared_again(session: Session) -> None:
    """The `__dict__` of an instance that a variable is bound to as well."""
    value = Plain(x=[1])
    session.capture(value=value, inside=value.__dict__)
    made = copied(session)
    assert made["value"].__dict__ is made["inside"]
    assert made["inside"] == {"x": [1]}


@only_c
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="where attributes are kept")
def test_attributes_are_kept_as_assignments_keep_them(session: Session) -> None:
    """No `__dict__` is made for an instance, which would take more memory and time ever after."""
    fresh = type("Fresh", (Plain,), {})  # with keys that nobody has filled
    session.capture(value=fresh(x=[1], y="text"))
    made = copied(session)["value"]
    assert dict not in map(type, gc.get_referents(made))
    assert made.__dict__ == {"x": [1], "y": "text"}


def test_names_of_attributes_are_the_very_strings(session: Session) -> None:
    """An equal one, which the class may know from others, would count as a change."""
    first, second = (b"name".decode() for _ in range(2))
    assert first is not second
    cls = type("Fresh", (), {})
    other, value = cls(), cls()
    object.__setattr__(other, first, 1)
    value.__dict__ = {"more": [], second: [2]}
    session.capture(other=other, value=value)
    made = copied(session)
    assert next(iter(made["other"].__dict__)) is first
    assert list(made["value"].__dict__.items()) == [("more", []), ("name", [2])]
    assert list(made["value"].__dict__)[1] is second


class Key:
    """Hashed and compared by what it holds."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.parts == other.parts


def test_keys_are_whole_when_they_are_hashed(session: Session) -> None:
    """However deep what their hash depends on lies, and whatever holds them."""
    inner = Key(1, "x")
    outer = Key(inner, (Key(2),))
    session.capture(
        table={outer: [1], inner: [2], "text": outer},
        elements={outer, inner, (inner, 5)},
        frozen=frozenset([outer, (outer,)]),
        holder=[outer, inner],
    )
    made = copied(session)
    assert made["table"] == session.home["table"]
    assert list(made["table"]) == list(session.home["table"])
    assert made["elements"] == session.home["elements"]
    assert made["frozen"] == session.home["frozen"]
    assert next(iter(made["table"])) is made["holder"][0]
    assert made["holder"][0] is not outer


def test_a_frozenset_that_its_elements_lead_to(session: Session) -> None:
    """As long as they are hashed by identity, it can be made before they are filled."""
    one, other = Plain(), Plain()
    one.group = other.group = frozenset([one, other, (other,)])
    session.capture(one=one, group=[one.group])
    made = copied(session)
    group = made["group"][0]
    assert made["one"].group is group
    assert sorted(type(element).__name__ for element in group) == ["Plain", "Plain", "tuple"]
    assert sum(element is made["one"] for element in group) == 1
    assert all(element.group is group for element in group if type(element) is Plain)


# -- kinds that have a say -------------------------------------------------------------------------


def box(cls: type, label: str, *inside: Any) -> Any:
    """Give a box with a label."""
    made: Any = cls(*inside)
    made.label = label
    return made


class Noted(Kind):
    """A kind that writes down when it makes and fills, and what its parts are like by then."""

    name = "noted"

    def __init__(self, world: NotedWorld, cls: type, needed: int, **flags: bool) -> None:
        self.cls: type = cls
        self.world = world
        self.needed = needed
        for name, flag in flags.items():
            setattr(self, name, flag)

    def parts(self, value: Any) -> Sequence[object]:
        """Read what is inside, and the label."""
        return [*value.inside, value.label]

    def needs(self, slots: Sequence[object]) -> int:
        """Say what the case says."""
        return len(slots) if self.frozen else self.needed

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make a box."""
        self.world.note("make", slots[-1], parts)
        made = box(self.cls, "")
        made.label = slots[-1]
        made.inside = list(parts[:-1]) if self.frozen else []
        return made

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Put the parts into it."""
        self.world.note("fill", value.label, parts)
        value.inside = list(parts[:-1])


CASES: list[dict[str, Any]] = [
    {"needed": 0},
    {"needed": 1},
    {"needed": 2, "calls": True},
    {"needed": 2, "whole": True},
    {"needed": 0, "frozen": True},
    {"needed": 0, "frozen": True, "whole": True},
    {"needed": 2, "hashes_first": True},
    {"needed": 1, "called": True},
    {"needed": 0, "hashes": True},
    {"needed": 1, "hashes": True, "called": True},
    {"needed": -1},
]
"""Kinds of boxes."""


class NotedWorld:
    """Some boxes of such kinds in one another, and what comes of making them anew.

    Attributes:
        log: what was asked of kinds, in order.
        broken: which of the questions is answered by an error, counted in tens; 0 none.

    """

    def __init__(self, module: NativeModule, home: dict[str, Any], classes: list[type]) -> None:
        kinds = {cls: Noted(self, cls, **case) for cls, case in zip(classes, CASES, strict=True)}
        self.session = session_with(module, kinds)
        self.session.capture(**home)
        self.log: list[Any] = []
        self.broken = 0

    def note(self, what: str, label: str, parts: Sequence[Any]) -> None:
        """Write down a question."""
        self.log.append((what, label, [_look(part) for part in parts]))
        if self.broken and len(self.log) % (10 * self.broken) == 0:
            msg = f"{what} {label}"
            raise LookupError(msg)

    def maker(self) -> Maker:
        """Give a maker of copies."""
        return copier(self.session)

    def roots(self) -> list[Any]:
        """Give what the names are bound to."""
        return list(self.session.table.bindings.values())

    def outcome(self, broken: int = 0, *, collect: bool = False) -> Any:
        """Tell what was asked, which nodes were made and filled, and how it ended."""
        self.log, self.broken = [], broken
        maker = self.maker()
        failed: dict[Node, Exception] = {}
        maker.failed = failed if collect else None
        error = ""
        try:
            maker.add(self.roots())
            maker.fill()
        except (CannotRestore, LookupError) as raised:
            error = f"{type(raised).__name__}: {raised}"
        made = [(node.oid, _look(value)) for node, value in maker.made.items()]
        return self.log, made, error, [(node.oid, str(why)) for node, why in failed.items()]


def _look(value: Any) -> Any:
    """Describe an object as far as one sees at a glance."""
    if isinstance(value, Box):
        return value.label, len(value.inside)  # type: ignore[attr-defined]
    if isinstance(value, list | tuple | dict | set):
        return type(value).__name__, len(value)
    if isinstance(value, Plain):
        return "plain", sorted(value.__dict__)
    return value


def boxed(seed: int, size: int) -> tuple[dict[str, Any], list[type]]:
    """Give boxes of all kinds, lists and the like that hold one another at random."""
    random = Random(seed)
    classes = [type(f"Box{i}", (Box,), {}) for i in range(len(CASES))]
    known: list[Any] = [[]]
    # Seeds differ in which kinds there are: with all of them hardly a graph could be made.
    there = random.sample(range(len(CASES)), random.randrange(1, len(CASES)))
    for number in range(size):
        some = [random.choice(known) for _ in range(random.randrange(4))]
        cls = classes[random.choice(there)]
        made = box(cls, f"{cls.__name__}-{number}", *some)
        what = random.randrange(8)
        known += [made, [made, *some], tuple(some), {number: made}, Plain(held=made)][: 1 + what]
        if random.random() < 0.3:
            each: Any = random.choice(known)
            row = getattr(each, "inside", each) if type(each) is classes[0] else each
            if type(row) is list:
                row.append(random.choice(known))
    return {f"v{i}": random.choice(known) for i in range(8)}, classes


def world_of(module: NativeModule, seed: int) -> NotedWorld:
    """Give a world of an implementation."""
    return NotedWorld(module, *boxed(seed, 40))


@only_c
@pytest.mark.parametrize("seed", range(60))
def test_both_ask_kinds_the_same_in_the_same_order(native_module: NativeModule, seed: int) -> None:
    """Also when they refuse, at any question, and when the others are to be made all the same."""
    home, classes = boxed(seed, 40)
    ours, specified = (NotedWorld(module, home, classes) for module in (native_module, TWIN))
    for broken in range(4):
        for collect in (False, True):
            found = ours.outcome(broken, collect=collect)
            assert found == specified.outcome(broken, collect=collect)
            assert found[0] or not any(isinstance(value, Box) for value in home.values())


@pytest.fixture(name="boxes")
def classes_of_boxes() -> list[type]:
    """Give a class for each of the kinds."""
    return [type(f"Box{i}", (Box,), {}) for i in range(len(CASES))]


def test_whole_parts_are_filled_before_they_are_looked_into(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """All that the parts lead to; what the object holds besides comes later."""
    part = box(boxes[0], "part", [1, {"a": [2]}])
    home = {"x": box(boxes[3], "whole", part, [3, 4], [5])}
    log, _, error, _ = NotedWorld(native_module, home, boxes).outcome()
    assert not error
    assert log[:3] == [
        ("make", "part", []),
        ("fill", "part", [("list", 0), "part"]),
        ("make", "whole", [("part", 1), ("list", 2)]),
    ]


def test_what_is_called_is_filled_first_and_what_hashes_last(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """The innermost of those that hash before the others."""
    inner = box(boxes[8], "inner", [1])
    outer = box(boxes[8], "outer", inner)
    home = {"a": outer, "b": box(boxes[0], "usual"), "c": box(boxes[7], "called", [2])}
    log, _, error, _ = NotedWorld(native_module, home, boxes).outcome()
    assert not error
    filled = [label for what, label, _ in log if what == "fill"]
    assert filled == ["called", "usual", "inner", "outer"]


@pytest.mark.parametrize("case", [3, 4, 5])
def test_what_is_part_of_itself_cannot_be_made(
    native_module: NativeModule, boxes: list[type], case: int
) -> None:
    """It says so, rather than go on for ever."""
    circle = box(boxes[case], "circle")
    circle.inside += [circle, circle]
    outcome = NotedWorld(native_module, {"x": circle}, boxes).outcome()
    assert "is part of itself in a way that can't be made again" in outcome[2]
    assert outcome[2].startswith("CannotRestore: ")


def test_a_class_that_leads_to_its_own_instance(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """The instance is made once, though making it whole leads to it."""
    cls = box(boxes[0], "class")
    instance = box(boxes[2], "instance", cls, [1])
    cls.inside.append(instance)
    log, _, error, _ = NotedWorld(native_module, {"x": [instance]}, boxes).outcome()
    assert not error
    assert [label for what, label, _ in log if what == "make"] == ["class", "instance"]


def test_a_long_chain_of_what_is_made_whole_is_an_error(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """Of Python's, not the end of the process."""
    chain = box(boxes[5], "end")
    for number in range(5_000):
        chain = box(boxes[5], str(number), [chain])
    world = NotedWorld(native_module, {"x": chain}, boxes)
    maker = world.maker()
    with pytest.raises(RecursionError):
        maker.add(world.roots())


def test_interrupts_are_not_failures(native_module: NativeModule, boxes: list[type]) -> None:
    """What is no `Exception` ends it, also where failures are noted only."""

    class Interrupting(Noted):
        def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
            raise KeyboardInterrupt

    world = NotedWorld(native_module, {}, boxes)
    world.session = session_with(native_module, {Box: Interrupting(world, Box, 0)})
    world.session.capture(x=box(Box, "x"))
    maker = world.maker()
    maker.failed = {}
    with pytest.raises(KeyboardInterrupt):
        maker.add(world.roots())


def test_failures_are_noted_and_the_others_are_made(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """Each with the error that came first."""

    class Refusing(Noted):
        def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
            msg = f"no {slots[-1]}"
            raise OSError(msg)

    world = NotedWorld(native_module, {}, boxes)
    world.session = session_with(native_module, {Box: Refusing(world, Box, 0)})
    world.session.capture(x=[1, box(Box, "box"), {"key": [2]}])
    failed: dict[Node, Exception] = {}
    maker = world.maker()
    maker.failed = failed
    maker.add(world.roots())
    maker.fill()
    assert [str(error) for error in failed.values()] == ["no box"]
    assert maker.value(world.roots()[0]) == [1, None, {"key": [2]}]
    assert maker.failed is failed


def test_what_python_refuses_is_an_error(session: Session) -> None:
    """An instance of a class that has become abstract."""
    cls: Any = type("Short", (), {})
    session.capture(value=cls())
    cls.__abstractmethods__ = frozenset(["method"])
    with pytest.raises(TypeError, match="abstract"):
        copied(session)
    failed: dict[Node, Exception] = {}
    maker = copier(session)
    maker.failed = failed
    maker.add(session.table.bindings.values())
    maker.fill()
    assert [type(error) for error in failed.values()] == [TypeError]


# -- kinds that are asked though they look plain ---------------------------------------------------


class Counted(ListKind):
    """A kind derived from a plain one."""

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
        """Make a list that is not empty."""
        return [*super().create(parts, slots), "made by the kind"]


class Doubled(InstanceKind):
    """Likewise."""

    def fill(self, value: Any, parts: Sequence[Any]) -> None:
        """Give one attribute more."""
        super().fill(value, [*parts, "filled", "by the kind"])


def test_what_derives_from_a_plain_kind_is_not_plain(native_module: NativeModule) -> None:
    """Its own ways are taken."""
    session = session_with(native_module, {list: Counted(), Plain: Doubled(Plain)})
    session.capture(x=[1], y=Plain(a=2))
    made = copied(session)
    assert made["x"] == ["made by the kind", 1]
    assert made["y"].__dict__ == {"a": 2, "filled": "by the kind"}


def test_what_others_put_into_an_object_before_it_is_filled_stays(
    native_module: NativeModule, boxes: list[type]
) -> None:
    """As with Python's own ways of filling."""

    class Meddling(Noted):
        def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:
            parts[0].append("meddled")
            parts[1]["meddled"] = True
            parts[2].add("meddled")
            parts[3].meddled = True
            return super().create(parts, slots)

    world = NotedWorld(native_module, {}, boxes)
    world.session = session_with(native_module, {Box: Meddling(world, Box, 4)})
    parts = [[1], {"a": 1}, {1}, Plain(a=1)]
    world.session.capture(x=box(Box, "x", *parts), y=parts)
    made = copied(world.session)["y"]
    assert made[:3] == [["meddled", 1], {"meddled": True, "a": 1}, {"meddled", 1}]
    assert made[3].a == 1


# -- live objects ----------------------------------------------------------------------------------


def test_live_objects_are_used_as_they_are(session: Session) -> None:
    """Unless something says otherwise, and what only they lead to is left alone."""
    session.capture(x=[[1], {"a": [2]}])
    outer = session.node("x")
    maker = session.module.Maker({}, set(), never)
    maker.add([outer])
    assert maker.value(outer) is session.home["x"]
    assert maker.made == {}
    assert session.node("x").content is not None
    assert [node in maker for node in session.table.live()] == [True, False, False, False]


def test_who_is_asked_whether_a_live_object_stays(session: Session) -> None:
    """First the kind, of which all may be copied; then each object of the others."""
    session.capture(x=[[1], {"a": []}, {"b": []}])
    kinds: list[str] = []
    nodes: list[int] = []

    def is_copied(kind: Any) -> bool:
        kinds.append(kind.name)
        return bool(kind.name == "list")

    def stays(node: Node) -> bool:
        nodes.append(node.oid)
        return "b" in node.object

    maker = session.module.Maker({}, set(), never, stays, is_copied)
    maker.add([session.node("x")])
    maker.fill()
    made = maker.value(session.node("x"))
    assert list(dict.fromkeys(kinds)) == ["list", "dict"]
    assert len(nodes) == 2
    assert made == session.home["x"]
    assert made is not session.home["x"]
    assert made[1] is not session.home["x"][1]
    assert made[2] is session.home["x"][2]


def test_live_objects_that_are_empty_are_filled(native_module: NativeModule) -> None:
    """Those of kinds that keep their objects are asked about, and no others."""

    class Kept(Kind):
        keep = True

        def parts(self, value: Any) -> Sequence[object]:
            return list(value.inside)

        def fill(self, value: Any, parts: Sequence[Any]) -> None:
            value.inside = ["filled", *parts]

    session = session_with(native_module, {Box: Kept()})
    value = Box([1])
    session.capture(x=[value])
    asked: list[Node] = []

    def is_empty(node: Node) -> bool:
        asked.append(node)
        return True

    maker = native_module.Maker({}, set(), is_empty)
    maker.add([session.table.node_of(value), session.node("x")])
    assert value.inside == [[1]]
    maker.fill()
    assert value.inside == ["filled", [1]]
    assert maker.filled == asked == [session.table.node_of(value)]
    assert maker.made == {}


# -- the state -------------------------------------------------------------------------------------


def test_contents_come_before_the_present(session: Session) -> None:
    """What is gone is no part of the state, and what never was neither."""
    module = session.module
    session.capture(x=[1], y=[2])
    x, y = session.node("x"), session.node("y")
    assert x.content is not None
    state = {x: module.Content(x.kind, (3, y))}
    maker = module.Maker(state, {y}, never, never)
    assert maker.content(x) is state[x]
    with pytest.raises(CannotRestore, match=f"object {y.oid} is not part of that state"):
        maker.content(y)
    with pytest.raises(CannotRestore, match=f"object {y.oid} is not part of that state"):
        maker.add([x])
    maker = module.Maker(state, set(), never, never)
    maker.add([x, 5, "leaf"])
    maker.fill()
    assert maker.value(x) == [3, [2]]
    absent = session.table.node(99, x.kind)
    with pytest.raises(CannotRestore, match="object 99 is not part of that state"):
        maker.add([absent])


def test_the_state_is_not_changed(session: Session) -> None:
    """What is done with a copy reaches no content."""
    session.capture(x=[1, {"a": {2}}], y=Plain(z=[3]))
    for _ in range(2):
        made = copied(session)
        assert made["x"] == [1, {"a": {2}}]
        assert made["y"].z == [3]
        made["x"][1]["a"].clear()
        made["x"].clear()
        made["y"].z.append(4)
        del made["y"].z
    assert not session.capture()


def test_values(session: Session) -> None:
    """Leaves are themselves; a node that was not added has no value."""
    session.capture(x=[1])
    node = session.node("x")
    maker = copier(session)
    assert maker.value(5) == 5
    assert node not in maker
    assert 5 not in maker
    for ask in (lambda: maker.value(node), lambda: maker.values([1, node])):
        with pytest.raises(KeyError):
            ask()
    given: list[Any] = []
    maker.use(node, given)
    assert node in maker
    assert maker.value(node) is given
    assert maker.values((1, node, UNSET)) == [1, given, UNSET]
    assert maker.made == {}
    maker.add([node])
    assert maker.value(node) is given


def test_what_was_made_is_told_in_order(session: Session) -> None:
    """Each with its object; what was asked twice is made once."""
    session.capture(x=[[1], [2]])
    maker = copier(session)
    maker.add([session.node("x")])
    maker.add([session.node("x")])
    outer, first, second = maker.made.values()
    assert maker.made == maker.made
    maker.fill()
    assert outer == [first, second] == [[1], [2]]
    maker.fill()
    assert outer == [[1], [2]]
    session.table.attach_all(maker.made)
    assert session.node("x").object is outer
    assert session.table.node_of(first) is not None


@only_c
def test_wrong_arguments(session: Session) -> None:
    """Are refused, and nothing is done."""
    module: Any = session.module
    session.capture(x=[1])
    node = session.node("x")
    wrong: list[Callable[[], object]] = [
        module.Maker,
        lambda: module.Maker([], set(), never),
        lambda: module.Maker({}, [], never),
        lambda: copier(session).add(5),  # type: ignore[arg-type]
        lambda: copier(session).content(5),  # type: ignore[arg-type]
        lambda: copier(session).use(5, 5),  # type: ignore[arg-type]
        lambda: copier(session).use(node),  # type: ignore[call-arg]
        lambda: copier(session).values(5),  # type: ignore[arg-type]
        lambda: setattr(copier(session), "failed", []),
        lambda: module.Maker({node: 5}, set(), never, never).add([node]),
        lambda: session.table.attach_all([]),  # type: ignore[arg-type]
        lambda: session.table.living([]),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("answer", [{}, RuntimeError])
def test_those_who_are_asked_may_raise(session: Session, answer: Any) -> None:
    """Their error is what is raised."""

    def asked(_: object) -> bool:
        if isinstance(answer, type):
            raise answer
        return bool(answer["no such key"])

    session.capture(x=[1])
    node = session.node("x")
    expected = answer if isinstance(answer, type) else KeyError
    for maker in (
        session.module.Maker({}, set(), never, asked),
        session.module.Maker({}, set(), never, never, asked),
    ):
        with pytest.raises(expected):
            maker.add([node])
        assert node not in maker
