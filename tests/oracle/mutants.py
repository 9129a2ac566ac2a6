"""Mutants: cowtm with one thing broken. Run as a module, it says for each how it was caught.

They break the twin of the object table, so run it with ``COWTM_PURE_PYTHON=1``.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from random import Random
from typing import Any

from cowtm.testing.session import Session
from oracle.programs import Program, check, program, stored_program

SEEDS = 40
"""Random programs tried for each mutant before it counts as missed."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A piece of source text, and what stands in its place."""

    where: str
    """Module and function: ``cowtm.mirror:Mirror._bind``."""
    old: str
    """Text in that function, there once."""
    new: str
    """What it becomes."""


MUTANTS: dict[str, Mutant] = {
    "what was reachable before is not walked": Mutant(
        "cowtm.twin.table:ObjectTable.rebind", "self._stack.append(old)", "old.seen += 0"
    ),
    "children that left an object are not walked": Mutant(
        "cowtm.twin.table:ObjectTable._record", "self._stack.append(child)", "child.seen += 0"
    ),
    "the order of a dict is ignored": Mutant(
        "cowtm.twin.table:ObjectTable._same",
        "if old.kind.code != SET:",
        "if old.kind.code not in (SET, DICT):",
    ),
    "the last slot is not compared": Mutant(
        "cowtm.twin.table:ObjectTable._same", "len(slots) != len(parts)", "not slots and parts"
    ),
    "a death is not recorded": Mutant(
        "cowtm.twin.table:ObjectTable._bury", "self._before[node] = content", "node.seen += 0"
    ),
    "holders are not counted": Mutant(
        "cowtm.twin.table:ObjectTable._record", "child.holders += 1", "child.holders = 1"
    ),
    "objects are made anew though alive": Mutant(
        "cowtm.mirror:Mirror._prepare",
        "Maker(wanted, gone, is_empty, stays if rebuilt else None)",
        "Maker(wanted, gone, is_empty, lambda node: node.kind.keep)",
    ),
    "holders of what was made anew keep the old object": Mutant(
        "cowtm.mirror:Mirror._misfits", "repointed[node] = None", "continue"
    ),
    "tuples keep a child that was made anew": Mutant(
        "cowtm.mirror:Mirror._misfits", "rebuilt[node] = None\n", "continue\n"
    ),
    "names born later stay": Mutant(
        "cowtm.mirror:Mirror._bind", "self.home.pop(name, None)", "continue"
    ),
    "what garbage holds counts as alive": Mutant(
        "cowtm.mirror:Mirror.release_garbage",
        "- 2 - (key in ours) > inside[key]",
        "- 3 - (key in ours) > inside[key]",
    ),
    "copies are the live objects": Mutant(
        "cowtm.mirror:Mirror.build",
        "Maker(_as_dict(contents), set(), is_empty, stays, is_copied)",
        "Maker(_as_dict(contents), set(), is_empty)",
    ),
    "chunks are not written back": Mutant("cowtm.chunks:write_back", "!= chunk.digest", "== 0"),
    "views are made detached": Mutant(
        "cowtm.kinds.arrays:_view", "made = plain", "plain = plain.copy()\n    made = plain"
    ),
    "flags of arrays are forgotten": Mutant(
        "cowtm.kinds.arrays:Header.key",
        "self.offset, self.writeable",
        "self.offset",
    ),
    "closure cells are not read": Mutant(
        "cowtm.kinds.functions:CellKind.parts", "return [value.cell_contents]", "return [UNSET]"
    ),
    "defaults are not restored": Mutant(
        "cowtm.kinds.functions:FunctionKind.plan", "if old is not new", "if field < '__defaults__'"
    ),
    "slots are not read": Mutant(
        "cowtm.kinds.base:Layout.read", "parts.append(member.__get__(value))", "parts.append(UNSET)"
    ),
    "a new list shares nothing": Mutant(
        "cowtm.twin.maker:Maker.values",
        "objects[slot] if type(slot) is Node else slot for slot in slots",
        "list(o) if type(o) is list else o for o in map(self.value, slots)",
    ),
    "attributes of classes stay": Mutant(
        "cowtm.kinds.classes:ClassKind.plan", "assign(value, name, held)", "continue"
    ),
    "functions are not followed": Mutant(
        "cowtm.touch:Touch.by_code_of", "return self._in_home(node.object)", "return ()"
    ),
    "random generators are not recorded": Mutant(
        "cowtm.recorder:Recorder._bind_ambient", "table.check(ambient.name)", "continue"
    ),
    "a delta forgets what was before": Mutant(
        "cowtm.delta:Difference.chain", "key not in before and key not in after", "False"
    ),
    "the path misses a branch": Mutant(
        "cowtm.timeline:Timeline._path", "for number in up)", "for number in up[1:])"
    ),
}

STORED_MUTANTS: dict[str, Mutant] = {
    "classes made anew stay empty": Mutant(
        "cowtm.saved.naming:Naming.class_of", "self._newborn.add(node)", "node.oid.bit_length()"
    ),
    "the number of an object is given twice": Mutant(
        "cowtm.saved.codec:Codec.reserve", "self.naming.reserve(highest)", "self.naming.reserve(1)"
    ),
    "a variable's value is known by its name alone": Mutant(
        "cowtm.saved.codec:Codec._slot", "if leaf is not slot or not", "if leaf is UNSET or not"
    ),
    "a block is taken for the one before": Mutant(
        "cowtm.saved.codec:Codec._put_blocks",
        "known.get(id(block), (None, 0))",
        "next(iter(known.values()), (None, 0))",
    ),
    "pages with blocks are swept": Mutant(
        "cowtm.saved.codec:Codec.write",
        "needed.update(*map(self._shelf.blocked.__getitem__, self._blocked_in(side)))",
        "needed.update(())",
    ),
}
"""Mutants of what stores states, caught by programs over sessions that are stored."""

STORED_EXAMPLES: list[Program] = [
    [
        (
            "run",
            (
                "class K:\n    def __init__(self, n): self.n = n\n"
                "    def __hash__(self): return self.n\n"
                "    def __eq__(self, other): return self.n == other.n\nb = {K(1): [1], K(2): 2}"
            ),
        ),
        ("leave", None),
        ("run", "c = b[K(1)]; c.append(2)"),
        ("travel", 1),
        ("travel", 2),
    ],
    [
        ("run", "a = list(range(20_000)); b = a; c = [[i] for i in range(9_000)]"),
        ("run", "a[5] = 'five'; c[8_000].append(1); d = 'x'"),
        ("run", "a[19_000] = [a]; c[4] = c[5]; d = 'y'"),
        ("forget", 1),
        ("run", "a.append('end')"),
        ("leave", None),
        ("travel", 2),
        ("forget", 2),
        ("travel", 1),
        ("run", "a[7] = b"),
        ("leave", None),
        ("travel", 1),
        ("travel", 3),
    ],
    [
        ("run", "class K:\n    t = 1\n    def m(self): return self.t\nk = K(); k.a = [1]"),
        ("run", "del K, k"),
        ("leave", None),
        ("run", "z = [{}]"),
        ("travel", 1),
        ("run", "k.b = K; K.t = 2"),
        ("leave", None),
        ("travel", 1),
    ],
    [
        ("run", "o = {'k': [1]}"),
        ("leave", None),
        ("run", "p = [o, {}, []]; s = 'one'"),
        ("run", "s = 'two'; p[1]['q'] = p"),
        ("leave", None),
        ("travel", 2),
        ("travel", 3),
    ],
]
"""Programs for what chance brings up too seldom in such sessions."""

EXAMPLES: list[Program] = [
    # An array reshaped in place is made anew, and everything that holds it sees that.
    [
        ("run", "import numpy as np\nm = np.arange(6.0)\na = [m]\nb = (m, [1])\nc = {'m': b}"),
        ("run", "m.shape = (2, 3)"),
        ("travel", 1),
        ("travel", 2),
        ("travel", 1),
    ],
    [("run", "a = {'x': 1, 'y': 2}"), ("run", "a['x'] = a.pop('x')"), ("travel", 1), ("travel", 2)],
    [("run", "a = [[1]]; b = a[0]"), ("run", "a.pop().append(2)"), ("travel", 1)],
    [
        ("run", "a = [1]\ndef f():\n    a.append(2)\ndef g():\n    f()"),
        ("run", "b = [[i] for i in range(1000)]\nfor i in range(100_000): pass"),
        ("run", "g()"),
        ("travel", 1),
    ],
    [("run", "a = bytearray(9); m = memoryview(a)"), ("run", "a[3] = 5"), ("travel", 1)],
]
"""Programs for what chance brings up too seldom."""


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Break one function until the block ends."""
    module_name, _, path = mutant.where.partition(":")
    module = import_module(module_name)
    owner: Any = module
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    original = inspect.getattr_static(owner, name)
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    if mutant.old not in source:
        raise LookupError(f"{mutant.where} has changed: there is no {mutant.old!r} in it")
    scope: dict[str, Any] = {}
    code = compile(
        "from __future__ import annotations\n" + source.replace(mutant.old, mutant.new),
        mutant.where,
        "exec",
    )
    exec(code, {**vars(module)}, scope)  # noqa: S102  the function's own source
    setattr(owner, name, scope[name])
    users = [
        other
        for other in list(sys.modules.values())
        if not outer and vars(other).get(name) is original and other is not module
    ]
    for user in users:
        setattr(user, name, scope[name])
    try:
        yield
    finally:
        for user in [owner, *users]:
            setattr(user, name, original)


def caught(mutant: Mutant) -> str:
    """Return how a mutant is caught; empty if it is not."""
    with applied(mutant):
        for seed, hold in product(range(-len(EXAMPLES), SEEDS), (False, True)):
            steps = program(Random(seed)) if seed >= 0 else EXAMPLES[seed]
            try:
                check(steps, hold=hold, in_place=seed >= 0)
            except Exception as error:  # noqa: BLE001  whatever it is, it is noticed
                return f"program {seed}: {type(error).__name__}: {error}"[:300]
    return ""


def caught_when_stored(mutant: Mutant) -> str:
    """Return how a mutant of what stores states is caught; empty if it is not."""
    with applied(mutant):
        for seed, between in product(
            range(-len(STORED_EXAMPLES), SEEDS), (Session.demote, Session.flush)
        ):
            steps = stored_program(Random(seed)) if seed >= 0 else STORED_EXAMPLES[seed]
            try:
                check(steps, hold=seed % 2 == 0, between=between)
            except Exception as error:  # noqa: BLE001  whatever it is, it is noticed
                return f"program {seed}: {type(error).__name__}: {error}"[:300]
    return ""


if __name__ == "__main__":
    for mutant_name, one in MUTANTS.items():
        print(json.dumps([mutant_name, caught(one)]), flush=True)
    for mutant_name, one in STORED_MUTANTS.items():
        print(json.dumps([mutant_name, caught_when_stored(one)]), flush=True)
