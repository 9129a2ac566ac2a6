"""What the journal says of a state in JSON: all but its delta."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cowtm.saved.outputs import SavedOutputs
from cowtm.timeline import State

if TYPE_CHECKING:
    from cowtm.journal import Journal, StateRow


OUTPUTS = "outputs"
"""What is said of a state: the number of the page with what its cell put out, if it did."""


def about_of(state: State) -> dict[str, Any]:
    """Say in JSON what is known of a state."""
    return {name: getattr(state, name) for name in _KNOWN} | {
        "by_reference": dict(state.by_reference)
    }


_KNOWN = (
    *("number", "parent", "source", "cell_id", "started", "duration", "cost", "error"),
    *("names", "late", "stored", "pinned"),
)


def state_of(row: StateRow, journal: Journal) -> State:
    """Read a state whose delta stays in the journal, and so does what its cell put out."""
    about = row.about
    page = about.get(OUTPUTS)
    return State(
        delta=None,
        serial=row.serial,
        by_reference=MappingProxyType(about["by_reference"]),
        names=tuple(about["names"]),
        late=tuple(about["late"]),
        outputs=None if page is None else SavedOutputs(journal, page),
        **{name: about[name] for name in _KNOWN if name not in ("names", "late")},
    )
