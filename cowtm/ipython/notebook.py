"""Notebooks: shows output under its cell, whatever runs, and takes down what cells put out."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cowtm.future.outputs import taken_by
from cowtm.ipython.frontend import Place, Waiting
from cowtm.ipython.wire import Wire, request_of

if TYPE_CHECKING:
    from cowtm.future.job import Job
    from cowtm.future.kernel import Message
    from cowtm.future.outputs import Outputs
    from cowtm.future.record import Record
    from cowtm.transcript import Output


class Notebook(Waiting):
    """Notebooks and consoles that a kernel serves.

    Messages may be sent from any thread: sockets are the business of the kernel's own thread for
    output, which sends them in the order in which it was asked to.

    Args:
        shell: the kernel's.
        record: of the session's outputs.

    """

    def __init__(self, shell: Any, record: Record) -> None:
        self._kernel = shell.kernel
        self._shell = shell
        self._record = record
        self._wire = Wire(self._kernel.session)
        super().__init__()
        self._ours = _Ours()

    def start(self) -> None:
        """Hear what the kernel sends."""
        self._wire.connect()

    def stop(self) -> None:
        """Hear nothing any more."""
        self._wire.disconnect()

    def begin(self, number: int) -> Outputs:  # noqa: ARG002  as of a terminal
        """Take down what belongs to the request that runs; a cell within a cell is part of that."""
        request = request_of(self._shell.get_parent() or {})
        outputs = self._wire.cell(request)
        if outputs is None:
            outputs = self._record.new()
            self._wire.listen(request, outputs)
        return outputs

    def end(self, number: int, outputs: Outputs) -> None:  # noqa: ARG002  as of a terminal
        """Have what was printed be taken down with the state; output may come later as well."""
        for stream in (sys.stdout, sys.stderr):
            if getattr(stream, "_flush_pending", False):  # else it would cost a message
                stream.flush()

    @property
    def drops_late_output(self) -> bool:
        """Whether a program runs the notebook: it names no cell, and nobody could type."""
        request = self._shell.get_parent() or {}
        names = request.get("metadata") or {}
        asks = (request.get("content") or {}).get("allow_stdin", True)
        return not asks and not any(name in names for name in ("cellId", "cell_id"))

    def here(self) -> Place:
        """Tell the request that runs."""
        parent = self._shell.get_parent() or {}
        return Place(parent.get("header", parent), self._waits)

    def show(self, job: Job, message: Message) -> None:
        """Send it as if the job's cell did."""
        self._show(job.place, message)
        if job.replayed is not None and message.kind not in ("comm_open", "comm_msg"):
            self._show(job.replayed, message)

    def _show(self, place: Place, message: Message) -> None:
        if message.kind == "error" and place.waits:  # the cell that waits fails with it
            return
        request = request_of(place.request)
        with self._ours.lock:
            for kind, content in self._ours.around(request, message):
                self._send(place, kind, content)
            if message.kind != "clear_output":
                content = _moved(message.content, request)
                self._send(place, message.kind, content, message.metadata, message.buffers)

    def put(self, place: Place, kind: str, content: Mapping[str, Any]) -> None:
        """Send it as if the cell did."""
        with self._ours.lock:
            self._ours.note(request_of(place.request), content)
            self._send(place, kind, content)

    def replay(self, outputs: Iterable[Output], job: Job | None) -> None:
        """Send each as it was; displays are new ones, which no update reaches but a running job's.

        Widgets are one wherever they are shown, so what is for them is sent once.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        place = self.here()
        for output in outputs:
            content = {name: value for name, value in output.items() if name != "output_type"}
            if "data" in content:
                name = content.pop("transient", {})
                content["transient"] = {} if job is None or job.done() else name
            self._send(place, output["output_type"], content)
        if job is not None and place.request != job.place.request:
            job.replayed = place

    def flush(self) -> None:
        """Do nothing: all is shown as it comes."""

    def _send(
        self,
        place: Place,
        kind: str,
        content: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        buffers: list[Any] | None = None,
    ) -> None:
        kernel = self._kernel
        self._wire.send(
            kernel.iopub_socket,
            kind,
            dict(content),
            parent=place.request,
            ident=f"kernel.{kernel.ident}.{kind}".encode(),
            metadata=dict(metadata or {}),
            buffers=buffers,
        )


class _Ours:
    """Displays of ours, which are to stay where a job clears the output of its cell.

    Attributes:
        lock: held while something is sent, so that what belongs together stays together.

    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._displays: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._cleared: set[str] = set()
        self._taken: set[str] = set()
        """Requests whose output a widget takes: in there nothing is ours."""

    def note(self, request: str, content: Mapping[str, Any]) -> None:
        """Remember how a display looks now."""
        shown = self._displays.pop(request, {})
        shown[content["transient"]["display_id"]] = content
        self._displays[request] = shown
        if len(self._displays) > _REMEMBERED:
            self._displays.pop(next(iter(self._displays)))

    def around(self, request: str, message: Message) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give what is to be sent before a message: a clearance, and ours anew.

        One that waits for the next output is sent with that, or ours would be the next output.
        """
        if message.kind in ("comm_open", "comm_msg"):
            taken = taken_by(message.content)
            if taken:
                self._taken.add(request)
            elif taken is not None:
                self._taken.discard(request)
            return
        if request in self._taken:
            if message.kind == "clear_output":
                yield message.kind, message.content
            return
        if message.kind == "clear_output" and message.content.get("wait"):
            self._cleared.add(request)
            return
        if message.kind == "clear_output" or (
            message.kind in _PUT_OUT and request in self._cleared
        ):
            waits = message.kind != "clear_output"
            self._cleared.discard(request)
            yield "clear_output", {"wait": waits}
            for content in self._displays.get(request, {}).values():
                yield "display_data", content


def _moved(content: Mapping[str, Any], request: str) -> Mapping[str, Any]:
    """Have a widget that takes the output of a job's cell take that of the cell it is shown in."""
    if not taken_by(content):
        return content
    data = content["data"]
    return {**content, "data": {**data, "state": {**data["state"], "msg_id": request}}}


_PUT_OUT = frozenset({"stream", "display_data", "execute_result", "error"})
"""Kinds of messages that add an output to a cell."""

_REMEMBERED = 100
"""Cells whose displays of ours are remembered."""
