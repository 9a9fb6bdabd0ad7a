"""Overlap of the nearest neighbors in two embeddings."""

import math

import torch
from torch import Tensor

from gnnclr.graph import knn_graph
from gnnclr.ops.check import check_matrix


def neighborhood_overlap(z0: Tensor, z1: Tensor, k: int = 10) -> Tensor:
    r"""The mean share of nearest neighbors that two embeddings of the same samples have in common, the mutual
    :math:`k`-nearest neighbor measure of `"The Platonic Representation Hypothesis"
    <https://arxiv.org/abs/2405.07987>`_; 1 is agreement, and independent embeddings are near :math:`k / (n - 1)`.

    .. math:: \frac{1}{n} \sum_i \frac{|\mathcal{N}^0_k(i) \cap \mathcal{N}^1_k(i)|}{k}

    Neighbors are those of :func:`gnnclr.graph.knn_graph` by cosine similarity, the sample itself left out.

    Args:
        z0 (Tensor): Embeddings by one model.
        z1 (Tensor): Embeddings by another; the widths may differ.
        k (int, optional): Number of neighbors; above :math:`n - 1` it becomes :math:`n - 1`. (default: ``10``)

    Shapes:
        - **input:** :math:`(n, d_0)` and :math:`(n, d_1)`
        - **output:** scalar in :math:`[0, 1]`, NaN below two rows

    Raises:
        ValueError: If the embeddings are no finite matrices of as many rows, or ``k`` is no positive integer.
    """
    check_matrix("z0", z0, finite=True)
    check_matrix("z1", z1, finite=True, rows=z0.size(0))
    n = z0.size(0)
    # An edge as one number, so that common edges are a search in a sorted list.
    neighbor0, neighbor1 = (edge[1] * n + edge[0] for edge in (knn_graph(z, k, cosine=True) for z in (z0, z1)))
    if n < 2:
        return torch.full((), math.nan, device=z0.device)
    return torch.isin(neighbor0, neighbor1.to(neighbor0.device)).float().mean()
