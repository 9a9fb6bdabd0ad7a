"""Arc-cosine kernels."""

import math

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_positive
from gnnclr.ops.kernels.base import PairKernel
from gnnclr.ops.unit_rows import squared_excess

#: Cosines are kept this far from ±1, where angles have no slope.
MARGIN = 1e-6


class GapKernel(PairKernel):
    r"""A function of the gap :math:`x = 1 - \mathbf{q}^\top \mathbf{k}` of a pair, for kernels that are steep where
    rows are nearly one. The gap of corresponding rows is taken from their distance, and has all its digits there."""

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The gaps of all pairs of rows [n, m]."""
        return torch.addmm(q.new_ones(()), q, k.t(), alpha=-1.0)

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The gap of each pair of corresponding rows [e]."""
        return ((a - b).square().sum(dim=-1) - squared_excess(a) - squared_excess(b)) / 2

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """The gradient by queries."""
        return super().pull(weight, q, k).neg_()

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The gradients by ``a``."""
        return super().pull_rows(weight, a, b).neg_()


class LogArcCosine(GapKernel):
    r"""The logarithm of an arc-cosine kernel of `"Kernel Methods for Deep Learning"
    <https://papers.nips.cc/paper/2009/hash/5751ec3e9a4feab575962e78e006250d-Abstract.html>`_, with
    :math:`\cos\theta = 1 - \tau (1 - \mathbf{q}^\top \mathbf{k})`:

    .. math::
        K_1 = \pi - \theta, \quad K_2 = \sin\theta + (\pi - \theta)\cos\theta, \quad
        K_3 = 3 \sin\theta\cos\theta + (\pi - \theta)(1 + 2\cos^2\theta)

    Args:
        order (int, optional): Which of the three. (default: ``1``)
        temperature (float, optional): :math:`0 < \tau \le 1`, how much of the range of angles is used.
            (default: ``0.1``)
    """

    def __init__(self, order: int = 1, temperature: float = 0.1):
        if check_positive("temperature", temperature) > 1:
            raise ValueError(f"'temperature' of an arc-cosine kernel must be at most 1 (got {temperature:g})")
        self.order: int = check_count("order", order, most=3)
        self.temperature: float = temperature

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the gap."""
        rest = x * self.temperature  # 1 - cos
        outside = (rest < MARGIN) | (rest > 2 - MARGIN)
        rest.clamp_(MARGIN, 2 - MARGIN)
        cos, sin = 1 - rest, (rest * (2 - rest)).sqrt_()
        rest = math.pi - 2 * (rest / 2).sqrt_().asin_()  # π - θ
        if self.order == 1:
            kernel, slope = rest, sin.reciprocal()
        elif self.order == 2:
            kernel, slope = sin + rest * cos, rest
        else:
            kernel, slope = 3 * sin * cos + rest * (1 + 2 * cos.square()), 4 * (sin + rest * cos)
        return kernel.log(), (slope / kernel).mul_(-self.temperature).masked_fill_(outside, 0)
