"""Models: scikit-learn, torch, boosters, regressions, and the frames in them."""

from __future__ import annotations

from oracle.library import Library

SKLEARN = Library(
    start="""
from sklearn.linear_model import LinearRegression, SGDRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
est = LinearRegression().fit(X, X[:, 0])
scaler = StandardScaler()
pipe = make_pipeline(scaler, est)
""",
    names={"estimator": ("est",), "any": ("scaler", "pipe", "X")},
    values={
        "new_estimator": (
            "LinearRegression()",
            "LinearRegression().fit(X, {vector})",
            "SGDRegressor(random_state={n})",
            "KNeighborsRegressor(1).fit(X, {vector})",
            "DecisionTreeRegressor(random_state={n}).fit(X, X[:, 1])",
            "make_pipeline(scaler, est)",
            "make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth={n}))",
        ),
        "new": ("make_pipeline(scaler, est)", "est.coef_"),
    },
    statements=(
        "est = {new_estimator}",
        "est = {new_estimator}",
        "pipe = make_pipeline(scaler, est)",
        "est.fit(X, {vector})",
        "est.fit(X, X[:, 0])",
        "est = SGDRegressor(random_state={n}).partial_fit(X, X[:, 0])",
        "est.partial_fit(X, X[:, 1])",
        "scaler.fit(X)",
        "scaler.partial_fit(X + {n})",
        "pipe.fit(X, X[:, 1])",
        "pipe.set_params(standardscaler__with_mean=False)",
        "est.coef_[0] = {n}",
        "v = est.coef_",
        "scaler.mean_ += {n}",
        "est.data = {any}",
        "box['model'] = est",
        "X[{n} % 4] = {n}",
        "X = X.copy()",
        "m = X",
        "row.append(est.predict(X))",
        "est.set_params(fit_intercept=False)",
    ),
    needs=("sklearn",),
    after=("numpy",),
)

FRAMES_IN_MODELS = Library(
    start="scaler.fit(df[['a', 'b']])",
    names={},
    values={"new_estimator": ("LinearRegression().fit(df[['a', 'b']], df['a'])",)},
    statements=(
        "est.fit(df[['a', 'b']], df['b'])",
        "est.frame = df",
        "scaler.fit(df[['a', 'b']])",
        "df['predicted'] = est.predict(df[['a', 'b']])",
        "X = df[['a', 'b']].to_numpy()",
        "df['m'] = [est] * len(df.index)",
        "scaler.set_output(transform='pandas'); other = scaler.fit_transform(df[['a', 'b']])",
    ),
    after=("pandas", "sklearn"),
)

TORCH = Library(
    start="""
import torch
torch.manual_seed(4)
t = torch.arange(8.0).reshape(4, 2)
u = t[:, 0]
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
saved = net.state_dict()
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Linear(2, 1)
        self.register_buffer("b", t)
    def forward(self, x): return self.one(x)
model = Net()
""",
    names={"tensor": ("t", "u"), "any": ("net", "optimizer", "saved", "model")},
    values={
        "new_tensor": (
            "torch.arange({n} * 2.0 + 2).reshape(-1, 2)",
            "torch.rand(4, 2)",
            "torch.from_numpy(m)",
            "torch.from_numpy({vector})",
            "torch.frombuffer(raw, dtype=torch.float64)",
            "{tensor}.clone()",
            "{tensor}.detach()",
            "{tensor}.data",
            "{tensor}.view(-1)",
            "{tensor}.t()",
            "t[0]",
            "t[:, 1]",
            "t[::2]",
            "torch.zeros(3, dtype=torch.bfloat16)",
            "net[0].weight",
            "net[0].weight.data",
            "net[0].weight.grad",
            "net[1].running_mean",
        ),
        "new": ("net[0]", "net.state_dict()", "t.numpy()", "u[:{n}]"),
    },
    statements=(
        "{tensor} = {new_tensor}",
        "{tensor} = {new_tensor}",
        "{tensor} = {tensor}",
        "{tensor}[0] = {n}",
        "{tensor}.add_({n})",
        "{tensor}.data[0] = {n}",
        "{tensor}.numpy()[0] = {n}",
        "{tensor}.fill_({n})",
        "m = t.numpy()",
        "v = t[:, 0].numpy()",
        "t.requires_grad_()",
        "t = torch.ones(3, requires_grad=True); (t * {n}).sum().backward()",
        "(t * t).sum().backward()",
        "t.grad.zero_()",
        "t.grad = None",
        "t.note = {any}",
        "net(torch.rand(4, 2)).sum().backward()",
        (
            "for i in range({n}):\n    optimizer.zero_grad()\n"
            "    net(torch.rand(4, 2)).pow(2).sum().backward()\n    optimizer.step()"
        ),
        "optimizer.step()",
        "optimizer = torch.optim.Adam(net.parameters(), lr=0.{n})",
        "optimizer.param_groups[0]['lr'] = 0.{n}",
        "net.eval()",
        "net.train()",
        "net[0].weight.data.mul_({n})",
        "net[0] = torch.nn.Linear(2, 2)",
        "net[0].note = {any}",
        "net.requires_grad_(False)",
        "net[1].running_mean.add_({n})",
        "saved = net.state_dict()",
        "saved = {{k: x.clone() for k, x in net.state_dict().items()}}",
        "net.load_state_dict(saved)",
        "torch.manual_seed({n})",
        "torch.rand({n})",
        "row.append(torch.rand(2))",
        "box['net'] = net",
        "box['w'] = net[0].weight",
        (
            "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.one = torch.nn.Linear(2, 1)\n        self.register_buffer('b', t)\n"
            "    def forward(self, x): return self.one(x) + {n}\nmodel = Net()"
        ),
        "model.one.weight.data[0] = {n}",
        "model.extra = torch.nn.Parameter(torch.ones({n}))",
        "del model.extra",
        "model.b += 1",
        "model(torch.ones(1, 2)).sum().backward()",
    ),
    needs=("torch",),
    after=("numpy",),
)

BOOSTERS = Library(
    start="""
import xgboost, lightgbm
booster = xgboost.train(
    {"nthread": 1, "max_depth": 1}, xgboost.DMatrix(X, X[:, 0]), num_boost_round=1
)
light = lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=1, n_jobs=1, verbose=-1)
""",
    names={"any": ("booster", "light")},
    values={"new": ("booster.copy()")},
    statements=(
        "booster.update(xgboost.DMatrix(X, X[:, 1]), {n})",
        "booster.set_attr(note='n{n}')",
        "booster = booster.copy()",
        "booster = booster[:1]",
        "row.append(booster.predict(xgboost.DMatrix(X)))",
        "light.fit(X, X[:, 1])",
        "light.set_params(n_estimators={n})",
        "light.note = {any}",
        "box['booster'] = booster",
        "box['light'] = light",
    ),
    needs=("xgboost", "lightgbm"),
    after=("sklearn",),
)

STATISTICS = Library(
    start="""
import statsmodels.api as sm_api
result = sm_api.OLS(m[:, 0], sm_api.add_constant(m[:, 1])).fit()
""",
    names={"any": ("result",)},
    values={"new": ("result.model", "result.resid", "result.params")},
    statements=(
        "result = sm_api.OLS({vector}, np.ones((len(m), 1))).fit()",
        "result.params[0] = {n}",
        "v = result.resid",
        "result.model.endog[0] = {n}",
        "result.note = {any}",
        "result.summary()",
        "result.remove_data()",
        "box['result'] = result",
    ),
    needs=("statsmodels",),
    after=("numpy",),
)
