"""PIL: images, palettes, what draws on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cowtm.testing import Example, Family, describes

if TYPE_CHECKING:
    from cowtm.testing.form import Walk

PRELUDE = """
import io
from PIL import Image, ImageDraw

def drawing(mode="RGB"):
    image = Image.new(mode, (6, 5))
    return [image, ImageDraw.Draw(image)]

def from_file(form):
    file = io.BytesIO()
    Image.new("RGB", (6, 5), "red").save(file, form)
    image = Image.open(io.BytesIO(file.getvalue()))
    image.load()
    return image

def with_palette():
    image = Image.new("P", (4, 4))
    image.putpalette([1, 2, 3, 4, 5, 6])
    return image
"""

FAMILIES = [
    Family(
        "images (PIL)",
        {
            **{
                f"image of mode {mode}": Example(
                    f"Image.new({mode!r}, (6, 5))",
                    (
                        f"x.putpixel((1, 2), {pixel})",
                        f"x.paste({pixel}, (2, 2, 4, 4))",
                        "x.info['note'] = [1]",
                    ),
                )
                for mode, pixel in {
                    "1": 1,
                    "L": 9,
                    "RGB": (1, 2, 3),
                    "RGBA": (1, 2, 3, 4),
                    "CMYK": (1, 2, 3, 4),
                    "YCbCr": (1, 2, 3),
                    "HSV": (1, 2, 3),
                    "LA": (7, 8),
                    "I": 70000,
                    "F": 0.5,
                    "I;16": 300,
                }.items()
            },
            "image with a palette": Example(
                "with_palette()",
                (
                    "x.putpixel((0, 0), 1)",
                    "x.putpalette([9, 8, 7, 6, 5, 4])",
                    "x.load()",
                    "x.putpixel((1, 1), (50, 60, 70))",
                ),
            ),
            "drawing": Example(
                "drawing()",
                (
                    "x[1].line((0, 0, 5, 4), fill='red')",
                    "x[0].putpixel((1, 1), (7, 8, 9))",
                    "x[1].ellipse((1, 1, 4, 4), outline='blue')",
                    "x[1].fontmode = '1'",
                ),
            ),
            "image read from a file": Example(
                "from_file('png')", ("x.putpixel((1, 2), (1, 2, 3))", "x.info['more'] = 1")
            ),
            "image changed in place": Example(
                "drawing('L')[0]",
                ("x.thumbnail((3, 3))", "x.putdata(range(6))", "x.putalpha(7)"),
            ),
            "two images of the same pixels": Example(
                "[i := Image.new('L', (3, 3)), i.copy(), i]",
                ("x[0].putpixel((0, 0), 5)", "x[1].putpixel((1, 1), 6)"),
            ),
            "image in the memory of something else": Example(
                "[Image.frombuffer('L', (4, 2), bytes(8)), 1]",
                ("x[1] = 2", "x[0].putpixel((1, 1), 3)", "x[0].info['a'] = 1"),
            ),
            "image without pixels": Example("Image.new('RGB', (0, 3))", ("x.info['a'] = 1",)),
            "images that become alike": Example(
                "[Image.new('RGB', (6, 5)), Image.new('RGB', (6, 5), 'red')]",
                (
                    "x[0].paste('red', (0, 0, 6, 5))",
                    "x[1].putpixel((2, 2), (9, 9, 9))",
                    "x[0].putpixel((2, 2), (9, 9, 9))",
                ),
            ),
            "image in several blocks": Example(
                "Image.new('RGB', (2200, 2100))", ("x.putpixel((2199, 2099), (1, 2, 3))",)
            ),
            "big image": Example(
                "Image.new('L', (2000, 2000))", ("x.putpixel((5, 5), 1)",), at_most=2**20
            ),
        },
        prelude=PRELUDE,
        needs=("PIL",),
        how="pixels in chunks; palette, attributes",
    ),
]


@describes("builtins.ImagingCore")
def _pixels(_: Walk, value: Any) -> tuple[Any, ...]:
    width, height = value.size
    pixels = [value.getpixel((x, y)) for x in range(min(9, width)) for y in range(min(9, height))]
    palette = bytes(value.getpalette("RGB", "RGB")) if value.mode in ("P", "PA") else b""
    counts = value.histogram() if width and value.mode not in ("I", "F") else ()
    return value.mode, value.size, pixels, palette, counts


@describes("PIL.ImageDraw.ImageDraw")
def _drawer(walk: Walk, value: Any) -> tuple[Any, ...]:
    return tuple((n, walk.token(v)) for n, v in sorted(vars(value).items()) if n != "draw")
