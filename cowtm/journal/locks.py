"""One writer at a time: a lock on a file beside the journal, which ends with the process.

The system gives the lock up when the process dies, also by ``kill -9``, so nothing has to be
cleaned up by hand. It is `flock`, not a record lock: those are lost as soon as any code of the
process closes any descriptor of the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING

from cowtm.errors import JournalInUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class WriterLock:
    """The right to write one journal.

    Args:
        journal: path of the journal; the lock is a file of that name with ``.lock`` added.

    Thread safety: calls come from one thread at a time.

    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = journal.with_name(f"{journal.name}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JournalInUse: Another writer has it; says which process, if that is known.
            OSError: The lock's file can't be made, or the file system knows no locks.

        """
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise JournalInUse(self._refusal(holder)) from None
            except OSError:
                os.close(descriptor)
                raise
            # Who had it before may have removed the file after we opened it: then what we locked
            # has no name any more, and the next one would lock another file.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        # The number is there to be told to others; the lock is good without it, on a full disk.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up and remove its file; nothing happens without the lock."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Let go of this process's handle only: a forked child's, whose parent keeps the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _refusal(self, holder: str) -> str:
        by = f"process {holder}" if holder.isdigit() else "another process"
        return (
            f"{self._journal} is being written by {by}; close it there, or load the journal here "
            "to look at it"
        )


@contextlib.contextmanager
def not_being_written(path: Path) -> Iterator[None]:
    """Keep writers away from a journal in the block.

    In a folder that can't be written there is no lock, and no writer of this user's.

    Raises:
        JournalInUse: There is one already.

    """
    lock = WriterLock(path)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    try:
        yield
    finally:
        lock.release()
