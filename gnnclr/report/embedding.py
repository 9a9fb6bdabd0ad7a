"""Embeddings in two dimensions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gnnclr.ops.check import check_choice, check_matrix, describe
from gnnclr.ops.labels import class_labels
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.report.figure import as_picture, class_color, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def project(z: Tensor, method: str = "tsne", seed: int = 0) -> Tensor:
    """Projects embeddings to the plane.

    Args:
        z (Tensor): The embeddings. Rows are normalized first, as contrastive losses compare directions.
        method (str, optional): ``"pca"``, or ``"tsne"``: scikit-learn's t-SNE by the cosine distance.
            (default: ``"tsne"``)
        seed (int, optional): The seed of t-SNE. (default: ``0``)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** :math:`(n, 2)`
    """
    check_matrix("z", z, finite=True)
    check_choice("method", method, ("pca", "tsne"))
    z = unit_rows(z.detach().float().cpu())
    if method == "tsne" and z.size(0) > 3:
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (z.size(0) - 1) / 3)
        model = TSNE(2, metric="cosine", init="random", perplexity=perplexity, max_iter=400, random_state=seed)
        return torch.from_numpy(model.fit_transform(z.numpy()))
    centered = z - z.mean(dim=0)
    position = centered @ torch.linalg.svd(centered, full_matrices=False).Vh[:2].t()
    return F.pad(position, (0, 2 - position.size(1)))


def scatter_embedding(
    embeddings: Mapping[str, Tensor], labels: Tensor, method: str = "tsne", most: int = 800, seed: int = 0
) -> "Figure":
    """Scatters embeddings side by side, colored by class.

    Args:
        embeddings (dict): A matrix for each panel, by title, such as ``{"before": z0, "after": z1}``.
        labels (Tensor): The class of each row; rows whose label is missing (``-1``, or NaN) are gray.
        method (str, optional): The projection, see :func:`project`. (default: ``"tsne"``)
        most (int, optional): How many rows are drawn at most, chosen at random and the same in all panels.
            (default: ``800``)
        seed (int, optional): The seed of the choice and of the projection. (default: ``0``)

    Shapes:
        - **input:** embeddings :math:`(n, d_p)` each, labels :math:`(n)`

    Raises:
        ValueError: If a matrix has another number of rows than there are labels.
    """
    if not embeddings:
        raise ValueError("'embeddings' must hold at least one matrix (got none)")
    labels = class_labels("labels", labels)
    for title, z in embeddings.items():
        if z.dim() != 2 or z.size(0) != labels.numel():
            raise ValueError(f"'embeddings[{title!r}]' must have shape [{labels.numel()}, d] (got {describe(z)})")
    rows = torch.randperm(labels.numel(), generator=torch.Generator().manual_seed(seed))[:most]
    figure, axes = new_figure(len(embeddings), 3.6, 3.5)
    colors = [class_color(label) for label in labels[rows].tolist()]
    for axis, (title, z) in zip(axes, embeddings.items()):
        position = project(z[rows], method, seed)
        axis.scatter(*position.t(), s=9, c=colors, linewidths=0, alpha=0.85, rasterized=True)
        as_picture(axis, title)
    return figure
