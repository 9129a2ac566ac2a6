"""torch: tensors, storages, parameters, modules, optimizers, generators."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from cowtm.testing import Example, Family, Limit, describes, describes_ambient, describes_leaf

PRELUDE = """
import numpy as np
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(4, 1)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, batch):
        self.steps += 1
        return self.last(self.drop(torch.relu(self.norm(self.first(batch)))))

class Marked(torch.Tensor):
    pass

@torch.no_grad()
def plain_view(b):
    return [b, b[1:]]

class Data(torch.utils.data.Dataset):
    def __init__(self):
        self.seen = []
        self.rows = torch.arange(12.0).reshape(6, 2)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.seen.append(index)
        return self.rows[index]

@torch.inference_mode()
def inferred():
    return torch.zeros(3)

def double(grad):
    return grad * 2

def train(net, optimizer, steps=2):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = net(torch.rand(5, 3)).pow(2).mean()
        loss.backward()
        optimizer.step()

def model(make=None, seed=0):
    torch.manual_seed(seed)
    net = Net()
    optimizer = (make or torch.optim.Adam)(net.parameters(), lr=0.01)
    for group in optimizer.param_groups:  # tuples of numbers that were one may be two when saved
        group.update({name: (*value,) for name, value in group.items() if type(value) is tuple})
    return [net, optimizer]
"""

FILLS = ("x[0] = 5", "x.add_(1)", "x.mul_(0)", "x.neg_()")
STEPS = ("train(*x)", "train(*x, 1)", "x[0].eval()", "x[1].param_groups[0]['lr'] = 0.5")
OWN_CLASS = "torch gives such a module a class of its own, and lets nobody pickle that"

TENSORS = {
    "float32": Example("torch.arange(4.0)", FILLS),
    "float64": Example("torch.arange(4.0, dtype=torch.float64)", FILLS),
    "float16": Example("torch.arange(4.0).half()", FILLS),
    "bfloat16": Example("torch.arange(4.0).bfloat16()", FILLS),
    "float8": Example("torch.arange(4.0).to(torch.float8_e5m2)", ("x[0] = 5", "x.zero_()")),
    "integers": Example(
        "[torch.arange(3, dtype=t) for t in (torch.int8, torch.uint8, torch.int32, torch.int64)]",
        ("x[0][0] = 5", "x[1].fill_(3)", "x[2].add_(1)", "x[3][1:] = 7"),
    ),
    "bool": Example("torch.zeros(3, dtype=torch.bool)", ("x[1] = True", "x.logical_not_()")),
    "complex": Example(
        "torch.zeros(3, dtype=torch.complex64)",
        ("x[0] = 1j", "x.real[1] = 3", "x.conj_physical_()"),
    ),
    "conjugated and negated views": Example(
        "[b := torch.arange(4).to(torch.complex64), b.conj(), b.conj().imag]",
        ("x[0][1] = 2j", "x[1][0] = 1j", "x[2][2] = 7"),
    ),
    "without axes": Example("torch.tensor(5.0)", ("x.fill_(6)", "x += 1")),
    "without elements": Example("torch.empty(0, 3)", ("x.resize_(2, 3).zero_()", "x[0, 0] = 1")),
    "bits that are no numbers": Example(
        "torch.zeros(3)", ("x[0] = float('nan')", "x[1] = -0.0", "x[2] = float('-inf')")
    ),
    "channels last": Example(
        "torch.zeros(1, 2, 3, 3).to(memory_format=torch.channels_last)",
        ("x[0, 1] = 2", "x.data = x.contiguous()"),
    ),
    "views": Example(
        "[b := torch.arange(6.0), b[2:], b[::2], b.view(2, 3), b.view(2, 3).t(),"
        " b.view(torch.int32)]",
        (
            "x[0][2] = 9",
            "x[1][1] = 8",
            "x[2][0] = 7",
            "x[3][1, 1] = 6",
            "x[4][0, 0] = 5",
            "x[5][3] = 1",
        ),
    ),
    "overlapping views": Example(
        "(lambda b: [b[:4], b[2:]])(torch.arange(6.0))", ("x[0][3] = 9", "x[1][0] = 8")
    ),
    "as strided": Example(
        "[b := torch.arange(6.0), b.as_strided((3, 3), (1, 1))]", ("x[1][1, 1] = 9", "x[0][5] = 1")
    ),
    "expanded": Example("[b := torch.zeros(3), b.expand(2, 3)]", ("x[0][1] = 7",)),
    "detached and data": Example(
        "[b := torch.zeros(3, requires_grad=True), b.detach(), b.data]",
        ("x[1][0] = 1", "x[2][1] = 2", "x[0].requires_grad_(False)", "x[0][2] = 3"),
    ),
    "data of another": Example(
        "[torch.zeros(3), torch.ones(2, 2)]",
        ("x[0].data = x[1]", "x[0][0, 0] = 5", "x[1].data = torch.arange(3)"),
    ),
    "set to another storage": Example(
        "[torch.zeros(3), torch.arange(8.0)]",
        ("x[0].set_(x[1].untyped_storage(), 2, (2, 2), (2, 1))", "x[0][0, 0] = 9"),
    ),
    "resized": Example(
        "[b := torch.zeros(4), b[1:]]",
        ("x[0].resize_(2, 2)", "x[0].resize_(100).fill_(1)", "x[1][0] = 4"),
    ),
    "storages": Example(
        "[b := torch.zeros(3), b.untyped_storage()]",
        ("x[1][0] = 1", "x[0][1] = 5", "x[1].resize_(40)", "x[1].fill_(2)", "x[1].note = 'mine'"),
    ),
    "shared memory": Example(
        "torch.zeros(3)", ("x[0] = 1", "x.share_memory_()", "x[1] = 2"), in_place=False
    ),
    "no memory": Example(
        "[torch.zeros(3, device='meta')]", ("x.append(x[0][1:])", "x[0].resize_(5)")
    ),
    "inference": Example(
        "inferred()",
        ("with torch.inference_mode(): x[0] = 1",),
    ),
    "big": Example("torch.zeros(600_000)", ("x[300_000] = 1", "x[:3] = 4"), at_most=(1 << 20)),
    "attributes": Example(
        "torch.zeros(2)", ("x.note = 1", "x.held = [x]", "x.held.append(2)", "del x.note")
    ),
    "class of the notebook": Example(
        "torch.zeros(2).as_subclass(Marked)", ("x[0] = 1", "x.note = [1]", "x.note.append(x)")
    ),
    "sparse coordinates": Example(
        "torch.eye(3).to_sparse()",
        ("x.mul_(2)", "x.add_(torch.eye(3).to_sparse())", "x._values()[0] = 9", "x.zero_()"),
    ),
    "sparse rows": Example(
        "torch.eye(3).to_sparse_csr()", ("x.values()[0] = 9", "x.mul_(3)", "x.note = 'rows'")
    ),
    "sparse columns and blocks": Example(
        "[torch.eye(4).to_sparse_csc(), torch.eye(4).to_sparse_bsr((2, 2))]",
        ("x[0].values()[0] = 9", "x[1].values()[0, 0, 0] = 7"),
    ),
    "constants": Example(
        "[torch.float32, torch.device('cpu'), torch.strided, torch.contiguous_format,"
        " torch.Size([2])]",
        ("x.append(torch.zeros(2, 3).shape)", "x[0] = torch.int8"),
    ),
    "in containers": Example(
        "{'a': (b := torch.zeros(2)), 'b': [b, (b, b[1:])], b: 'key'}",
        ("x['a'][0] = 1", "x['b'][1][1][0] = 2", "x['b'].append(torch.ones(1))", "del x['a']"),
    ),
}

LENT = {
    "over an array": Example(
        "[a := np.arange(4.0), torch.from_numpy(a), torch.from_numpy(a[1:])]",
        ("x[0][0] = 5", "x[1][1] = 6", "x[2][2] = 7", "x[1].data = torch.zeros(2)"),
    ),
    "before the array it is over": Example(
        "(lambda a: [torch.as_tensor(a), a])(np.arange(4.0))",
        ("x[0][0] = 5", "x[1][1] = 6", "x.pop()", "x[0][2] = 7"),
    ),
    "over an array that nobody names": Example(
        "torch.from_numpy(np.arange(4.0))", ("x[0] = 5", "x.add_(1)")
    ),
    "over an array that may not be written": Example(
        "(lambda a: [a, torch.from_numpy(a), a.setflags(write=False)])(np.arange(4.0))",
        ("x[1][0] = 5", "x[0].flags.writeable = True", "x[0][1] = 2"),
    ),
    "over a buffer": Example(
        "[b := bytearray(16), torch.frombuffer(b, dtype=torch.float32), np.frombuffer(b, 'i2')]",
        ("x[1][0] = 5", "x[0][15] = 1", "x[2][4] = 3"),
    ),
    "under an array": Example(
        "[t := torch.arange(4.0), t.numpy(), t[1:].numpy()[::2], np.asarray(t)]",
        ("x[0][0] = 5", "x[1][1] = 6", "x[2][1] = 7", "x[3][2] = 8"),
    ),
    "under an array that is locked": Example(
        "[t := torch.arange(4.0), t.numpy()]", ("x[1].flags.writeable = False", "x[0][0] = 5")
    ),
    "under an array alone": Example("torch.arange(4.0).numpy()", ("x[0] = 5", "x += 1")),
    "there and back": Example(
        "[a := np.arange(4.0), t := torch.from_numpy(a), t.numpy(), torch.from_numpy(t.numpy())]",
        ("x[0][0] = 5", "x[2][1] = 6", "x[3][2] = 7"),
    ),
    "parameter over an array": Example(
        "[a := np.ones(3, 'f4'), nn.Parameter(torch.from_numpy(a))]",
        ("x[0][0] = 5", "x[1].data.mul_(2)"),
    ),
}

GRADIENTS = {
    "gradients": Example(
        "torch.arange(3.0, requires_grad=True)",
        (
            "(x ** 2).sum().backward()",
            "(x ** 2).sum().backward()",
            "x.grad.zero_()",
            "x.grad = None",
            "x.grad = torch.ones(3)",
            "x.requires_grad_(False)",
            "x[0] = 4",
            "x.requires_grad_()",
        ),
    ),
    "hooks": Example(
        "[b := torch.zeros(2, requires_grad=True), b.register_hook(double)]",
        (
            "x[0].sum().backward()",
            "x[0].register_hook(lambda grad: grad + 1)",
            "x[0].sum().backward()",
            "x[0].register_post_accumulate_grad_hook(lambda held: None)",
        ),
    ),
    "graph": Example(
        "[b := torch.ones(3, requires_grad=True), b * 2, (b * 2).sum()]",
        ("x[2].backward()", "x.append(x[1][1:])"),
        copies=False,
        by_reference="an autograd graph",
    ),
    "view made without gradients": Example(
        "plain_view(torch.ones(3, requires_grad=True))",
        ("with torch.no_grad(): x[1].add_(5)", "with torch.no_grad(): x[0].mul_(2)"),
    ),
    "graph of a view": Example(
        "(lambda b: [b, b[1:]])(torch.ones(3, requires_grad=True))",
        ("x[0].data[1] = 5", "x.append(x[1] * 2)"),
        by_reference="an autograd graph",
    ),
    "graph let go of": Example(
        "[b := torch.ones(3, requires_grad=True), b * 2]",
        ("x[1].detach_()", "x[1][0] = 5"),
        in_place=False,
    ),
    "graph in place": Example(
        "[b := torch.ones(3, requires_grad=True), torch.zeros(3)]",
        ("x[1].add_(x[0])", "x[1].sum().backward()"),
        in_place=False,
        copies=False,
        by_reference="an autograd graph",
    ),
    "graph of a sparse one": Example(
        "(lambda b: [b, (b * 2).to_sparse()])(torch.ones(2, requires_grad=True))",
        ("x[0].data[0] = 3",),
        copies=False,
        by_reference="a Tensor (it is sparse, and has an autograd graph)",
        saved="it stays by reference",
    ),
    "gradients retained": Example(
        "(lambda b: [b, b * 2])(torch.ones(3, requires_grad=True))",
        ("x[1].retain_grad()", "x[1].sum().backward()"),
        in_place=False,
        copies=False,
        by_reference="an autograd graph",
    ),
}

MODELS = {
    "parameter": Example(
        "nn.Parameter(torch.zeros(3))",
        (
            "x.data[0] = 1",
            "x.data = torch.ones(2)",
            "x.requires_grad = False",
            "x.sum().item(); x.note = 1",
        ),
    ),
    "linear": Example(
        "nn.Linear(3, 2)",
        (
            "nn.init.zeros_(x.weight)",
            "x.bias.data.fill_(3)",
            "x.weight = nn.Parameter(torch.ones(2, 3))",
            "x.bias = None",
            "x.load_state_dict({'weight': torch.eye(2, 3)})",
            "x.double()",
            "x.requires_grad_(False)",
        ),
    ),
    "module of the notebook": Example(
        "(torch.manual_seed(0), Net())[1]",
        (
            "x(torch.ones(4, 3)); None",
            "x.eval()",
            "x.steps += 1",
            "x.extra = nn.Linear(1, 1)",
            "x.last = nn.Identity()",
            "x.norm.reset_running_stats()",
            "del x.extra",
        ),
    ),
    "sequential": Example(
        "(torch.manual_seed(0), nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))[1]",
        ("x.append(nn.Tanh())", "x[0].weight.data.zero_()", "x[1] = nn.GELU()", "x.share_memory()"),
        in_place=False,
    ),
    "recurrent": Example(
        "(torch.manual_seed(0), nn.LSTM(2, 3))[1]",
        ("x.weight_hh_l0.data.zero_()", "x.half()"),
    ),
    "lazy": Example(
        "(torch.manual_seed(0), nn.LazyLinear(2))[1]",
        ("x(torch.ones(1, 3)); None", "x.weight.data.zero_()"),
    ),
    "weights of two": Example(
        "(lambda a, b: (setattr(b, 'weight', a.weight), [a, b])[1])"
        "(nn.Linear(2, 2), nn.Linear(2, 2))",
        ("x[0].weight.data.zero_()", "x[1].weight = nn.Parameter(torch.ones(2, 2))"),
    ),
    "weight norm": Example(
        "(torch.manual_seed(0), nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))[1]",
        (
            "x.parametrizations.weight.original0.data.zero_()",
            "x.bias.data.fill_(2)",
        ),
        saved=OWN_CLASS,
    ),
    "spectral norm": Example(
        "(torch.manual_seed(0), nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4)))[1]",
        ("x(torch.ones(1, 5)); None", "x.parametrizations.weight.original.data.zero_()"),
        saved=OWN_CLASS,
    ),
    "hooks of modules": Example(
        "(lambda m, calls: [m, calls, m.register_forward_hook(lambda *a: calls.append(1))])"
        "(nn.Linear(1, 1), [])",
        (
            "x[0](torch.ones(1)); None",
            "x[0].register_full_backward_hook(lambda *a: None)",
            "x[2].remove()",
        ),
    ),
    "state dict": Example(
        "(lambda m: [m, m.state_dict()])(nn.Linear(2, 2))",
        ("x[0].weight.data.zero_()", "x[1]['bias'].fill_(4)", "x[1]['more'] = 1"),
    ),
    "adam": Example("model()", STEPS),
    "momentum": Example(
        "model(lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True))",
        (
            *STEPS,
            "x[1].zero_grad()",
            "x[1].add_param_group({'params': [nn.Parameter(torch.ones(1))]})",
        ),
    ),
    "other optimizers": Example(
        "[*model(torch.optim.AdamW), *model(torch.optim.RMSprop), *model(torch.optim.Adagrad)]",
        ("train(*x[:2])", "train(*x[2:4])", "train(*x[4:])"),
    ),
    "line search": Example(
        "model(lambda p, lr: torch.optim.LBFGS(p, lr, max_iter=2))",
        (
            "x[1].step(lambda: (l := x[0](torch.ones(4, 3)).sum(), l.backward())[0])",
            "x[1].state[x[1]._params[0]]['al'] = None",
        ),
    ),
    "optimizer read back": Example(
        "model()", ("train(*x)", "x[1].load_state_dict(x[1].state_dict())", "train(*x)")
    ),
    "schedule": Example(
        "(lambda m: [*m, torch.optim.lr_scheduler.StepLR(m[1], 1)])(model())",
        ("train(*x[:2])", "x[2].step()", "train(*x[:2]); x[2].step()"),
    ),
    "schedules": Example(
        "(lambda m: [*m, torch.optim.lr_scheduler.OneCycleLR(m[1], 0.1, total_steps=9),"
        " torch.optim.lr_scheduler.ReduceLROnPlateau(m[1], patience=0)])(model(torch.optim.SGD))",
        ("train(*x[:2])", "x[2].step()", "x[3].step(1.0); x[3].step(2.0)"),
    ),
    "averaged": Example(
        "(lambda m: [m[0], torch.optim.swa_utils.AveragedModel(m[0])])(model())",
        ("x[0].last.bias.data.fill_(3)", "x[1].update_parameters(x[0])"),
    ),
    "generator": Example(
        "torch.Generator().manual_seed(3)",
        ("torch.rand(2, generator=x); None", "x.manual_seed(4)", "x.seed(); None"),
    ),
    "draws": Example(
        "[torch.default_generator]",
        ("torch.rand(2); None", "torch.manual_seed(7); None", "x.append(torch.randn(3))"),
        copies=False,
        saved="it is one for ever, and its state is the session's",
    ),
    "loader": Example(
        "torch.utils.data.DataLoader(Data(), 2, shuffle=True,"
        " generator=torch.Generator().manual_seed(1))",
        ("list(x); None", "x.dataset.rows[0] = 5", "x.dataset.seen.clear()", "x.note = [1]"),
    ),
    "distribution": Example(
        "torch.distributions.Normal(torch.zeros(2), torch.ones(2))",
        ("x.loc[0] = 4", "x.scale.mul_(2)"),
    ),
}

FAMILIES = [
    Family(
        "tensors and storages of torch",
        TENSORS,
        prelude=PRELUDE,
        needs=("torch",),
        how="storages in chunks, tensors as places in them; on other devices through host memory",
        limits=(
            Limit(
                "that a tensor made anew was a view, as autograd knows it",
                ("import torch\nx = torch.zeros(4)\ny = x[1:]", "del x, y"),
                "not y._is_view()",
                needs=("torch",),
            ),
        ),
    ),
    Family(
        "tensors of torch that share memory with numpy or Python",
        LENT,
        prelude=PRELUDE,
        needs=("torch",),
        how="the array or buffer is the root, or the tensor's storage is",
    ),
    Family(
        "gradients and autograd",
        GRADIENTS,
        prelude=PRELUDE,
        needs=("torch",),
        how="gradients and hooks with their tensor; a tensor that is alive keeps its graph",
    ),
    Family(
        "modules, optimizers, schedules, generators of torch",
        MODELS,
        prelude=PRELUDE,
        needs=("torch",),
        how="modules and optimizers as instances, parameters in place, generators as their state",
    ),
]


@describes("torch.Tensor")
def tensor(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe type, place, memory, gradient, flags."""
    import torch  # noqa: PLC0415  only where there are tensors

    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        head = (
            "tensor",
            str(value.dtype),
            str(value.layout),
            str(value.device),
            tuple(value.size()),
            value.requires_grad,
            value.retains_grad,
            _is_leaf(value),
            value.is_inference(),
            # Tensors over one memory share it. It is there for gradients, to which differences
            # matter alone: a cell that runs again goes on from where the count is.
            ("count", "itself", value._version)
            if value.requires_grad and not value.is_inference()
            else 0,
            walk.token(value.grad if _is_leaf(value) or value.retains_grad else None),
            walk.token(value._backward_hooks),
            walk.token(value._post_accumulate_grad_hooks),
            walk.attributes(value),
        )
        if value.layout is torch.sparse_coo:
            return *head, value.is_coalesced(), _plain(value._indices()), _plain(value._values())
        if value.layout is not torch.strided:
            compressed = value.layout in (torch.sparse_csr, torch.sparse_bsr)
            pointers = value.crow_indices() if compressed else value.ccol_indices()
            indices = value.col_indices() if compressed else value.row_indices()
            return *head, _plain(pointers), _plain(indices), _plain(value.values())
        return (
            *head,
            value.stride(),
            value.storage_offset(),
            value.is_conj(),
            value.is_neg(),
            walk.token(value.untyped_storage()),
        )


def _is_leaf(value: Any) -> bool:
    """Tell whether a tensor has no graph: torch refuses to, of views made without gradients."""
    try:
        return bool(value.is_leaf)
    except RuntimeError:
        return True


def _plain(value: Any) -> Any:
    """Give type, axes and elements, bit by bit."""
    flat = value.detach().cpu().contiguous()
    return str(flat.dtype), tuple(flat.shape), _bytes(flat.untyped_storage())


def _bytes(held: Any) -> bytes:
    """Give the bytes of a storage of the processor's."""
    return ctypes.string_at(held.data_ptr(), held.nbytes()) if held.nbytes() else b""


@describes("torch.storage.UntypedStorage")
def storage(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe bytes, device, whether other processes may see them, and whose they are."""
    where = str(value.device)
    held = b"" if where == "meta" else _bytes(value.cpu())
    lies = _lies_in(walk, value) if where == "cpu" else ()
    shared = where == "cpu" and value.is_shared()
    return where, value.nbytes(), shared, held, lies, walk.attributes(value)


def _lies_in(walk: Any, value: Any) -> tuple[Any, ...]:
    """Give the objects met so far in whose memory a storage lies, and where in it."""
    found = []
    for number, other in enumerate(walk.objects):
        if isinstance(other, np.ndarray) and other.base is None and other.flags.forc:
            view = other
        elif isinstance(other, bytearray) and other:
            view = np.frombuffer(other, np.uint8)
        else:
            continue
        offset = value.data_ptr() - view.__array_interface__["data"][0]
        if 0 <= offset < view.nbytes:
            found.append((("#", number), offset))
    return tuple(found)


@describes("torch._C.Generator")
def generator(walk: Any, value: Any) -> tuple[Any, ...]:  # noqa: ARG001
    """Describe device and state."""
    return str(value.device), bytes(value.get_state().tolist())


@describes_leaf("torch.dtype", "torch.device", "torch.layout", "torch.memory_format", "torch.Size")
def constant(value: Any) -> str:
    """Describe what never changes by its text."""
    return repr(value)


_first: dict[str, bytes] = {}


@describes_ambient("<torch.random>")
def drawn(walk: Any) -> Any:  # noqa: ARG001
    """Describe torch's global generator; nothing while it is as it was first seen."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "default_generator"):
        return None
    own = torch.default_generator
    if not _first:
        fresh = torch.Generator().manual_seed(own.initial_seed())
        _first["state"] = fresh.get_state().numpy().tobytes()
    state = own.get_state().numpy().tobytes()
    return None if state == _first["state"] else hash(state)
