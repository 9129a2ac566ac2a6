"""Journals elsewhere: what is saved to or loaded from a URL passes through a file here.

fsspec knows the way (``memory://``, ``s3://``, ``https://``, ...); it is imported when a URL is
met.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from cowtm.errors import BadInput, JournalNotFound

_ANY_SUFFIX = "copy.cowtm"


def is_url(path: object) -> bool:
    """Tell URLs from paths."""
    return isinstance(path, str) and "://" in path


def as_path(path: object) -> Path:
    """Return the path that a user gave.

    Raises:
        BadInput: it is none.

    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise BadInput(f"a journal is named by its path or URL, such as 'work.cowtm'; got {path!r}")
    return Path(path).expanduser()


@contextmanager
def sent_to(url: str) -> Iterator[Path]:
    """Give a path to write to; what is there in the end is sent."""
    with tempfile.TemporaryDirectory(prefix="cowtm-") as folder:
        path = Path(folder) / _ANY_SUFFIX
        yield path
        _call("put_file", url, path)


def fetched(url: str, folder: Path) -> Path:
    """Fetch what is at a URL into a folder; returns the file.

    Raises:
        JournalNotFound: there is nothing.

    """
    path = folder / _ANY_SUFFIX
    try:
        _call("get_file", url, path)
    except FileNotFoundError as error:
        raise JournalNotFound(f"there is nothing at {url}") from error
    path.chmod(0o600)
    return path


def _call(method: str, url: str, path: Path) -> None:
    try:
        url_to_fs = import_module("fsspec.core").url_to_fs
    except ModuleNotFoundError as error:
        msg = f"{url}: URLs need the package fsspec: pip install 'cowtm[remote]'"
        raise BadInput(msg) from error
    try:
        files, there = url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise BadInput(f"{url}: {error}") from error
    call: Any = getattr(files, method)
    if method == "put_file":
        call(str(path), there)
    else:
        call(there, str(path))
