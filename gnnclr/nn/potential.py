"""The potential update: negatives repel by an energy of pairs, without a logarithm."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives, refuse_extra_negatives
from gnnclr.graph.negative_blocks import negative_blocks
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.shared_log_partition import shares_negatives
from gnnclr.nn.update import Update
from gnnclr.ops import PairSum
from gnnclr.ops.check import check_choice
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.value_only import value_only


class PotentialConv(PairConv):
    r"""Descends the mean potential of all negative pairs, as charges on the sphere do.

    .. math::
        E = \frac{1}{|\mathcal{P}|} \sum_{(i, j) \in \mathcal{P}} k(\mathbf{z}_i, \mathbf{z}_j), \qquad
        \mathcal{P} = \{(i, j) : j \in \mathcal{N}^{-}(i)\}

    Explicit negatives (``graph.negative_index``) go through ``propagate``; implicit ones, the rule ``graph.negatives``,
    through the engine, in linear memory. Log-weights of the rule do not apply, ignored pairs are left
    out, and extra negatives are refused.

    Args:
        kernel (PairKernel): The potential :math:`k`.
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`; graph with a rule, or with explicit negatives :math:`(2, e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, kernel: PairKernel, impl: str = "auto"):
        super().__init__()
        self.kernel: PairKernel = kernel
        self.impl: str = check_choice("impl", impl, SUM_IMPLEMENTATIONS)

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`: where negatives are those of a mutual rule."""
        return shares_negatives(graph, self.impl, self.kernel)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        refuse_extra_negatives(graph, self)
        if graph.negative_index is not None:
            edge_index = explicit_negatives(graph)
            value, slope = self.pair_scores(z, graph, edge_index)
            number = max(edge_index.size(1), 1)
            if value_only():
                return Update(value.sum() / number)
            share = torch.full_like(value, -1 / number)
            return Update(value.sum() / number, self.messages_both_ways(z, graph, edge_index, share, slope))
        wide = z.dtype if z.device.type == "mps" else torch.float64  # numbers of pairs are large
        sums, message, rows = z.new_zeros(2, dtype=wide), None, graph.own_rows
        for block in negative_blocks(z, graph, graph.negatives):
            block = block if rows is None else block.among(rows.mask)
            q, k = block.ends(z)
            # Every pair weighs one: a symmetric walk counts it from both of its sides.
            options = {"exclude": block.groups, "exclude_pairs": block.pairs, "symmetric": block.symmetric}
            if rows is not None:
                options["weight_k"] = k.new_full((k.size(0),), 1.0 if block.bank is None else 0.0)
            pairs = PairSum(q, k, self.kernel, q.new_ones(q.size(0)), impl=self.impl, **options)
            sums += torch.stack([pairs.value.sum(dtype=wide), pairs.count.sum().to(wide)])
            if not value_only():
                message = block.add(message, z, pairs.to_q, pairs.to_k)
        total, number = sums if rows is None else rows.sum(sums)
        number = number.clamp(min=1)
        energy = (total / number).to(z)
        if value_only():
            return Update(energy)
        message = torch.zeros_like(z) if message is None else message.div_(-number)
        return Update(energy, message)

    def extra_repr(self) -> str:
        """The kernel."""
        return f"kernel={self.kernel!r}"
