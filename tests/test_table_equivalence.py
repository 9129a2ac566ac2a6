"""The C object table and its twin find the same, step by step, over random changes of a graph."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from graphs import NAMES, Observer, Step, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cowtm.native import GONE

if TYPE_CHECKING:
    from conftest import NativeModule

CHANGES = ("make", "alias", "delete", "hold", "let go", *["change"] * 9)
LOOKS = ("look", "look at", "sweep", "release", "back", "collect", *["capture"] * 9)

numbers = st.integers(0, 5000)
changes = st.tuples(st.sampled_from(CHANGES), numbers, numbers, numbers)
looks = st.tuples(st.sampled_from(LOOKS), numbers, numbers, numbers)
rounds = st.lists(st.tuples(st.lists(changes, min_size=1, max_size=4), looks), max_size=20)
beginnings = st.lists(st.tuples(numbers, numbers), min_size=len(NAMES), max_size=len(NAMES))
random_steps = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    """Make an object for each name, then change some and look, again and again."""
    program: list[Step] = []
    for index, (what, of) in enumerate(draw(beginnings)):
        program.append(("make", index, what, of))
    for some, look in draw(rounds):
        program += [*some, look]
    return program


def at_random(seed: int, count: int) -> list[Step]:
    """Take many steps, most of them changes deep in the graph."""
    chance = random.Random(seed)
    program: list[Step] = [("make", i, chance.randrange(24), i) for i in range(len(NAMES))]
    for _ in range(count):
        what = chance.choice(CHANGES if chance.random() < 0.7 else LOOKS)
        program.append((what, *(chance.randrange(5000) for _ in range(3))))  # type: ignore[arg-type]
    return program


@pytest.fixture
def twin() -> NativeModule:
    """Give the specification."""
    table = import_module("cowtm.twin.table")
    table.name = "python"  # type: ignore[attr-defined]
    return table  # type: ignore[return-value]


@contextmanager
def paused_collector() -> Iterator[None]:
    """Collect only when a step says so: which tuples are tracked depends on it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leaves(observer: Observer) -> int:
    """Give the bytes of leaves: what is weighed but for nodes, contents, blocks."""
    nodes = set(observer.table.live())
    contents = {node.content for node in nodes if node.content is not None}
    for part in observer.result[2:]:
        nodes.update(part)
        contents.update(part.values())
    weight = observer.table.weigh(observer.result[2:]) - sum(map(sys.getsizeof, nodes))
    blocks: dict[int, int] = {}
    for content in contents:
        weight -= sys.getsizeof(content)
        if observer.module.name == "c":  # the slots are in it
            weight -= 8 * len(content.slots) * (2 if content.blocked else 1)
        else:
            weight -= sys.getsizeof(content.slots)
        if content.blocked:
            blocks.update((id(block), sys.getsizeof(block)) for block in content.slots)
    return weight - sum(blocks.values())


def check_found(observer: Observer) -> None:
    """See that every node is found by its number, and by its object while the table knows that."""
    table = observer.table
    for part in (observer.nodes, *observer.result[2:]):
        assert all(table.find(node.oid) is node for node in part)
    for node in table.live():
        if node.object is not GONE:
            assert table.node_of(node.object) is node


def run(first: Observer, second: Observer, taken: list[Step]) -> None:
    """Take steps on both, comparing after each that needs a table."""
    for step in taken:
        if step[0] == "collect":
            gc.collect()
            continue
        if step[0] in LOOKS:
            first.observe(step)
            second.observe(step)
            assert leaves(first) == leaves(second)
            assert first.report() == second.report()
            check_found(first)
            check_found(second)
            continue
        first.world.apply(step)
        if second.world is not first.world:
            second.world.apply(step)
    for observer in (first, second):
        observer.capture()
        observer.sweep()
    assert first.report() == second.report()


@pytest.mark.long
@random_steps
@given(taken=programs())
@pytest.mark.parametrize("native_module", ["c"], indirect=True)
def test_alike_over_worlds_of_their_own(
    native_module: NativeModule, twin: NativeModule, taken: list[Step]
) -> None:
    """Each with objects of its own, both record, let go and find again the same."""
    with paused_collector():
        run(Observer(native_module, World()), Observer(twin, World()), taken)


@pytest.mark.long
@random_steps
@given(taken=programs(), order=st.sampled_from(["C first", "twin first"]))
@pytest.mark.parametrize("native_module", ["c"], indirect=True)
def test_alike_over_one_world(
    native_module: NativeModule, twin: NativeModule, taken: list[Step], order: str
) -> None:
    """Looking at the same objects, whoever looks first, both see the same."""
    world = World()
    observers = [Observer(module, world) for module in (native_module, twin)]
    if order == "twin first":
        observers.reverse()
    with paused_collector():
        run(observers[0], observers[1], taken)


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.parametrize("made", range(24))
def test_alike_for_each_sort_of_object(
    native_module: NativeModule, twin: NativeModule, made: int
) -> None:
    """Every sort of object is made, changed in every way, and let go, by itself."""
    taken: list[Step] = [("make", 1, 0, 7), ("make", 0, made, 1), ("capture", 0, 0, 0)]
    for how in range(16):
        taken += [("change", how, 2 * made, 1), ("capture", 0, 0, 0)]
        taken += [("change", how, 1, 1), ("capture", 0, 0, 0)]
    taken += [("back", 0, 0, 0), ("delete", 0, 0, 0), ("sweep", 0, 0, 0), ("capture", 0, 0, 0)]
    taken += [("hold", 0, i, 0) for i in range(4)]
    taken += [("delete", i, 0, 0) for i in range(len(NAMES))]
    taken += [("sweep", 0, 0, 0), ("let go", 0, 0, 0), ("release", 0, 0, 0), ("capture", 0, 0, 0)]
    with paused_collector():
        run(Observer(native_module, World()), Observer(twin, World()), taken)


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.parametrize("seed", range(10))
def test_alike_over_a_long_time(native_module: NativeModule, twin: NativeModule, seed: int) -> None:
    """Worlds that grow for hundreds of steps are seen alike."""
    with paused_collector():
        run(Observer(native_module, World()), Observer(twin, World()), at_random(seed, 300))
