"""The object table gives back all the memory it took, however often it captures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc, os, random, sys
from conftest import gather
from graphs import LONG, Observer, World
from test_table_equivalence import LOOKS, at_random
import cowtm._native as extension

module = gather("c", extension, extension, extension)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def everything():
    # One world for its whole life: random steps, then clear.
    world = World()
    observer = Observer(module, world)
    for step in at_random(7, 200):
        if step[0] in LOOKS:
            if step[0] != "collect":
                observer.observe(step)
                observer.nodes.clear()
        else:
            world.apply(step)
    observer.table.clear()

def dropped():
    # A table that is let go without `clear`, deltas that outlive it.
    world = World()
    observer = Observer(module, world)
    world.home["a"] = [[i] for i in range(LONG)]
    world.home["b"] = world.home["a"][::2]
    observer.capture()
    observer.nodes.clear()
    result = observer.result
    del observer, world
    assert len(result[3]) == LONG + 2

def changing(state={}):
    # One table that lives on.
    if not state:
        world = World()
        state["observer"] = Observer(module, world)
    observer = state["observer"]
    home = observer.world.home
    home["a"] = [[i, {str(i): (i, [])}] for i in range(500)]
    observer.capture()
    home["a"][3].append(home["a"])
    del home["a"][10:]
    observer.capture()
    del home["a"]
    observer.capture()
    observer.sweep()
    observer.table.release(observer.table.limbo())
    observer.capture()
    observer.nodes.clear()

def failing(state={}):
    # Kinds whose methods raise, at every place in turn.
    from cowtm.kinds.base import Kind
    class Bad(Kind):
        by_value = True
        def parts(self, value):
            if random.random() < 0.3:
                raise KeyboardInterrupt
            if random.random() < 0.3:
                raise OSError("bad")
            return [1.5 * len(value.x), value.x, [value]]
        def same(self, old, new):
            if random.random() < 0.3:
                raise KeyboardInterrupt
            return False
    class Box:
        def __init__(self):
            self.x = [1]
    bad = Bad()
    world = World()
    kinds = Observer(module, world).table
    table = module.ObjectTable(lambda cls: bad if cls is Box else {list: LISTS}.get(cls), {})
    for index in range(200):
        try:
            if index % 5 == 0:
                table.rebind("x", [Box(), [Box()]])
            table.check("x")
            if index % 3 == 0:
                table.finish()
        except KeyboardInterrupt:
            pass
    table.clear()

def reading(state={}):
    # A delta goes and another one comes, made of numbers, kinds and slots.
    world = World()
    observer = Observer(module, world)
    table = observer.table
    world.home["a"] = [[i] for i in range(LONG)]
    observer.capture()
    node = table.node_of(world.home["a"])
    assert table.find(node.oid) is node
    table.weigh([observer.result[2], observer.result[3]])
    stored = {node.oid: content.slots for node, content in observer.result[3].items()}
    blocked = {node.oid: content.blocked for node, content in observer.result[3].items()}
    observer.nodes.clear()
    observer.result = ({}, {}, {}, {})
    del node, world.home["a"]
    observer.capture()
    contents = {}
    for oid, slots in stored.items():
        node = table.node(oid, LISTS)
        node.kind = ListKind()
        contents[node] = module.Content(node.kind, slots, blocked[oid])
        contents[node].address = oid
        table.attach(node, [])
    del stored
    outer = table.find(1)
    table.adopt(({}, {"a": outer}), (observer.result[3], contents))
    table.weigh([contents])
    try:
        table.attach(module.Node(1, LISTS, []), [])
    except ValueError as error:
        assert "number 1" in str(error)
    observer.nodes.clear()
    del observer, table
    assert outer.oid == 1

def making(state={}):
    # Objects are made anew, or can't be: each kind's methods raise in turn, and makers stay behind.
    if not state:
        from test_maker import world_of
        state["worlds"] = [world_of(module, seed) for seed in range(20)]
    for seed, made in enumerate(state["worlds"]):
        for broken in range(6):
            made.broken = broken
            maker = made.maker()
            maker.failed = {} if broken % 2 else None
            try:
                maker.add(made.roots())
                maker.fill()
            except Exception as error:
                assert str(error)
            maker.made, maker.values(made.roots()[:0])
            made.log.clear()

from cowtm.kinds.containers import ListKind
LISTS = ListKind()

for what in (everything, dropped, changing, failing, reading, making):
    random.seed(1)
    seen = []
    for round in range(14):
        random.seed(1)
        what()
        gc.collect()
        seen.append((sys.getallocatedblocks(), resident()))
    blocks = seen[-1][0] - seen[4][0]
    pages = seen[-1][1] - seen[4][1]
    print(what.__name__, blocks, pages)
    assert blocks < 200, (what, seen)
    assert pages < 4 << 20, (what, seen)
"""


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.usefixtures("native_module")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory held")
def test_memory_is_given_back() -> None:
    """Captures, changes, errors, tables that go: blocks and pages stay what they were."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
