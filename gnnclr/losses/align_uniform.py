"""Alignment and uniformity of Wang and Isola."""

from gnnclr.graph import Negatives
from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, GaussianUniformityConv, WeightedSum
from gnnclr.ops.check import check_positive
from gnnclr.ops.kernels import NegativePower


class AlignUniformLoss(PairLoss):
    r"""The loss of `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere" <https://arxiv.org/abs/2005.10242>`_.

    .. math::
        \mathcal{L} = w_a \operatorname{mean}_i \|\mathbf{a}_i - \mathbf{b}_i\|^\alpha + w_u \operatorname{mean}_{v}
        \log \operatorname{mean}_{i \neq j} e^{-t \|\mathbf{v}_i - \mathbf{v}_j\|^2}

    Args:
        alpha (float, optional): The exponent :math:`\alpha` of the alignment. (default: ``2.0``)
        t (float, optional): Sharpness of the Gaussian potential. (default: ``2.0``)
        align_weight (float, optional): The weight :math:`w_a`. (default: ``1.0``)
        uniform_weight (float, optional): The weight :math:`w_u`. (default: ``1.0``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked
          views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i |a_i - b_i|^α + mean_v log mean_(i≠j) e^(-t |v_i - v_j|²)",
        kernel="d^α; Gaussian",
        link="mean; log of the mean over all pairs",
        pairs="same view, other samples",
        weights="one",
        paper="Align and uniform, https://arxiv.org/abs/2005.10242",
    )
    rule: Negatives = Negatives(scope="same")  # each view repels its own kind

    def __init__(
        self,
        alpha: float = 2.0,
        t: float = 2.0,
        align_weight: float = 1.0,
        uniform_weight: float = 1.0,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        check_positive("align_weight", align_weight)
        check_positive("uniform_weight", uniform_weight)
        alignment = AlignmentConv(1.0, NegativePower(check_positive("alpha", alpha)))
        conv = WeightedSum((align_weight, alignment), (uniform_weight, GaussianUniformityConv(t, impl)))
        super().__init__(conv, gather_distributed)
