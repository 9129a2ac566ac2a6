"""Pictures, graphs, formulas: matplotlib, networkx, sympy."""

from __future__ import annotations

from oracle.library import Library

MATPLOTLIB = Library(
    start="""
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.close("all")
matplotlib.rcdefaults()
matplotlib.use("Agg")
fig, ax = plt.subplots()
(line,) = ax.plot(v)
""",
    names={"line": ("line",), "any": ("fig", "ax")},
    values={
        "new": ("line.get_data()", "ax.lines", "fig.axes", "plt.gcf()"),
        "new_line": (
            "ax.plot({vector})[0]",
            "ax.plot([1, {n}, 2], [1, 2, 3])[0]",
            "ax.axhline({n})",
            "ax.lines[0]",
        ),
    },
    statements=(
        "line = {new_line}",
        "line = {new_line}",
        "line.set_data([1, 2, 3], [{n}, 2, 1])",
        "line.set_ydata({vector})",
        "line.set_data(v, w)",
        "line.set_color('C{n}')",
        "line.remove()",
        "line._note = {any}",
        "ax.set_title('title {n}')",
        "ax.set_xlim(0, {n})",
        "ax.set_ylabel('y{n}')",
        "ax.cla()",
        "ax.bar([1, 2], [{n}, 1])",
        "ax.scatter([1, 2], [{n}, 3])",
        "ax.imshow(m)",
        "ax.text(0, 0, 'text {n}')",
        "ax.legend(['one', 'two'])",
        "ax.set_yscale('log')",
        "ax = fig.add_subplot(1, 2, 2)",
        "ax = ax.twinx()",
        "fig.suptitle('all {n}')",
        "fig.clf(); ax = fig.add_subplot()",
        "fig.set_size_inches({n} + 2, 3)",
        "fig = plt.figure()",
        "fig, ax = plt.subplots()",
        "plt.plot([{n}, 2, 3])",
        "plt.title('of pyplot {n}')",
        "plt.close(fig)",
        "plt.close('all')",
        "plt.figure(1)",
        "plt.rcParams['lines.linewidth'] = {n}",
        "fig.canvas.draw()",
        "fig.add_axes((0, 0, 0.5, 0.5))",
        "fig = matplotlib.figure.Figure(); ax = fig.add_subplot()",
        "box['fig'] = fig",
        "row.append(line)",
        "ax.note = {any}",
    ),
    needs=("matplotlib",),
    after=("numpy",),
)

NETWORKX = Library(
    start="""
import networkx as nx
G = nx.path_graph(3)
H = G.copy()
""",
    names={"graph": ("G",), "any": ("H",)},
    values={
        "new": ("G.nodes", "G.adj", "G[0]", "G.edges", "G.subgraph([0, 1])"),
        "new_graph": (
            "nx.DiGraph([(0, 1), (1, {n})])",
            "nx.MultiGraph([(0, 1), (0, 1)])",
            "nx.cycle_graph({n} + 1)",
            "G.copy()",
            "G.subgraph([0, 1])",
            "G.to_directed()",
            "nx.gnp_random_graph(5, 0.5, seed={n})",
            "nx.Graph(G)",
        ),
    },
    statements=(
        "G = {new_graph}",
        "G = {new_graph}",
        "H = G",
        "G.add_edge(0, {n} + 1, weight={n})",
        "G.add_node('n{n}', data={any})",
        "G.remove_node({n})",
        "G.remove_edge(0, 1)",
        "G.nodes[0]['v'] = {any}",
        "G[0][1]['w'] = {any}",
        "G.graph['name'] = {any}",
        "G.clear()",
        "G.add_edges_from([({n}, 5), (5, 6)])",
        "row.append(nx.to_numpy_array(G))",
        "box['G'] = G",
        "H.update(G)",
    ),
    needs=("networkx",),
)

SYMPY = Library(
    start="""
import sympy
x, y = sympy.symbols("x y")
ex = x**2 + y
sy = sympy.Matrix([[x, 1], [2, y]])
""",
    names={"expression": ("ex",), "any": ("sy", "x", "y")},
    values={
        "new": ("sympy.Function('h')(x)", "sympy.lambdify(x, x + {n})"),
        "new_expression": (
            "sympy.expand((x + {n}) ** 3)",
            "ex.subs(x, {n})",
            "ex.diff(x)",
            "sympy.sqrt(ex)",
            "sympy.Integral(ex, x)",
            "sympy.Symbol('z', positive=True) + ex",
            "sympy.Rational(1, {n})",
        ),
    },
    statements=(
        "ex = {new_expression}",
        "ex = {new_expression}",
        "sy[0, 0] = {new_expression}",
        "sy[1, 1] = {n}",
        "sy.row_del(0)",
        "sy = sympy.eye({n})",
        "sy = sy.row_join(sy)",
        "x = sympy.Symbol('x', integer=True)",
        "box[ex] = {any}",
        "row.append(ex)",
        "f = sympy.lambdify((x, y), ex)",
        "kept = {{x: {any}, ex: 1}}",
    ),
    needs=("sympy",),
)
