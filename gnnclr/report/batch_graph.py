"""A picture of one contrastive batch as a graph."""

import copy
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.graph.explicit_negatives import extra_negatives
from gnnclr.graph.negative_pairs import negative_pairs
from gnnclr.graph.pair_exceptions import pair_log_weight
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.report.figure import ATTRACT, INK, MUTED, NEIGHBOR, REPEL, class_color, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Lines of positives.
OF_SAMPLE: dict[str, Any] = {"color": ATTRACT, "linewidth": 2.0, "linestyle": "-", "alpha": 0.9}
OF_OTHERS: dict[str, Any] = {"color": NEIGHBOR, "linewidth": 1.3, "linestyle": (0, (4, 2)), "alpha": 0.9}


def draw_batch_graph(
    graph: ContrastGraph,
    labels: Tensor | None = None,
    images: Tensor | None = None,
    temperature: float = 0.5,
    strongest: int = 60,
    width: float = 7.2,
) -> "Figure":
    r"""Draws the views of a small batch, the edges that attract and the pairs that repel the most.

    Nodes lie at the first two principal components of their embeddings, pushed apart until they do not overlap. The
    negatives of the graph repel with strength :math:`P_{ij} + P_{ji}`, where :math:`P_i` is the softmax of the
    similarities of anchor :math:`i` to its negatives: those of its rule or ``negative_index``, extra ones, and rows of
    a bank, which are not drawn. No other pair is drawn as one that repels. Rows of the bank that attract are hollow
    nodes: of each anchor the nearest one.

    Args:
        graph (ContrastGraph): The batch, with embeddings ``x``; its positives are ``edge_index``, or implicit.
        labels (Tensor, optional): Classes, for the colors; ``-1`` is gray. (default: ``None``)
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
    n = z.size(0)
    if n > 200:
        raise ValueError(f"'graph' must have at most 200 nodes to be drawn (got {n})")
    sample, (source, target) = graph.sample.cpu(), graph.positives.cpu()
    near, anchor, row = _attracting_rows(graph, z, source, target)
    position = _spread(_principal(torch.cat([z, near])), gap=0.2)
    figure, (axis,) = new_figure(1, width, 0.66 * width)
    axis.set_axis_off()
    axis.set_aspect("equal")

    pairs, strengths = _strongest(graph, z, temperature, strongest)
    for (i, j), strength in zip(pairs, strengths):
        axis.plot(
            *position[[i, j]].t(), color=REPEL, linewidth=0.5 + 1.1 * strength, alpha=0.15 + 0.4 * strength, zorder=1
        )
    inside = source < n
    edges = {tuple(sorted(edge)) for edge in zip(source[inside].tolist(), target[inside].tolist())}
    for i, j in [*edges, *zip(anchor.tolist(), (row + n).tolist())]:
        own = j < n and bool(sample[i] == sample[j])
        axis.plot(*position[[i, j]].t(), zorder=2, **(OF_SAMPLE if own else OF_OTHERS))
    colors = [MUTED] * n if labels is None else [class_color(label) for label in labels]
    if images is None:
        axis.scatter(*position[:n].t(), s=110, c=colors, edgecolors="white", linewidths=1.4, zorder=3)
    else:
        _draw_images(axis, position[:n], images, colors)
    if len(near):
        axis.scatter(*position[n:].t(), s=26, facecolors="none", edgecolors=NEIGHBOR, linewidths=1.4, zorder=3)
    others = bool((sample[source[inside]] != sample[target[inside]]).any()) or len(near) > 0
    _legend(axis, knn=others, repel=bool(pairs))
    axis.margins(0.06)
    return figure


def _attracting_rows(graph: ContrastGraph, z: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of the bank that are the nearest positive of an anchor among them, the anchors, and which row each
    has."""
    of_bank = source >= len(z)
    if graph.bank is None or not bool(of_bank.any()):
        empty = torch.empty(0, dtype=torch.long)
        return z[:0], empty, empty
    rows, target = source[of_bank] - len(z), target[of_bank]
    bank = unit_rows(graph.bank.rows.detach().float().cpu())
    similarity = torch.linalg.vecdot(bank[rows], z[target])
    nearest = similarity.argsort(descending=True)
    nearest = nearest[target[nearest].argsort(stable=True)]  # by anchor, nearest first
    first = torch.ones_like(nearest, dtype=torch.bool)
    first[1:] = target[nearest][1:] != target[nearest][:-1]
    kept, row = rows[nearest[first]].unique(return_inverse=True)
    return bank[kept], target[nearest[first]], row


def _strongest(graph: ContrastGraph, z: Tensor, temperature: float, count: int) -> tuple[list[list[int]], list[float]]:
    """The pairs of nodes that repel each other the most, and how strongly, at most one."""
    graph, n = copy.copy(graph).to("cpu"), len(z)
    pairs = negative_pairs(graph)
    bank = z.new_empty(0, z.size(1)) if graph.bank is None else unit_rows(graph.bank.rows.float())
    score = z.double() @ torch.cat([z, bank]).double().t() / temperature
    logit = score[pairs[1], pairs[0]]
    log_weight = pair_log_weight(graph, pairs, score.dtype)
    logit = logit if log_weight is None else logit + log_weight
    extra = extra_negatives(graph)
    if extra is not None:
        source, target = extra.index
        more = score[target, source] * (1.0 if extra.scale is None else extra.scale)
        logit = torch.cat([logit, more if extra.log_weight is None else more + extra.log_weight])
        pairs = torch.cat([pairs, extra.index], dim=1)
    if logit.numel() == 0:
        return [], []
    weight = torch.zeros_like(score).index_put_((pairs[1], pairs[0]), (logit - logit.max()).exp(), accumulate=True)
    repulsion = (weight / weight.sum(dim=1, keepdim=True).clamp_min(1e-300))[:, :n]
    repulsion = (repulsion + repulsion.t()).triu(1)
    value, pair = repulsion.flatten().topk(min(count, int((repulsion > 0).sum())))
    return [divmod(index, n) for index in pair.tolist()], (value / value[:1]).tolist()


def _principal(z: Tensor) -> Tensor:
    centered = z - z.mean(dim=0)
    position = centered @ torch.linalg.svd(centered, full_matrices=False).Vh[:2].t()
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


def _draw_images(axis: "Axes", position: Tensor, images: Tensor, colors: list[str]) -> None:
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


def _legend(axis: "Axes", knn: bool, repel: bool) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], label="views of one sample attract", **OF_SAMPLE)]
    if knn:
        lines.append(Line2D([], [], label="positives of other samples attract", **OF_OTHERS))
    if repel:
        lines.append(Line2D([], [], color=REPEL, linewidth=1.4, alpha=0.5, label="strongest repulsion"))
    style = {"frameon": False, "labelcolor": INK, "fontsize": 9}
    axis.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, **style)
