"""Memory that a library owns, seen as arrays of numpy: one array for each stretch of it.

Arrow's arrays and the like are made in C and share stretches of memory. Each stretch is recorded as
an array over it, by numpy's kind: hashed in chunks, written back in place, made anew as an array
that owns its memory, over which the library's objects are made again. The same stretch gives the
same array as long as anything that lies in it lives, so sharing is told by identity.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cowtm.kinds.base import name_of

LENDERS: dict[str, str] = {"pyarrow": "cowtm.kinds.arrow", "torch": "cowtm.kinds.storages"}
"""Root package of what may lie under an array of numpy's -> the file that knows its memory; it has
a function ``memory_under(base, address)``, and if that gives what is neither an array nor a buffer,
``address_of`` and ``bytes_of`` that."""


def memory_under(base: Any, address: int) -> Any:
    """Return the array that stands for memory at an address, lent by `base`; None if unknown."""
    file = lender_of(base)
    return file.memory_under(base, address) if file is not None else None


def lender_of(value: Any) -> Any:
    """Return the file that knows the memory of an object; None if there is none."""
    file = LENDERS.get(name_of(type(value))[0].partition(".")[0])
    return None if file is None else import_module(file)


class Stretch:
    """Memory at an address, as numpy asks for it, and what keeps it there."""

    __slots__ = ("__array_interface__", "lender")

    def __init__(self, address: int, size: int, lender: object, *, writeable: bool) -> None:
        self.__array_interface__ = {
            "data": (address, not writeable),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }
        self.lender = lender


class Stretches:
    """The arrays over lent memory, and the objects that lie in it.

    Addresses are those of the process, so there is one such table in it.
    """

    def __init__(self) -> None:
        self._arrays: weakref.WeakValueDictionary[tuple[int, int], Any] = (
            weakref.WeakValueDictionary()
        )
        self._held: dict[int, tuple[weakref.ref[Any], Sequence[Any]]] = {}

    def over(self, address: int, size: int, lender: object, *, writeable: bool) -> Any:
        """Return the array over some memory.

        Args:
            address: where it begins.
            size: bytes.
            lender: an object that keeps the memory there as long as it lives.
            writeable: whether the library would write into it.

        """
        found = self._arrays.get((address, size))
        if found is None:
            found = np.asarray(Stretch(address, size, lender, writeable=writeable))
            self._arrays[address, size] = found
        return found

    def hold(self, value: Any, arrays: Sequence[Any]) -> None:
        """Keep the arrays over the memory of an object as long as that lives."""
        key = id(value)

        def let_go(_: object) -> None:
            self._held.pop(key, None)

        self._held[key] = weakref.ref(value, let_go), arrays


STRETCHES = Stretches()


class FileMaps:
    """Tells memory that is a file's, on systems that say so.

    The table of the process is read once, when it is first asked.
    """

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] | None = None

    def holds(self, address: int) -> bool:
        """Tell whether there is a file mapped at an address."""
        if self._ranges is None:
            self._ranges = _mapped_files()
        return any(low <= address < high for low, high in self._ranges)


def _mapped_files() -> list[tuple[int, int]]:
    """Return where files are mapped that are no code."""
    table = Path("/proc/self/maps")
    if not table.exists():
        return []
    found = []
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/") and "x" not in fields[1]:  # noqa: PLR2004  the sixth names the file
            low, _, high = fields[0].partition("-")
            found.append((int(low, 16), int(high, 16)))
    return found
