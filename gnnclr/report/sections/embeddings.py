"""Embeddings in two dimensions, before and after the training."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.report.embedding import scatter_embedding
from gnnclr.report.example_classes import example_classes
from gnnclr.report.page import Section
from gnnclr.report.run_group import RunGroup, where_possible

#: The most points of a panel: t-SNE of more takes minutes.
MOST = 1000


def embeddings_section(groups: Sequence[RunGroup], method: str = "tsne") -> Section:
    """The embeddings of the data of recipes on the same data, and those of the first one before its training.

    Args:
        groups (sequence): The runs of each recipe.
        method (str, optional): The projection, see :func:`gnnclr.report.project`. (default: ``"tsne"``)
    """
    found, missing = where_possible(groups, lambda group: (group.before, group.after, _classes(group)))
    if not found:
        return Section("Before and after", notes=missing)
    first, (before, _, classes) = next(iter(found.items()))
    panels = {"untrained" if len(found) == 1 else f"{first}, untrained": before}
    panels |= {name: after for name, (_, after, _) in found.items()}
    # A figure each: side by side on a screen, below each other on a phone.
    figures = [(scatter_embedding({name: z}, classes, method, MOST), "") for name, z in panels.items()]
    projection = "t-SNE by the cosine distance" if method == "tsne" else "The first two principal components"
    text = f"{projection}, colored by class where it is known. Each point is an example of the data"
    text += f", {MOST:,} of {len(classes):,} chosen at random." if len(classes) > MOST else "."
    return Section("Before and after", text, figures=figures, notes=missing)


def _classes(group: RunGroup) -> Tensor:
    classes = example_classes(group.loaded.data)
    return torch.full((len(group.after),), -1) if classes is None else classes
