"""f-divergences of a Gaussian similarity."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, check_number, check_positive
from gnnclr.ops.kernels.base import DistanceKernel


@dataclass(frozen=True)
class FDivergence:
    r"""The generator :math:`f` of an f-divergence, by the three functions that a contrastive bound needs.

    Args:
        derivative (callable): :math:`f'`, of :math:`u` and :math:`\log u`.
        conjugate (callable): :math:`f^* \circ f' = u f'(u) - f(u)`.
        curvature (callable): :math:`u f''(u)`.
    """

    derivative: Callable[[Tensor, Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]


DIVERGENCES = ("kl", "js", "pearson", "squared_hellinger", "tsallis", "vincze_le_cam")


def f_divergence(name: str, alpha: float = 1.5) -> FDivergence:
    r"""The f-divergence of a name.

    ======================  =====================================================  =========================
    name                    :math:`f'(u)`                                          :math:`f^*(f'(u))`
    ======================  =====================================================  =========================
    ``kl``                  :math:`\log u + 1`                                     :math:`u`
    ``js``                  :math:`\log\frac{2u}{1+u}`                             :math:`\log\frac{1+u}{2}`
    ``pearson``             :math:`2(u - 1)`                                       :math:`u^2 - 1`
    ``squared_hellinger``   :math:`1 - u^{-1/2}`                                   :math:`\sqrt{u} - 1`
    ``tsallis``             :math:`\frac{\alpha}{\alpha - 1} u^{\alpha - 1}`       :math:`u^\alpha`
    ``vincze_le_cam``       :math:`1 - 4/(u + 1)^2`                                :math:`3 - 4\frac{2u+1}{(u+1)^2}`
    ======================  =====================================================  =========================

    Args:
        name (str): The name.
        alpha (float, optional): The order :math:`\alpha > 1` of Tsallis' divergence. (default: ``1.5``)
    """
    check_choice("divergence", name, DIVERGENCES)
    check_number("tsallis_alpha", alpha, above=1)
    return {
        "kl": FDivergence(lambda u, log_u: log_u + 1, lambda u: u, torch.ones_like),
        "js": FDivergence(
            lambda u, log_u: math.log(2) + log_u - u.log1p(), lambda u: u.log1p() - math.log(2), lambda u: 1 / (1 + u)
        ),
        "pearson": FDivergence(lambda u, log_u: 2 * (u - 1), lambda u: u.square() - 1, lambda u: 2 * u),
        "squared_hellinger": FDivergence(
            lambda u, log_u: -(-log_u / 2).expm1(), lambda u: u.sqrt() - 1, lambda u: u.rsqrt() / 2
        ),
        "tsallis": FDivergence(
            lambda u, log_u: alpha / (alpha - 1) * u.pow(alpha - 1),
            lambda u: u.pow(alpha),
            lambda u: alpha * u.pow(alpha - 1),
        ),
        "vincze_le_cam": FDivergence(
            lambda u, log_u: 1 - 4 / (u + 1).square(),
            lambda u: 3 - 4 * (2 * u + 1) / (u + 1).square(),
            lambda u: 8 * u / (u + 1).pow(3),
        ),
    }[name]


class _GaussianSimilarity(DistanceKernel):
    r"""A function of :math:`G = \mu e^{-d^2 / 2\sigma^2}`.

    Args:
        divergence (str): Name of the f-divergence, see :func:`f_divergence`.
        sigma (float, optional): The width :math:`\sigma`. (default: ``1.0``)
        mu (float, optional): The factor :math:`\mu`. (default: ``1.0``)
        tsallis_alpha (float, optional): The order of Tsallis' divergence. (default: ``1.5``)
    """

    def __init__(self, divergence: str, sigma: float = 1.0, mu: float = 1.0, tsallis_alpha: float = 1.5):
        self.divergence: str = divergence
        self.sigma: float = check_positive("sigma", sigma)
        self.mu: float = check_positive("mu", mu)
        self.tsallis_alpha = tsallis_alpha
        self._rate = -1 / (2 * sigma**2)
        f_divergence(divergence, tsallis_alpha)

    @property
    def generator(self) -> FDivergence:
        """The generator, made anew each time, so that kernels can be pickled."""
        return f_divergence(self.divergence, self.tsallis_alpha)

    def _log_similarity(self, x: Tensor) -> Tensor:
        return (x * self._rate).add_(math.log(self.mu))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.divergence!r}, sigma={self.sigma:g}, mu={self.mu:g})"


class DivergencePositive(_GaussianSimilarity):
    r"""The term of positives, :math:`f'(G)` of the Gaussian similarity :math:`G = \mu e^{-d^2 / 2\sigma^2}`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        log_u = self._log_similarity(x)
        u = log_u.exp()
        return self.generator.derivative(u, log_u), self.generator.curvature(u) * self._rate


class DivergenceNegative(_GaussianSimilarity):
    r"""The term of negatives, :math:`f^*(f'(G))` of the Gaussian similarity :math:`G = \mu e^{-d^2 / 2\sigma^2}`."""

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the squared distance."""
        u = self._log_similarity(x).exp_()
        return self.generator.conjugate(u), self.generator.curvature(u) * u * self._rate
