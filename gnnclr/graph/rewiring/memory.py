"""Rewiring over time: an earlier embedding of a sample becomes a positive of its views."""

import torch
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.bank_sources import bank_sources
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.feature_bank import FeatureBank
from gnnclr.graph.partition import of_nodes
from gnnclr.graph.positives import add_positives, check_positives, edge_weights, is_positive
from gnnclr.ops.check import check_positive, describe


class AddMemoryPositives(BaseTransform):
    r"""Adds the earlier embedding of each sample as a positive of its views, after the multi-stage aggregation of
    `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning" <https://arxiv.org/abs/2303.04435>`_.

    .. math:: \mathbf{m}_i \propto \sum_{j \in \mathcal{N}^{+}(i)} w_{ij} \mathbf{x}_j
        + w\, \mathbf{x}^{\text{earlier}}_{s(i)}

    The memory is a bank with a row for each sample, which a method updates after each step: in the next epoch its rows
    are those of this one. They are constant, attract, and do not repel unless they are the graph's bank already.
    Samples whose row is not written yet get none.

    Args:
        bank (FeatureBank): The memory, with ``mode="sample"``. Its rows are numbered by ``graph.sample_id`` in a
            mini-batch, and by ``graph.sample`` where the batch holds all samples.
        weight (float, optional): The weight :math:`w` of the earlier embedding, where each view has weight one. The
            paper's code takes one. (default: ``0.5``)
    """

    def __init__(self, bank: FeatureBank, weight: float = 0.5):
        if not isinstance(bank, FeatureBank) or bank.mode != "sample":
            raise ValueError(f"'bank' must be a FeatureBank with mode='sample' (got {describe(bank)})")
        self.bank: FeatureBank = bank
        self.weight: float = check_positive("weight", weight)

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with earlier embeddings as positives of its nodes."""
        check_positives(data)
        if data.x.size(1) != self.bank.dim:
            raise ValueError(f"'bank' must hold rows as wide as 'data.x', {data.x.size(1)} (got dim={self.bank.dim})")
        written = self.bank.written >= 0
        row = of_nodes("bank", torch.where(written, written.cumsum(0) - 1, -1), data)
        target = (row >= 0).nonzero().view(-1)
        if target.numel() == 0:
            return data
        edge_index = torch.stack([bank_sources(data, self.bank, row[target]), target])
        edge_index = edge_index[:, ~is_positive(data, edge_index)]
        return add_positives(data, edge_index, edge_weights(data).new_full((edge_index.size(1),), self.weight))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bank={len(self.bank)} rows, weight={self.weight:g})"
