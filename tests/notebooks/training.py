# %%
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)

# %%
X = torch.randn(96, 6)
w_true = torch.tensor([1., -2., 0., .5, 0., 3.])
y = (X @ w_true + .1 * torch.randn(96) > 0).float()
X.shape, y.mean()

# %%
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.fc1 = nn.Linear(6, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(.2)
        self.fc2 = nn.Linear(width, 1)
        self.register_buffer("seen", torch.zeros(1))
    def forward(self, x):
        if self.training:
            self.seen += len(x)
        return self.fc2(self.drop(F.relu(self.norm(self.fc1(x))))).squeeze(-1)
net = Net()
net

# %%
optimizer = torch.optim.Adam(net.parameters(), lr=.01)
loss_fn = nn.BCEWithLogitsLoss()
losses = []
sum(p.numel() for p in net.parameters())

# %% raises
net(X[:, :5])

# %%
def epoch(batch=32):
    net.train()
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch):
        idx = order[i:i + batch]
        optimizer.zero_grad()
        loss = loss_fn(net(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
epoch()
losses

# %%
for _ in range(5):
    epoch()
round(losses[-1], 4), net.seen

# %%
net.norm.running_mean

# %%
net.fc1.weight.grad.abs().sum()

# %%
net.eval()
with torch.no_grad():
    accuracy = ((net(X) > 0) == (y > .5)).float().mean()
accuracy

# %%
checkpoint = {k: v.clone() for k, v in net.state_dict().items()}
alias = net.state_dict()           # not a copy: shares memory with the net
epoch()
(checkpoint["fc2.bias"] == alias["fc2.bias"]).all()

# %%
with torch.no_grad():
    net.fc2.weight.mul_(0)
    net.fc1.weight.data[0] = 1.
net.eval()
net(X[:2])

# %%
net.load_state_dict(checkpoint)
net(X[:2])

# %%
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=.5)
for _ in range(3):
    epoch(); scheduler.step()
optimizer.param_groups[0]["lr"], len(losses)

# %% again 14

# %%
for p in net.fc1.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=.1, momentum=.9)
epoch()
net.fc1.weight.requires_grad, losses[-1] < 1

# %%
flat = X.view(-1)
row = X[3]
row.zero_()
flat[:6] = 9
X[0], X[3].sum()

# %%
arr = X.numpy()
arr[1] = -1          # behind torch's back
X[1]

# %%
handles = []
activations = []
def keep(module, args, output):
    activations.append(output.detach().mean().item())
handles.append(net.fc1.register_forward_hook(keep))
net(X); len(activations)

# %%
handles.pop().remove()
net(X); len(activations)

# %%
g = torch.Generator().manual_seed(3)
torch.rand(2, generator=g), torch.rand(2)

# %%
emb = nn.Embedding(5, 3)
tied = nn.Linear(3, 5, bias=False)
tied.weight = emb.weight            # one parameter in two modules
tied.weight.data_ptr() == emb.weight.data_ptr()

# %%
opt2 = torch.optim.Adam({id(p): p for p in [*emb.parameters(), *tied.parameters()]}.values())
out = tied(emb(torch.tensor([1, 2]))).pow(2).sum()
out.backward(); opt2.step()
emb.weight.grad[1]

# %% raises
out.backward()

# %%
del out
emb.weight.data.fill_(.5)
tied.weight.mean()
