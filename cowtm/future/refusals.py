"""What a job can't use, as it belongs to the session or to the user's page: it says so."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from cowtm.errors import BadInput, NotHere


def forbid(shell: Any) -> None:
    """Have what belongs to the session say so when a job calls it."""
    loaded = shell.extension_manager
    if EXTENSION in loaded.loaded:  # by a profile
        loaded.unload_extension(EXTENSION)
    loaded.loaded.add(EXTENSION)  # to load it does nothing

    def refuse(line: str, cell: str | None = None) -> None:  # noqa: ARG001  as IPython calls it
        raise BadInput(OF_SESSION)

    for name in OF_SESSION_MAGICS:
        shell.register_magic_function(refuse, "line_cell", name)

    def ask(*_: object, **__: object) -> NoReturn:
        raise EOFError(NOBODY_ANSWERS)  # as where there is nothing to read from

    shell.kernel.raw_input = shell.kernel.getpass = ask
    sys.breakpointhook = ask


class Absent:
    """Stands in a job for the time machine."""

    def __getattr__(self, name: str) -> NoReturn:
        """Say why there is nothing."""
        raise NotHere(f"tm.{name}: {OF_SESSION}")

    def __repr__(self) -> str:
        """Say it too."""
        return f"<{OF_SESSION}>"


EXTENSION, MACHINE = "cowtm", "tm"
"""The name of the extension, and of what it binds."""

OF_SESSION = "a background cell can't travel, look at states or start others; its session can"
NOBODY_ANSWERS = "a background cell can't ask for input; ask in a cell of the session before"
OF_SESSION_MAGICS = ("future", "thread", "jobs", "past", "undo", "timeline", "replay")
