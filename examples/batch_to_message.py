"""A contrastive batch, the graph that it is, and the message that is its update, in one picture.

Two views of six digits are nodes. Positives are edges; all other pairs repel. Embeddings have two dimensions here, so
that the message of NT-Xent, which is minus its gradient, can be drawn as arrows along the circle.

    python examples/batch_to_message.py --out batch_to_message.png
"""

import argparse

import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Circle, FancyArrowPatch
from sklearn.datasets import load_digits
from torch.nn.functional import normalize

from gnnclr.graph import augmentation_graph
from gnnclr.nn import ContrastiveConv

INK, MUTED, ATTRACT, REPEL = "#1f2933", "#616e7c", "#2563a8", "#b4232a"
SAMPLES = (0, 1, 4, 5, 16, 7)


def two_views() -> torch.Tensor:
    """Two views [2, 6, 8, 8] of six digits: shifted by a pixel, and noisy."""
    torch.manual_seed(0)
    images = torch.from_numpy(load_digits().images[list(SAMPLES)]).float() / 16
    views = torch.stack([images, images.roll(1, dims=2)])
    return (views + 0.08 * torch.randn_like(views)).clamp(0, 1)


def embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    """Two unit embeddings of each sample, where an encoder might put them early in training."""
    start = torch.tensor([0.15, 1.10, 2.05, 3.25, 4.25, 5.25])
    first, second = start, start + torch.tensor([0.50, 0.42, 0.62, 0.40, 0.55, 0.48])
    return tuple(torch.stack([angle.cos(), angle.sin()], dim=1) for angle in (first, second))


def thumbnail(axis, image: torch.Tensor, position, color: str, zoom: float = 2.6) -> None:
    """An image at a place, in a frame."""
    box = OffsetImage(image.numpy(), zoom=zoom, cmap="gray_r", interpolation="nearest")
    style = {"edgecolor": color, "linewidth": 1.4, "boxstyle": "square,pad=0.1"}
    axis.add_artist(AnnotationBbox(box, tuple(position), frameon=True, bboxprops=style, pad=0.1))


def draw_batch(axis, views: torch.Tensor) -> None:
    """Rows of a sample, columns of its views."""
    for view in range(2):
        for sample in range(len(SAMPLES)):
            thumbnail(axis, views[view, sample], (0.32 + 0.36 * view, 0.9 - 0.16 * sample), MUTED, zoom=3.2)
        axis.text(0.32 + 0.36 * view, 1.02, f"view {view}", ha="center", color=MUTED, fontsize=9)
    axis.set(xlim=(0, 1), ylim=(0, 1.05))


def draw_circle(axis, views: torch.Tensor, z: torch.Tensor) -> None:
    """Nodes at their embeddings."""
    axis.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor="#cbd2d9", zorder=0))
    for image, position in zip(views.flatten(0, 1), z):
        thumbnail(axis, image, position, INK, zoom=2.0)
    axis.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), aspect="equal")


def draw_edges(axis, z: torch.Tensor, positives: torch.Tensor) -> None:
    """Positives as edges, negatives as pale lines."""
    n = len(z)
    pairs = torch.combinations(torch.arange(n))
    axis.add_collection(LineCollection(z[pairs].numpy(), colors=REPEL, linewidths=0.6, alpha=0.22, zorder=1))
    edges = z[positives.t()].numpy()
    axis.add_collection(LineCollection(edges, colors=ATTRACT, linewidths=3.0, zorder=2))


def draw_message(axis, z: torch.Tensor, message: torch.Tensor) -> None:
    """What each node receives, along the circle: its length is taken by the projection to unit rows."""
    along = message - (message * z).sum(1, keepdim=True) * z
    for start, step in zip(1.27 * z, 0.24 * along / along.norm(dim=1).max()):
        end = 1.27 * normalize(start + step, dim=0)
        arrow = {"arrowstyle": "-|>", "mutation_scale": 13, "linewidth": 1.8, "color": ATTRACT}
        axis.add_patch(FancyArrowPatch(tuple(start.tolist()), tuple(end.tolist()), shrinkA=0, shrinkB=0, **arrow))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="batch_to_message.png", help="default: batch_to_message.png")
    arguments = parser.parse_args()
    views = two_views()
    graph = augmentation_graph(list(embeddings()))
    message = ContrastiveConv(temperature=0.5)(graph.x, graph)

    figure = Figure(figsize=(10.5, 3.7), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[0.62, 1, 1])
    draw_batch(axes[0], views)
    draw_circle(axes[1], views, graph.x)
    draw_edges(axes[1], graph.x, graph.positives)
    draw_circle(axes[2], views, graph.x)
    draw_message(axes[2], graph.x, message)
    titles = ("a batch", "is a graph: positives attract, all others repel", "its update is a message")
    for axis, title in zip(axes, titles):
        axis.set_title(title, color=INK, fontsize=11)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    figure.savefig(arguments.out, dpi=150, facecolor="white")
    print(f"The picture is {arguments.out}")


if __name__ == "__main__":
    main()
