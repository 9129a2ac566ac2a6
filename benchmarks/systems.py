"""Who is compared: how each one starts recording, tells what it holds, and travels.

Each is used as its own documentation says. All but plain IPython can travel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.deepcopies import DeepCopies

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Recording(Protocol):
    """One system at work in one shell."""

    def start(self, shell: InteractiveShell) -> None:
        """Start recording."""

    def here(self) -> Any:
        """Return what leads back to the state after the last cell."""

    def travel(self, mark: Any) -> None:
        """Go back or forth to a state."""

    def stored(self) -> int:
        """Return how many bytes it holds."""


def run_cell(shell: Any, source: str) -> None:
    """Run a cell of an IPython shell as a user does.

    Raises:
        BaseException: what the cell raised.

    """
    shell.run_cell(source, store_history=True).raise_error()


class Nothing:
    """Plain IPython."""

    def start(self, shell: InteractiveShell) -> None:
        """Do nothing."""

    def here(self) -> None:
        """There is no way back."""

    def travel(self, mark: Any) -> None:
        """There is no way back.

        Raises:
            NotImplementedError: always.

        """
        raise NotImplementedError

    def stored(self) -> int:
        """Nothing is stored."""
        return 0


class Cowtm:
    """This project.

    Args:
        pure: whether the pure-Python twin must run; otherwise the C extension must.

    """

    def __init__(self, *, pure: bool) -> None:
        self._pure = pure

    def start(self, shell: InteractiveShell) -> None:
        """Load the extension.

        Raises:
            RuntimeError: the other implementation runs.

        """
        from cowtm import native  # noqa: PLC0415  the other systems must not load it

        if native.reason.startswith("pure Python") is not self._pure:
            raise RuntimeError(f"the wrong implementation runs: {native.reason}")
        run_cell(shell, "%load_ext cowtm")
        self._shell = shell
        self._machine = shell.user_ns["tm"]

    def here(self) -> Any:
        """Return the last cell's number."""
        return list(self._machine.states)[-1]

    def travel(self, mark: Any) -> None:
        """Travel in a cell, which is recorded too."""
        run_cell(self._shell, f"tm.past({mark!r})")

    def stored(self) -> int:
        """Return what the memory report says."""
        return int(self._machine.memory_report().to_dict()["total"])


class Copies:
    """Deep copies per cell."""

    def start(self, shell: InteractiveShell) -> None:
        """Copy what is there, then after every cell."""
        self._copies = DeepCopies(shell)
        self._copies.after_cell(None)
        shell.events.register("post_run_cell", self._copies.after_cell)

    def here(self) -> int:
        """Return the index of the last state."""
        return len(self._copies.states) - 1

    def travel(self, mark: Any) -> None:
        """Put copies of copies in place."""
        self._copies.restore(mark)

    def stored(self) -> int:
        """Return the bytes of all copies."""
        return self._copies.stored


class Kishu:
    """Kishu, in the process and without a front end.

    Its test mode is used: without a front end there is no notebook to save, and waiting for that
    would cost it a fifth of a second and more.
    """

    def start(self, shell: InteractiveShell) -> None:
        """Make a notebook for it and call ``init_kishu`` in a cell, as its documentation says."""
        self._folder = Path.cwd()
        os.environ["KISHU_PATH_ROOT"] = str(self._folder)
        os.environ["TEST_NOTEBOOK_PATH"] = "notebook.ipynb"
        os.environ["ENV_KISHU_TEST_MODE"] = "true"
        notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        Path("notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        run_cell(shell, "from kishu import init_kishu\ninit_kishu('notebook.ipynb')")
        self._instrument = shell.user_ns["_kishu"]

    def here(self) -> str:
        """Return the name of the last commit."""
        from kishu.storage.branch import KishuBranch  # noqa: PLC0415  only where it is installed

        commit: str = KishuBranch(self._instrument.database_path()).get_head().commit_id
        return commit

    def travel(self, mark: Any) -> None:
        """Check a commit out, as ``kishu checkout`` does it."""
        self._instrument.checkout(mark, skip_notebook=True)

    def stored(self) -> int:
        """Return the size of its database."""
        return sum(path.stat().st_size for path in self._folder.glob("*.kishudb*"))


@dataclass(frozen=True, slots=True)
class System:
    """One system, as the benchmark lists it."""

    name: str
    """A word for the command line."""
    title: str
    """What tables call it."""
    environment: Mapping[str, str]
    """Environment variables that choose it."""
    recording: Recording
    """How it is used."""
    package: str | None = None
    """What must be installed for it, if not everybody has that."""
    rounds: int | None = None
    """How many rounds at most; None for all."""
    patience: float = 60.0
    """CPU seconds after which no further cell is measured in one process."""

    @property
    def installed(self) -> bool:
        """Whether what it needs is installed."""
        if self.package is None:
            return True
        try:
            version(self.package)
        except PackageNotFoundError:
            return False
        return True


PLAIN = "plain"
COWTM = "cowtm"
TWIN = "cowtm-twin"

SYSTEMS = {
    system.name: system
    for system in (
        System(PLAIN, "plain IPython", {}, Nothing()),
        System(COWTM, "cowtm", {"COWTM_PURE_PYTHON": ""}, Cowtm(pure=False)),
        System(TWIN, "cowtm, pure Python", {"COWTM_PURE_PYTHON": "1"}, Cowtm(pure=True), rounds=1),
        System("copies", "deep copy and hash", {}, Copies(), rounds=1),
        System("kishu", "Kishu", {}, Kishu(), package="kishu", rounds=1),
    )
}
