"""What is handed to another process and back is what it was, and about the same objects."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from contracts import CASES, provide
from elsewhere import elsewhere, of_variables

from cowtm.arena import Place
from cowtm.delta import Delta, Difference
from cowtm.mirror import Mirror
from cowtm.saved.bundle import Bundle, Exchange
from cowtm.testing import run
from cowtm.testing.form import session_form
from cowtm.testing.session import NAME

if TYPE_CHECKING:
    from collections.abc import Hashable

    from cowtm.chunks import Chunk, ChunkStore
    from cowtm.generations import Key
    from cowtm.testing.form import Form


def handed(bundle: Bundle) -> Bundle:
    """Send a bundle."""
    copy: Bundle = pickle.loads(pickle.dumps(bundle))
    return copy


LOST = "cowtm.kinds.reference.Lost"
"""What stands in another process for what stays by reference."""

FIRST = {
    family.what: case for case, (family, name) in CASES.items() if not family.examples[name].saved
}
"""An example of each family."""


@pytest.mark.parametrize("case", FIRST.values())
def test_a_state_is_handed_over(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last state of an example are in another process what they were."""
    provide(*CASES[case][0].needs)
    monkeypatch.setattr("cowtm.saved.bundle.FEW", 0)
    with run(*CASES[case]) as ran:
        mirror = ran.checked.session.machine.recorder.mirror
        for state in (ran.states[-1], ran.states[1]):
            ran.checked.session.machine.past(state)
            live = [(node, node.content) for node in mirror.table.live() if node.content]
            sent = Exchange(mirror).send(dict(mirror.bindings), live)
            with elsewhere() as home:
                found = of_variables(_received(handed(sent.bundle), home, mirror.store))
                wanted = of_variables(ran.checked.known[state].form)
                assert not wanted.difference(_with_locks(found, wanted)), state
                found.objects.clear()
                home.clear()


def _with_locks(found: Form, wanted: Form) -> Form:
    """Take what stands for a lock, which is not handed over, for the lock."""
    records = [
        then if then[1:2] == ("itself",) and now[0] == LOST else now
        for then, now in zip(wanted.records, found.records, strict=False)
    ]
    records += found.records[len(records) :]
    return replace(found, records=records)


def _received(bundle: Bundle, home: dict[str, Any], lender: ChunkStore) -> Form:
    """Bring a state into a namespace; chunks that can be mapped are read from who lends them."""
    mirror = Mirror(home)

    def take(key: Key, where: Place | bytes) -> Chunk:
        found = lender.chunk(*key).read() if isinstance(where, Place) else where
        return mirror.store.accept(key, bytes(found))

    received = Exchange(mirror).receive(bundle, take)
    names = {name: slot for name, slot in received.names.items() if not name.startswith("<")}
    contents: dict[Hashable, object] = {}
    contents.update(received.contents.items())
    step = Delta(Difference({}, names), Difference({}, contents))
    mirror.restore(step, {}.__contains__)
    return session_form(home, module=NAME)
