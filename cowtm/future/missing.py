"""What a job has to do without: objects that stay in the session, or can't be made in a worker.

In their place there is a `Lost`, which says so when it is used. What can't be handed over for what
it is, a lock for instance, the session names before the job starts; what can't be made, as the
user's own code refuses or is not to be found, only the worker finds out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cowtm.display import names_text, words_of
from cowtm.kinds.base import resolved
from cowtm.kinds.reference import Lost, Unmade, UnmadeKind
from cowtm.native import Node
from cowtm.saved.pages import ELSEWHERE

if TYPE_CHECKING:
    from cowtm.mirror import Mirror

NOT_HANDED_OVER = "can't be handed over to a background cell"
"""What is said of such an object."""

LISTED = 6
"""Variables that are named for one reason."""


def missing_in(mirror: Mirror) -> list[str]:
    """Have what is not here say so.

    Returns:
        Of what could not be made, for each reason a line that names the variables that lead to it.

    """
    for node in mirror.table.live():
        if type(node.object) is Lost and not _is_unmade(node):
            node.object.explain(f"{NOT_HANDED_OVER}; make one in the cell")
    leading: dict[str, list[str]] = {}
    clean: set[Node] = set()
    for name, slot in mirror.bindings.items():
        value = resolved(slot)
        if isinstance(value, Lost):
            value.name_it(name)
        for why in _reasons_below(slot, clean):
            leading.setdefault(why, []).append(name)
    return [
        f"cowtm: {names_text(sorted(map(words_of, names)), LISTED)} {NOT_HANDED_OVER} in full: "
        f"{why}; using what is missing raises an error."
        for why, names in leading.items()
    ]


def _reasons_below(slot: Any, clean: set[Node]) -> dict[str, None]:
    """Find why something could not be made that a slot leads to.

    Args:
        slot: of a variable.
        clean: nodes that lead to nothing of the kind; those that are found not to are added.

    """
    found: dict[str, None] = {}
    seen: set[Node] = set()
    stack = [slot]
    while stack:
        at = stack.pop()
        if type(at) is Unmade and at.why != ELSEWHERE:  # of those the session said it
            found[at.why] = None
        elif type(at) is Node and at not in seen and at not in clean:
            seen.add(at)
            kind = None if at.content is None else at.content.kind
            if isinstance(kind, UnmadeKind):
                found[kind.why] = None
            elif at.content is not None:
                stack += at.content.flat()
    if not found:
        clean |= seen
    return found


def _is_unmade(node: Node) -> bool:
    return node.content is not None and isinstance(node.content.kind, UnmadeKind)
