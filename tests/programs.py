"""Programs in a Python of their own, which finds the modules of these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

HERE = Path(__file__).parent

PATIENCE = 240
"""Seconds that a program may take."""


def run_python(
    program: str,
    *arguments: object,
    modules: Path = HERE,
    folder: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a program, which may fail.

    Args:
        program: its source.
        arguments: of the program, as text.
        modules: where it finds modules.
        folder: that it works in.
        environment: variables of it that are others than here.

    """
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(program), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(modules), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def said_by(program: str, *arguments: object) -> list[str]:
    """Run a program that must not fail; returns the lines that it printed."""
    done = run_python(program, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
