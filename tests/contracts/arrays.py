"""numpy: arrays, views, dtypes, masks, records, matrices."""

from __future__ import annotations

from cowtm.testing import Example, Family

PRELUDE = """
import array
import numpy as np

class MyArray(np.ndarray):
    pass

inner = [1]
"""

FLOATS = ("x[0] = 5", "x += 1", "x[...] = -0.0", "x[-1] = np.nan")
ATTRIBUTES = ("x.a = 1", "x.b = [x]", "x.b.append(2)", "x.a = x.__dict__.pop('a')", "del x.b")

FAMILIES = [
    Family(
        "numpy arrays and classes derived from ndarray",
        {
            "float array": Example("np.arange(4.0)", FLOATS),
            "int8 array": Example(
                "np.arange(5, dtype='i1')", ("x[0] = 5", "x.sort()", "x[::2] = 3")
            ),
            "bool array": Example("np.zeros(3, bool)", ("x[1] = True",)),
            "complex array": Example("np.zeros(3, complex)", ("x[1] = 1j", "x.real = 2")),
            "big-endian array": Example("np.arange(3, dtype='>f8')", FLOATS),
            "array of two axes": Example(
                "np.zeros((3, 4))", ("x[1, 2] = 5", "x[:, 0] = 1", "x.flags.writeable = False")
            ),
            "Fortran order": Example(
                "np.asfortranarray(np.arange(6.0).reshape(2, 3))", ("x[1, 2] = 9", "x += 1")
            ),
            "axes swapped": Example(
                "np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0).copy('K')",
                ("x[1, 2, 1] = 9", "x += 1"),
            ),
            "array without axes": Example("np.array(5.0)", ("x[()] = 6", "x += 1")),
            "array without elements": Example("np.empty((0, 3))", ("x.flags.writeable = False",)),
            "read-only array": Example(
                "(lambda a: (a.setflags(write=False), a)[1])(np.arange(3.0))",
                ("x.setflags(write=True)", "x[0] = 5", "x.setflags(write=False)"),
            ),
            "structured array": Example(
                "np.zeros(3, [('i', 'i4'), ('f', 'f8', (2,))])",
                ("x['i'] = 5", "x[1]['f'] = 2", "x[0] = (7, (8, 9))"),
            ),
            "aligned structured array": Example(
                "np.zeros(2, np.dtype([('a', 'i1'), ('b', 'f8')], align=True))", ("x['b'] = 1",)
            ),
            "record": Example("[np.zeros(3, [('i', 'i4')])[1]]", ("x[0]['i'] = 5",)),
            "record of an array": Example(
                "(lambda a: [a, a[1]])(np.zeros(3, [('i', 'i4')]))",
                ("x[1]['i'] = 5", "x[0]['i'] = 6"),
            ),
            "array of objects": Example(
                "np.array([1, [2], inner, None], object)",
                ("x[0] = [x]", "x[1].append(1)", "x[3] = x[1]", "x[:] = None"),
            ),
            "array of objects, two axes": Example(
                "np.array([[1, None], ['a', inner]], object, order='F')",
                ("x[0, 1] = [5]", "x[1, 1].append(1)", "x[0] = 0"),
            ),
            "array of objects without axes": Example(
                "np.array(None, object)", ("x[()] = [1]", "x[()].append(2)")
            ),
            "view of objects": Example(
                "(lambda a: [a, a[::2], a[::-1], a[1:]])(np.array([1, [2], None], object))",
                ("x[1][0] = [5]", "x[2][0] = x", "x[0][1] = 0"),
            ),
            "object views alone": Example(
                "np.array([1, [2], None, 4], object)[1:3]", ("x[0] = [5]", "x[1] = x")
            ),
            "strings": Example("np.array(['a', 'bcd'])", ("x[0] = 'zz'",)),
            "bytes": Example("np.array([b'a', b'bcd'])", ("x[0] = b'zz'",)),
            "dates": Example(
                "np.array(['2020-01-01', 'NaT'], 'M8[D]')",
                ("x[1] = '2021-05-05'", "x += np.timedelta64(1, 'D')"),
            ),
            "durations": Example("np.array([1, 2], 'm8[s]')", ("x *= 2",)),
            "views": Example(
                "(lambda a: [a, a[2:], a[::2], a[::-1], a.reshape(2, 3), a.view('i8')])(np.arange(6.0))",
                (
                    "x[0][2] = 9",
                    "x[1][1] = 8",
                    "x[2][0] = 7",
                    "x[3][1] = 6",
                    "x[4][0, 0] = 5",
                    "x[5][3] = 1",
                ),
            ),
            "overlapping views": Example(
                "(lambda a: [a[:4], a[2:]])(np.arange(6.0))", ("x[0][3] = 9", "x[1][0] = 8")
            ),
            "views of views": Example(
                "(lambda a: [a[1:][1:].T[::-1]])(np.arange(12.0).reshape(4, 3))",
                ("x[0][0, 0] = 9", "x.append(x[0][1:])"),
            ),
            "windows": Example(
                "np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)",
                ("x[0, 2] = 9", "x[3, 2] = 7"),
            ),
            "broadcast": Example(
                "[b := np.arange(3.0), np.broadcast_to(b, (2, 3))]", ("x[0][1] = 7",)
            ),
            "diagonal": Example(
                "[b := np.zeros((3, 3)), np.einsum('ii->i', b)]", ("x[1][:] = 7", "x[0][1, 1] = 2")
            ),
            "field view": Example(
                "[b := np.zeros(3, [('i', 'i4'), ('f', 'f8')]), b['f']]",
                ("x[1][1] = 5", "x[0]['f'] = 3"),
            ),
            "view without elements": Example(
                "[b := np.arange(3.0), b[3:], b[1:1]]", ("x[0][0] = 1",)
            ),
            "frombuffer": Example(
                "[b := bytearray(16), np.frombuffer(b)]", ("x[1][0] = 2.0", "x[0][15] = 1")
            ),
            "frombuffer of bytes": Example("[np.frombuffer(b'abcdefgh', 'i4')]", ("x.append(1)",)),
            "array over array.array": Example(
                "[b := array.array('d', [1, 2]), np.frombuffer(b)]", ("x[1][0] = 5",)
            ),
            "big array": Example("np.zeros(400_000)", ("x[200_000] = 1", "x[:3] = 4", "x += 1")),
            "array subclass": Example("np.arange(3.0).view(MyArray)", (*FLOATS, *ATTRIBUTES)),
            "masked array": Example(
                "np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])",
                ("x[0] = 9", "x[1] = 5", "x[2] = np.ma.masked", "x.fill_value = 7"),
            ),
            "matrix": Example("np.matrix([[1.0, 2.0]])", ("x[0, 1] = 5",)),
            "recarray": Example(
                "np.rec.array([(1, 2.0)], dtype=[('i', 'i4'), ('f', 'f8')])",
                ("x.i = 5", "x[0].f = 3"),
            ),
            "reshaped in place": Example(
                "np.arange(6.0)", ("x.shape = (2, 3)", "x[0] = 1", "x.shape = (6,)"), in_place=False
            ),
            "retyped in place": Example(
                "np.arange(6.0)", ("x.dtype = 'i8'", "x[0] = 1"), in_place=False
            ),
        },
        prelude=PRELUDE,
        how="memory of the root in chunks; views as a place in the root",
        not_recorded="arrays mapped from files; structured arrays that hold objects",
    ),
]
