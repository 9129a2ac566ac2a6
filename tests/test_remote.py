"""Sessions saved to a URL and loaded from one: what fsspec understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from elsewhere import elsewhere

import cowtm
from cowtm.errors import BadInput, JournalNotFound
from cowtm.saved.remote import as_path, is_url
from cowtm.testing.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("fsspec")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Give a session with two states."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    made = Session(stored=True)
    made.run("x = [1]\ny = x")
    made.run("x.append(2)")
    yield made
    made.close()


def test_a_session_goes_through_a_url(session: Session) -> None:
    """What is saved to a URL is loaded from it."""
    session.machine.save("memory://work/there.cowtm")
    with elsewhere():
        archive = cowtm.load("memory://work/there.cowtm")
        assert (archive.vars(1, "x"), archive.vars(2, "x")) == ([1], [1, 2])
        assert "memory://work/there.cowtm" in repr(archive)


def test_a_session_is_gone_on_with_from_a_url(session: Session) -> None:
    """What is at the URL stays as it is: a copy of it is continued."""
    session.machine.save("memory://work/continued.cowtm")
    session.run("del x, y")
    session.machine.resume("memory://work/continued.cowtm")
    assert session.home["x"] is session.home["y"]
    session.run("x.append(3)")
    session.machine.flush()
    path = session.machine.journal_path
    assert path is not None
    assert path.exists()
    with elsewhere():
        assert cowtm.load("memory://work/continued.cowtm").vars(2, "x") == [1, 2]
        assert 3 not in cowtm.load("memory://work/continued.cowtm").states


def test_nothing_at_a_url(session: Session) -> None:  # noqa: ARG001  its data directory
    """It is said what is not there."""
    with pytest.raises(JournalNotFound, match=r"memory://nowhere\.cowtm"):
        cowtm.load("memory://nowhere.cowtm")


@pytest.mark.parametrize("path", ["nosuch://a/b.cowtm", "", 5, None, b""])
def test_what_is_no_place(session: Session, path: Any) -> None:
    """A protocol that nobody knows, and what is no path at all, are refused in plain words."""
    with pytest.raises(BadInput):
        cowtm.load(path)
    with pytest.raises(BadInput):
        session.machine.save(path)


def test_urls_are_told_from_paths() -> None:
    """Only a text with a protocol is a URL."""
    assert is_url("s3://bucket/key.cowtm")
    assert not is_url("work/there.cowtm")
    assert as_path("~/work.cowtm").is_absolute()
