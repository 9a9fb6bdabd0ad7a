"""Rewiring by nearest neighbors in the place of positives."""

import torch
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import coalesce

from gnnclr.graph.bank_sources import bank_sources
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.feature_bank import FeatureBank
from gnnclr.graph.positives import check_positives, edge_weights, ignore_positives
from gnnclr.ops.check import describe


class SwapPositives(BaseTransform):
    r"""Puts the nearest neighbor of each positive in its place, after `"With a Little Help from My Friends:
    Nearest-Neighbor Contrastive Learning of Visual Representations" <https://arxiv.org/abs/2104.14548>`_ (NNCLR).

    .. math:: (p \to i) \; \mapsto \; (\mathrm{NN}(\mathbf{x}_p, \mathcal{Q}) \to i), \qquad
        \mathrm{NN}(\mathbf{x}, \mathcal{Q}) = \arg\max_{\mathbf{q} \in \mathcal{Q}} \cos(\mathbf{x}, \mathbf{q})

    The neighbors are constant rows of the bank :math:`\mathcal{Q}`: they attract, and do not repel unless they are the
    graph's bank already. The positives whose place they take neither attract nor, under the default rule, repel.
    Edges keep their weights; those that come to share both ends are joined, and their weights added. Positives
    from a bank stay.

    Each view stays the anchor against the views of other samples. In NNCLR the neighbor is the anchor: without a
    graph that is ``InfoNCELoss()(neighbor, view)``, with neighbors ``bank.features[bank.search(x, 1).index[:, 0]]``.

    Args:
        bank (FeatureBank): The bank. While it is empty nothing is changed.
        skip_own (bool, optional): Pass over rows of the positive's own sample, by ``graph.sample_id``; where no others
            are left, it stays. NNCLR does not pass over them. (default: ``False``)
    """

    def __init__(self, bank: FeatureBank, skip_own: bool = False):
        if not isinstance(bank, FeatureBank):
            raise ValueError(f"'bank' must be a FeatureBank (got {describe(bank)})")
        self.bank: FeatureBank = bank
        self.skip_own: bool = skip_own

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with neighbors as sources of its positives."""
        check_positives(data)
        if self.skip_own and "sample_id" not in data:
            raise ValueError("'data.sample_id' must be given where rows of the own sample are skipped (got none)")
        source, target = data.edge_index
        node, position = torch.unique(source[source < data.num_nodes], return_inverse=True)
        if len(self.bank) == 0 or node.numel() == 0:
            return data
        own = data.sample_id[node] if self.skip_own else None
        row = self.bank.search(data.x.detach()[node], 1, exclude_ids=own).index[:, 0].to(source.device)[position]
        swapped = source < data.num_nodes
        swapped[swapped.clone()] = row >= 0
        ignore_positives(data, data.edge_index[:, swapped])
        source = source.masked_scatter(swapped, bank_sources(data, self.bank, row[row >= 0]))
        edge_index = torch.stack([source, target])
        data.edge_index, data.edge_weight = coalesce(edge_index, edge_weights(data), sort_by_row=False)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bank={len(self.bank)} rows, skip_own={self.skip_own})"
