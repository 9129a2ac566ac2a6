"""Whose work is a stored row? Its seal says so: a message authentication code with a key of ours.

A journal holds pickles, and whoever writes a pickle decides what runs when it is read. So a row is
read only if this user's key sealed it, for this journal, this table and this row number: neither a
row written by somebody else nor one moved from another place passes. A digest in the same seal
tells damage from forgery, and is all that can be checked of a journal that somebody else wrote.

The key lies in the Jupyter data directory, as the one for notebooks does (`nbformat.sign`).
"""

from __future__ import annotations

import enum
import functools
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import xxhash
from jupyter_core.paths import jupyter_data_dir

KEY_FILE = "cowtm_secret"
"""Name of the file, in the Jupyter data directory, that holds the key."""

KEY_BYTES = 64
"""Length of the key: the block of SHA-256, beyond which a key adds nothing."""

MAC_BYTES = 16
"""Length of the authentication code, cut from 32: a forger has one guess in 2**128."""

SEAL_BYTES = MAC_BYTES + 16
"""Length of a seal: the code and a digest."""


@dataclass(frozen=True, slots=True)
class Key:
    """What this user's seals are made with."""

    secret: bytes
    """Random bytes that nobody else can read."""
    why_passing: str
    """Why this key ends with the process; empty if it lasts."""

    @property
    def fingerprint(self) -> str:
        """Name the key without telling it: 32 hexadecimal digits."""
        return hmac.digest(self.secret, b"cowtm: fingerprint", "sha256")[:16].hex()


def key() -> Key:
    """Return this user's key, made at the first call.

    If two processes make it at once, both use the one that was there first. Where it can be neither
    read nor made (a home directory that can't be written), the process gets a key of its own, whose
    journals are foreign to the next process; see `lasting`.
    """
    folder = Path(jupyter_data_dir())
    try:
        return Key(_kept(folder), "")
    except OSError as error:
        return Key(_passing(), f"the key can't be kept in {folder}: {error.strerror or error}")


def lasting() -> bool:
    """Tell whether journals written now will be known as this user's by the next process."""
    return not key().why_passing


@functools.cache
def _passing() -> bytes:
    """Give the key of a process that can't keep one."""
    return secrets.token_bytes(KEY_BYTES)


def _kept(folder: Path) -> bytes:
    path = folder / KEY_FILE
    try:
        return _read(path)
    except FileNotFoundError:
        private_folder(folder)
    # The file gets its name only when it is whole, and never takes the name from another.
    descriptor, new = tempfile.mkstemp(dir=folder, prefix=KEY_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            return _read(path)
    finally:
        Path(new).unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            os.fchmod(file.fileno(), 0o600)
        secret = file.read()
    if len(secret) < KEY_BYTES:
        raise OSError(f"{path} holds {len(secret)} bytes, not {KEY_BYTES}; remove it for a new key")
    return secret


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone (mode 0700).

    Raises:
        OSError: It can't be made.

    """
    if folder.is_dir():
        return
    private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


class Verdict(enum.Enum):
    """What a seal says of its row."""

    RIGHT = "right"
    DAMAGED = "damaged"
    """Not what was written."""
    ALTERED = "altered"
    """Written as it is, but not with the key."""


class Sealer:
    """Seals the rows of one journal, and judges their seals.

    Args:
        journal: what tells this journal from all others.
        secret: the key; None to judge by digests alone.

    Thread safety: calls may come from any thread.

    """

    def __init__(self, journal: bytes, secret: bytes | None) -> None:
        self.journal = journal
        self.secret = secret

    def seal(self, table: str, number: int, parts: tuple[bytes, ...]) -> bytes:
        """Return the seal of a row: `SEAL_BYTES` bytes.

        Args:
            table: where the row is.
            number: its primary key.
            parts: all that it holds.

        Raises:
            ValueError: There is no key to seal with.

        """
        if self.secret is None:
            raise ValueError("no key to seal with")
        head = self._head(table, number, parts)
        code = self._code(self.secret, head, parts)
        return code + self._digest(head, parts, code)

    def judge(self, seal: object, table: str, number: int, parts: tuple[object, ...]) -> Verdict:
        """Tell whether a row is what was sealed; whatever is in it, this never fails."""
        if not isinstance(seal, bytes) or len(seal) != SEAL_BYTES:
            return Verdict.DAMAGED
        whole = tuple(part for part in parts if isinstance(part, bytes))
        if len(whole) != len(parts):
            return Verdict.DAMAGED
        head = self._head(table, number, whole)
        # The digest is over the code too: a code that is damaged must not look like a forgery.
        if seal[MAC_BYTES:] != self._digest(head, whole, seal[:MAC_BYTES]):
            return Verdict.DAMAGED
        if self.secret is None:
            return Verdict.RIGHT
        code = self._code(self.secret, head, whole)
        return Verdict.RIGHT if hmac.compare_digest(code, seal[:MAC_BYTES]) else Verdict.ALTERED

    def _head(self, table: str, number: int, parts: tuple[bytes, ...]) -> bytes:
        """Say where the row is, and where its parts end, so that no two rows read the same."""
        name = table.encode()
        lengths = (len(self.journal), len(name), *map(len, parts))
        return b"".join(
            (
                len(lengths).to_bytes(8, "little"),
                *(length.to_bytes(8, "little") for length in lengths),
                number.to_bytes(8, "little", signed=True),
                self.journal,
                name,
            )
        )

    @staticmethod
    def _code(secret: bytes, head: bytes, parts: tuple[bytes, ...]) -> bytes:
        code = hmac.new(secret, head, hashlib.sha256)
        for part in parts:
            code.update(part)
        return code.digest()[:MAC_BYTES]

    @staticmethod
    def _digest(head: bytes, parts: tuple[bytes, ...], code: bytes) -> bytes:
        digest = xxhash.xxh3_128(head)
        for part in (*parts, code):
            digest.update(part)
        return digest.digest()
