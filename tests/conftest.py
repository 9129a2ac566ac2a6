"""What all tests share: a test of the native part runs on the C extension and on its twin."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, ModuleType

    from cowtm.twin import maker, namespace, table


_data = tempfile.TemporaryDirectory(prefix="cowtm-tests-")
os.environ["JUPYTER_DATA_DIR"] = _data.name
"""Journals and the key of tests, and of the kernels that they start, are not the user's."""

settings.register_profile(
    "search", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")
"""Each run tries the same examples, however slow the machine is; `--hypothesis-profile search`
looks for others."""


MANY = 100
"""Modules whose objects the garbage collector notices."""

_settled = 0
"""Modules that were there when the collector was told to pass them by."""


def pytest_runtest_setup() -> None:
    """Have the garbage collector pass by what libraries brought along when they were imported.

    With all of them it takes 0.3 s to look at everything, and many tests ask for that again and
    again.
    """
    global _settled  # noqa: PLW0603
    if len(sys.modules) > _settled + MANY:
        gc.collect()
        gc.freeze()
        _settled = len(sys.modules)


@pytest.fixture
def few_ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have sessions know of no library's global objects: other tests may have imported some."""
    monkeypatch.setattr("cowtm.kinds.registry.AMBIENT", {})


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    """Close what is open of pyplot: it belongs to the states of all sessions in this process."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(scope="session", autouse=True)
def _bare_workers() -> Iterator[None]:
    """Have the workers of sessions in this process import no libraries ahead.

    They would import all that any test has imported here, for some ten seconds each.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cowtm.ipython.future.LIBRARIES", {})
        yield


@dataclass(frozen=True, slots=True)
class NativeModule:
    """One implementation of what `cowtm.native` gives; to the type checker, the specification."""

    name: str
    """``c`` or ``python``."""
    TrackingNamespace: type[namespace.TrackingNamespace]
    CellRunner: type[namespace.CellRunner]
    code_names: Callable[[CodeType], frozenset[str]]
    ObjectTable: type[table.ObjectTable]
    Node: type[table.Node]
    Content: type[table.Content]
    Maker: type[maker.Maker]


@pytest.fixture(params=["c", "python"])
def native_module(request: pytest.FixtureRequest) -> NativeModule:
    """Give the C extension, then the twin.

    Where no extension was built its half is skipped, unless ``COWTM_REQUIRE_NATIVE`` is set: then
    it fails.
    """
    twin = import_module("cowtm.twin.namespace"), import_module("cowtm.twin.table")
    if request.param == "python":
        return gather("python", *twin, import_module("cowtm.twin.maker"))
    try:
        extension = import_module("cowtm._native")
    except ImportError as error:
        if os.environ.get("COWTM_REQUIRE_NATIVE"):
            raise
        pytest.skip(f"no C extension: {error}")
    return gather("c", extension, extension, extension)


def gather(name: str, names: ModuleType, objects: ModuleType, makers: ModuleType) -> NativeModule:
    """Put one implementation together of the modules that have its parts."""
    return NativeModule(
        name=name,
        TrackingNamespace=names.TrackingNamespace,
        CellRunner=names.CellRunner,
        code_names=names.code_names,
        ObjectTable=objects.ObjectTable,
        Node=objects.Node,
        Content=objects.Content,
        Maker=makers.Maker,
    )
