"""Tiny communities join their neighbors."""

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from gnnclr.graph.partition import check_community, contiguous
from gnnclr.graph.simple_graph import components, simple_edges
from gnnclr.graph.weighted_edges import Edges
from gnnclr.ops.check import check_count


def merge_small(community: Tensor, edge_index: Edges, min_size: int) -> Tensor:
    """Merges each community of fewer than ``min_size`` nodes into the community to which it has most edges, by weight,
    again and again, until all are large enough or without neighbors.

    Of communities with equally many edges the lowest label is taken. Components that are too small as a whole stay
    apart: nothing says that their nodes are alike. CiteSeer has hundreds of them; taken for one community, a third of
    its nodes, they would bring the precision of :class:`ExcludeCommunity` from .59 down to .25.

    Args:
        community (Tensor): The community of each node.
        edge_index (Tensor or WeightedEdges): Edges, directed or not, and their weights, if any.
        min_size (int): The least size of a community.

    Shapes:
        - **input:** communities :math:`(n)`, edges :math:`(2, e)`
        - **output:** labels :math:`(n)`, int64, from :math:`0` to :math:`K - 1`
    """
    community = contiguous(check_community("community", community))
    check_count("min_size", min_size, least=0)
    edges, weight = simple_edges(edge_index, community.numel())
    while True:
        size = torch.bincount(community)
        small = size < min_size
        target = _closest(community[edges], weight, small)
        own = torch.arange(size.numel(), device=target.device)
        if torch.equal(target, own):
            break
        # Chains of communities that join each other become one.
        community = components(torch.stack([own, target]), size.numel())[community]
    return contiguous(community)


def _closest(edges: Tensor, weight: Tensor, small: Tensor) -> Tensor:
    """For each small community the one with most edges to it, and for each other community itself [K]."""
    target = torch.arange(small.numel(), device=small.device)
    kept = (edges[0] != edges[1]) & small[edges[0]]
    pairs, count = coalesce(edges[:, kept], weight[kept], num_nodes=small.numel())
    # Sorted by source, then by count, then by label, the first edge of each source is the one to take.
    order = torch.argsort(count, descending=True, stable=True)
    order = order[torch.argsort(pairs[0, order], stable=True)]
    source, closest = pairs[:, order]
    first = torch.ones_like(source, dtype=torch.bool)
    first[1:] = source[1:] != source[:-1]
    target[source[first]] = closest[first]
    return target
