"""Suggestions while typing: state numbers and the variables of a state, where a call wants them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from cowtm.errors import CowtmError

if TYPE_CHECKING:
    from cowtm.machine import TimeMachine

_NUMBER = re.compile(
    r"(?:^\s*%?past\s+|\btm\.(?:past|vars|ans|diff)\(\s*|\btm\.diff\(\s*\w+\s*,\s*)(\w*)$"
)
_NAME = re.compile(
    r"""(?:^\s*%?past\s+(?P<past>\w+)(?:\s+\w+)*\s+
        |\btm\.vars\(\s*(?P<vars>\w+)\s*,(?:\s*["']\w*["']\s*,)*\s*["']
        |\btm\.(?:history|blame)\(\s*["'])
        (?P<start>\w*)$""",
    re.VERBOSE,
)


class Suggestions:
    """Suggests what can be typed next."""

    def __init__(self, machine: TimeMachine) -> None:
        self._machine = machine

    @context_matcher()  # type: ignore[untyped-decorator]  # IPython gives it no types
    def suggest(self, context: Any) -> dict[str, Any]:
        """Give IPython's completer what fits the text before the cursor."""
        line = context.text_until_cursor.rpartition("\n")[2]
        number, name = _NUMBER.search(line), _NAME.search(line)
        if name:
            return _found(self._names(name["past"] or name["vars"]), name["start"])
        if number:
            return _found([str(known) for known in self._machine.states], number[1])
        return {"completions": []}

    def _names(self, cell: str | None) -> list[str]:
        try:
            return self._machine.names(cell)
        except CowtmError:
            return []


def _found(texts: list[str], start: str) -> dict[str, Any]:
    fitting = [text for text in texts if text.startswith(start)]
    return {
        "completions": [SimpleCompletion(text, type="cowtm") for text in fitting],
        "matched_fragment": start,
        "suppress": bool(fitting),
        "ordered": True,
    }
