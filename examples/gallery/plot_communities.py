"""
Communities of a graph, and the negatives that they leave
=========================================================

Nodes of one community are often of one class, so as negatives they are often false ones. A rule takes them from the
negatives of a node, or weighs them less. Labels only judge here.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.collections import LineCollection
from sknetwork.embedding import Spring
from torch_geometric.utils import to_scipy_sparse_matrix

from gnnclr.graph.communities import ExcludeCommunity, louvain, negative_quality
from gnnclr.node import sbm

# %%
# A generated graph with classes, and the communities that Louvain finds in its edges alone.
torch.manual_seed(0)
data = sbm(num_nodes=240, degree=10)
community = louvain(data.edge_index, data.num_nodes)
print(f"{data.num_nodes} nodes, {int(data.y.max()) + 1} classes, {int(community.max()) + 1} communities")

# %%
# The graph twice: nodes in the color of their class, and of their community.
adjacency = to_scipy_sparse_matrix(data.edge_index, num_nodes=data.num_nodes).tocsr()
position = torch.from_numpy(Spring(n_iter=80, position_init="spectral").fit_transform(adjacency))
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for axis, (title, group) in zip(axes, {"classes": data.y, "communities by Louvain": community}.items()):
    lines = position[data.edge_index.t()].numpy()
    axis.add_collection(LineCollection(lines, colors="#9aa5b1", linewidths=0.4, alpha=0.3, zorder=0))
    axis.scatter(*position.t(), c=group, cmap="tab10", vmin=0, vmax=9, s=22, edgecolors="white", linewidths=0.4)
    axis.set(title=title, xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
plt.show()

# %%
# What the rule takes: how many pairs, and how many of them were false negatives.
print(negative_quality(ExcludeCommunity(community), data.y, edge_index=data.edge_index))

# %%
# The pairs that still repel, ordered by class: light where a pair is no negative any more. What is light inside of the
# diagonal blocks is a false negative less, what is light outside of them a true one lost.
order = data.y.argsort()
taken = community[order, None] == community[order]
figure, axis = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
axis.imshow(~taken, cmap="Blues", vmin=-0.3, vmax=1.4, interpolation="nearest")
for boundary in data.y.bincount().cumsum(0)[:-1].tolist():
    axis.axhline(boundary - 0.5, color="#b4232a", linewidth=0.8)
    axis.axvline(boundary - 0.5, color="#b4232a", linewidth=0.8)
axis.set(xticks=[], yticks=[], title="pairs that repel; lines part classes")
plt.show()
