"""The uniformity update: negatives repel."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn.alignment import anchor_share
from gnnclr.nn.normalizer import ImplicitNormalizer, Normalizer
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice
from gnnclr.ops.pair_softmax import IMPLEMENTATIONS


def edge_logsumexp(score: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Log-sum-exp of the scores of each target's edges [n]; minus infinity for targets without edges."""
    high = score.new_full((num_nodes,), float("-inf")).scatter_reduce_(0, target, score, "amax")
    pivot = high.masked_fill(high == float("-inf"), 0)
    return high + scatter((score - pivot[target]).exp(), target, dim_size=num_nodes, reduce="sum").log()


class _ExplicitNormalizer:
    """The pairs of ``graph.negative_index``, through ``propagate``."""

    def __init__(self, conv: "UniformityConv", z: Tensor, graph: ContrastGraph):
        self.conv, self.z, self.graph = conv, z, graph
        source, target = graph.negative_index
        nodes = conv.candidates(z, graph)
        self.score = (nodes[source] * z[target]).sum(dim=1) / float(conv.temperature)
        keep = source != target
        if graph.anchor is not None:
            keep = keep & graph.anchor[target]
        self.edge_index, self.score = graph.negative_index[:, keep], self.score[keep]
        self.lse = edge_logsumexp(self.score, self.edge_index[1], z.size(0))

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        target = self.edge_index[1]
        p = weight[target] * (self.score - self.lse[target]).exp()
        return self.conv.exchange(self.z, self.graph, self.edge_index, p), (p * self.score).sum()


class UniformityConv(PairConv):
    r"""The uniformity update of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: every view moves away from its negatives, most from the nearest.

    .. math::
        \mathbf{m}_i = -\frac{1}{n\tau} \sum_{j} (P_{ij} + P_{ji})\, \mathbf{z}_j, \qquad
        E = \frac{1}{n} \sum_i \log \sum_{j \in \mathcal{N}^{-}(i)} e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau}

    with :math:`P` the row softmax over negatives; :math:`n` counts the anchors that have negatives. Explicit negatives
    (``graph.negative_index``) go through
    ``propagate``; implicit ones, the rule ``graph.negatives``, through the engine, in linear memory.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with a rule, or with explicit negatives :math:`(2, e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, temperature: float | nn.Parameter = 0.5, impl: str = "auto"):
        super().__init__(temperature)
        self.impl = check_choice("impl", impl, IMPLEMENTATIONS)

    def normalizer(self, z: Tensor, graph: ContrastGraph, negatives: Negatives | None = None) -> Normalizer:
        """The log-partition of each anchor, over explicit negatives if the graph has them, or over all pairs of a rule
        (default: the graph's)."""
        if graph.negative_index is not None:
            return _ExplicitNormalizer(self, z, graph)
        return ImplicitNormalizer(z, graph, negatives or graph.negatives, float(self.temperature), self.impl)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        normalizer = self.normalizer(z, graph)
        some = torch.isfinite(normalizer.lse)
        weight = anchor_share(some, graph, z.dtype)
        energy = (weight * normalizer.lse.masked_fill(~some, 0)).sum()
        message, by_log_scale = normalizer.message(weight)
        tau = self.temperature
        gradients = [(tau, -by_log_scale / float(tau))] if isinstance(tau, Tensor) else []
        return Update(energy, message / -float(tau), gradients)
