"""Debiased contrastive loss, and hard negatives."""

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, HardNegativeConv


class HardNegativeLoss(GraphLoss):
    r"""The loss of `"Contrastive Learning with Hard Negative Samples" <https://arxiv.org/abs/2010.04592>`_ (HCL), and
    at :math:`\beta = 0` of `"Debiased Contrastive Learning" <https://arxiv.org/abs/2007.00224>`_.

    .. math::
        \mathcal{L} = \operatorname{mean}_i -\log \frac{e^{s_{ip}}}{e^{s_{ip}} + N_{ip}}, \qquad
        N_{ip} = \max\left( \frac{\sum_j w_{ij} e^{s_{ij}} - \tau^{+} M e^{s_{ip}}}{1 - \tau^{+}}, \, M e^{-1/\tau}
        \right), \qquad w_{ij} = \frac{e^{\beta s_{ij}}}{\operatorname{mean}_k e^{\beta s_{ik}}}

    with :math:`s_{ij} = \mathbf{z}_i^\top \mathbf{z}_j / \tau` and :math:`M` negatives of each anchor, the views of
    other samples.

    Args:
        temperature (float, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        beta (float, optional): Concentration :math:`\beta \ge 0` on hard negatives. (default: ``1.0``)
        tau_plus (float, optional): The expected share :math:`0 \le \tau^{+} < 1` of positives among the negatives.
            (default: ``0.1``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        mean (str, optional): The units of equal weight: ``"anchors"``, in the mean over anchors of the mean over each
            one's positives; or ``"pairs"``, in the mean over all positive pairs. They differ where anchors have unequal
            numbers of positives, or weights that sum to different values. (default: ``"anchors"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight``
          :math:`(n)`; or stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log e^(s_ip/τ) / (e^(s_ip/τ) + N), N = [Σ_j w_ij e^(s_ij/τ) - τ⁺M e^(s_ip/τ)]/(1-τ⁺)",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="all views of other samples",
        weights="w ∝ e^(β s/τ); share τ⁺ of positives taken out; β = 0 is the debiased loss",
        paper="HCL, https://arxiv.org/abs/2010.04592; debiased, https://arxiv.org/abs/2007.00224",
    )

    def __init__(
        self,
        temperature: float = 0.5,
        beta: float = 1.0,
        tau_plus: float = 0.1,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        reduction: str = "mean",
    ):
        alignment = AlignmentConv(temperature, mean=mean)
        super().__init__(
            HardNegativeConv(temperature, beta, tau_plus, alignment, impl=impl), gather_distributed, reduction
        )
        self.mean = mean
