"""What the documentation says on adding a library works as written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from programs import run_python

from cowtm.errors import BadInput
from cowtm.kinds import register

PAGE = Path(__file__).parent.parent / "docs" / "adding-a-library.md"
FILES = dict(
    re.findall(
        r"^```python (\w+\.py)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
)


def run(folder: Path, program: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the page's tests in a folder of their own, by a program of one line.

    Args:
        folder: where.
        program: what starts pytest.
        changed: name of a file without its ending -> another text for it.

    """
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.removesuffix(".py"), text), encoding="utf-8")
    return run_python(program, *OPTIONS, modules=folder, folder=folder)


REGISTERED = "import register, sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
PLAIN = REGISTERED.replace("register, ", "")
OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_zlib_kinds.py")


def test_the_page_works_as_written(tmp_path: Path) -> None:
    """With the kind registered, the contract holds."""
    done = run(tmp_path, REGISTERED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_without_the_kind_the_contract_does_not_hold(tmp_path: Path) -> None:
    """The examples fail for objects that stay by reference."""
    done = run(tmp_path, PLAIN)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "6 failed" in done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return old.matches(new)", "return True"),
        ("return old.matches(new)", "return False"),
        ("return parts[0].compressor.copy()", "return parts[0].compressor"),
        ("return False  # never", "return True  # never"),
    ],
    ids=["no change is seen", "nothing is stable", "copies share", "kept as it is"],
)
def test_a_wrong_kind_is_found_out(tmp_path: Path, right: str, wrong: str) -> None:
    """The contract fails for a kind that breaks one of its rules."""
    text = FILES["zlib_kinds.py"]
    assert right in text
    done = run(tmp_path, REGISTERED, zlib_kinds=text.replace(right, wrong))
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_package_is_registered_once() -> None:
    """Another file for the same package is refused; the same one is fine."""
    register("numpy", "cowtm.kinds.arrays")
    with pytest.raises(BadInput, match=r"numpy are recorded by cowtm\.kinds\.arrays"):
        register("numpy", "elsewhere")
