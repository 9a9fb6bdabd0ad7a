"""
What is learned on a graph that is known
========================================

The augmentation graph is a stochastic block model with three blocks; an edge weight is the joint probability of two
nodes as a positive pair. Embeddings are free, a row for each node. The spectral contrastive loss of the population
factorizes the graph, so three dimensions span the three leading eigenvectors exactly, the constant one first. InfoNCE
on the circle spans the other two nearly: its rows have unit length and those of eigenvectors do not, and the colder it
is, the more it has to tell apart nodes of one block.
"""

import matplotlib.pyplot as plt
import torch
from torch_geometric.utils import stochastic_blockmodel_graph, to_dense_adj

from gnnclr.dynamics import augmentation_eigenvectors, principal_angles, simulate
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, ContrastiveConv, PotentialConv, WeightedSum
from gnnclr.ops.kernels import Square

# %%
# The graph. Sinkhorn's iteration scales the weights until all nodes are equally likely.
torch.manual_seed(0)
nodes = 120
edges = stochastic_blockmodel_graph(torch.tensor([40, 40, 40]), torch.full((3, 3), 0.05).fill_diagonal_(0.6))
joint = to_dense_adj(edges, max_num_nodes=nodes)[0].double()
for _ in range(500):
    root = joint.sum(dim=1).rsqrt()
    joint = root[:, None] * joint * root
joint = joint / joint.sum()
edge_index = joint.nonzero().t()
graph = ContrastGraph(
    x=torch.randn(nodes, 3, dtype=torch.float64),
    edge_index=edge_index,
    edge_weight=joint[edge_index[0], edge_index[1]],
    negatives=Negatives(exclude="self"),
)
block = torch.arange(3).repeat_interleave(40)
values, vectors = augmentation_eigenvectors(graph, 4)
print("leading eigenvalues:", ", ".join(f"{value:.3f}" for value in values))

# %%
# Anything with a message and an energy is a layer: here the spectral loss of the population,
# :math:`-2\,E f(x)^\top f(x^+) + E (f(x)^\top f(x'))^2`, whose second term is the norm of the :math:`d \times d` matrix
# :math:`E f(x) f(x)^\top`.


class PopulationSpectralLoss:
    """The spectral contrastive loss with all pairs as negatives, also a node with itself."""

    alignment = AlignmentConv(temperature=0.5)

    def energy(self, z, graph):
        return self.alignment.energy(z, graph) + (z.t() @ z / len(z)).square().sum()

    def __call__(self, z, graph):
        return self.alignment(z, graph) - 4 / len(z) * z @ (z.t() @ z / len(z))


def angle_to(target):
    """The largest principal angle between embeddings and eigenvectors, as a measure."""
    return {"angle": lambda z: principal_angles(z, target).max()}


def info_nce(z, temperature):
    """Embeddings on the circle."""
    layer, step = ContrastiveConv(temperature, denominator="none"), 0.25 * min(temperature, temperature**2)
    return simulate(layer, graph, z, rounds=200, step_size=step, measures=angle_to(vectors[:, 1:3]))


pairs = WeightedSum((1.0, AlignmentConv(temperature=0.5)), (1.0, PotentialConv(Square())))
free = {"rounds": 200, "retract": False, "measures": angle_to(vectors[:, :3])}
runs = {
    "spectral loss, population": simulate(PopulationSpectralLoss(), graph, 0.3 * graph.x, **free),
    "spectral loss, pairs": simulate(pairs, graph, 0.3 * graph.x, **free),
    "InfoNCE, temperature 1": info_nce(graph.x[:, :2], 1.0),
}
for name, run in runs.items():
    print(f"{name}: largest principal angle {run.measures['angle'][-1]:.2g} rad")

# %%
# Embeddings beside eigenvectors, after the rotation that brings them nearest.
COLORS = ("#4477aa", "#ee6677", "#228833")
target = vectors[:, :3] * (nodes * values[:3]).sqrt()


def rotated(z, onto):
    """The embeddings after the rotation that brings them nearest to a target."""
    u, _, v = torch.linalg.svd(z.t() @ onto)
    return z @ u @ v


panels = {
    "eigenvectors 2 and 3": target[:, 1:],
    "by the spectral loss": rotated(runs["spectral loss, population"].z, target)[:, 1:],
    "by InfoNCE on the circle": rotated(runs["InfoNCE, temperature 1"].z, target[:, 1:]),
}
figure, axes = plt.subplots(1, 4, figsize=(11.5, 3.1), layout="constrained")
axes[0].imshow(joint > 1e-6, cmap="Greys", interpolation="nearest")
axes[0].set(xticks=[], yticks=[], title="pairs that can be positives")
for axis, (title, position) in zip(axes[1:], panels.items()):
    axis.scatter(*position.t(), s=14, c=[COLORS[b] for b in block.tolist()], linewidths=0, alpha=0.8)
    axis.set(aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), xticks=[-1, 0, 1], yticks=[-1, 0, 1], title=title)
plt.show()

# %%
# How fast, and what a temperature costs: each is begun where the warmer one came to rest.
temperatures = (4.0, 2.0, 1.0, 0.7, 0.5, 0.35, 0.25)
z, angles = graph.x[:, :2], []
for temperature in temperatures:
    run = info_nce(z, temperature)
    z = run.z
    angles.append(float(run.measures["angle"][-1]))

figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.2), layout="constrained")
for name, run in runs.items():
    left.plot(run.round, run.measures["angle"].clamp(min=1e-8), linewidth=2, label=name)
left.set(yscale="log", ylim=(1e-6, 3), xlabel="round", ylabel="radians", title="largest principal angle")
left.legend(frameon=False, fontsize=9, loc="lower right")
right.plot(temperatures, angles, marker="o", linewidth=2)
right.set(
    xscale="log", ylim=(0, None), xlabel="temperature", ylabel="radians", title="InfoNCE: largest principal angle"
)
right.set_xticks(temperatures, [f"{temperature:g}" for temperature in temperatures])
right.minorticks_off()
plt.show()
