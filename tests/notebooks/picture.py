# %%
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

# %%
yy, xx = np.mgrid[0:60, 0:80]
rgb = np.stack([xx * 3, yy * 4, (xx + yy) % 256], axis=-1).astype(np.uint8)
img = Image.fromarray(rgb)
img

# %%
draw = ImageDraw.Draw(img)
draw.rectangle([10, 10, 30, 25], outline="white", fill=(200, 0, 0))
draw.line([(0, 0), (79, 59)], fill=0, width=2)
img.getpixel((15, 15)), rgb[15, 15]

# %%
img.putpixel((0, 0), (1, 2, 3))
px = img.load()
px[1, 0] = (4, 5, 6)
np.asarray(img)[0, :2]

# %%
small = img.resize((20, 15))
grey = small.convert("L")
grey.getextrema()

# %% raises
img.crop((10, 10, 5, 5))

# %%
box = img.crop((5, 5, 25, 25))
img.paste(box, (50, 30))
img.paste(0, (0, 50, 80, 60))
box.size, img.getpixel((60, 55))

# %%
thumb = img.copy()
thumb.thumbnail((16, 16))
thumb.info["made"] = ["by", "me"]
thumb.size

# %%
mask = Image.new("L", img.size, 0)
ImageDraw.Draw(mask).ellipse([20, 10, 60, 50], fill=255)
blurred = img.filter(ImageFilter.GaussianBlur(2))
img.paste(blurred, mask=mask)
mask.histogram()[255]

# %%
arr = np.array(img)
arr[::2] //= 2
gradient = np.gradient(arr[..., 0].astype(float))
edges = np.hypot(*gradient) > 20
edges.sum()

# %%
def threshold(a, level=None):
    level = a.mean() if level is None else level
    levels.append(float(level))
    return a > level
levels = []
bw = threshold(arr[..., 1])
threshold(arr[..., 2], 9).mean(), levels

# %%
labels = np.zeros(bw.shape, int)
def flood(y, x, label):
    todo = [(y, x)]
    while todo:
        i, j = todo.pop()
        if 0 <= i < bw.shape[0] and 0 <= j < bw.shape[1] and bw[i, j] and not labels[i, j]:
            labels[i, j] = label
            todo += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
for label, (i, j) in enumerate(np.argwhere(bw), 1):
    if not labels[i, j]:
        flood(i, j, label)
len(np.unique(labels))

# %%
buffer = io.BytesIO()
small.save(buffer, format="PNG")
buffer.tell() > 100, buffer.getvalue()[:4]

# %%
buffer.seek(0)
again = Image.open(buffer)
again.format, again.size

# %%
again.load()
list(again.getdata())[:2] == list(small.getdata())[:2]

# %%
pal = small.quantize(4)
pal.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
pal.mode, len(pal.getcolors())

# %%
grey.putdata([i % 256 for i in range(20 * 15)])
rot = ImageOps.mirror(grey).rotate(90, expand=True)
rot.size, rot.getpixel((3, 3))

# %%
gallery = {"img": img, "alias": img, "small": [small, grey]}
gallery["alias"].putpixel((5, 5), (9, 9, 9))
gallery["small"].reverse()
img.getpixel((5, 5))

# %%
rgba = img.convert("RGBA")
rgba.putalpha(mask)
rgba.getchannel("A").getextrema()

# %%
del draw, px
img = ImageOps.invert(img)
rgb[:] = 0
img.getpixel((5, 5)), gallery["img"].getpixel((5, 5))
