# %%
from datetime import date, timedelta

import numpy as np
import polars as pl

# %%
rng = np.random.default_rng(0)
n = 300
delays = rng.normal(5, 20, n).round(1)
df = pl.DataFrame({
    "flight": [f"CW{i % 37:03}" for i in range(n)],
    "day": [date(2024, 1, 1) + timedelta(days=i % 31) for i in range(n)],
    "delay": delays,
    "seats": rng.integers(50, 300, n),
})
df.head()

# %%
df.describe()

# %%
df.filter(pl.col("delay") > 40).sort("delay", descending=True)

# %% raises
df.select("dely")

# %%
late = df.group_by("flight").agg(
    pl.col("delay").mean().alias("mean"), pl.len().alias("n")
).sort("mean", "flight")
late.tail(3)

# %%
delays[:] = 0                # does the frame see this?
df["delay"].sum() != 0

# %%
df = df.with_columns(
    (pl.col("delay") > 15).alias("late"),
    pl.col("day").dt.weekday().alias("weekday"),
)
df.columns

# %%
s = df["seats"]
s[0] = 999                    # series can be written to
s.head(2), df["seats"][0]

# %%
df[1, "seats"] = 111
df.replace_column(3, df["seats"].rename("seats_"))
df.rename({"seats_": "seats"}).head(2)

# %%
df.insert_column(0, pl.Series("row", range(n)))
extra = df.drop_in_place("weekday")
extra.name, df.width

# %%
lazy = df.lazy().filter(pl.col("late")).select(pl.col("seats_").sum())
lazy.collect()

# %%
cats = df.select(pl.col("flight").cast(pl.Categorical))
cats.to_series().n_unique(), cats.schema

# %%
lists = df.group_by("late", maintain_order=True).agg(pl.col("flight").head(2))
lists

# %%
more = pl.DataFrame({"late": [True, None], "flight": [["CW1"], []]})
lists.vstack(more, in_place=True)
lists.height

# %%
lists.extend(more)
lists.shape

# %%
frames = {"late": late, "lists": lists, "df": df}
frames["df"] = frames["df"].slice(0, 10)
frames["same"] = df
{k: v.shape for k, v in frames.items()}

# %%
arr = df["delay"].to_numpy()
arr.flags.writeable, float(arr[:3].sum()) != 0

# %%
wide = df.pivot("late", index="day", values="delay", aggregate_function="mean").sort("day")
wide.head(2)

# %%
joined = df.join(late, on="flight", how="left").with_columns(
    (pl.col("delay") - pl.col("mean")).alias("off")
)
joined["off"].abs().max() < 100

# %%
def worst(frame=df, k=2):
    return frame.top_k(k, by="delay")["flight"].to_list()
df = df.clear()
worst(), df.height

# %%
table = joined.to_arrow()
pdf = joined.head(5).to_pandas()
pdf.loc[0, "delay"] = -1
table.num_rows, joined["delay"][0] != -1

# %%
del joined, frames["df"]
late.columns = ["Flight", "Mean", "N"]
late.schema
