"""numpy: arrays, views, dtypes, masks, records, matrices, generators, what is made of functions."""

from __future__ import annotations

import gc
import mmap
from typing import Any

import numpy as np

from cowtm.testing import Example, Family, describes, describes_leaf
from cowtm.testing.form import root_of

PRELUDE = """
import array, mmap, tempfile
import numpy as np

class MyArray(np.ndarray):
    pass

class Noted(np.ndarray):
    def __new__(cls, data, note=None):
        made = np.asarray(data).view(cls)
        made.note = note
        return made
    def __array_finalize__(self, other):
        self.note = getattr(other, "note", None)

class MyState(np.random.RandomState):
    pass

class MyBits(np.random.MT19937):
    def __init__(self, seed, name):
        super().__init__(seed)
        self.name = name

class MyGenerator(np.random.Generator):
    pass

def closed(iterator):
    with iterator:
        return [next(iterator), 1]

def locked(array):
    array.setflags(write=False)
    return array

def mapped(mode):
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(bytes(64))
    return np.memmap(file.name, "f8", mode)

RECORDS = [("i", "i4"), ("o", object), ("f", "f8", (2,)), ("n", [("p", object, (2,)), ("s", "S3")])]

inner = [1]
"""

FLOATS = ("x[0] = 5", "x += 1", "x[...] = -0.0", "x[-1] = np.nan")
ATTRIBUTES = ("x.a = 1", "x.b = [x]", "x.b.append(2)", "x.a = x.__dict__.pop('a')", "del x.b")

PLAIN = {
    "float array": Example("np.arange(4.0)", FLOATS),
    "int8 array": Example("np.arange(5, dtype='i1')", ("x[0] = 5", "x.sort()", "x[::2] = 3")),
    "bool array": Example("np.zeros(3, bool)", ("x[1] = True",)),
    "complex array": Example("np.zeros(3, complex)", ("x[1] = 1j", "x.real = 2")),
    "big-endian array": Example("np.arange(3, dtype='>f8')", FLOATS),
    "half precision": Example("np.arange(4, dtype='f2')", ("x[0] = 1.5", "x[1] = -0.0")),
    "long double": Example("np.arange(4, dtype='g')", ("x[0] = np.longdouble('0.1')", "x /= 3")),
    "payloads of NaN": Example(
        "np.array([0x7ff8000000000001, 0x7ff8000000000002], 'u8').view('f8')",
        ("x.view('u8')[0] = 0x7ff8000000000003",),
    ),
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
        "locked(np.arange(3.0))",
        ("x.setflags(write=True)", "x[0] = 5", "x.setflags(write=False)"),
    ),
    "strings": Example("np.array(['a', 'bcd'])", ("x[0] = 'zz'",)),
    "big-endian strings": Example("np.array(['ab'], '>U3')", ("x[0] = 'zz'",)),
    "bytes": Example("np.array([b'a', b'bcd'])", ("x[0] = b'zz'",)),
    "array of characters": Example("np.char.array(['a', 'bcd'])", ("x[0] = 'zz'",)),
    "void": Example("np.zeros(3, 'V5')", ("x[0] = b'abcde'",)),
    "dates": Example(
        "np.array(['2020-01-01', 'NaT'], 'M8[D]')",
        ("x[1] = '2021-05-05'", "x += np.timedelta64(1, 'D')"),
    ),
    "moments": Example(
        "np.array(['2020-01-01T00:00:00.5', 'NaT'], 'M8[ns]')",
        ("x[1] = x[0]", "x -= np.timedelta64(5, 'ms')"),
    ),
    "durations": Example("np.array([1, 2], 'm8[s]')", ("x *= 2",)),
    "big array": Example("np.zeros(400_000)", ("x[200_000] = 1", "x[:3] = 4", "x += 1")),
    "big array, one element": Example(
        "np.random.default_rng(1).random((800, 1000))", ("x[700, 5] = 1",), at_most=1 << 20
    ),
    "type with metadata": Example(
        "np.zeros(2, np.dtype('f8', metadata={'u': 'm'}))", ("x[0] = 4",)
    ),
    "reshaped in place": Example(
        "np.arange(6.0)", ("x.shape = (2, 3)", "x[0] = 1", "x.shape = (6,)"), in_place=False
    ),
    "retyped in place": Example("np.arange(6.0)", ("x.dtype = 'i8'", "x[0] = 1"), in_place=False),
    "array subclass": Example("np.arange(3.0).view(MyArray)", (*FLOATS, *ATTRIBUTES)),
    "array with a note": Example(
        "Noted(np.arange(3.0), [1])", ("x.note.append(2)", "x[0] = 5", "x.note = x")
    ),
    "matrix": Example(
        "(lambda m: [m, m.A, m.T, m[0]])(np.matrix([[1.0, 2.0], [3, 4]]))",
        ("x[0][0, 1] = 5", "x[1][1, 1] = 9", "x[2][0, 0] = 7", "x[3][0, 0] = 8"),
    ),
    "scalars": Example(
        "[np.float32(1.5), np.int8(3), np.datetime64('2020'), np.timedelta64(5, 's'), np.str_('a'),"
        " np.bytes_(b'b'), np.bool_(True), np.longdouble('0.1'), np.float16(2), np.complex64(1j)]",
        ("x[0] = np.float64(1.5)", "x[7] = np.longdouble('0.10000000001')", "x[1] = 3"),
    ),
    "polynomials": Example(
        "[np.poly1d([1.0, 2, 3]), np.polynomial.Polynomial([1.0, 2, 3])]",
        ("x[0].coeffs[0] = 5", "x[0][7] = 1", "x[1].coef[0] = 5", "x[1].coef = np.array([2.0])"),
    ),
    "types": Example(
        "[np.dtype([('a', 'i4')]), np.dtype('f8', align=True)]",
        ("x[0] = np.dtype([('a', 'i8')])",),
    ),
}

VIEWS = {
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
    "views whose root nobody names": Example(
        "(lambda a: [a[:5:2], a[1::2], a.reshape(3, 4)[:, 1]])(np.arange(12.0))",
        ("x[0][1] = 9", "x[1][0] = 3", "x[2][2] = 6", "x[0] = None", "x[2] = x[1][1:]"),
    ),
    "views of an array whose axes are swapped": Example(
        "(lambda a: [a[1], a[:, 0], a])(np.zeros((2, 3, 4)).transpose(1, 2, 0).copy('K'))",
        ("x[0][1] = 9", "x[1][0] = 8", "x.pop()", "x[0] = x[1][1:]"),
    ),
    "both axes backwards": Example(
        "(lambda a: [a[::-1, ::-2], a])(np.arange(12.0).reshape(3, 4))",
        ("x[0][0, 0] = 99", "x[1][0, 1] = 98"),
    ),
    "axes added and dropped": Example(
        "(lambda a: [a, a[1, ...], a[..., None], a[1:2].reshape(())])(np.arange(3.0))",
        ("x[1][...] = 9", "x[2][0, 0] = 8", "x[0][1] = 7"),
    ),
    "windows": Example(
        "np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)",
        ("x[0, 2] = 9", "x[3, 2] = 7"),
    ),
    "steps of any length": Example(
        "np.lib.stride_tricks.as_strided(np.arange(10.0), (3, 4), (8, 16))",
        ("x[1, 2] = 9", "x[2, 0] = 7"),
    ),
    "what numpy does not make writeable again": Example(
        "np.lib.stride_tricks.as_strided(np.arange(10.0), (3, 4), (8, 16))",
        ("x[1, 2] = 9", "x.flags.writeable = False"),
    ),
    "broadcast": Example("[b := np.arange(3.0), np.broadcast_to(b, (2, 3))]", ("x[0][1] = 7",)),
    "diagonal": Example(
        "[b := np.zeros((3, 3)), np.einsum('ii->i', b), b.diagonal()]",
        ("x[1][:] = 7", "x[0][1, 1] = 2"),
    ),
    "parts of complex numbers": Example(
        "(lambda a: [a.real, a.imag, a])(np.zeros(3, complex))",
        ("x[0][0] = 1", "x[1][1] = 2", "x[2][2] = 3j"),
    ),
    "field view": Example(
        "[b := np.zeros(3, [('b', 'i1'), ('f', 'f8')]), b['f'], b['f'][1:]]",
        ("x[1][1] = 5", "x[2][1] = 7", "x[0]['b'] = 3"),
    ),
    "view without elements": Example(
        "(lambda a: [a, a[4:], a[1:1], a.reshape(2, 2)[:, :0]])(np.arange(4.0))", ("x[0][0] = 1",)
    ),
    "read-only view": Example(
        "(lambda a: [a, locked(a[1:])])(np.arange(3.0))",
        ("x[0][1] = 4", "x[1].flags.writeable = True", "x[1][0] = 3"),
    ),
    "view of a read-only array": Example(
        "(lambda v: [locked(v.base), v])(np.arange(3.0)[1:])",
        (
            "x[1][1] = 4",
            "x[1].flags.writeable = False",
            "x[0].flags.writeable = True; x[1].flags.writeable = True",
            "x[0][0] = 3",
        ),
    ),
    "views of a subclass": Example(
        "(lambda a: [a, a[1:], a.view(np.ndarray)])(Noted(np.arange(3.0), [1]))",
        ("x[1][0] = 5", "x[2][0] = 6", "x[1].note = 7", "x[0].note.append(1)"),
    ),
    "view reshaped in place": Example(
        "(lambda a: [a, a[::2]])(np.arange(8.0))",
        ("x[1].shape = (2, 2)", "x[0][0] = 9"),
        in_place=False,
    ),
    "big array with gaps": Example(
        "np.zeros((600, 500))[::2, ::3]", ("x[3, 4] = 1", "x[:, 7] = 2")
    ),
    "over a bytearray": Example(
        "(lambda b: [np.frombuffer(b, 'i4')[1:], b, memoryview(b)])(bytearray(16))",
        ("x[0][0] = 5", "x[1][15] = 6", "x[2][3] = 7"),
    ),
    "over a memoryview": Example(
        "(lambda b: [np.asarray(memoryview(b)[4:]), b])(bytearray(16))",
        ("x[0][0] = 5", "x[1][15] = 6"),
    ),
    "not aligned": Example(
        "np.frombuffer(bytearray(17), np.uint8)[1:].view('f8')", ("x[0] = 1.5", "x += 1")
    ),
    "frombuffer of bytes": Example("[np.frombuffer(b'abcdefgh', 'i4')]", ("x.append(1)",)),
    "over array.array": Example(
        "[b := array.array('d', [1, 2]), np.frombuffer(b)]", ("x[1][0] = 5",)
    ),
    "over mapped memory": Example(
        "(lambda m: [np.frombuffer(m, 'f8')[2:], m])(mmap.mmap(-1, 4096))",
        ("x[0][0] = 5", "x[1][100] = 6", "x[1].seek(5)"),
    ),
    "mapped memory": Example(
        "mmap.mmap(-1, 4096)",
        ("x[5] = 5", "x.write(b'abc')", "x.resize(100)", "x[50] = 1"),
        in_place=False,
    ),
    "over mapped memory that nobody names": Example(
        "np.frombuffer(mmap.mmap(-1, 4096), 'f8')", ("x[0] = 5", "x += 1")
    ),
}

MASKED = {
    "masked array": Example(
        "np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])",
        ("x[0] = 9", "x[1] = 5", "x[2] = np.ma.masked", "x.fill_value = 7"),
    ),
    "hard mask": Example(
        "np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0], hard_mask=True)",
        ("x[:] = 5", "x.soften_mask()", "x[1] = 5", "x.harden_mask()"),
    ),
    "no mask yet": Example(
        "np.ma.array([1.0, 2.0])", ("x[0] = 4", "x[1] = np.ma.masked", "x.mask = False")
    ),
    "mask shared": Example(
        "(lambda m, a: [m, a, a[1:], np.ma.array(a.data, mask=m, copy=False, shrink=False)])"
        "(np.array([False, True, False]), np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1]))",
        (
            "x[0][0] = True",
            "x[1][1] = np.ma.masked",
            "x[2][0] = 9",
            "x[3][2] = 4",
            "x[1].unshare_mask()",
            "x[1].mask[0] = True",
        ),
    ),
    "views of data and mask": Example(
        "(lambda a: [a, a[1:], a.data, a.mask])(np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1]))",
        ("x[1][0] = 5", "x[2][1] = 6", "x[3][1] = True", "x[1][0] = 8"),
    ),
    "masked fields": Example(
        "np.ma.array([(1, 2.0), (3, 4.0)], dtype=[('i', 'i4'), ('f', 'f8')],"
        " mask=[(0, 1), (0, 0)])",
        ("x['i'][0] = 9", "x[1] = np.ma.masked", "x['f'].mask[1] = False", "x.fill_value = (5, 6)"),
    ),
    "masked record": Example(
        "[np.ma.array([(1, 2.0)], dtype=[('i', 'i4'), ('f', 'f8')], mask=[(0, 1)])[0]]",
        ("x[0]['i'] = 9", "x[0].mask['i'] = True"),
    ),
    "masked objects": Example(
        "np.ma.array([[1], None], mask=[0, 1], dtype=object)",
        ("x.data[0].append(2)", "x[1] = inner", "x[0] = np.ma.masked"),
    ),
    "masked itself": Example("[np.ma.masked, np.ma.nomask]", ("x.append(np.ma.masked)",)),
}

RECORDS = {
    "structured array": Example(
        "np.zeros(3, [('i', 'i4'), ('f', 'f8', (2,))])",
        ("x['i'] = 5", "x[1]['f'] = 2", "x[0] = (7, (8, 9))"),
    ),
    "aligned structured array": Example(
        "np.zeros(2, np.dtype([('a', 'i1'), ('b', 'f8')], align=True))", ("x['b'] = 1",)
    ),
    "fields that overlap": Example(
        "np.zeros(2, {'names': ['a', 'b'], 'formats': ['i4', 'i2'], 'offsets': [0, 2]})",
        ("x['a'] = 70000", "x['b'] = 3"),
    ),
    "record": Example("[np.zeros(3, [('i', 'i4')])[1].copy()]", ("x[0]['i'] = 5",)),
    "record of an array": Example(
        "(lambda a: [a, a[1]])(np.zeros(3, [('i', 'i4')]))", ("x[1]['i'] = 5", "x[0]['i'] = 6")
    ),
    "record of an array that nobody names": Example(
        "[np.zeros(3, [('i', 'i4')])[1]]", ("x[0]['i'] = 5",)
    ),
    "record in a record": Example(
        "(lambda r: [r['n'], r])(np.zeros(2, [('a', 'i4'), ('n', [('b', 'f8')])])[1].copy())",
        ("x[0]['b'] = 5", "x[1]['a'] = 6"),
    ),
    "bytes without fields": Example("[np.void(b'abcd')]", ("x[0] = np.void(b'abce')",)),
    "recarray": Example(
        "(lambda r: [r, r.i, r.f, r[0]])"
        "(np.rec.array([(1, 2.0), (3, 4.0)], dtype=[('i', 'i4'), ('f', 'f8')]))",
        ("x[0].i = 5", "x[1][0] = 3", "x[2][1] = 7.5", "x[3].f = 8", "x[0].f[0] = 1"),
    ),
}

OBJECTS = {
    "array of objects": Example(
        "np.array([1, [2], inner, None], object)",
        ("x[0] = [x]", "x[1].append(1)", "x[3] = x[1]", "x[:] = None"),
    ),
    "array of objects, two axes": Example(
        "np.array([[1, None], ['a', inner]], object, order='F')",
        ("x[0, 1] = [5]", "x[1, 1].append(1)", "x[0] = 0"),
    ),
    "array of objects, axes swapped": Example(
        "np.array([[[1, [2]], [None, 4]], [[5, 6], [7, inner]]], object)"
        ".transpose(1, 2, 0).copy('K')",
        ("x[0, 1, 0] = [5]", "x[1, 1, 1].append(1)"),
    ),
    "array of objects without axes": Example(
        "np.array(None, object)", ("x[()] = [1]", "x[()].append(2)")
    ),
    "view of objects without axes": Example(
        "(lambda a: [a, a[...], a[...]])(np.array(None, object))",
        ("x[1][()] = [1]", "x[0][()].append(2)", "x[2][()] = None"),
    ),
    "array of objects without elements": Example(
        "np.empty((0, 3), object)", ("x.flags.writeable = False",)
    ),
    "array of objects, read-only": Example(
        "locked(np.array([[1], None], object))",
        ("x[0].append(1)", "x.flags.writeable = True", "x[1] = 5"),
    ),
    "array of arrays": Example(
        "np.fromiter([np.array(5), np.arange(2), np.ma.masked], object)",
        ("x[0][()] = 6", "x[1][0] = 7", "x[2] = x[1]"),
    ),
    "view of objects": Example(
        "(lambda a: [a, a[::2], a[::-1], a[1:]])(np.array([1, [2], None], object))",
        ("x[1][0] = [5]", "x[2][0] = x", "x[0][1] = 0"),
    ),
    "object views alone": Example(
        "np.array([1, [2], None, 4], object)[1:3]", ("x[0] = [5]", "x[1] = x")
    ),
    "objects with gaps": Example(
        "(lambda a: [np.lib.stride_tricks.as_strided(a, (2, 2), (16, 8)), a.reshape(2, 2).T, a])"
        "(np.array([1, [2], None, 4], object))",
        ("x[0][0, 0] = [5]", "x[2][1].append(1)", "x[1][0, 1] = x"),
    ),
    "objects broadcast": Example(
        "[b := np.array([[1], None], object), np.broadcast_to(b, (2, 2))]",
        ("x[0][0].append(1)", "x[0][1] = 7"),
    ),
    "records that hold objects": Example(
        "np.zeros(2, RECORDS)",
        (
            "x['o'] = [[1], None]",
            "x['o'][0].append(2)",
            "x['i'][1] = 9",
            "x['f'][1, 1] = 0.5",
            "x['n']['p'][0, 1] = inner",
            "x['n']['s'] = b'ab'",
            "x['n']['p'][0, 1].append(x)",
            "x[0] = (5, inner, 6, ((1, 2), b'c'))",
        ),
    ),
    "views of records that hold objects": Example(
        "(lambda a: [a, a['o'], a[1:], a['i'], a['n']['p'][:, 1], a[['i', 'o']]])"
        "(np.zeros(3, RECORDS))",
        (
            "x[1][0] = [2]",
            "x[2]['o'] = [5]",
            "x[3][0] = 9",
            "x[4][1] = inner",
            "x[5]['o'][2] = x",
            "x[0]['i'][1] = 8",
        ),
    ),
    "record that holds objects": Example(
        "(lambda a: [a, a[1]])(np.zeros(3, RECORDS))",
        ("x[1]['o'] = [1]", "x[0]['o'][1].append(2)", "x[1]['n']['s'] = b'z'"),
    ),
    "record that holds objects, alone": Example(
        "[np.zeros(3, RECORDS)[1].copy()]",
        ("x[0]['o'] = [1]", "x[0]['o'].append(2)", "x[0]['i'] = 5", "x[0]['n']['p'] = (x, 2)"),
    ),
    "strings of any length": Example(
        "np.array(['a', 'b' * 100], np.dtypes.StringDType())",
        ("x[0] = 'zz' * 200", "x[1] = 'c'", "x[:] = 'same'"),
    ),
    "strings of any length, missing": Example(
        "np.array(['a', None, 'bc'], np.dtypes.StringDType(na_object=None))",
        ("x[0] = None", "x[1] = 'c'"),
    ),
    "views of strings of any length": Example(
        "(lambda a: [a, a[1:], a[::2], a.reshape(3, 1)])"
        "(np.array(['a', 'b' * 100, 'c'], np.dtypes.StringDType()))",
        ("x[1][0] = 'zz' * 200", "x[2][1] = 'q'", "x[0][0] = 'w' * 30", "x[3][0, 0] = 'y' * 90"),
    ),
    "strings of any length, two axes": Example(
        "np.array([['a', 'b' * 100], ['c', '']], np.dtypes.StringDType(), order='F').T",
        ("x[0, 1] = 'zz' * 200", "x[1, 0] = 'q'"),
    ),
    "ufunc of a function": Example(
        "(lambda f: [np.frompyfunc(f, 1, 1), np.add, f])(lambda v, seen=[]: seen.append(v))",
        ("x[0](np.arange(2))", "x[2](5)", "x[1] = x[0]"),
    ),
    "vectorize": Example(
        "np.vectorize(lambda v, w=[1]: v + len(w))",
        (
            "x.pyfunc.__defaults__[0].append(1)",
            "x.otypes = 'd'",
            "x(np.arange(3))",
            "x.cache = True; x(np.arange(4))",
        ),
    ),
}

GENERATORS = {
    "Generator": Example(
        "np.random.default_rng(1)",
        ("x.random()", "x.normal(size=3)", "x.integers(5, dtype='u1')", "x.spawn(2)"),
    ),
    "Generators that share": Example(
        "(lambda b: [b, np.random.Generator(b), np.random.Generator(b)])(np.random.PCG64(1))",
        ("x[1].normal()", "x[2].random()", "x[0].random_raw()"),
    ),
    "BitGenerator": Example(
        "np.random.PCG64(1)",
        (
            "x.random_raw()",
            "x.advance(3)",
            "x.state = np.random.PCG64(7).state",
            "x.seed_seq.spawn(1)",
        ),
    ),
    "BitGenerators": Example(
        "[np.random.Generator(B(1)) for B in (np.random.MT19937, np.random.Philox,"
        " np.random.SFC64, np.random.PCG64DXSM)]",
        ("[g.random() for g in x]", "[g.normal() for g in x]", "x[2].integers(5, dtype='u1')"),
    ),
    "bits of all sorts": Example(
        "[B(1) for B in (np.random.MT19937, np.random.Philox, np.random.SFC64,"
        " np.random.PCG64DXSM, np.random.PCG64)]",
        (
            "[b.random_raw(3) for b in x]",
            "[setattr(b, 'state', type(b)(9).state) for b in x]",
            "x[0]._legacy_seeding(4)",
            "x[1].seed_seq.spawn(2); x[1].random_raw(5)",
            "[np.random.Generator(b).integers(5, dtype='u1') for b in x]",
        ),
    ),
    "BitGenerator subclass": Example(
        "MyBits(3, 'name')",
        ("x.random_raw()", "x.a = [1]", "x.a.append(x)", "x.name = 'other'"),
    ),
    "SeedSequence": Example("np.random.SeedSequence(5)", ("x.spawn(2)", "x.spawn(1)")),
    "SeedSequence with its pool": Example(
        "(lambda s: [s, s.pool])(np.random.SeedSequence(5, spawn_key=(1, 2), pool_size=8))",
        ("x[0].spawn(1)", "x[1][0] = 7", "x[:] = [np.random.SeedSequence([1, 2])] * 2"),
    ),
    "SeedSequence over entropy of the user's": Example(
        "(lambda e: [np.random.SeedSequence(e), np.random.SeedSequence(e), e])([1, 2])",
        ("x[0].spawn(1)", "x[2].append(3)", "x[1] = x[0].pool", "x[1][1] = 0", "del x[1]"),
    ),
    "Generator subclass": Example(
        "MyGenerator(np.random.PCG64(1))", ("x.random()", "x.a = [1]", "x.a.append(x)")
    ),
    "method of a generator": Example(
        "(lambda g: [g.normal, g])(np.random.default_rng(1))",
        ("x[0]()", "x[1].random()"),
        copies=False,
    ),
    "RandomState": Example(
        "np.random.RandomState(1)", ("x.rand()", "x.randn()", "x.seed(3)", "x.randn()")
    ),
    "RandomState on other bits": Example(
        "np.random.RandomState(np.random.PCG64(1))", ("x.random()", "x.normal()")
    ),
    "RandomState on shared bits": Example(
        "(lambda b: [b, np.random.RandomState(b), np.random.Generator(b)])(np.random.MT19937(1))",
        ("x[1].normal()", "x[2].random()", "x[0].random_raw()"),
    ),
    "RandomState subclass": Example("MyState(1)", ("x.rand()", "x.a = [1]", "x.a.append(x)")),
}

REFERENCES = {
    "element of an iterator": Example(
        "(lambda a, i: [a, i, next(i)])(a := np.arange(3), np.nditer(a[1:]))",
        ("x[0][1] = 7", "x[0] += 1"),
        by_reference="a nditer (cannot pickle 'numpy.nditer' object)",
        copies=False,
        saved="an iterator can't be pickled",
    ),
    "element of an iterator that is closed": Example(
        "closed(np.nditer(np.arange(3.0)))",
        ("x.append(2)",),
        by_reference="a ndarray (an element of an iterator that is closed)",
        copies=False,
        saved="nothing keeps its memory",
    ),
    "iterator over elements": Example(
        "(lambda a: [a, np.ndenumerate(a), a.flat])(np.arange(6.0).reshape(2, 3))",
        ("next(x[2]); x[0][0, 0] = 8", "next(x[1]); x[2][3] = 9"),
        by_reference="a flatiter (cannot pickle 'numpy.flatiter' object)",
        copies=False,
        saved="an iterator can't be pickled",
    ),
    "nditer": Example(
        "[np.nditer(np.arange(3.0)), [1]]",
        ("next(x[0]); x[1].append(2)",),
        by_reference="a nditer (cannot pickle 'numpy.nditer' object)",
        copies=False,
        saved="an iterator can't be pickled",
    ),
    "broadcast of several": Example(
        "[np.broadcast(np.arange(3), 1), [1]]",
        ("next(x[0]); x[1].append(2)",),
        by_reference="a broadcast (cannot pickle 'numpy.broadcast' object)",
        copies=False,
        saved="an iterator can't be pickled",
    ),
    "array mapped from a file": Example(
        "[mapped('r+'), [1]]",
        ("x[0][0] = 5; x[1].append(1)", "x.append(2)"),
        by_reference="a memmap (an array mapped from a file)",
        copies=False,
        saved="memory mapped from a file can't be pickled",
    ),
    "view mapped from a file": Example(
        "[np.asarray(mapped('c'))[2:], [1]]",
        ("x[0][0] = 5; x[1].append(1)", "x.append(2)"),
        by_reference="a ndarray (an array mapped from a file)",
        copies=False,
        saved="memory mapped from a file can't be pickled",
    ),
}

MEMORY = "memory of the root in chunks; views as a place in the root"

FAMILIES = [
    Family(
        "numpy arrays, scalars, polynomials, and classes derived from ndarray",
        PLAIN,
        prelude=PRELUDE,
        how=MEMORY,
    ),
    Family(
        "views of arrays; arrays over bytearray, array.array, memoryview, anonymous mapped memory",
        VIEWS,
        prelude=PRELUDE,
        how=MEMORY,
    ),
    Family(
        "masked arrays",
        MASKED,
        prelude=PRELUDE,
        how="data and mask, each as an array; the attributes",
    ),
    Family(
        "structured arrays, records, recarrays",
        RECORDS,
        prelude=PRELUDE,
        how="memory in chunks; a record as a place in its array, or with memory of its own",
    ),
    Family(
        "arrays of objects, of records that hold objects, of strings of any length; ufuncs",
        OBJECTS,
        prelude=PRELUDE,
        how="of each field the objects, or its bytes in chunks; views as a place in the root",
    ),
    Family(
        "numpy's generators of random numbers",
        GENERATORS,
        prelude=PRELUDE,
        how="their whole state; which of them share their bits",
    ),
    Family(
        "iterators of numpy's, arrays mapped from files",
        REFERENCES,
        prelude=PRELUDE,
        how="by reference, held",
    ),
]


@describes("numpy.ndarray")
def _array(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe records that hold objects field by field, mapped files by identity."""
    owner = root_of(value)
    if isinstance(owner, mmap.mmap) and not _is_anonymous(owner):
        return "itself", id(value)
    plain = np.ndarray.view(value, np.ndarray)
    if plain.dtype.names is None or not plain.dtype.hasobject:
        described: tuple[Any, ...] = walk.array(value)
        return described
    place: tuple[Any, ...] = ()
    if owner is not value:
        place = (_start(value) - _start(owner), walk.token(owner))
    layout = repr(plain.dtype), plain.shape, plain.strides, plain.flags.writeable
    return *layout, place, walk.attributes(value), _fields(walk, plain)


@describes("numpy.void")
def _record(walk: Any, value: Any) -> tuple[Any, ...]:
    owner = root_of(value)
    held = _fields(walk, np.asarray(value)) if value.dtype.names else value.tobytes()
    return repr(value.dtype), held, walk.token(owner)


def _start(value: Any) -> int:
    start: int = np.asarray(value).__array_interface__["data"][0]
    return start


def _is_anonymous(memory: mmap.mmap) -> bool:
    try:
        memory.size()
    except OSError:
        return True
    return False


@describes("mmap.mmap")
def _mapped(_: Any, value: Any) -> tuple[Any, ...]:
    return (bytes(value), value.tell()) if _is_anonymous(value) else ("itself", id(value))


def _fields(walk: Any, plain: Any) -> tuple[Any, ...]:
    if plain.dtype.names:
        return tuple((name, _fields(walk, plain[name])) for name in plain.dtype.names)
    if plain.dtype.hasobject:
        return tuple(walk.tokens(plain.ravel().tolist()))
    return (plain.tobytes(),)


@describes("numpy.ufunc")
def _ufunc(walk: Any, value: Any) -> tuple[Any, ...]:
    held = [part for part in gc.get_referents(value) if hasattr(part, "__code__")]
    return value.__name__, value.nin, value.nout, walk.tokens(held)


@describes("numpy.random.bit_generator.BitGenerator")
def _bits(walk: Any, value: Any) -> tuple[Any, ...]:
    own = tuple(vars(value).items()) if hasattr(value, "__dict__") else ()
    with np.printoptions(threshold=1000):
        return repr(value.state), walk.token(value.seed_seq), walk.pairs(own)


@describes("numpy.random.bit_generator.SeedSequence")
def _seeds(_: Any, value: Any) -> tuple[Any, ...]:
    return repr(value.state), value.pool.tobytes()


@describes("numpy.random.mtrand.RandomState")
def _random_state(walk: Any, value: Any) -> tuple[Any, ...]:
    bits = walk.token(value._bit_generator)
    own = tuple(vars(value).items()) if hasattr(value, "__dict__") else ()
    return repr(value.get_state(legacy=False)), bits, walk.pairs(own)


@describes("numpy.random._generator.Generator")
def _generator(walk: Any, value: Any) -> tuple[Any, ...]:
    own = tuple(vars(value).items()) if hasattr(value, "__dict__") else ()
    return walk.token(value.bit_generator), walk.pairs(own)


@describes_leaf("numpy.ma.MaskedConstant", "numpy.ma.core.MaskedConstant")
def _masked(_: Any) -> object:
    return "masked"
