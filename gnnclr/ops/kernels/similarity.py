"""Functions of the dot product."""

import math

from torch import Tensor
from torch.nn.functional import softplus

from gnnclr.ops.kernels.base import PairKernel


class Square(PairKernel):
    r"""The square of the similarity, :math:`x^2`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the similarity."""
        return x.square(), 2 * x


class JensenShannonPositive(PairKernel):
    r"""The term of positives in the Jensen-Shannon bound, :math:`\log 2 - \operatorname{softplus}(-x)`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the similarity."""
        return math.log(2) - softplus(-x, threshold=50.0), (-x).sigmoid_()


class JensenShannonNegative(PairKernel):
    r"""The term of negatives in the Jensen-Shannon bound, :math:`\operatorname{softplus}(x) - \log 2`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the similarity."""
        return softplus(x, threshold=50.0).sub_(math.log(2)), x.sigmoid()


class Softplus(PairKernel):
    r"""The term of negatives that are classified by themselves, :math:`\log(1 + e^x)`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the similarity."""
        return softplus(x, threshold=50.0), x.sigmoid()
