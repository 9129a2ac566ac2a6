"""The difference between two states, as a value: what it was before, what it is after.

A `Difference` says for each key what stood there before and what stands there after.
A `Delta` is two of them: one for bindings (variable name -> slot), one for contents
(node -> content). A slot is either an immutable leaf or the node of a tracked object.

Laws, held by the property tests:

- ``d.then(d.inverse())`` is empty;
- ``then`` is associative, and ``apply(apply(m, a), b) == apply(m, a.then(b))``;
- ``d.inverse().inverse() == d``.

Values are compared by identity: a content is replaced, never altered.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Difference(Generic[Key, Value]):
    """What some keys of a mapping held before and hold after; a key absent is a key unset."""

    before: Mapping[Key, Value] = field(default_factory=dict)
    """Key -> value before; keys that are born are not in it."""
    after: Mapping[Key, Value] = field(default_factory=dict)
    """Key -> value after; keys that are gone are not in it."""

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.before or self.after)

    def __len__(self) -> int:
        """Count the keys that differ."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Key]:
        """Give each key that differs once: those with a value after, then those that are gone."""
        yield from self.after
        for key in self.before:
            if key not in self.after:
                yield key

    def __contains__(self, key: object) -> bool:
        """Tell whether `key` differs."""
        return key in self.before or key in self.after

    def inverse(self) -> Difference[Key, Value]:
        """Return the difference that undoes this one."""
        return Difference(self.after, self.before)

    def then(self, later: Difference[Key, Value]) -> Difference[Key, Value]:
        """Return the one difference that does this one, then `later`."""
        if not self or not later:
            return self or later
        return Difference.chain([self, later])

    @staticmethod
    def chain(steps: Iterable[Difference[Key, Value]]) -> Difference[Key, Value]:
        """Return the one difference that does all `steps` in turn, in one pass over them."""
        before: dict[Key, Value] = {}
        after: dict[Key, Value] = {}
        for step in steps:
            if not before and not after:
                before, after = dict(step.before), dict(step.after)
                continue
            if _are_apart(step, before, after):
                before |= step.before
                after |= step.after
                continue
            for key in step:
                if key in step.before and key not in before and key not in after:
                    before[key] = step.before[key]
                if key in step.after:
                    after[key] = step.after[key]
                else:
                    after.pop(key, None)
                if key in before and key in after and before[key] is after[key]:
                    del before[key], after[key]
        return Difference(before, after)

    def apply(self, mapping: MutableMapping[Key, Value]) -> None:
        """Change `mapping`, which is as before, to what it is after."""
        for key in self:
            if key in self.after:
                mapping[key] = self.after[key]
            else:
                mapping.pop(key, None)


def _are_apart(step: Difference[Key, Value], *known: dict[Key, Value]) -> bool:
    """Tell whether a step is about none of the keys that are known, as big ones mostly are.

    That takes as long as the smaller of both takes to go through.
    """
    return all(
        isinstance(part, dict) and part.keys().isdisjoint(keys.keys())
        for part in (step.before, step.after)
        for keys in known
    )


@dataclass(frozen=True, slots=True)
class Delta:
    """The step from one state to another."""

    bindings: Difference[str, object] = field(default_factory=Difference)
    """Variable name -> slot."""
    contents: Difference[Hashable, object] = field(default_factory=Difference)
    """Node -> content; a node is in `after` only when the state reaches it."""

    def __bool__(self) -> bool:
        """Tell whether the two states differ."""
        return bool(self.bindings or self.contents)

    def inverse(self) -> Delta:
        """Return the step back."""
        return Delta(self.bindings.inverse(), self.contents.inverse())

    def then(self, later: Delta) -> Delta:
        """Return the one step that does this one, then `later`."""
        return Delta(self.bindings.then(later.bindings), self.contents.then(later.contents))

    @staticmethod
    def chain(steps: Iterable[Delta]) -> Delta:
        """Return the one step that does all `steps` in turn."""
        steps = list(steps)
        return Delta(
            Difference.chain(step.bindings for step in steps),
            Difference.chain(step.contents for step in steps),
        )
