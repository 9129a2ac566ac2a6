"""Estimators of scikit-learn, fitted in place, travel exactly: they predict to the last bit."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from session import Session, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRELUDE = """
import numpy as np
from sklearn.datasets import load_diabetes
X, y = load_diabetes(as_frame=True, return_X_y=True)
X, y = X.iloc[:90], y[:90]
high = (y > 140).astype(int)
"""

ESTIMATORS = {
    "linear": ("linear_model", "LinearRegression()"),
    "ridge": ("linear_model", "RidgeCV()"),
    "gradient descent": ("linear_model", "SGDRegressor(random_state=0)"),
    "logistic": ("linear_model", "LogisticRegression()"),
    "tree": ("tree", "DecisionTreeRegressor(random_state=0)"),
    "forest": ("ensemble", "RandomForestRegressor(5, random_state=0)"),
    "forest of classes": ("ensemble", "RandomForestClassifier(5, random_state=0)"),
    "boosting": ("ensemble", "GradientBoostingRegressor(n_estimators=5, random_state=0)"),
    "boosting by histograms": ("ensemble", "HistGradientBoostingRegressor(max_iter=5)"),
    "bagging": ("ensemble", "BaggingRegressor(n_estimators=3, random_state=0)"),
    "own generator": (
        "ensemble",
        "AdaBoostRegressor(n_estimators=3, random_state=np.random.RandomState(3))",
    ),
    "neighbours": ("neighbors", "KNeighborsRegressor(algorithm='kd_tree')"),
    "balls": ("neighbors", "KNeighborsRegressor(algorithm='ball_tree')"),
    "support vectors": ("svm", "SVR()"),
    "support vectors of classes": ("svm", "SVC()"),
    "bayes": ("naive_bayes", "GaussianNB()"),
    "network": (
        "neural_network",
        "MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0)",
    ),
    "process": ("gaussian_process", "GaussianProcessRegressor(optimizer=None)"),
    "clusters": ("cluster", "KMeans(3, n_init=1, random_state=0)"),
    "pipeline": (
        "pipeline",
        "make_pipeline(StandardScaler(), PCA(3), LinearRegression())",
    ),
    "columns": (
        "pipeline",
        "make_pipeline(ColumnTransformer([('s', StandardScaler(), ['age', 'bmi'])]), Ridge())",
    ),
    "search": ("model_selection", "GridSearchCV(Ridge(), {'alpha': [0.1, 1.0]}, cv=2)"),
    "vote": ("ensemble", "VotingRegressor([('a', Ridge()), ('b', LinearRegression())])"),
}

CLASSIFIERS = ("logistic", "forest of classes", "support vectors of classes", "bayes")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session with a small data set."""
    with new_session(tmp_path) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that did not converge: they are short on purpose
        session.cell(PRELUDE)
        session.cell(
            "from sklearn.compose import ColumnTransformer\n"
            "from sklearn.decomposition import PCA\n"
            "from sklearn.linear_model import LinearRegression, Ridge\n"
            "from sklearn.preprocessing import StandardScaler"
        )
        yield session


def number(session: Session, source: str) -> int:
    """Run a cell; give its number."""
    found = session.cell(source).number
    assert found is not None
    return found


def predicted(names: dict[str, Any]) -> Any:
    """Predict with the estimator among some variables."""
    return np.asarray(names["e"].predict(names["X"]))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_fitted_again_in_place_travels(session: Session, name: str) -> None:
    """Not fitted, fitted, fitted on other data: each state predicts as it did."""
    module, call = ESTIMATORS[name]
    goal = "high" if name in CLASSIFIERS else "y"
    session.cell(f"from sklearn.{module} import {call.partition('(')[0]}")
    bare = number(session, f"e = {call}")
    live = session.names["e"]
    before = sorted(vars(live))

    good = number(session, f"e.fit(X, {goal})")
    assert "e" in session.last.names
    right = predicted(session.names)
    bad = number(session, f"e.fit(X[::2], {goal}[::2])")
    wrong = predicted(session.names)
    assert not np.array_equal(right, wrong)

    for number_, expected in ((good, right), (bad, wrong), (good, right)):
        session.cell(f"tm.past({number_})")
        assert session.names["e"] is live
        assert np.array_equal(predicted(session.names), expected)
    assert np.array_equal(predicted(session.tm.vars(bad, "e", "X")), wrong)

    session.cell(f"tm.past({bare})")
    assert sorted(vars(live)) == before
    session.cell(f"e.fit(X, {goal})")
    assert np.array_equal(predicted(session.names), right)
    assert not any(state.by_reference for state in session.tm.states.values())


@pytest.mark.parametrize("name", ["linear", "tree", "forest", "boosting by histograms", "pipeline"])
def test_predicting_changes_no_estimator(session: Session, name: str) -> None:
    """What only reads an estimator stores nothing and names no variable."""
    module, call = ESTIMATORS[name]
    session.cell(f"from sklearn.{module} import {call.partition('(')[0]}\ne = {call}")
    session.cell("e.fit(X, y)")
    session.cell("e.predict(X);")
    assert session.last.names == ()
    assert session.last.stored <= 8 * len(session.names["X"])  # the result, where it is kept


BOOSTERS = {
    "xgboost": (
        "import xgboost",
        "e = xgboost.XGBRegressor(n_estimators=4, random_state=0)",
        "e.fit(X, y);",
        "e.fit(X, y, xgb_model=e.get_booster());",
    ),
    "lightgbm": (
        "import lightgbm",
        "e = lightgbm.LGBMRegressor(n_estimators=4, verbose=-1)",
        "e.fit(X, y);",
        "e.fit(X, y, init_model=e.booster_);",
    ),
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_boosted_estimator_is_trained_on_from_the_past(session: Session, name: str) -> None:
    """Trained, trained on: each state predicts as it did, and training on gives the same again."""
    pytest.importorskip(name)
    load, make, fit, go_on = BOOSTERS[name]
    session.cell(load)
    bare = number(session, make)
    live = session.names["e"]
    fitted = number(session, fit)
    first = predicted(session.names)
    further = number(session, go_on)
    second = predicted(session.names)
    assert not np.array_equal(first, second)

    session.cell(f"tm.past({fitted})")
    assert session.names["e"] is live
    assert np.array_equal(predicted(session.names), first)
    session.cell(go_on)
    assert np.array_equal(predicted(session.names), second)
    assert np.array_equal(predicted(session.tm.vars(further, "e", "X")), second)

    session.cell(f"tm.past({bare})")
    assert not live.__sklearn_is_fitted__()
    session.cells("del e", "%reset -f out", f"tm.past({fitted})")
    assert np.array_equal(predicted(session.names), first)


def test_data_taken_over_by_a_library_is_told(session: Session) -> None:
    """Data that is in C++ stays by reference, the booster made of it is recorded."""
    pytest.importorskip("xgboost")
    session.cell("import xgboost\nd = xgboost.DMatrix(X, y)")
    assert session.last.by_reference == {"d": "a DMatrix"}
    session.cell("b = xgboost.train({'max_depth': 2}, d, 3)")
    base = session.last.number
    first = session.names["b"].predict(session.names["d"])
    session.cell("b.update(d, 3); b.update(d, 4)")
    second = session.names["b"].predict(session.names["d"])
    session.cell(f"tm.past({base})")
    assert np.array_equal(session.names["b"].predict(session.names["d"]), first)
    session.cell("b.update(d, 3); b.update(d, 4)")
    assert np.array_equal(session.names["b"].predict(session.names["d"]), second)


def test_a_booster_that_keeps_its_training_data_is_told(session: Session) -> None:
    """Its scores are in C++ alone: it stays as it is, and can be trained on."""
    pytest.importorskip("lightgbm")
    session.cell("import lightgbm\nd = lightgbm.Dataset(X, y)")
    keeping = "lightgbm.train({'verbose': -1}, d, 3, keep_training_booster=True)"
    session.cell(f"held = [{keeping}, 1]")
    base = session.last.number
    assert session.last.by_reference["held"] == "a booster in training"
    live = session.names["held"][0]
    session.cell("held[0].update(); held[1] = 2")
    session.cell(f"tm.past({base})")
    assert session.names["held"] == [live, 1]
    assert live.current_iteration() == 4
    session.cell("held[0].update()")
    assert live.current_iteration() == 5

    session.cell("done = lightgbm.Booster(model_str=held[0].model_to_string())")
    assert "done" not in session.last.by_reference


def test_an_estimator_that_is_gone_is_made_anew(session: Session) -> None:
    """Trees and their memory are made again when nothing holds them any more."""
    session.cell("from sklearn.ensemble import RandomForestRegressor")
    fitted = number(session, "e = RandomForestRegressor(5, random_state=0)\ne.fit(X, y);")
    right = predicted(session.names)
    session.cells("del e", "%reset -f out", f"tm.past({fitted})")
    assert np.array_equal(predicted(session.names), right)


def test_models_of_two_branches_stand_side_by_side(session: Session) -> None:
    """Two models tried from one past are both there to predict."""
    base = number(session, "e = None")
    one = number(session, "e = LinearRegression().fit(X, y)")
    first = predicted(session.names)
    session.cell(f"tm.past({base})")
    two = number(session, "e = Ridge(50.0).fit(X, y)")
    second = predicted(session.names)
    assert not np.array_equal(first, second)
    assert np.array_equal(predicted(session.tm.vars(one, "e", "X")), first)
    assert np.array_equal(predicted(session.tm.vars(two, "e", "X")), second)


def test_a_split_drawn_again_is_the_same(session: Session) -> None:
    """Splits and forests draw from numpy's global generator, which travels too."""
    session.cell("from sklearn.ensemble import RandomForestRegressor")
    base = number(session, "from sklearn.model_selection import train_test_split")
    cell = (
        "A, B, a, b = train_test_split(X, y)\n"
        "score = RandomForestRegressor(5).fit(A, a).score(B, b)"
    )
    session.cell(cell)
    index, score = list(session.names["A"].index), session.names["score"]
    session.cells(f"tm.past({base})", cell)
    assert list(session.names["A"].index) == index
    assert session.names["score"] == score
