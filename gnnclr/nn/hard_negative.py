"""Debiased and hard negatives."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gnnclr.nn.alignment import AlignmentConv, PositivePairs
from gnnclr.nn.coupled import CoupledConv, sum_by_anchor
from gnnclr.nn.log_partition import LogPartition
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.ops.check import check_number


class HardNegativeConv(CoupledConv):
    r"""The update of `"Contrastive Learning with Hard Negative Samples" <https://arxiv.org/abs/2010.04592>`_, and at
    :math:`\beta = 0` of `"Debiased Contrastive Learning" <https://arxiv.org/abs/2007.00224>`_.

    Negatives weigh :math:`e^{\beta s_{ij}}`, with mean one, and the share :math:`\tau^{+}` of them that is expected to
    be positive is taken out. With :math:`M_i` negatives of anchor :math:`i`, the sum of their weights where the graph
    has some, and :math:`s` the similarity over the temperature,

    .. math::
        N_{ip} = \max\left( \frac{M_i e^{\ell^{(1+\beta)}_i - \ell^{(\beta)}_i} - \tau^{+} M_i e^{s_{ip}}}
        {1 - \tau^{+}}, \; M_i e^{-1/\tau} \right), \qquad
        E = \operatorname{mean}_i \sum_p w_{ip} \log\left(1 + N_{ip} e^{-s_{ip}}\right)

    Args:
        temperature (float, optional): The temperature :math:`\tau > 0` of parts that are not
            given. (default: ``0.5``)
        beta (float, optional): Concentration :math:`\beta \ge 0` on hard negatives. (default: ``1.0``)
        tau_plus (float, optional): The expected share :math:`0 \le \tau^{+} < 1` of positives among the negatives.
            (default: ``0.1``)
        alignment (AlignmentConv, optional): The attracting part. (default: ``AlignmentConv(temperature)``)
        uniformity (UniformityConv, optional): The repelling part. (default: ``UniformityConv(temperature, impl)``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    def __init__(
        self,
        temperature: float = 0.5,
        beta: float = 1.0,
        tau_plus: float = 0.1,
        alignment: AlignmentConv | None = None,
        uniformity: UniformityConv | None = None,
        impl: str = "auto",
    ):
        super().__init__(temperature, alignment, uniformity, impl)
        self._check_one_temperature()
        if isinstance(self.temperature, Tensor):
            raise ValueError("'temperature' must be a number: its floor would be learned too (got a tensor)")
        self.beta: float = float(check_number("beta", beta, least=0))
        self.tau_plus: float = float(check_number("tau_plus", tau_plus, least=0, below=1))
        # Without concentration the importance of every negative is one, and its log-partition the log of their number.
        self.sharpness: tuple[float, float] | tuple[float] = (1 + self.beta, self.beta) if self.beta else (1.0,)

    def couple(
        self, pairs: PositivePairs, hard: LogPartition, importance: LogPartition | None = None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """See :class:`CoupledConv`."""
        target, n = pairs.edge_index[1], hard.lse.numel()
        count = hard.mass
        some = count > 0
        log_count = count.masked_fill(~some, 1).log()
        mean = 0 if importance is None else (log_count - importance.lse).masked_fill(~some, 0)
        negative = (hard.lse + mean)[target]
        # In logarithms: log(e^a - e^b) = a + log(1 - e^(b - a)).
        expected = pairs.score + log_count[target] + (math.log(self.tau_plus) if self.tau_plus else float("-inf"))
        floor = log_count[target] - 1 / self._tau
        left = -torch.expm1(expected - negative)
        free = (left > 0) & some[target]
        corrected = negative + left.clamp(min=torch.finfo(left.dtype).tiny).log() - math.log1p(-self.tau_plus)
        free = free & (corrected > floor)
        log_negative = torch.where(free, corrected, floor).masked_fill(~some[target], float("-inf"))
        gap = log_negative - pairs.score
        pull = pairs.weight * torch.sigmoid(gap)
        energy = (pairs.weight * softplus(gap, threshold=50.0)).sum()
        by_negative = torch.where(free, pull / left, 0)
        by_score = -pull - torch.where(free, by_negative * (1 - left), 0)
        by_hard = sum_by_anchor(by_negative, pairs, n)
        return energy, by_score, (by_hard,) if importance is None else (by_hard, -by_hard)

    def extra_repr(self) -> str:
        """Temperature and settings."""
        return f"{super().extra_repr()}, beta={self.beta:g}, tau_plus={self.tau_plus:g}"
