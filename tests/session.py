"""IPython sessions for tests: a shell of its own, its cells, and what they show."""

from __future__ import annotations

import atexit
import io
import re
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cowtm.machine import TimeMachine

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user sees of a cell that ran."""

    output: str
    """What it printed and displayed, the traceback included, without colours."""
    value: Any
    """Its result."""
    error: BaseException | None
    """What it raised."""
    number: int | None
    """Its number."""


class Session:
    """A shell and its cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        # Of IPython's attributes not all have types.
        self.shell: Any = shell

    @property
    def names(self) -> dict[str, Any]:
        """The namespace."""
        names: dict[str, Any] = self.shell.user_ns
        return names

    @property
    def tm(self) -> TimeMachine:
        """The time machine."""
        machine: TimeMachine = vars(self.shell)["_cowtm_session"].machine
        return machine

    @property
    def last(self) -> Any:
        """The `State` of the cell that ran last."""
        return self.tm.states[list(self.tm.states)[-1]]

    def run(self, source: str, **how: Any) -> Outcome:
        """Run one cell, whether it succeeds or not."""
        how.setdefault("store_history", True)
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            result = self.shell.run_cell(source, **how)
        error = result.error_before_exec or result.error_in_exec
        output = COLOURS.sub("", out.getvalue())
        return Outcome(output, result.result, error, result.execution_count)

    def cell(self, source: str, **how: Any) -> Outcome:
        """Run one cell that must succeed."""
        outcome = self.run(source, **how)
        assert outcome.error is None, outcome.output
        return outcome

    def cells(self, *sources: str) -> None:
        """Run some cells that must succeed."""
        for source in sources:
            self.cell(source)

    def fail(self, source: str, **how: Any) -> Outcome:
        """Run one cell that must raise."""
        outcome = self.run(source, **how)
        assert outcome.error is not None, outcome.output
        return outcome


@contextmanager
def new_session(folder: Path, *, loaded: bool = True, config: Any = None) -> Iterator[Session]:
    """Give a session with cowtm loaded in its first cell, and take back all it did."""
    given = Config() if config is None else config
    given.HistoryManager.enabled = False
    given.InteractiveShell.colors = "nocolor"
    make: Any = InteractiveShell
    shell = make(config=given, ipython_dir=str(folder))
    session = Session(shell)
    try:
        if loaded:
            session.cell("%load_ext cowtm")
        yield session
    finally:
        if "cowtm" in shell.extension_manager.loaded:
            shell.extension_manager.unload_extension("cowtm")
        shell.restore_sys_module_state()
        atexit.unregister(shell.atexit_operations)
