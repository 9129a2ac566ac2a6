# %%
import lightgbm as lgb
import numpy as np
import xgboost as xgb

rng = np.random.default_rng(0)

# %%
X = rng.normal(size=(200, 4))
y = X[:, 0] * 2 + np.sin(X[:, 1]) + rng.normal(0, .1, 200)
train = xgb.DMatrix(X[:150], y[:150])
test = xgb.DMatrix(X[150:], y[150:])

# %%
params = {"max_depth": 2, "eta": .3, "nthread": 1}
log = {}
bst = xgb.train(params, train, 5, evals=[(test, "test")], evals_result=log, verbose_eval=False)
log["test"]["rmse"][-1] < 2

# %%
before = bst.predict(test)
bst.update(train, 5)
bst.num_boosted_rounds(), np.allclose(before, bst.predict(test))

# %%
test.set_label(np.zeros(50))
float(test.get_label().sum())

# %%
bst.set_attr(author="me")
bst.set_param({"eta": .01})
bst.attributes()

# %%
more = xgb.train(params, train, 3, xgb_model=bst)
more.num_boosted_rounds(), bst.num_boosted_rounds()

# %% raises
bst.predict(X[:, :2])

# %%
reg = xgb.XGBRegressor(n_estimators=4, n_jobs=1)
reg.fit(X[:150], y[:150])
reg.score(X[150:], y[150:]) > 0

# %%
reg.set_params(n_estimators=8).fit(X, y, xgb_model=reg.get_booster())
reg.get_booster().num_boosted_rounds()

# %%
gbm = lgb.LGBMRegressor(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)
gbm.fit(X[:150], y[:150])
gbm.n_features_in_

# %%
models = {"xgb": reg, "lgb": gbm, "raw": bst}
scores = {k: float(np.mean((m.predict(X) - y) ** 2)) for k, m in models.items() if k != "raw"}
sorted(scores)

# %%
gbm.set_params(learning_rate=.5).fit(X, y)
gbm.booster_.num_trees()

# %%
data = lgb.Dataset(X, y, free_raw_data=False)
light = lgb.train({"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}, data, 3)
light.num_trees()

# %%
p = light.predict(X[:3])
p *= 0
light.params["note"] = ["mine"]
models["light"] = light
light.feature_importance().sum() > 0

# %%
del models["raw"], before
X[:50] = 0
float(reg.predict(X[:1])[0]) == float(reg.predict(X[1:2])[0])
