"""statsmodels: models and their results, with what they derive lazily."""

from __future__ import annotations

from cowtm.testing import Example, Family

PRELUDE = """
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.holtwinters import ExponentialSmoothing

numbers = np.random.RandomState(0)
X = sm.add_constant(numbers.rand(40, 2))
y = X @ [1.0, 2.0, 3.0] + numbers.rand(40)
high = (y > y.mean()).astype(float)
frame = pd.DataFrame({'a': X[:, 1], 'b': X[:, 2], 'y': y, 'g': ['u', 'v'] * 20})
"""

FAMILIES = [
    Family(
        "results of statsmodels",
        {
            "least squares": Example(
                "sm.OLS(y, X).fit()",
                (
                    "x.resid; None",
                    "x.bse; x.aic; None",
                    "x.params[0] = 5",
                    "x.note = [x]",
                    "x.remove_data()",
                ),
            ),
            "model before it is fitted": Example(
                "sm.OLS(y, X)", ("x.endog[0] = 5", "x.fit(); None", "x.data.xnames = list('abc')")
            ),
            "formula": Example(
                "smf.ols('y ~ a + np.log(b + 1) + C(g)', frame).fit()",
                ("x.resid; None", "x.model.data.frame.loc[0, 'a'] = 9", "x.remove_data()"),
                copies=False,  # patsy's intercept is one for ever
            ),
            "generalised": Example(
                "sm.GLM(high, X, family=sm.families.Binomial()).fit()",
                ("x.resid_deviance; None", "x.mu[0] = 0.5", "x.model.exog[0] = 1"),
            ),
            "logit": Example(
                "sm.Logit(high, X).fit(disp=0)", ("x.bse; None", "x.mle_retvals['note'] = 1")
            ),
            "moving average": Example(
                "ARIMA(y, order=(1, 0, 0)).fit()",
                ("x.bse; None", "x.model.endog[0] = 4", "x.note = 1"),
                in_place=False,  # the filter is C's, and is made anew with its arrays
            ),
            "smoothing": Example(
                "ExponentialSmoothing(y, trend='add').fit()", ("x.params['note'] = 1", "x.note = 2")
            ),
        },
        prelude=PRELUDE,
        needs=("statsmodels", "pandas"),
        how="as instances; what they keep once it was asked for is recorded too",
    ),
]
