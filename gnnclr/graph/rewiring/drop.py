"""Random drops of positives and negatives in training."""

import torch
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import scatter

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.log_weight import add_log_weight, weight_dtype
from gnnclr.graph.positives import check_positives, edge_weights, ignore_positives
from gnnclr.ops.check import check_probability

#: The log-weight of a node that does not repel: its weight is zero in floating point, also against scores of 1/τ for
#: temperatures down to 0.01.
SILENT = -1000.0


class DropPositives(BaseTransform):
    r"""Drops each positive with probability :math:`p` in each call, as `"DropEdge" <https://arxiv.org/abs/1907.10903>`_
    drops edges. An anchor keeps one of its positives at least, drawn at random from those that
    weigh more than zero.

    Weights count relative to the other positives of an anchor, so those that are kept count for more. A
    dropped positive does not repel either, where positives do not.

    Args:
        p (float, optional): The probability :math:`0 \le p \le 1`; with ``0`` nothing is changed, and with ``1`` one
            positive of each anchor is left. (default: ``0.5``)
    """

    def __init__(self, p: float = 0.5):
        self.p: float = check_probability("p", p)

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the positives that are left."""
        check_positives(data)
        target = data.edge_index[1]
        if self.p == 0 or target.numel() == 0:
            return data
        draw = torch.rand(target.numel(), device=target.device)
        weight = edge_weights(data)
        draw = draw.where(weight > 0, -1)  # one of weight zero is not the one to keep
        best = scatter(draw, target, dim_size=data.num_nodes, reduce="max")
        keep = (draw >= self.p) | (draw == best[target])
        ignore_positives(data, data.edge_index[:, ~keep])
        data.edge_weight = weight[keep]
        data.edge_index = data.edge_index[:, keep]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p:g})"


class DropNegatives(BaseTransform):
    r"""Drops each candidate, a node or a row of the bank, from all negatives with probability :math:`p` in each call.
    It stays an anchor, and attracts as before.

    .. math:: \sum_{j \in \mathcal{N}^{-}(i)} e^{s_{ij}} \; \mapsto \;
        \sum_{j \in \mathcal{N}^{-}(i)} b_j e^{s_{ij}}, \qquad b_j \sim \mathrm{Bernoulli}(1 - p)

    The sum has the mean of a batch that is :math:`1 - p` as large: over :math:`1 - p` it is an unbiased estimate of the
    sum over all, its logarithm is not.

    Nodes are dropped by a column of log-weights, in linear memory: the weight of a dropped node is zero in floating
    point. Objectives without weights of negatives (potentials, triplets) keep them all, and an anchor whose
    negatives are all dropped is repelled by them as before. Rows of the bank and explicit negatives are left
    out.

    Args:
        p (float, optional): The probability :math:`0 \le p < 1`; with ``0`` nothing is changed. (default: ``0.5``)
    """

    def __init__(self, p: float = 0.5):
        self.p: float = check_probability("p", p)
        if self.p > 1 - 1e-6:
            raise ValueError(f"'p' must be a probability below one (got {p})")

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the negatives that are left."""
        check_graph(data)
        if self.p == 0 or data.num_nodes == 0:
            return data
        n = data.num_nodes
        drop = torch.rand(data.num_candidates, device=data.sample.device) < self.p
        if data.negative_index is None:
            b = drop[:n, None].to(weight_dtype(data)) * SILENT
            add_log_weight(data, torch.ones_like(b), b, symmetric=False)
        if data.bank is not None:
            data.bank = data.bank.only(~drop[n:])
        if data.negative_index is not None:
            data.negative_index = data.negative_index[:, ~drop[data.negative_index[0]]]
        if data.extra is not None:
            data.extra = data.extra.keep(~drop[data.extra.index[0]])
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p:g})"
