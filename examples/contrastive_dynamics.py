"""Points on a sphere under alignment, under uniformity, and under both: a contrastive loss without an encoder.

Positives are the edges of an augmentation graph: three clusters, and a few edges between them. Points start anywhere on
one side of the sphere. Alignment alone contracts the clusters, and then the whole graph, to a point; uniformity alone
spreads the points evenly and mixes the clusters; both together keep each cluster close and the clusters far apart.

    python examples/contrastive_dynamics.py --out dynamics.png --gif dynamics.gif
"""

import argparse

import torch
from matplotlib.animation import PillowWriter
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch_geometric.utils import stochastic_blockmodel_graph

from gnnclr.dynamics import Trajectory, simulate
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, ContrastiveConv, UniformityConv

INK, MUTED = "#1f2933", "#616e7c"
CLUSTERS = ("#4477aa", "#ee6677", "#228833")
LAYERS = {"alignment alone": "#2563a8", "uniformity alone": "#b4232a", "both": "#e07b00"}
OUTCOME = {
    "alignment alone": "contracts to a point",
    "uniformity alone": "spreads, clusters mix",
    "both": "clusters stay close, and far apart",
}
MEASURES = {
    "alignment": "Mean squared distance of positives",
    "uniformity": "Uniformity (lower is more even)",
    "effective_rank": "Effective rank (dimensions in use)",
}
SHOWN = (0, 5, 20, 200)


def three_clusters(points: int, seed: int) -> tuple[ContrastGraph, torch.Tensor]:
    """An augmentation graph of three clusters whose nodes lie anywhere on one side of the sphere."""
    torch.manual_seed(seed)
    size = torch.tensor([points // 3, points // 3, points - 2 * (points // 3)])
    edge_index = stochastic_blockmodel_graph(size, torch.full((3, 3), 0.01).fill_diagonal_(0.3))
    x = torch.randn(points, 3) + torch.tensor([0.0, 0.0, 1.5])  # towards the viewer
    graph = ContrastGraph(x=x, edge_index=edge_index, negatives=Negatives(exclude="self"))
    return graph, torch.arange(3).repeat_interleave(size)


def draw_sphere(axis, z: torch.Tensor, cluster: torch.Tensor, edges: torch.Tensor | None = None) -> None:
    """The points as seen from one side; those behind are small and pale. Lines join positives."""
    position, front = z[:, :2].numpy(), z[:, 2] >= 0
    axis.add_patch(Circle((0, 0), 1, facecolor="#f5f7fa", edgecolor="#cbd2d9"))
    if edges is not None:
        lines = position[edges.t().numpy()]
        axis.add_collection(LineCollection(lines, colors=MUTED, linewidths=0.4, alpha=0.09, zorder=1))
    for side, size, alpha, order in ((~front, 9, 0.3, 2), (front, 20, 0.9, 3)):
        color = [CLUSTERS[c] for c in cluster[side].tolist()]
        axis.scatter(*position[side.numpy()].T, s=size, c=color, alpha=alpha, linewidths=0, zorder=order)
    axis.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


def draw_panels(runs: dict[str, Trajectory], cluster: torch.Tensor, graph: ContrastGraph) -> Figure:
    """A row for each layer: points over the rounds, and a measure of all layers at its end."""
    figure = Figure(figsize=(13.5, 8.1), layout="constrained")
    grid = figure.add_gridspec(3, 5, width_ratios=[1, 1, 1, 1, 1.45])
    for row, (name, run) in enumerate(runs.items()):
        for column, shown in enumerate(SHOWN):
            axis = figure.add_subplot(grid[row, column])
            draw_sphere(axis, run.positions[run.round == shown][0], cluster, graph.edge_index)
            if row == 0:
                axis.set_title(f"round {shown}", color=INK, fontsize=11)
            if column == 0:
                axis.set_ylabel(name, color=LAYERS[name], fontsize=12, fontweight="bold")
            if column == len(SHOWN) - 1:
                axis.set_xlabel(OUTCOME[name], color=LAYERS[name], fontsize=10)
    for row, (measure, title) in enumerate(MEASURES.items()):
        axis = figure.add_subplot(grid[row, 4])
        for name, run in runs.items():
            axis.plot(run.round, run.measures[measure], color=LAYERS[name], linewidth=2, label=name)
        axis.set_title(title, color=INK, fontsize=11)
        axis.tick_params(colors=MUTED, labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(MUTED)
    axis.set_xlabel("round", color=MUTED, fontsize=10)
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower right", ncols=3, frameon=False, labelcolor=INK, fontsize=10)
    figure.suptitle("Rounds of message passing on free points: positives attract, all pairs repel", color=INK)
    return figure


def save_animation(path: str, runs: dict[str, Trajectory], cluster: torch.Tensor) -> None:
    """The three layers side by side."""
    figure = Figure(figsize=(9, 3.5))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.08, top=0.9, wspace=0.03)
    axes = figure.subplots(1, 3)
    writer = PillowWriter(fps=8)
    with writer.saving(figure, path, dpi=80):
        for shown in (*range(20), *range(20, 120, 4), *[SHOWN[-1]] * 8):  # most happens early
            for axis, (name, run) in zip(axes, runs.items()):
                axis.clear()
                draw_sphere(axis, run.positions[run.round == shown][0], cluster)
                axis.set_title(name, color=LAYERS[name], fontsize=12, fontweight="bold")
            axes[1].set_xlabel(f"round {shown}", color=MUTED, fontsize=10)
            writer.grab_frame()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="contrastive_dynamics.png", help="the figure")
    parser.add_argument("--gif", help="also save an animation")
    parser.add_argument("--points", type=int, default=90)
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    graph, cluster = three_clusters(options.points, options.seed)
    tau = options.temperature
    parts = {"alignment": AlignmentConv(tau), "uniformity": UniformityConv(tau)}
    both = ContrastiveConv(alignment=parts["alignment"], uniformity=parts["uniformity"], denominator="none")
    runs = {}
    for name, conv in zip(LAYERS, (*parts.values(), both)):
        run = simulate(conv, graph, rounds=SHOWN[-1], step_size=tau**2 / 4, parts=parts, positions=True)
        runs[name] = run
        energy = ", ".join(f"{part} {values[-1]:.2f}" for part, values in run.parts.items())
        measured = ", ".join(f"{measure} {run.measures[measure][-1]:.2f}" for measure in MEASURES)
        print(f"{name:16} after {int(run.round[-1])} rounds: energy {energy}; measures {measured}")
    draw_panels(runs, cluster, graph).savefig(options.out, dpi=120)
    if options.gif:
        save_animation(options.gif, runs, cluster)
