"""The oracle catches what it is there to catch: cowtm broken in one place is told from cowtm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracle.mutants import MUTANTS, STORED_MUTANTS


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give mutant -> how it was caught, from one fresh interpreter that runs the twin."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "oracle.mutants"],
        env=os.environ
        | {
            "COWTM_PURE_PYTHON": "1",
            "PYTHONPATH": str(here),
            "JUPYTER_DATA_DIR": str(tmp_path_factory.mktemp("jupyter")),
        },
        cwd=here.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.long
@pytest.mark.parametrize("mutant", [*MUTANTS, *STORED_MUTANTS])
def test_a_mutant_is_caught(mutant: str, verdicts: dict[str, str]) -> None:
    """Within a few programs from fixed seeds."""
    assert verdicts[mutant], f"nothing in the programs shows that {mutant}"
