"""pandas: frames, series, indexes, and the arrays in them."""

from __future__ import annotations

from cowtm.testing import Example, Family

PRELUDE = """
import numpy as np
import pandas as pd
"""

CHANGES = (
    "x.loc[0, 'a'] = 9",
    "x['d'] = [7.0, 8.0, 9.0]",
    "x['c'] = ['z', 'y', 'x']",
    "del x['b']",
    "x.insert(0, 'first', 1)",
    "x.columns = list('stuv')[:len(x.columns)]",
    "x.index = [5, 6, 7]",
    "x.sort_index(ascending=False, inplace=True)",
    "x.drop(x.index[0], inplace=True)",
    "x.attrs['note'] = [1]",
)

FAMILIES = [
    Family(
        "pandas frames, series, indexes",
        {
            "frame": Example(
                "pd.DataFrame({'a': [1, 2, 3], 'b': [1.5, 2.5, 3.5], 'c': ['x', 'y', None]})",
                CHANGES,
            ),
            "frame of objects": Example(
                "pd.DataFrame({'a': [[1], {}, None]})", ("x.loc[0, 'a'].append(1)",)
            ),
            "frame of kinds": Example(
                "pd.DataFrame({'t': pd.date_range('2020', periods=3), 'c': pd.Categorical(list('aba')),"
                " 'i': pd.array([1, None, 3]), 'z': pd.date_range('2020', periods=3, tz='UTC')})",
                (
                    "x.loc[0, 't'] = pd.Timestamp('2021')",
                    "x.loc[1, 'c'] = 'a'",
                    "x.loc[1, 'i'] = 7",
                    "x['i'] = x['i'] + 1",
                ),
            ),
            "frame with two levels": Example(
                "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([('x', 1), ('y', 2)]))",
                ("x.loc[('x', 1), 'a'] = 5", "x.reset_index(inplace=True)"),
            ),
            "series": Example(
                "pd.Series([1.0, 2.0], name='s')",
                (
                    "x[0] = 5",
                    "x.name = 't'",
                    "x.iloc[1] = None",
                    "x.index = ['a', 'b']",
                    "x.loc['new'] = 3",
                ),
            ),
            "index": Example(
                "[pd.Index(['a', 'b']), pd.RangeIndex(5), pd.date_range('2020', periods=2)]",
                ("x[0].name = 'n'", "x.pop()"),
            ),
            "column of a frame": Example(
                "(lambda f: [f, f['a']])(pd.DataFrame({'a': [1, 2], 'b': [3, 4]}))",
                ("x[0].loc[0, 'a'] = 9", "x[1].iloc[1] = 7"),
            ),
            "group": Example(
                "[pd.DataFrame({'a': [1, 1], 'b': [3, 4]}).groupby('a')]", ("x.append(x[0].sum())",)
            ),
        },
        prelude=PRELUDE,
        needs=("pandas",),
        how="blocks and axes, each array as above; which frames share a block",
    ),
]
