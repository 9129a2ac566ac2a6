"""Hears what a kernel says to its front ends: every message passes one place."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cowtm.future.outputs import Outputs

_HEARD = frozenset(
    {
        *("stream", "display_data", "update_display_data", "execute_result", "error"),
        *("clear_output", "comm_open", "comm_msg"),
    }
)
"""The kinds of messages that are about outputs."""


class Wire:
    """Takes down what cells put out, from the messages that a kernel sends.

    A message names the request that it belongs to, so output that comes after its cell ended, from
    a thread or a task, is taken down with that cell.

    Thread safety: messages come from any thread, and are taken down in the order in which they are
    sent.

    Args:
        session: the kernel's `jupyter_client.session.Session`, whose `send` is wrapped.

    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._send = session.send
        self._before: Any = None
        self._process = 0
        self._cells: weakref.WeakValueDictionary[str, Outputs] = weakref.WeakValueDictionary()

    def connect(self) -> None:
        """Begin to hear."""
        names = vars(self._session)
        self._before = names.get("send")
        self._send = self._session.send
        self._process = os.getpid()
        names["send"] = self._heard

    def disconnect(self) -> None:
        """Leave the session as it was; who wrapped it since keeps a wrapper that hears nothing."""
        names = vars(self._session)
        self._process = 0
        self._cells.clear()
        if names.get("send") != self._heard:
            return
        if self._before is None:
            del names["send"]
        else:
            names["send"] = self._before

    def cell(self, request: str) -> Outputs | None:
        """Return what takes the outputs of a request, if anything does."""
        return self._cells.get(request)

    def listen(self, request: str, outputs: Outputs) -> None:
        """Take down what belongs to a request, as long as somebody holds its outputs."""
        self._cells[request] = outputs

    def send(self, *args: Any, **kwargs: Any) -> None:
        """Send a message that is not taken down."""
        self._send(*args, **kwargs)

    def _heard(
        self,
        stream: Any,
        message: Any,
        content: Any = None,
        parent: Any = None,
        *args: Any,
        **how: Any,
    ) -> Any:
        """Do what `Session.send` does, and take the message down."""
        sent = self._send(stream, message, content, parent, *args, **how)
        # A forked child may have inherited a lock that nobody will release.
        if os.getpid() == self._process:
            try:
                self._take_down(message, content, parent)
            except Exception as error:  # noqa: BLE001  recording never breaks the user's output
                self._session.log.warning("cowtm: an output could not be recorded: %r", error)
        return sent

    def _take_down(self, message: Any, content: Any, parent: Any) -> None:
        if not isinstance(message, str):
            message, content, parent = (
                message["header"]["msg_type"],
                message["content"],
                message["parent_header"],
            )
        if message not in _HEARD or not isinstance(content, Mapping) or not parent:
            return
        outputs = self._cells.get(request_of(parent))
        if outputs is not None:
            outputs.add(message, content)


def request_of(parent: Mapping[str, Any]) -> str:
    """Return the identity of a request, given it or its header."""
    request: str = parent.get("header", parent).get("msg_id", "")
    return request
