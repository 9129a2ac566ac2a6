"""Hands a state of the timeline to a job, and takes what came of it back as a state."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from cowtm.delta import Delta, Difference
from cowtm.future.inside import End, Start
from cowtm.mapping import Mapped
from cowtm.native import Content, Node
from cowtm.recorder import LENT, Recorder
from cowtm.saved.bundle import Exchange

if TYPE_CHECKING:
    from cowtm.arena import Place
    from cowtm.chunks import Chunk, ChunkStore
    from cowtm.future.surroundings import Surroundings
    from cowtm.generations import Key
    from cowtm.lookup import Lookup
    from cowtm.saved.bundle import Received
    from cowtm.timeline import Number, State, Timeline


@dataclass(frozen=True, slots=True)
class Given:
    """What a job has besides the variables of a state."""

    variables: Mapping[str, Any]
    """Variables; those of the state of the same names give way."""
    hidden: Mapping[str, Any]
    """Names that are no variables of the state that it makes."""


class Departure:
    """A state on its way to any number of jobs: made while nothing is captured.

    Args:
        recorder: of the session.
        lookup: at its states.
        delta: from the present to the state.
        lend: whether the jobs' processes can map memory of this one.

    """

    def __init__(self, recorder: Recorder, lookup: Lookup, delta: Delta, *, lend: bool) -> None:
        self.recorder = recorder
        self.lookup = lookup
        self.lend = lend
        self.names, self.contents = lookup.whole(delta)
        self.exchange = Exchange(recorder.mirror)
        self.sent = self.exchange.send(self.names, self.contents.items(), lend=lend)


class Handover:
    """One state on its way to a job, and what comes back: made while nothing is captured.

    Args:
        departure: of the state.
        given: what the job has besides.
        suspects: variables that may lead to what can't be handed over.

    Attributes:
        staying: those that do: their objects stay here, the job has nothing of them.
        edited: modules of the user's that the job imports from another source than the session did.

    """

    def __init__(self, departure: Departure, given: Given, suspects: Iterable[str] = ()) -> None:
        recorder, contents = departure.recorder, departure.contents
        mirror = recorder.mirror
        self._lookup = departure.lookup
        self._store = mirror.store
        self._folder = mirror.kinds.folder
        loaded = mirror.kinds.modules.loaded()
        self.edited = [name for name, module in loaded.items() if module.is_edited]
        self._roots = tuple(dict.fromkeys(module.root for module in loaded.values()))
        self._exchange = departure.exchange.another()
        with recorder.lent({**given.variables, **given.hidden}) as (slot, lent):
            self._lent = {node: content for node, content in lent.items() if node not in contents}
            self._sent = self._exchange.send(
                {**departure.names, LENT: slot},
                self._lent.items(),
                lend=departure.lend,
                before=departure.sent,
            )
        self._hidden = tuple(given.hidden)
        names = departure.names
        self.staying = {name for name in suspects if self._stays(names.get(name), contents)}

    def _stays(self, slot: Any, contents: Mapping[Node, Content]) -> bool:
        """Tell whether a slot leads to an object of which the job has nothing."""
        seen: set[Any] = set()
        stack = [slot] if self._exchange.staying else []
        while stack:
            node = stack.pop()
            if type(node) is not Node or node in seen:
                continue
            if node in self._exchange.staying:
                return True
            seen.add(node)
            if node in contents:
                stack += contents[node].nodes()
        return False

    @property
    def lost(self) -> tuple[str, ...]:
        """What could not be handed over, in words."""
        return self._sent.bundle.lost

    @property
    def lacks(self) -> Iterable[str]:
        """Why some of what came back can't be made here; nothing if all can."""
        return self._exchange.lacks

    def start(self, number: int, surroundings: Surroundings, *, reseed: bool) -> bytes:
        """Give what a worker begins with, pickled."""
        start = Start(
            number,
            self._sent.bundle,
            surroundings,
            reseed,
            self._hidden,
            self._folder,
            self._roots,
        )
        return pickle.dumps(start, pickle.HIGHEST_PROTOCOL)

    def land(self, timeline: Timeline, number: Number, end: End, **known: Any) -> State:
        """Add what the job made to the timeline, as the state that was expected of it.

        Args:
            timeline: with the expected state.
            number: of that.
            end: what the job says.
            known: further fields of the state.

        Raises:
            Damaged: the memory of the job's process is gone.

        """
        stored = self._store.stored
        with Mapped() as mapped:
            received = self._exchange.receive(end.bundle, _Copier(self._store, mapped))
        delta = timeline.path_to_origin(self._lookup.here, number)
        return timeline.land(
            number,
            self._step(delta, received),
            names=end.names,
            by_reference=MappingProxyType(end.by_reference),
            stored=self._store.stored - stored,
            **known,
        )

    def exception(self, page: bytes) -> BaseException:
        """Read the exception that ended the job, after `land`."""
        error = self._exchange.value(page)
        return cast("BaseException", error)

    def _step(self, delta: Delta, received: Received) -> Delta:
        """Give what the job did, as a step from where it began.

        Args:
            delta: from the present to there.
            received: what the job says.

        """
        bindings, content_of = self._lookup.bindings_of(delta), self._lookup.contents_of(delta)
        names = [*received.names, *received.unbound]
        nodes = [*received.contents, *received.gone]
        before = {node: content for node in nodes if (content := content_of(node)) is not None}
        after = {**self._lent_reached(received), **received.contents}
        return Delta(
            Difference(
                {name: bindings[name] for name in names if name in bindings}, received.names
            ),
            cast("Difference[Any, object]", Difference(before, after)),
        )

    def _lent_reached(self, received: Received) -> dict[Node, Content]:
        """Return the contents of what was lent that the job's state leads to, unchanged."""
        found: dict[Node, Content] = {}
        slots = [*received.names.values()]
        for content in received.contents.values():
            slots += content.nodes()
        while slots:
            node = slots.pop()
            if type(node) is Node and node in self._lent and node not in found:
                found[node] = self._lent[node]
                slots += found[node].nodes()
        return found


class _Copier:
    """Takes chunks in, copied: the process that lends them is about to use them otherwise."""

    def __init__(self, store: ChunkStore, mapped: Mapped) -> None:
        self._store = store
        self._mapped = mapped

    def __call__(self, key: Key, where: Place | bytes) -> Chunk:
        held = where if isinstance(where, bytes) else self._mapped.read_only(where, key[1])
        [chunk] = self._store.split(memoryview(held))
        return chunk
