"""Powers of the distance."""

from torch import Tensor

from gnnclr.ops.check import check_number, check_positive
from gnnclr.ops.kernels.base import DistanceKernel

#: Squared distances below this count as this: powers below two have no slope at zero.
SMALLEST = 1e-6


class NegativePower(DistanceKernel):
    r"""The logit of exponential kernels, :math:`-d^\gamma / \tau`: Gaussian for :math:`\gamma = 2`, Laplacian for 1.

    Args:
        gamma (float, optional): The exponent :math:`\gamma > 0`; below 2, distances under :math:`10^{-3}` count as
            that. (default: ``2.0``)
        temperature (float, optional): The temperature :math:`\tau > 0`. (default: ``1.0``)
    """

    def __init__(self, gamma: float = 2.0, temperature: float = 1.0):
        self.gamma: float = check_positive("gamma", gamma)
        self.temperature: float = check_positive("temperature", temperature)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        if self.gamma == 2:
            return x / -self.temperature, x.new_full((), -1 / self.temperature).expand_as(x)
        safe = x.clamp(min=SMALLEST) if self.gamma < 2 else x
        value = safe.pow(self.gamma / 2).div_(-self.temperature)
        if self.gamma > 2:
            return value, x.pow(self.gamma / 2 - 1).mul_(-self.gamma / 2 / self.temperature)
        return value, (value / safe).mul_(self.gamma / 2).masked_fill_(x < SMALLEST, 0)


class Riesz(DistanceKernel):
    r"""The Riesz potential :math:`d^{-s}` for :math:`s > 0`, and :math:`-d^{|s|}` for :math:`s < 0`.

    Args:
        s (float, optional): The exponent, not zero; distances under :math:`10^{-3}` count as that. (default: ``2.0``)
    """

    def __init__(self, s: float = 2.0):
        if check_number("s", s) == 0:
            raise ValueError("'s' must not be zero (got 0)")
        self.s = s

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        safe = x.clamp(min=SMALLEST)
        value = safe.pow(-self.s / 2)
        if self.s < 0:
            value.neg_()
        return value, (value / safe).mul_(-self.s / 2).masked_fill_(x < SMALLEST, 0)
