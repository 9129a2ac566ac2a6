"""Settings: ``%config TimeMachine.name = value``, or ``c.TimeMachine.name`` in a profile."""

from __future__ import annotations

from traitlets import Bool, Float, validate
from traitlets.config import Configurable

from cowtm.recorder import RECHECK


class TimeMachine(Configurable):  # the name that %config shows
    """Settings of the time machine."""

    recheck = Float(
        RECHECK,
        help="Seconds after each cell for checking variables that the cell did not touch, "
        "for changes by callbacks, threads and libraries. "
        "5 %% of the cell's own time is used if that is more.",
    ).tag(config=True)

    announce = Bool(
        default_value=True,
        help="Whether travelling prints one line that says what came back and what is gone.",
    ).tag(config=True)

    @validate("recheck")
    def _not_negative(self, proposal: dict[str, float]) -> float:
        return max(proposal["value"], 0.0)
