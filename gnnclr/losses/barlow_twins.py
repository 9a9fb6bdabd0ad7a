"""Barlow Twins."""

from gnnclr.losses.batch_loss import FeatureLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn.features import BarlowTwinsConv


class BarlowTwinsLoss(FeatureLoss):
    r"""The loss of `"Barlow Twins: Self-Supervised Learning via Redundancy Reduction"
    <https://arxiv.org/abs/2103.03230>`_: the cross-correlation of two views becomes the identity.

    .. math::
        \mathcal{L} = \sum_k (1 - C_{kk})^2 + \lambda \sum_{k \neq l} C_{kl}^2, \qquad
        \mathbf{C} = \tfrac{1}{n} \tilde{\mathbf{X}}^\top \tilde{\mathbf{Y}}

    with features standardized over the batch as batch normalization does.

    Args:
        redundancy (float, optional): The weight :math:`\lambda > 0`. (default: ``0.0051``)
        gather_distributed (bool, optional): Correlate over the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` with :math:`n \ge 2`; or stacked views and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="Σ_k (1 - C_kk)² + λ Σ_(k≠l) C_kl², C = X̃ᵀỸ/n",
        kernel="correlation of features",
        link="square",
        pairs="none; messages are Ỹ times a d×d matrix",
        weights="λ off the diagonal",
        paper="Barlow Twins, https://arxiv.org/abs/2103.03230",
    )

    def __init__(self, redundancy: float = 0.0051, gather_distributed: bool = False):
        super().__init__(BarlowTwinsConv(redundancy), gather_distributed)
