# %%
import numpy as np
import pandas as pd
import xarray as xr
from scipy import sparse
from scipy.sparse import linalg

# %%
rng = np.random.default_rng(4)
data = rng.normal(15, 5, (3, 4, 6))
da = xr.DataArray(
    data, dims=("lat", "lon", "time"),
    coords={"lat": [10., 20., 30.], "lon": range(4), "time": pd.date_range("2021", periods=6)},
    name="temp", attrs={"units": "C"},
)
da

# %%
da.mean("time").round(2)

# %%
data[0, 0, 0] = 99            # the array sees it
float(da[0, 0, 0])

# %%
da.loc[{"lat": 20.}] += 1
da.attrs["history"] = ["warmed"]
da.sel(lat=20., lon=2).values

# %% raises
da.sel(lat=25.)

# %%
ds = xr.Dataset({"temp": da, "rain": ("time", rng.random(6))})
ds["ratio"] = ds.temp / (ds.rain + 1)
ds

# %%
ds.temp[0, 1] = 0
da[0, 1].values, data[0, 1, :2]

# %%
ds = ds.assign_coords(month=ds.time.dt.month)
ds.attrs["notes"] = ds.temp.attrs["history"]
ds.attrs["notes"].append("shared")
da.attrs

# %%
ds["rain"].values[:] = 1
del ds["ratio"]
ds.rain.sum().item()

# %%
stacked = ds.temp.stack(cell=("lat", "lon"))
stacked.isel(cell=2).values

# %%
monthly = ds.temp.groupby("time.day").mean()
masked = da.where(da > 10)
int(masked.isnull().sum()), monthly.sizes

# %%
def anomaly(x):
    out = x - x.mean("time")
    calls.append(out.shape)
    return out
calls = []
da.coords["lon"] = da.lon * 10
anomaly(da).std().item() > 0, da.lon.values

# %%
A = sparse.random(20, 20, .1, format="csr", random_state=1)
A.setdiag(4)
b = np.ones(20)
A.nnz

# %%
solution = linalg.spsolve(A.tocsc(), b)
np.abs(A @ solution - b).max() < 1e-9

# %%
A.data[:5] = 0
A.eliminate_zeros()
A[0, 3] = 7
A.nnz, A.has_sorted_indices

# %% raises
A @ np.ones(3)

# %%
coo = A.tocoo(copy=False)
lil = sparse.lil_matrix((4, 4))
lil[1, :] = [1, 0, 2, 0]
lil.rows[1].append(3); lil.data[1].append(9)
lil.toarray()

# %%
dok = sparse.dok_matrix((5, 5))
for i in range(5):
    dok[i, (i * 2) % 5] = i
dok[0, 0] = 1
dok.setdefault((4, 4), 3), len(dok)

# %%
parts = {"A": A, "T": A.T, "block": sparse.block_diag([lil, dok])}
parts["T"].data *= 2          # shares memory with A
A.data[:3]

# %%
lu = linalg.splu(A.tocsc())
lu.solve(b)[:3].round(3)

# %%
lap = sparse.diags([1., -2., 1.], [-1, 0, 1], shape=(6, 6)).tolil()
lap[0, 5] = lap[5, 0] = 1
eigen = np.linalg.eigvalsh(lap.toarray())
eigen[-1].round(6) + 0

# %%
del data, parts["A"], lu
da[:] = 0
A = A.tobsr((2, 2))
A.data[0] = 5
ds.temp.max().item(), A.blocksize
