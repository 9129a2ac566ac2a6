"""torch's optimizers and generators.

A generator is its state. An optimizer is a plain instance, but for one thing that a schedule does
to it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from types import CellType, FunctionType
from typing import Any

import torch

from cowtm.kinds.base import ByValue, Commit, InstanceKind, Kind
from cowtm.kinds.storages import bytes_in, plainly
from cowtm.native import GENERIC


class GeneratorKind(Kind):
    """torch.Generator, the global ones too: class, device, state."""

    name = "random generator"
    by_value = True

    def __init__(self, cls: type) -> None:
        self.cls: type = cls

    def parts(self, value: Any) -> Sequence[object]:
        """Read the state."""
        return [type(value), str(value.device), state_of(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare states."""
        return type(old) is type(new) and isinstance(old, bytes | str) and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class and device are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one with any state."""
        return parts[0](device=parts[1])

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """It draws for one device."""
        return bool(str(value.device) == slots[1])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the state."""
        state = torch.frombuffer(bytearray(parts[2]), dtype=torch.uint8)

        def commit() -> object:
            with plainly():
                return value.set_state(state)

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that numbers were drawn."""
        return "random numbers were drawn"


def state_of(generator: Any) -> bytes:
    """Return the state of a generator, whatever mode torch is in."""
    with torch._C.DisableTorchFunction():  # noqa: SLF001  no other mode has a say in this
        state = generator.get_state()
        return bytes(bytes_in(state.untyped_storage()))


class TrackedStep(ByValue):
    """Stands for the `step` that a schedule gave its optimizer, which it knows by a weak reference.

    An optimizer made anew gets one that knows itself.
    """

    __slots__ = ()

    def matches(self, other: Any) -> bool:
        """Tell whether the other is such a one too."""
        return isinstance(other, TrackedStep)


class OptimizerKind(InstanceKind):
    """An optimizer is a plain instance, but for a `step` that a schedule may have given it."""

    code = GENERIC
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read class and attributes."""
        parts = list(super().parts(value))
        for index in range(2, len(parts)):
            if parts[index - 1] == "step" and hasattr(parts[index], _TRACKED):
                parts[index] = TrackedStep()
        return parts

    def same(self, old: object, new: object) -> bool:
        """Compare steps, which are alike."""
        return isinstance(old, TrackedStep) and isinstance(new, TrackedStep)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes."""
        held = list(parts)
        for index, part in enumerate(held):
            if isinstance(part, TrackedStep):
                own = self.layout.dict_of(value).get("step")
                held[index] = own if hasattr(own, _TRACKED) else _tracked_step(value, parts[0])
        return super().plan(value, held)


_TRACKED = "_wrapped_by_lr_sched"
"""What torch marks such a step with."""


def _tracked_step(optimizer: Any, cls: Any) -> Any:
    """Have torch make the step for another optimizer, and make one like that for this one."""
    another = torch.optim.SGD([torch.zeros(1)], lr=0.0)
    torch.optim.lr_scheduler.LambdaLR(another, float)
    step: Any = vars(another)["step"]
    cells = [
        CellType(
            weakref.ref(optimizer) if isinstance(cell.cell_contents, weakref.ref) else cls.step
        )
        for cell in step.__closure__
    ]
    made = FunctionType(
        step.__code__, step.__globals__, step.__name__, step.__defaults__, tuple(cells)
    )
    setattr(functools.update_wrapper(made, cls.step), _TRACKED, True)
    return made
