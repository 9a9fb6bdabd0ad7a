"""The sigmoid update: each pair is classified by itself, as positive or negative."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gnnclr.graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives, refuse_extra_negatives
from gnnclr.graph.negative_blocks import negative_blocks
from gnnclr.nn.alignment import positive_weights
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops import PairSum, append_log_weight
from gnnclr.ops.check import check_choice, check_number, number_of
from gnnclr.ops.kernels import Softplus
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.value_only import value_only


class SigmoidConv(PairConv):
    r"""The update of `"Sigmoid Loss for Language Image Pre-Training" <https://arxiv.org/abs/2303.15343>`_: the logit
    :math:`x_{ij} = \mathbf{z}_i^\top \mathbf{z}_j / \tau + b` says of each pair alone whether it is a positive.

    .. math::
        E = \operatorname{mean}_i \Big[ |\mathcal{P}(i)| \sum_{p} w_{ip} \operatorname{softplus}(-x_{ip}) +
        \sum_{j \in \mathcal{N}^{-}(i)} \operatorname{softplus}(x_{ij}) \Big]

    The mean runs over anchors that have positives; weights :math:`w` of an anchor's positives sum to one, and
    :math:`|\mathcal{P}(i)|` is their number, so that equal weights give each pair a term of weight one. Explicit
    negatives (``graph.negative_index``) go through ``propagate``; implicit ones, the rule ``graph.negatives``, through
    the engine, in linear memory: the bias is a column of queries and keys. Log-weights of the rule do not apply,
    ignored pairs are left out, and extra negatives are refused.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.1``)
        bias (float or torch.nn.Parameter, optional): The bias :math:`b`; learnable if it is a parameter.
            (default: ``-10.0``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; a :class:`~gnnclr.graph.ContrastGraph` of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    per_anchor = True

    def __init__(self, temperature: float | nn.Parameter = 0.1, bias: float | nn.Parameter = -10.0, impl: str = "auto"):
        super().__init__(temperature)
        check_number("bias", number_of(bias))
        self.bias: float | nn.Parameter = bias
        self.impl: str = check_choice("impl", impl, SUM_IMPLEMENTATIONS)

    @property
    def plain(self) -> bool:
        """See :class:`PairConv`."""
        return type(self) is SigmoidConv and self.impl == "auto"

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        refuse_extra_negatives(graph, self)
        edge_index, weight, share = positive_weights(z, graph)
        target, n = edge_index[1], z.size(0)
        number = z.new_zeros(n).index_add_(0, target, (weight > 0).to(z.dtype))
        of_anchor = z.new_zeros(n).index_add_(0, target, weight * share)
        near = self._pairs(z, graph, edge_index, weight * share * number[target], -1.0)
        if graph.negative_index is not None:
            edge_index = explicit_negatives(graph)
            far = self._pairs(z, graph, edge_index, of_anchor[edge_index[1]], 1.0)
        else:
            far = self._all_pairs(z, graph, of_anchor)
        if value_only():
            return Update(near[0] + far[0])
        energy, message, by_log_scale, by_bias = (a + b for a, b in zip(near, far))
        learned = [(self.temperature, -by_log_scale / self._tau), (self.bias, by_bias)]
        return Update(energy, message, [(x, by) for x, by in learned if isinstance(x, Tensor)])

    def _pairs(
        self, z: Tensor, graph: ContrastGraph, edge_index: Tensor, weight: Tensor, sign: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Energy of explicit pairs, negatives for a positive sign; its message, and its gradients by the logarithm of
        the scale and by the bias."""
        score, _ = self.pair_scores(z, graph, edge_index)
        logit = (score + float(number_of(self.bias))).mul_(sign)
        energy = (weight * softplus(logit, threshold=50.0)).sum()
        if value_only():
            return energy, energy, energy, energy  # nobody asks for the rest
        slope = weight * torch.sigmoid(logit) * sign
        message = self.messages_both_ways(z, graph, edge_index, slope / -self._tau)
        return energy, message, (slope * score).sum(), slope.sum()

    def _all_pairs(self, z: Tensor, graph: ContrastGraph, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As :meth:`_pairs`, of all pairs that the rule allows, with a weight for each anchor."""
        energy, message, by_log_scale, by_bias = z.new_zeros(()), None, z.new_zeros(()), z.new_zeros(())
        scale, bias = 1 / self._tau, float(number_of(self.bias))
        for block in negative_blocks(z, graph, graph.negatives):
            q, k = block.ends(z)
            ones = q.new_ones(q.size(0), 1)
            q, k = append_log_weight(q * scale, k, (ones, k.new_full((k.size(0), 1), bias)))
            of_anchors = block.of_anchors(weight)
            options = {"exclude": block.groups, "exclude_pairs": block.pairs, "impl": self.impl}
            pairs = PairSum(q, k, Softplus(), of_anchors, **options)
            energy = energy + (of_anchors * pairs.value).sum()
            if value_only():
                continue
            by_log_scale = by_log_scale + (q[:, :-1] * pairs.to_q[:, :-1]).sum()
            by_bias = by_bias + pairs.to_k[:, -1].sum()
            message = block.add(message, z, pairs.to_q[:, :-1].mul(-scale), pairs.to_k[:, :-1].neg())
        return energy, torch.zeros_like(z) if message is None else message, by_log_scale, by_bias

    def extra_repr(self) -> str:
        """Temperature and bias."""
        return f"{super().extra_repr()}, bias={float(number_of(self.bias)):g}"
