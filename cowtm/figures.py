"""The figures of a memory report: what the archive holds where, and what the variables take."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
from pympler.asizeof import asizeof

from cowtm.accounts import account
from cowtm.mirror import Mirror, is_variable

if TYPE_CHECKING:
    from cowtm.keeper import Keeper
    from cowtm.timeline import Timeline

MEASURING = 1.0
"""Seconds that measuring the variables themselves may take."""


def figures(
    home: Mapping[str, Any], mirror: Mirror, timeline: Timeline, keeper: Keeper
) -> dict[str, Any]:
    """Return the figures that `MemoryReport.to_dict` names."""
    held = account(timeline.values(), mirror.store)
    sizes = mirror.store.sizes()
    contents = keeper.weigh()
    memory = contents + sizes.raw + sizes.packed
    by_state = dict(held.by_state)
    disk = 0
    if keeper.journal is not None:
        disk = keeper.journal.size
        taken = keeper.journal.sizes()
        for state in timeline.values():
            if state.delta is None:
                by_state[state.number] = taken.get(state.serial, 0)
    live, not_measured = _measure(
        {n: home[n] for n in mirror.bindings if is_variable(n) and n in home}
    )
    unpacked = sizes.plain_packed + sizes.plain_disk
    return {
        "total": memory + disk,
        "memory": memory,
        "disk": disk,
        "raw": sizes.raw,
        "packed": sizes.packed,
        "contents": contents,
        "chunks": held.chunks,
        "shared": held.shared,
        "ratio": unpacked / (sizes.packed + sizes.disk) if sizes.packed + sizes.disk else 1.0,
        "by_variable": held.by_variable,
        "by_state": by_state,
        "live": live,
        "not_measured": not_measured,
        "process": psutil.Process().memory_info().rss,
        "memory_budget": keeper.memory_budget,
        "disk_budget": keeper.disk_budget,
    }


class _OutOfTime(BaseException):
    """Ends a measurement; no handler of ordinary errors holds it up."""


def _measure(values: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return the sizes of objects with all they hold, and the names of those not come to.

    `asizeof` takes microseconds for each object and can't be told to stop, so it runs in a thread
    that is ended when the time is up.
    """
    measured: dict[str, int] = {}

    def work() -> None:
        try:
            for name, value in values.items():
                with suppress(Exception):  # whatever an object of the user's raises when asked
                    measured[name] = asizeof(value)  # type: ignore[no-untyped-call]
        except _OutOfTime:
            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(MEASURING)
    while thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_OutOfTime)
        )
        thread.join(0.1)
    return measured, [name for name in values if name not in measured]
