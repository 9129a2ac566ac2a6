"""What can't be captured, but can be had again in another process: locks, loggers, constants.

A journal says of such an object which call gives one like it: a lock is a new one, open; a logger
is the one of that name; a constant of a library (``dataclasses.MISSING``) is that library's own.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from cowtm.constants import Constants, constant
from cowtm.kinds.base import Kind, name_of
from cowtm.kinds.modules import MADE_BY_HAND, ModuleKind, module_again
from cowtm.native import REFERENCE

Revival: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""

_NEW: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
    threading.Event: threading.Event,
    threading.Semaphore: threading.Semaphore,
    threading.BoundedSemaphore: threading.BoundedSemaphore,
    threading.local: threading.local,
    asyncio.Lock: asyncio.Lock,
}
"""Exact types of which a new one does what the old one did, but that nobody waits for it."""


def is_made_new(value: Any) -> bool:
    """Tell what another process has anew: what was waited for or kept in it is not there."""
    cls = type(value)
    return any(cls is known for known in _NEW) or cls is threading.Condition


_LARGEST = 4096
"""Bytes of the longest pickle that counts as a name rather than as data."""


def revival_of(value: Any, kind: Kind, constants: Constants) -> Revival | None:
    """Give the call for an object that another process has not; None if there is none."""
    cls = type(value)
    name = constants.name(value)
    if name:
        return constant, (name_of(cls)[0], name)
    if isinstance(kind, ModuleKind):
        module, source = kind.parts(value)[:2]
        return None if source == MADE_BY_HAND else (module_again, (module,))
    if kind.code != REFERENCE:
        return None
    for known, make in _NEW.items():
        if cls is known:
            return make, ()
    if cls is threading.Condition:
        return threading.Condition, (vars(value).get("_lock"),)
    if isinstance(value, logging.Logger):
        return logging.getLogger, (value.name,)
    return _by_name(value) if getattr(kind, "quiet", False) else None


def _by_name(value: Any) -> Revival | None:
    """Have it pickled, if that takes no more than its name does."""
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001  it has no name: it can't be had again
        return None
    if len(data) > _LARGEST or b"__main__" in data:  # what the notebook has by name may be another
        return None
    return pickle.loads, (data,)
