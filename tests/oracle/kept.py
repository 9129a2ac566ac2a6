"""Holds what is kept by reference, so that it stays alive whatever a session lets go of."""

from __future__ import annotations

from typing import TypeVar

Held = TypeVar("Held")


def keep(value: Held) -> Held:
    """Keep an object alive; returns it.

    It is held by this function, which is no variable: data of a module of one's own would be part
    of the states.
    """
    held: list[object] = vars(keep).setdefault("held", [])
    held.append(value)
    return value
