"""Terminals: shows output of jobs between cells, and takes over what IPython took down."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cowtm.future.outputs import Outputs
from cowtm.future.progress import COLOURS
from cowtm.ipython.frontend import Place, Waiting
from cowtm.transcript import Output, text_of, text_of_all

if TYPE_CHECKING:
    from cowtm.future.job import Job
    from cowtm.future.kernel import Message
    from cowtm.future.record import Record


class Terminal(Waiting):
    """A terminal: text, where nothing is being typed or put out.

    What jobs put out is collected, and shown between cells.

    Args:
        shell: the terminal's.
        record: of the session's outputs.

    """

    drops_late_output = False

    def __init__(self, shell: Any, record: Record) -> None:
        self._shell = shell
        self._record = record
        self._lock = threading.Lock()
        self._pending: dict[Job, Outputs] = {}
        super().__init__()
        self._known: weakref.WeakKeyDictionary[Outputs, tuple[int, int]]
        self._known = weakref.WeakKeyDictionary()

    def start(self) -> None:
        """Do nothing: IPython takes down what its cells put out, if it is new enough."""

    def stop(self) -> None:
        """Show what was not shown yet."""
        self.flush()

    def begin(self, number: int) -> Outputs:
        """Remember what IPython has of cells of this number: it may have run before."""
        taken = self._taken_down(number)
        streams = [part for part in taken[-1:] if "stream" in part.bundle]
        outputs = self._record.new()
        self._known[outputs] = len(taken), sum(len(part.bundle["stream"]) for part in streams)
        return outputs

    def end(self, number: int, outputs: Outputs) -> None:
        """Take over what IPython took down."""
        known, parts = self._known.pop(outputs)
        for place, part in enumerate(self._taken_down(number)[max(known - 1, 0) :]):
            is_old = place == 0 and known > 0
            name = _STREAMS.get(part.output_type)
            if name == "stderr" and sys.stderr is sys.stdout:
                continue  # taken down twice
            if name is not None:
                text = "".join(part.bundle["stream"][parts if is_old else 0 :])
                outputs.add("stream", {"name": name, "text": text})
            elif not is_old:
                outputs.add(part.output_type, {"data": part.bundle, "execution_count": number})
        raised = getattr(self._shell.history_manager, "exceptions", {}).get(number)
        if raised is not None:
            outputs.add("error", raised)

    def _taken_down(self, number: int) -> list[Any]:
        """Return what IPython has of the outputs of a cell."""
        outputs: Mapping[int, list[Any]] = getattr(self._shell.history_manager, "outputs", {})
        return outputs.get(number, [])

    def here(self) -> Place:
        """Tell nothing: a terminal has no cells."""
        return Place({}, self._waits)

    def show(self, job: Job, message: Message) -> None:
        """Collect it for the next prompt, unless the cell that runs waits for it."""
        place: Place = job.place
        if not place.waits:
            with self._lock:
                self._pending.setdefault(job, Outputs()).add(message.kind, message.content)
        elif message.kind in _PRINTED:
            text = text_of({"output_type": message.kind, **message.content})
            print(self._fitting(text), end="")  # noqa: T201  the job's own output

    def _fitting(self, text: str) -> str:
        """Take the colours out for a terminal that is to show none."""
        return COLOURS.sub("", text) if str(self._shell.colors).lower() == "nocolor" else text

    def put(self, place: Place, kind: str, content: Mapping[str, Any]) -> None:
        """Show nothing: what is ours is said by `%jobs`."""

    def replay(self, outputs: Iterable[Output], _job: Job | None) -> None:
        """Print them; past the `write` by which IPython takes down what a cell puts out."""
        stream: Any = sys.stdout
        type(stream).write(stream, self._fitting(text_of_all(outputs)))

    def flush(self) -> None:
        """Print what jobs put out meanwhile."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for job, outputs in pending.items():
            # Who was given the result need not be told again.
            new = [o for o in outputs if o["output_type"] != "execute_result" or not job.is_known]
            text = self._fitting(text_of_all(new))
            if text:
                end = "" if text.endswith("\n") else "\n"
                print(f"cowtm: job {job.number} put out:\n{text}", end=end)  # noqa: T201


_STREAMS = {"out_stream": "stdout", "err_stream": "stderr"}
"""Streams, as IPython's history calls them."""

_PRINTED = ("stream", "display_data", "execute_result")
"""Kinds of messages that a terminal can show."""
