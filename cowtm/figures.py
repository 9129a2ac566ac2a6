"""The figures of a memory report: what the archive holds where, and what the variables take."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from types import ModuleType
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
    on_disk = [state for state in timeline.values() if state.delta is None]
    disk = 0
    if keeper.journal is not None:
        disk = keeper.journal.size
        taken = keeper.journal.sizes()
        by_state.update({state.number: taken.get(state.serial, 0) for state in on_disk})
    variables = {n: home[n] for n in mirror.bindings if is_variable(n) and n in home}
    live, not_measured = _measure(
        {name: value for name, value in variables.items() if type(value) is not ModuleType}
    )
    unpacked = sizes.plain_packed + sizes.plain_disk
    return {
        "total": memory + disk,
        "memory": memory,
        "disk": disk,
        "raw": sizes.raw,
        "packed": sizes.packed,
        "contents": contents,
        "outputs": sum(state.outputs.size for state in timeline.values() if state.outputs),
        "chunks": held.chunks,
        "shared": held.shared,
        "ratio": unpacked / (sizes.packed + sizes.disk) if sizes.packed + sizes.disk else 1.0,
        "by_variable": held.by_variable,
        "by_state": by_state,
        "on_disk": len(on_disk),
        "live": live,
        "not_measured": not_measured,
        "process": psutil.Process().memory_info().rss,
        "memory_budget": keeper.memory_budget,
        "disk_budget": keeper.disk_budget,
    }


class _OutOfTime(BaseException):
    """Ends a measurement; no handler of ordinary errors holds it up."""


class _Hurried(Asizer):
    """Measures until the time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._deadline = perf_counter() + seconds

    def _sizer(self, *arguments: Any) -> Any:
        """Measure one object with all it holds: this is called for each of them."""
        if perf_counter() > self._deadline:
            raise _OutOfTime
        return super()._sizer(*arguments)  # type: ignore[no-untyped-call]


def _measure(values: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return the sizes of objects with all they hold, and the names of those not measured.

    Each has an equal share of the time; those that need more get what the others leave.
    """
    measured: dict[str, int] = {}
    end = perf_counter() + MEASURING
    for _ in range(2):
        left = [name for name in values if name not in measured]
        for index, name in enumerate(left):
            share = (end - perf_counter()) / (len(left) - index)
            size = _size_of(values[name], share)
            if size is not None:
                measured[name] = size
    return measured, [name for name in values if name not in measured]


def _size_of(value: object, seconds: float) -> int | None:
    try:
        return int(_Hurried(seconds).asizeof(value))  # type: ignore[no-untyped-call]
    except _OutOfTime:
        return None
    except Exception:  # noqa: BLE001  objects may raise whatever they are asked
        return None
