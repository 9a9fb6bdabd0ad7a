"""Nodes of one community repel each other less."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.communities.rule import CommunityRule
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.log_weight import add_log_weight, weight_dtype
from gnnclr.ops.check import check_positive


class WeighCommunity(CommunityRule):
    r"""Weighs negatives of the anchor's own community by :math:`\rho`.

    .. math:: w_{ij} = \rho^{[c_i = c_j]}, \qquad \log w_{ij} = \langle \mathbf{a}_i, \mathbf{b}_j \rangle

    with :math:`\mathbf{b}_i` the one-hot community and :math:`\mathbf{a}_i = \log \rho \cdot \mathbf{b}_i`. The
    weights are exact and ride along as columns of the embeddings: they need :math:`2nK` numbers for :math:`K`
    communities in the batch, and time as for embeddings that are :math:`K` wider. Up to a few hundred communities are
    fine; :func:`merge_small` brings them there. Rows of a bank weigh one.

    Args:
        community (Tensor): The community of each sample of the data [N].
        rho (float, optional): The weight :math:`\rho > 0`; below one spares likely false negatives, above one makes
            the neighborhood the hard negatives. For zero see :class:`ExcludeCommunity`. (default: ``0.5``)
    """

    def __init__(self, community: Tensor, rho: float = 0.5):
        super().__init__(community)
        self.rho: float = float(check_positive("rho", rho))

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with log-weights added to its negatives."""
        label = torch.unique(self.labels(check_graph(data)), return_inverse=True)[1]
        if self.rho == 1 or label.numel() == 0:
            return data
        member = one_hot(label).to(weight_dtype(data))
        return add_log_weight(data, math.log(self.rho) * member, member, symmetric=True)

    def _options(self) -> dict[str, Any]:
        return {"rho": f"{self.rho:g}"}
