"""pyarrow: arrays, tables, buffers, and memory that they share with others."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, describes, describes_leaf

PRELUDE = """
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import array

def writeable(buffer):
    return np.frombuffer(buffer, 'u1')

def memory(array, index=1):
    return np.frombuffer(array.buffers()[index], 'u1')
"""


def _array(value: str, *changes: str) -> Example:
    """Give an array that a longer list holds, whose memory is written and which is sliced."""
    cells = (*changes, "x.append(x[0].slice(1))", "x.pop(0)", "x.append({'again': x[0]})")
    return Example(f"[{value}]", cells)


NUMBERS = ("memory(x[0])[0] = 9", "memory(x[0])[:] = 7")

FAMILIES = [
    Family(
        "arrays and tables of pyarrow",
        {
            "array": _array("pa.array([1, 2, 3])", *NUMBERS),
            "array with nulls": _array(
                "pa.array([1.5, None, -0.0])", *NUMBERS, "memory(x[0], 0)[0] = 7"
            ),
            "array of strings": _array(
                "pa.array(['a', None, 'bcd'])", "memory(x[0], 2)[0] = ord('z')"
            ),
            "array of views of strings": _array(
                "pa.array(['short', 'long ' * 9, None], pa.string_view())",
                "memory(x[0], 2)[0] = ord('L')",
            ),
            "array of bytes": _array("pa.array([b'a', b'', None], pa.large_binary())"),
            "array of truths": _array("pa.array([True, None, False])", "memory(x[0])[0] = 6"),
            "array of dates": _array(
                "pa.array([0, 1, None], pa.timestamp('ns', 'Europe/Berlin'))", *NUMBERS
            ),
            "array of decimals": _array("pa.array([1, 2]).cast(pa.decimal128(24, 2))", *NUMBERS),
            "array of nothing": _array("pa.nulls(3)"),
            "array of lists": _array("pa.array([[1, 2], None, [], [3]])", "memory(x[0])[4] = 1"),
            "array of lists of one length": _array(
                "pa.array([[1, 2], None], pa.list_(pa.int8(), 2))"
            ),
            "array of structs": _array(
                "pa.array([{'a': 1, 'b': ['x']}, None, {'a': None, 'b': None}])",
                "memory(x[0], 2)[0] = 5",
            ),
            "array of maps": _array(
                "pa.array([[('a', 1)], None], pa.map_(pa.string(), pa.int8()))"
            ),
            "array of categories": _array(
                "pa.array(['a', 'b', None, 'a']).dictionary_encode()",
                "memory(x[0])[0] = 1",
                "memory(x[0].dictionary, 2)[0] = ord('z')",
            ),
            "array of structs of categories": _array(
                "pa.array([{'d': 'a'}], pa.struct([('d', pa.dictionary(pa.int8(), pa.string()))]))"
            ),
            "array of unions": _array(
                "pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()),"
                " pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(['a'])])"
            ),
            "array of mixed unions": _array(
                "pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()),"
                " [pa.array([1, 2]), pa.array(['a', 'b'])])"
            ),
            "array of runs": _array("pa.RunEndEncodedArray.from_arrays([2, 3], ['a', None])"),
            "array of an extension type": _array(
                "pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b'1' * 16], pa.binary(16)))"
            ),
            "array without elements": _array("pa.array([], pa.string())"),
            "slices of an array": Example(
                "(lambda a: [a, a.slice(1), a[1:2], a.slice(2).slice(1)])(pa.array([1, 2, 3, 4]))",
                ("memory(x[0])[8] = 9", "x.pop(0)", "memory(x[0])[16] = 8", "x.reverse()"),
            ),
            "chunked array": Example(
                "[pa.chunked_array([[1, 2], [3]]), pa.chunked_array([], pa.int8())]",
                ("memory(x[0].chunk(1))[0] = 9", "x.append(x[0].chunk(0))", "x.pop(0)"),
            ),
            "table": Example(
                "[pa.table({'a': [1, 2], 'b': ['x', None]}).replace_schema_metadata({'k': 'v'})]",
                (
                    "memory(x[0]['a'].chunk(0))[0] = 9",
                    "x.append(x[0].append_column('c', x[0]['a']))",
                    "x.append(x[0].slice(1))",
                    "x.append(x[0]['b'])",
                    "del x[0]",
                    "memory(x[0]['c'].chunk(0))[0] = 8",
                ),
            ),
            "tables without columns": Example(
                "[pa.table({}), pa.table({'a': [1, 2]}).select([]),"
                " pa.record_batch({'a': [1]}).select([])]",
                ("x.append(x[0])", "x.pop(0)"),
            ),
            "batch": Example(
                "[pa.record_batch({'a': [1, 2], 'b': ['x', None]})]",
                ("memory(x[0]['a'])[0] = 9", "x.append(x[0].slice(1))", "x.append(pa.table(x[0]))"),
            ),
            "table read from a stream": Example(
                "(lambda t: [pa.ipc.open_stream(t).read_all()])((lambda t, s: (lambda w:"
                " (w.write_table(t), w.close(), s.getvalue())[2])(pa.ipc.new_stream(s, t.schema)))"
                "(pa.table({'a': [1, 2], 'b': ['x', 'y']}), pa.BufferOutputStream()))",
                ("x.append(x[0]['b'])", "del x[0]"),
            ),
            "array over an array of numpy's": Example(
                "(lambda a: [a, pa.array(a), pa.array(a[2:])])(np.arange(5.0))",
                ("x[0][3] = 9", "x[1] = x[1].slice(1)", "x[0] += 1", "del x[0]"),
            ),
            "array over numpy's dates": Example(
                "(lambda a: [a, pa.array(a)])(np.array(['2020', '2021'], 'M8[ns]'))",
                ("x[0][1] = np.datetime64('2022')", "x[0] += np.timedelta64(1, 'D')"),
            ),
            "column of a frame": Example(
                "(lambda f: [f, pa.array(f['a'])])(pd.DataFrame({'a': [1.5, 2.5]}))",
                ("x[0].loc[0, 'a'] = 9", "x[1] = x[1].slice(1)"),
            ),
            "big array": Example(
                "[pa.array(np.zeros(400_000))]", ("memory(x[0])[8 * 200_000] = 1",), at_most=1 << 20
            ),
            "scalars": Example(
                "[pa.scalar(1), pa.scalar('a'), pa.array([[1, 2], None])[0],"
                " pa.scalar({'a': None})]",
                ("x.append(x[2])", "x.pop(0)"),
            ),
            "types": Example(
                "[pa.int8(), pa.field('a', pa.string(), metadata={'k': 'v'}),"
                " pa.schema([('a', pa.list_(pa.int8()))]), pyarrow.compute.field('a') > 1]",
                ("x.append(x[2])", "x.pop(0)"),
            ),
        },
        prelude=PRELUDE,
        needs=("pyarrow", "pandas"),
        how=(
            "type, and places in the memory that it lies in; memory is an array's, also the user's"
            " own, in chunks"
        ),
    ),
    Family(
        "buffers of pyarrow",
        {
            "buffer": Example(
                "pa.allocate_buffer(64)", ("writeable(x)[:] = 1", "writeable(x)[3] = 9")
            ),
            "resizable buffer": Example(
                "pa.allocate_buffer(4, resizable=True)",
                ("writeable(x)[:] = 1", "x.resize(8)", "writeable(x)[:] = 2", "x.resize(2)"),
            ),
            "array over a buffer": Example(
                "(lambda b: [b, b.slice(8, 16), pa.Array.from_buffers(pa.int64(), 2,"
                " [None, b.slice(8, 16)])])(pa.allocate_buffer(32))",
                ("writeable(x[0])[:] = 1", "writeable(x[0])[8] = 5", "del x[0]", "x.reverse()"),
            ),
            "buffer over a bytearray": Example(
                "(lambda b: [b, pa.py_buffer(b)])(bytearray(8))", ("x[0][1] = 5", "x.pop(0)")
            ),
            "buffer over bytes": Example("[pa.py_buffer(b'abc')]", ("x.append(1)",)),
            "buffer over an array": Example(
                "(lambda b: [b, pa.py_buffer(b)])(np.arange(3.0))",
                ("x[0][1] = 5", "writeable(x[1])[0] = 4"),
            ),
            "buffer that may not be written": Example(
                "(lambda a: [a, pa.py_buffer(b'abc'), pa.py_buffer(memoryview(a).toreadonly()),"
                " pa.py_buffer(a)])(np.arange(3.0))",
                (
                    "x[0][1] = 5",
                    "x[0].flags.writeable = False",
                    "x.append(x[2][:8])",
                    "writeable(x[3])[1] = 7",
                ),
            ),
            "array of numpy's over a buffer": Example(
                "(lambda b: [np.frombuffer(b)[1:], b])(pa.py_buffer(np.arange(3.0)))",
                ("x[0][1] = 5", "x.pop()", "x.append(x[0][:1])"),
            ),
            "array of numpy's over arrow's memory": Example(
                "(lambda c: [c.to_numpy(), np.frombuffer(c.buffers()[1]), c])"
                "(pa.array([1.0, 2.0]))",
                ("x[1][1] = 5", "x.pop()", "x.reverse()"),
            ),
            "buffer over array.array": Example(
                "(lambda b: [b, pa.py_buffer(b)])(array.array('d', [1, 2]))", ("x[0][1] = 5",)
            ),
            "buffer over a memoryview": Example(
                "(lambda b: [b, pa.py_buffer(memoryview(b)[2:])])(bytearray(8))", ("x[0][3] = 5",)
            ),
        },
        prelude=PRELUDE,
        needs=("pyarrow",),
        how="the place in the memory of its root, in chunks",
    ),
]


@describes("pyarrow.lib.Array", "pyarrow.lib.ChunkedArray", "pyarrow.lib._Tabular")
def columns(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe type, length, chunks; values by the buffers that hold them."""
    schema = getattr(value, "schema", None)
    if schema is not None:
        kind = str(schema), schema.metadata, value.num_rows
        return *kind, *(columns(walk, column) for column in value.columns)
    if hasattr(value, "chunks"):
        return str(value.type), tuple(columns(walk, chunk) for chunk in value.chunks)
    inner = [value.dictionary] if hasattr(value, "dictionary") else []
    return (
        str(value.type),
        len(value),
        value.offset,
        value.null_count,
        repr(value.to_pylist()),
        tuple(_place(walk, buffer) for buffer in value.buffers()),
        tuple(columns(walk, array) for array in inner),
    )


@describes("pyarrow.lib.Buffer")
def buffer(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe bytes, flags and place."""
    return value.is_mutable, _place(walk, value)


def _place(walk: Any, value: Any) -> Any:
    """Describe the bytes of a buffer, and in which memory it lies where."""
    if value is None:
        return None
    if not value.size:
        return "empty"
    root = value
    while root.parent is not None:
        root = root.parent
    met = vars(walk).setdefault("memory of arrow", {})
    number = met.setdefault(root.address, len(met))
    return value.to_pybytes(), value.size, value.address - root.address, number


@describes_leaf("pyarrow.lib.Schema", "pyarrow.lib.Field")
def named(value: Any) -> object:
    """Give names, types and what is said of them."""
    fields = [value] if hasattr(value, "nullable") else list(value)
    return str(value), value.metadata, [str(field.metadata) for field in fields]


@describes_leaf(*(f"pyarrow.lib.{name}Type" for name in ("Data", "List", "Struct", "Timestamp")))
def type_(value: Any) -> object:
    """Give the type in words."""
    return str(value)


@describes("pyarrow.lib.Scalar")
def scalar(walk: Any, value: Any) -> tuple[Any, ...]:  # noqa: ARG001  it holds nothing
    """Describe type and value."""
    return str(value.type), repr(value.as_py())


@describes("pyarrow._compute.Expression")
def expression(walk: Any, value: Any) -> tuple[Any, ...]:  # noqa: ARG001  it holds nothing
    """Describe it in words."""
    return (str(value),)
