"""The oracle catches what it is there to catch: cowtm broken in one place is told from cowtm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracle.library_mutants import LIBRARY_MUTANTS
from oracle.mutants import MUTANTS, STORED_MUTANTS, applied


def verdicts_of(module: str, data: Path) -> dict[str, str]:
    """Give mutant -> how it was caught, from one fresh interpreter that runs the twin."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module],
        env=os.environ
        | {"COWTM_PURE_PYTHON": "1", "PYTHONPATH": str(here), "JUPYTER_DATA_DIR": str(data)},
        cwd=here.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tell how mutants of what all kinds share were caught."""
    return verdicts_of("oracle.mutants", tmp_path_factory.mktemp("jupyter"))


@pytest.fixture(scope="module")
def library_verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tell how mutants of the kinds of libraries were caught."""
    for library in ("torch", "sklearn", "xgboost", "pyarrow", "polars", "matplotlib", "ipywidgets"):
        if not os.environ.get("COWTM_REQUIRE_LIBRARIES"):
            pytest.importorskip(library)
    return verdicts_of("oracle.library_mutants", tmp_path_factory.mktemp("jupyter"))


def test_mutants_stand_for_what_there_is() -> None:
    """What a mutant replaces is in the function that it names."""
    pytest.importorskip("torch")
    libraries = {name: mutant for name, (_, mutant) in LIBRARY_MUTANTS.items()}
    for mutant in (MUTANTS | STORED_MUTANTS | libraries).values():
        with applied(mutant):
            assert mutant.old != mutant.new


@pytest.mark.long
@pytest.mark.parametrize("mutant", [*MUTANTS, *STORED_MUTANTS])
def test_a_mutant_is_caught(mutant: str, verdicts: dict[str, str]) -> None:
    """Within a few programs from fixed seeds."""
    assert verdicts[mutant], f"nothing in the programs shows that {mutant}"


@pytest.mark.long
@pytest.mark.parametrize("mutant", LIBRARY_MUTANTS)
def test_a_mutant_of_a_library_is_caught(mutant: str, library_verdicts: dict[str, str]) -> None:
    """By the examples of that library."""
    assert library_verdicts[mutant], f"nothing shows that {mutant}"
