"""Memory of another process is mapped: whole, in order, private, and it says when it is gone."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from cowtm.arena import SLOT, Arena, Place
from cowtm.errors import Damaged
from cowtm.mapping import Mapped, give_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux only")


def lent(arena: Arena, memory: memoryview) -> Place:
    """Give the place of some memory."""
    place = arena.place(memory)
    assert place is not None
    return place


@pytest.mark.parametrize("last", [1, 4096, 100_001, SLOT])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 0, 1], [0, 0, 1, 0]])
def test_slots_in_any_order_are_one_memory(order: list[int], last: int) -> None:
    """Slots that follow one another, or not, or come twice."""
    arena = Arena()
    slots = [arena.copy(memoryview(os.urandom(SLOT))) for _ in range(4)]
    places = [lent(arena, memoryview(slots[index])) for index in order]
    wanted = b"".join(bytes(slots[index]) for index in order)[: 3 * SLOT + last]
    with Mapped() as mapped:
        start = mapped.in_a_row(places, len(wanted))
    assert ctypes.string_at(start, len(wanted)) == wanted
    give_back(start, len(wanted))


def test_what_is_written_stays_here() -> None:
    """The owner does not see it, and neither does who maps the same again."""
    arena = Arena()
    slot = arena.copy(memoryview(b"a" * SLOT))
    place = lent(arena, memoryview(slot))
    with Mapped() as mapped:
        starts = [mapped.in_a_row([place, place], 2 * SLOT) for _ in range(2)]
        one = (ctypes.c_char * (2 * SLOT)).from_address(starts[0])
        one[0] = one[SLOT] = b"b"
        found = [bytes(slot[:2]), *(ctypes.string_at(starts[1] + at, 2) for at in (0, SLOT))]
        assert found == [b"aa"] * 3
        assert ctypes.string_at(starts[0], 2) == b"ba"
        assert bytes(mapped.read_only(place, 5)) == b"aaaaa"
        assert mapped.read_only(place, 5).readonly
    for start in starts:
        give_back(start, 2 * SLOT)


def test_a_process_that_is_gone_is_an_error_of_ours() -> None:
    """It is said which."""
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    gone = Place(int(done.stdout), 3, 0)
    with Mapped() as mapped, pytest.raises(Damaged, match=f"process {gone.process} .* is gone"):
        mapped.read_only(gone, 5)
