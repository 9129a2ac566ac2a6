# %%
import random

import networkx as nx

random.seed(3)

# %%
G = nx.karate_club_graph()
G.number_of_nodes(), G.number_of_edges()

# %%
degrees = dict(G.degree())
max(degrees, key=degrees.get)

# %%
nx.set_node_attributes(G, degrees, "degree")
G.nodes[0]

# %%
view = G.subgraph([0, 1, 2, 3])       # a view: follows G
copy = view.copy()
view.number_of_edges()

# %%
G.remove_edge(0, 1)
view.number_of_edges(), copy.number_of_edges()

# %% raises
G.remove_edge(0, 1)

# %%
for u, v in G.edges:
    G[u][v]["cost"] = round(random.uniform(1, 5), 3)
nx.shortest_path(G, 1, 33, weight="cost")

# %%
G.graph["seen"] = []
def path(a, b):
    p = nx.dijkstra_path(G, a, b, weight="cost")
    G.graph["seen"].append((a, b))
    for n in p:
        G.nodes[n]["visits"] = G.nodes[n].get("visits", 0) + 1
    return p
path(1, 33), path(20, 5)

# %%
rank = nx.pagerank(G, weight=None)
sorted(rank, key=rank.get)[-3:]

# %%
parts = list(nx.community.greedy_modularity_communities(G))
[len(p) for p in parts]

# %%
D = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")])
D.add_edge("c", "d", label=[1])
D.add_node("lonely", data={"x": 1})
list(nx.topological_sort(D))

# %%
D.edges["c", "d"]["label"].append(2)
D.nodes["lonely"]["data"]["x"] = D     # holds itself
D.add_edge("d", "a")
nx.is_directed_acyclic_graph(D), next(iter(nx.simple_cycles(D)))

# %% raises
list(nx.topological_sort(D))

# %%
R = D.reverse(copy=False)
D.remove_node("b")
list(R.edges)

# %%
M = nx.MultiGraph()
for _ in range(3):
    M.add_edge(1, 2, w=random.random())
M.add_edge(2, 1, key="named")
M.number_of_edges(1, 2), M[1][2]["named"]

# %%
nx.relabel_nodes(M, {1: "one"}, copy=False)
M.remove_edge("one", 2, key=0)
M.edges(keys=True)

# %%
T = nx.minimum_spanning_tree(G, weight="cost")
G.add_edges_from((n, "hub", {"cost": 1}) for n in range(0, 10, 3))
len(T.edges), G.degree("hub")

# %%
walks = nx.dfs_edges(T, 0)
next(walks), next(walks)

# %%
walks = list(walks)
adj = G.adj["hub"]
G.remove_nodes_from([0, 3])
dict(adj)

# %%
G.clear_edges()
nx.freeze(T)
G.number_of_edges(), nx.is_frozen(T)

# %% raises
T.add_edge(0, 99)

# %%
pos = nx.spring_layout(D, seed=1)
pos["a"][0] = 0
sorted(pos)
