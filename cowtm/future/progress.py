"""How far a cell is, as its progress bars say: tqdm, rich, Keras, and bars that are widgets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What turns colours on and off in a terminal."""

_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?)%\||[━╸╺]\s*(\d{1,3}(?:\.\d+)?)\s?%")
"""``45%|████`` and ``━━━━╸ 45%``."""
_COUNT = re.compile(r"(\d+)/(\d+) ━")
"""``45/100 ━━━━``."""


class Progress:
    """Reads what a cell puts out.

    Attributes:
        share: how far the last bar is, 0 to 1; None if there was none.

    """

    def __init__(self) -> None:
        self.share: float | None = None
        self._bars: dict[str, dict[str, Any]] = {}

    def read(self, text: str) -> None:
        """Take note of the last bar in a text, if there is one."""
        if "%" not in text and "━" not in text:
            return
        plain = COLOURS.sub("", text)
        for found in _SHARE.finditer(plain):
            self._note(float(found[1] or found[2]), 100)
        for found in _COUNT.finditer(plain):
            self._note(float(found[1]), float(found[2]))

    def hear(self, kind: str, content: Mapping[str, Any]) -> None:
        """Take note of what a widget says, if it is a bar."""
        data = content.get("data")
        state = data.get("state") if isinstance(data, Mapping) else None
        if not isinstance(state, Mapping):
            return
        name = content.get("comm_id", "")
        if kind == "comm_open" and str(state.get("_model_name")).endswith("ProgressModel"):
            self._bars[name] = {"min": 0.0, "max": 100.0, "value": 0.0}
        bar = self._bars.get(name)
        if bar is None:
            return
        bar.update(state)
        if bar.get("bar_style") != "info":  # of a bar that does not know its end
            self._note(bar["value"] - bar["min"], bar["max"] - bar["min"])

    def _note(self, part: float, whole: float) -> None:
        if whole > 0:
            self.share = min(max(part / whole, 0.0), 1.0)
