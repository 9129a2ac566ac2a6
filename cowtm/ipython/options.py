"""The options of ``%%future``: what they are, and what a line says."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cowtm.errors import BadInput
from cowtm.future.job import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

arguments: Any = import_module("IPython.core.magic_arguments")
"""IPython's parser of options, which has no types."""

_EACH = re.compile(r"(?:^|(?<=\s))--each(?:=|\s+|$)(.*?)(?=\s--[a-z]|$)")
"""One --each: its values may have blanks in them."""

_VALUES = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)\s*(.+?)\s*")
_QUOTES = "\"'"


NAMES = ("--after", "--each", "--name", "--on", "--seed")
"""What there is."""


def with_options(method: Any) -> Any:
    """Give a magic the options of a job."""
    described = [
        arguments.argument(
            "--after", metavar="N", help="the state to start from, else the present"
        ),
        arguments.argument("--name", default="", help="what the job is called"),
        arguments.argument(
            "--seed",
            choices=("same", "new"),
            default="same",
            help="same: draw the random numbers that the session would have drawn; new: others",
        ),
        arguments.argument(
            "--on",
            metavar="PLACE",
            default=LOCAL,
            help="where it runs: local, or dask or executor once tm.connect was called",
        ),
        arguments.argument(
            "--each",
            metavar="VARIABLE=VALUES",
            action="append",
            help="start one job for each value, such as --each lr=[0.1, 0.01]; with several of "
            "these, one for each combination",
        ),
    ]
    for option in reversed(described):
        method = option(method)
    return arguments.magic_arguments()(method)


def parse(magic: Any, line: str, evaluate: Callable[[str], Any]) -> dict[str, Any]:
    """Read a line of options.

    Args:
        magic: what `with_options` gave.
        line: what the user wrote behind the magic's name.
        evaluate: gives the value of an expression.

    Returns:
        Option -> value; `each` is a dict of variable -> values, and there only if it was given.

    Raises:
        UsageError: there is no such option.
        BadInput: --each is not followed by VARIABLE=VALUES.

    """
    each = {}
    for found in _EACH.findall(line):
        values = _VALUES.fullmatch(found)
        if values is None:
            raise BadInput(
                f"--each takes a variable and its values, such as lr=[0.1, 0.01]; got {found!r}"
            )
        each[values[1]] = evaluate(values[2])
    told = vars(arguments.parse_argstring(magic, _EACH.sub("", line)))
    told["name"] = told["name"].strip(_QUOTES)
    told["each"] = each
    return {name: value for name, value in told.items() if name != "each" or each}
