"""Rewiring: transforms that change who attracts whom."""

from dataclasses import replace

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.bank import FeatureBank
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.knn import knn_graph
from gnnclr.ops.check import check_positive, describe


class AddKNNPositives(BaseTransform):
    r"""Adds the nearest neighbours of each node as positives: from the other samples of the batch, or from a bank.

    Neighbours are found by cosine similarity of ``graph.x``. Positives are no negatives of each other, so under the
    default rule
    neighbours also leave the denominator. With a bank the idea is that of
    `"With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of
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
        if data.x is None or data.edge_index is None:
            raise ValueError("'data' must have 'x' and 'edge_index' (build it with augmentation_graph, edges=True)")
        if self.k == 0 or data.num_nodes == 0 or (self.bank is not None and len(self.bank) == 0):
            return data
        x = data.x.detach()
        edge_index = self._from_batch(x, data) if self.bank is None else self._from_bank(x, data)
        weight = x.new_ones(data.edge_index.size(1)) if data.edge_weight is None else data.edge_weight.to(x.dtype)
        data.edge_weight = torch.cat([weight, weight.new_full((edge_index.size(1),), self.weight / self.k)])
        data.edge_index = torch.cat([data.edge_index, edge_index], dim=1)
        return data

    def _from_batch(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        # Nodes of the same group are positives already: look so far that k others remain.
        _, counts = torch.unique(graph.group, return_counts=True)
        edge_index = knn_graph(x, self.k + int(counts.max()) - 1, cosine=True)
        edge_index = edge_index[:, graph.group[edge_index[0]] != graph.group[edge_index[1]]]
        degree = torch.bincount(edge_index[1], minlength=graph.num_nodes)
        first = degree.cumsum(0) - degree
        rank = torch.arange(edge_index.size(1), device=x.device) - first[edge_index[1]]
        return edge_index[:, rank < self.k]

    def _from_bank(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        found = self.bank.search(x, self.k, exclude_ids=graph.sample_id if "sample_id" in graph else None).index
        target = torch.arange(x.size(0), device=x.device).unsqueeze(1).expand_as(found)
        row, target = found[found >= 0], target[found >= 0]
        if graph.bank is None:
            used, row = torch.unique(row, return_inverse=True)
            graph.bank = self.bank.features[used].to(x)
            graph.negatives = replace(graph.negatives, bank=False)
        elif graph.bank.size(0) != len(self.bank):
            raise ValueError(
                f"'data.bank' must hold the {len(self.bank)} features of the bank (got {describe(graph.bank)})"
            )
        return torch.stack([graph.num_nodes + row, target])

    def __repr__(self) -> str:
        bank = "" if self.bank is None else f", bank={len(self.bank)} rows"
        return f"{type(self).__name__}(k={self.k}, weight={self.weight:g}{bank})"
