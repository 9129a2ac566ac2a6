# %%
"""A neural network from scratch, and k-means while we are at it."""
import numpy as np
rng = np.random.default_rng(5)

# %%
X = rng.normal(size=(120, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(float)[:, None]
X.shape, y.mean().round(2)

# %%
class Layer:
    def __init__(self, n_in, n_out, act=np.tanh):
        self.W = rng.normal(0, 1, (n_in, n_out))
        self.b = np.zeros(n_out)
        self.act = act
        self.cache = None
    def __call__(self, x):
        self.cache = x
        self.out = self.act(x @ self.W + self.b)
        return self.out

sigmoid = lambda z: 1 / (1 + np.exp(-z))
layers = [Layer(2, 8), Layer(8, 1, sigmoid)]
def forward(x):
    for layer in layers:
        x = layer(x)
    return x
forward(X)[:2].round(3)

# %%
def train(steps, rate=.5):
    for _ in range(steps):
        p = forward(X)
        losses.append(float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))
        delta = (p - y) / len(X)
        for below, layer in zip([None, *layers], reversed(layers)):
            grad = layer.cache.T @ delta
            bias = delta.sum(0)
            if layer is layers[1]:
                delta = (delta @ layer.W.T) * (1 - layer.cache ** 2)
            layer.W -= rate * grad
            layer.b -= rate * bias

# %% raises
train(3)

# %%
losses = []
train(50)
losses[0] > losses[-1], len(losses)

# %% again 6

# %%
best = [layer.W for layer in layers]          # not copies!
snapshot = [W.copy() for W in best]
train(100)
np.allclose(best[0], snapshot[0]), round(losses[-1], 4)

# %%
for W, old in zip(best, snapshot):
    W[...] = old
accuracy = ((forward(X) > .5) == y).mean()
accuracy > .4

# %%
params = np.concatenate([layer.W.ravel() for layer in layers])
offset = 0
for layer in layers:                          # all weights in one vector now
    size = layer.W.size
    layer.W = params[offset:offset + size].reshape(layer.W.shape)
    offset += size
params *= .5
layers[0].W.base is not None, float(abs(layers[1].W).max()) < 5

# %%
train(20)
params[:3].round(4)

# %%
class Layer(Layer):
    def __repr__(self):
        return f"Layer{self.W.shape}"
layers.append(Layer(1, 1))
layers

# %%
layers[0].__class__ = Layer
layers.pop()
layers

# %%
centres = X[rng.choice(len(X), 3, replace=False)]
def assign():
    return ((X[:, None] - centres) ** 2).sum(-1).argmin(1)
trace = [centres.copy()]
for _ in range(5):
    labels = assign()
    for k in range(3):
        centres[k] = X[labels == k].mean(0)
    trace.append(centres.copy())
np.bincount(labels)

# %%
trace = np.array(trace)
shift = np.linalg.norm(np.diff(trace, axis=0), axis=-1)
shift[-1] <= shift[0]

# %%
onehot = np.eye(3)[labels]
onehot[labels == 0] = np.nan
means = np.nanmean(onehot, axis=0)
means

# %%
order = np.argsort(labels, kind="stable")
X[:] = X[order]; y[:] = y[order]; labels.sort()
X.sum().round(6), labels[:3]

# %%
experiments = {}
for rate in (.1, 1.):
    layers = [Layer(2, 4), Layer(4, 1, sigmoid)]
    losses = []
    train(30, rate)
    experiments[rate] = {"losses": losses, "layers": layers}
{k: len(v["losses"]) for k, v in experiments.items()}

# %%
experiments[.1]["layers"][0].W.fill(0)
experiments[1.]["losses"][::2] = [None] * 15
layers is experiments[1.]["layers"]

# %%
del Layer, snapshot
U, S, Vt = np.linalg.svd(X, full_matrices=False)
S[1:] = 0
np.abs((U * S) @ Vt).sum() > 0
