"""Rewiring: transforms that change who attracts whom."""

from dataclasses import replace

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.bank import FeatureBank
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.knn import knn_graph
from gnnclr.graph.positives import add_positives, check_positives, first_per_target, is_positive
from gnnclr.ops.check import check_positive, describe


class AddKNNPositives(BaseTransform):
    r"""Adds the nearest neighbours of each node as positives: from the other samples of the batch, or from a bank.

    Neighbours are found by cosine similarity of ``graph.x``; nodes that are positives already are passed over.
    Positives are no negatives of each other, so under the default rule neighbours also leave the denominator. With a
    bank the idea is that of `"With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of
    Visual Representations"
    <https://arxiv.org/abs/2104.14548>`_, with neighbours beside the views instead of in their place.

    Args:
        k (int, optional): Neighbours of each node; ``0`` changes nothing. (default: ``5``)
        weight (float, optional): Weight of all :math:`k` neighbours of a node together, where each view has weight one.
            (default: ``0.5``)
        bank (FeatureBank, optional): Take neighbours from this bank; rows of the node's own sample
            (``graph.sample_id``, where given) are skipped.
            Its rows attract, and do not repel unless they are the graph's bank already. (default: ``None``, the batch)
    """

    def __init__(self, k: int = 5, weight: float = 0.5, bank: FeatureBank | None = None):
        if isinstance(k, bool) or not isinstance(k, int) or k < 0:
            raise ValueError(f"'k' must be an integer, zero or more (got {describe(k)})")
        if bank is not None and not isinstance(bank, FeatureBank):
            raise ValueError(f"'bank' must be a FeatureBank (got {describe(bank)})")
        self.k, self.weight, self.bank = k, check_positive("weight", weight), bank

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the neighbours of ``data.x`` added to its positives."""
        check_positives(data)
        if self.k == 0 or data.num_nodes == 0 or (self.bank is not None and len(self.bank) == 0):
            return data
        x = data.x.detach()
        edge_index = self._from_batch(x, data) if self.bank is None else self._from_bank(x, data)
        return add_positives(data, edge_index, x.new_full((edge_index.size(1),), self.weight / self.k))

    def _from_batch(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        # Look so far that k others remain beside the views of the sample and the positives there are.
        source, target = graph.edge_index
        inside = source < graph.num_nodes
        other = inside & (graph.sample[source.where(inside, target)] != graph.sample[target])
        depth = self.k + int(torch.unique(graph.sample, return_counts=True)[1].max()) - 1 + _most(target[other])
        edge_index = knn_graph(x, depth, cosine=True)
        new = (graph.sample[edge_index[0]] != graph.sample[edge_index[1]]) & ~is_positive(graph, edge_index)
        return first_per_target(edge_index[:, new], self.k, graph.num_nodes)

    def _from_bank(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        n = graph.num_nodes
        if graph.bank is not None and graph.bank.size(0) != len(self.bank):
            raise ValueError(
                f"'data.bank' must hold the {len(self.bank)} features of the bank (got {describe(graph.bank)})"
            )
        depth = self.k if graph.bank is None else self.k + _most(graph.edge_index[1, graph.edge_index[0] >= n])
        found = self.bank.search(x, depth, exclude_ids=graph.sample_id if "sample_id" in graph else None).index
        target = torch.arange(n, device=x.device).unsqueeze(1).expand_as(found)
        row, target = found[found >= 0], target[found >= 0]
        if graph.bank is None:
            used, row = torch.unique(row, return_inverse=True)
            graph.bank = self.bank.features[used].to(x)
            graph.negatives = replace(graph.negatives, bank=False)
        edge_index = torch.stack([n + row, target])
        return first_per_target(edge_index[:, ~is_positive(graph, edge_index)], self.k, n)

    def __repr__(self) -> str:
        bank = "" if self.bank is None else f", bank={len(self.bank)} rows"
        return f"{type(self).__name__}(k={self.k}, weight={self.weight:g}{bank})"


def _most(target: Tensor) -> int:
    """The number of edges of the target that has most."""
    return int(torch.bincount(target).max()) if target.numel() else 0
