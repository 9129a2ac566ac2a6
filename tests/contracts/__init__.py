"""Examples of all that cowtm records, one file a library: what the contract is held with.

A file has ``FAMILIES``, and describes objects that the oracle does not know (`describes`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cowtm.testing import Family

FILES = ("python", "arrays", "frames")

FAMILIES: list[Family] = [
    family for file in FILES for family in import_module(f"contracts.{file}").FAMILIES
]

CASES: dict[str, tuple[Family, str]] = {
    f"{family.what}: {name}": (family, name) for family in FAMILIES for name in family.examples
}
"""Name of a test -> family, and name of the example in it."""
