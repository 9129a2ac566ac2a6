"""What can go wrong, in the user's words: every error of cowtm is one of these."""

from __future__ import annotations

import errno


class CowtmError(Exception):
    """The base of all errors that cowtm raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in IPython: our own frames say nothing to the user."""
        return [f"{type(self).__name__}: {self}"]


class StateNotFound(CowtmError, LookupError):
    """A state was asked for that is not in the timeline."""


class NameNotFound(CowtmError, KeyError):
    """A variable was asked for that the state does not hold."""

    def __str__(self) -> str:
        """Give the message as it is: KeyError would quote it."""
        return str(self.args[0]) if self.args else ""


class CannotRestore(CowtmError, RuntimeError):
    """A state could not be brought back; the variables are as they were before the call."""


class BadInput(CowtmError, ValueError):
    """A call got an argument that it can't use; nothing was changed."""


class JournalNotFound(CowtmError, FileNotFoundError):
    """A journal was asked for that is not there."""


class NotAJournal(BadInput):
    """A file is no journal, or its beginning is damaged beyond recognition."""


class JournalInUse(CowtmError, BlockingIOError):
    """A journal is being written by another process, or belongs to the one before a fork."""


class Damaged(CowtmError, OSError):
    """What was stored is no longer what was written: it is lost, and nothing wrong is given."""


class Untrusted(CowtmError, PermissionError):
    """A journal was not written with this user's key, or was altered since: loading runs code."""


class NotHere(CowtmError, AttributeError, TypeError):
    """An object was used that is not here: it is gone, or was not handed over to this process."""


class Unhooked(CowtmError, RuntimeError):
    """A time machine was used after its end: it had let go of everything that it had recorded."""

    def __init__(
        self,
        message: str = (
            "this time machine was unhooked, and what it had recorded was let go; "
            "%load_ext cowtm begins anew"
        ),
    ) -> None:
        super().__init__(message)


class WorkerDied(CowtmError, RuntimeError):
    """The process that ran a job ended before the job did."""


class JobFailed(CowtmError, RuntimeError):
    """A job's cell ended with an exception that could not be handed over itself."""


class DiskFull(CowtmError, OSError):
    """There is no room on the disk, or it refused to write; what was stored before is there.

    Attributes:
        errno: `errno.ENOSPC`.

    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.errno = errno.ENOSPC
