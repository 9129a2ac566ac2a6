# %%
import numpy as np
import pandas as pd
import statsmodels.api as sm

# %%
rng = np.random.default_rng(8)
days = pd.date_range("2022-01-01", periods=365, freq="D", name="day")
temp = 10 + 8 * np.sin(np.arange(365) / 58) + rng.normal(0, 2, 365)
ts = pd.Series(temp, index=days, name="temp")
ts.head()

# %%
ts.iloc[100:105] = np.nan
ts.isna().sum(), np.isnan(temp).sum()

# %%
filled = ts.interpolate()
monthly = filled.resample("MS").agg(["mean", "max"])
monthly.round(2)

# %%
roll = filled.rolling(7, center=True)
smooth = roll.mean()
smooth.first_valid_index()

# %% raises
filled["2023-05-01"]

# %%
filled["2022-06"] += 5
filled.loc["2022-06-01":"2022-06-03"]

# %%
weekly = filled.resample("W").mean()
weekly.index.freq, weekly.shift(1, freq="D").index[0]

# %%
frame = pd.DataFrame({"temp": filled, "rain": rng.gamma(1, 2, 365)})
frame["lag"] = frame["temp"].shift(1)
frame["ewm"] = frame["temp"].ewm(span=5).mean()
frame.dropna(inplace=True)
frame.corr().round(3)

# %%
X = sm.add_constant(frame[["lag", "rain"]])
ols = sm.OLS(frame["temp"], X).fit()
ols.params.round(4)

# %%
ols.rsquared > .5, ols.resid.std() < 5

# %%
ols.params["rain"] = 0        # results can be written to
ols.predict(X.iloc[:2])

# %%
robust = ols.get_robustcov_results()
robust.cov_type, robust.bse[:1] > 0

# %%
ar = sm.tsa.AutoReg(filled.values, lags=2).fit()
forecast = ar.predict(365, 370)
forecast.round(2)

# %%
decomposed = sm.tsa.seasonal_decompose(filled, period=30)
decomposed.seasonal.iloc[:2].round(3)

# %%
local = filled.tz_localize("Europe/Rome")
local.index = local.index.tz_convert("UTC")
local.index[0], local.between_time("22:00", "23:30").size

# %%
frame.index = frame.index.to_period("D")
by_week = frame.groupby(frame.index.week)["temp"]
by_week.mean().iloc[:2]

# %%
events = pd.DataFrame({"start": pd.to_datetime(["2022-02-01", "2022-03-05"]), "what": ["ice", "sun"]})
merged = pd.merge_asof(events, monthly.reset_index(), left_on="start", right_on="day")
merged.iloc[0]

# %%
merged["length"] = pd.to_timedelta([3, 5], unit="h")
merged["length"] *= 2
merged.set_index("start", inplace=True)
merged.index.name = None
merged

# %%
bins = pd.IntervalIndex.from_breaks([-10, 5, 15, 40])
classes = pd.cut(filled, bins)
classes.value_counts(sort=False)

# %% again 10

# %%
series = {"raw": ts, "filled": filled}
for k, v in series.items():
    v.name = k
    v.attrs["kind"] = k
del ts, roll
series["raw"][:] = 0
temp.max() > 0, series["raw"].max()
