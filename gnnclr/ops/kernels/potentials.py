"""Bounded potentials of the distance."""

from torch import Tensor

from gnnclr.ops.check import check_positive
from gnnclr.ops.kernels.base import DistanceKernel


class Gaussian(DistanceKernel):
    r"""The Gaussian potential :math:`e^{-t d^2}`.

    Args:
        t (float, optional): Sharpness :math:`t > 0`. (default: ``2.0``)
    """

    def __init__(self, t: float = 2.0):
        self.t: float = check_positive("t", t)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        value = (x * -self.t).exp_()
        return value, value * -self.t


class Logarithmic(DistanceKernel):
    r"""The logarithmic potential :math:`-a \log(1 + t d^2)`.

    Args:
        t (float, optional): Sharpness :math:`t > 0`. (default: ``2.0``)
        factor (float, optional): The factor :math:`a > 0`. (default: ``1.0``)
    """

    def __init__(self, t: float = 2.0, factor: float = 1.0):
        self.t: float = check_positive("t", t)
        self.factor: float = check_positive("factor", factor)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        scaled = x * self.t
        return scaled.log1p().mul_(-self.factor), scaled.add_(1).reciprocal_().mul_(-self.factor * self.t)


class InverseMultiquadric(DistanceKernel):
    r"""The inverse multiquadric :math:`c / \sqrt{c^2 + d^2}`.

    Args:
        c (float, optional): Width :math:`c > 0`. (default: ``2.0``)
    """

    def __init__(self, c: float = 2.0):
        self.c: float = check_positive("c", c)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        square = x + self.c**2
        value = square.rsqrt().mul_(self.c)
        return value, (value / square).mul_(-0.5)
