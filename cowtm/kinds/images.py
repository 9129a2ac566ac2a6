"""PIL: the pixels of images, and what draws on them.

Images are plain instances; their pixels are in an object of C's, which several images and drawers
may share. PIL says what they are as bytes in another order than it has them in, so they are
copied out to be hashed; not if their memory, which PIL lends as Arrow does, is as it was: that is
quicker by far.
"""

from __future__ import annotations

import weakref
from ast import literal_eval
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xxhash
from PIL import Image

from cowtm.kinds.base import (
    Commit,
    ContentOf,
    InstanceKind,
    Kind,
    differ,
    mro_of,
    name_of,
    plain_instances,
    plan_dict,
)
from cowtm.kinds.lending import array_in, bytes_at, regions, schema_in
from cowtm.native import GENERIC

if TYPE_CHECKING:
    from cowtm.chunks import Chunk, ChunkStore

_core: Any = Image.core
CORE: type = type(_core.new("L", (1, 1)))
"""The type of pixels."""

NAMELESS = {name_of(CORE): CORE}
"""Types that do not say that they are of PIL, by what they say."""


def is_leaf(cls: type) -> bool:  # noqa: ARG001
    """No object of PIL's is told by its type to never change."""
    return False


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of pixels and of drawers; None for what is like any other object."""
    if cls is CORE:
        return PixelsKind(cls, store)
    names = {name_of(base) for base in mro_of(cls)}
    drawer = ("PIL.ImageDraw", "ImageDraw") in names
    return DrawerKind(cls) if drawer and plain_instances(cls) else None


class PixelsKind(Kind):
    """The pixels of an image.

    Parts: mode, size, mode and bytes of the palette, what the chunks can't tell, chunks.
    """

    name = "pixels"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.store = store
        self._copied: dict[_Print, tuple[str, list[weakref.ref[Chunk]]]] = {}

    def parts(self, value: Any) -> Sequence[object]:
        """Tell palette and chunks; copy the pixels out for it if their memory is not known."""
        odd, chunks = self._pixels(value)
        return [value.mode, *value.size, *_palette(value), odd, *chunks]

    def _pixels(self, value: Any) -> tuple[str, list[Chunk]]:
        fingerprint = fingerprint_of(value)
        if fingerprint in self._copied:
            odd, known = self._copied[fingerprint]
            alive = [chunk for reference in known if (chunk := reference()) is not None]
            if len(alive) == len(known):
                return odd, alive
        odd = repr(_odd(value))
        chunks = self.store.split(memoryview(_image(value).tobytes()), 1)
        if fingerprint is not None:
            if len(self._copied) >= _REMEMBERED:
                self._copied.clear()
            self._copied[fingerprint] = odd, list(map(weakref.ref, chunks))
        return odd, chunks

    def same(self, old: object, new: object) -> bool:
        """Compare mode, size and palette."""
        return type(old) is type(new) and type(old) in (str, int, bytes) and old == new

    def needs(self, slots: Sequence[object]) -> int:  # noqa: ARG002
        """Mode and size are given at birth."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make an empty one."""
        return _core.new(parts[0], tuple(parts[1:3]))

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Mode and size can't be changed; nor can what is in the memory of something else."""
        known = type(value) is self.cls
        if known and value.readonly:
            parts = self.parts(value)
            return len(parts) == len(slots) and not any(map(differ, parts, slots))
        return known and [value.mode, *value.size, _palette(value)[0]] == list(slots[:4])

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare copying the pixels in."""
        if value.readonly:  # it fits, so nothing is to be written
            return lambda: None
        mode, width, height, palette_mode, palette, odd, *chunks = parts
        whole = b"".join(chunk.read() for chunk in chunks)
        pixels = Image.frombytes(mode, (width, height), whole).im if whole else None

        def commit() -> object:
            if pixels is not None:
                value.paste(pixels, (0, 0, width, height))
            for x, y, number in literal_eval(odd):
                value.putpixel((x, y), number)
            if palette_mode:
                value.putpalette(palette_mode, palette_mode, palette)
            return None

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell mode and size."""
        return f"{slots[0]} pixels of {slots[1]} x {slots[2]}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell that the palette changed, or that pixels did."""
        return "the palette changed" if old[5:] == new[5:] else "pixels changed"


_Print = tuple[str, int, int, bytes]

_REMEMBERED = 256
"""Images of which it is kept at hand which chunks they are."""


def fingerprint_of(pixels: Any) -> _Print | None:
    """Return mode, size and a hash of the memory that pixels are in, which is not copied.

    Equal ones are of equal pixels; None if PIL lends no memory, as of images beyond 16 MiB, whose
    rows are in several places, and before version 11.3.
    """
    try:
        type_of, elements = pixels.__arrow_c_schema__(), pixels.__arrow_c_array__()
    except (AttributeError, ValueError, MemoryError):
        return None
    memory = xxhash.xxh3_128()
    for where, size in regions(schema_in(type_of), array_in(elements)):
        memory.update(bytes_at(where, size))
    return pixels.mode, *pixels.size, memory.digest()


def _odd(pixels: Any) -> list[tuple[int, int, int]]:
    """Tell the pixels of two colours that are neither 0 nor 255: as bytes they would be 255."""
    if pixels.mode != "1":
        return []
    counts = pixels.histogram()
    if sum(counts[1:255]) == 0:
        return []
    width, height = pixels.size
    told = [(x, y, pixels.getpixel((x, y))) for y in range(height) for x in range(width)]
    return [(x, y, number) for x, y, number in told if number not in (0, 255)]


def _image(pixels: Any) -> Any:
    """Give an image of some pixels, past any class of the user's."""
    image: Any = Image.Image()
    vars(image).update(_im=pixels, _mode=pixels.mode, _size=pixels.size)
    return image


def _palette(pixels: Any) -> tuple[str, bytes]:
    if pixels.mode not in ("P", "PA"):
        return "", b""
    mode = pixels.getpalettemode()
    return mode, bytes(pixels.getpalette(mode, mode))


class DrawerKind(InstanceKind):
    """What draws on an image: its attributes; the object of C's among them follows from the rest.

    Parts: class, names and values of the other attributes.
    """

    name = "drawer"
    code = GENERIC

    def parts(self, value: Any) -> Sequence[object]:
        """Read the attributes."""
        items = dict.items(self.layout.dict_of(value))
        return [type(value), *(part for item in items if item[0] != "draw" for part in item)]

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the attributes, and drawing on the pixels that are among them."""
        attributes = self.layout.dict_of(value)
        given = dict(zip(parts[1::2], parts[2::2], strict=True))
        pixels = given["im"]
        draw = attributes.get("draw")
        if draw is None or attributes.get("im") is not pixels:
            blend = given["mode"] == "RGBA" and pixels.mode == "RGB"
            draw = _core.draw(pixels, int(blend))
        return plan_dict(attributes, [*parts[1:], "draw", draw])
