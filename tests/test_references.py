"""What a state says of what is by reference: all of it, and of which variable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from recording import Recording

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
