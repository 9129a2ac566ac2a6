"""The figures of a memory report: what the archive holds where, and what the variables take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psutil
from pympler.asizeof import Asizer

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


class _Hurried(Asizer):  # type: ignore[misc]  # it has no types
    """Measures until the time is up."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def _sizer(self, *arguments: Any) -> Any:
        """Measure one object with all it holds: this is called for each of them."""
        if time.perf_counter() > self._deadline:
            raise _OutOfTime
        return super()._sizer(*arguments)


def _measure(values: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return the sizes of objects with all they hold, and the names of those not measured."""
    measured: dict[str, int] = {}
    deadline = time.perf_counter() + MEASURING
    for name, value in values.items():
        try:
            measured[name] = _Hurried(deadline).asizeof(value)
        except _OutOfTime:
            break
        except Exception:  # noqa: BLE001, S112  objects may raise whatever they are asked
            continue
    return measured, [name for name in values if name not in measured]
