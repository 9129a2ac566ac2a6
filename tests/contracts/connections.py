"""What leads out of the process: open files, connections, sockets, processes; progress bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cowtm.testing import Example, Family, describes

if TYPE_CHECKING:
    from cowtm.testing.form import Walk

PRELUDE = """
import io, os, socket, sqlite3, subprocess, sys

def held(value):
    sys.held_by_examples = [*getattr(sys, "held_by_examples", ()), value]
    return [value, 1]

def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a)")
    return connection

def ended():
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.DEVNULL)
    process.wait()
    return process
"""


def _reference(make: str, said: str) -> Example:
    return Example(f"held({make})", ("x[1] = [2]", "x[1].append(3)"), by_reference=said, saved=said)


FAMILIES = [
    Family(
        "files, connections, sockets, processes",
        {
            "open file": _reference("open(os.devnull)", "an open file"),
            "open binary file": _reference("open(os.devnull, 'rb')", "an open file"),
            "sqlite connection": _reference("database()", "a database connection"),
            "sqlite cursor": _reference("database().cursor()", "a database cursor"),
            "socket": _reference("socket.socket()", "a socket"),
            "process": _reference("ended()", "a process"),
        },
        prelude=PRELUDE,
        how="by reference, held weakly; what holds them is exact; one gone is a placeholder "
        "that says what it was",
    ),
    Family(
        "connections and queries (duckdb)",
        {
            "connection": _reference("duckdb.connect()", "a database connection"),
            "query": _reference("duckdb.connect().sql('select 1 a')", "a database query"),
        },
        prelude=PRELUDE + "import duckdb\n",
        needs=("duckdb",),
        how="by reference; a query is never run",
    ),
    Family(
        "progress bars (tqdm)",
        {"bar": _reference("tqdm.tqdm(total=3, file=io.StringIO())", "a progress bar")},
        prelude=PRELUDE + "import tqdm\n",
        needs=("tqdm",),
        how="by reference, held weakly: a copy would print when it is let go",
    ),
]


@describes(
    *(f"_io.{cls}" for cls in ("TextIOWrapper", "BufferedReader", "BufferedWriter", "FileIO")),
    "socket.socket",
    "subprocess.Popen",
    "tqdm.std.tqdm",
    *(
        f"{module}.DuckDBPy{what}"
        for module in ("_duckdb", "duckdb.duckdb", "duckdb._relation")
        for what in ("Connection", "Relation")
    ),
)
def _outside(_: Walk, value: Any) -> tuple[Any, ...]:
    return "itself", id(value)
