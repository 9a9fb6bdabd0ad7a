"""VICReg."""

from torch import Tensor

from gnnclr.losses.batch_loss import FeatureLoss
from gnnclr.losses.graph_loss import float_rows
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn.features import VICRegConv


class VICRegLoss(FeatureLoss):
    r"""The loss of `"VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning"
    <https://arxiv.org/abs/2105.04906>`_.

    .. math::
        \mathcal{L} = \frac{\lambda}{nd} \|\mathbf{X} - \mathbf{Y}\|_F^2 + \sum_{\mathbf{Z} \in \{\mathbf{X},
        \mathbf{Y}\}} \frac{\mu}{2d} \sum_k \big[1 - \sqrt{\operatorname{Var}(\mathbf{Z}_{\cdot k}) + \epsilon}\big]_{+}
        + \frac{\nu}{d} \sum_{k \neq l} \operatorname{Cov}(\mathbf{Z})_{kl}^2

    Args:
        invariance (float, optional): The weight :math:`\lambda > 0`. (default: ``25.0``)
        variance (float, optional): The weight :math:`\mu > 0`. (default: ``25.0``)
        covariance (float, optional): The weight :math:`\nu > 0`. (default: ``1.0``)
        gather_distributed (bool, optional): Take variances over the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        eps (float, optional): The offset :math:`\epsilon > 0` of variances, inside of the square root.
            (default: ``1e-4``, as in the authors' code)

    Shapes:
        - **input:** two or more views :math:`(n, d)` with :math:`n \ge 2`; or stacked views and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="λ mean |X - Y|² + Σ_(Z=X,Y) μ/2 mean_k [1 - σ_k]_+ + ν/d Σ_(k≠l) Cov(Z)_kl²",
        kernel="distance of views; covariance of features",
        link="mean, hinge, square",
        pairs="none; messages are Z times a d×d matrix",
        weights="λ, μ, ν",
        paper="VICReg, https://arxiv.org/abs/2105.04906",
    )

    def __init__(
        self,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        gather_distributed: bool = False,
        eps: float = 1e-4,
    ):
        super().__init__(VICRegConv(invariance, variance, covariance, eps), gather_distributed)

    def project(self, x: Tensor) -> Tensor:
        """Rows as they are."""
        return float_rows(x, power=4)
