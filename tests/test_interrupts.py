"""While a state is restored neither interrupts nor the garbage collector come between."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest

from cowtm.interrupts import FEW, MANY, deferred_interrupts, paused_collection


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """Have nothing be frozen, which other tests may have done."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


def generation_of(value: object) -> int:
    """Tell in which generation of the collector an object is."""
    return next(n for n in range(3) if any(one is value for one in gc.get_objects(n)))


@pytest.mark.usefixtures("unfrozen")
@pytest.mark.parametrize(("count", "are_old"), [(MANY * 2, True), (MANY // 2, False)])
def test_many_objects_made_meanwhile_are_old(count: int, *, are_old: bool) -> None:
    """Few are left to the collector, as ever."""
    gc.collect()
    with paused_collection():
        assert not gc.isenabled()
        made: list[list[int]] = [[] for _ in range(count)]
        before = generation_of(made)
    gc.disable()  # or looking would move what is looked at
    try:
        assert before == 0
        assert (generation_of(made) == 2) is are_old
    finally:
        gc.enable()
    assert gc.get_freeze_count() < FEW


@pytest.mark.usefixtures("unfrozen")
def test_what_somebody_froze_stays_frozen() -> None:
    """It is left to them."""
    gc.collect()
    gc.freeze()
    frozen = gc.get_freeze_count()
    with paused_collection():
        made: list[list[int]] = [[] for _ in range(MANY * 2)]
    assert gc.get_freeze_count() == frozen
    assert len(made) == MANY * 2


def test_a_collector_that_is_off_stays_off() -> None:
    """Whoever switched it off wants that."""
    gc.disable()
    try:
        with paused_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_interrupt_waits_for_the_end() -> None:
    """It comes when the block is over, and is not lost."""
    done = False
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  the block is what waits
        with deferred_interrupts():
            signal.raise_signal(signal.SIGINT)
            done = True
        pytest.fail("it did not come")
    assert done
