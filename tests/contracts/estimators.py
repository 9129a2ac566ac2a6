"""scikit-learn: estimators fitted, refitted, continued and set up in place; pipelines; searches."""

from __future__ import annotations

import sys
from typing import Any

from cowtm.testing import Example, Family, describes, describes_ambient

PRELUDE = """
import numpy as np
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.cluster import DBSCAN, KMeans, MiniBatchKMeans
from sklearn.ensemble import (
    AdaBoostRegressor, GradientBoostingRegressor, HistGradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor, VotingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LinearRegression, LogisticRegression, Ridge, RidgeCV, SGDClassifier, SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KDTree, BallTree, KNeighborsRegressor, NearestNeighbors
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer, LabelEncoder, OneHotEncoder, PolynomialFeatures, StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

X, y = load_diabetes(return_X_y=True)
X, y = X[:40], y[:40]
high = (y > 140).astype(int)
frame, goal = load_diabetes(return_X_y=True, as_frame=True)
frame, goal = frame[:40], goal[:40]
words = ['one two three', 'two three four', 'one four']
"""

FIT = "x.fit(X, y); None"
REFIT = "x.fit(X[::2], y[::2]); None"
FITS = (FIT, REFIT)
CLASSIFIES = ("x.fit(X, high); None", "x.fit(X[::2], high[::2]); None")

ESTIMATORS = {
    "linear": Example("LinearRegression()", (*FITS, "x.coef_[0] = 5", "x.fit_intercept = False")),
    "ridge": Example("Ridge()", (FIT, "x.set_params(alpha=3.0); None", REFIT)),
    "ridge with a search": Example("RidgeCV()", FITS),
    "logistic": Example("LogisticRegression(max_iter=500)", CLASSIFIES),
    "gradient descent": Example(
        "SGDRegressor(random_state=0)", ("x.partial_fit(X, y); None", "x.partial_fit(X, y); None")
    ),
    "classes by gradient descent": Example(
        "SGDClassifier(random_state=0)",
        ("x.partial_fit(X, high, [0, 1]); None", "x.partial_fit(X, high); None"),
    ),
    "tree": Example("DecisionTreeRegressor(random_state=0)", FITS),
    "forest": Example("RandomForestRegressor(3, random_state=0)", FITS),
    "forest of classes": Example("RandomForestClassifier(3, random_state=0)", CLASSIFIES),
    "forest that grows": Example(
        "RandomForestRegressor(2, random_state=0, warm_start=True)",
        (FIT, "x.set_params(n_estimators=4).fit(X, y); None"),
    ),
    "forest of the generator of all": Example("RandomForestRegressor(2)", (FIT, FIT)),
    "boosting": Example("GradientBoostingRegressor(n_estimators=3, random_state=0)", FITS),
    "boosting that goes on": Example(
        "GradientBoostingRegressor(n_estimators=2, warm_start=True, random_state=0)",
        (FIT, "x.n_estimators = 4; x.fit(X, y); None"),
    ),
    "boosting by histograms": Example(
        "HistGradientBoostingRegressor(max_iter=3)",
        (FIT, REFIT),
    ),
    "generator of its own": Example(
        "AdaBoostRegressor(n_estimators=2, random_state=np.random.RandomState(3))", (FIT, FIT)
    ),
    "generator of two": Example(
        "(lambda r: [SGDRegressor(random_state=r), SGDRegressor(random_state=r), r])"
        "(np.random.RandomState(3))",
        ("x[0].fit(X, y); None", "x[1].fit(X, y); None", "x[2].rand(); None"),
    ),
    "neighbours": Example("KNeighborsRegressor(algorithm='kd_tree')", FITS),
    "neighbours by balls": Example("NearestNeighbors(algorithm='ball_tree')", ("x.fit(X); None",)),
    "trees of points": Example("[KDTree(X), BallTree(X)]", ("x.append(KDTree(X[:9]))",)),
    "support vectors": Example("SVR()", (*FITS, "x.set_params(C=7.0); None")),
    "support vectors of classes": Example("SVC(probability=False)", CLASSIFIES),
    "bayes": Example("GaussianNB()", (*CLASSIFIES, "x.partial_fit(X, high); None")),
    "network": Example(
        "MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0, warm_start=True)",
        (FIT, FIT, "x.partial_fit(X, y); None", "x.coefs_[0][0] = 1"),
    ),
    "process": Example(
        "GaussianProcessRegressor(optimizer=None)",
        FITS,
        copies=False,  # it holds numpy's global generator, which is one for ever
    ),
    "clusters": Example("KMeans(2, n_init=1, random_state=0)", ("x.fit(X); None",)),
    "clusters in batches": Example(
        "MiniBatchKMeans(2, n_init=1, random_state=0)", ("x.partial_fit(X); None",) * 2
    ),
    "components": Example("IncrementalPCA(2)", ("x.partial_fit(X); None",) * 2),
    "steps": Example(
        "IsotonicRegression()", ("x.fit(X[:, 0], y); None", "x.fit(X[:, 1], y); None")
    ),
    "scaler": Example(
        "StandardScaler()",
        (
            "x.partial_fit(X); None",
            "x.partial_fit(X); None",
            "x.mean_[0] = 3",
            "x.fit(frame); None",
        ),
    ),
    "pipeline": Example(
        "make_pipeline(StandardScaler(), PCA(2), LinearRegression())",
        (FIT, "x.set_params(pca__n_components=3); None", REFIT, "x.steps.pop(1); None", FIT),
    ),
    "pipeline of columns": Example(
        "make_pipeline(ColumnTransformer([('s', StandardScaler(), ['age', 'bmi'])]), Ridge())",
        ("x.fit(frame, goal); None", "x.fit(frame[::2], goal[::2]); None"),
    ),
    "union": Example(
        "Pipeline([('u', FeatureUnion([('p', PCA(1)), ('q', PolynomialFeatures())])),"
        " ('r', Ridge())])",
        FITS,
    ),
    "functions in a pipeline": Example(
        "make_pipeline(FunctionTransformer(np.abs), SimpleImputer(), Ridge())", FITS
    ),
    "output as frames": Example(
        "StandardScaler()", ("x.set_output(transform='pandas'); None", "x.fit(frame); None")
    ),
    "search": Example("GridSearchCV(Ridge(), {'alpha': [0.1, 1.0]}, cv=2)", (FIT, REFIT)),
    "random search": Example(
        "RandomizedSearchCV(Ridge(), {'alpha': [0.1, 1.0, 3.0]}, n_iter=2, cv=2)", (FIT, FIT)
    ),
    "vote": Example("VotingRegressor([('a', Ridge()), ('b', LinearRegression())])", FITS),
    "words": Example(
        "[CountVectorizer(), TfidfVectorizer()]",
        ("x[0].fit(words); None", "x[1].fit(words); None", "x[0].vocabulary_['e'] = 9"),
    ),
    "labels": Example(
        "[LabelEncoder(), OneHotEncoder()]",
        ("x[0].fit(['a', 'b']); None", "x[1].fit([['a'], ['b']]); None"),
    ),
    "folds": Example(
        "KFold(2, shuffle=True, random_state=np.random.RandomState(0))",
        ("list(x.split(X)); None", "x.n_splits = 3"),
    ),
    "settings": Example(
        "[StandardScaler()]",
        (
            "sklearn.set_config(transform_output='pandas')",
            "x.append(x[0].fit_transform(frame))",
            "sklearn.set_config(transform_output='default', assume_finite=True)",
            "sklearn.set_config(assume_finite=False)",
        ),
    ),
    "model that holds its data": Example(
        "(lambda m: (setattr(m, 'data', X), {'model': m, 'data': X})[1])(Ridge())",
        ("x['model'].data[0] = 1", "x['model'].fit(x['data'], y); None"),
    ),
}

FAMILIES = [
    Family(
        "estimators of scikit-learn",
        ESTIMATORS,
        prelude=PRELUDE,
        needs=("sklearn", "pandas"),
        how="as instances; trees and the like as opaque objects",
    ),
]


@describes_ambient("<sklearn settings>")
def settings(walk: Any) -> Any:  # noqa: ARG001
    """Describe scikit-learn's settings; nothing while they are as it sets them itself."""
    sklearn = sys.modules.get("sklearn")
    if sklearn is None or not hasattr(sklearn, "get_config"):
        return None
    found = sklearn.get_config()
    return None if found == sys.modules["sklearn._config"]._global_config else repr(found)


@describes("sklearn.tree._tree.Tree")
def tree(walk: Any, value: Any) -> tuple[Any, ...]:  # noqa: ARG001
    """Describe a tree by its nodes and values."""
    state = value.__getstate__()
    nodes = state["nodes"]
    fields = tuple((name, nodes[name].tobytes()) for name in nodes.dtype.names)
    return state["max_depth"], state["node_count"], fields, state["values"].tobytes()
