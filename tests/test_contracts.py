"""Every kind keeps the contract: faithful, stable, sensitive, sharing, identity, fresh copies."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from contracts import CASES, FAMILIES, provide
from contracts.table import PAGE, renewed

from cowtm.testing import Wrong, copies, form_of, is_limited, travels

if TYPE_CHECKING:
    from cowtm.testing import Limit


@pytest.mark.parametrize("hold", [True, False], ids=["held", "let go"])
@pytest.mark.parametrize("case", CASES)
def test_travel(case: str, hold: bool) -> None:  # noqa: FBT001
    """Travelling to any state and back gives what was there, in the objects that are alive."""
    family, name = CASES[case]
    provide(*family.needs)
    travels(family, name, hold=hold)


@pytest.mark.parametrize("case", [c for c, (f, n) in CASES.items() if f.examples[n].copies])
def test_copies(case: str) -> None:
    """What `vars` gives is what was there, and belongs to nobody else."""
    family, name = CASES[case]
    provide(*family.needs)
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


RECORDED = {c: f.examples[n] for c, (f, n) in CASES.items() if not f.examples[n].by_reference}
EXCEPTIONS = [case for case, example in RECORDED.items() if not example.in_place]
SHARED = [case for case, example in RECORDED.items() if not example.copies]


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_what_is_said_to_be_made_anew_is(case: str) -> None:
    """An example that is excused from keeping identity loses it: nobody is excused for nothing."""
    family, name = CASES[case]
    provide(*family.needs)
    strict = replace(family, examples={name: replace(family.examples[name], in_place=True)})
    with pytest.raises(Wrong, match="another object"):
        travels(strict, name, hold=True)


@pytest.mark.parametrize("case", SHARED)
def test_what_is_said_to_be_live_is(case: str) -> None:
    """An example that is excused from giving copies of its own gives others, or live objects."""
    family, name = CASES[case]
    provide(*family.needs)
    with pytest.raises((Wrong, RuntimeError, LookupError)):
        copies(family, name)


@pytest.mark.parametrize("limit", [limit for f in FAMILIES for limit in f.limits], ids=str)
def test_limits_are_real(limit: Limit) -> None:
    """What is said not to come back does not; when it does one day, the table has to be told."""
    provide(*limit.needs)
    is_limited(limit)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the page is about the oldest Python")
def test_the_table_of_guarantees_is_made_from_the_examples() -> None:
    """After a change of the examples, ``python -m contracts.table`` writes it anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page
