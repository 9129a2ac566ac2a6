# %%
# Quarterly sales: what is in the export?
import numpy as np
import pandas as pd

# %%
np.random.seed(42)
n = 400
raw = pd.DataFrame({
    "order": np.arange(1000, 1000 + n),
    "region": np.random.choice(["north", "south", "east", "west"], n),
    "product": np.random.choice(["lamp", "desk", "chair"], n, p=[.5, .2, .3]),
    "units": np.random.randint(1, 12, n),
    "price": np.round(np.random.gamma(5, 12, n), 2),
    "day": pd.date_range("2023-01-01", periods=n, freq="16h"),
})
raw.loc[np.random.rand(n) < .05, "price"] = np.nan
raw.loc[::37, "region"] = "  North "
df = raw
df.head()

# %%
df.info()

# %%
df.describe()

# %%
df["region"].value_counts()

# %%
# hm, whitespace. (df is raw, so this changes raw too, which I did not mean)
df["region"] = df["region"].str.strip().str.lower()
raw["region"].unique()

# %%
df = raw.copy()
df["revenue"] = df.units * df.price
df.revenue.isna().sum()

# %% raises
df.groupby("regoin").revenue.sum()

# %%
df.groupby("region").revenue.sum().sort_values(ascending=False)

# %%
by = df.groupby("region")
top = by.revenue.sum().idxmax()
top

# %%
# %time df["price"] = df["price"].fillna(df.groupby("product")["price"].transform("median"))

# %%
df["revenue"] = df.units * df.price
df.isna().sum()

# %%
df.drop(columns=["order"], inplace=True)
df.sort_values(["region", "day"], inplace=True)
df.reset_index(drop=True, inplace=True)
df.tail(3)

# %%
def summary(frame=df, by="product"):
    """Uses the frame as it was when this cell ran."""
    return frame.groupby(by).agg(units=("units", "sum"), mean=("revenue", "mean")).round(2)
summary()

# %%
Out[14].loc["desk", "units"] = -1     # oops
_

# %%
wide = df.pivot_table(index="region", columns="product", values="revenue", aggfunc="sum")
wide

# %%
wide["all"] = wide.sum(axis=1)
wide.loc["all"] = wide.sum()
wide.style.format("{:.1f}")
wide.round(1)

# %%
df["size"] = pd.cut(df.units, [0, 3, 7, 100], labels=["small", "medium", "large"])
df["month"] = df.day.dt.to_period("M")
pd.crosstab(df["size"], df["month"])

# %%
best = df.nlargest(5, "revenue")
best["flag"] = True
best.loc[best.index[0], "flag"] = False
best

# %% raises
df.loc[0, "revenu"]

# %%
notes = {"outliers": best, "wide": wide, "by": by}
notes["outliers"].attrs["checked"] = ["me"]
views = [df["units"], df["units"].to_numpy()]
sum(len(v) for v in notes.values() if isinstance(v, pd.DataFrame))

# %%
del raw, by
df = df[df.price < df.price.quantile(.99)]
df.shape

# %%
df = df.assign(share=lambda d: d.revenue / d.groupby("region").revenue.transform("sum"))
df.set_index(["region", "day"], inplace=True)
df.loc["north"].head(2)

# %%
df.columns = [c.upper() for c in df.columns]
summary(by="month") if "month" in summary.__defaults__[0] else df.dtypes

# %% again 24

# %%
# %%capture printed
print(df.describe())
print(wide)

# %%
len(str(printed)) > 100, top
