"""Nothing changed, nothing stored: costs are counted, not timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cowtm import native
from cowtm.chunks import CHUNK
from cowtm.testing.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("few_ambient")

MANY = 300_000 if native.ObjectTable.__module__ == "cowtm._native" else 30_000
"""Dicts in a list; the twin takes ten times as long for each."""


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session in which nothing is checked but what the cells touch."""
    session = Session()
    yield session
    session.close()


class Cost:
    """What one cell cost: contents changed, bytes stored, objects visited."""

    def __init__(self, session: Session, source: str) -> None:
        mirror = session.machine.recorder.mirror
        visited, stored = mirror.table.visited, mirror.store.stored
        assert session.run(source) is None
        self.state = session.machine.states[session.number]
        self.delta = session.machine.archive._timeline.delta(self.state)
        self.contents = len(self.delta.contents)
        self.stored = mirror.store.stored - stored
        self.visited = mirror.table.visited - visited


def test_one_element_of_a_big_array_stores_one_chunk(session: Session) -> None:
    """256 MB, one float: one MiB; and back again nothing, for that chunk is known."""
    first = Cost(
        session, "import numpy as np\nx = np.zeros(32_000_000)\nx[:] = np.arange(32_000_000)"
    )
    assert first.stored == 256_000_000
    one = Cost(session, "x[20_000_000] = -1")
    assert (one.contents, one.stored) == (1, CHUNK)
    assert one.state.stored == CHUNK
    assert Cost(session, "x[20_000_000] = 20_000_000").stored == 0
    only_read = Cost(session, "total = x.sum()")
    assert (only_read.contents, only_read.stored) == (0, 0)
    session.machine.past(1)
    session.machine.past(2)
    assert session.home["x"][20_000_000] == -1
    assert Cost(session, "x").stored == 0


def test_equal_memory_is_stored_once(session: Session) -> None:
    """A copy of an array adds no chunk; a view adds none either."""
    Cost(session, "import numpy as np\nx = np.arange(1_000_000.0)")
    assert Cost(session, "y = x.copy()").stored == 0
    assert Cost(session, "z = x[::2]").stored == 0
    assert Cost(session, "w = x + 1").stored == 8_000_000


def test_one_dict_of_many_stores_one_dict(session: Session) -> None:
    """A list of many dicts, one changed: one content, and the list's is not rewritten."""
    Cost(session, f"x = [{{'number': i, 'tags': [i]}} for i in range({MANY})]")
    deep = Cost(session, f"x[{MANY // 2}]['tags'].append(0)")
    assert deep.contents == 1
    assert deep.visited >= 2 * MANY
    assert Cost(session, f"x[{MANY // 3}]['new'] = 1").contents == 1
    only_read = Cost(session, "length = len(x)")
    assert only_read.contents == 0


def test_one_element_of_a_long_list_stores_one_block(session: Session) -> None:
    """The other blocks of its content are those of the version before."""
    Cost(session, "x = list(range(1_000_000))")
    table = session.machine.recorder.mirror.table
    node = table.bindings["x"]
    before = node.content.slots
    Cost(session, "x[500_000] = None")
    after = node.content.slots
    assert len(after) > 200
    assert sum(old is not new for old, new in zip(before, after, strict=True)) == 1


def test_a_cell_that_touches_nothing_visits_nothing_big(session: Session) -> None:
    """What a cell does not name is not looked at."""
    Cost(session, "x = [[i] for i in range(20_000)]\nsmall = [1]")
    session.machine.audit()  # how long each takes is known once it was checked again
    cost = Cost(session, "y = 1")
    assert cost.visited < 10
    assert cost.contents == 0
    assert len(cost.delta.bindings) == 1
    assert Cost(session, "small.append(2)").visited < 10
    assert Cost(session, "x").visited > 20_000


def test_a_function_is_followed_into_what_it_names(session: Session) -> None:
    """What its code names is looked at, nothing else."""
    Cost(session, "x = [[i] for i in range(20_000)]\ny = [[i] for i in range(10_000)]")
    Cost(session, "def touch():\n    y[0].append(1)\ndef both():\n    touch()")
    session.machine.audit()
    cost = Cost(session, "both()")
    assert cost.contents == 1
    assert 10_000 < cost.visited < 20_000


@pytest.mark.parametrize(
    "make",
    [
        "[1, [2], {3: {4}}]",
        "{str(i): [i] for i in range(1000)}",
        "np.arange(1000.0)",
        "[np.arange(10), bytearray(10), np.random.default_rng(1)]",
        "[type('C', (), {})() for i in range(3)]",
        "[lambda: 0, [].append, iter([1])]",
        "type('L', (list,), {})(range(1000))",
    ],
)
def test_an_unchanged_namespace_stores_nothing(session: Session, make: str) -> None:
    """However often it is read."""
    Cost(session, f"import numpy as np\nx = {make}")
    for source in ("x", "repr(x)", "y = x; del y"):
        cost = Cost(session, source)
        assert (cost.contents, cost.stored, len(cost.delta.bindings)) == (0, 0, 0), source


def test_clearing_the_past_lets_go_of_its_memory(session: Session) -> None:
    """Chunks that no state refers to are gone."""
    Cost(session, "import numpy as np\nx = np.zeros(1_000_000)")
    for value in range(1, 4):
        Cost(session, f"x[:] = {value}")
    store = session.machine.recorder.mirror.store
    assert store.held >= 4 * CHUNK - 8_000_000 % CHUNK
    session.machine.clear_past()
    assert store.held <= 2 * CHUNK
