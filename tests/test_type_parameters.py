"""Type variables and new types of the notebook come back in a process that has no such notebook."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from typing import TYPE_CHECKING, Any

import pytest
from notebook_code import Case
from recording import Recording

from cowtm.saved.parameters import made_of, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = {
    "alone": Case(
        "T = typing.TypeVar('T'); U = typing.TypeVar('U', int, str); items = [T, {'U': U}]",
        ("T.__name__", "U.__constraints__ == (int, str)", "items[0] is T", "items[1]['U'] is U"),
    ),
    "of a class of the notebook": Case(
        "class Base: pass\n"
        "T = typing.TypeVar('T', bound=Base, covariant=True)\n"
        "S = typing.TypeVar('S', bound='Base')",
        (
            "T.__bound__ is Base",
            "T.__covariant__, T.__contravariant__",
            "S.__bound__.__forward_arg__",
        ),
    ),
    "of a function": Case(
        "T = typing.TypeVar('T')\ndef same(x: T) -> T: return x",
        ("same.__annotations__ == {'x': T, 'return': T}", "same(5)"),
    ),
    "of a generic class": Case(
        "T = typing.TypeVar('T')\nclass Box(typing.Generic[T]):\n    held: T\n"
        "box = Box(); box.held = [1]; whole = Box[int]",
        ("Box.__parameters__ == (T,)", "whole.__origin__ is Box", "box.held"),
    ),
    "of aliases": Case(
        "T = typing.TypeVar('T'); P = typing.ParamSpec('P'); Ts = typing.TypeVarTuple('Ts')\n"
        "calls = typing.Callable[P, T]; rows = typing.Dict[str, typing.Tuple[typing.Unpack[Ts]]]",
        ("calls.__args__ == (P, T)", "rows.__parameters__ == (Ts,)", "repr([P, Ts])"),
    ),
    "new types": Case(
        "class Base: pass\nNumber = typing.NewType('Number', int)\n"
        "Kind = typing.NewType('Kind', Base); both = typing.List[Kind]",
        (
            "Number(4)",
            "Kind.__supertype__ is Base",
            "both.__args__ == (Kind,)",
            "Kind.__name__, Kind.__qualname__, Kind.__module__",
        ),
    ),
}

LOADED = """
import json, sys
import cowtm
path, asks = sys.argv[1], json.loads(sys.argv[2])
loaded = cowtm.load(path)
answers = []
for number in (2, 3):
    names = loaded.vars(number)
    answers.append([repr(eval(ask, dict(names))) for ask in asks])
print(json.dumps([answers, repr(loaded.vars(2)["beside"])]))
"""


@pytest.fixture
def recording_of_types() -> Iterator[Recording]:
    """Give a namespace with one of each."""
    recording = Recording()
    recording.cell(
        "import typing; T = typing.TypeVar('T'); P = typing.ParamSpec('P')\n"
        "Ts = typing.TypeVarTuple('Ts'); N = typing.NewType('N', int); alias = typing.List[T]"
    )
    yield recording
    recording.close()


@pytest.mark.parametrize("name", CASES)
def test_they_come_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every state, one for all that had one; what is saved beside them is whole."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    case = CASES[name]
    recording = Recording()
    recording.cell("import typing; beside = [1]")
    recording.cell(case.cell)
    recording.cell("beside.append(2)")
    answers = [repr(eval(ask, recording.home)) for ask in case.asks]  # noqa: S307  our own
    recording.tm.save(tmp_path / "x.cowtm")
    recording.close()
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "x.cowtm"), json.dumps(case.asks)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[answers, answers], "[1]"]


def test_going_back_keeps_them(recording_of_types: Recording) -> None:
    """They never change, so there is one of each for ever."""
    held = {name: recording_of_types.home[name] for name in ("T", "P", "Ts", "N")}
    recording_of_types.cell("T = P = Ts = N = alias = None")
    recording_of_types.tm.past(1)
    assert all(recording_of_types.home[name] is value for name, value in held.items())
    assert recording_of_types.tm.vars(1)["alias"].__args__[0] is held["T"]


def test_those_of_libraries_are_found_by_name() -> None:
    """There is one of them in each process already."""
    assert made_of(typing.AnyStr, {"__name__": "__main__"}) is None
    mine = typing.TypeVar("mine")
    assert made_of(mine, {"__name__": "__main__"}) is not None


@pytest.mark.skipif(sys.version_info < (3, 13), reason="defaults came with Python 3.13")
@pytest.mark.parametrize("default", [int, None, "Later"])
def test_defaults_come_back(default: object) -> None:
    """None is one too."""
    variable: Any = typing.TypeVar
    with_default, without = variable("T", default=default), variable("U")
    for parameter in (with_default, without):
        made = made_of(parameter, {"__name__": None})
        assert made is not None
        assert make(made).has_default() == (parameter is with_default)
        assert make(made).__default__ == parameter.__default__
