"""The hinges of triplets."""

import torch
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


class CosineHinge(Hinge):
    r"""The hinge of the cosine distance :math:`1 - \mathbf{q}^\top \mathbf{k}` of unit rows, half of their squared
    distance."""

    @staticmethod
    def distance(x: Tensor) -> Tensor:
        """Cosine distances, of squared distances."""
        return x / 2

    def distance_slope(self, x: Tensor) -> Tensor:
        """Slopes of cosine distances by squared distances."""
        return torch.full_like(x, 0.5)


class NearerHinge(Hinge):
    r"""The hinge of the smaller one of two distances: a query is an anchor followed by its positive, and a key stands
    twice.

    Args:
        hinge (Hinge): The hinge of either distance.
    """

    def __init__(self, hinge: Hinge):
        self.hinge = hinge

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The squared distances to anchors and to positives [2, n, m]."""
        k = k.chunk(2, dim=1)[0]
        return torch.stack([self.hinge.tile(half, k) for half in q.chunk(2, dim=1)])

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The squared distances of each pair of corresponding rows [2, e]."""
        return torch.stack([self.hinge.rows(x, y) for x, y in zip(a.chunk(2, dim=-1), b.chunk(2, dim=-1))])

    def evaluate_above(self, x: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, slopes by both squared distances [2, n, m], and slopes by the threshold."""
        value, slope, by_threshold = self.hinge.evaluate_above(x.amin(dim=0), threshold)
        swapped = x[1] < x[0]
        return value, torch.stack([slope.masked_fill(swapped, 0), slope.masked_fill(~swapped, 0)]), by_threshold

    def pull_tile(self, weight: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients by queries and keys."""
        pulls = [self.hinge.pull_tile(w, half, k.chunk(2, dim=1)[0]) for w, half in zip(weight, q.chunk(2, dim=1))]
        to_q, to_k = zip(*pulls)
        return torch.cat(to_q, dim=1), torch.cat(to_k, dim=1)

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The gradients by ``a``, for each pair of corresponding rows [e, 2d]."""
        halves = zip(weight, a.chunk(2, dim=-1), b.chunk(2, dim=-1))
        return torch.cat([self.hinge.pull_rows(w, x, y) for w, x, y in halves], dim=-1)
