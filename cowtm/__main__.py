"""``python -m cowtm show FILE``: what a journal holds, told without running anything in it.

Only what is stored as JSON is read, so journals of others can be looked at too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from cowtm.display import Table, names_text, shorten, size_text, time_text
from cowtm.errors import CowtmError, Damaged, Untrusted
from cowtm.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence

FINE = 0
DAMAGED = 1
NOT_A_JOURNAL = 2
"""Exit codes; the last one also for a file that is not there or can't be read."""

_SIGNED = {
    "yes": "signed with your key",
    "no": "not signed with your key: loading it runs code of whoever wrote it",
    "altered": "altered after your key had signed it: loading it runs code of whoever did that",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: those after ``python -m cowtm``; those of this process if left out.

    Returns:
        0: all is well. 1: the journal is damaged. 2: it is none, or can't be read.

    """
    parser = argparse.ArgumentParser(prog="python -m cowtm", description="Journals of cowtm.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="list the states of a journal; runs nothing in it")
    show.add_argument("file", help="the journal")
    show.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    try:
        found = look_at(options.file)
    except Damaged as error:
        return _failed(str(error), DAMAGED)
    except (CowtmError, OSError) as error:
        return _failed(str(error), NOT_A_JOURNAL)
    text = json.dumps(found, indent=2) if options.json else "\n".join(shown(found))
    print(text)  # noqa: T201  this is a command
    return DAMAGED if found["damage"] or found["lost"] else FINE


def look_at(path: str) -> dict[str, Any]:
    """Return what can be said of the journal in a file, whoever wrote it; see `described`.

    Raises:
        NotAJournal: It is none.
        Damaged: Nothing of it can be read.
        OSError: It is not there, or may not be read.

    """
    try:
        with Journal.open(path, write=False) as journal:
            return described(journal)
    except Untrusted:
        with Journal.open(path, write=False, trust=True) as journal:
            found = described(journal)
        # Its header may be sealed as it should be, and a row not.
        return found | {"signed": "no" if journal.signed == "no" else "altered"}


def described(journal: Journal) -> dict[str, Any]:
    """Return what can be said of a journal, in values that JSON knows.

    Returns:
        ``path``; ``header`` (see `Journal`); ``signed``; ``in_use``; ``kept``: whether it outlasts
        the session that writes it; ``size`` and ``states`` (with ``serial`` and ``size`` besides
        what they say of themselves), sizes in bytes; ``damage`` in sentences; ``lost``: number of a
        state -> why.

    """
    journal.verify()
    sizes = journal.sizes()
    states = [
        {**row.about, "serial": row.serial, "size": sizes.get(row.serial, 0)}
        for row in journal.states()
    ]
    return {
        "path": str(journal.path),
        "header": dict(journal.header),
        "signed": journal.signed,
        "in_use": journal.in_use,
        "kept": _is_kept(journal),
        "size": journal.size,
        "states": states,
        "damage": journal.damage,
        "lost": {str(number): why for number, why in journal.lost_states().items()},
    }


def _is_kept(journal: Journal) -> bool:
    """Tell whether a journal is more than what overflowed from the memory of a session."""
    try:
        return journal.kind != "spill" or bool(journal.note("keep"))
    except Damaged:
        return True


def shown(found: dict[str, Any]) -> list[str]:
    """Return the lines that say what `described` found.

    What the journal says is text of whoever wrote it: it can't move the cursor or the like.
    """
    states = found["states"]
    header = found["header"]
    total = f"{len(states)} state{'' if len(states) == 1 else 's'}, {size_text(found['size'])}"
    notes = [
        total,
        " ".join(
            (
                f"{_kind(found)}, begun {_moment(header.get('created'))},",
                f"of cowtm {_plain(header.get('cowtm'))}",
                f"on Python {_plain(header.get('python'))}",
            )
        ),
        _SIGNED[found["signed"]],
        *(["in use: a process is writing it"] if found["in_use"] else []),
        *(f"damaged: {_plain(why)}" for why in found["damage"]),
        *(f"lost: state {_plain(number)}: {_plain(why)}" for number, why in found["lost"].items()),
    ]
    headings = ("state", "parent", "started", "ran", "cell", "changed", "bytes")
    rows = [
        (
            _plain(state.get("number")),
            _plain(state.get("parent")),
            _moment(state.get("started")),
            _duration(state.get("duration")),
            _title(state.get("source")) + (" (failed)" if state.get("error") else ""),
            _changed(state.get("names")),
            size_text(state["size"]),
        )
        for state in states
    ]
    table = Table(_plain(found["path"]), headings, rows, notes, right=("ran", "bytes"))
    return repr(table).splitlines()


def _kind(found: dict[str, Any]) -> str:
    """Say what a journal is for."""
    if not found["kept"]:
        return "what a session had no room for in memory, gone when it ends"
    kind = found["header"].get("kind")
    return "the journal of a session" if kind == "spill" else f"a {_plain(kind)} journal"


def _plain(value: object) -> str:
    """Give text in which every character is one that can be seen."""
    if value is None:
        return ""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)
    )


def _title(source: object) -> str:
    lines = str(source or "").strip().splitlines()
    return shorten(_plain(lines[0])) if lines else ""


def _changed(names: object) -> str:
    return names_text([_plain(name) for name in names]) if isinstance(names, list) else ""


def _moment(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "?"


def _duration(seconds: object) -> str:
    usable = isinstance(seconds, int | float) and 0 <= seconds < float("inf")
    return time_text(float(seconds)) if usable else ""  # type: ignore[arg-type]


def _failed(why: str, code: int) -> int:
    print(f"cowtm: {_plain(why)}", file=sys.stderr)  # noqa: T201  this is a command
    return code


if __name__ == "__main__":
    sys.exit(main())
