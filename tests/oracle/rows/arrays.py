"""numpy, and what else is memory: sparse matrices, pictures."""

from __future__ import annotations

from oracle.library import Library

NUMPY = Library(
    start="""
import numpy as np
np.random.seed(2)
rng = np.random.default_rng(3)
m = np.arange(8.0).reshape(4, 2)
v = m[:, 0]
w = v[::-1]
masked = np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0])
raw = bytearray(64)
""",
    names={"array": ("m", "v", "w"), "vector": ("v", "w"), "any": ("masked", "raw", "rng")},
    values={
        "new_array": (
            "np.arange({n} * 2.0 + 2).reshape(-1, 2)",
            "np.zeros((4, 2), order='F')",
            "np.frombuffer(raw).reshape(4, 2)",
            "rng.normal(size=(4, 2))",
            "{array}.copy()",
            "np.array([({any}, {n})], dtype=object)",
            "np.array([(1, 2.0), (3, 4.0)], dtype=[('i', 'i4'), ('f', 'f8')])",
            "np.random.rand(4, 2)",
        ),
        "new_vector": (
            "m[:, 0]",
            "m[:, -1]",
            "m.ravel()[:4]",
            "{vector}[::-1]",
            "m.T[0]",
            "np.arange(4.0) * {n}",
            "np.random.rand(4)",
            "masked.data",
            "np.broadcast_to(m[0, 0], 4)",
            "np.lib.stride_tricks.as_strided(m, (4,), (8,))",
        ),
        "new": ("memoryview(raw)", "m[:{n}]", "w.base", "masked.mask"),
    },
    statements=(
        "m = {new_array}",
        "{vector} = {new_vector}",
        "{vector} = {new_vector}",
        "{array} = {array}",
        "m[0] = {n}",
        "{vector}[...] = {n}",
        "{vector}[{n}:] += 1",
        "m *= 2",
        "m.sort(axis=0)",
        "v.flags.writeable = False",
        "raw[{n}] = {n}",
        "raw = bytearray(8 * {n} * 4)",
        "masked[{n}:] = np.ma.masked",
        "masked[0] = {n}",
        "masked = np.ma.array(v, mask=[0, 0, 1, {n} % 2])",
        "masked.mask[0] = True",
        "m[0, 0] = np.random.rand()",
        "rng.shuffle(v)",
        "rng = np.random.default_rng({n})",
        "np.random.seed({n})",
        "np.random.shuffle({vector})",
        "box['m'] = m[1:]",
        "row.append({vector}[1:])",
    ),
    needs=("numpy",),
)

SPARSE = Library(
    start="""
import scipy.sparse as sp
sm = sp.csr_array(np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]]))
lil = sp.lil_array((3, 3))
""",
    names={"sparse": ("sm",), "any": ("lil",)},
    values={
        "new": ("sm.data", "sm.indices", "sm.T"),
        "new_sparse": (
            "sp.csr_array(m)",
            "sp.csc_array(np.eye(3) * {n})",
            "sp.coo_array(([1.0, {n}], ([0, 1], [1, 0])), shape=(3, 3))",
            "sp.dok_array((3, 3))",
            "sp.csr_array((sm.data, sm.indices, sm.indptr), shape=sm.shape)",
            "sm.tolil()",
            "sm.copy()",
            "sm.T",
            "sm.tocsr() * {n}",
        ),
    },
    statements=(
        "sm = {new_sparse}",
        "sm = {new_sparse}",
        "lil = sm.tolil()",
        "sm[0, 0] = {n}",
        "sm[1, 0] = {n}",
        "lil[1, 1] = {n}",
        "lil[0] = {n}",
        "sm.data *= {n}",
        "sm.data[0] = {n}",
        "v = sm.data",
        "sm.sum_duplicates()",
        "sm.eliminate_zeros()",
        "sm.resize(2, 2)",
        "sm.sort_indices()",
        "sm.note = {any}",
        "box['sm'] = sm",
    ),
    needs=("scipy",),
    after=("numpy",),
)

IMAGES = Library(
    start="""
from PIL import Image, ImageDraw
image = Image.new("RGB", (4, 3))
""",
    names={"any": ("image",)},
    values={"new": ("image.copy()", "Image.new('L', ({n}, 2))")},
    statements=(
        "image = Image.new('L', (4, {n}))",
        "image = Image.fromarray((m * 9).astype('u1'))",
        "image = image.copy()",
        "image.putpixel((0, 0), {n})",
        "image.paste({n}, (0, 0, 2, 1))",
        "ImageDraw.Draw(image).line((0, 0, 2, 2), fill={n})",
        "image.info['note'] = {any}",
        "row.append(np.asarray(image))",
        "box['image'] = image",
    ),
    needs=("PIL",),
    after=("numpy",),
)
