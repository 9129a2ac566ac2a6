"""What can go wrong, in the user's words: every error of cowtm is one of these."""

from __future__ import annotations


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


class NotRecorded(CowtmError, ValueError):
    """A value was asked for that could only be kept by reference and is gone."""


class CannotRestore(CowtmError, RuntimeError):
    """A state could not be brought back; the variables are as they were before the call."""


class BadInput(CowtmError, ValueError):
    """A call got an argument that it can't use; nothing was changed."""
