"""What a state says of what is by reference: all of it, and of which variable."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from recording import Recording

from cowtm.errors import NotHere

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def recording() -> Iterator[Recording]:
    """Give an empty namespace that is recorded."""
    recording = Recording()
    recording.cell("import threading")
    yield recording
    recording.close()


def told(recording: Recording) -> dict[str, str]:
    """Return what the last state says."""
    return dict(recording.tm.states[recording.number].by_reference)


def test_a_variable_with_several(recording: Recording) -> None:
    """Each is told, once."""
    recording.cell("b = [threading.Lock(), iter({}), threading.Lock()]")
    assert told(recording) == {"b": "a lock, an iterator over a dict"}
    assert recording.said[-1].startswith("cowtm: b: a lock, an iterator over a dict can't be")
    recording.cell("b.append((i for i in b))")
    assert told(recording) == {"b": "a lock, an iterator over a dict, a generator"}
    assert recording.said[-1].startswith("cowtm: b: a generator can't be recorded")
    recording.cell("del b[0], b[1]")
    assert told(recording) == {"b": "an iterator over a dict, a generator"}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("one = [threading.Lock()]; two = [one[0]]", "one"),
        ("two = [threading.Lock()]; one = two", "two"),
        ("box = [threading.Lock()]; itself = box[0]", "itself"),
        ("a = {}; b = [threading.Lock()]; a['b'] = b", "a"),
    ],
)
def test_the_variable_that_is_named(recording: Recording, source: str, name: str) -> None:
    """The one that is bound to it; else the one that was bound first, of those that lead there."""
    recording.cell(source)
    assert told(recording) == {name: "a lock"}


def test_another_variable_takes_over(recording: Recording) -> None:
    """When the one that was named is gone."""
    recording.cell("one = [threading.Lock()]; two = [one[0]]; three = two")
    recording.cell("del one")
    assert told(recording) == {"two": "a lock"}
    recording.cell("del two")
    assert told(recording) == {"three": "a lock"}
    recording.cell("del three")
    assert told(recording) == {}
    recording.tm.past(2)
    recording.cell("del two, three")
    assert told(recording) == {"one": "a lock"}


def test_a_variable_that_leads_there_no_more(recording: Recording) -> None:
    """It is not named any longer, though it is bound, and though another one changed it."""
    recording.cell("row = [[[]]]; way = row[0]; way[0].append(threading.Lock())")
    recording.cell("kept = [way[0][0]]")
    assert told(recording) == {"row": "a lock"}
    recording.cell("way[0].clear()")
    assert told(recording) == {"kept": "a lock"}
    recording.cell("row[0][0].append(kept.pop())")
    assert told(recording) == {"row": "a lock"}
    recording.tm.past(3)
    recording.cell("del row, way")
    assert told(recording) == {"kept": "a lock"}


def test_a_variable_is_preferred_to_what_is_none(recording: Recording) -> None:
    """A lock in a global generator is told of as soon as a variable leads there."""
    recording.cell("import random; random._inst.held = [threading.Lock()]")
    try:
        assert told(recording) == {"<random>": "a lock"}
        recording.cell("box = {'mine': random._inst.held}")
        assert told(recording) == {"box": "a lock"}
        recording.cell("del box")
        assert told(recording) == {"<random>": "a lock"}
    finally:
        del random._inst.held  # type: ignore[attr-defined]


def test_a_thing_that_comes_anew_in_every_cell_is_said_once(recording: Recording) -> None:
    """Every state tells of it; another name or another thing is said too."""
    for _ in range(3):
        recording.cell("loss = (i for i in ())")
        assert told(recording) == {"loss": "a generator"}
    said = [line for line in recording.said if "can't be recorded" in line]
    assert [line.partition(" can't")[0] for line in said] == ["cowtm: loss: a generator"]
    recording.cell("other = (i for i in ())")
    recording.cell("loss = threading.Lock()")
    recording.cell("loss = other = None")
    recording.cell("loss = (i for i in ())")
    said = [line for line in recording.said if "can't be recorded" in line]
    assert [line.partition(" can't")[0] for line in said[1:]] == [
        "cowtm: other: a generator",
        "cowtm: loss: a lock",
    ]


def test_what_is_no_variable_is_called_by_words(recording: Recording) -> None:
    """In the line that is said, in the state, and in the table of states."""
    source = "import random; random._inst.held = (i for i in ())"
    recording.cell(source)
    try:
        words = "Python's random generator"
        assert recording.said[-1].startswith(f"cowtm: {words}: a generator can't be recorded")
        assert f"{words}: a generator" in repr(recording.tm.states[recording.number])
        assert f"by reference: {words}" in repr(recording.tm.states)
    finally:
        del random._inst.held  # type: ignore[attr-defined]


SESSION = """
from recording import Recording
recording = Recording()
names = "abcdefgh"
recording.cell("import threading; " + "; ".join(f"{name} = []" for name in names))
recording.cell("lock = threading.Lock()\\nfor one in (h, g, f, e, d, c, b, a): one.append(lock)")
recording.cell("del lock")
recording.cell("del one")
print(dict(recording.tm.states[4].by_reference))
"""


def test_hashing_makes_no_difference() -> None:
    """The same session says the same, whatever order sets have."""
    said = {
        subprocess.run(
            [sys.executable, "-c", SESSION],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert said == {"{'a': 'a lock'}\n"}


@pytest.mark.parametrize(
    "over",
    [
        *("zip(gone, 'a')", "enumerate(gone)", "map(str, gone)", "filter(None, gone)"),
        *("itertools.chain(gone)", "itertools.cycle(gone)", "itertools.islice(gone, 2)"),
        *("itertools.groupby(gone)", "itertools.accumulate(gone)", "itertools.zip_longest(gone)"),
    ],
)
def test_an_iterator_over_what_is_gone_comes_back(recording: Recording, over: str) -> None:
    """It says what is gone when it is asked for an element; all else of the state is there."""
    recording.cell("import itertools; d = {1: [2]}; gone = iter(d); held = [d]")
    recording.cell(f"x = {over}; del gone; d[1].append(3)")
    number = recording.number
    recording.cell("del x, d; held.clear()")
    recording.tm.past(number)
    assert recording.home["held"] == [{1: [2, 3]}] == [recording.home["d"]]
    with pytest.raises(NotHere, match="an iterator over a dict was kept by reference only"):
        next(recording.home["x"])
