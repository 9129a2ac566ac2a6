"""Starts a worker's kernel, which the system ends together with the process that started it.

This file is run by its path, before anything else: the worker may be left alone while it still
starts, and the folder that it starts in may hold files named as modules of Python's.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

ERRORS = "COWTM_ERRORS"
"""Environment variable with the descriptor that goes where the kernel's own errors go."""


def die_with_parent(parent: int) -> None:
    """Have the system end this process when the one that started it ends, whatever way.

    Args:
        parent: the process that started it, which may be gone already.

    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(f"the process {parent} that started this one is gone")


if __name__ == "__main__":
    die_with_parent(int(os.environ.get("JPY_PARENT_PID", os.getppid())))
    os.environ[ERRORS] = str(os.dup(2))  # of which ipykernel takes the original
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  pathlib takes longer to import
    if home not in sys.path:
        sys.path.append(home)
    sys.path.insert(0, "")  # which ipykernel takes away, or else what is first if it is the folder
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
