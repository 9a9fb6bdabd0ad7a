"""Modularity: the edges inside of communities, compared with those expected by chance."""

import torch
from torch import Tensor

from gnnclr.graph.partition import check_community
from gnnclr.graph.simple_graph import simple_edges
from gnnclr.graph.weighted_edges import Edges
from gnnclr.ops.check import check_positive


def modularity(edge_index: Edges, community: Tensor, resolution: float = 1.0) -> float:
    r"""The modularity of `"Finding and Evaluating Community Structure in Networks"
    <https://arxiv.org/abs/cond-mat/0308217>`_.

    .. math:: Q = \sum_c \left[ \frac{m_c}{m} - \gamma \left( \frac{d_c}{2m} \right)^2 \right]

    with :math:`m_c` of the :math:`m` edges inside community :math:`c` and :math:`d_c` the sum of its degrees, all of
    them sums of weights where edges have some. Edges count once and in both directions, self-loops do not count;
    without edges it is 0. The functions of networkx and scikit-network take graphs of their own types.

    Args:
        edge_index (Tensor or WeightedEdges): Edges [2, e], directed or not, and their weights, if any.
        community (Tensor): The community of each node [n].
        resolution (float, optional): The factor :math:`\gamma`. (default: ``1.0``)
    """
    community = check_community("community", community)
    check_positive("resolution", resolution)
    edges, weight = simple_edges(edge_index, community.numel())
    if edges.size(1) == 0:
        return 0.0
    source, target = torch.unique(community, return_inverse=True)[1][edges]
    total = weight.sum()
    degree = torch.bincount(source, weight) / total
    return float(weight[source == target].sum() / total - resolution * degree.square().sum())
