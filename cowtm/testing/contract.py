"""The contract of a kind, as examples: an object, and ways to change it in place.

`travels`, `copies` and `is_saved` run an example and raise `Wrong` where a law does not hold; see
`docs/adding-a-library.md`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from cowtm.testing.form import form_of
from cowtm.testing.session import NAME, Checked, Session, Wrong

if TYPE_CHECKING:
    from cowtm.testing.form import Form


@dataclass(frozen=True, slots=True)
class Example:
    """An object, and ways to change it in place.

    Attributes:
        make: an expression; its value is bound to ``x``, and a list that holds it to ``also``.
        changes: cells, each of which changes what ``x`` leads to.
        in_place: whether travelling keeps the identity of what is alive.
        copies: whether `vars` gives objects of its own.
        by_reference: what of it is kept by reference after the last change, as
            `state.by_reference` says it; nothing if all of it is recorded.
        at_most: bytes of new chunks that a change may store, besides those of the first capture.
        saved: why it can't come back in another process; nothing if it does.

    """

    make: str
    changes: tuple[str, ...] = ()
    in_place: bool = True
    copies: bool = True
    by_reference: str = ""
    at_most: int | None = None
    saved: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that does not come back, and what shows it.

    Attributes:
        what: what it is, in words.
        cells: the state after the first of them is travelled back to from the last.
        shown: an expression, true in that state when it was reached by travelling, and not true
            when the first cell had just run.
        needs: libraries that must be there.

    """

    what: str
    cells: tuple[str, ...]
    shown: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds of objects that are captured alike: a row of the table of guarantees.

    Attributes:
        what: the objects, in words.
        examples: name -> example.
        prelude: statements that define what the examples name; those needed are run first.
        needs: libraries that must be there.
        how: how they are captured, in words.
        limits: what does not come back.

    """

    what: str
    examples: Mapping[str, Example]
    prelude: str = ""
    needs: tuple[str, ...] = ()
    how: str = ""
    limits: tuple[Limit, ...] = ()


@dataclass(slots=True)
class Run:
    """An example that ran, in a session that is held against the oracle.

    Attributes:
        checked: the session.
        states: numbers of its states, from before the object to after all changes.

    """

    checked: Checked
    states: list[Any] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.checked.close()


def run(family: Family, name: str, *, hold: bool = False) -> Run:
    """Run the cells of an example: every change must be seen, and unchanged be stored no more.

    Args:
        family: the family it is in.
        name: its name there.
        hold: whether to keep every object of every state alive.

    Returns:
        What ran; to be closed.

    Raises:
        Wrong: a change went unseen, or was only found by looking everywhere; a second capture
            found something; more was stored than the example allows.

    """
    example = family.examples[name]
    ran = Run(Checked(hold=hold, in_place=example.in_place))
    try:
        _run_cells(ran, family, example)
    except BaseException:
        ran.checked.close()
        raise
    return ran


def _run_cells(ran: Run, family: Family, example: Example) -> None:
    checked = ran.checked
    checked.run(prelude_for(family.prelude, " ".join((example.make, *example.changes))))
    _ended_well(checked, "the prelude")
    ran.states.append(checked.position)
    for source in (f"x = {example.make}\nalso = [x]", *example.changes):
        checked.run(source)
        _ended_well(checked, source)
        state = checked.session.machine.states[checked.position]
        if checked.known[ran.states[-1]].form == checked.known[checked.position].form:
            raise Wrong(f"the example is wrong: {source} changes nothing that the oracle sees")
        if not state.names and not state.delta:
            raise Wrong(f"{source} went unseen")
        stored = state.stored
        if example.at_most is not None and len(ran.states) > 1 and stored > example.at_most:
            raise Wrong(f"{source} stored {stored} bytes, more than {example.at_most}")
        said = state.by_reference.get("x") or state.by_reference.get("also", "")
        if said != example.by_reference and source in example.changes[-1:]:
            raise Wrong(f"by reference is {said!r}, not {example.by_reference!r}")
        ran.states.append(checked.position)


def _ended_well(checked: Checked, source: str) -> None:
    error = checked.session.machine.states[checked.position].error
    if error is not None:
        raise Wrong(f"{source} failed: {error}")


def travels(family: Family, name: str, *, hold: bool) -> None:
    """See that travelling to any state gives what was there, in the objects that are alive.

    Args:
        family: the family that the example is in.
        name: its name there.
        hold: whether to keep every object of every state alive.

    Raises:
        Wrong: a law does not hold.

    """
    with run(family, name, hold=hold) as ran:
        states = ran.states
        for goal in [*states[::-1], *states[::2], states[-1], states[0], *states[1::2]]:
            ran.checked.travel(goal)


def copies(family: Family, name: str) -> None:
    """See that `vars` gives what was there, and that it belongs to nobody else.

    Raises:
        Wrong: a law does not hold.

    """
    with run(family, name) as ran:
        checked, states = ran.checked, ran.states
        for goal in states:
            checked.look(goal)
        present = _variables(checked)
        changes = family.examples[name].changes
        for goal, change in zip(states[1:], changes, strict=False):
            fresh = {**checked.session.home, **checked.session.machine.vars(goal)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(change, fresh)  # noqa: S102  the example's own change, on the copy
            fresh.clear()
            difference = present.difference(_variables(checked))
            if difference:
                raise Wrong(f"{change}, done to a copy, changed the present: {difference}")
        for goal in states:
            checked.look(goal)


def is_limited(limit: Limit) -> None:
    """See that what is said not to come back does not, and was there.

    Raises:
        Wrong: it comes back after all, or was never there.

    """
    session = Session()
    try:
        for number, cell in enumerate(limit.cells):
            error = session.run(cell)
            if error is not None:
                raise Wrong(f"{cell} failed: {error!r}")
            if number == 0 and _is_true(session, limit.shown):
                raise Wrong(f"{limit.what}: {limit.shown} holds before anything was lost")
        session.machine.past(1)
        if not _is_true(session, limit.shown):
            raise Wrong(f"{limit.what}: that comes back after all")
    finally:
        session.close()


def _is_true(session: Session, expression: str) -> bool:
    return bool(eval(expression, {**session.home}))  # noqa: S307  the example's own


def _variables(checked: Checked) -> Form:
    """Describe the variables alone: to change a copy may draw random numbers all the same."""
    home = checked.session.home
    names = {name: home[name] for name in sorted(home) if not name.startswith("__")}
    return form_of(names, module=NAME)


@cache
def prelude_for(prelude: str, source: str) -> str:
    """Return the statements of a prelude that define what a source names, and what those name."""
    wanted = {*re.findall(r"[A-Za-z_]\w*", source)}
    chosen: list[str] = []
    for statement in reversed(ast.parse(prelude).body):
        text, names = _statement(prelude, statement, wanted)
        if wanted.intersection(names):
            wanted.update(re.findall(r"[A-Za-z_]\w*", text))
            chosen.append(text)
    return "\n".join(reversed(chosen))


def _statement(prelude: str, statement: ast.stmt, wanted: set[str]) -> tuple[str, list[str]]:
    """Return the text of a statement, of imports the part that is wanted, and what it defines."""
    text = ast.get_source_segment(prelude, statement) or ""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        named = [(alias, alias.asname or alias.name.partition(".")[0]) for alias in statement.names]
        source = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
        lines = [
            f"{source}import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            for alias, name in named
            if name in wanted
        ]
        return "\n".join(lines), [name for _, name in named]
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        start = min([statement.lineno, *(mark.lineno for mark in statement.decorator_list)])
        return "\n".join(prelude.splitlines()[start - 1 : statement.end_lineno]), [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return text, [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return text, [*wanted]  # a call that sets something up
