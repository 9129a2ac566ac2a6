"""Images are not copied out at each check, and what is told of them is what copying would tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowtm.chunks import Chunk, ChunkStore

Image: Any = pytest.importorskip("PIL.Image")

from cowtm.kinds import images  # noqa: E402  it imports PIL

MODES = ("1", "L", "P", "I", "F", "I;16", "RGB", "RGBA", "CMYK", "LA", "YCbCr", "HSV")
LENT = hasattr(Image.core.new("L", (1, 1)), "__arrow_c_array__")


def kind() -> images.PixelsKind:
    """Give a kind that knows no image yet."""
    return images.PixelsKind(images.CORE, ChunkStore())


def pixels(mode: str, size: tuple[int, int], seed: int) -> Any:
    """Make pixels of any kind."""
    made = Image.new(mode, size)
    for step in range(min(3, size[0], size[1])):
        place = (seed * 7 + step) % size[0], (seed + step) % size[1]
        blank = made.getpixel(place)
        one = seed % 250 + 1
        made.putpixel(place, tuple(one for _ in blank) if isinstance(blank, tuple) else one)
    return made.im


@given(
    st.sampled_from(MODES),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.lists(st.integers(0, 5000), min_size=1, max_size=6),
)
def test_what_is_known_is_what_copying_tells(
    mode: str, size: tuple[int, int], seeds: list[int]
) -> None:
    """Also where another image had the same memory, or the same one had another."""
    knowing = kind()
    held = []
    for seed in [*seeds, *seeds]:
        made = pixels(mode, size, seed)
        asked = kind()
        found: list[Any] = [*knowing.parts(made)]
        wanted: list[Any] = [*asked.parts(made)]
        held.append((made, found))
        assert found[:6] == wanted[:6]
        assert [part.digest for part in found[6:]] == [part.digest for part in wanted[6:]]


@pytest.mark.skipif(not LENT, reason="this version of PIL lends no memory")
def test_an_image_that_did_not_change_is_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And again after each change."""
    copies = []

    def copied(core: Any) -> Any:
        copies.append(core)
        image = Image.Image()
        vars(image).update(_im=core, _mode=core.mode, _size=core.size)
        return image

    monkeypatch.setattr(images, "_image", copied)
    image, knowing = Image.new("RGB", (300, 200), "red"), kind()
    first = knowing.parts(image.im)
    assert knowing.parts(image.im) == first
    assert len(copies) == 1
    image.putpixel((299, 199), (1, 2, 3))
    second = knowing.parts(image.im)
    assert second != first
    assert len(copies) == 2
    image.putpixel((299, 199), (255, 0, 0))
    assert knowing.parts(image.im) == first
    assert len(copies) == 2


@pytest.mark.skipif(not LENT, reason="this version of PIL lends no memory")
def test_what_was_let_go_is_copied_again() -> None:
    """What is kept at hand keeps nothing alive."""
    image, knowing = Image.new("L", (30, 20), 7), kind()
    held = knowing.store.held
    parts = knowing.parts(image.im)
    assert knowing.store.held > held
    del parts
    assert knowing.store.held == held
    (chunk,) = knowing.parts(image.im)[6:]
    assert isinstance(chunk, Chunk)
    assert chunk.read() == bytes([7]) * 600


@pytest.mark.skipif(not LENT, reason="this version of PIL lends no memory")
@pytest.mark.parametrize("mode", MODES)
def test_every_pixel_is_in_the_memory_that_is_looked_at(mode: str) -> None:
    """First, last, and in between."""
    made = Image.new(mode, (7, 5))
    blank = made.getpixel((0, 0))
    told = {images.fingerprint_of(made.im)}
    for place in [(0, 0), (6, 0), (3, 2), (0, 4), (6, 4)]:
        made.putpixel(place, (1,) * len(blank) if isinstance(blank, tuple) else 1)
        told.add(images.fingerprint_of(made.im))
    assert len(told) == 6


def test_what_is_in_several_places_is_copied() -> None:
    """PIL lends no memory of what is beyond 16 MiB."""
    assert images.fingerprint_of(Image.new("RGB", (2200, 2100)).im) is None
