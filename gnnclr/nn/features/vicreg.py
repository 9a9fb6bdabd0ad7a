"""The VICReg update."""

import torch
from torch import Tensor

from gnnclr.nn.features.base import FeatureConv, off_diagonal
from gnnclr.ops.check import check_positive
from gnnclr.ops.value_only import value_only


class VICRegConv(FeatureConv):
    r"""The update of `"VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning"
    <https://arxiv.org/abs/2105.04906>`_.

    .. math::
        E = \frac{\lambda}{nd} \|\mathbf{X} - \mathbf{Y}\|_F^2 + \sum_{\mathbf{Z} \in \{\mathbf{X}, \mathbf{Y}\}}
        \frac{\mu}{2d} \sum_k \big[1 - \sqrt{\operatorname{Var}(\mathbf{Z}_{\cdot k}) + \epsilon}\big]_{+} +
        \frac{\nu}{d} \sum_{k \neq l} \operatorname{Cov}(\mathbf{Z})_{kl}^2

    as in the authors' code: variances and covariances are unbiased, and the variance term is halved.

    Args:
        invariance (float, optional): The weight :math:`\lambda`. (default: ``25.0``)
        variance (float, optional): The weight :math:`\mu`. (default: ``25.0``)
        covariance (float, optional): The weight :math:`\nu`. (default: ``1.0``)
        eps (float, optional): The offset :math:`\epsilon > 0` of variances. (default: ``1e-4``)

    Shapes:
        - **input:** embeddings :math:`(n, d)` of any length; graph of two or more views
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0, eps: float = 1e-4):
        super().__init__()
        self.invariance: float = check_positive("invariance", invariance)
        self.variance: float = check_positive("variance", variance)
        self.covariance: float = check_positive("covariance", covariance)
        self.eps: float = check_positive("eps", eps)

    def between(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """See :class:`FeatureConv`."""
        difference = x - y
        energy = self.invariance * difference.square().mean()
        by_difference = difference * (2 * self.invariance / difference.numel())
        gradients = []
        for view, sign in ((x, 1), (y, -1)):
            value, gradient = self._spread(view)
            energy = energy + value
            gradients.append(None if gradient is None else gradient.add_(by_difference, alpha=sign))
        return energy, *gradients

    def _spread(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Variance and covariance terms of one view, and their gradient."""
        n, d = z.shape
        centered = z - z.mean(dim=0)
        covariance = centered.t() @ centered / (n - 1)
        sigma = (covariance.diagonal() + self.eps).sqrt()
        rest = off_diagonal(covariance)
        value = self.variance / (2 * d) * (1 - sigma).clamp(min=0).sum() + self.covariance / d * rest.square().sum()
        if value_only():
            return value, None
        # By the covariance matrix; it is symmetric, so each entry off the diagonal counts from both of its sides.
        by_variance = torch.where(sigma < 1, -self.variance / (4 * d) / sigma, 0)
        matrix = 2 * self.covariance / d * rest + torch.diag(by_variance)
        return value, centered @ matrix * (2 / (n - 1))

    def extra_repr(self) -> str:
        """The weights, and the offset where it is not the default."""
        eps = "" if self.eps == 1e-4 else f", eps={self.eps:g}"
        return f"invariance={self.invariance:g}, variance={self.variance:g}, covariance={self.covariance:g}{eps}"
