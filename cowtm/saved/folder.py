"""Where journals are: one folder of this user's, a file for each session."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

from cowtm.errors import CowtmError
from cowtm.journal import SUFFIX, Journal, remove


def default_folder() -> Path:
    """Return the folder for journals in the Jupyter data directory."""
    return Path(jupyter_data_dir()) / "cowtm"


def new_journal(folder: Path) -> Journal:
    """Make a journal for this session, and remove those that sessions which died left of no use."""
    _tidy(folder)
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}"
    return Journal.create(free_path(folder, stem), "spill")


def free_path(folder: Path, stem: str) -> Path:
    """Return the path of a journal that is not there yet."""
    path = folder / f"{stem}{SUFFIX}"
    count = 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}{SUFFIX}"
    return path


def _tidy(folder: Path) -> None:
    """Remove what overflowed from the memory of processes that were killed.

    Only such journals have a log beside them and no writer. All others are not touched.
    """
    for log in folder.glob(f"*{SUFFIX}-wal"):
        path = log.with_name(log.name.removesuffix("-wal"))
        with suppress(CowtmError, OSError):
            if _is_useless(path):
                with Journal.open(path, write=True):  # nobody else has it
                    remove(path)


def _is_useless(path: Path) -> bool:
    with Journal.open(path, write=False) as journal:
        return journal.kind == "spill" and not journal.note("keep")
