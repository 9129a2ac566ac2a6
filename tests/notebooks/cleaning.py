# %%
import io
import re

import numpy as np
import pandas as pd

# %%
TEXT = """id;name;joined;country;score;tags
1;Ann ;2021-03-01;DE;7,5;a|b
2;bob;01.04.2021;de;n/a;
3;Cy;2021-05-17;France;9,25;b
4;;2021-06-30;FR;3;a|c|d
5;Eve;not yet;;8,5;c
5;Eve;not yet;;8,5;c
6;"Fay, Jr.";2021-09-09;Germany;6;
"""
df = pd.read_csv(io.StringIO(TEXT), sep=";")
df

# %%
df.dtypes

# %% raises
df["score"].astype(float)

# %%
def number(text):
    if pd.isna(text):
        return np.nan
    seen.append(text)
    return float(text.replace(",", "."))
seen = []
df["score"] = df["score"].map(number)
seen, df["score"].mean()

# %%
df.drop_duplicates(inplace=True)
df["name"] = df["name"].str.strip().str.title()
df.loc[df.name.isna(), "name"] = "(unknown)"
df

# %%
countries = {"de": "DE", "Germany": "DE", "France": "FR"}
df["country"] = df["country"].replace(countries).astype("category")
df["country"].cat.categories

# %%
df["country"] = df["country"].cat.add_categories(["??"]).fillna("??")
df["country"] = df["country"].cat.rename_categories({"??": "none"})
df["country"].cat.codes.tolist()

# %% raises
df.loc[0, "country"] = "IT"

# %%
countries["IT"] = "IT"
df["country"] = df["country"].cat.set_categories(["none", "DE", "FR", "IT"], ordered=True)
df.sort_values("country")[["name", "country"]]

# %%
def when(text):
    for pattern in formats:
        try:
            return pd.to_datetime(text, format=pattern)
        except ValueError:
            continue
    failures.setdefault(text, 0)
    failures[text] += 1
    return pd.NaT
formats, failures = ["%Y-%m-%d", "%d.%m.%Y"], {}
df["joined"] = df["joined"].map(when)
failures, df.joined.dtype

# %%
df["joined"] = df["joined"].dt.tz_localize("Europe/Berlin")
df["week"] = df["joined"].dt.isocalendar().week
df["since"] = (pd.Timestamp("2022-01-01", tz="Europe/Berlin") - df["joined"]).dt.days.astype("Int64")
df[["joined", "week", "since"]]

# %%
df["tags"] = df["tags"].str.split("|")
df["tags"]

# %%
# the lists are shared with this one
first = df["tags"].iloc[0]
first.append("new")
df["tags"].iloc[0]

# %%
long = df.explode("tags").dropna(subset=["tags"])
dummies = pd.get_dummies(long["tags"]).groupby(level=0).max()
dummies

# %%
merged = df.join(dummies).fillna(dict.fromkeys(dummies, False))
merged

# %%
checks = [
    ("unique ids", lambda: df["id"].is_unique),
    ("scores", lambda: df["score"].between(0, 10).all()),
]
for what, check in checks:
    print(f"{what:12} {'ok' if check() else 'FAILED'}")

# %%
df["score"] = df["score"].fillna(df["score"].median())
df.at[df.index[0], "score"] = 10
df["grade"] = pd.qcut(df["score"], 3, labels=list("CBA"))
[check() for _, check in checks]

# %%
df = df.convert_dtypes()
df.dtypes

# %%
df.loc[len(df) + 10] = df.iloc[0]
df.index.name = "row"
df = df.rename(columns=str.upper)
df.columns

# %%
pattern = re.compile(r"(\w+)(?:, (\w+)\.)?")
parts = [pattern.match(n) for n in df["NAME"] if pattern.match(n)]
found = parts[-2]
found.groups() if found else None

# %%
del parts, found
report = df.groupby("COUNTRY", observed=False)["SCORE"].agg(["count", "mean"])
report.to_dict()

# %%
out = io.StringIO()
df.drop(columns="TAGS").to_csv(out)
print(out.getvalue()[:60])

# %%
out.truncate(0); out.seek(0)
out.write("done")
out.getvalue()
