"""The softmax over the positives of each anchor."""

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.nn.alignment import PositivePairs


class PositiveSoftmax:
    r"""The softmax over the scores of each anchor's positives, by its difference from equal shares.

    .. math::
        \ell_i = \log \sum_p e^{s_{ip}}, \qquad e^{s_{ip} - \ell_i} = \frac{1 + \epsilon_{ip}}{P_i}

    with :math:`P_i` positives of anchor :math:`i`. Where positives are nearly one, :math:`\epsilon` is tiny and has all
    its digits nevertheless, if their relative scores have; with one positive it is zero.

    Args:
        pairs (PositivePairs): The positives, with relative scores.
        num_nodes (int): The number of nodes.
    """

    def __init__(self, pairs: PositivePairs, num_nodes: int):
        self.pairs: PositivePairs = pairs
        self.target: Tensor = pairs.edge_index[1]
        # Pairs of weight zero stand in no sum.
        attracts = pairs.weight.detach() != 0
        score = pairs.relative.masked_fill(~attracts, float("-inf"))
        high = score.new_full((num_nodes,), float("-inf")).scatter_reduce_(0, self.target, score, "amax")
        gap = score - high.masked_fill(high == float("-inf"), 0)[self.target]
        count = torch.zeros_like(high).index_add_(0, self.target, attracts.to(score))
        some = count.clamp(min=1)
        above = gap.expm1().masked_fill(~attracts, 0)
        log_mean = (scatter(above, self.target, dim_size=num_nodes, reduce="sum") / some).log1p()
        #: Number :math:`P` of each anchor's positives, one for those without [n].
        self.count = some
        #: Log-sum-exp [n]; minus infinity for nodes without positives.
        self.lse: Tensor = high + pairs.base + log_mean + some.log()
        #: Log-sum-exp of the anchor minus the score, for each pair [e]; zero where the pair weighs nothing.
        self.shortfall: Tensor = ((log_mean + some.log())[self.target] - gap).masked_fill(~attracts, 0)
        #: The softmax itself [e], with the digits of those that are tiny.
        self.share: Tensor = self.shortfall.neg().exp().masked_fill(~attracts, 0)
        #: :math:`\epsilon` of each pair [e].
        self.departure: Tensor = (gap - log_mean[self.target]).expm1()

    def uneven(self, equal: Tensor, weight: Tensor) -> Tensor:
        """The difference between ``equal`` weights and the weights of an anchor's pairs [e], zero where that is
        rounding."""
        missing = equal - weight
        rounding = missing.abs() <= 8 * torch.finfo(missing.dtype).eps * equal.abs()
        # Its derivative by the weight stays.
        return missing - missing.detach().masked_fill(~rounding, 0)
