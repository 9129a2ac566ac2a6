"""How much memory and disk the archive may take: read from what users write."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from cowtm.errors import BadInput

AUTO = "auto"
"""A third of what there is."""

LEAST_ON_DISK = 2**20
"""Bytes that a journal may take, whatever the budget: an empty one takes some tens of thousands."""

_UNITS = {
    "": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate(("", "k", "m", "g", "t"))},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate(("", "k", "m", "g", "t"))},
    **{prefix: 1024**power for power, prefix in enumerate(("k", "m", "g", "t"), start=1)},
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*|%)\s*", re.IGNORECASE)


def bytes_of(wanted: object, whole: int) -> int:
    """Return a budget in bytes.

    Args:
        wanted: a number of bytes, a text such as ``"2 GiB"``, ``"500MB"``, ``"25%"`` or ``"auto"``.
        whole: what a percentage is of, bytes; ``"auto"`` is a third of it.

    Raises:
        BadInput: it is none of these.

    """
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and 0 < wanted < 2**63:
        return int(wanted)
    if isinstance(wanted, str):
        if wanted.strip().lower() == AUTO:
            return whole // 3
        match = _SIZE.fullmatch(wanted)
        if match is not None:
            size, unit = float(match[1]), match[2].lower()
            factor = whole / 100 if unit == "%" else _UNITS.get(unit)
            if factor is not None and size * factor >= 1:
                return int(size * factor)
    msg = f"a budget is a size such as '2 GiB', '25%', 'auto' or a number of bytes; got {wanted!r}"
    raise BadInput(msg)


def machine_memory() -> int:
    """Return the memory that this process may use, bytes: the machine's, or its cgroup's limit."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


def disk_space(folder: Path) -> int:
    """Return the bytes that are free where a folder is or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _limits(membership: Path, root: Path) -> list[int]:
    """Return the limits of the control groups that the process is in, of either version."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # another system than Linux
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, name = (
            (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        )
        inner = base / path.lstrip("/")
        for group in (inner, *inner.parents):
            if group == base.parent:
                break
            found += _number_in(group / name)
    return found


def _number_in(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []
