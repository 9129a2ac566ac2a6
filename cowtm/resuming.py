"""Goes on with a journal: its last state in the namespace, its states in the timeline.

Everything is read before anything is changed; if something fails, the session is as it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cowtm.display import names_text
from cowtm.errors import BadInput, Damaged, JournalNotFound
from cowtm.journal import Journal, rescue
from cowtm.loading import take_states
from cowtm.mirror import Mirror, is_variable
from cowtm.native import GONE, Node
from cowtm.saved.codec import Codec
from cowtm.saved.folder import free_path
from cowtm.saved.remote import as_path, fetched, is_url
from cowtm.timeline import Number, Timeline

if TYPE_CHECKING:
    from cowtm.delta import Delta


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session to go on with."""

    journal: Journal
    """Open to be written."""
    codec: Codec
    """Reads and writes it."""
    mirror: Mirror
    """Of an empty present."""
    timeline: Timeline
    """Its states."""
    delta: Delta
    """From nothing to the last state."""
    words: tuple[str, ...]
    """What the user is to know of it, in lines."""

    @property
    def names(self) -> list[str]:
        """The variables of the last state."""
        return sorted(filter(is_variable, self.delta.bindings.after))

    def restore(self, home: dict[str, Any], ambient: Mapping[str, object]) -> None:
        """Bring the last state into the namespace.

        Args:
            home: the namespace.
            ambient: name -> what is one for ever, such as the global random generators.

        Raises:
            CannotRestore: it can't be made; the namespace is as it was.

        """
        attach_ambient(self.mirror, self.delta, ambient)
        before = {name: home[name] for name in self.names if name in home}
        try:
            self.mirror.restore(self.delta, lambda name: False)  # noqa: ARG005
        except BaseException:
            home.update(before)
            raise


def attach_ambient(mirror: Mirror, delta: Delta, ambient: Mapping[str, object]) -> None:
    """Have the objects that are one for ever be those of a state that is about to be restored.

    Args:
        mirror: of an empty present.
        delta: from nothing to the state.
        ambient: name -> object.

    """
    contents: Mapping[Any, Any] = delta.contents.after

    def attach(node: Node, value: Any) -> None:
        """Make an object the one of a node, and so what it was born with."""
        kind = mirror.meet(node, value)
        slots = contents[node].flat() if node in contents else ()
        count = kind.needs(slots)
        if not count:
            return
        for slot, part in zip(slots[:count], kind.parts(value), strict=False):
            then = contents.get(slot) if type(slot) is Node else None
            if then is not None and slot.object is GONE and then.kind.cls is type(part):
                attach(slot, part)

    for name, value in ambient.items():
        slot = delta.bindings.after.get(name)
        if type(slot) is Node:
            attach(slot, value)


def prepare(path: Any, home: dict[str, Any], folder: Path, *, trust: bool) -> Prepared:
    """Open a journal and read its last state.

    A journal that is damaged, somebody else's, or far away is copied into `folder` first, as far as
    it can be read; the copy is gone on with.

    Raises:
        JournalNotFound, JournalInUse, NotAJournal, Untrusted: it can't be opened.
        BadInput: there is no state in it.
        Damaged: its last state can't be read.

    """
    journal, words = _open(path, folder, trust=trust)
    try:
        return _prepared(journal, words, home)
    except Damaged:
        if words:
            raise
    # It was met only now: then a copy of what is whole is gone on with.
    return _prepared(*_copy(as_path(path), folder, trust=trust, verify=True), home)


def _prepared(journal: Journal, words: tuple[str, ...], home: dict[str, Any]) -> Prepared:
    try:
        mirror = Mirror(home)
        codec = Codec(mirror, journal)
        mirror.store.disk = journal.chunks
        timeline = Timeline(codec)
        take_states(journal, codec, timeline)
        mirror.lasting = {name: codec.naming.node(oid) for name, oid in codec.lasting.items()}
        delta = timeline.path_from_nothing(_last(timeline, journal.path))
    except BaseException:
        journal.close()
        raise
    return Prepared(journal, codec, mirror, timeline, delta, words)


def _last(timeline: Timeline, path: Path) -> Number:
    if timeline.position is None:
        raise BadInput(f"{path} holds no state that could be gone on with")
    return timeline.position


def _open(path: Any, folder: Path, *, trust: bool) -> tuple[Journal, tuple[str, ...]]:
    """Open a journal, or a copy of it, to be written; say what the user is to know of it."""
    if is_url(path):
        with tempfile.TemporaryDirectory(prefix="cowtm-") as passing:
            return _copy(fetched(path, Path(passing)), folder, trust=trust)
    where = as_path(path)
    if not where.exists():
        raise JournalNotFound(f"there is no file {where}")
    with Journal.open(where, write=False, trust=trust) as journal:
        whole = journal.signed == "yes" and not journal.damage
    return (Journal.open(where, write=True), ()) if whole else _copy(where, folder, trust=trust)


def _copy(
    where: Path, folder: Path, *, trust: bool, verify: bool = False
) -> tuple[Journal, tuple[str, ...]]:
    """Copy what is whole of a journal; the copy is this user's own."""
    copy = free_path(folder, where.stem)
    said = f"cowtm: this session goes on in a copy: {copy}"
    with Journal.open(where, write=False, trust=trust) as journal:
        if verify:
            journal.verify()
        if not journal.damage:
            journal.backup(copy)
            return Journal.open(copy, write=True), (said,)
        made = rescue(journal, copy)
        lost = journal.lost_states()
        known = f"; lost: {names_text([*map(str, lost)])}" if lost else ""
        return made, (f"cowtm: {journal.damage[0]}{known}.", said)
