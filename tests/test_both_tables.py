"""What holds with the C object table holds with its twin: the same tests in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cowtm import native

HERE = Path(__file__).parent

CORE = (
    "travel and (dict or derived or functions or exceptions or bytearray or streams or ndarray "
    "or masked or recarrays or pandas or itertools)"
)
"""Examples that the table reads in all the ways that it has; what else there is, kinds read."""


@pytest.mark.long
@pytest.mark.skipif(native.ObjectTable.__module__ != "cowtm._native", reason="the twin runs anyhow")
@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("test_contracts.py", CORE),
        # sessions on disk read and write as many pages, whichever table there is
        ("test_oracle.py", "not sessions"),
        ("test_adversarial.py", ""),
    ],
)
def test_the_twin_does_the_same(file: str, wanted: str) -> None:
    """The tests of a file pass where pure Python is asked for."""
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_here, str(HERE / file), "-k", wanted],
        env=os.environ | {"COWTM_PURE_PYTHON": "1"},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
