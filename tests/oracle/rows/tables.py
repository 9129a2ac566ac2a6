"""Tables: pandas, polars, arrow, xarray, and what they share."""

from __future__ import annotations

from oracle.library import Library

PANDAS = Library(
    start="""
import pandas as pd
df = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [4.0, 3.0, 2.0, 1.0], "c": list("xyxy")})
other = df.copy()
s = df["a"]
ix = pd.Index([3, 1, 2, 0], name="i")
""",
    names={"frame": ("df", "other"), "series": ("s",), "any": ("ix",)},
    values={
        "new_frame": (
            "pd.DataFrame({{'a': {vector}, 'b': np.arange(4.0), 'c': list('xyxy')}})",
            "pd.DataFrame(m, columns=['a', 'b'], copy=False).assign(c=list('aabb'))",
            "pd.DataFrame({{'a': pd.array([1, None, 3, {n}]), 'b': [1.5] * 4, 'c': list('pqrs')}})",
            (
                "pd.DataFrame({{'a': [1.0, 2.0, 3.0, 4.0], 'b': np.arange(4),"
                " 'c': pd.Categorical(list('uvuv')), 't': pd.date_range('2020', periods=4)}})"
            ),
            "{frame}.copy()",
            "{frame}[['a', 'b', 'c']]",
            "{frame}.loc[:]",
            "{frame}.rename(columns={{'k': 'l'}})",
            "{frame}.sort_values('a').reset_index(drop=True)",
            "{frame}.set_index('c', drop=False)",
            "{frame}.groupby('c', as_index=False).agg({{'a': 'sum', 'b': 'mean'}})",
            "pd.concat([df, other], ignore_index=True)",
            "df.merge(other, on='c', suffixes=('', '_r')).head(4)",
            "pd.DataFrame({{'a': [{n}.0] * 4, 'b': [1, 2, 3, 4], 'c': [{any}, {any}, [1], 'x']}})",
        ),
        "new_series": (
            "{frame}['a']",
            "{frame}.b",
            "{frame}.iloc[:, 0]",
            "pd.Series({vector}, copy=False)",
            "pd.Series([{n}, None, 2.0, 1.0], name='s')",
            "pd.Series([{any}, {any}, 1, 2], dtype=object)",
            "s[::2]",
            "s.astype('category')",
            "pd.Series(['x', None, 'y', 'z'], dtype='string')",
            "s.copy()",
        ),
        "new": ("df.groupby('c')", "df.loc", "s.array", "df.index", "df.rolling(2)"),
    },
    statements=(
        "{frame} = {new_frame}",
        "{frame} = {new_frame}",
        "{frame} = {frame}",
        "s = {new_series}",
        "s = {new_series}",
        "{frame}.loc[{n} % 4, 'a'] = {n}",
        "{frame}.iloc[0, 1] = {n}",
        "{frame}['k'] = {n}",
        "{frame}['k'] = s",
        "{frame}['v'] = {vector}",
        "{frame}['o'] = [{any}] * len({frame}.index)",
        "{frame}['b'] = {frame}['a'] * {n}",
        "{frame}.pop('k')",
        "del {frame}['k']",
        "{frame}.insert(0, 'first', {n})",
        "{frame}.drop(columns='k', inplace=True)",
        "{frame}.drop(index=0, inplace=True)",
        "{frame}.sort_values('b', inplace=True)",
        "{frame}.fillna({n}, inplace=True)",
        "{frame}.reset_index(drop=True, inplace=True)",
        "{frame}.rename(columns={{'k': 'z'}}, inplace=True)",
        "{frame}.eval('e = a + b', inplace=True)",
        "{frame}.attrs['note'] = {any}",
        "{frame}.index = ix",
        "{frame}.index.name = 'n{n}'",
        "{frame}.loc[{frame}.a > 2, 'b'] = {n}",
        "{frame}.at[1, 'c'] = 'y'",
        "s.iloc[0] = {n}",
        "s[1] = {n}",
        "s.name = 'n{n}'",
        "s.array[0] = {n}",
        "v = df['a'].to_numpy()",
        "v = df['a'].to_numpy(); v.flags.writeable = True; v[0] = {n}",
        "df['a'].array[0] = {n}",
        "df._mgr.blocks[0].values[0] = {n}",
        "ix.name = 'i{n}'",
        "ix = pd.MultiIndex.from_product([['p', 'q'], [1, {n} + 1]])",
        "ix = pd.date_range('2021', periods=4, tz='UTC')",
        "box['f'] = df",
        "row.append(df['a'])",
        "box['g'] = df.groupby('c')",
        "C.frame = df",
        "def f(x=df): return x['a'], df",
        "df.loc[len(df)] = 0",
    ),
    needs=("pandas",),
    after=("numpy",),
)

POLARS = Library(
    start="""
import polars as pl
pf = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", None, "z"]})
ps = pf["a"]
""",
    names={"polars": ("pf",), "polars_series": ("ps",)},
    values={
        "new": ("pf.lazy()", "pl.col('a') + {n}", "pf.clone()", "ps.to_numpy()"),
        "new_polars": (
            "pl.DataFrame({{'a': [{n}.0, 2.0], 'b': ['p', 'q']}})",
            "pf.with_columns(c=pl.col('a') * {n})",
            "pf.clone()",
            "pf.head(2)",
            "pf.vstack(pf)",
            "pl.DataFrame(m, schema=['a', 'b'])",
            "pl.DataFrame({{'a': [1.0, 2.0], 'b': [[1, 2], None]}})",
            "pl.DataFrame({{'a': [1.0], 'b': [{{'x': {n}}}]}})",
        ),
        "new_polars_series": (
            "pf['a']",
            "pf['b']",
            "pl.Series('s', {vector})",
            "pl.Series([1, {n}, None])",
            "pl.Series(['u', 'v', 'u'], dtype=pl.Categorical)",
            "ps.clone()",
            "ps[1:]",
            "pl.Series('o', [[{any}], {{}}, 1], dtype=pl.Object)",
        ),
    },
    statements=(
        "pf = {new_polars}",
        "pf = {new_polars}",
        "ps = {new_polars_series}",
        "ps = {new_polars_series}",
        "pf[0, 'a'] = {n}.5",
        "pf[1, 'b'] = 'w'",
        "ps[0] = {n}.5",
        "ps[0] = {n}",
        "pf.insert_column(0, pl.Series('i{n}', range(len(pf))))",
        "pf.drop_in_place('b')",
        "pf.extend(pf)",
        "pf.columns = [f'c{n}{{i}}' for i in range(pf.width)]",
        "pf.replace_column(0, pl.Series('a', [{n}.0] * pf.height))",
        "ps.rename('r{n}')",
        "ps.append(ps)",
        "v = ps.to_numpy()",
        "v = ps.to_numpy(); v.flags.writeable = True; v[0] = {n}",
        "pf.note = {any}",
        "box['pf'] = pf",
        "row.append(pf['a'])",
        "box['lazy'] = pf.lazy().filter(pl.col('a') > {n})",
    ),
    needs=("polars",),
    after=("numpy",),
)

ARROW = Library(
    start="""
import pyarrow as pa
column = pa.array([1.0, 2.0, None])
table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
buffer = pa.py_buffer(raw)
""",
    names={"column": ("column",), "table": ("table",), "any": ("buffer",)},
    values={
        "new": ("table['a']", "column[{n} % 3]", "table.schema"),
        "new_column": (
            "pa.array(v)",
            "pa.array(np.arange(4.0))",
            "pa.array([{n}, None, 3])",
            "pa.Array.from_buffers(pa.float64(), 4, [None, buffer])",
            "pa.array(['x', 'y', 'x']).dictionary_encode()",
            "pa.array([[1], [2, {n}], None])",
            "column[1:]",
        ),
        "new_table": (
            "pa.table({{'a': column}})",
            "pa.table({{'a': column[:2], 'b': ['p', 'q']}})",
            "table.slice(1)",
            "table.append_column('k{n}', [column[:len(table)]])",
            "pa.concat_tables([table, table])",
        ),
    },
    statements=(
        "column = {new_column}",
        "column = {new_column}",
        "table = {new_table}",
        "table = {new_table}",
        "buffer = pa.py_buffer(raw)",
        "buffer = pa.py_buffer(m.copy())",
        "buffer = pa.py_buffer(np.ascontiguousarray({vector}))",
        "raw[{n}] = {n}",
        "v = column.to_numpy(zero_copy_only=False)",
        "v = np.frombuffer(buffer)",
        "box['table'] = table",
        "row.append(column)",
        "m = np.arange(8.0).reshape(4, 2); column = pa.array(m.ravel())",
    ),
    needs=("pyarrow",),
    after=("numpy",),
)

ARROW_IN_FRAMES = Library(
    start="df['arrow'] = pd.array([1, 2, None, 4], dtype='int64[pyarrow]')",
    names={},
    values={
        "new_frame": (
            "table.to_pandas().rename(columns=dict(zip(table.column_names, 'abc')))",
            (
                "pd.DataFrame({{'a': [1.0, 2.0, 3.0, 4.0], 'b': [1, 2, 3, 4],"
                " 'c': pd.array(list('xyxy'), dtype='string[pyarrow]')}})"
            ),
        ),
        "new_table": ("pa.Table.from_pandas(df[['a', 'b']])",),
        "new_series": (
            "pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column])))",
            "pd.Series([1, None, {n}], dtype='int64[pyarrow]')",
        ),
    },
    statements=(
        "df['arrow'] = pd.array([{n}, None] * (len(df.index) // 2), dtype='int64[pyarrow]')",
        "df.loc[0, 'arrow'] = {n}",
        "s = df['arrow']",
        "s = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column])))",
    ),
    after=("pandas", "arrow"),
)

XARRAY = Library(
    start="""
import xarray as xr
da = xr.DataArray(m, dims=("x", "y"), coords={"x": [10, 20, 30, 40]}, name="da")
ds = xr.Dataset({"da": da, "one": ("x", v)})
""",
    names={"labelled": ("da",), "any": ("ds",)},
    values={
        "new": ("ds['da']", "da.coords", "da.variable", "da.values"),
        "new_labelled": (
            "xr.DataArray(m, dims=('x', 'y'), name='da')",
            "xr.DataArray(np.zeros((4, 2)), dims=('x', 'y'), coords={{'x': np.arange(4)}})",
            "da.copy()",
            "da[:2]",
            "da.T",
            "da.isel(y=0)",
            "ds['one']",
            "da + {n}",
        ),
    },
    statements=(
        "da = {new_labelled}",
        "da = {new_labelled}",
        "ds = da.to_dataset(name='da')",
        "ds = ds.copy()",
        "da[0] = {n}",
        "da.values[...] = {n}",
        "da.loc[dict(x=da.x[0])] = {n}",
        "da.attrs['note'] = {any}",
        "da.name = 'd{n}'",
        "ds['k{n}'] = ('x', np.full(ds.sizes['x'], {n}))",
        "ds['da'][0] = {n}",
        "del ds['one']",
        "ds.attrs['a'] = {any}",
        "ds['da'].encoding['scale'] = {n}",
        "ds = ds.assign_coords(x=np.arange(ds.sizes['x']) * {n})",
        "v = da.values",
        "box['da'] = da",
        "row.append(ds['da'])",
        "da += 1",
    ),
    needs=("xarray",),
    after=("numpy", "pandas"),
)
