"""What a journal says of itself: read before anything else, and what decides whether to go on."""

from __future__ import annotations

import importlib.metadata
import platform
import secrets
from dataclasses import dataclass
from json import loads
from time import time as now
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cowtm.errors import Untrusted
from cowtm.journal.tables import FORMAT, Columns
from cowtm.journal.trust import Key, Sealer, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind: TypeAlias = Literal["session", "saved", "spill"]
"""What a journal is for: autosave, a copy that was asked for, or only room beyond memory."""

Signed: TypeAlias = Literal["yes", "no", "altered"]
"""Whose key sealed a journal: this user's; another one; this user's, but it was altered since."""

COPIES = ("header", "spare")
"""Tables with one row each, the header: nothing can be checked without it, so it is there twice."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose digest is right."""

    about: dict[str, Any]
    """``id``, ``kind``, ``created`` (seconds since 1970), ``cowtm`` and ``python`` (versions),
    ``key`` (fingerprint) and ``format``."""
    identity: bytes
    """What tells this journal from all others, 16 bytes."""
    table: str
    """Which copy this is."""
    columns: Columns
    """Its row."""

    def signed(self, key: Key) -> Signed:
        """Tell whether a key sealed this."""
        seal, *parts = self.columns
        verdict = Sealer(self.identity, key.secret).judge(seal, self.table, 1, tuple(parts))
        if verdict is Verdict.RIGHT:
            return "yes"
        return "altered" if self.about.get("key") == key.fingerprint else "no"


def new_header(kind: Kind, key: Key) -> dict[str, Any]:
    """Make the header of a journal that begins now."""
    return {
        "format": FORMAT,
        "id": secrets.token_hex(16),
        "kind": kind,
        "created": now(),
        "cowtm": _version(),
        "python": platform.python_version(),
        "key": key.fingerprint,
    }


def whole_header(rows: Iterable[Columns]) -> Header | None:
    """Return the first of some rows that is a header with the right digest, if there is one.

    Args:
        rows: seal and parts; anything may be in them.

    """
    for columns in rows:
        header = _parsed(columns)
        if header is not None:
            return header
    return None


def check(header: Header, signed: Signed, name: str) -> None:
    """Refuse a journal that this user's key did not seal.

    Raises:
        Untrusted: It did not, or not as it is now.

    """
    if header.about["format"] != FORMAT:
        raise Untrusted(
            f"{name} has format {header.about['format']!r:.40}, and this version of cowtm knows "
            f"{FORMAT}; use the version that wrote it"
        )
    if signed == "altered":
        raise Untrusted(
            f"{name} was altered after your key had sealed it: loading it runs code of whoever did "
            "that; if you know who, and trust them, say trust=True"
        )
    if signed == "no":
        raise Untrusted(
            f"{name} was not written with your key: loading it runs code of whoever wrote it; if "
            "you trust them, say trust=True"
        )


def _parsed(columns: Columns) -> Header | None:
    seal, *parts = columns
    if len(parts) != 1 or not isinstance(parts[0], bytes):
        return None
    try:
        about = loads(parts[0])
        identity = bytes.fromhex(about["id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if "format" not in about:
        return None
    sealer = Sealer(identity, None)
    for table in COPIES:
        if sealer.judge(seal, table, 1, tuple(parts)) is Verdict.RIGHT:
            return Header(about, identity, table, columns)
    return None


def _version() -> str:
    try:
        return importlib.metadata.version("cowtm")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
