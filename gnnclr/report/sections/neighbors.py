"""The nearest neighbors of a few examples, before and after the training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from gnnclr.ops.unit_rows import unit_rows
from gnnclr.report.example_classes import example_classes
from gnnclr.report.figure import INK, MUTED, class_color, new_figure
from gnnclr.report.page import Rows, Section
from gnnclr.report.run_group import RunGroup, where_possible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The examples that are asked for, and the neighbors of each.
EXAMPLES, NEIGHBORS = 10, 5


class Found(NamedTuple):
    """The neighbors of some examples.

    Args:
        rows (Tensor): The examples [m].
        before (Tensor): Their nearest examples by the embeddings before the training [m, k], nearest first.
        after (Tensor): The same by those after it.
        classes (Tensor, optional): The class of all examples [n].
        pictures (dict, optional): A picture of each example that is shown [c, h, w]; none where they are no images.
        names (list, optional): The names of all examples.
    """

    rows: Tensor
    before: Tensor
    after: Tensor
    classes: Tensor | None
    pictures: dict[int, Tensor]
    names: list[str] | None


def neighbors_section(groups: Sequence[RunGroup]) -> Section:
    """The nearest neighbors of ten examples by cosine similarity: pictures where they are images, otherwise a table.

    Args:
        groups (sequence): The runs of each recipe, on the same data.
    """
    found, missing = where_possible(groups, _find)
    table: Rows = {}
    figures = []
    shares = []
    for name, of_group in found.items():
        if of_group.classes is not None:
            before, after = _within_class(of_group, of_group.before), _within_class(of_group, of_group.after)
            shares.append(f"{before} before and {after} after the training of {name}")
        if of_group.pictures:
            figures += [
                (_grid(of_group, of_group.before, f"{name}, before"), ""),
                (_grid(of_group, of_group.after, f"{name}, after"), ""),
            ]
        else:
            table = _joined(table, name, of_group)
    text = f"The {NEIGHBORS} nearest examples of {EXAMPLES} ones by the cosine similarity of embeddings. "
    text += "The example is left of its neighbors, and frames have the color of the class. " if figures else ""
    text += "Numbers are rows of the data, with the class in brackets where it is known. " if table else ""
    text += f"Neighbors of the same class: {'; '.join(shares)}." if shares else ""
    return Section("Neighbors", text if found else "", table=table, figures=figures, notes=missing, best=False)


def nearest(z: Tensor, rows: Tensor, k: int = NEIGHBORS) -> Tensor:
    """The examples most similar to some of them [m, k], without themselves, nearest first.

    Args:
        z (Tensor): The embeddings of all examples [n, d].
        rows (Tensor): The examples that are asked for [m].
        k (int, optional): Neighbors of each, or as many as there are. (default: ``5``)
    """
    z = unit_rows(z.float())
    score = z[rows] @ z.t()
    score[torch.arange(len(rows)), rows] = -torch.inf
    return score.topk(min(k, len(z) - 1), dim=1).indices


def _find(group: RunGroup) -> Found:
    data, n = group.loaded.data, len(group.after)
    rows = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:EXAMPLES].sort().values
    before, after = nearest(group.before, rows), nearest(group.after, rows)
    shown = torch.cat([rows, before.flatten(), after.flatten()]).unique()
    pictures = data.pictures(shown)
    known = {} if pictures is None else dict(zip(shown.tolist(), pictures))
    return Found(rows, before, after, example_classes(data), known, data.names)


def _within_class(found: Found, neighbors: Tensor) -> str:
    classes = found.classes
    same = (classes[neighbors] == classes[found.rows, None]) & (classes[neighbors] >= 0)
    return f"{int(same.sum())} of {same.numel()}"


def _joined(table: Rows, name: str, found: Found) -> Rows:
    """The table with the neighbors that a recipe gives to each example."""
    rows = {key: dict(value) for key, value in table.items()}
    for row, before, after in zip(found.rows.tolist(), found.before.tolist(), found.after.tolist()):
        cells = rows.setdefault(_text(found, row), {})
        cells[f"{name}, before"] = ", ".join(_text(found, i) for i in before)
        cells[f"{name}, after"] = ", ".join(_text(found, i) for i in after)
    return rows


def _text(found: Found, row: int) -> str:
    label = str(row) if found.names is None else found.names[row]
    known = found.classes is not None and int(found.classes[row]) >= 0
    return f"{label} ({int(found.classes[row])})" if known else label


def _grid(found: Found, neighbors: Tensor, title: str) -> "Figure":
    """A row of pictures for each example: itself, and its neighbors."""
    height, width = len(found.rows), neighbors.size(1) + 1
    figure, (axis,) = new_figure(1, 3.3, 3.3 * height / width + 0.3)
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_axis_off()
    axis.set_aspect("equal")
    # The example stands a little apart.
    left = [0.0] + [1.25 + j for j in range(width - 1)]
    for i, (row, near) in enumerate(zip(found.rows.tolist(), neighbors.tolist())):
        for x, example in zip(left, [row, *near]):
            picture = found.pictures[example]
            extent = (x + 0.06, x + 0.94, height - i - 0.94, height - i - 0.06)
            pixels = picture.expand(3, -1, -1).permute(1, 2, 0).numpy()
            axis.imshow(pixels, extent=extent, interpolation="nearest", zorder=1)
            color = MUTED if found.classes is None else class_color(int(found.classes[example]))
            axis.plot(*_frame(extent), color=color, linewidth=2.0, solid_joinstyle="miter", zorder=2)
    axis.set_xlim(0, width + 0.25)
    axis.set_ylim(0, height)
    return figure


def _frame(extent: tuple[float, float, float, float]) -> tuple[list[float], list[float]]:
    left, right, bottom, top = extent
    return [left, right, right, left, left], [bottom, bottom, top, top, bottom]
