"""scikit-learn: its settings, which `sklearn.set_config` changes; estimators need no kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn import _config

from cowtm.kinds.ambient import Ambient

if TYPE_CHECKING:
    from cowtm.chunks import ChunkStore
    from cowtm.kinds.base import Kind


def kind_for(cls: type, store: ChunkStore) -> Kind | None:  # noqa: ARG001
    """Give the kind of a type of scikit-learn's: none needs one of its own."""
    return None


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """Tell whether objects of a type are immutable: none are."""
    return False


def ambient() -> list[Ambient]:
    """Tell of the settings of this thread, a dict."""
    settings: dict[str, Any] = _config._get_threadlocal_config()  # noqa: SLF001  there is no other way to it
    preset: dict[str, Any] = _config._global_config  # noqa: SLF001

    def reset() -> None:
        settings.update(preset)

    return [Ambient("<sklearn settings>", settings, lambda: settings == preset, reset)]
