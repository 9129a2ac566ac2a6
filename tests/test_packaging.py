"""What users install: a wheel with the C extension, or without a compiler one that works anyway."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parent.parent


def build_wheel(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel of this checkout into `folder`."""
    clean = {name: value for name, value in os.environ.items() if name != "COWTM_REQUIRE_NATIVE"}
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(CHECKOUT)],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def only_wheel(folder: Path) -> Path:
    """Give the one wheel in `folder`."""
    (wheel,) = folder.glob("*.whl")
    return wheel


def compiled(names: Sequence[str]) -> list[str]:
    """Give the files that are machine code."""
    return [name for name in names if name.endswith((".so", ".pyd", ".dylib"))]


def reason_of(wheel: Path, folder: Path) -> str:
    """Import the wheel's cowtm alone, not the checkout's, and ask it which implementation runs."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    libraries = sysconfig.get_path("purelib")
    script = (
        f"import sys; sys.path[:0] = [{str(folder)!r}]; sys.path.append({libraries!r});"
        f"import cowtm.native; assert cowtm.native.__file__.startswith({str(folder)!r});"
        "print(cowtm.native.reason)"
    )
    clean = {name: value for name, value in os.environ.items() if name != "COWTM_PURE_PYTHON"}
    # -S: the editable install of the checkout would win otherwise.
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env=clean,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("native_module", ["c"], indirect=True)
@pytest.mark.usefixtures("native_module")
def test_a_wheel_with_the_extension_is_for_one_platform(tmp_path: Path) -> None:
    """With a compiler the wheel holds one library, for this Python, and says so in its name."""
    built = build_wheel(tmp_path)
    assert built.returncode == 0, built.stderr
    wheel = only_wheel(tmp_path)
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert f"-{tag}-{tag}-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    libraries = compiled(zipfile.ZipFile(wheel).namelist())
    assert libraries == [f"cowtm/_native{sysconfig.get_config_var('EXT_SUFFIX')}"]
    assert reason_of(wheel, tmp_path / "unpacked") == "C extension"


def test_a_wheel_without_a_compiler_works(tmp_path: Path) -> None:
    """With a compiler that fails the wheel is pure Python, fits everywhere, and says so."""
    built = build_wheel(tmp_path, CC="false")
    assert built.returncode == 0, built.stderr
    wheel = only_wheel(tmp_path)
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert compiled(names) == []
    assert "cowtm/twin/namespace.py" in names
    assert "cowtm/py.typed" in names
    reason = reason_of(wheel, tmp_path / "unpacked")
    assert reason.startswith("pure Python: the extension was not built (")


def test_a_build_that_requires_the_extension_fails_without_a_compiler(tmp_path: Path) -> None:
    """COWTM_REQUIRE_NATIVE=1 turns the silent fallback off."""
    built = build_wheel(tmp_path, CC="false", COWTM_REQUIRE_NATIVE="1")
    assert built.returncode != 0
    assert list(tmp_path.glob("*.whl")) == []
