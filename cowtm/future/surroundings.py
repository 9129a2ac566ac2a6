"""What code finds in its process besides variables: the working directory, `sys.path`, ..."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import Any

from cowtm.future.cells import Cells
from cowtm.future.preferences import Preferences


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a cell, to be handed over."""

    place: str
    """Which Python it is, on which machine."""
    folder: str
    """The working directory."""
    path: tuple[str, ...]
    """`sys.path`."""
    environment: dict[str, str]
    """The environment variables."""
    flags: int
    """The compiler's flags that ``from __future__ import ...`` set."""
    cells: Cells
    """The sources of the cells before."""
    preferences: Preferences
    """How things are shown and logged."""

    @classmethod
    def of(cls, shell: Any) -> Surroundings:
        """Tell what the cells of a shell find."""
        return cls(
            _place(),
            _folder(),
            tuple(sys.path),
            dict(os.environ),
            shell.compile.flags,
            Cells.of(shell),
            Preferences.of(shell),
        )

    def take_over(self, shell: Any, number: int) -> None:
        """Have the cells of a shell find the same, but for what makes its process what it is.

        Args:
            shell: the shell.
            number: of its next cell.

        """
        if os.path.isdir(self.folder):  # noqa: PTH112  on another machine it may not be there
            os.chdir(self.folder)
        if self.place == _place():
            sys.path[:] = self.path
            self._take_environment()
        else:  # it has its own libraries, and its own idea of where things are
            sys.path += [path for path in self.path if path not in sys.path]
        shell.compile.flags = self.flags
        self.cells.take_over(shell, number)
        self.preferences.take_over(shell)

    def _take_environment(self) -> None:
        for name in [*os.environ]:
            if name not in self.environment and name not in _OWN:
                del os.environ[name]
        os.environ.update({n: value for n, value in self.environment.items() if n not in _OWN})


def _place() -> str:
    return f"{platform.node()} {sys.prefix} {platform.python_version()}"


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  no path is wanted
    except FileNotFoundError:  # it was removed
        return ""


_OWN = frozenset({"JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "JPY_SESSION_NAME"})
"""Environment variables by which a kernel knows who started it."""
