"""networkx: graphs, their attributes, views of them."""

from __future__ import annotations

from cowtm.testing import Example, Family

PRELUDE = """
import networkx as nx

def with_views():
    graph = nx.path_graph(4)
    return [graph, graph.nodes, graph.edges, graph.adj, graph.degree, graph.subgraph([1, 2])]

class Place:
    pass

class MyGraph(nx.Graph):
    pass
"""

CHANGES = (
    "x.add_edge(1, 9, weight=2.5)",
    "x.nodes[1]['tags'] = [1]",
    "x.nodes[1]['tags'].append(2)",
    "x.edges[0, 1]['weight'] = 7",
    "x.graph['name'] = 'g'",
    "x.remove_node(2)",
    "x.add_nodes_from(['a', ('b', 1)])",
    "x.remove_edge(0, 1)",
)

FAMILIES = [
    Family(
        "graphs (networkx)",
        {
            "graph": Example("nx.path_graph(4)", CHANGES),
            "directed graph": Example(
                "nx.path_graph(4, nx.DiGraph)", (*CHANGES, "x.clear_edges()")
            ),
            "graph with several edges": Example(
                "nx.MultiDiGraph([(0, 1), (0, 1), (1, 2)])",
                ("x.add_edge(0, 1, key='k')", "x.edges[0, 1, 0]['w'] = [1]", "x.remove_edge(0, 1)"),
            ),
            "graph used": Example(
                "(lambda g: (g.adj, g.nodes, g.edges, g.degree, nx.shortest_path(g, 0, 3), g)[-1])"
                "(nx.path_graph(4))",
                CHANGES,
            ),
            "views": Example(
                "with_views()",
                ("x[0].add_edge(1, 3)", "x[5].nodes[1]['a'] = 1", "x[0].remove_node(3)"),
            ),
            "read-only view": Example(
                "(lambda g: [g, nx.freeze(g.copy()), nx.restricted_view(g, [0], []), "
                "nx.reverse_view(g)])(nx.path_graph(4, nx.DiGraph))",
                ("x[0].add_edge(1, 3)", "x[1].graph['a'] = 1"),
            ),
            "nodes that are objects": Example(
                "nx.Graph([(p := Place(), q := Place()), (q, 1)])",
                ("next(iter(x)).note = [1]", "x.add_edge(next(iter(x)), 5)"),
            ),
            "class of one's own": Example("MyGraph([(0, 1)])", ("x.add_edge(1, 2)", "x.note = 1")),
        },
        prelude=PRELUDE,
        needs=("networkx",),
        how="as instances: dicts within dicts, in order; views by what they look at",
    ),
]
