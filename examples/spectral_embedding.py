"""What contrastive losses learn on an augmentation graph that is known: its leading eigenvectors.

The graph is a stochastic block model with three blocks; an edge weight is the joint probability of two nodes as a
positive pair. Embeddings are free, a row for each node. The spectral contrastive loss of the population factorizes the
graph, so three dimensions span the three leading eigenvectors exactly, the constant one first. InfoNCE on the circle
spans the other two nearly: its rows have unit length and those of eigenvectors do not, and the colder it is, the more
it has to tell apart nodes of one block.

    python examples/spectral_embedding.py --out spectral.png
"""

import argparse

import torch
from matplotlib.figure import Figure
from torch_geometric.utils import stochastic_blockmodel_graph, to_dense_adj

from gnnclr.dynamics import Trajectory, augmentation_eigenvectors, principal_angles, simulate
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, ContrastiveConv, PotentialConv, WeightedSum
from gnnclr.ops.kernels import Square

INK, MUTED = "#1f2933", "#616e7c"
BLOCKS = ("#4477aa", "#ee6677", "#228833")
CURVES = ("#2563a8", "#66a3dd", "#e07b00")
TEMPERATURES = (4.0, 2.0, 1.0, 0.7, 0.5, 0.35, 0.25)


def augmentation_graph_of_blocks(nodes: int, seed: int) -> tuple[ContrastGraph, torch.Tensor, torch.Tensor]:
    """The graph, the joint distribution of its positives with all nodes equally likely, and the block of each node."""
    torch.manual_seed(seed)
    size = torch.tensor([nodes // 3, nodes // 3, nodes - 2 * (nodes // 3)])
    edge_index = stochastic_blockmodel_graph(size, torch.full((3, 3), 0.05).fill_diagonal_(0.6))
    joint = to_dense_adj(edge_index, max_num_nodes=nodes)[0].double()
    for _ in range(500):  # Sinkhorn's iteration: scale until all rows have equal sums
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
    return graph, joint, torch.arange(3).repeat_interleave(size)


class PopulationSpectralLoss:
    """The loss -2 E f(x)ᵀf(x⁺) + E (f(x)ᵀf(x'))², whose second term is the norm of the d x d matrix E f(x)f(x)ᵀ.

    Anything with a message and an energy is a layer.
    """

    def __init__(self):
        self.alignment = AlignmentConv(temperature=0.5)

    def energy(self, z: torch.Tensor, graph: ContrastGraph) -> torch.Tensor:
        return self.alignment.energy(z, graph) + (z.t() @ z / len(z)).square().sum()

    def __call__(self, z: torch.Tensor, graph: ContrastGraph) -> torch.Tensor:
        return self.alignment(z, graph) - 4 / len(z) * z @ (z.t() @ z / len(z))


def rotated(z: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
    """The embeddings after the rotation that brings them nearest to a target."""
    u, _, v = torch.linalg.svd(z.t() @ onto)
    return z @ u @ v


def info_nce(
    graph: ContrastGraph, z: torch.Tensor, temperature: float, steps: int, vectors: torch.Tensor
) -> Trajectory:
    """Embeddings on the circle, and their largest principal angle to the eigenvectors."""
    conv = ContrastiveConv(temperature, denominator="none")
    measures = {"angle": lambda z: principal_angles(z, vectors).max()}
    step = 0.25 * min(temperature, temperature**2)
    return simulate(conv, graph, z, rounds=steps, step_size=step, measures=measures)


def scatter(axis, position: torch.Tensor, block: torch.Tensor, title: str) -> None:
    axis.scatter(*position.t(), s=16, c=[BLOCKS[b] for b in block.tolist()], linewidths=0, alpha=0.8)
    axis.axhline(0, color="#e4e7eb", linewidth=1, zorder=0)
    axis.axvline(0, color="#e4e7eb", linewidth=1, zorder=0)
    axis.set(aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axis.set_title(title, color=INK, fontsize=11)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="spectral_embedding.png", help="the figure")
    parser.add_argument("--steps", type=int, default=200, help="rounds of each loss")
    parser.add_argument("--nodes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    graph, joint, block = augmentation_graph_of_blocks(options.nodes, options.seed)
    values, vectors = augmentation_eigenvectors(graph, 4)
    print("leading eigenvalues:", ", ".join(f"{value:.3f}" for value in values))
    target = vectors[:, :3] * (options.nodes * values[:3]).sqrt()

    pairs = WeightedSum((1.0, AlignmentConv(temperature=0.5)), (1.0, PotentialConv(Square())))
    measures = {"angle": lambda z: principal_angles(z, vectors[:, :3]).max()}
    free = {"rounds": options.steps, "retract": False, "measures": measures}
    runs = {
        "spectral loss, population": simulate(PopulationSpectralLoss(), graph, 0.3 * graph.x, **free),
        "spectral loss, pairs": simulate(pairs, graph, 0.3 * graph.x, **free),
        "InfoNCE, temperature 1": info_nce(graph, graph.x[:, :2], 1.0, options.steps, vectors[:, 1:3]),
    }
    for name, run in runs.items():
        print(f"{name}: energy {run.energy[-1]:.4f}, largest principal angle {run.measures['angle'][-1]:.2g} rad")
    print(f"least energy of the spectral loss, minus the sum of squared eigenvalues: {-values[:3].square().sum():.4f}")

    z, angles = graph.x[:, :2], []
    for temperature in TEMPERATURES:  # from warm to cold, each from where the last one came to rest
        run = info_nce(graph, z, temperature, options.steps, vectors[:, 1:3])
        z = run.z
        angles.append(float(run.measures["angle"][-1]))
    print("InfoNCE:", ", ".join(f"temperature {t:g} angle {a:.3f}" for t, a in zip(TEMPERATURES, angles)))

    figure = Figure(figsize=(12, 7.6), layout="constrained")
    axes = figure.subplots(2, 3)
    axes[0, 0].imshow(joint > 1e-6, cmap="Greys", interpolation="nearest")
    axes[0, 0].set_title("Augmentation graph: pairs that can be positives", color=INK, fontsize=11)
    axes[0, 0].set(xticks=[], yticks=[], xlabel="node x", ylabel="positive x⁺")
    scatter(axes[0, 1], target[:, 1:], block, "Its eigenvectors 2 and 3")
    spectral, nce = runs["spectral loss, population"].z, runs["InfoNCE, temperature 1"].z
    scatter(axes[1, 0], rotated(spectral, target)[:, 1:], block, "Learned by the spectral loss (rotated)")
    scatter(axes[1, 1], rotated(nce, target[:, 1:]), block, "Learned by InfoNCE on the circle (rotated)")
    axis = axes[0, 2]
    for (name, run), color in zip(runs.items(), CURVES):
        angle = run.measures["angle"]
        last = f"{angle[-1]:.2g}" if angle[-1] > 1e-6 else "0"
        axis.plot(run.round, angle.clamp(min=1e-8), color=color, linewidth=2, label=f"{name}: {last} rad")
    axis.set(yscale="log", ylim=(1e-6, 3), xlabel="round", ylabel="radians")
    axis.set_title("Largest principal angle to the eigenvectors", color=INK, fontsize=11)
    axis.legend(frameon=False, fontsize=9, labelcolor=INK, loc="center right", bbox_to_anchor=(1.0, 0.4))
    axis = axes[1, 2]
    axis.plot(TEMPERATURES, angles, color=CURVES[2], linewidth=2, marker="o", markersize=5)
    axis.set(xscale="log", ylim=(0, None), xlabel="temperature", ylabel="radians")
    axis.set_xticks(TEMPERATURES, [f"{t:g}" for t in TEMPERATURES])
    axis.minorticks_off()
    axis.set_title("InfoNCE: largest principal angle", color=INK, fontsize=11)
    for axis in axes.flat:
        axis.tick_params(colors=MUTED, labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(MUTED)
        axis.xaxis.label.set_color(MUTED)
        axis.yaxis.label.set_color(MUTED)
    figure.savefig(options.out, dpi=120)
