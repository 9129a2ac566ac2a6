"""xgboost and LightGBM: boosters, their own and as estimators."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, describes

PRELUDE = """
import lightgbm
import numpy as np
import xgboost

X = np.random.RandomState(0).rand(60, 4)
y = X[:, 0] + X[:, 1] ** 2
high = (y > 1).astype(int)

def boosted(rounds=3):
    return xgboost.train({'max_depth': 2, 'seed': 1}, xgboost.DMatrix(X, y), rounds)

def trained(rounds=3):
    return lightgbm.train({'verbose': -1, 'num_leaves': 4}, lightgbm.Dataset(X, y), rounds)
"""

FITS = ("x.fit(X, y); None", "x.fit(X[::2], y[::2]); None", "x.n_estimators = 5")
CLASSIFIES = ("x.fit(X, high); None", "x.fit(X[::2], high[::2]); None")

FAMILIES = [
    Family(
        "boosters of xgboost",
        {
            "booster": Example(
                "boosted()",
                (
                    "x.update(xgboost.DMatrix(X, y), 3)",
                    "x.set_attr(note='mine')",
                    "x.set_param('eta', 0.5)",
                    "x.best_iteration = 1",
                    "x.feature_names = list('abcd')",
                    "x.held = [x]",
                    "x.update(xgboost.DMatrix(X, y, feature_names=list('abcd')), 4)",
                ),
            ),
            "boosters that go on": Example(
                "[b := boosted(), xgboost.train({}, xgboost.DMatrix(X, y), 1, xgb_model=b)]",
                ("x[0].set_attr(note='mine')", "x[1].update(xgboost.DMatrix(X, y), 5)"),
            ),
            "part of a booster": Example("[b := boosted(), b[:2], b.copy()]", ("x.pop()",)),
            "regressor": Example("xgboost.XGBRegressor(n_estimators=3)", FITS),
            "classifier": Example("xgboost.XGBClassifier(n_estimators=3)", CLASSIFIES),
            "forest": Example("xgboost.XGBRFRegressor(n_estimators=3, random_state=0)", FITS[:2]),
            "regressor with early stopping": Example(
                "xgboost.XGBRegressor(n_estimators=5, early_stopping_rounds=2)",
                ("x.fit(X, y, eval_set=[(X, y)], verbose=False); None",),
            ),
        },
        prelude=PRELUDE,
        needs=("xgboost", "lightgbm", "sklearn"),
        how="model, parameters and attributes as xgboost writes them down, in chunks",
    ),
    Family(
        "boosters of LightGBM",
        {
            "booster": Example(
                "trained()",
                (
                    "x.set_leaf_output(0, 1, 0.25); None",
                    "x.model_from_string(trained(5).model_to_string()); None",
                    "x.params['note'] = 1",
                    "x.shuffle_models(); None",
                ),
            ),
            "regressor": Example("lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)", FITS),
            "classifier": Example(
                "lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)", CLASSIFIES
            ),
        },
        prelude=PRELUDE,
        needs=("xgboost", "lightgbm", "sklearn"),
        how="trees as LightGBM writes them down, in chunks; attributes",
    ),
]


@describes("xgboost.core.Booster")
def booster(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe trees, attributes and configuration."""
    rest = {name: held for name, held in vars(value).items() if name != "handle"}
    trees = tuple(value.get_dump(dump_format="json", with_stats=True))
    names = repr(value.feature_names), repr(value.feature_types)
    found = sorted(value.attributes().items())
    return trees, tuple(found), value.save_config(), names, walk.pairs(rest.items())


@describes("lightgbm.basic.Booster")
def trees(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe trees, and attributes."""
    rest = {name: held for name, held in vars(value).items() if name != "_handle"}
    return value.model_to_string(num_iteration=-1), walk.pairs(rest.items())
