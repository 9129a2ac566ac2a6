"""Training goes on from the past to the last bit, and what is not recorded is told."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import TYPE_CHECKING

import pytest
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")

PRELUDE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)
        )

    def forward(self, batch):
        return self.layers(batch)

class Rows(torch.utils.data.Dataset):
    def __init__(self):
        self.rows = torch.randn(30, 5)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index], self.rows[index].sum()

def train(epochs):
    net.train()
    for _ in range(epochs):
        for rows, sums in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(rows).squeeze(1), sums)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
"""

OPTIMIZERS = {
    "momentum": "torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=0.01)",
    "adam": "torch.optim.Adam(net.parameters(), 0.01)",
    "adam, amsgrad": "torch.optim.AdamW(net.parameters(), 0.01, amsgrad=True)",
}

SCHEDULES = {
    "momentum": "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)",
    "adam": "torch.optim.lr_scheduler.StepLR(optimizer, 2)",
    "adam, amsgrad": "torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)",
}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that knows a small model."""
    with new_session(tmp_path) as session:
        session.cell(PRELUDE)
        yield session


def begin(session: Session, name: str) -> None:
    """Make model, data, optimizer and schedule."""
    session.cell(
        "torch.manual_seed(3)\nnet = Net()\n"
        "loader = torch.utils.data.DataLoader(Rows(), 10, shuffle=True)\n"
        f"losses = []\noptimizer = {OPTIMIZERS[name]}\nschedule = {SCHEDULES[name]}"
    )


def weights(session: Session) -> dict[str, list[float]]:
    """Read parameters and statistics."""
    net = session.names["net"]
    return {name: held.flatten().tolist() for name, held in net.state_dict().items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_from_the_past_to_the_last_bit(session: Session, name: str) -> None:
    """Weights, moments, statistics, dropout, the order of the data: all as the first time."""
    begin(session, name)
    session.cell("train(2)")
    middle, net = session.last.number, session.names["net"]
    session.cell("train(2)")
    losses, wanted = list(session.names["losses"]), weights(session)

    session.cell(f"tm.past({middle})")
    assert weights(session) != wanted
    assert session.names["net"] is net
    session.cell("train(2)")
    assert session.names["losses"] == losses
    assert weights(session) == wanted


def test_training_goes_on_with_objects_made_anew(session: Session) -> None:
    """The optimizer made anew steps the parameters made anew."""
    begin(session, "adam")
    session.cell("train(2)")
    middle = session.last.number
    session.cell("train(2)")
    losses, wanted = list(session.names["losses"]), weights(session)

    gone = weakref.ref(session.names["net"])
    session.cells("del net, optimizer, schedule, loader, losses", "import gc; gc.collect();")
    gc.collect()
    assert gone() is None
    session.cell(f"tm.past({middle})")
    session.cell("train(2)")
    assert session.names["losses"] == losses
    assert weights(session) == wanted


def test_training_goes_on_in_another_session(tmp_path: Path) -> None:
    """What was saved in the middle of training is trained on as it would have been."""
    path = tmp_path / "middle.cowtm"
    with new_session(tmp_path / "first") as session:
        session.cell(PRELUDE)
        begin(session, "adam")
        session.cell("train(2)")
        session.tm.save(path)
        session.cell("train(2)")
        losses = list(session.names["losses"])
    with new_session(tmp_path / "second") as session:
        session.cell("__import__('torch').manual_seed(99);")
        session.cell(f"tm.resume({str(path)!r});")
        session.cell("train(2)")
        assert session.names["losses"] == losses


def test_a_graph_is_told_and_a_tensor_made_anew_says_that_it_has_none(session: Session) -> None:
    """Its value is there; going backward from it says what to do, and changes no gradient."""
    session.cell("w = torch.ones(3, requires_grad=True)")
    outcome = session.cell("loss = (w * 2).sum()")
    number = session.last.number
    assert "loss: an autograd graph can't be recorded" in outcome.output
    assert session.last.by_reference == {"loss": "an autograd graph"}
    session.cell("loss = (w * 3).sum()")

    session.cell(f"tm.past({number})")
    assert session.names["loss"].item() == 6.0
    assert session.names["loss"].requires_grad
    assert "run the cell that computed it again" in str(session.fail("loss.backward()").error)
    assert session.names["w"].grad is None


def test_a_graph_that_is_alive_goes_backward_after_travel(session: Session) -> None:
    """The graph of a tensor that something holds is whole, and so are the weights again."""
    session.cell("w = torch.ones(3, requires_grad=True)\nkept = []")
    session.cell("loss = (w ** 2).sum()\ntorch.kept = loss")
    number = session.last.number
    try:
        session.cell("with torch.no_grad():\n    w.mul_(5)")
        session.cell(f"tm.past({number})")
        session.cell("loss.backward()")
        assert session.names["w"].grad.tolist() == [2.0, 2.0, 2.0]
    finally:
        del torch.kept


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "on disk"])
def test_data_that_changed_since_is_that_of_the_graph_again(
    session: Session,
    stored: bool,  # noqa: FBT001
) -> None:
    """Autograd counts the changes of what it needs on the way back, through whatever name."""
    session.cell("w = torch.ones(3, requires_grad=True)\nx = torch.arange(3.0)\nview = x[1:]")
    session.cell("loss = (w * x).sum()")
    number = session.last.number
    session.cell("view.add_(5)")
    session.fail("loss.backward()")
    if stored:
        session.cell("%config TimeMachine.memory_budget = 1")
        session.tm.flush()
    session.cell(f"tm.past({number})")
    assert session.tm.audit() == ()
    session.cell("loss.backward()")
    assert session.names["w"].grad.tolist() == [0.0, 1.0, 2.0]


def test_counts_go_forward_too(session: Session) -> None:
    """A base that wants no gradients, a view of it that does, and one that does not."""
    session.cell("t = torch.arange(4.0).reshape(2, 2); u = t[:, 0]")
    session.cell("t.requires_grad_();")
    session.cell("u[0] = 2")
    number, count = session.last.number, session.names["t"]._version
    for goal in (number - 2, number, number - 1, number):
        session.cell(f"tm.past({goal})")
        assert session.tm.audit() == ()
    assert session.names["t"]._version == count == 1


BESIDE = {
    "a view from before": "w = torch.ones(3); beside = w[:2]; w.requires_grad_()",
    "a view": "w = torch.ones(3, requires_grad=True)\nwith torch.no_grad(): beside = w[:2]",
    "a part without gradients": "w = torch.ones(3, requires_grad=True); beside = w.detach()[:2]",
    "a parameter's": "net = torch.nn.Linear(2, 1); w = net.weight; beside = w.detach()[0]",
}


@pytest.mark.parametrize("how", BESIDE)
def test_weights_changed_through_what_wants_no_gradients(session: Session, how: str) -> None:
    """The state has what autograd counted: nothing is found late, and graphs hold after travel."""
    session.run(BESIDE[how] + ";")
    session.cell("w.grad = None\nloss = (w ** 2).sum()\nwanted = (2 * w).tolist()")
    number = session.last.number
    for _ in range(3):
        session.cell("with torch.no_grad(): beside.add_(5)")
        assert "w" in session.last.names
        assert session.tm.audit() == ()
    session.fail("loss.backward()")
    session.cell(f"tm.past({number})")
    session.cell("loss.backward()")
    assert session.names["w"].grad.tolist() == session.names["wanted"]


def test_what_is_not_captured_of_torch_is_told(session: Session) -> None:
    """Nested and quantized tensors, iterators: what is beside them is recorded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch is about to give quantized tensors up
        session.cell(
            "beside = [torch.zeros(2), iter(torch.utils.data.DataLoader([1, 2, 3])),\n"
            "    torch.nested.nested_tensor([torch.zeros(1)], layout=torch.jagged),\n"
            "    torch._empty_affine_quantized((2,), scale=1.0, zero_point=0, dtype=torch.quint8)]"
        )
    number = session.last.number
    told = session.last.by_reference["beside"]
    assert "a generator" in told
    assert "its elements are nested" in told
    assert "its elements are quantized" in told
    session.cell("beside[0][0] = 1; next(beside[1]);")
    session.cell(f"tm.past({number})")
    assert session.names["beside"][0].tolist() == [0.0, 0.0]


def test_what_torch_compiled_goes_on_after_travel(session: Session) -> None:
    """The names that a compiler puts into the namespace are not the user's: they stay there."""
    session.cell("twice = torch.compile(lambda x: x * 2, backend='eager')")
    number = session.last.number
    session.cell("found = twice(torch.ones(2)).tolist()")
    assert session.last.names == ("found", "twice")
    session.cell(f"tm.past({number})")
    assert session.cell("twice(torch.ones(2)).tolist()").value == [2.0, 2.0]


def test_a_big_tensor_is_stored_once_and_where_it_changed(session: Session) -> None:
    """One element written stores one chunk; looking stores nothing; the words say how many."""
    session.cell("big = torch.zeros(3_000_000)")
    before = session.last.number
    session.cell("big.sum().item(); big[5].item(); big.view(3, -1).t()[0, 0].item();")
    assert session.last.stored == 0
    assert session.last.names == ()
    session.cell("big[7] = 1")
    assert session.last.stored == 1 << 20
    text = str(session.tm.diff(before, session.last.number))
    assert "1 of 3000000 elements changed" in text


def test_a_view_made_anew_shares_memory_but_autograd_does_not_know(session: Session) -> None:
    """What is written into one is in the other; that one was taken from the other is forgotten."""
    session.cell("whole = torch.zeros(4)\npart = whole[1:]")
    number = session.last.number
    session.cells("del whole, part", "import gc; gc.collect();", f"tm.past({number})")
    session.cell("part[0] = 5")
    assert session.names["whole"].tolist() == [0.0, 5.0, 0.0, 0.0]
    assert session.names["part"]._base is None


def test_tensors_are_let_go(session: Session) -> None:
    """A tensor and its graph die when the user lets go of them."""
    session.cell("w = torch.ones(3, requires_grad=True)\nloss = (w * 2).exp().sum()")
    held = weakref.ref(session.names["loss"]), weakref.ref(session.names["w"])
    session.cell("del loss, w")
    gc.collect()
    assert [reference() for reference in held] == [None, None]


def test_recording_draws_nothing_and_says_nothing(session: Session) -> None:
    """The numbers drawn are those of a session without recording, and there is no warning."""
    torch.manual_seed(11)
    wanted = torch.rand(3).tolist()
    session.cell("torch.manual_seed(11);")
    outcome = session.cell(
        "w = nn.Linear(2, 2); s = torch.eye(3).to_sparse(); y = w(torch.ones(1, 2)) * 2\n"
        "torch.manual_seed(11);"
    )
    assert "Warning" not in outcome.output
    session.cell("drawn = torch.rand(3).tolist()")
    assert session.names["drawn"] == wanted
