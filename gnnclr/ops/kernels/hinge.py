"""The hinge of triplets."""

from torch import Tensor

from gnnclr.ops.kernels.base import DistanceKernel
from gnnclr.ops.kernels.power import SMALLEST


class Hinge(DistanceKernel):
    r"""The hinge :math:`[c_i - d_{ij}]_+` of a threshold :math:`c_i` of each query, such as the distance of its
    positive plus a margin.

    Distances under :math:`10^{-3}` count as that.
    """

    def evaluate_above(self, x: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, slopes by the squared distance, and slopes by the threshold.

        Args:
            x (Tensor): Squared distances [n, m].
            threshold (Tensor): Threshold of each query [n, 1].
        """
        value = (threshold - self.distance(x)).clamp_(min=0)
        active = (value > 0).to(x.dtype)
        return value, self.distance_slope(x).mul_(active).neg_(), active

    @staticmethod
    def distance(x: Tensor) -> Tensor:
        """Distances, of squared distances."""
        return x.clamp(min=SMALLEST).sqrt_()

    def distance_slope(self, x: Tensor) -> Tensor:
        """Slopes of distances by squared distances."""
        return self.distance(x).reciprocal_().mul_(0.5).masked_fill_(x < SMALLEST, 0)
