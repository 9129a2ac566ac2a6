"""xarray: labelled arrays, data sets, trees of them."""

from __future__ import annotations

from cowtm.testing import Example, Family

PRELUDE = """
import numpy as np
import pandas as pd
import xarray as xr

def labelled(**more):
    values = np.arange(6.0).reshape(2, 3)
    coords = {'t': pd.date_range('2020', periods=2), 'p': ['a', 'b', 'c'], 'h': ('p', [7, 8, 9])}
    return xr.DataArray(values, coords, ('t', 'p'), **more)
"""

FAMILIES = [
    Family(
        "arrays, data sets and trees of xarray",
        {
            "array": Example(
                "labelled(name='v')",
                (
                    "x[0, 1] = 9",
                    "x.loc[{'p': 'c'}] = -1",
                    "x.values[1, 1] = 7",
                    "x.data[:] += 1",
                    "x *= 2",
                    "x.name = 'w'",
                    "x.attrs['unit'] = ['kg']",
                    "x.attrs['unit'].append('m')",
                    "x.encoding['dtype'] = 'f4'",
                    "x.coords['h'] = ('p', [1, 2, 3])",
                    "x['k'] = 5",
                    "x.h[0] = 6",
                    "x.h.attrs['note'] = 'n'",
                    "del x.coords['h']",
                    "x['p'] = list('xyz')",
                    "x.values = np.zeros((2, 3))",
                ),
            ),
            "array over an array of numpy's": Example(
                "(lambda a: [a, xr.DataArray(a, dims='i'), xr.DataArray(a[1:])])(np.arange(3.0))",
                ("x[0][1] = 9", "x[1][2] = 7", "x[2].attrs['of'] = x"),
            ),
            "part of an array": Example(
                "(lambda a: [a, a[0], a.sel(p='b'), a.T, a.isel(p=[0, 2])])(labelled())",
                ("x[0][0, 1] = 9", "x[1][0] = 8", "x[2][:] = 7", "x[3][0] = 6", "x[4][0] = 5"),
            ),
            "variable": Example(
                "xr.Variable(('i',), [1, 2], {'unit': 'm'})",
                ("x[0] = 5", "x.attrs['unit'] = 'km'", "x.dims = ('j',)"),
            ),
            "data set": Example(
                "labelled().to_dataset(name='v')",
                (
                    "x['v'][0, 0] = 9",
                    "x['w'] = x.v * 2",
                    "x.w.values[0] = 5",
                    "x.attrs['source'] = 'here'",
                    "x.v.attrs['unit'] = 'kg'",
                    "x['n'] = ('z', [1, 2])",
                    "x.coords['q'] = 3",
                    "x.update({'w': x.v})",
                    "del x['v']",
                    "x.encoding['unlimited'] = ['t']",
                ),
            ),
            "data sets that share variables": Example(
                "(lambda d: [d, d.copy(deep=False), d['v'], d.assign(w=d.v)])"
                "(labelled().to_dataset(name='v'))",
                ("x[0]['v'][0, 0] = 9", "x[1]['v'].attrs['u'] = 1", "x[2][1] = 7", "x.reverse()"),
            ),
            "tree": Example(
                "xr.DataTree.from_dict({'/': xr.Dataset({'r': 1}), '/a/b':"
                " labelled().to_dataset(name='v')})",
                (
                    "x['/a/b/v'][0, 0] = 9",
                    "x['/a/c'] = xr.DataTree(xr.Dataset({'n': ('z', [1, 2])}))",
                    "x['a'].attrs['note'] = 1",
                    "x['/a/b'].dataset = xr.Dataset()",
                    "del x['a']['c']",
                ),
            ),
            "index of two levels": Example(
                "labelled().stack(both=('t', 'p'))",
                ("x[0] = 9", "x.attrs['a'] = 1"),
            ),
            "groups": Example(
                "[labelled().groupby('p')]", ("x.append(x[0].mean())", "x.append(x[0].sum())")
            ),
            "rolling windows": Example("[labelled().rolling(p=2)]", ("x.append(x[0].mean())",)),
            "objects": Example(
                "xr.DataArray(np.array([[1], None], object))", ("x.values[0].append(x)",)
            ),
            "big array": Example(
                "xr.DataArray(np.zeros(400_000))", ("x[200_000] = 1",), at_most=1 << 20
            ),
        },
        prelude=PRELUDE,
        needs=("xarray", "pandas"),
        how="as instances; the arrays and indexes in them as numpy's and pandas'",
    ),
]
