"""pandas: frames, series, indexes, and the arrays in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cowtm.testing import Example, Family, Limit, describes, describes_leaf

PRELUDE = """
import numpy as np
import pandas as pd
import pyarrow as pa

def unlocked(array):
    array.flags.writeable = True
    return array

class Table(pd.DataFrame):
    _metadata = ['unit']

    @property
    def _constructor(self):
        return Table

inner = [1]
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
    "x.attrs['note'].append(2)",
    "x.flags.allows_duplicate_labels = False",
    "x.columns.name = 'which'",
)

NUMBERS = "pd.DataFrame({'a': [1.0, 2.0, 3.0], 'b': [4.0, 5.0, 6.0], 'i': [7, 8, 9]})"


def _series(value: str, *changes: str) -> Example:
    """Give a series that is written into in all ways there are."""
    cells = (
        "x.iloc[0] = x.iloc[1]",
        "x.array[1] = x.array[2]",
        "x.name = 't'",
        "x.index = list('pqr')",
        "x.loc['new'] = x.iloc[0]",
        "x.drop('p', inplace=True)",
    )
    return Example(value, (*changes, *cells))


FRAMES = {
    "frame": Example(
        "pd.DataFrame({'a': [1, 2, 3], 'b': [1.5, 2.5, 3.5], 'c': ['x', 'y', None]})", CHANGES
    ),
    "frame of objects": Example(
        "pd.DataFrame({'a': [[1], {}, None], 'b': [inner, inner, 'c']})",
        ("x.loc[0, 'a'].append(1)", "x.loc[1, 'a']['k'] = x", "inner.append(x.loc[0, 'a'])"),
    ),
    "frame of kinds": Example(
        "pd.DataFrame({'t': pd.date_range('2020', periods=3), 'c': pd.Categorical(list('aba')),"
        " 'i': pd.array([1, None, 3]), 'z': pd.date_range('2020', periods=3, tz='UTC')})",
        (
            "x.loc[0, 't'] = pd.Timestamp('2021')",
            "x.loc[1, 'c'] = 'a'",
            "x.loc[1, 'i'] = 7",
            "x['i'] = x['i'] + 1",
            "x['c'] = x['c'].cat.add_categories(['new'])",
            "x.loc[2, 'z'] = pd.NaT",
        ),
    ),
    "frame with two levels": Example(
        "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([('x', 1), ('y', 2)]))",
        (
            "x.loc[('x', 1), 'a'] = 5",
            "x.index.names = ['k', 'l']",
            "x.columns = pd.MultiIndex.from_tuples([('A', 'a')])",
            "x.reset_index(inplace=True)",
        ),
    ),
    "frame without rows": Example(
        "pd.DataFrame({'a': []})", ("x['b'] = 1", "x.loc['r'] = [1.0, 2.0]")
    ),
    "frame without columns": Example(
        "pd.DataFrame(index=[1, 2])", ("x.index.name = 'n'", "x['a'] = 0")
    ),
    "frame with labels twice": Example(
        "pd.DataFrame([[1, 2.0], [3, 4.0]], columns=['a', 'a'], index=[0, 0])",
        ("x.iloc[0, 1] = 9.0", "x.insert(1, 'a', 'w', allow_duplicates=True)"),
    ),
    "frame of many blocks": Example(
        NUMBERS,
        (
            "x['c'] = x['a'] * 2",
            "x['d'] = x['i'] + 1",
            "x.iloc[1, 1] = 9.0",
            "x.loc[:, 'c'] = 0.0",
            "x.iloc[2] = 1",
        ),
    ),
    "frame written behind its back": Example(
        NUMBERS,
        (
            "unlocked(x['a'].values)[0] = 9.0",
            "x['b'].array[1] = 7.0",
            "x._mgr.blocks[0].values[0, 2] = 5.0",
            "unlocked(x['i'].to_numpy())[0] = 4",
        ),
    ),
    "frame over an array of numpy's": Example(
        "(lambda a: [a, pd.DataFrame(a, columns=list('pq'), copy=False)])(np.zeros((3, 2)))",
        ("x[0][1, 1] = 9", "x[1].iloc[0, 0] = 5", "x[0][2, 0] = 3", "x[1]['p'] = 1"),
    ),
    "frames that share columns": Example(
        f"(lambda f: [f, f['a'], f.copy(deep=False), f[['b', 'i']], f.iloc[1:], f.T])({NUMBERS})",
        (
            "x[0].loc[0, 'a'] = 9",
            "x[1].iloc[1] = 7",
            "unlocked(x[2]['b'].values)[0] = 6",
            "x[3]['i'] = 5",
            "x[4].iloc[0, 0] = 4",
            "x[5].iloc[1, 1] = 3",
        ),
    ),
    "frame of a class of the notebook": Example(
        "Table({'a': [1, 2]})", ("x.unit = 'kg'", "x['b'] = 1", "x.unit = [x]")
    ),
    "big frame": Example(
        "pd.DataFrame(np.zeros((100_000, 4)))", ("x.iloc[5, 2] = 1.0",), at_most=1 << 20
    ),
    "big frame of strings": Example(
        "pd.DataFrame({'a': [str(i) for i in range(100_000)]})",
        ("x.attrs['n'] = 1", "x.columns = ['b']"),
        at_most=64,
    ),
}

SERIES = {
    "series": Example(
        "pd.Series([1.0, 2.0], name='s')",
        (
            "x[0] = 5",
            "x.name = 't'",
            "x.iloc[1] = None",
            "x.index = ['a', 'b']",
            "x.loc['new'] = 3",
            "x.iloc[0] = -0.0",
        ),
    ),
    "series of numbers": _series("pd.Series([1, 2, 3], dtype='i2')", "x += 1"),
    "series of truths": _series("pd.Series([True, False, True])"),
    "series of strings": _series("pd.Series(['a', 'b', None], dtype='str')"),
    "series of Python's strings": _series("pd.Series(['a', 'b', None], dtype='string[python]')"),
    "series of Arrow's strings": _series("pd.Series(['a', 'b', None], dtype='string[pyarrow]')"),
    "series of Arrow's numbers": _series(
        "pd.Series([1, 2, None], dtype='int64[pyarrow]')",
        "np.frombuffer(x.array._pa_array.chunk(0).buffers()[1], 'i8')[0] = 4",
    ),
    "series of lists of Arrow's": Example(
        "pd.Series(pd.arrays.ArrowExtensionArray(pa.array([[1], None])))",
        ("x.iloc[1:] = x.iloc[:1].array", "x.name = 'l'"),
    ),
    "series over an array of Arrow's": Example(
        "(lambda a: [a, pd.Series(pd.arrays.ArrowExtensionArray(pa.array(a)))])(np.arange(3))",
        ("x[0][1] = 9", "x[1][0] = 5", "x[0][2] = 8"),
    ),
    "series of numbers that may lack": _series(
        "pd.Series([5, None, 3], dtype='Int64')", "x.array._mask[1] = False", "x.array._data[2] = 9"
    ),
    "series of floats that may lack": _series("pd.Series([1.5, None, 3], dtype='Float32')"),
    "series of truths that may lack": _series("pd.Series([True, None, False], dtype='boolean')"),
    "series of dates": _series("pd.Series(pd.date_range('2020', periods=3, unit='s'))"),
    "series of dates with a zone": _series(
        "pd.Series(pd.date_range('2020', periods=3, tz='Europe/Berlin'))"
    ),
    "series of durations": _series("pd.Series(pd.to_timedelta([1, 2, None], unit='h'))"),
    "series of periods": _series("pd.Series(pd.period_range('2024-01', periods=3, freq='M'))"),
    "series of intervals": _series("pd.Series(pd.interval_range(0, 3))"),
    "series of categories": _series(
        "pd.Series(pd.Categorical(['b', None, 'a'], categories=['b', 'a', 'c'], ordered=True))",
        "x.iloc[0] = 'c'",
    ),
    "sparse series": Example(
        "pd.Series(pd.arrays.SparseArray([0, 0, 1, 2]))",
        ("x.array.sp_values[0] = 5", "x.name = 's'", "x.array.fill_value = 7"),
    ),
    "series of objects": Example(
        "pd.Series([inner, {'k': 1}, None], dtype=object)",
        ("x[0].append(x)", "x[1]['k'] = x[0]", "x[2] = x[1]", "x.array[0] = 1"),
    ),
    "array that may lack": Example(
        "pd.array([1, None, 3])", ("x[0] = 9", "x[1] = 5", "x[2] = pd.NA")
    ),
    "categories": Example(
        "pd.Categorical(['a', 'b'])",
        ("x[0] = 'b'", "x.categories.name = 'n'", "unlocked(x.codes)[1] = 0"),
    ),
    "series of one type of categories": Example(
        "(lambda t: [t, pd.Series(['a'], dtype=t), pd.Index(['b'], dtype=t)])"
        "(pd.CategoricalDtype(['a', 'b']))",
        ("x[0].categories.name = 'n'", "x[1].iloc[0] = 'b'", "x.pop(0)"),
    ),
}

INDEXES = {
    "index": Example(
        "[pd.Index(['a', 'b']), pd.RangeIndex(5), pd.date_range('2020', periods=2)]",
        ("x[0].name = 'n'", "x[2].freq = None", "x.pop()"),
    ),
    "indexes of kinds": Example(
        "[pd.Index([1.5, 2.5]), pd.CategoricalIndex(['a', 'b']), pd.interval_range(0, 3),"
        " pd.PeriodIndex(['2020-01'], freq='M'), pd.TimedeltaIndex(['1h', '2h']),"
        " pd.Index([1, None], dtype='Int64'), pd.Index([inner, 'x'], dtype=object),"
        " pd.Index([1], dtype='int64[pyarrow]'),"
        " pd.date_range('2020', periods=2, tz='Asia/Tokyo')]",
        (
            "unlocked(x[0].values)[0] = 9",
            "x[6][0].append(x)",
            "x[2].name = 'i'",
            "x.append(pd.Series([1.0, 2.0], index=x[0]))",
            "x.reverse()",
        ),
    ),
    "index of two levels": Example(
        "pd.MultiIndex.from_product([['a', 'b'], [1, 2]], names=['k', 'l'])",
        ("x.names = ['m', 'n']", "x.names = [None, 'n']"),
    ),
    "index over a series": Example(
        "(lambda s: [s, pd.Index(s)])(pd.Series([1, 2, 3]))",
        ("s = x[0]; s.iloc[0] = 9", "unlocked(x[1].values)[1] = 7"),
    ),
}

TOOLS = {
    "column of a frame": Example(
        "(lambda f: [f, f['a']])(pd.DataFrame({'a': [1, 2], 'b': [3, 4]}))",
        ("x[0].loc[0, 'a'] = 9", "x[1].iloc[1] = 7"),
    ),
    "group": Example(
        "[pd.DataFrame({'a': [1, 1], 'b': [3, 4]}).groupby('a')]",
        ("x.append(x[0].sum())", "x[0].obj.loc[0, 'b'] = 9", "x.append(x[0].get_group(1))"),
    ),
    "windows": Example(
        "[pd.DataFrame({'a': [1.0, 2.0]}).rolling(2), pd.Series([1.0, 2.0]).ewm(2),"
        " pd.Series([1.0]).expanding()]",
        ("x.append(x[0].sum())", "x[0].obj.iloc[0, 0] = 9", "x[0].min_periods = 1"),
    ),
    "samples": Example(
        "[pd.Series([1, 2], index=pd.date_range('2020', periods=2)).resample('D')]",
        ("x.append(x[0].sum())", "x[0].obj.iloc[0] = 9"),
    ),
    "attributes that lead back": Example(
        "[pd.DataFrame({'a': [1]})]",
        ("x[0].attrs['of'] = x", "x[0].attrs['more'] = 1", "x[0].loc[0, 'a'] = 5"),
    ),
    "accessors": Example("[pd.DataFrame({'a': [1]}).loc, pd.Series(['a']).str]", ("x.append(1)",)),
    "scalars": Example(
        "[pd.Timestamp('2020', tz='UTC'), pd.Timedelta('1h'), pd.Period('2020', 'Y'), pd.NaT,"
        " pd.NA, pd.Interval(0, 1), pd.DateOffset(days=1), pd.CategoricalDtype(['a'])]",
        ("x.reverse()", "x.pop()"),
    ),
}

FAMILIES = [
    Family(
        "pandas frames, series, indexes",
        FRAMES | SERIES | INDEXES | TOOLS,
        prelude=PRELUDE,
        needs=("pandas", "pyarrow"),
        how="blocks and axes, each array as above; which frames share a block",
        limits=(
            Limit(
                "the options of pandas, which are the session's",
                (
                    "import pandas as pd\npd.set_option('display.html.border', 2)",
                    "pd.set_option('display.html.border', 1)",  # as it was
                ),
                "pd.get_option('display.html.border') == 1",
                needs=("pandas",),
            ),
        ),
    ),
]


# pandas 3 gives its classes shorter names.
@describes(
    *("pandas.DataFrame", "pandas.core.frame.DataFrame"),
    *("pandas.Series", "pandas.core.series.Series"),
)
def frame(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe labels, columns one by one, what is said of them."""
    two = hasattr(value, "columns")
    kept, value._attrs = value._attrs, {}  # which pandas copies with all that they lead to
    try:
        columns = [value.iloc[:, n] for n in range(value.shape[1])] if two else [value]
    finally:
        value._attrs = kept
    return (
        value.shape,
        walk.token(value.index),
        walk.token(value.columns) if two else repr(value.name),
        walk.token(value.attrs) if value.attrs else "no attributes",
        value.flags.allows_duplicate_labels,
        tuple(array(walk, column.array) for column in columns),
        tuple(
            (name, walk.token(getattr(value, name, None))) for name in value._metadata[:1] if two
        ),
    )


@describes("pandas.Index", "pandas.core.indexes.base.Index")
def index(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe names and labels."""
    said = repr(list(value.names)), str(value.dtype), repr(getattr(value, "freq", None))
    if hasattr(value, "levels"):
        codes = [np.asarray(codes).tobytes() for codes in value.codes]
        return *said, tuple(index(walk, level) for level in value.levels), tuple(codes)
    if hasattr(value, "step"):
        return *said, repr(value)
    return *said, array(walk, value.array)


@describes("pandas.api.extensions.ExtensionArray", "pandas.core.arrays.base.ExtensionArray")
def array(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe type and elements, by the arrays that they are in."""
    said = type(value).__name__, repr(value.dtype)
    if hasattr(value, "sp_values"):
        places = value.sp_index.to_int_index().indices.tobytes()
        return *said, repr(value.fill_value), places, memory(walk, value.sp_values)
    if hasattr(value, "codes"):
        return *said, value.ordered, walk.token(value.categories), memory(walk, value.codes)
    if hasattr(value, "closed"):
        return *said, index(walk, value.left), index(walk, value.right)
    if hasattr(value, "_pa_array"):
        return *said, walk.token(value._pa_array)
    for data, mask in (("_data", "_mask"),):
        if hasattr(value, mask):
            return *said, memory(walk, getattr(value, data)), memory(walk, getattr(value, mask))
    if hasattr(value, "asi8"):
        return *said, repr(getattr(value, "freq", None)), memory(walk, value._ndarray)
    return *said, memory(walk, value.to_numpy())


def memory(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe the elements of an array of numpy's and whose memory they are in."""
    root = value
    while isinstance(root.base, np.ndarray):
        root = root.base
    if value.dtype.hasobject:
        return str(value.dtype), value.shape, walk.tokens(value.ravel().tolist())
    where = root.__array_interface__["data"][0]
    met = vars(walk).setdefault("memory of pandas", {})
    number = met.setdefault(where, len(met)) if value.size else None
    start = value.__array_interface__["data"][0] - where if value.size else None
    return str(value.dtype), value.shape, value.strides, value.tobytes(), number, start


@describes("pandas.core.groupby.groupby.BaseGroupBy", "pandas.core.window.rolling.BaseWindow")
def tool(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe what it works on and how."""
    own = {name: held for name, held in vars(value).items() if not name.startswith("_")}
    return tuple((name, walk.token(own[name])) for name in ("obj", "min_periods") if name in own)


@describes_leaf(
    *("pandas.DateOffset", "pandas._libs.tslibs.offsets.DateOffset"),
    *("pandas.Period", "pandas._libs.tslibs.period.Period"),
)
def step(value: Any) -> object:
    """Give a step or a stretch of time in words."""
    return repr(value)
