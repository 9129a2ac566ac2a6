"""torch: tensors as places in storages.

A tensor is its storage and a place in it (shape, strides, offset, type), so views share memory as
they did. An autograd graph is C++'s alone: a tensor that is alive keeps its own; one that is made
anew holds its values, and asked to go backward it says what is missing.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, UntypedStorage

from cowtm.chunks import ChunkStore, total, write_back
from cowtm.kinds.ambient import Ambient
from cowtm.kinds.base import (
    ByValue,
    Commit,
    ContentOf,
    Kind,
    Layout,
    NotCapturable,
    differ,
    plain_instances,
    resolved,
)
from cowtm.kinds.optimizers import GeneratorKind, OptimizerKind, state_of
from cowtm.kinds.reference import ReferenceKind
from cowtm.kinds.storages import (
    StorageKind,
    bytes_in,
    counted,
    note_counting,
    note_version,
    plainly,
    recorded_bytes,
    set_versions,
)


class Place(ByValue):
    """Where elements are in a storage, and what they are."""

    __slots__ = ("conjugate", "device", "dtype", "negative", "offset", "shape", "strides")

    def __init__(self, value: Any) -> None:
        self.shape: tuple[int, ...] = tuple(value.size())
        self.strides: tuple[int, ...] = value.stride()
        self.offset: int = value.storage_offset()
        self.dtype: torch.dtype = value.dtype
        self.device: str = str(value.device)
        self.conjugate: bool = value.is_conj()
        self.negative: bool = value.is_neg()

    def matches(self, other: Any) -> bool:
        """Tell whether two places are the same."""
        return bool(_place_of(self) == _place_of(other))

    def over(self, storage: Any) -> Any:
        """Make a tensor there; without a storage, one that only has its shape."""
        made = torch.empty(1, dtype=self.dtype, device=self.device)
        if storage is None:
            made.set_(made.untyped_storage(), 0, self.shape, [0] * len(self.shape))
        else:
            made.set_(storage, self.offset, self.shape, self.strides)
        if self.conjugate:
            torch._C._set_conj(made, True)  # noqa: FBT003, SLF001
        if self.negative:
            torch._C._set_neg(made, True)  # noqa: FBT003, SLF001
        return made


_place_of = operator.attrgetter(*Place.__slots__)


class Header(ByValue):
    """What a tensor is, but for what it holds.

    Attributes:
        shape: length of each axis.
        dtype: type of the elements.
        layout: how they are stored, as torch calls it.
        places: where: of a strided tensor one, of a sparse one its indices and values.
        coalesced: whether the indices of a sparse one are known to be sorted.
        requires_grad: whether gradients are wanted for it.
        retains_grad: whether it is to keep its gradient though it has a graph.
        inference: whether it was made in inference mode, so that autograd takes no note of it.
        version: how often autograd saw it change; 0 if gradients are not wanted for it.

    """

    __slots__ = (
        "coalesced",
        "dtype",
        "inference",
        "layout",
        "places",
        "requires_grad",
        "retains_grad",
        "shape",
        "version",
    )

    def __init__(self, value: Any, members: Sequence[Any]) -> None:
        self.shape: tuple[int, ...] = tuple(value.size())
        self.dtype: torch.dtype = value.dtype
        self.layout: str = str(value.layout)
        self.places = tuple(map(Place, members))
        self.coalesced: bool = self.layout == "torch.sparse_coo" and value.is_coalesced()
        self.requires_grad: bool = value.requires_grad
        self.retains_grad: bool = value.retains_grad
        self.inference: bool = value.is_inference()
        # All tensors over one memory share the count, those too that the cell does not name.
        counts = self.requires_grad and not self.inference
        self.version: int = value._version if counts else 0  # noqa: SLF001

    @property
    def is_fixed(self) -> bool:
        """Whether a tensor like that can't be pointed at other storages."""
        return self.layout not in ("torch.strided", "torch.sparse_coo")

    def matches(self, other: Any) -> bool:
        """Tell whether the two say the same."""
        return bool(_flags_of(self) == _flags_of(other) and self.is_over(other))

    def is_over(self, other: Any) -> bool:
        """Tell whether both have the same elements, given the same storages."""
        return (
            _body_of(self) == _body_of(other)
            and len(self.places) == len(other.places)
            and all(map(Place.matches, self.places, other.places))
        )

    def make(self, storages: Sequence[Any]) -> Any:
        """Make a tensor like that over storages."""
        members = [
            place.over(storage) for place, storage in zip(self.places, storages, strict=True)
        ]
        if self.layout == "torch.strided":
            return members[0]
        if self.layout == "torch.sparse_coo":
            made = torch.sparse_coo_tensor(*members, size=self.shape, check_invariants=False)
            return made._coalesced_(self.coalesced)
        layout = getattr(torch, self.layout.partition(".")[2])
        make = torch.sparse_compressed_tensor
        return make(*members, size=self.shape, layout=layout, check_invariants=False)

    def may_become(self, other: Any) -> bool:
        """Tell whether a tensor like this can be given what makes it like another."""
        mine, theirs = self.places[0], other.places[0]
        return bool(
            self.layout == other.layout
            and self.inference == other.inference
            and self.retains_grad <= other.retains_grad
            and mine.device == theirs.device
            and mine.conjugate == theirs.conjugate
            and mine.negative == theirs.negative
        )

    def text(self) -> str:
        """Give type and shape in words."""
        kind = "" if self.layout == "torch.strided" else self.layout.removeprefix("torch.") + " "
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"{kind}{str(self.dtype).removeprefix('torch.')} {shape}"


_body_of = operator.attrgetter("shape", "dtype", "layout", "coalesced")
_flags_of = operator.attrgetter("requires_grad", "retains_grad", "inference", "version")


class Graph:
    """The autograd graph of one tensor: there as long as that is, and that has it."""

    # it is torch's that stays by reference, not a report of ours
    __module__ = "torch.autograd.graph"

    def __init__(self, node: Any) -> None:
        self.node = node


class LostGraph(torch.autograd.Function):  # type: ignore[misc]
    """Stands where a graph was in a tensor made anew: there is no way backward through it."""

    @staticmethod
    def forward(ctx: Any, seed: Any, what: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make a tensor that has a graph."""
        ctx.what = what
        made = torch.empty(1, dtype=dtype, device=seed.device)
        return made.set_(made.untyped_storage(), 0, shape, [0] * len(shape))

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:  # noqa: ARG004
        """Say what is missing."""
        msg = (
            "this tensor was brought back by cowtm with its values, but autograd graphs are not "
            "recorded: run the cell that computed it again before going backward"
        )
        raise RuntimeError(msg)


class TensorKind(Kind):
    """A tensor and what derives from it, parameters too.

    Parts: class, header, graph (None if it has none), number of storages, those, gradient, hooks,
    attributes.
    """

    name = "tensor"
    by_value = True

    def __init__(self, cls: type, store: ChunkStore) -> None:
        self.cls: type = cls
        self.layout = Layout(cls)
        self.store = store
        self._graphs: dict[int, tuple[weakref.ref[Any], Graph]] = {}

    def parts(self, value: Any) -> Sequence[object]:
        """Read place, storage, graph, gradient and hooks."""
        with torch._C.DisableTorchFunction():  # noqa: SLF001
            members = members_of(value)
            header = Header(value, members)
            if members[0] is not value and way_back(value) is not None:
                msg = "it is sparse, and has an autograd graph"
                raise NotCapturable(msg)
            storages = [member.untyped_storage() for member in members]
            if members[0] is value:
                note_counting(value, storages[0])
                note_version(value, storages[0])
            grad = value.grad if way_back(value) is None or value.retains_grad else None
            return [
                type(value),
                header,
                self._graph_of(value),
                len(storages),
                *storages,
                grad,
                value._backward_hooks,  # noqa: SLF001  this and the next: there is no public way
                value._post_accumulate_grad_hooks,  # noqa: SLF001
                *self.layout.read(value),
            ]

    def _graph_of(self, value: Any) -> Any:
        """Give what stands for the graph of a tensor, the same as long as it has that graph."""
        node = way_back(value)
        if node is None:
            return None
        if isinstance(node, _LOST):
            return node.what
        key = id(value)
        known = self._graphs.get(key)
        if known is None or known[0]() is not value or known[1].node is not node:
            forget = self._graphs.pop
            known = weakref.ref(value, lambda _: forget(key, None) and None), Graph(node)
            self._graphs[key] = known
        return known[1]

    def same(self, old: object, new: object) -> bool:
        """Compare headers, and numbers of storages."""
        if type(old) is Header and type(new) is Header:
            return old.matches(new)
        return type(old) is type(new) is int and old == new

    def needs(self, slots: Sequence[Any]) -> int:
        """Class, shape and graph, or what stands for it, are given at birth."""
        return 4 + slots[3] if slots[1].is_fixed else 3

    def create(self, parts: Sequence[Any], slots: Sequence[Any]) -> Any:  # noqa: ARG002
        """Make it with its shape: it is pointed at its storages when they are there."""
        cls, header, graph = parts[:3]
        with plainly(inference=header.inference):
            made = header.make(parts[4:] or [None] * len(header.places))
            if graph is not None:
                return _without_graph(cls, made, graph)
            if cls is not Tensor:
                made = Tensor._make_subclass(cls, made, header.requires_grad)  # noqa: SLF001
        return made

    def fits(self, value: Any, slots: Sequence[Any]) -> bool:
        """What has a graph keeps that one; what has none can let go of one, unless it is a view."""
        cls, (header, wanted, count) = resolved(slots[0]), slots[1:4]
        if type(value) is not cls and not _may_become(type(value), cls):
            return False
        with torch._C.DisableTorchFunction():  # noqa: SLF001
            members = members_of(value)
            live = Header(value, members)
            if not live.may_become(header):
                return False
            storages = map(resolved, slots[4 : 4 + count])
            if header.is_fixed and not _is_at(members, live, header, storages):
                return False
            graph = self._graph_of(value)
            if wanted is None:
                return graph is None or not value._is_view()  # noqa: SLF001
            return graph is resolved(wanted)

    def plan(self, value: Any, parts: Sequence[Any]) -> Commit:
        """Prepare pointing it at its memory, and setting what else it has."""
        cls, header, graph, count = parts[:4]
        end = 4 + count
        storages, (grad, *hooks) = parts[4:end], parts[end : end + 3]
        alike = type(value) is cls
        attributes = self.layout.plan(value, parts[end + 3 :]) if alike else None

        def commit() -> object:
            if not alike:
                value.__class__ = cls
            with plainly(inference=header.inference):
                displaced: list[Any] = [getattr(value, name) for name in _HOOKS]
                if graph is None and way_back(value) is not None:
                    value.detach_()
                if graph is None and value.requires_grad > header.requires_grad:
                    value.requires_grad_(requires_grad=False)
                displaced.append(_point_at(value, header, storages))
                if graph is None and value.requires_grad < header.requires_grad:
                    value.requires_grad_()
                displaced.append(_set_gradient(value, header, grad))
                counts = header.requires_grad and not header.inference
                if counts and value._version != header.version:  # noqa: SLF001
                    set_versions((value,), (header.version,))
                for name, hook in zip(_HOOKS, hooks, strict=True):
                    if getattr(value, name) is not hook:
                        setattr(value, name, hook)
            rest = attributes or self.layout.plan(value, parts[end + 3 :])
            return displaced, rest()

        return commit

    def describe(self, slots: Sequence[Any], content_of: ContentOf) -> str:  # noqa: ARG002
        """Tell class, type and shape."""
        return f"{self.cls.__name__} {slots[1].text()}"

    def account(self, old: Sequence[Any], new: Sequence[Any]) -> str:
        """Tell what became of it; its values are its storage's."""
        before, after = old[1], new[1]
        if before.text() != after.text():
            return f"{before.text()} to {after.text()}"
        if before.requires_grad != after.requires_grad:
            return f"requires_grad is {after.requires_grad}"
        if differ(old[4 + old[3]], new[4 + new[3]]):
            return "another gradient"
        if before.version != after.version and before.is_over(after):
            return "its values changed"
        return "its place or its attributes changed"

    def compare(
        self, old: Sequence[Any], new: Sequence[Any], before_of: ContentOf, after_of: ContentOf
    ) -> str:
        """Tell how many elements changed, where type and layout are the same."""
        before, after = old[1], new[1]
        if not before.is_over(after) or len(after.places) != 1:
            return ""
        sides = [
            _as_bytes(after.places[0], of(s[4])) for of, s in ((before_of, old), (after_of, new))
        ]
        if None in sides:
            return ""
        changed = int((sides[0] != sides[1]).any(dim=1).sum())
        return f"{changed} of {len(sides[0])} elements changed" if changed else ""


SHOWN = 1 << 26
"""Bytes of a storage whose elements are compared one by one to tell how many changed."""


def _as_bytes(place: Place, content: Any) -> Any:
    """Return the elements at a place of a recorded storage, as rows of bytes; None: too many."""
    chunks = recorded_bytes(content)
    if not 0 < total(chunks) <= SHOWN:
        return None
    storage = UntypedStorage(total(chunks))
    write_back(bytes_in(storage), chunks)
    with plainly():
        made = torch.empty(0, dtype=place.dtype).set_(
            storage, place.offset, place.shape, place.strides
        )
        return made.reshape(-1, 1).contiguous().view(torch.uint8)


_data: Any = torch._C.TensorBase.data  # noqa: SLF001  past what a class overrides
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
_LOST: Any = LostGraph._backward_cls  # noqa: SLF001  what torch makes of the class, as a node


def members_of(value: Any) -> list[Any]:
    """Return the tensors whose storages hold what a tensor holds: itself, or those in a sparse one.

    Raises:
        NotCapturable: it has no such storages.

    """
    if value.is_quantized or value.is_nested or value.is_mkldnn:
        what = "quantized" if value.is_quantized else "nested" if value.is_nested else "mkldnn"
        raise NotCapturable(f"its elements are {what}")
    layout = value.layout
    if layout is torch.strided:
        return [value]
    with torch.no_grad():
        if layout is torch.sparse_coo:
            return [value._indices(), value._values()]  # noqa: SLF001  as they are, sorted or not
        if layout in (torch.sparse_csr, torch.sparse_bsr):
            return [value.crow_indices(), value.col_indices(), value.values()]
        return [value.ccol_indices(), value.row_indices(), value.values()]


def way_back(value: Any) -> Any:
    """Return what autograd goes back by from a tensor; nothing from a leaf.

    A view that was made where no gradients were wanted has none either: once it was written to,
    torch refuses to say so.
    """
    try:
        return value.grad_fn
    except RuntimeError:
        return None


def _without_graph(cls: type, made: Any, what: Any) -> Any:
    """Give a tensor a graph that says that it is lost."""
    with torch.enable_grad():
        seed = torch.empty((), device=made.device, requires_grad=True)
        holder = LostGraph.apply(seed, what, made.shape, made.dtype)
        lost = holder if cls is Tensor else holder.as_subclass(cls)
    _data.__set__(lost, made)
    return lost


def _is_at(members: Sequence[Any], live: Header, header: Header, storages: Iterable[Any]) -> bool:
    """Tell whether a tensor is where another header and other storages say."""
    held = [member.untyped_storage() for member in members]
    return live.is_over(header) and all(map(operator.is_, held, storages))


def _point_at(value: Any, header: Header, storages: Sequence[Any]) -> object:
    """Point a tensor at its memory, if it is not; returns what it was pointed at."""
    members = members_of(value)
    if not _is_at(members, Header(value, members), header, storages):
        displaced = [member.untyped_storage() for member in members]
        _data.__set__(value, header.make(storages))
        return displaced
    return None


def _set_gradient(value: Any, header: Header, grad: Any) -> object:
    """Set the gradient of a tensor; returns the one it had."""
    if header.retains_grad and not value.retains_grad:
        value.retain_grad()
    if way_back(value) is not None and not value.retains_grad:
        return None
    displaced = value.grad
    if displaced is not grad:
        if grad is not None and grad.shape != value.shape:
            # one that is put back later has its shape from now on
            _data.__set__(grad, header.make([None] * len(header.places)))
        value.grad = grad
    return displaced


def _may_become(cls: type, other: type) -> bool:
    """Tell whether an object of one class can be given another: torch fills lazy parameters so."""
    return all(
        getattr(cls, name) == getattr(other, name)
        for name in ("__basicsize__", "__dictoffset__", "__weakrefoffset__")
    )


def kind_for(cls: type, store: ChunkStore) -> Kind | None:
    """Give the kind of a type of torch's, or None."""
    if issubclass(cls, Tensor):
        return TensorKind(cls, store)
    if issubclass(cls, UntypedStorage):
        return StorageKind(cls, store)
    if issubclass(cls, torch.Generator):
        return GeneratorKind(cls)
    if issubclass(cls, torch.optim.Optimizer) and plain_instances(cls):
        return OptimizerKind(cls)
    if issubclass(cls, torch.jit.ScriptModule | torch._C.ScriptFunction):  # noqa: SLF001
        return ReferenceKind("a TorchScript module")
    if cls is Graph:
        return ReferenceKind("an autograd graph", resource=True)
    return None


_LEAVES: tuple[type, ...] = (
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
    torch.qscheme,
    torch.Size,
    torch.finfo,
    torch.iinfo,
)
"""Immutable types of torch's."""


def beside() -> list[Any]:
    """Give the tensors that have counted what was written through another."""
    return counted()


def is_leaf(cls: type) -> bool:
    """Tell whether objects of a type are immutable."""
    return any(cls is leaf for leaf in _LEAVES)


def ambient() -> list[Ambient]:
    """Tell of the generator that torch's functions draw from on the processor."""
    generator = torch.default_generator
    with plainly():
        # It is seeded by chance when torch is imported, or was by the user.
        born_with = torch.Generator().manual_seed(generator.initial_seed()).get_state()
        known = state_of(torch.Generator().set_state(born_with))

    def is_pristine() -> bool:
        return state_of(generator) == known

    def reset() -> object:
        with plainly():
            return generator.set_state(born_with)

    return [Ambient("<torch.random>", generator, is_pristine, reset)]
