"""Removes likely false negatives by communities: nodes of one community do not repel each other."""

from dataclasses import replace

import torch
from torch import Tensor
from torch_geometric.utils import to_undirected

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.communities.rule import CommunityRule
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.partition import contiguous, joint


class ExcludeCommunity(CommunityRule):
    r"""Takes all pairs of one community from the negatives; positives stay as they are.

    .. math:: \mathcal{N}^{-}(i) \leftarrow \{ j \in \mathcal{N}^{-}(i) : c_j \neq c_i \}

    The engine skips whole blocks of excluded pairs, so larger communities make a loss faster. Communities become
    ``graph.group``, and positives its edges: implicit positives are written out, which is cheap for views and
    quadratic for labels. Where the rule keeps positives as negatives, those of other communities stay there. Explicit
    negatives of one community are dropped; rows of a bank have no community and stay.

    Recall helps, but not at the price of whole wrong clusters: in GRACE on Cora, 100 epochs and 4 seeds, communities of
    :func:`louvain` gained .6 points of accuracy (.4 to .8), and coarser ones of resolution .1 lost 3.7. Where plain
    GRACE was tuned further (200 epochs, PReLU), those of :func:`louvain` lost .6 ± 1.7 over five seeds.

    Args:
        community (Tensor): The community of each sample of the data [N].

    Raises:
        ValueError: If the graph excludes pairs in a way that one group a node cannot hold beside the communities:
            after another ``ExcludeCommunity`` of a partition that is not finer.
    """

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with communities excluded."""
        community = self.labels(check_graph(data))
        edge_index, rule = data.positives, data.negatives
        data.edge_index = edge_index
        spared = rule.spared(data)
        lost = _crossing_pairs(rule.groups(data), community, spared[:, spared[0] < data.num_nodes])
        if lost:
            raise ValueError(
                f"'data.group' must lie within the communities, as {lost} pairs would be negatives again "
                f"(exclude one partition only, and weigh the other by WeighCommunity)"
            )
        data.group = community
        if not rule.spares_positives:
            data.negatives = replace(rule, exclude="group")
        if data.negative_index is not None:
            source, target = data.negative_index
            padded = torch.cat([community, community.new_full((data.num_candidates - data.num_nodes,), -1)])
            data.negative_index = data.negative_index[:, padded[source] != padded[target]]
        return data


def _crossing_pairs(group: Tensor, community: Tensor, edge_index: Tensor) -> int:
    """The number of ordered pairs of one group and different communities that are not the ends of an edge."""
    whole, part = (torch.bincount(cell).square().sum() for cell in (contiguous(group), joint(group, community)))
    crossing = int(whole - part)
    if crossing == 0:
        return 0
    source, target = edge_index
    edges = edge_index[:, (group[source] == group[target]) & (community[source] != community[target])]
    return crossing - to_undirected(edges, num_nodes=group.numel()).size(1)
