"""DCL: the positive leaves the denominator."""

import functools

from torch import nn

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv, FarPositiveAlignmentConv, UniformityConv
from gnnclr.ops.check import check_positive


class DCLLoss(GraphLoss):
    r"""The loss of `"Decoupled Contrastive Learning" <https://arxiv.org/abs/2110.06848>`_: NT-Xent without the positive
    in the denominator, so that easy positives no longer weaken the gradient.

    .. math::
        \mathcal{L} = \operatorname{mean}_i \Big[ -\omega_{ip} \frac{\mathbf{z}_i^\top \mathbf{z}_p}{\tau} +
        \log \sum_{j \in \mathcal{N}^{-}(i)} e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau} \Big]

    with :math:`\omega = 1`, or for DCL-W :math:`\omega_{ip} = 2 - e^{\mathbf{z}_i^\top \mathbf{z}_p / \sigma} /
    \operatorname{mean} e^{\mathbf{z}^\top \mathbf{z}_p / \sigma}`, held constant in the gradient.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.1``)
        weighted (bool, optional): The weighted form, DCL-W. (default: ``False``)
        sigma (float, optional): The sharpness :math:`\sigma > 0` of the weights. (default: ``0.5``)
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
        formula="mean_i [-ω s_ip/τ + log Σ_j e^(s_ij/τ)]",
        kernel="dot product",
        link="log-sum-exp, positive outside",
        pairs="all views of other samples",
        weights="one; DCL-W: ω = 2 - e^(s/σ) / mean e^(s/σ) on positives",
        paper="DCL, https://arxiv.org/abs/2110.06848",
    )

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.1,
        weighted: bool = False,
        sigma: float = 0.5,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        reduction: str = "mean",
    ):
        check_positive("sigma", sigma)
        kind = functools.partial(FarPositiveAlignmentConv, sigma=sigma) if weighted else AlignmentConv
        alignment = kind(temperature, mean=mean)
        uniformity = UniformityConv(temperature, impl)
        super().__init__(ContrastiveConv(temperature, alignment, uniformity, "none"), gather_distributed, reduction)
        # The mean in the weights runs over the whole batch, not over the anchors of a process.
        self.mean_over_anchors: bool = not weighted
        self.mean: str = mean
