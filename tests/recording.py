"""A recorded namespace without IPython: cells are executed, and what should come back is known.

For tests of the archive, also in processes of their own: this needs neither pytest nor a shell.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cowtm.keeper import Limits
from cowtm.machine import TimeMachine
from cowtm.native import CellRunner
from cowtm.testing.form import Form, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cowtm.keeper import Keeper
    from cowtm.timeline import Number

NAME = "__recorded__"
"""What the namespace is called."""


class Recording:
    """A namespace, its time machine, and the cells that ran.

    Args:
        limits: see `Limits`.

    Attributes:
        home: the namespace.
        tm: its time machine.
        said: lines that it has shown.
        number: of the cell that ran last.
        forms: number of a state -> what it was, of those that were noted.

    """

    def __init__(self, **limits: Any) -> None:
        self._module = ModuleType(NAME)  # a real one: pickles look names up in it
        sys.modules[NAME] = self._module
        self.home: dict[str, Any] = self._module.__dict__
        self.said: list[str] = []
        self.number = 0
        self.forms: dict[Number, Form] = {}
        self.tm = TimeMachine(self.home, _is_hidden, lambda: self.number, self.said.append)
        self._exec = CellRunner(exec, self.tm.recorder.view)
        self.tm.limits = Limits(**limits)
        self.tm.begin(0)

    @property
    def keeper(self) -> Keeper:
        """What keeps the archive."""
        keeper: Keeper = self.tm._keeper
        return keeper

    def cell(self, source: str, *, note: bool = False) -> int:
        """Run a cell and record it.

        Args:
            source: its code.
            note: whether to note what the state is.

        Returns:
            The cell's number.

        """
        self.number += 1
        cell = self.tm.begin_cell(source)
        self._exec(compile(source, f"<cell {self.number}>", "exec"), self.home, self.home)
        self.tm.end_cell(self.number, None, None, cell)
        if note:
            self.forms[self.number] = self._form(_shown(self.home))
        self.tm.catch_up()
        return self.number

    def cells(self, *sources: str) -> None:
        """Run some cells, and note what they made."""
        for source in sources:
            self.cell(source, note=True)

    def check(self, *numbers: Number) -> None:
        """See that states are what they were when they were noted: by default all that are left."""
        for number in numbers or [n for n in self.forms if n in self.tm.states]:
            found = self._form(self.tm.vars(number))
            assert self.forms[number].difference(found) == "", number

    def close(self) -> None:
        """End the recording."""
        self.tm.close()
        sys.modules.pop(NAME, None)

    def _form(self, names: Mapping[str, Any]) -> Form:
        form = form_of({n: names[n] for n in sorted(names)}, classes=False, module=NAME)
        form.objects = []
        return form


def _shown(home: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in home.items() if not name.startswith("__")}


def _is_hidden(name: str, value: object) -> bool:  # noqa: ARG001
    return name.startswith("__")
