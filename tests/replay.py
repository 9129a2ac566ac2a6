"""Notebooks run twice, plainly and under cowtm; every state must be what it was in the plain run.

A notebook is a file of cells, as editors know them: ``# %%`` begins a cell, ``# %% raises`` one
that ends with an error, ``# %% again 3`` runs the third cell once more; magics are commented out.

Each run is a process of its own, or a kernel; what it saw is written down as plain values.
"""

from __future__ import annotations

import os
import pickle
import random
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contracts
import numpy as np
from seen import Seen, count_from, difference, form_now, not_told, seen, variables

from cowtm.testing.form import Form, form_of

if TYPE_CHECKING:
    from session import Session
    from test_kernel import Kernel

    from cowtm.timeline import Number

FOLDER = Path(__file__).parent / "notebooks"
"""Where the notebooks are."""

NOTES = "COWTM_REPLAY_NOTES"
"""The environment variable that tells a kernel where to write down what its states are."""

MARK = re.compile(r"# %%(?: (?P<how>.*))?")
MAGIC = re.compile(r"^# (?=%%?[a-z])", re.MULTILINE)

# -- notebooks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a notebook."""

    source: str
    """Its code."""
    raises: bool
    """Whether it ends with an error."""


def read(name: str) -> list[Cell]:
    """Read a notebook."""
    return cells_of((FOLDER / f"{name}.py").read_text())


def cells_of(text: str) -> list[Cell]:
    """Give the cells that a text tells.

    Raises:
        ValueError: a cell is marked in a way that is not known.

    """
    cells: list[Cell] = []
    how: str | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), "# %%"]:
        mark = MARK.fullmatch(line)
        if mark is None:
            lines.append(line)
            continue
        if how is not None:
            cells.append(_cell(how, lines, cells))
        how, lines = mark["how"] or "", []
    return cells


def _cell(how: str, lines: Sequence[str], cells: Sequence[Cell]) -> Cell:
    what, _, number = how.partition(" ")
    if what == "again":
        return cells[int(number) - 1]
    if what not in ("", "raises"):
        raise ValueError(f"a cell is plain, 'raises' or 'again'; this one is {how!r}")
    return Cell(MAGIC.sub("", "\n".join(lines).strip("\n")), what == "raises")


# -- where cells run -------------------------------------------------------------------------------


class Shell:
    """A shell in this process."""

    def __init__(self, session: Session) -> None:
        self.session = session
        begin()

    def load(self) -> None:
        """Load cowtm, outside of any cell."""
        self.session.shell.extension_manager.load_extension("cowtm")

    def run(self, source: str) -> Seen:
        """Run a cell."""
        outcome = self.session.run(source)
        error = outcome.error is not None
        form = form_now(self.session.names)
        number = outcome.number or 0
        return seen(number, outcome.output, form, error=error, modules=sys.modules)

    def now(self) -> Form:
        """Describe the present."""
        return form_now(self.session.names)


class InKernel:
    """A kernel, which writes down what its states are."""

    def __init__(self, kernel: Kernel, notes: Path) -> None:
        self._kernel = kernel
        self._notes = notes
        self._send("%load_ext replay")

    def load(self) -> None:
        """Load cowtm, in a cell without a number."""
        self._send("%load_ext cowtm")

    def _send(self, source: str) -> None:
        reply = self._kernel.wait_for(self._kernel.client.execute(source, store_history=False))
        assert not reply.error, reply.traceback

    def run(self, source: str) -> Seen:
        """Run a cell."""
        request = self._kernel.start(source)
        reply = self._kernel.wait_for(request)
        number = self._kernel.ask(request)["execution_count"]
        shown = reply.text + reply.result.get("text/plain", "") + reply.traceback
        return seen(number, shown, self.now(), error=bool(reply.error))

    def now(self) -> Form:
        """Describe the present, as it was after the last cell."""
        form: Form = pickle.loads(self._notes.read_bytes())
        return form


def begin() -> None:
    """Have all runs draw the same numbers."""
    random.seed(1)
    np.random.seed(1)
    assert contracts.FAMILIES  # and with them the descriptions of libraries


def load_ipython_extension(shell: Any) -> None:
    """Have a kernel write down what the variables are after each cell."""
    notes = Path(os.environ[NOTES])
    begin()

    def note(_: object) -> None:
        notes.write_bytes(pickle.dumps(form_now(shell.user_ns)))

    shell.events.register("post_run_cell", note)


# -- the replay ------------------------------------------------------------------------------------


def run_all(shell: Shell | InKernel, cells: Iterable[Cell]) -> list[Seen]:
    """Run all cells; returns what there was before the first, and after each."""
    before = seen(0, "", shell.now(), error=False)
    return [before, *(shell.run(cell.source) for cell in cells)]


@dataclass(slots=True)
class Replay:
    """A notebook that runs under cowtm, held against its plain run."""

    shell: Shell | InKernel
    cells: Sequence[Cell]
    plain: Sequence[Seen]
    excused: Collection[str] = ()
    """Names that need not be as in the plain run."""
    wrong: list[str] = field(default_factory=list)
    """What was not as in the plain run."""
    said: str = ""
    """What cowtm said while the notebook ran."""
    after: dict[int, int] = field(default_factory=lambda: {0: 0})
    """Number of a state -> after how many cells of the notebook it is."""

    def run_cells(self, start: int = 0) -> Iterator[Seen]:
        """Run the cells from one on; all must be as in the plain run, and show the same."""
        for after, cell in enumerate(self.cells[start:], start + 1):
            found, wanted = self._run(cell.source, after), self.plain[after]
            self.said += found.said
            if found.error != wanted.error:
                self.wrong.append(f"cell {found.number} shows {found.shown}")
            if not start:  # later, what is shown depends on what was shown before
                self._is_told(wanted, found)
            yield found

    def _is_told(self, wanted: Seen, found: Seen) -> None:
        if found.shown != wanted.shown:
            self.wrong.append(f"cell {found.number} shows {found.shown!r}, not {wanted.shown!r}")
        if found.libraries != wanted.libraries:
            more = sorted(found.libraries ^ wanted.libraries)
            self.wrong.append(f"cell {found.number}: {more} is imported in one run only")

    def travel(self, number: int) -> None:
        """Go to a state, as users do."""
        found = self._run(f"%past {number}", self.after[number])
        if found.error:
            self.wrong.append(f"%past {number} shows {found.shown}")

    def _run(self, source: str, after: int) -> Seen:
        found = self.shell.run(source)
        self.after[found.number] = after
        self.is_same(self.plain[after].form, found.form, f"cell {found.number}, as after {after}")
        return found

    def is_same(self, wanted: Form, found: Form, where: str) -> None:
        """Note a difference."""
        differs = difference(wanted, found, self.excused)
        if differs:
            self.wrong.append(f"{where}: {differs}")


@dataclass(frozen=True, slots=True)
class Report:
    """How a replay went."""

    wrong: list[str]
    """What was not as in the plain run."""
    by_reference: dict[str, str]
    """Variable -> what in it was not recorded, in any state."""
    late: dict[Number, tuple[str, ...]]
    """State -> the variables whose changes were not found with it."""


def replay(
    shell: Shell,
    cells: Sequence[Cell],
    plain: Sequence[Seen],
    seed: int,
    excused: Collection[str] = (),
) -> Report:
    """Run a notebook under cowtm, travel to all its states, and go on from the middle.

    Args:
        shell: a new one.
        cells: the notebook.
        plain: what a plain run saw.
        seed: for the order of travelling.
        excused: names that need not be as in the plain run.

    """
    shell.load()
    ran = Replay(shell, cells, plain, excused)
    session, wrong = shell.session, ran.wrong
    ran.is_same(plain[0].form, shell.now(), "before the first cell")
    flat = {0: _flat(session.names)}
    references: dict[str, str] = {}
    for found in ran.run_cells():
        flat[found.number] = _flat(session.names)
        named = session.last.by_reference
        references |= named
        for where in not_told(found.form, named):
            wrong.append(f"cell {found.number}: nothing says that {where} is by reference")
    for name, what in references.items():
        where = "the result" if name == "<result>" else name
        if f"cowtm: {where}: {what} can't be recorded" not in ran.said:
            wrong.append(f"nobody was told of {name}: {what}")
    numbers = list(flat)
    random.Random(seed).shuffle(numbers)
    for number in numbers:
        ran.travel(number)
        _finds_nothing(session, wrong, f"%past {number}")
        ran.is_same(flat[number], _flat(session.tm.vars(number)), f"vars({number})")
    middle = len(cells) // 2
    ran.travel(middle)
    count_from(plain[middle].counters, sys.modules)
    again = [found.number for found in ran.run_cells(middle)]
    for number in [again[len(again) // 2], numbers[0], again[-1]]:
        ran.travel(number)
    states = session.tm.states
    return Report(wrong, references, {n: s.late for n, s in states.items() if s.late})


def _flat(names: Mapping[str, Any]) -> Form:
    """Describe variables, classes of the notebook by what they are called: copies share them."""
    found = variables(names)
    names = {name: found[name] for name in sorted(found)}
    return form_of(names, classes=False, module="__main__").impersonal()


def _finds_nothing(session: Session, wrong: list[str], where: str) -> None:
    found = session.tm.audit()
    if found:
        wrong.append(f"{where}: an audit finds changes in {found}")


# -- processes -------------------------------------------------------------------------------------


def main(name: str, folder: str, seed: int, excused: Collection[str]) -> None:
    """Run a notebook plainly, then under cowtm; what comes of each is written into a file.

    Each runs in a fork of this process, which has imported nothing but what both need.
    """
    for what in ("plain", "recorded"):
        (Path(folder) / what).mkdir()
        process = os.fork()
        if process == 0:
            _run_here(what, name, folder, seed, excused)
            return  # to the end of the interpreter, as any process
        _, status = os.waitpid(process, 0)
        if status:
            sys.exit(f"the {what} run ended with {os.waitstatus_to_exitcode(status)}")


def _run_here(what: str, name: str, folder: str, seed: int, excused: Collection[str]) -> None:
    from session import new_session  # noqa: PLC0415  not for kernels, which import this module too

    home = Path(folder)
    with new_session(home / what, loaded=False) as session:
        shell = Shell(session)
        done: Any
        if what == "plain":
            done = run_all(shell, read(name))
        else:
            plain = pickle.loads((home / "plain.pickle").read_bytes())
            done = replay(shell, read(name), plain, seed, excused)
    (home / f"{what}.pickle").write_bytes(pickle.dumps(done))


ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parent),
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
}
"""What all runs have in common."""


def run(
    name: str, folder: Path, seed: int, excused: Collection[str] = ()
) -> tuple[list[Seen], Report]:
    """Run a notebook plainly and under cowtm, in processes of their own.

    Args:
        name: of the notebook.
        folder: where they write.
        seed: for the order of travelling.
        excused: names that need not be as in the plain run.

    Returns:
        What the plain run saw, and the report of the replay.

    """
    arguments = f"{name!r}, {str(folder)!r}, {seed}, {excused!r}"
    done = subprocess.run(
        [sys.executable, "-c", f"import replay; replay.main({arguments})"],
        env=os.environ | ENVIRONMENT,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plain, recorded = (folder / f"{what}.pickle" for what in ("plain", "recorded"))
    return pickle.loads(plain.read_bytes()), pickle.loads(recorded.read_bytes())
