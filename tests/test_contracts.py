"""Every kind keeps the contract: faithful, stable, sensitive, sharing, identity, fresh copies."""

from __future__ import annotations

import os

import pytest
from contracts import CASES, FAMILIES

from cowtm.testing import Family, copies, form_of, travels


def _provide(family: Family) -> None:
    """Skip what needs a library that is not here, unless all have to be."""
    for library in family.needs:
        if not os.environ.get("COWTM_REQUIRE_LIBRARIES"):
            pytest.importorskip(library)


@pytest.mark.parametrize("hold", [True, False], ids=["held", "let go"])
@pytest.mark.parametrize("case", CASES)
def test_travel(case: str, hold: bool) -> None:  # noqa: FBT001
    """Travelling to any state and back gives what was there, in the objects that are alive."""
    family, name = CASES[case]
    _provide(family)
    travels(family, name, hold=hold)


@pytest.mark.parametrize("case", [c for c, (f, n) in CASES.items() if f.examples[n].copies])
def test_copies(case: str) -> None:
    """What `vars` gives is what was there, and belongs to nobody else."""
    family, name = CASES[case]
    _provide(family)
    copies(family, name)


def test_every_file_of_kinds_has_examples() -> None:
    """Each family has examples, and each example has a change or is there for what it is."""
    for family in FAMILIES:
        assert family.examples, family.what
        assert family.how, family.what


def test_the_oracle_tells_sharing() -> None:
    """One list under two names is not two equal lists."""
    shared = [1]
    apart = form_of({"a": shared, "b": shared}, module="m")
    assert apart != form_of({"a": [1], "b": [1]}, module="m")
