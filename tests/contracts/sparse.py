"""scipy: sparse arrays and matrices, and what its other parts make."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, Limit, describes

PRELUDE = """
import numpy as np
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.signal
import scipy.sparse as sp
import scipy.sparse.linalg
import scipy.spatial
import scipy.spatial.transform
import scipy.stats

M = [[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [4.0, 0.0, 0.0]]

def square(t):
    return float(t @ t)
"""

WRITES = ("x.data[0] = 9", "x.data *= 2", "x.data[...] = -0.0", "x.note = [1]")
BY_INDEX = (
    "x[0, 1] = 5",
    "x[2] = 0",
    "x.sum_duplicates()",
    "x.eliminate_zeros()",
    "x.resize(2, 2)",
)

FAMILIES = [
    Family(
        "sparse arrays and matrices of scipy",
        {
            "rows": Example("sp.csr_array(M)", (*WRITES, "x[0, 1] = 5", "x.resize(2, 2)")),
            "rows of a matrix": Example("sp.csr_matrix(M)", (*WRITES, "x[1, 1] = 7")),
            "columns": Example("sp.csc_array(M)", (*WRITES, "x[0, 1] = 5", "x.resize(3, 2)")),
            "rows not in order": Example(
                "sp.csr_array((np.ones(3), [2, 0, 0], [0, 3, 3, 3]), shape=(3, 3))",
                ("x.sum_duplicates()", "x.data[0] = 0", "x.eliminate_zeros()"),
            ),
            "triples": Example("sp.coo_array(M)", (*WRITES, "x.row[0] = 1", "x.resize(2, 2)")),
            "lists": Example("sp.lil_array(M)", ("x[0, 1] = 5", "x.rows[2].append(2)", "x[0] = 0")),
            "keys": Example(
                "sp.dok_array(M)", ("x[0, 1] = 5", "x[0, 0] = 0", "x.resize(2, 2)", "x.clear()")
            ),
            "diagonals": Example("sp.dia_array(M)", ("x.data[0, 0] = 9", "x.offsets[0] = 1")),
            "blocks": Example(
                "sp.bsr_array(np.kron(np.eye(2), np.ones((2, 2))))", ("x.data[0, 0] = 9", "x *= 2")
            ),
            "shared data": Example(
                "(lambda m: [m, sp.csr_array((m.data, m.indices, m.indptr), copy=False), m.data,"
                " m.T, m.tocoo(copy=False)])(sp.csr_array(M))",
                ("x[0].data[0] = 9", "x[1].data[1] = 8", "x[2][2] = 7", "x[3].data[0] = 6"),
            ),
            "operators": Example(
                "[scipy.sparse.linalg.aslinearoperator(sp.csr_array(M))]",
                ("x[0].A.data[0] = 9", "x.append(2 * x[0])"),
            ),
            "big rows": Example(
                "sp.csr_array((np.zeros(400_000), np.arange(400_000), [0, 400_000]))",
                ("x.data[200_000] = 1",),
                at_most=1 << 20,
            ),
        },
        prelude=PRELUDE,
        needs=("scipy",),
        how="as instances; the arrays in them as numpy's",
    ),
    Family(
        "distributions, interpolators, trees, results of scipy",
        {
            "frozen distribution": Example(
                "scipy.stats.norm(1.0, 2.0)",
                ("x.random_state = np.random.default_rng(1)", "x.random_state.random()", "x.a = 0"),
            ),
            "distribution of histograms": Example(
                "scipy.stats.rv_histogram(np.histogram([1, 2, 3]))",
                ("x.note = 1",),
                copies=False,  # it draws from the global generator, which is one for ever
            ),
            "density": Example(
                "scipy.stats.gaussian_kde([1.0, 2.0, 4.0])",
                ("x.set_bandwidth(0.4)", "x.dataset[0, 0] = 9", "x.set_bandwidth('silverman')"),
            ),
            "result of a test": Example(
                "[scipy.stats.ttest_ind([1, 2], [2, 5]), scipy.stats.linregress([1, 2], [3, 4])]",
                ("x.append(x[0].pvalue)",),
            ),
            "sampler": Example("scipy.stats.qmc.Sobol(2, rng=1)", ("x.random(2)", "x.reset()")),
            "spline": Example(
                "scipy.interpolate.CubicSpline([1, 2, 3], [1, 4, 9])",
                ("x.c[0] = 4", "x.extrapolate = False", "x.extend(np.ones((4, 1)), [4.0])"),
            ),
            "basis spline": Example(
                "scipy.interpolate.make_interp_spline(range(6), range(6))", ("x.c[0] = 4",)
            ),
            "smoothing spline": Example(
                "scipy.interpolate.UnivariateSpline(range(9), [0, 1, 4, 9, 1, 2, 5, 7, 3])",
                ("x.set_smoothing_factor(0.5)", "x._data[1][0] = 9"),
            ),
            "interpolator": Example(
                "scipy.interpolate.interp1d([1, 2, 3], [1, 4, 9])",
                ("x.y[0] = 5", "x.bounds_error = False", "x.fill_value = 'extrapolate'"),
            ),
            "interpolator on a grid": Example(
                "scipy.interpolate.RegularGridInterpolator(([1, 2], [1, 2]), np.eye(2))",
                ("x.values[0] = 5", "x.method = 'nearest'"),
            ),
            "interpolator of points": Example(
                "scipy.interpolate.LinearNDInterpolator([[0, 0], [0, 1], [1, 0]], [1.0, 2.0, 3.0])",
                ("x.values[0] = 5", "x.tri.points[0, 0] = 0.5"),
            ),
            "tree of points": Example(
                "scipy.spatial.KDTree(np.arange(6.0).reshape(3, 2))",
                ("x.data.setflags(write=True); x.data[0] = 7", "x.data[...] = 1"),
            ),
            "triangles": Example(
                "scipy.spatial.Delaunay([[0, 0], [0, 1], [1, 0], [1, 1]])",
                ("x.simplices[0] = 0", "x.points[0] = 9"),
            ),
            "hull": Example(
                "scipy.spatial.ConvexHull([[0, 0], [0, 1], [1, 0], [1, 1]])",
                ("x.vertices[0] = 9", "x.note = 1"),
            ),
            "result of a minimum": Example(
                "scipy.optimize.minimize(square, [1.0, 2.0])",
                ("x.x[0] = 4", "x['note'] = [x]", "x.success = None"),
            ),
            "result of a solution": Example(
                "scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], dense_output=True)",
                ("x.y[0, 0] = 4", "x.sol.note = 1"),
            ),
            "filter": Example("scipy.signal.dlti([1.0], [1.0, 0.5])", ("x.num = [2.0]",)),
        },
        prelude=PRELUDE,
        needs=("scipy",),
        how="as instances; what is made in C as opaque objects",
        limits=(
            Limit(
                "that a tree of points lies in the array that it was made of, once it was put back",
                (
                    "import numpy as np, scipy.spatial\na = np.eye(3)\nt = scipy.spatial.KDTree(a)",
                    "a[0] = 7",
                ),
                "not np.shares_memory(t.data, a)",
                needs=("scipy",),
            ),
        ),
    ),
]


@describes("scipy.spatial._ckdtree.cKDTree")
def tree(walk: Any, value: Any) -> tuple[Any, ...]:
    """Describe points and what the tree answers."""
    query = repr(value.query(value.maxes + 0.25))
    return value.data.tobytes(), query, value.leafsize, value.size, *walk.attributes(value)
