"""torch's storages: the memory of tensors, in chunks; or a place in memory of numpy's or Python's.

A storage owns its memory, but for one made over an array or a buffer (`torch.from_numpy`,
`torch.frombuffer`), whose root that is. Memory of another device is copied through the host.
"""

from __future__ import annotations

import ctypes
import os
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import xxhash
from torch import Tensor, UntypedStorage

from cowtm.chunks import Chunk, ChunkStore, write_back
from cowtm.kinds import places
from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    Layout,
    NotCapturable,
    differ,
    resolved,
)
from cowtm.kinds.mapped import is_anonymous

ITEMSIZE = 4
"""Bytes that chunks are packed by: a storage does not know its elements; most are float32."""


@contextmanager
def plainly(*, inference: bool = False) -> Iterator[None]:
    """Have torch do what it is told: no overridden methods, no graph, no mode of the user's."""
    with torch._C.DisableTorchFunction(), torch.inference_mode(inference), torch.no_grad():  # noqa: SLF001
        yield


class Memory(ByValue):
    """What a storage is, but for its bytes.

    Attributes:
        device: where it is.
        size: bytes.
        shared: whether other processes may have it too.
        offset: where in the memory of its owner it begins; 0 if it has none.
        held: digest of its chunks: counts are recorded anew with what they count.
        versions: how often autograd saw it change, as each tensor over it counts; those that want
            gradients say it themselves.

    """

    __slots__ = ("device", "held", "offset", "shared", "size", "versions")

    def __init__(self, value: Any, owner: Any, chunks: Sequence[Chunk] = ()) -> None:
        self.device: str = str(value.device)
        self.size: int = value.nbytes()
        self.shared: bool = self.device == "cpu" and value.is_shared()
        self.offset: int = 0
        if owner is not None:
            self.offset = value.data_ptr() - places.root_address(owner)
        self.held: bytes = xxhash.xxh3_128_digest(b"".join(chunk.digest for chunk in chunks))
        self.versions = _versions(value)

    def key(self) -> tuple[object, ...]:
        """Return what two are compared by."""
        return self.device, self.size, self.shared, self.offset, self.held

    def matches(self, other: Any) -> bool:
        """Tell whether the two say the same; counts alone are no change."""
        return bool(self.key() == other.key())


class StorageKind(Kind):
    """The memory of tensors, on whatever device.

    Parts: class, `Memory`, owner (None if it is that itself), number of chunks, chunks, attributes.
    """

    name = "storage"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store

    def parts(self, value: Any) -> Sequence[object]:
        """Hash the memory; store what is new."""
        if value.filename is not None:
            msg = "a storage mapped from a file"
            raise NotCapturable(msg)
        owner = owner_of(value)
        chunks = [] if owner is not None else self.store.split(bytes_in(on_host(value)), ITEMSIZE)
        memory = Memory(value, owner, chunks)
        return [type(value), memory, owner, len(chunks), *chunks, *self.layout.read(value)]

    def same(self, old: object, new: object) -> bool:
        """Compare sizes and devices, and numbers of chunks."""
        if type(old) is Memory and type(new) is Memory:
            return old.matches(new)
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:  # noqa: ARG002
        """Class, size, device and owner are given at birth."""
        return 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it as large as it was."""
        cls, memory, owner = parts
        if owner is not None:
            return _over(owner, memory)
        made = cls(memory.size, device=memory.device)
        if memory.shared:
            made.share_memory_()
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """Its device can't change, what is shared stays so, and not all can change their size."""
        owner = owner_of(value)
        if owner is not resolved(slots[2]):
            return False
        live, wanted = Memory(value, owner), slots[1]
        if owner is not None:
            return live.matches(wanted)
        return bool(
            live.device == wanted.device
            and (live.size == wanted.size or value.resizable())
            and (live.shared == wanted.shared or wanted.shared)
        )

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare writing the bytes that differ; those of an owner are its own business."""
        memory: Memory = parts[1]
        end = 4 + parts[3]
        chunks = list(parts[4:end])
        attributes = self.layout.plan(value, parts[end:])

        def commit() -> object:
            if parts[2] is None:
                write()
            _count_on(value, memory.versions)
            return attributes()

        def write() -> None:
            if value.nbytes() != memory.size:
                value.resize_(memory.size)
            if memory.shared and not value.is_shared():
                value.share_memory_()
            host = on_host(value)
            write_back(bytes_in(host), chunks)
            if host is not value and memory.device != "meta":
                value.copy_(host)

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell how many bytes, and where."""
        memory: Memory = slots[1]
        return f"storage of {memory.size} bytes on {memory.device}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell the size, or how many chunks changed."""
        if old[1].size != new[1].size:
            return f"{old[1].size} to {new[1].size} bytes"
        before, after = old[4 : 4 + old[3]], new[4 : 4 + new[3]]
        changed = sum(map(differ, before, after))
        return f"{changed} of {len(after)} chunks of values changed"


# -- what autograd counts -----------------------------------------------------------------------


class _Counter(weakref.ref[Any]):
    """A tensor that counts what autograd sees of storages.

    On the way backward autograd compares the count with what it was on the way forward, and refuses
    to go on if they differ. A cell that writes through one tensor changes the counts of others that
    it does not name, so they are recorded with what they have in common.

    Attributes:
        number: no other tensor's, in whatever process.
        storages: addresses of the storages that it was seen over.

    """

    __slots__ = ("key", "number", "storages")
    key: int
    number: int
    storages: set[int]


_COUNTERS: dict[int, _Counter] = {}
"""By the addresses of tensors."""

_OVER: dict[int, dict[int, _Counter]] = {}
"""Address of a storage -> number -> counter over it."""


def note_counting(tensor: Any, storage: Any) -> None:
    """Take note of a tensor over a storage."""
    if tensor.is_inference():
        return
    if tensor._is_view():  # noqa: SLF001  it has no count of its own
        tensor = tensor._base  # noqa: SLF001
    counter = _COUNTERS.get(id(tensor))
    if counter is None or counter() is not tensor:
        counter = _Counter(tensor, _forget)
        counter.key, counter.number = id(tensor), int.from_bytes(os.urandom(8), "big")
        counter.storages = set()
        _COUNTERS[counter.key] = counter
    address: int = storage._cdata  # noqa: SLF001
    if address not in counter.storages:
        counter.storages.add(address)
        _OVER.setdefault(address, {})[counter.number] = counter


def _forget(counter: _Counter) -> None:
    if _COUNTERS.get(counter.key) is counter:
        del _COUNTERS[counter.key]
    for address in counter.storages:
        over = _OVER.get(address, {})
        over.pop(counter.number, None)
        if not over:
            _OVER.pop(address, None)


def _counting(storage: Any) -> dict[int, Any]:
    """Return number -> tensor over a storage; none if one wants gradients: it is recorded there."""
    address = storage._cdata  # noqa: SLF001
    held = {number: counter() for number, counter in _OVER.get(address, {}).copy().items()}
    there = {
        number: tensor
        for number, tensor in held.items()
        if tensor is not None and tensor.untyped_storage()._cdata == address  # noqa: SLF001
    }
    return {} if any(tensor.requires_grad for tensor in there.values()) else there


def _versions(storage: Any) -> dict[int, int]:
    with torch._C.DisableTorchFunction():  # noqa: SLF001
        return {number: each._version for number, each in _counting(storage).items()}  # noqa: SLF001


def _count_on(storage: Any, versions: Mapping[int, int]) -> None:
    """Have tensors go on counting from what they had counted."""
    with torch._C.DisableTorchFunction():  # noqa: SLF001
        for number, tensor in _counting(storage).items():
            if versions.get(number, tensor._version) != tensor._version:  # noqa: SLF001
                set_versions((tensor,), (versions[number],))


class _Wanting(weakref.ref[Any]):
    """A tensor that wants gradients, and what it had counted when it was looked at."""

    __slots__ = ("version",)
    version: int


class _Siblings:
    """The tensors over one storage that want gradients, and what one knows of their counts."""

    __slots__ = ("tensors", "versions")

    def __init__(self) -> None:
        self.tensors: dict[int, _Wanting] = {}
        self.versions: set[int] = set()


_SIBLINGS: dict[int, _Siblings] = {}
"""By the addresses of storages."""

_MOVED: list[_Wanting] = []
"""Those that were found to have counted, until `counted` gives them."""


def note_version(tensor: Any, storage: Any) -> None:
    """Find out whether tensors that want gradients have counted what was written through another.

    Tensors that share a count have the same; so one that is known tells that none of them moved.
    """
    address: int = storage._cdata  # noqa: SLF001
    siblings = _SIBLINGS.get(address)
    if tensor.is_inference() or not (siblings or tensor.requires_grad):
        return
    if siblings is None:
        siblings = _SIBLINGS[address] = _Siblings()
    there, version = siblings.tensors, tensor._version  # noqa: SLF001
    if tensor.requires_grad:
        known = there.get(id(tensor))
        if known is None or known() is not tensor:
            known = there[id(tensor)] = _Wanting(tensor, _forgetting(address, id(tensor)))
        known.version = version
    if version in siblings.versions:
        return
    siblings.versions = {version}
    for known in list(there.values()):
        held = known()
        if held is not None and held._version != known.version:  # noqa: SLF001
            known.version = held._version  # noqa: SLF001
            _MOVED.append(known)
        siblings.versions.add(known.version)


def _forgetting(address: int, key: int) -> Callable[[_Wanting], None]:
    """Have a tensor that is gone not be looked for."""

    def forget(wanting: _Wanting) -> None:
        there = _SIBLINGS.get(address)
        if there is not None and there.tensors.get(key) is wanting:
            del there.tensors[key]
            if not there.tensors:
                del _SIBLINGS[address]

    return forget


def counted() -> list[Any]:
    """Give the tensors that were found to have counted, each once."""
    moved = [held for wanting in _MOVED if (held := wanting()) is not None]
    _MOVED.clear()
    return moved


set_versions: Any = torch._C._autograd._unsafe_set_version_counter  # noqa: SLF001


def recorded_bytes(content: Any) -> list[Any]:
    """Return the chunks in the content of a storage; none if they are its owner's."""
    slots = content.flat() if content is not None else (None, None, None, 0)
    return list(slots[4 : 4 + slots[3]])


def on_host(storage: Any) -> Any:
    """Return a storage itself if the processor can read it, a copy that it can read if not."""
    where = storage.device.type
    if where == "cpu":
        return storage
    return UntypedStorage(0) if where == "meta" else storage.cpu()


def bytes_in(storage: Any) -> memoryview:
    """Return the memory of a storage of the processor's; only good while that lives."""
    start = storage.data_ptr()
    return places.memory_between(start, start + storage.nbytes())


def _over(owner: Any, memory: Memory) -> Any:
    """Make a storage over the memory of an array or a buffer, as `torch.from_numpy` does."""
    held = np.frombuffer(places.bytes_of(owner), np.uint8)[memory.offset :][: memory.size]
    with warnings.catch_warnings():  # of memory that may not be written: the user knows
        warnings.simplefilter("ignore")
        return torch.from_numpy(held).untyped_storage()


# -- whose memory it is -------------------------------------------------------------------------


class _Lending:
    """How a storage keeps the object of Python's whose memory it is over.

    torch does not tell. The storage knows a function that lets go of its memory, and what to call
    that with; both are compared with those of a storage made over an object that we know.
    """

    def __init__(self, storage: Any, owner: object) -> None:
        words = _words(storage._cdata, STORAGE)  # noqa: SLF001
        start = storage.data_ptr()
        self._place = words.index(start) if start in words else STORAGE
        self._known: list[int] = []
        if self._place < STORAGE - 2 and words[self._place + 2] not in (0, start):
            self._known = words[self._place + 1 : self._place + 2]
            held = _words(words[self._place + 2], HELD)
            # what the memory is, the owner, nothing, and which function it is held for
            if held[:3] == [start, id(owner), 0]:
                self._known += held[3:]

    def owner(self, storage: Any) -> Any:
        """Return the object; None if the storage was made in another way."""
        if len(self._known) != HELD - 2:
            return None
        words = _words(storage._cdata, STORAGE)  # noqa: SLF001
        letting_go, kept = words[self._place + 1 : self._place + 3]
        if words[self._place] != storage.data_ptr() or letting_go != self._known[0]:
            return None
        held = _words(kept, HELD)
        if held[0] != words[self._place] or held[3:] != self._known[1:]:
            return None
        return ctypes.cast(held[1], ctypes.py_object).value


STORAGE = 8
"""Words of a storage that are looked through: methods, references, memory, how to let go of it."""

HELD = 5
"""Words of what it lets go of: memory, what a function has captured (2), that function (2)."""


def _words(address: int, count: int) -> list[int]:
    return list((ctypes.c_size_t * count).from_address(address))


def _lendings() -> tuple[_Lending, ...]:
    numbers, data = np.zeros(8, np.uint8), bytearray(8)
    return (
        _Lending(torch.from_numpy(numbers).untyped_storage(), numbers),
        _Lending(torch.frombuffer(data, dtype=torch.uint8).untyped_storage(), data),
    )


_LENDINGS = _lendings()


def owner_of(storage: Any) -> Any:
    """Return what of the user's the memory of a storage belongs to, None if it is its own."""
    if storage.device.type != "cpu" or storage.resizable() or not storage.nbytes():
        return None
    owner = next(
        (held for lending in _LENDINGS if (held := lending.owner(storage)) is not None), None
    )
    while type(owner) is memoryview:
        owner = owner.obj
    if places.is_array(owner):
        root = places.root_of(owner)
        return owner if root is None else root
    if type(owner).__name__ == "mmap" and not is_anonymous(owner):
        msg = "memory mapped from a file"
        raise NotCapturable(msg)
    known = isinstance(owner, places.BUFFERS) or type(owner).__name__ in ("array", "mmap")
    return owner if known else None


def memory_under(base: Any, address: int) -> Any:  # noqa: ARG001  a tensor has one memory
    """Return the storage that an array of numpy's views; None if it is another object's."""
    if not isinstance(base, Tensor) or base.layout is not torch.strided:
        return None
    with torch._C.DisableTorchFunction():  # noqa: SLF001
        return base.untyped_storage()


def address_of(storage: Any) -> int:
    """Return where the memory of a storage begins."""
    start: int = storage.data_ptr()
    return start


def bytes_of(storage: Any) -> Any:
    """View the memory of a storage as numpy does that of its tensors."""
    with plainly():
        return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
