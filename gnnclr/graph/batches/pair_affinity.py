"""The graph of samples in which an edge is the loss of a batch of two."""

import math

import torch.nn.functional as F
from torch import Tensor

from gnnclr.ops.check import check_count, check_matrix, check_positive
from gnnclr.ops.tiles import slices
from gnnclr.ops.unit_rows import unit_rows

#: Rows that are computed at once.
TILE = 256


def pair_affinity(z0: Tensor, z1: Tensor, batch_size: int, temperature: float = 0.1) -> Tensor:
    r"""How much two samples would add to the loss of a batch that has both, after `"Mini-Batch Optimization of
    Contrastive Loss" <https://arxiv.org/abs/2307.05906>`_.

    .. math::
        w_{kl} = a_{kl} + a_{lk}, \qquad
        a_{kl} = \log\big(1 + (B - 1)\, e^{(\mathbf{u}_k^\top \mathbf{v}_l - \mathbf{u}_k^\top \mathbf{v}_k) / \tau}
        \big) + \log\big(1 + (B - 1)\, e^{(\mathbf{u}_l^\top \mathbf{v}_k - \mathbf{u}_k^\top \mathbf{v}_k) / \tau}
        \big)

    with :math:`\mathbf{u}_k, \mathbf{v}_k` the two views of sample :math:`k` at unit length: the InfoNCE, in both
    directions, of a batch of :math:`B` samples of which all but :math:`k` are like :math:`l`.

    Args:
        z0 (Tensor): Embeddings of the first view.
        z1 (Tensor): Embeddings of the second view.
        batch_size (int): The size :math:`B` of the batches to be.
        temperature (float, optional): The temperature :math:`\tau > 0`. (default: ``0.1``)

    Shapes:
        - **input:** embeddings :math:`(m, d)` and :math:`(m, d)`, of a chunk of the data: the matrix is dense
        - **output:** symmetric affinities :math:`(m, m)`, the diagonal as any other entry
    """
    check_matrix("z0", z0, finite=True)
    check_matrix("z1", z1, finite=True, rows=z0.size(0), cols=z0.size(1))
    check_count("batch_size", batch_size)
    check_positive("temperature", temperature)
    u, v = unit_rows(z0.detach()) / temperature, unit_rows(z1.detach())
    others = math.log(batch_size - 1) if batch_size > 1 else -math.inf
    own = (u * v).sum(dim=1)
    w = u.new_empty(len(u), len(u))
    for rows in slices(len(u), TILE):
        cols = slice(rows.start, len(u))  # the rest follows by symmetry
        tile = u.new_zeros(rows.stop - rows.start, len(u) - rows.start)
        for score in (u[rows] @ v[cols].t(), v[rows] @ u[cols].t()):
            for positive in (own[rows].unsqueeze(1), own[cols]):
                tile += F.softplus(score - positive + others)  # log(1 + e^x), and x where they are equal
        w[rows, cols], w[cols, rows] = tile, tile.t()
    return w
