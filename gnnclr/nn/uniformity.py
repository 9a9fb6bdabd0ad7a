"""The uniformity update: negatives repel."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.explicit_negatives import explicit_negatives, extra_negatives
from gnnclr.graph.pair_exceptions import pair_log_weight
from gnnclr.nn.alignment import graph_share
from gnnclr.nn.log_partition import ImplicitLogPartition, JoinedLogPartition, LogPartition, Weigh
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.shared_log_partition import SharedLogPartition, shares_negatives
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.pair_softmax import IMPLEMENTATIONS
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.value_only import value_only


def edge_logsumexp(score: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Log-sum-exp of the scores of each target's edges [n]; minus infinity for targets without edges."""
    high = score.new_full((num_nodes,), float("-inf")).scatter_reduce_(0, target, score, "amax")
    pivot = high.masked_fill(high == float("-inf"), 0)
    return high + scatter((score - pivot[target]).exp(), target, dim_size=num_nodes, reduce="sum").log()


class _ExplicitLogPartition:
    """Explicit pairs, through ``propagate``; some with a factor on their score or a log-weight [e]."""

    def __init__(
        self,
        conv: "UniformityConv",
        z: Tensor,
        graph: ContrastGraph,
        sharpness: float,
        edge_index: Tensor,
        log_weight: Tensor | None = None,
        scale: Tensor | None = None,
    ):
        self.conv, self.z, self.graph, self.edge_index = conv, z, graph, edge_index
        score, self.slope = conv.pair_scores(z, graph, edge_index)
        self.scale = None if scale is None else scale.to(z)
        self.log_weight = None if log_weight is None else log_weight.to(z)
        self.score = score * sharpness if scale is None else score * self.scale * sharpness
        self.logit = self.score if log_weight is None else self.score + self.log_weight
        self.lse = edge_logsumexp(self.logit, self.edge_index[1], z.size(0))

    @property
    def mass(self) -> Tensor:
        weight = torch.ones_like(self.score) if self.log_weight is None else self.log_weight.exp()
        return scatter(weight, self.edge_index[1], dim_size=self.z.size(0), reduce="sum")

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        target = self.edge_index[1]
        p = weight[target] * (self.logit - self.lse[target]).exp()
        by_kernel = p if self.scale is None else p * self.scale
        message = self.conv.messages_both_ways(self.z, self.graph, self.edge_index, by_kernel, self.slope)
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
    engine, in linear memory. Exceptions to both, ``graph.ignore_index`` and ``graph.extra``, are exact: what is
    ignored is left out, and what is extra is added, nothing is subtracted.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`; with a kernel,
            :class:`gnnclr.ops.KernelSoftmax`. (default: ``"auto"``)
        kernel (PairKernel, optional): The kernel :math:`k`. (default: ``None``, the dot product)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with a rule, or with explicit negatives :math:`(2, e)`
        - **output:** messages :math:`(n, d)`
    """

    per_anchor = True

    def __init__(self, temperature: float | nn.Parameter = 0.5, impl: str = "auto", kernel: PairKernel | None = None):
        super().__init__(temperature)
        self.impl: str = check_choice("impl", impl, IMPLEMENTATIONS if kernel is None else SUM_IMPLEMENTATIONS)
        self.kernel = kernel

    def log_partition(
        self,
        z: Tensor,
        graph: ContrastGraph,
        negatives: Negatives | None = None,
        sharpness: float = 1.0,
        weigh: Weigh | None = None,
    ) -> LogPartition:
        """The log-partition of each anchor, over explicit negatives if the graph has them, or over all pairs of a rule
        (default: the graph's), and in both cases over extra negatives. ``sharpness`` divides the temperature, also that
        of the log_partition's message; for ``weigh`` see :class:`~gnnclr.nn.log_partition.ImplicitLogPartition`."""
        extra = self._extra_log_partition(z, graph, sharpness)
        if extra is not None and weigh is not None:
            weigh = JoinedLogPartition.weigh(weigh, extra)
        if graph.negative_index is not None:
            edge_index = explicit_negatives(graph)
            log_weight = pair_log_weight(graph, edge_index, z.dtype)
            log_partition = _ExplicitLogPartition(self, z, graph, sharpness, edge_index, log_weight)
        else:
            rule, tau = negatives or graph.negatives, self._tau / sharpness
            if graph.own_rows is not None:
                return SharedLogPartition(z, graph, rule, tau, self.kernel)
            log_partition = ImplicitLogPartition(z, graph, rule, tau, self.impl, self.kernel, weigh)
        return log_partition if extra is None else JoinedLogPartition(log_partition, extra)

    def _extra_log_partition(self, z: Tensor, graph: ContrastGraph, sharpness: float) -> LogPartition | None:
        """The log-partition over ``graph.extra``, if there are any."""
        extra = extra_negatives(graph)
        if extra is None:
            return None
        return _ExplicitLogPartition(self, z, graph, sharpness, extra.index, extra.log_weight, extra.scale)

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`: where negatives are those of a mutual rule."""
        return shares_negatives(graph, self.impl, self.kernel)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        log_partition = self.log_partition(z, graph)
        some = torch.isfinite(log_partition.lse)
        weight = graph_share(some, graph, z.dtype)
        energy = (weight * log_partition.lse.masked_fill(~some, 0)).sum()
        if value_only():
            return Update(energy)
        message, by_log_scale = log_partition.message(weight)
        tau = self.temperature
        gradients = [(tau, -by_log_scale / float(tau))] if isinstance(tau, Tensor) else []
        return Update(energy, message / -float(tau), gradients)
