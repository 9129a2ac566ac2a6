"""What there is after a cell, as plain values that another process can be compared with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cowtm.testing.form import Form, Walk, describes, describes_leaf, session_form

OURS = re.compile(r"cowtm: .*\n")
VARYING = re.compile(
    r"0x[0-9a-f]+"
    r"|(?<=\bIn\[)\d+|(?<=\bIn \[)\d+|(?<=\bOut\[)\d+|<ipython-input-\d+-|\S*ipykernel_\d+"
    r"|(?:CPU times|Wall time): .*|\d+(?:\.\d+)? [nmµu]?s ± .*"
    r"|-{70,}|\d+(?= times\))"
)
"""What differs from run to run in what a cell shows: addresses, numbers of cells, times, widths."""

LIBRARIES = frozenset(
    {
        *("ipywidgets", "lightgbm", "matplotlib", "networkx", "pandas", "PIL", "polars", "pyarrow"),
        *("scipy", "sklearn", "sqlite3", "statsmodels", "sympy", "torch", "tqdm", "xarray"),
        *("xgboost",),
    }
)
"""Libraries that nobody but the user may import."""

HIDDEN = re.compile(
    r"_{1,3}|_i{1,3}|_i?\d+|_[dio]h|_exit_code|In|Out|exit|quit|get_ipython|open|tm"
)
"""Names that are no variables."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is after a cell."""

    number: int
    """Of the cell."""
    error: bool
    """Whether it raised."""
    shown: str
    """What it showed, without what differs from run to run."""
    said: str
    """What cowtm said."""
    form: Form
    """What the variables are."""
    libraries: frozenset[str]
    """The libraries that were imported."""
    counters: Mapping[tuple[str, str, str], int]
    """How far libraries have counted."""


def seen(
    number: int, shown: str, form: Form, *, error: bool, modules: Mapping[str, Any] | None = None
) -> Seen:
    """Take down what there is after a cell."""
    said = "".join(OURS.findall(shown))
    shown = VARYING.sub("…", OURS.sub("", shown)).strip()
    there = modules or {}
    counters = {where: getattr(owner, where[-1]) for where, owner in _counting(there)}
    return Seen(number, error, shown, said, form, LIBRARIES.intersection(there), counters)


COUNTERS = (("torch.utils.hooks", "RemovableHandle", "next_id"),)
"""Numbers that libraries give each but once in a process: (module, class, attribute).

They go on counting after travel, as what later states hold has such numbers too.
"""


def count_from(counters: Mapping[tuple[str, str, str], int], modules: Mapping[str, Any]) -> None:
    """Have libraries count on from where they were in another run."""
    for where, owner in _counting(modules):
        setattr(owner, where[-1], counters.get(where, 0))


def _counting(modules: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Any]]:
    for where in COUNTERS:
        if where[0] in modules:
            yield where, getattr(modules[where[0]], where[1])


def variables(home: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a shell."""
    return {n: v for n, v in home.items() if n[:2] != "__" and not HIDDEN.fullmatch(n)}


def form_now(home: Mapping[str, Any]) -> Form:
    """Describe a session, such that another process can be compared with it."""
    return session_form(variables(home), module="__main__").impersonal()


def not_told(form: Form, told: Iterable[str]) -> list[str]:
    """Tell where something is by reference that none of the variables that are told leads to."""
    kept = {at for at, record in enumerate(form.records) if record[0] == "itself"}
    return [form.path(at) for at in sorted(kept - form.reached({*told} & form.names.keys()))]


def difference(wanted: Form, found: Form, excused: Collection[str] = ()) -> str:
    """Say where two forms differ; what is by reference may be gone.

    Args:
        wanted: one.
        found: the other.
        excused: names that need not be alike.

    """
    records = [
        then if then[0] == "itself" and now[0] == "cowtm.kinds.reference.Lost" else now
        for then, now in zip(wanted.records, found.records, strict=False)
    ]
    records += found.records[len(records) :]
    names = found.names | {name: wanted.names.get(name) for name in excused}
    return wanted.difference(Form(names, records, [], set()))


@describes(
    *(f"builtins.{what}iterator" for what in ("dict_key", "dict_value", "dict_item", "set_")),
    "asyncio.locks.Lock",
    "concurrent.futures._base.Executor",
    "concurrent.futures._base.Future",
    "threading.Thread",
    "lightgbm.basic.Dataset",
    "xgboost.core.DMatrix",
)
def _by_reference(_: Walk, value: object) -> tuple[object, ...]:
    """Tell what stays by reference by what it is; its condition is not recorded."""
    return "itself", id(value)


@describes_leaf("logging.Logger")
def _logger(value: Any) -> str:
    """Tell a logger by its name: it belongs to the process, not to a state."""
    name: str = value.name
    return name
