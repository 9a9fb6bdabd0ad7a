"""Dense community aggregation: communities with many edges inside."""

import torch
from torch import Tensor

from gnnclr.node.sparse.csr import csr_tensor, spmm
from gnnclr.ops.check import check_edges, check_matrix, check_number


def deca_loss(assignment: Tensor, edge_index: Tensor, weight: float = 1.0) -> Tensor:
    r"""The loss that makes communities dense, from `"Graph Communal Contrastive Learning"
    <https://arxiv.org/abs/2110.14863>`_.

    .. math::
        \mathcal{L} = \lambda\, \frac{|\mathcal{E}| - \operatorname{tr} \mathbf{F}}{n (n - 1)}
        - \frac{\operatorname{tr} \mathbf{F}}{n} + \frac{\|\mathbf{R}\|_F^2}{2n}, \qquad
        \operatorname{tr} \mathbf{F} = \operatorname{tr}(\mathbf{R}^{\top} \mathbf{A} \mathbf{R})
        = \sum_i \Big\langle \mathbf{r}_i, \sum_{j \to i} \mathbf{r}_j \Big\rangle

    The entries of the :math:`K \times K` community matrix :math:`\mathbf{F}` sum to the number of edges, as rows of
    :math:`\mathbf{R}` sum to one; so its trace is all that is needed, which is one round of message passing,
    :math:`O(|\mathcal{E}| K)`.

    Args:
        assignment (Tensor): The probability :math:`\mathbf{R}` of each community for each node; rows sum to one.
        edge_index (Tensor): Edges, source to target.
        weight (float, optional): The weight :math:`\lambda` of edges between communities. (default: ``1.0``)

    Shapes:
        - **input:** assignment :math:`(n, K)`, edges :math:`(2, e)`
        - **output:** scalar
    """
    check_matrix("assignment", assignment)
    check_number("weight", weight, least=0)
    edge_index = check_edges(edge_index, assignment.size(0))
    n, edges = max(assignment.size(0), 1), edge_index.size(1)
    source, target = edge_index
    adjacency = csr_tensor(target, source, torch.ones(edges, device=source.device), (assignment.size(0),) * 2)
    inside = (assignment * spmm(adjacency, assignment)).sum()
    between = weight * (edges - inside) / (n * max(n - 1, 1))
    return between - inside / n + assignment.square().sum() / (2 * n)
