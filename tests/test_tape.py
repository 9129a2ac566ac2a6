"""The last of what was written can be read from the tape, whatever became of who wrote it."""

from __future__ import annotations

import tempfile
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowtm.future.tape import RING, Tape, encoded

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Tape, Tape]]:
    """Give a tape, as who writes it has it and as who reads it."""
    with tempfile.TemporaryFile() as file:
        writer, reader = Tape(file.fileno()), Tape(file.fileno())
        yield writer, reader
        writer.close()
        reader.close()


texts = st.one_of(
    st.text(max_size=40),
    st.builds(lambda text, times: text * times, st.sampled_from("aé\n\U0001f600"), st.just(9_999)),
)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), texts), max_size=12), st.data())
def test_what_was_not_heard_is_on_it(
    both: tuple[Tape, Tape], written: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Of each stream what came after the bytes that were heard; the last `RING` bytes at most."""
    writer, reader = both
    writer.begin()
    whole = {"stdout": "", "stderr": ""}
    for stream, text in written:
        writer.write(stream, text)
        whole[stream] += text
    for stream, text in whole.items():
        heard = data.draw(st.integers(0, len(text)))
        rest = encoded(text[heard:])
        found = reader.after(stream, len(encoded(text[:heard])))
        if len(rest) <= RING:
            assert found == text[heard:]
        else:
            lost = f"\n[... {len(rest) - RING} bytes are lost ...]\n"
            assert found == lost + rest[-RING:].decode("utf-8", "replace")


def test_many_threads_write(both: tuple[Tape, Tape]) -> None:
    """Nothing is lost between them."""
    writer, reader = both
    writer.begin()

    def write(letter: str) -> None:
        for _ in range(500):
            writer.write("stdout", letter * 3)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = reader.after("stdout", 0)
    assert sorted(found[start : start + 3] for start in range(0, len(found), 3)) == sorted(
        letter * 3 for letter in "abcd" for _ in range(500)
    )
