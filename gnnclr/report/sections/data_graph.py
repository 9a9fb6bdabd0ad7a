"""The graph of nearest neighbors of all training examples, of runs that found one."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnnclr.graph import DataNeighbors
from gnnclr.ops.labels import UNLABELED
from gnnclr.report.embedding import project
from gnnclr.report.figure import INK, MUTED, as_picture, class_color, new_figure
from gnnclr.report.page import Section
from gnnclr.report.run_group import RunGroup, where_possible
from gnnclr.train.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The most examples of a picture.
MOST = 600


def data_graph_section(groups: Sequence[RunGroup], method: str = "tsne") -> Section | None:
    """The graph of neighbors that the checkpoint of each run holds, on the embeddings after the training, and how often
    examples are neighbors; ``None`` where no recipe finds any.

    Args:
        groups (sequence): The runs of each recipe.
        method (str, optional): The projection, see :func:`gnnclr.report.project`. (default: ``"tsne"``)
    """
    groups = [group for group in groups if _finds_neighbors(group)]
    if not groups:
        return None
    found, missing = where_possible(groups, lambda group: _pictures(group, method))
    text = (
        "Each training example is joined to its nearest neighbors among all of them, as they were when they were last "
        "found, and they are its further positives. Examples lie where their embeddings are after the training, "
        f"projected by {'t-SNE' if method == 'tsne' else 'principal components'}, with the color of their class; edges "
        "within a class have its color, others are gray. An example that is a neighbor of many is a hub."
    )
    figures = [picture for pictures in found.values() for picture in pictures]
    return Section("The data set is a graph", text if found else "", figures=figures, notes=missing)


def _finds_neighbors(group: RunGroup) -> bool:
    return bool((group.settings["data"].get("init_args") or {}).get("neighbors"))


def neighbors_of(group: RunGroup) -> DataNeighbors:
    """The neighbors that the checkpoint of a run holds.

    Args:
        group (RunGroup): The run.

    Raises:
        ValueError: If it holds none.
    """
    data = group.loaded.data
    state = read_checkpoint(group.first.checkpoint).get(type(data).__qualname__, {}).get("neighbors")
    if not state or data.neighbors is None:
        raise ValueError("its checkpoint holds no neighbors")
    found = copy.copy(data.neighbors)
    found.load_state_dict(state)
    if found.edge_index.numel() == 0:
        raise ValueError(f"its neighbors begin with epoch {found.start}, and it has not come so far")
    return found


def _pictures(group: RunGroup, method: str) -> "list[tuple[Figure, str]]":
    data, neighbors = group.loaded.data, neighbors_of(group)
    edges, n = neighbors.edge_index, len(neighbors.neighbor)
    labels = data.training_labels()
    labels = torch.full((n,), UNLABELED) if labels is None or labels.dim() != 1 else labels.cpu()
    shown = shown_examples(neighbors.neighbor, MOST)
    z = data.training_features(group.loaded.trained)[shown]
    inside = torch.full((n,), -1)
    inside[shown] = torch.arange(len(shown))
    drawn = inside[edges]
    drawn = drawn[:, (drawn >= 0).all(dim=0)]
    share = neighbors.share_within(labels)
    chance = _chance(labels)
    within = "" if share is None else f"; {100 * share:.1f} % of all edges join examples of a class"
    within += "" if share is None or chance is None else f", where {100 * chance:.1f} % would by chance"
    caption = (
        f"{group.name}: {len(shown):,} of {n:,} examples with {drawn.size(1):,} of {edges.size(1):,} edges{within}."
    )
    degree = torch.bincount(edges[0], minlength=n)
    hubs = (
        f"{group.name}: {neighbors.k} neighbors each. {100 * float((degree == 0).double().mean()):.1f} % of examples "
    )
    hubs += f"are a neighbor of none, the largest hub is one of {int(degree.max()):,}."
    return [(_graph(project(z, method), drawn, labels[shown], group.name), caption), (_degrees(degree), hubs)]


def shown_examples(neighbor: Tensor, most: int) -> Tensor:
    """All examples, or, where there are more than can be shown, some at random with their neighbors, so that edges are
    seen, in the order of their rows.

    Args:
        neighbor (Tensor): The neighbors of each example, and -1 where there are fewer [n, k].
        most (int): How many are shown.
    """
    n = len(neighbor)
    if n <= most:
        return torch.arange(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    # Each example is followed by its neighbors; of repetitions the first counts.
    rows = torch.cat([order.unsqueeze(1), neighbor[order]], dim=1).flatten()
    rows = rows[rows >= 0]
    first = torch.full((n,), rows.numel()).scatter_reduce_(0, rows, torch.arange(rows.numel()), "amin")
    return first.argsort()[:most].sort().values


def _chance(labels: Tensor) -> float | None:
    """The share of pairs of examples that have one label."""
    known = labels[labels != UNLABELED]
    if known.numel() < 2:
        return None
    counts = torch.bincount(known).double()
    return float((counts * (counts - 1)).sum() / (known.numel() * (known.numel() - 1)))


def _graph(position: Tensor, edges: Tensor, labels: Tensor, title: str) -> "Figure":
    from matplotlib.collections import LineCollection

    figure, (axis,) = new_figure(1, 4.6, 4.4)
    source, target = labels[edges]
    one_class = (source == target) & (source != UNLABELED)
    for chosen, width, alpha in ((~one_class, 0.6, 0.45), (one_class, 0.7, 0.35)):
        color = [class_color(c) for c in source[chosen].tolist()] if chosen is one_class else MUTED
        lines = position[edges[:, chosen].t()].numpy()
        axis.add_collection(LineCollection(lines, colors=color, linewidths=width, alpha=alpha, rasterized=True))
    colors = [class_color(label) for label in labels.tolist()]
    axis.scatter(*position.t(), s=12, c=colors, linewidths=0, zorder=2, rasterized=True)
    as_picture(axis, title)
    return figure


def _degrees(degree: Tensor) -> "Figure":
    figure, axes = new_figure(1, 3.4, 4.4)
    axis: Axes = axes[0]
    most = int(degree.max())
    width = max(1, -(-(most + 1) // 40))
    counts = torch.bincount(degree // width)
    axis.bar(
        (torch.arange(len(counts)) * width + (width - 1) / 2).tolist(),
        counts.tolist(),
        width=0.9 * width,
        color=class_color(0),
    )
    axis.axvline(float(degree.double().mean()), color=MUTED, linewidth=1.0, linestyle="--")
    axis.set_xlabel("is a neighbor of so many examples", color=INK, fontsize=9)
    axis.set_ylabel("examples", color=INK, fontsize=9)
    axis.set_title("hubs", color=INK, fontsize=11)
    return figure
