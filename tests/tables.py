"""What tests of the object table share: a namespace with its table, some objects and kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cowtm.chunks import ChunkStore
from cowtm.kinds import Kinds
from cowtm.kinds.base import Kind
from cowtm.native import UNSET

if TYPE_CHECKING:
    from conftest import NativeModule

    from cowtm.twin.table import Content, Node, ObjectTable


class Session:
    """A namespace with its object table."""

    def __init__(
        self, module: NativeModule, classify: Callable[[type], Kind | None] | None = None
    ) -> None:
        self.module = module
        self.home: dict[str, Any] = {}
        self.store = ChunkStore()
        self.kinds = Kinds(self.home, self.store)
        self.table: ObjectTable = module.ObjectTable(classify or self.kinds.classify, self.home)

    def capture(self, **names: Any) -> Capture:
        """Bind names, take in all that changed, end the capture."""
        self.home.update(names)
        changed, gone = self.table.differing(set())
        for name in changed:
            self.table.rebind(name, self.home[name])
        for name in gone:
            self.table.rebind(name, UNSET)
        for name in list(self.table.bindings):
            self.table.check(name)
        return Capture(*self.table.finish())

    def node(self, name: str) -> Node:
        """Give the node that a name is bound to."""
        slot = self.table.bindings[name]
        assert type(slot) is self.module.Node
        return slot

    def slots(self, name: str) -> tuple[Any, ...]:
        """Give the slots of the object that a name is bound to."""
        content = self.node(name).content
        assert content is not None
        return content.flat()


@dataclass(frozen=True)
class Capture:
    """What a capture found."""

    names_before: dict[str, Any]
    names_after: dict[str, Any]
    before: dict[Node, Content]
    after: dict[Node, Content]

    def __bool__(self) -> bool:
        return any((self.names_before, self.names_after, self.before, self.after))


only_c = pytest.mark.parametrize("native_module", ["c"], indirect=True)
"""For a test of what the specification leaves open."""


@pytest.fixture(name="session")
def fresh_session(native_module: NativeModule) -> Iterator[Session]:
    """Give a namespace with its table, of each implementation; let go of everything at the end."""
    session = Session(native_module)
    yield session
    session.table.clear()


class Plain:
    """Attributes in a dict."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class Slotted:
    """Attributes in slots; can't be referred to weakly."""

    __slots__ = ("left", "right")
    left: Any
    right: Any


class Hostile:
    """Raises whatever is done to it."""

    def refuse(self, *_: object) -> Any:
        """Raise."""
        msg = "touched"
        raise RuntimeError(msg)

    __eq__ = __ne__ = __lt__ = __bool__ = __len__ = __iter__ = __contains__ = refuse
    __getattr__ = __getattribute__ = __reduce__ = __reduce_ex__ = __repr__ = __str__ = refuse
    __deepcopy__ = __getstate__ = __call__ = __index__ = refuse
    __hash__ = refuse
    __class__ = property(refuse)


class Told(Kind):
    """A kind that a test tells what to do."""

    name = "told"

    def __init__(self, **attributes: Any) -> None:
        self.asked: list[Any] = []
        for name, value in attributes.items():
            setattr(self, name, value)

    def parts(self, value: Any) -> Sequence[object]:
        """Give what is in the object's `inside`."""
        self.asked.append(value)
        return value.inside  # type: ignore[no-any-return]


class Box:
    """An object of a kind that is told."""

    def __init__(self, *inside: Any) -> None:
        self.inside: Any = list(inside)


def session_with(module: NativeModule, kinds: dict[type, Any]) -> Session:
    """Give a session with kinds of its own for some types."""
    session = Session(module)
    classify = session.kinds.classify

    def chosen(cls: type) -> Any:
        return kinds[cls] if cls in kinds else classify(cls)

    session.table = module.ObjectTable(chosen, session.home)
    return session
