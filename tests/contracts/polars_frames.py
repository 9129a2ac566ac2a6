"""polars: series, frames, and what is asked of them."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, Limit, describes, describes_leaf

PRELUDE = """
import datetime
import numpy as np
import polars as pl

inner = [1]
"""


def _series(value: str, *changes: str) -> Example:
    """Give a series that grows, in memory that it has and in more, and is held twice."""
    cells = ("x.extend(x.head(1))", "x.append(x.head(2))", "also.append(x)")
    return Example(value, (*changes, *cells))


FRAME = (
    "x[0, 'a'] = 9",
    "x[1, 'b'] = 'y'",
    "x.insert_column(0, pl.Series('first', [1, 2, 3]))",
    "x.replace_column(0, pl.Series('zero', [True, None, False]))",
    "x.drop_in_place('zero')",
    "x.columns = ['q', *x.columns[1:]]",
    "x.extend(x.head(2))",
    "x.vstack(x.head(1), in_place=True)",
    "x.shrink_to_fit(in_place=True)",
    "x.insert_column(1, x['q'].alias('r'))",
)

FAMILIES = [
    Family(
        "frames and series of polars",
        {
            "two columns of one name": Example(
                "pl.DataFrame({'a': [1, 2], 'b': ['x', 'y'], 'c': [3, 4]})",
                (
                    "x.replace_column(1, pl.Series('a', [5, 6]))",
                    "also.append(x.clone())",
                    "x[0, 2] = 7",
                    "x.drop_in_place('c')",
                ),
            ),
            "attributes of all sorts": Example(
                "[pl.DataFrame({'a': [1]}), np.arange(3)]",
                (
                    "x[0].__dict__ = {'note': x[1], 'what': '_df', **vars(x[0])}",
                    "x[0].note[0] = 7",
                    "x[0][0, 'a'] = 5",
                ),
            ),
            "frame": Example(
                "pl.DataFrame({'a': [1, 2, 3], 'b': ['x', None, 'a long string ' * 3]})", FRAME
            ),
            "frame of kinds": Example(
                "pl.DataFrame({'t': [datetime.date(2020, 1, d) for d in (1, 2)], 'l': [[1], None],"
                " 's': [{'p': 1, 'q': 'x'}, None], 'n': [None, None], 'f': [float('nan'), -0.0],"
                " 'c': pl.Series(['u', 'v'], dtype=pl.Categorical)})",
                (
                    "x[0, 't'] = datetime.date(2021, 1, 1)",
                    "x[1, 'c'] = 'u'",
                    "x[0, 'f'] = 0.0",
                    "x.insert_column(0, pl.Series('l2', [[[1]], [[], None]]))",
                    "x.drop_in_place('s')",
                ),
            ),
            "frame without columns": Example("pl.DataFrame()", ("x.note = 1",)),
            "frame of objects": Example(
                "pl.DataFrame({'a': [1, 2], 'o': pl.Series([inner, None], dtype=pl.Object)})",
                ("x['o'][0].append(2)", "x[0, 'a'] = 5", "inner.append(x)"),
            ),
            "frame with attributes": Example(
                "pl.DataFrame({'a': [1]})", ("x.note = [1]", "x.note.append(x)", "x[0, 'a'] = 5")
            ),
            "series": _series("pl.Series('s', [1, 2, None])", "x[0] = 7", "x[2] = 3"),
            "series of floats": _series("pl.Series([1.0, -0.0])", "x[1] = 0.0", "x[[0, 1]] = 5.0"),
            "series of strings": _series("pl.Series(['a', None, 'long ' * 9])", "x[0] = 'z' * 30"),
            "series of bytes": _series("pl.Series([b'a', None])"),
            "series of truths": _series("pl.Series([True, None, False])", "x[1] = True"),
            "series of times": _series(
                "pl.Series([1, None]).cast(pl.Datetime('us', 'Europe/Berlin'))"
            ),
            "series of decimals": _series("pl.Series(['1.10', '2']).cast(pl.Decimal(10, 2))"),
            "series of large numbers": _series("pl.Series([1, None], dtype=pl.Int128)"),
            "series of lists": _series("pl.Series([[1, 2], None, []])"),
            "series of lists of one length": _series(
                "pl.Series([[1, 2], None], dtype=pl.Array(pl.Int8, 2))"
            ),
            "series of structs": _series("pl.Series([{'a': 1, 'b': 'x'}, {'a': None, 'b': 'y'}])"),
            "series of categories": _series(
                "pl.Series(['a', 'b', None], dtype=pl.Categorical)", "x[0] = 'b'"
            ),
            "series of members": _series(
                "pl.Series(['a', 'b', None], dtype=pl.Enum(['a', 'b', 'c']))", "x[0] = 'c'"
            ),
            "series of nothing": _series("pl.Series([None, None])"),
            "series of objects": Example(
                "pl.Series('o', [inner, None, inner], dtype=pl.Object)",
                ("x[0].append(1)", "x[0].append(x)", "also.append(x[2])", "x.append(x.head(2))"),
            ),
            "series in order": _series("pl.Series([3, 1, 2]).sort(descending=True)"),
            "series renamed": Example(
                "pl.Series('a', [1])", ("x._s.rename('b')", "x._s.rename('c')")
            ),
            "slices of a series": Example(
                "(lambda s: [s, s[1:], s.slice(2, 3), s.filter(s > 1)])(pl.Series(range(9)))",
                ("x[0][1] = 9", "x[1][0] = 8", "x[2].append(x[1])", "x.pop(0)"),
            ),
            "column of a frame": Example(
                "(lambda f: [f, f['a'], f.clone()])(pl.DataFrame({'a': [1, 2], 'b': [3, 4]}))",
                ("x[0][0, 'a'] = 9", "x[1][1] = 7", "x[2].drop_in_place('a')"),
            ),
            "series over an array of numpy's": Example(
                "(lambda a: [a, pl.Series('s', a), pl.DataFrame({'c': a})])(np.arange(4.0))",
                ("x[0][1] = 9", "x[1][2] = 7", "x[0][3] = 5", "x[2][0, 'c'] = 4", "x[0] += 1"),
            ),
            "arrays of numpy's over a series": Example(
                "(lambda a: [a[1:], a[::2], a, pl.Series(range(4))])"
                "(pl.Series([1.0, 2.0, 3.0]).to_numpy())",
                (
                    "x[3][1] = 9",
                    "x.append(x[2][2:])",
                    "del x[2]",
                    "x[1] = x[0][1:]",
                ),
            ),
            "big series": Example(
                "pl.Series(np.zeros(400_000))", ("x[200_000] = 1.0",), at_most=1 << 20
            ),
            "groups": Example(
                "[pl.DataFrame({'a': [1, 1], 'b': [3, 4]}).group_by('a')]",
                ("x.append(x[0].sum())", "x[0].df[0, 'b'] = 7"),
            ),
            "expressions": Example(
                "[pl.col('a') + 1, pl.when(pl.col('a') > 1).then(2).otherwise(None)]",
                ("x.append(x[0].alias('b'))", "x.pop(0)"),
            ),
            "lazy frames": Example(
                "[pl.DataFrame({'a': [1, 2]}).lazy().filter(pl.col('a') > 1)]",
                ("x.append(x[0].collect())", "x[0] = x[0].with_columns(b=pl.col('a') * 2)"),
            ),
            "plans that can't be followed": Example(
                "[pl.DataFrame({'a': [1]}).lazy().select('b')]", ("x.append(x[0])", "x.pop(0)")
            ),
            "types": Example(
                "[pl.Int8, pl.List(pl.Enum(['a'])), pl.Schema({'a': pl.Int8})]",
                (
                    "x[2]['b'] = pl.String",
                    "x[2]['c'] = pl.Series(['u'], dtype=pl.Categorical).dtype",
                    "x.pop(0)",
                ),
            ),
        },
        prelude=PRELUDE,
        needs=("polars",),
        how=(
            "columns as polars pickles them, in chunks, pickled anew when the hash of their memory"
            " differs; expressions and lazy frames never change"
        ),
        limits=(
            Limit(
                "that a series lies in the memory of an array of numpy's, if it was made anew",
                (
                    "import numpy as np, polars as pl\na = np.arange(3.0)\ns = pl.Series(a)",
                    "del a, s",
                ),
                "s.to_numpy().ctypes.data != a.ctypes.data",
                needs=("polars",),
            ),
            Limit(
                "polars' note that no list in a column is empty, if it knows the column to rise or "
                "fall (it pickles only one of the two)",
                ("import polars as pl\ns = pl.Series([[1]])", "del s"),
                "not s.flags['FAST_EXPLODE']",
                needs=("polars",),
            ),
        ),
    ),
]


@describes("polars.series.series.Series")
def series(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe name, type, flags, runs of memory and elements."""
    others = {k: v for k, v in vars(value).items() if k != "_s"}
    return *_column(walk, value), walk.pairs(others.items())


@describes("polars.dataframe.frame.DataFrame")
def frame(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe height and columns."""
    others = {k: v for k, v in vars(value).items() if k != "_df"}
    columns = tuple(_column(walk, column) for column in value.get_columns())
    return value.height, columns, walk.pairs(others.items())


def _column(walk: Any, value: Any) -> tuple[Any, ...]:
    flags = dict(value.flags)
    if flags["SORTED_ASC"] or flags["SORTED_DESC"]:
        flags.pop("FAST_EXPLODE", None)  # which is lost, as a limit says
    said = value.name, repr(value.dtype), sorted(flags.items()), value.chunk_lengths()
    elements = value.to_list()
    if "Object" in str(value.dtype):
        return *said, walk.tokens(elements)
    return *said, repr(elements)


@describes_leaf("polars.expr.expr.Expr", "polars.expr.whenthen.Then")
def expression(value: Any) -> object:
    """Give the expression in words."""
    return str(value)


@describes_leaf("polars.datatypes.classes.DataType")
def type_(value: Any) -> object:
    """Give the type in words."""
    return repr(value)


@describes_leaf("polars.lazyframe.frame.LazyFrame")
def lazy_frame(value: Any) -> object:
    """Give the plan in words, and what comes of it."""
    import polars as pl  # noqa: PLC0415  it is there if there is one

    try:
        return value.explain(), repr(value.collect().to_dict(as_series=False))
    except pl.exceptions.PolarsError as error:  # a plan can be made that can't be followed
        return str(error)
