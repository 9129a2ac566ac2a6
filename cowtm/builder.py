"""Brings objects to a state: makes those that are gone, plans what is written into live ones.

Everything that can fail happens before anything is written: new objects are made and filled by a
`Maker`, and nobody has seen them; live ones are only *planned*, which is where things may fail.
Their *commits*, which write, come last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from cowtm.native import Content, Maker, Node

if TYPE_CHECKING:
    from cowtm.kinds.base import Commit, Kind


class Meanwhile:
    """Names that are bound while objects are made: what makes them may run the notebook's code.

    Those that are bound already stay as they are.

    Args:
        home: the namespace.
        names: name -> slot that it is to be bound to afterwards.

    """

    def __init__(self, home: dict[str, Any], names: Mapping[str, Any]) -> None:
        self._home = home
        self._absent = {name: slot for name, slot in names.items() if name not in home}

    def __enter__(self) -> Self:
        """Bind leaves: modules, numbers."""
        leaves = {name: slot for name, slot in self._absent.items() if type(slot) is not Node}
        self._home.update(leaves)
        return self

    def bind(self, maker: Maker) -> None:
        """Bind what is made by now, filled or not."""
        for name, slot in self._absent.items():
            if type(slot) is Node and slot in maker:
                self._home[name] = maker.value(slot)

    def __exit__(self, *_: object) -> None:
        """Unbind them all."""
        for name in self._absent:
            self._home.pop(name, None)


class Builder:
    """Brings the objects of the present to a state.

    Args:
        maker: makes the objects of that state.
        is_empty: tells the nodes whose live objects are yet to be filled, as new ones are.

    Attributes:
        refilled: the nodes whose live objects are written anew.

    """

    def __init__(self, maker: Maker, is_empty: Callable[[Node], bool]) -> None:
        self._maker = maker
        self._is_empty = is_empty
        self._live: list[tuple[Kind, Any, Sequence[Any]]] = []
        self.refilled: list[Node] = []

    def refill(self, node: Node, value: Any, content: Content) -> None:
        """Have a live object written anew with the content of its node."""
        if self._is_empty(node):
            self._maker.add([node])
            return
        slots = content.flat()
        self._maker.use(node, value)
        self.refilled.append(node)
        self._maker.add(slots)
        self._live.append((content.kind, value, slots))  # type: ignore[arg-type]

    def plans(self) -> list[Commit]:
        """Fill what was made, plan what is live; the commits are to be called in order."""
        self._maker.fill()
        self._live.sort(key=lambda entry: not entry[0].views)  # they let go of others' memory
        late = [entry for entry in self._live if entry[0].hashes]
        commits = [self._plan(*entry) for entry in self._live if not entry[0].hashes]
        commits += [self._plan_hashing(*entry) for entry in reversed(late)]
        self._live.clear()
        return commits

    def _plan(self, kind: Kind, value: Any, slots: Sequence[Any]) -> Commit:
        return kind.plan(value, self._maker.values(slots))

    def _plan_hashing(self, kind: Kind, value: Any, slots: Sequence[Any]) -> Commit:
        """Plan a container that hashes; one whose keys may be changed by other commits, later."""
        if any(type(slot) is Node for slot in slots):

            def plan_and_write() -> object:
                return self._plan(kind, value, slots)()

            return plan_and_write
        return self._plan(kind, value, slots)
