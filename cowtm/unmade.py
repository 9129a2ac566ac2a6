"""What of a state could not be made in this process, and which variables lead there.

In place of such an object there is a `Lost`, which says why when it is used. The rest of the state
is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from cowtm.delta import Delta, Difference
from cowtm.display import names_text, words_of
from cowtm.errors import CannotRestore
from cowtm.kinds.base import resolved
from cowtm.kinds.reference import Lost, Unmade, UnmadeKind
from cowtm.native import Node
from cowtm.saved.pages import ELSEWHERE
from cowtm.saved.tolerant import said

if TYPE_CHECKING:
    from cowtm.mirror import Mirror
    from cowtm.native import Content

LISTED = 6
"""Variables that are named for one reason."""


def restore_what_can_be(mirror: Mirror, step: Delta, lacks: dict[str, None]) -> Delta:
    """Make a state in an empty namespace, all of it that can be made.

    Args:
        mirror: of the namespace.
        step: to the state, from nothing.
        lacks: takes why something could not be made, each reason once.

    Returns:
        The step that was made.

    Raises:
        CannotRestore: there is no telling what is the matter.

    """
    while True:
        try:
            mirror.restore(step, lambda _: False)
        except CannotRestore:
            failed = mirror.unmakeable(step)
            if not failed:
                raise
            after = cast("dict[Node, Content]", dict(step.contents.after))
            for node, error in failed.items():
                why = said(error)
                lacks[why] = None
                kind = node.kind = UnmadeKind.of(after[node].kind, why)
                after[node] = kind.content
            contents = cast("dict[Any, object]", after)
            step = Delta(step.bindings, Difference(step.contents.before, contents))
        else:
            return step


def lines_of(mirror: Mirror, where: str) -> Iterator[str]:
    """Give for each reason a line that names the variables.

    What another process has, and this one never had, is not among it.

    Args:
        mirror: with the state.
        where: it can't be made, in words.

    """
    for listed, why in reasons(mirror.bindings, mirror.content):
        yield (
            f"cowtm: {listed} can't be made {where} in full: {why}; "
            "using what is missing raises an error."
        )


def reasons(
    bindings: Mapping[str, Any], content_of: Callable[[Node], Content | None]
) -> Iterator[tuple[str, str]]:
    """Give which variables can't be made in full, named in a text, and why.

    Args:
        bindings: name -> slot.
        content_of: gives the content of a node.

    """
    leading: dict[str, list[str]] = {}
    clean: set[Node] = set()
    for name, slot in bindings.items():
        for why in _reasons_below(slot, content_of, clean):
            leading.setdefault(why, []).append(name)
    for why, names in leading.items():
        yield names_text(sorted(map(words_of, names)), LISTED), why


def name_them(mirror: Mirror) -> None:
    """Have what stands for something that is not here say what variable it is bound to."""
    for name, slot in mirror.bindings.items():
        value = resolved(slot)
        if isinstance(value, Lost):
            value.name_it(name)


def is_unmade(node: Node) -> bool:
    """Tell whether there should be another object for a node than there is."""
    return node.content is not None and isinstance(node.content.kind, UnmadeKind)


def _reasons_below(
    slot: Any, content_of: Callable[[Node], Content | None], clean: set[Node]
) -> dict[str, None]:
    """Find why something could not be made that a slot leads to.

    Args:
        slot: of a variable.
        content_of: gives the content of a node.
        clean: nodes that lead to nothing of the kind; those that are found not to are added.

    """
    found: dict[str, None] = {}
    seen: set[Node] = set()
    stack = [slot]
    while stack:
        at = stack.pop()
        if type(at) is Unmade and at.why != ELSEWHERE:
            found[at.why] = None
        elif type(at) is Node and at not in seen and at not in clean:
            seen.add(at)
            content = content_of(at)
            kind = None if content is None else content.kind
            if isinstance(kind, UnmadeKind):
                found[kind.why] = None
            elif content is not None:
                stack += content.flat()
    if not found:
        clean |= seen
    return found
