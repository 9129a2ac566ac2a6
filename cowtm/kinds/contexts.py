"""Context variables: what one is called, its default, and its value where cells run.

A variable that has a value can't be made one without: where a state wants that, and there is no
default that would be the same, it is made anew.
"""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from typing import Any

from cowtm.kinds.base import Commit, Kind, resolved
from cowtm.native import UNSET


class ContextVariableKind(Kind):
    """contextvars.ContextVar: name, default, value."""

    name = "context variable"
    cls = contextvars.ContextVar
    by_value = True

    def parts(self, value: Any) -> Sequence[object]:
        """Read all of it; a value that is the default is none."""
        try:
            default = contextvars.Context().run(value.get)
        except LookupError:
            default = UNSET
        now = value.get(UNSET)
        return [value.name, default, UNSET if now is default else now]

    def same(self, old: object, new: object) -> bool:
        """Compare names."""
        return type(old) is type(new) is str and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Name and default are given at birth."""
        return 2

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make one without a value."""
        given = {} if parts[1] is UNSET else {"default": parts[1]}
        return contextvars.ContextVar(parts[0], **given)

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Its value can be changed, but not taken away unless there is a default."""
        name, default, now = self.parts(value)
        if name != slots[0] or default is not resolved(slots[1]):
            return False
        return slots[2] is not UNSET or default is not UNSET or now is UNSET

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare setting the value."""
        _, default, new = parts
        wanted = default if new is UNSET else new

        def commit() -> object:
            displaced = value.get(UNSET)
            if wanted is not UNSET and displaced is not wanted:
                value.set(wanted)
            return displaced

        return commit

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:  # noqa: ARG002
        """Say that it was set."""
        return "it was set"
