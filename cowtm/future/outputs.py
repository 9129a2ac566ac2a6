"""What cells put out, as a notebook keeps it: the outputs of nbformat 4, bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from json import dumps, loads
from typing import Any

from cowtm.display import size_text
from cowtm.future.displays import Displays
from cowtm.future.progress import Progress
from cowtm.future.written import Written
from cowtm.transcript import Output, Transcript, size_of, text_of_all

LIMIT = 2**20
"""Characters of one cell's outputs that are kept, by default."""

_PIECE = 2**16
"""Characters of text that are kept or left out together, at most."""

_WIDGETS = 8
"""Widgets that take output, of one cell, whose output is kept."""

_EACH = 100
"""Bytes that an output takes besides its characters, about."""


class _Shown:
    """An output that is no text of a stream."""

    __slots__ = ("display", "output", "size")

    def __init__(self, output: Output, display: str | None) -> None:
        self.output = output
        self.display = display
        self.size = size_of(output)


class Outputs(Transcript):
    """The outputs of one cell, in order, as nbformat 4 has them.

    Text is folded (a progress bar is one line), displays are as they were last updated, and what
    was cleared is gone. Of more than a limit the first half is kept, and what came last.

    Thread safety: every call may come from any thread.

    Args:
        limit: characters that are kept.
        displays: of the session, by which other cells update the displays of this one.

    """

    def __init__(self, limit: int = LIMIT, displays: Displays | None = None) -> None:
        self._limit = limit
        self._displays = Displays() if displays is None else displays
        self._lock = threading.RLock()
        self._entries: list[Written | _Shown] = []
        self._size = 0
        self._first = 0
        """So many entries are not left out, whatever comes; 0 while there is room."""
        self._left_out = 0
        self._clear_next = False
        self._version = 0
        self._widgets: dict[str, Outputs] = {}
        """What is in widgets that take output, by their names."""
        self._taker: str | None = None
        """The widget that takes output now."""
        self._progress = Progress()
        self._piece = max(min(_PIECE, limit // 8), 1)

    # -- what comes in -------------------------------------------------------------------------

    def add(
        self, kind: str, content: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Take in a message.

        Args:
            kind: its type, as Jupyter calls it; those that are no outputs are passed over.
            content: of the message.
            metadata: of the message, which says nothing of the output.

        """
        del metadata
        taker = self._taker
        if kind in ("comm_open", "comm_msg"):
            self._progress.hear(kind, content)
            self._hear_widget(content)
        elif taker is not None and kind != "update_display_data":
            self._version += 1
            self._widgets[taker].add(kind, content)
            share = self._widgets[taker].progress
            self._progress.share = self.progress if share is None else share
        elif kind == "stream":
            self._write(content["name"], content["text"])
        elif kind in ("display_data", "execute_result"):
            self._show(kind, content)
        elif kind == "update_display_data":
            self._progress.read(_text_of(content))
            self._displays.update(_display_of(content), content)
        elif kind == "error":
            self._put(_Shown(_error(content, self._limit // 4), None))
        elif kind == "clear_output":
            self._clear(wait=bool(content.get("wait")))

    def _hear_widget(self, content: Mapping[str, Any]) -> None:
        """Take note of which widget takes output from now on: ipywidgets' Output says so."""
        request = taken_by(content)
        if request is None:
            return
        name = str(content.get("comm_id"))
        with self._lock:
            if not request:
                self._taker = None
            elif name in self._widgets or len(self._widgets) < _WIDGETS:
                self._taker = name
                self._widgets.setdefault(name, Outputs(self._limit // _WIDGETS, self._displays))

    def _write(self, name: str, text: str) -> None:
        self._progress.read(text)
        with self._lock:
            self._clear_if_asked()
            last = self._entries[-1] if self._entries else None
            if not isinstance(last, Written) or last.name != name:
                last = Written(name)
                self._append(last)
            for start in range(0, len(text), self._piece):
                before = last.size
                self._version += 1
                last.write(text[start : start + self._piece])
                self._size += last.size - before
                if last.size >= self._piece:
                    before = last.size
                    rest = last.go_on()
                    self._size += last.size - before
                    self._append(rest)
                    last = rest
                self._leave_out()

    def _show(self, kind: str, content: Mapping[str, Any]) -> None:
        self._progress.read(_text_of(content))
        output: Output = {"output_type": kind, **_plain(content, self._limit // 2)}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        display = _display_of(content)
        self._put(_Shown(output, display))
        if display is not None:
            self._displays.note(display, self)

    def _put(self, shown: _Shown) -> None:
        with self._lock:
            self._clear_if_asked()
            self._append(shown)
            self._leave_out()

    def _append(self, entry: Written | _Shown) -> None:
        self._version += 1
        self._entries.append(entry)
        self._size += entry.size + _EACH

    def _clear(self, *, wait: bool) -> None:
        with self._lock:
            self._clear_next = wait
            if not wait:
                self.forget()

    def _clear_if_asked(self) -> None:
        if self._clear_next:
            self._clear_next = False
            self.forget()

    def _leave_out(self) -> None:
        """Let go of the middle of what is too much."""
        if self._size > self._limit and not self._first:
            room = self._limit // 2
            for entry in self._entries:
                room -= entry.size + _EACH
                if room < 0:
                    break
                self._first += 1
            self._first = max(self._first, 1)
        while self._size > self._limit and len(self._entries) > self._first + 1:
            gone = self._entries.pop(self._first)
            self._size -= gone.size + _EACH
            self._left_out += gone.size

    def update(self, display: str, content: Mapping[str, Any]) -> None:
        """Show something else in a display, wherever it is among these."""
        with self._lock:
            for entry in self._entries:
                if isinstance(entry, _Shown) and entry.display == display:
                    self._version += 1
                    self._size -= entry.size
                    entry.output = {**entry.output, **_plain(content, self._limit // 2)}
                    entry.size = size_of(entry.output)
                    self._size += entry.size
            self._leave_out()

    def forget(self) -> None:
        """Let go of all: it was cleared."""
        with self._lock:
            self._version += 1
            self._entries.clear()
            self._size = self._first = self._left_out = 0

    def drop(self) -> None:
        """Leave all out, to make room; what was saved of it stays so."""
        with self._lock:
            self._left_out += sum(entry.size for entry in self._entries)
            self._entries.clear()
            self._size = self._first = 0

    # -- what there is -------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """A number that is another after each change."""
        return self._version

    @property
    def size(self) -> int:
        """Bytes that they take, about."""
        return self._size + sum(inner.size for inner in self._widgets.values())

    @property
    def left_out(self) -> int:
        """Characters that were too many."""
        return self._left_out

    @property
    def progress(self) -> float | None:
        """How far the last progress bar is, 0 to 1; None if there is none."""
        return self._progress.share

    @property
    def text(self) -> str:
        """What a terminal would show."""
        return text_of_all(self)

    def named(self) -> list[Output]:
        """Give them in order, displays with their names, by which they can be updated."""
        return self._listed(
            lambda shown: {"transient": {"display_id": shown.display}} if shown.display else {}
        )

    def _list(self) -> list[Output]:
        return self._listed(lambda _: {})

    def _listed(self, besides: Callable[[_Shown], Output]) -> list[Output]:
        """Give them in order, those that are no text with something besides."""
        with self._lock:
            outputs: list[Output] = []
            gap = [_stream("stderr", _gap(self._left_out))] if self._left_out else []
            for place, entry in enumerate(self._entries):
                if place == self._first and gap:
                    outputs.append(gap.pop())
                elif isinstance(entry, Written) and _goes_on(outputs, entry):
                    outputs[-1]["text"] += entry.text
                    continue
                if isinstance(entry, _Shown):
                    inner = self._widgets.get(_widget_in(entry.output))
                    outputs += inner or [deepcopy(entry.output) | besides(entry)]
                elif entry.size:
                    outputs.append(_stream(entry.name, entry.text))
            return outputs + gap

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as plain data."""
        return _made_of, (self._list(), self._limit)

    @classmethod
    def of(cls, outputs: Iterable[Output], limit: int = LIMIT) -> Outputs:
        """Give outputs that a notebook keeps."""
        made = cls(limit)
        for output in outputs:
            made.add(output["output_type"], output)
        return made


def taken_by(content: Mapping[str, Any]) -> str | None:
    """Give the request whose output a widget takes, "" if it takes none; None if it says nothing.

    Args:
        content: of a message of the widget's.

    """
    data = content.get("data")
    state = data.get("state") if isinstance(data, Mapping) else None
    request = state.get("msg_id") if isinstance(state, Mapping) else None
    return request if isinstance(request, str) else None


def _widget_in(output: Output) -> str:
    """Give the name of the widget that a display shows; empty if it shows none."""
    view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json")
    return str(view.get("model_id", "")) if isinstance(view, Mapping) else ""


def _made_of(outputs: list[Output], limit: int) -> Outputs:
    return Outputs.of(outputs, limit)


def _goes_on(outputs: list[Output], entry: Written) -> bool:
    """Tell whether text goes on where the last output ends."""
    return bool(outputs) and outputs[-1].get("name") == entry.name


def _stream(name: str, text: str) -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def _gap(count: int) -> str:
    return f"\n[... {size_text(count)} of output left out ...]\n"


def _error(content: Mapping[str, Any], room: int) -> Output:
    lines = [str(line) for line in content["traceback"]]
    if sum(map(len, lines)) > room:
        lines = [_cut(line, room // 8) for line in [*lines[:3], "...", *lines[-3:]]]
    return {
        "output_type": "error",
        "ename": str(content["ename"]),
        "evalue": _cut(str(content["evalue"]), room),
        "traceback": lines,
    }


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]} [... {size_text(len(text))} ...]"


def _plain(content: Mapping[str, Any], room: int) -> Output:
    """Give the forms of a display as plain data; those that are too large are left out."""
    data = {str(name): _copied(form) for name, form in content.get("data", {}).items()}
    sizes = {name: size_of(form) for name, form in data.items()}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if sum(sizes.values()) <= room:
            break
        text = data.pop(name)
        size = sizes.pop(name)
        said = f"[{name}, {size_text(size)}: left out]"
        shown = str(data.get("text/plain", "")) if name != "text/plain" else text[: room // 4]
        data["text/plain"] = f"{shown}\n{said}".lstrip()
    return {"data": data, "metadata": _copied(dict(content.get("metadata") or {}))}


def _copied(value: Any) -> Any:
    """Copy what may be the user's own object."""
    return value if isinstance(value, str) else loads(dumps(value, default=str))


def _display_of(content: Mapping[str, Any]) -> str | None:
    """Give the name of a display, if it has one."""
    name = (content.get("transient") or {}).get("display_id")
    return None if name is None else str(name)


def _text_of(content: Mapping[str, Any]) -> str:
    text = content.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else ""
