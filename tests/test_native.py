"""The choice between the C extension and its twin, as a fresh interpreter makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import NativeModule

REPORT = "import cowtm.native as n; print(n.TrackingNamespace.__module__, n.reason, sep='|')"


def report(before: str = "", **environment: str) -> list[str]:
    """Give the module that `TrackingNamespace` comes from, and the reason."""
    clean = {name: value for name, value in os.environ.items() if name != "COWTM_PURE_PYTHON"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, types; {before}\n{REPORT}"],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().split("|")


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.usefixtures("native_module")
def test_the_extension_runs_where_it_was_built() -> None:
    """Without any setting the C extension is chosen."""
    assert report() == ["cowtm._native", "C extension"]


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
def test_c_and_python_are_two(native_module: NativeModule) -> None:
    """The fixture's two halves are different implementations."""
    assert native_module.TrackingNamespace.__module__ == "cowtm._native"


def test_the_variable_chooses_the_twin() -> None:
    """COWTM_PURE_PYTHON turns the extension off, and the reason names it."""
    assert report(COWTM_PURE_PYTHON="1") == [
        "cowtm.twin.namespace",
        "pure Python: COWTM_PURE_PYTHON is set",
    ]


def test_an_empty_variable_is_no_choice() -> None:
    """COWTM_PURE_PYTHON set to nothing is as good as not set."""
    assert report(COWTM_PURE_PYTHON="") == report()


def test_a_missing_extension_is_told() -> None:
    """Where no extension was built the twin runs, and the reason repeats what import said."""
    module, reason = report("sys.modules['cowtm._native'] = None")
    assert module == "cowtm.twin.namespace"
    assert reason.startswith("pure Python: the extension was not built (")
    assert "cowtm._native" in reason


def test_a_broken_extension_is_told() -> None:
    """An extension that does not load is not mistaken for one that was never built."""
    module, reason = report("sys.modules['cowtm._native'] = types.ModuleType('cowtm._native')")
    assert module == "cowtm.twin.namespace"
    assert reason.startswith("pure Python: the extension could not be loaded (cannot import name")
