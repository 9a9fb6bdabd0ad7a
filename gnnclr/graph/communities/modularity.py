"""Modularity: the edges inside of communities, compared with those expected by chance."""

import torch
from torch import Tensor

from gnnclr.graph.partition import check_community
from gnnclr.graph.simple_graph import simple_edges
from gnnclr.ops.check import check_positive


def modularity(edge_index: Tensor, community: Tensor, resolution: float = 1.0) -> float:
    r"""The modularity of `"Finding and Evaluating Community Structure in Networks"
    <https://arxiv.org/abs/cond-mat/0308217>`_.

    .. math:: Q = \sum_c \left[ \frac{m_c}{m} - \gamma \left( \frac{d_c}{2m} \right)^2 \right]

    with :math:`m_c` of the :math:`m` edges inside community :math:`c` and :math:`d_c` the sum of its degrees. Edges
    count once and in both directions, self-loops do not count; without edges it is 0. The functions of
    networkx and scikit-network take graphs of their own types.

    Args:
        edge_index (Tensor): Edges [2, e], directed or not.
        community (Tensor): The community of each node [n].
        resolution (float, optional): The factor :math:`\gamma`. (default: ``1.0``)
    """
    community = check_community("community", community)
    check_positive("resolution", resolution)
    edge_index = simple_edges(edge_index, community.numel())
    if edge_index.size(1) == 0:
        return 0.0
    source, target = torch.unique(community, return_inverse=True)[1][edge_index]
    degree = torch.bincount(source).double() / source.numel()
    return float((source == target).double().mean() - resolution * degree.square().sum())
