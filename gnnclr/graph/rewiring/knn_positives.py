"""Positives by nearest neighbors within the batch."""

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.bank_sources import bank_sources
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.feature_bank import FeatureBank
from gnnclr.graph.knn import knn_graph
from gnnclr.graph.pairs import is_among
from gnnclr.graph.positives import (
    add_positives,
    check_positives,
    first_per_target,
    ignore_positives,
    is_positive,
    top_per_target,
)
from gnnclr.ops.check import check_count, check_number, check_positive, describe
from gnnclr.ops.unit_rows import unit_rows


class AddKNNPositives(BaseTransform):
    r"""Adds the nearest neighbors of each node as positives: from the other samples of the batch, or from a bank.

    Neighbors are found by cosine similarity of ``graph.x``; nodes that are positives already are passed over.
    Positives are no negatives of each other, so under the default rule neighbors also leave the denominator. With a
    bank the idea is that of `"With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of
    Visual Representations"
    <https://arxiv.org/abs/2104.14548>`_, with neighbors beside the views instead of in their place (for that see
    :class:`SwapPositives`).

    Args:
        k (int, optional): Neighbors of each node; ``0`` changes nothing. (default: ``5``)
        weight (float, optional): Weight of all neighbors of a node together, where each view has weight one. It is
            shared equally among those that are there, also where they are fewer than :math:`k`. (default: ``0.5``)
        bank (FeatureBank, optional): Take neighbors from this bank; rows of the node's own sample
            (``graph.sample_id``, where given) are skipped.
            Its rows attract, and do not repel unless they are the graph's bank already. (default: ``None``, the batch)
        mutual (bool, optional): Of the neighbors in the batch, take only those that have the node among their
            own neighbors or positives. (default: ``False``)
        min_similarity (float, optional): The least cosine similarity of a neighbor. (default: ``None``, any)
        draw (int, optional): Draw this many of the neighbors at random in each call, as `"Mine Your Own vieW"
            <https://arxiv.org/abs/2102.10106>`_ draws one. Those that are not drawn neither attract, nor repel where
            positives do not. (default: ``None``, all)
    """

    def __init__(
        self,
        k: int = 5,
        weight: float = 0.5,
        bank: FeatureBank | None = None,
        mutual: bool = False,
        min_similarity: float | None = None,
        draw: int | None = None,
    ):
        check_count("k", k, least=0)
        if bank is not None and not isinstance(bank, FeatureBank):
            raise ValueError(f"'bank' must be a FeatureBank (got {describe(bank)})")
        if mutual and bank is not None:
            raise ValueError("'mutual' needs neighbors from the batch: rows of a bank have none (got a bank)")
        check_number("min_similarity", min_similarity, optional=True)
        if draw is not None and check_count("draw", draw) > k:
            raise ValueError(f"'draw' must not be above 'k', which is {k} (got {draw})")
        self.k: int = k
        self.weight: float = check_positive("weight", weight)
        self.bank: FeatureBank | None = bank
        self.mutual: bool = mutual
        self.min_similarity: float | None = min_similarity
        self.draw: int | None = draw

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the neighbors of ``data.x`` added to its positives."""
        check_positives(data)
        if self.k == 0 or data.num_nodes == 0 or (self.bank is not None and len(self.bank) == 0):
            return data
        x = data.x.detach()
        edge_index = self._from_batch(x, data) if self.bank is None else self._from_bank(x, data)
        if self.draw is not None:
            drawn = top_per_target(torch.rand(edge_index.size(1), device=x.device), edge_index[1], self.draw)
            ignore_positives(data, edge_index[:, ~drawn])
            edge_index = edge_index[:, drawn]
        count = torch.bincount(edge_index[1])[edge_index[1]]
        return add_positives(data, edge_index, self.weight / count.to(torch.promote_types(x.dtype, torch.float32)))

    def _from_batch(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        # Look so far that k others remain beside the views of the sample and the positives there are.
        source, target = graph.edge_index
        inside = source < graph.num_nodes
        other = inside & (graph.sample[source.where(inside, target)] != graph.sample[target])
        depth = self.k + int(torch.unique(graph.sample, return_counts=True)[1].max()) - 1 + _most(target[other])
        edge_index = knn_graph(x, depth, cosine=True)
        new = (graph.sample[edge_index[0]] != graph.sample[edge_index[1]]) & ~is_positive(graph, edge_index)
        edge_index = edge_index[:, new]
        edge_index = edge_index[:, first_per_target(edge_index[1], self.k)]
        if self.min_similarity is not None:
            z = unit_rows(x)
            similarity = torch.linalg.vecdot(z[edge_index[0]], z[edge_index[1]])
            edge_index = edge_index[:, similarity >= self.min_similarity]
        if self.mutual:
            known = torch.cat([graph.edge_index, edge_index], dim=1)
            edge_index = edge_index[:, is_among(edge_index.flip(0), known, graph.num_nodes)]
        return edge_index

    def _from_bank(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        # As far that k others remain beside the rows that are positives.
        n = graph.num_nodes
        depth = self.k + _most(graph.edge_index[1, graph.edge_index[0] >= n])
        found = self.bank.search(x, depth, exclude_ids=graph.sample_id if "sample_id" in graph else None)
        near = found.index >= 0
        if self.min_similarity is not None:
            near &= found.score >= self.min_similarity
        near, row = near.to(x.device), found.index.to(x.device)
        target = torch.arange(n, device=x.device).unsqueeze(1).expand_as(row)[near]
        edge_index = torch.stack([bank_sources(graph, self.bank, row[near]), target])
        edge_index = edge_index[:, ~is_positive(graph, edge_index)]
        return edge_index[:, first_per_target(edge_index[1], self.k)]

    def __repr__(self) -> str:
        shown = [f"k={self.k}", f"weight={self.weight:g}"]
        if self.bank is not None:
            shown.append(f"bank={len(self.bank)} rows")
        for name, default in (("mutual", False), ("min_similarity", None), ("draw", None)):
            if getattr(self, name) != default:
                shown.append(f"{name}={getattr(self, name)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _most(target: Tensor) -> int:
    """The number of edges of the target that has most."""
    return int(torch.bincount(target).max()) if target.numel() else 0
