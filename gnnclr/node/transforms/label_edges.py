"""Edges between nodes whose labels are known."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_nodes, describe
from gnnclr.ops.labels import UNLABELED, class_labels


def label_edges(y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    r"""The pairs of nodes whose labels are known, as positive edges within a class and negative edges across classes.

    .. math::
        \mathcal{E}^{+} = \{(i, j) \in \mathcal{L}^2 : i \neq j,\; y_i = y_j\}, \qquad
        \mathcal{E}^{-} = \{(i, j) \in \mathcal{L}^2 : y_i \neq y_j\}

    Both directions of each pair are there: :math:`|\mathcal{L}|^2 - |\mathcal{L}|` edges in all, so that this is for
    few labels. A model that sees the edges of a node and is trained on its label finds the label in the edges: train on
    some of the labeled nodes by the edges of the others.

    Args:
        y (Tensor): Labels of all nodes; a node without one (``-1``, or NaN) has no edges.
        index (Tensor): The nodes :math:`\mathcal{L}` whose labels may be seen, or a mask.

    Shapes:
        - **input:** labels :math:`(n)`; nodes :math:`(l)`, or a mask :math:`(n)`
        - **output:** positive edges :math:`(2, e)` and negative edges :math:`(2, e')`, int64

    Raises:
        ValueError: If labels or nodes have the wrong type, shape or range.
    """
    y = class_labels("y", y)
    if isinstance(index, Tensor) and index.dtype == torch.bool:
        if index.shape != y.shape:
            raise ValueError(f"'index' must be a mask of shape {list(y.shape)} (got {describe(index)})")
        index = index.nonzero().view(-1)
    index = check_nodes("index", index, y.numel()).unique()
    index = index[y[index] != UNLABELED]
    source, target = torch.cartesian_prod(index, index).t() if index.numel() else (index, index)
    same = y[source] == y[target]
    edges = torch.stack([source, target])
    return edges[:, same & (source != target)], edges[:, ~same]
