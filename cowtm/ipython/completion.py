"""Suggestions while typing: state numbers, variables of a state, options, where one is wanted."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from cowtm.errors import CowtmError
from cowtm.ipython.options import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cowtm.machine import TimeMachine

_NUMBER = re.compile(
    r"""(?:^\s*%?(?:past|replay)\s+
        |^%%(?:future|thread)\s(?:.*\s)?--after[\s=]+
        |\btm\.(?:past|vars|ans|diff|replay)\(\s*
        |\btm\.diff\(\s*\w+\s*,\s*)
        (\w*)$""",
    re.VERBOSE,
)
_OPTION = re.compile(r"^%%(?:future|thread)\s(?:.*\s)?(--?\w*)$")
_NAME = re.compile(
    r"""(?:^\s*%?past\s+(?P<past>\w+)(?:\s+\w+)*\s+
        |\btm\.vars\(\s*(?P<vars>\w+)\s*,(?:\s*["']\w*["']\s*,)*\s*["']
        |\btm\.(?:history|blame)\(\s*["'])
        (?P<start>\w*)$""",
    re.VERBOSE,
)

_ITEM = re.compile(r"\btm\.(jobs|states)\[\s*(-?\d+|[\"']\w+[\"'])\s*\]\.(\w*)$")


class Suggestions:
    """Suggests what can be typed next."""

    def __init__(self, machine: TimeMachine) -> None:
        self._machine = machine

    @context_matcher()  # type: ignore[untyped-decorator]  # IPython gives it no types
    def suggest(self, context: Any) -> dict[str, Any]:
        """Give IPython's completer what fits the text before the cursor."""
        line = context.text_until_cursor.rpartition("\n")[2]
        number, name, option = (kind.search(line) for kind in (_NUMBER, _NAME, _OPTION))
        if name:
            return _found(self._names(name["past"] or name["vars"]), name["start"])
        if number:
            return _found([str(known) for known in self._machine.states], number[1])
        if item := _ITEM.search(line):
            return _found(self._attributes(item[1], item[2]), item[3])
        if option:
            return _found(NAMES, option[1])
        return {"completions": []}

    def _attributes(self, what: str, which: str) -> list[str]:
        """List what can be asked of a job or a state, which IPython itself does not look up."""
        try:
            item = getattr(self._machine, what)[literal_eval(which)]
        except (CowtmError, LookupError, TypeError):
            return []
        return [name for name in dir(item) if not name.startswith("_")]

    def _names(self, cell: str | None) -> list[str]:
        try:
            return self._machine.names(cell)
        except CowtmError:
            return []


def _found(texts: Sequence[str], start: str) -> dict[str, Any]:
    fitting = [text for text in texts if text.startswith(start)]
    return {
        "completions": [SimpleCompletion(text, type="cowtm") for text in fitting],
        "matched_fragment": start,
        "suppress": bool(fitting),
        "ordered": True,
    }
