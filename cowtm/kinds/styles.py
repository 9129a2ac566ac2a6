"""matplotlib's settings: `rcParams`, which `plt.style.use` and `plt.rc` change.

Which backend draws, and whether it does so at once (`plt.ion`), belongs to the session: a figure is
shown where the notebook is, whatever state that is in.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cowtm.kinds.ambient import Ambient
from cowtm.kinds.containers import DictSubclassKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cowtm.kinds.base import Commit

SETTINGS = "<matplotlib settings>"
"""What states bind `rcParams` to."""

_OF_THE_SESSION = ("backend", "backend_fallback", "interactive")


def ambient() -> list[Ambient]:
    """Tell of the settings; those from before matplotlib was imported are its own."""
    matplotlib: Any = import_module("matplotlib")

    def reset() -> None:
        own = dict.items(matplotlib.rcParamsOrig)
        given = {key: value for key, value in own if key not in _OF_THE_SESSION}
        dict.update(matplotlib.rcParams, given)

    return [Ambient(SETTINGS, matplotlib.rcParams, lambda: False, reset)]


class SettingsKind(DictSubclassKind):
    """matplotlib.RcParams: settings by name, read past its checks."""

    name = "settings"

    def body(self, value: Any) -> list[object]:
        """Read names and settings in turn; of the ones in use, those that belong to a state."""
        names, settings = list(dict.keys(value)), list(dict.values(value))
        for name in _OF_THE_SESSION if _are_in_use(value) else ():
            if dict.__contains__(value, name):
                place = names.index(name)
                del names[place], settings[place]
        body = [*names, *settings]
        body[::2], body[1::2] = names, settings
        return body

    def plan_body(self, value: Any, body: Sequence[Any]) -> Commit:
        """Prepare replacing them; what belongs to the session stays."""
        names = body[::2]
        source = value if _are_in_use(value) else _in_use()
        kept = [
            part
            for name in _OF_THE_SESSION
            if name not in names and dict.__contains__(source, name)
            for part in (name, dict.__getitem__(source, name))
        ]
        return super().plan_body(value, [*body, *kept])


def _in_use() -> Any:
    return vars(import_module("matplotlib"))["rcParams"]


def _are_in_use(value: object) -> bool:
    return value is _in_use()
