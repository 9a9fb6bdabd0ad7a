"""Arc-cosine kernels."""

import math

import torch
from torch import Tensor

from gnnclr.ops.check import check_positive, describe
from gnnclr.ops.kernels.base import PairKernel

#: Cosines are kept this far from ±1, where angles have no slope.
MARGIN = 1e-6


class LogArcCosine(PairKernel):
    r"""The logarithm of an arc-cosine kernel of `"Kernel Methods for Deep Learning"
    <https://papers.nips.cc/paper/2009/hash/5751ec3e9a4feab575962e78e006250d-Abstract.html>`_, with
    :math:`\cos\theta = \tau x + 1 - \tau`:

    .. math::
        K_1 = \pi - \theta, \quad K_2 = \sin\theta + (\pi - \theta)\cos\theta, \quad
        K_3 = 3 \sin\theta\cos\theta + (\pi - \theta)(1 + 2\cos^2\theta)

    Args:
        order (int, optional): Which of the three. (default: ``1``)
        temperature (float, optional): :math:`0 < \tau \le 1`, how much of the range of angles is used.
            (default: ``0.1``)
    """

    def __init__(self, order: int = 1, temperature: float = 0.1):
        if isinstance(order, bool) or order not in (1, 2, 3):
            raise ValueError(f"'order' must be 1, 2 or 3 (got {describe(order)})")
        if check_positive("temperature", temperature) > 1:
            raise ValueError(f"'temperature' of an arc-cosine kernel must be at most 1 (got {temperature:g})")
        self.order, self.temperature = order, temperature

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the similarity."""
        cos = (x * self.temperature).add_(1 - self.temperature)
        outside = (cos > 1 - MARGIN) | (cos < MARGIN - 1)
        cos.clamp_(MARGIN - 1, 1 - MARGIN)
        sin, rest = (1 - cos.square()).sqrt_(), math.pi - torch.acos(cos)
        if self.order == 1:
            kernel, slope = rest, sin.reciprocal()
        elif self.order == 2:
            kernel, slope = sin + rest * cos, rest
        else:
            kernel, slope = 3 * sin * cos + rest * (1 + 2 * cos.square()), 4 * (sin + rest * cos)
        return kernel.log(), (slope / kernel).mul_(self.temperature).masked_fill_(outside, 0)
