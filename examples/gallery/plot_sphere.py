"""
Alignment, uniformity, and both
===============================

Points on a sphere move by rounds of a layer: a contrastive loss without an encoder. Positives are the edges of an
augmentation graph with three clusters and a few edges between them. Alignment alone contracts the clusters, and then
the whole graph, to a point; uniformity alone spreads the points evenly and mixes the clusters; both together keep each
cluster close and the clusters far apart.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.collections import LineCollection
from torch_geometric.utils import stochastic_blockmodel_graph

from gnnclr.dynamics import simulate
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, ContrastiveConv, UniformityConv

# %%
# The graph: 90 nodes anywhere on one side of the sphere, towards the viewer.
torch.manual_seed(0)
size = torch.tensor([30, 30, 30])
edge_index = stochastic_blockmodel_graph(size, torch.full((3, 3), 0.01).fill_diagonal_(0.3))
start = torch.randn(90, 3) + torch.tensor([0.0, 0.0, 1.5])
graph = ContrastGraph(x=start, edge_index=edge_index, negatives=Negatives(exclude="self"))
cluster = torch.arange(3).repeat_interleave(size)

# %%
# Three layers. The decoupled contrastive layer is the sum of the other two. :func:`~gnnclr.dynamics.simulate` moves the
# points by the message of a layer, and records energies, measures and positions.
tau, rounds = 0.5, 200
parts = {"alignment": AlignmentConv(tau), "uniformity": UniformityConv(tau)}
both = ContrastiveConv(alignment=parts["alignment"], uniformity=parts["uniformity"], denominator="none")
layers = {"alignment alone": parts["alignment"], "uniformity alone": parts["uniformity"], "both": both}
runs = {
    name: simulate(layer, graph, rounds=rounds, step_size=tau**2 / 4, parts=parts, positions=True)
    for name, layer in layers.items()
}
for name, run in runs.items():
    energies = ", ".join(f"{part} {values[-1]:.2f}" for part, values in run.parts.items())
    print(f"{name:16} energies: {energies}; effective rank {run.measures['effective_rank'][-1]:.2f}")

# %%
# What the points do. Those behind the sphere are small and pale; faint lines join positives.
COLORS = ("#4477aa", "#ee6677", "#228833")


def draw_sphere(axis, z, edges=None):
    """The points as seen from one side."""
    axis.add_patch(plt.Circle((0, 0), 1, facecolor="#f5f7fa", edgecolor="#cbd2d9"))
    if edges is not None:
        lines = z[edges.t(), :2].numpy()
        axis.add_collection(LineCollection(lines, colors="#616e7c", linewidths=0.4, alpha=0.09))
    front = z[:, 2] >= 0
    for side, area, alpha in ((~front, 9, 0.3), (front, 20, 0.9)):
        color = [COLORS[c] for c in cluster[side].tolist()]
        axis.scatter(*z[side, :2].t(), s=area, c=color, alpha=alpha, linewidths=0, zorder=2)
    axis.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


shown = (0, 5, 20, 200)
figure, axes = plt.subplots(3, 4, figsize=(9.6, 7.4), layout="constrained")
for row, (name, run) in zip(axes, runs.items()):
    row[0].set_ylabel(name, fontsize=11)
    for axis, moment in zip(row, shown):
        draw_sphere(axis, run.positions[run.round == moment][0], edge_index)
        axis.set_title(f"round {moment}", fontsize=10)
plt.show()

# %%
# The measures of the three runs. Alignment alone loses all but one dimension.
titles = {
    "alignment": "Mean squared distance of positives",
    "uniformity": "Uniformity (lower is more even)",
    "effective_rank": "Effective rank (dimensions in use)",
}
figure, axes = plt.subplots(1, 3, figsize=(9.6, 2.8), layout="constrained")
for axis, (measure, title) in zip(axes, titles.items()):
    for name, run in runs.items():
        axis.plot(run.round, run.measures[measure], linewidth=2, label=name)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("round")
    axis.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False, fontsize=9)
plt.show()

# %%
# The same as an animation: most happens in the first rounds.
moving, axes = plt.subplots(1, 3, figsize=(7.8, 3.0), layout="constrained")


def draw_round(moment):
    """All three layers after a number of rounds."""
    for axis, (name, run) in zip(axes, runs.items()):
        axis.clear()
        draw_sphere(axis, run.positions[run.round == moment][0])
        axis.set_title(name, fontsize=11)
    axes[1].set_xlabel(f"round {moment}")


animation = FuncAnimation(moving, draw_round, frames=[*range(0, 20, 2), *range(20, 121, 10)], interval=160)
plt.show()
