"""A picture of one contrastive batch as a graph."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.report.figure import ATTRACT, INK, MUTED, NEIGHBOR, REPEL, class_color, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_batch_graph(
    graph: ContrastGraph,
    labels: Tensor | None = None,
    images: Tensor | None = None,
    temperature: float = 0.5,
    strongest: int = 60,
    width: float = 7.2,
) -> "Figure":
    r"""Draws the views of a small batch, the edges that attract and the pairs that repel the most.

    Nodes lie at the first two principal components of their embeddings, pushed apart until they do not overlap. Pairs
    of
    different samples repel with strength :math:`P_{ij} + P_{ji}`, the softmax of their similarities.

    Args:
        graph (ContrastGraph): The batch, with embeddings ``x``, ``sample`` and ``edge_index``.
        labels (Tensor, optional): Classes, for the colours; ``-1`` is grey. (default: ``None``)
        images (Tensor, optional): The views themselves, drawn at their nodes. (default: ``None``)
        temperature (float, optional): The temperature of the softmax. (default: ``0.5``)
        strongest (int, optional): How many repelling pairs to draw. (default: ``60``)
        width (float, optional): Width of the figure in inches. (default: ``7.2``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, labels :math:`(n)`, images :math:`(n, c, h, w)` in [0, 1]

    Raises:
        ValueError: If there are more than 200 nodes, which no page can show.
    """
    z = unit_rows(graph.x.detach().float().cpu())
    if z.size(0) > 200:
        raise ValueError(f"'graph' must have at most 200 nodes to be drawn (got {z.size(0)})")
    sample = graph.sample.cpu()
    position = _spread(_principal(z), gap=0.2)
    figure, (axis,) = new_figure(1, width, 0.66 * width)
    axis.set_axis_off()
    axis.set_aspect("equal")

    apart = sample[:, None] != sample[None, :]
    repulsion = torch.softmax((z @ z.t() / temperature).masked_fill(~apart, -torch.inf), dim=1)
    repulsion = (repulsion + repulsion.t()).triu(1)
    value, pair = repulsion.flatten().topk(min(strongest, repulsion.numel()))
    for strength, index in zip((value / value.max()).tolist(), pair.tolist()):
        ends = position[[index // len(z), index % len(z)]]
        axis.plot(*ends.t(), color=REPEL, linewidth=0.5 + 1.1 * strength, alpha=0.15 + 0.4 * strength, zorder=1)

    source, target = graph.edge_index.cpu()
    inside = source < len(z)
    for i, j in {tuple(sorted(edge)) for edge in zip(source[inside].tolist(), target[inside].tolist())}:
        own = bool(sample[i] == sample[j])
        axis.plot(
            *position[[i, j]].t(),
            color=ATTRACT if own else NEIGHBOR,
            linewidth=2.0 if own else 1.3,
            linestyle="-" if own else (0, (4, 2)),
            alpha=0.9,
            zorder=2,
        )
    colors = [MUTED] * len(z) if labels is None else [class_color(label) for label in labels]
    if images is None:
        axis.scatter(*position.t(), s=110, c=colors, edgecolors="white", linewidths=1.4, zorder=3)
    else:
        _draw_images(axis, position, images, colors)
    _legend(axis, knn=bool((sample[source[inside]] != sample[target[inside]]).any()))
    axis.margins(0.06)
    return figure


def _principal(z: Tensor) -> Tensor:
    centred = z - z.mean(dim=0)
    position = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:2].t()
    position = F.pad(position, (0, 2 - position.size(1)))
    return position / position.abs().amax(dim=0).clamp_min(1e-12) * torch.tensor([1.5, 0.9])


def _spread(position: Tensor, gap: float, rounds: int = 400) -> Tensor:
    # Coinciding nodes have no direction to part in, so each starts a hair away, at an angle of its own.
    angle = torch.arange(len(position)) * 2.399963
    position = position + 1e-3 * torch.stack([angle.cos(), angle.sin()], dim=1)
    for _ in range(rounds):
        difference = position[:, None] - position[None, :]
        distance = difference.norm(dim=2).fill_diagonal_(torch.inf)
        overlap = (gap - distance).clamp_min(0.0)
        position = position + 0.25 * (difference / distance[..., None] * overlap[..., None]).sum(dim=1)
    return position


def _draw_images(axis, position: Tensor, images: Tensor, colors: list[str]) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    images = images.detach().float().cpu().clamp(0, 1)
    zoom = 22 / images.size(-1)
    for (x, y), image, color in zip(position.tolist(), images, colors):
        pixels = image.expand(3, -1, -1).permute(1, 2, 0).numpy()
        picture = OffsetImage(pixels, zoom=zoom, interpolation="nearest")
        frame = {"edgecolor": color, "linewidth": 2.0, "boxstyle": "square,pad=0"}
        axis.add_artist(AnnotationBbox(picture, (x, y), pad=0, bboxprops=frame, zorder=3))
    # Artists do not count towards the limits of the axes, points do.
    axis.scatter(*position.t(), s=0)


def _legend(axis, knn: bool) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=ATTRACT, linewidth=2.0, label="views of one sample attract")]
    if knn:
        lines.append(
            Line2D([], [], color=NEIGHBOR, linewidth=1.3, linestyle=(0, (4, 2)), label="kNN positives attract")
        )
    lines.append(Line2D([], [], color=REPEL, linewidth=1.4, alpha=0.5, label="strongest repulsion"))
    axis.legend(
        handles=lines,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=3,
        frameon=False,
        labelcolor=INK,
        fontsize=9,
    )
