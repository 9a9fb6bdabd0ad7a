"""CCA-SSG."""

from gnnclr.losses.batch_loss import FeatureLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn.features import CCAConv


class CCASSGLoss(FeatureLoss):
    r"""The loss of `"From Canonical Correlation Analysis to Self-supervised Graph Neural Networks"
    <https://arxiv.org/abs/2106.12484>`_: views agree, and the features of each are uncorrelated.

    .. math::
        \mathcal{L} = -\tfrac{1}{n} \operatorname{tr}(\tilde{\mathbf{X}}^\top \tilde{\mathbf{Y}}) + \lambda \Big(
        \big\|\mathbf{I} - \tfrac{1}{n} \tilde{\mathbf{X}}^\top \tilde{\mathbf{X}}\big\|_F^2 +
        \big\|\mathbf{I} - \tfrac{1}{n} \tilde{\mathbf{Y}}^\top \tilde{\mathbf{Y}}\big\|_F^2 \Big)

    with features standardized over the batch.

    Args:
        decorrelation (float, optional): The weight :math:`\lambda > 0`. (default: ``0.001``)
        gather_distributed (bool, optional): Correlate over the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` with :math:`n \ge 2`; or stacked views and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-tr(X̃ᵀỸ)/n + λ (|I - X̃ᵀX̃/n|² + |I - ỸᵀỸ/n|²)",
        kernel="correlation of features",
        link="mean; square",
        pairs="none; messages are Z̃ times a d×d matrix",
        weights="λ on decorrelation",
        paper="CCA-SSG, https://arxiv.org/abs/2106.12484",
    )

    def __init__(self, decorrelation: float = 1e-3, gather_distributed: bool = False):
        super().__init__(CCAConv(decorrelation), gather_distributed)
