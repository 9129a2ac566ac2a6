"""Examples of all that cowtm records, one file a library: what the contract is held with.

A file has ``FAMILIES``, and describes objects that the oracle does not know (`describes`).
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cowtm.testing import Family

FILES = (
    "python",
    "arrays",
    "frames",
    "tensors",
    "estimators",
    "boosters",
    "regressions",
    "arrow",
    "polars_frames",
    "labelled",
    "sparse",
    "standard",
    "models",
    "figures",
    "widgets",
    "images",
    "networks",
    "symbols",
    "connections",
)

FAMILIES: list[Family] = [
    family for file in FILES for family in import_module(f"contracts.{file}").FAMILIES
]

CASES: dict[str, tuple[Family, str]] = {
    f"{family.what}: {name}": (family, name) for family in FAMILIES for name in family.examples
}
"""Name of a test -> family, and name of the example in it."""


def provide(*libraries: str) -> None:
    """Skip the test that needs libraries which are not here, unless all have to be."""
    for library in libraries:
        if not os.environ.get("COWTM_REQUIRE_LIBRARIES"):
            pytest.importorskip(library)
