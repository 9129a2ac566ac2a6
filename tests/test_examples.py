"""Every example in the documentation runs, and gives what it says."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from session import Session, new_session

from cowtm.machine import TimeMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
FOR_THE_HOOKS = {
    *("begin", "begin_cell", "end_cell", "close"),
    *("on_unhook", "on_resume", "recorder", "limits", "catch_up", "glance"),
    *("on_future", "on_replay", "on_terminal", "start_cell", "start_each"),
}
"""What the extension calls, not the user."""

CALLS = sorted(
    name for name in dir(TimeMachine) if not name.startswith("_") and name not in FOR_THE_HOOKS
)
"""What users call."""

_PROMPT = re.compile(r"In \[(\d+)\]: ?(.*)")
_MORE = re.compile(r" *\.\.\.: ?(.*)")
_FENCE = re.compile(r"^```ipython\n(.*?)^```$", re.DOTALL | re.MULTILINE)

PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if _FENCE.search(page.read_text(encoding="utf-8"))
]
"""Those with transcripts of sessions."""


@dataclass(frozen=True, slots=True)
class Example:
    """One cell and what it shows."""

    number: int
    source: str
    output: str


def examples_in(text: str) -> Iterator[Example]:
    """Read a transcript of IPython: prompts, lines that go on, and output up to the next prompt."""
    number = 0
    source: list[str] = []
    output: list[str] = []
    for line in [*dedent(text).splitlines(), "In [0]: "]:
        prompt, more = _PROMPT.fullmatch(line), _MORE.fullmatch(line)
        if prompt:
            if number:
                yield Example(number, "\n".join(source), _trimmed("\n".join(output)))
            number, source, output = int(prompt[1]), [prompt[2]], []
        elif more and number and not output:
            source.append(more[1])
        elif number:
            output.append(line)
        else:
            assert not line.strip(), f"text before the first prompt: {line!r}"


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def check(session: Session, text: str) -> int:
    """Run a transcript; returns how many cells it had."""
    count = 0
    for example in examples_in(text):
        outcome = session.run(example.source)
        got = _trimmed(outcome.output)
        assert outcome.number == example.number, f"this is cell {outcome.number}"
        same = doctest.OutputChecker().check_output(example.output, got, doctest.ELLIPSIS)
        assert same, f"In [{example.number}]: {example.source}\ngave\n{got}\nnot\n{example.output}"
        count += 1
    return count


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session where cowtm was loaded before the first cell."""
    with new_session(tmp_path, loaded=False) as session:
        session.shell.extension_manager.load_extension("cowtm")
        yield session


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_an_example_that_runs(
    session: Session, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its docstring, under "Example:"; what it writes goes into a folder of its own."""
    monkeypatch.chdir(tmp_path)
    documented = inspect.getdoc(getattr(TimeMachine, name)) or ""
    before, heading, example = documented.partition("\nExample:\n")
    assert heading, f"{name} has no example"
    assert before.strip()
    assert check(session, example) >= 2


def test_the_calls_are_those_we_know() -> None:
    """A new public call is for the user, who gets an example, or for the hooks."""
    assert not FOR_THE_HOOKS - set(dir(TimeMachine))
    assert {"past", "undo", "vars", "ans", "diff", "history", "blame", "states"} <= set(CALLS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_a_page_run(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of one page are one session; the first cell loads the extension."""
    monkeypatch.chdir(tmp_path)
    blocks = _FENCE.findall(page.read_text(encoding="utf-8"))
    with new_session(tmp_path, loaded=False) as session:
        assert check(session, "\n".join(blocks)) >= 2


def test_a_wrong_example_is_found(session: Session) -> None:
    """The check compares: another output, number or order fails."""
    assert check(session, "In [1]: 1 + 1\nOut[1]: 2\n\nIn [2]: x = [\n   ...: 3]\n") == 2
    for wrong in ("In [3]: 1 + 1\nOut[3]: 3", "In [9]: 1", "In [5]: 1 + 1"):
        with pytest.raises(AssertionError):
            check(session, wrong)
