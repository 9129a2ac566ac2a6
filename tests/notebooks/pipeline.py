# %%
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# %%
iris = load_iris(as_frame=True)
df = iris.frame
df["site"] = np.random.RandomState(0).choice(["a", "b", "c"], len(df))
df.head()

# %%
X, y = df.drop(columns="target"), df["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
X_train.shape, y_test.mean()

# %% raises
LogisticRegression().fit(X_train, y_train)

# %%
numeric = [c for c in X if c != "site"]
prep = ColumnTransformer([("num", StandardScaler(), numeric), ("cat", OneHotEncoder(), ["site"])])
model = Pipeline([("prep", prep), ("clf", LogisticRegression(max_iter=200))])
model

# %% raises
model.predict(X_test)

# %%
model.fit(X_train, y_train)
model.score(X_test, y_test)

# %%
coef = model.named_steps["clf"].coef_
coef.round(2)

# %%
model.set_params(clf__C=0.01).fit(X_train, y_train)
model.score(X_test, y_test), model["clf"].coef_ is coef

# %%
warnings.filterwarnings("ignore")
grid = GridSearchCV(model, {"clf__C": [.01, 1, 100], "prep__num__with_mean": [True, False]}, cv=3)
grid.fit(X_train, y_train)
for what in [w for w in grid.cv_results_ if w.endswith("_time")]:
    grid.cv_results_[what][:] = 0      # they differ from run to run
grid.refit_time_ = 0
grid.best_params_

# %%
results = pd.DataFrame(grid.cv_results_)[["params", "mean_test_score", "rank_test_score"]]
results.sort_values("rank_test_score")

# %%
best = grid.best_estimator_
best.score(X_test, y_test)

# %%
# twist a coefficient by hand: the grid's estimator is the same one
best["clf"].coef_[0, 0] = 100
best.score(X_test, y_test), grid.score(X_test, y_test)

# %%
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

rng = np.random.RandomState(3)
forest = RandomForestClassifier(n_estimators=8, random_state=rng).fit(X_train[numeric], y_train)
forest.score(X_test[numeric], y_test)

# %% again 14

# %%
forest.n_estimators += 4
forest.set_params(warm_start=True).fit(X_train[numeric], y_train)
len(forest.estimators_)

# %%
scores = {}
for name, clf in {"tree": DecisionTreeClassifier(random_state=0), "forest": forest}.items():
    scores[name] = cross_val_score(clf, X[numeric], y, cv=3)
scores

# %%
from sklearn.cluster import KMeans

km = KMeans(3, n_init=2, random_state=0)
df["cluster"] = km.fit_predict(X[numeric])
pd.crosstab(df["cluster"], df["target"])

# %%
from sklearn.decomposition import PCA

pca = make_pipeline(StandardScaler(), PCA(2))
Z = pca.fit_transform(X[numeric])
Z[:, 0] *= -1
Z[:3].round(3)

# %%
from sklearn.linear_model import SGDClassifier

sgd = SGDClassifier(random_state=1)
order = np.arange(len(X_train))
np.random.seed(5)
for epoch in range(3):
    np.random.shuffle(order)
    sgd.partial_fit(X_train[numeric].iloc[order], y_train.iloc[order], classes=[0, 1, 2])
sgd.score(X_test[numeric], y_test)

# %%
sgd.partial_fit(X_test[numeric], y_test)     # cheating
sgd.t_

# %%
from sklearn.base import BaseEstimator, TransformerMixin


class Ratio(BaseEstimator, TransformerMixin):
    def __init__(self, a=0, b=1):
        self.a, self.b = a, b
    def fit(self, X, y=None):
        self.calls_ = getattr(self, "calls_", 0) + 1
        return self
    def transform(self, X):
        X = np.asarray(X)
        return np.c_[X, X[:, self.a] / X[:, self.b]]
ratio = make_pipeline(Ratio(), LogisticRegression(max_iter=500)).fit(X_train[numeric], y_train)
ratio[0].calls_, ratio.score(X_test[numeric], y_test)

# %%
ratio.fit(X_train[numeric], y_train)
ratio[0].calls_

# %%
del df["cluster"]
best.steps.pop()
best
