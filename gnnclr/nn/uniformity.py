"""The uniformity update: negatives repel."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn.alignment import anchor_share
from gnnclr.nn.normalizer import ImplicitNormalizer, Normalizer, Weigh
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.pair_softmax import IMPLEMENTATIONS
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS


def edge_logsumexp(score: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Log-sum-exp of the scores of each target's edges [n]; minus infinity for targets without edges."""
    high = score.new_full((num_nodes,), float("-inf")).scatter_reduce_(0, target, score, "amax")
    pivot = high.masked_fill(high == float("-inf"), 0)
    return high + scatter((score - pivot[target]).exp(), target, dim_size=num_nodes, reduce="sum").log()


def explicit_negatives(graph: ContrastGraph) -> Tensor:
    """The pairs of ``graph.negative_index`` whose target is an anchor, without loops [2, e]."""
    source, target = graph.negative_index
    keep = source != target
    if graph.anchor is not None:
        keep = keep & graph.anchor[target]
    return graph.negative_index[:, keep]


class _ExplicitNormalizer:
    """The pairs of ``graph.negative_index``, through ``propagate``."""

    def __init__(self, conv: "UniformityConv", z: Tensor, graph: ContrastGraph, sharpness: float):
        self.conv, self.z, self.graph = conv, z, graph
        self.edge_index = explicit_negatives(graph)
        score, self.slope = conv.pair_scores(z, graph, self.edge_index)
        self.score = score * sharpness
        self.logit = self.score
        if graph.negatives.log_weight is not None:
            a, b = (x.to(z) for x in graph.negatives.log_weight)
            source, target = self.edge_index
            own = source < b.size(0)  # without weights of its own the bank weighs one
            self.logit = self.score + own * torch.linalg.vecdot(a[target], b[source.clamp(max=b.size(0) - 1)])
        self.lse = edge_logsumexp(self.logit, self.edge_index[1], z.size(0))

    @property
    def count(self) -> Tensor:
        return torch.bincount(self.edge_index[1], minlength=self.z.size(0))

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        target = self.edge_index[1]
        p = weight[target] * (self.logit - self.lse[target]).exp()
        message = self.conv.exchange(self.z, self.graph, self.edge_index, p, self.slope)
        return message, (p * self.score).sum()


class UniformityConv(PairConv):
    r"""The uniformity update of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: every view moves away from its negatives, most from the nearest.

    .. math::
        E = \frac{1}{n} \sum_i \log \sum_{j \in \mathcal{N}^{-}(i)} e^{k(\mathbf{z}_i, \mathbf{z}_j) / \tau}, \qquad
        \mathbf{m}_i = -\frac{1}{n\tau} \sum_{j} (P_{ij} + P_{ji})\, \mathbf{z}_j

    where the message is that of the dot product,
    :math:`k(\mathbf{z}_i, \mathbf{z}_j) = \mathbf{z}_i^\top \mathbf{z}_j`,
    with :math:`P` the row softmax over negatives; :math:`n` counts the anchors that have negatives. Explicit negatives
    (``graph.negative_index``) go through ``propagate``; implicit ones, the rule ``graph.negatives``, through the
    engine, in linear memory.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`; with a kernel,
            :class:`gnnclr.ops.KernelSoftmax`. (default: ``"auto"``)
        kernel (PairKernel, optional): The kernel :math:`k`. (default: ``None``, the dot product)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with a rule, or with explicit negatives :math:`(2, e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, temperature: float | nn.Parameter = 0.5, impl: str = "auto", kernel: PairKernel | None = None):
        super().__init__(temperature)
        self.impl = check_choice("impl", impl, IMPLEMENTATIONS if kernel is None else SUM_IMPLEMENTATIONS)
        self.kernel = kernel

    def normalizer(
        self,
        z: Tensor,
        graph: ContrastGraph,
        negatives: Negatives | None = None,
        sharpness: float = 1.0,
        weigh: Weigh | None = None,
    ) -> Normalizer:
        """The log-partition of each anchor, over explicit negatives if the graph has them, or over all pairs of a rule
        (default: the graph's). ``sharpness`` divides the temperature, also that of the normalizer's message; for
        ``weigh`` see :class:`~gnnclr.nn.normalizer.ImplicitNormalizer`."""
        if graph.negative_index is not None:
            return _ExplicitNormalizer(self, z, graph, sharpness)
        tau = float(self.temperature) / sharpness
        return ImplicitNormalizer(z, graph, negatives or graph.negatives, tau, self.impl, self.kernel, weigh)

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
