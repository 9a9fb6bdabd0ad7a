"""CLIP: two towers find each other."""

from torch import nn

from gnnclr.graph import Negatives
from gnnclr.losses.learned_scale import LearnedScaleLoss, own_scalar
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import ContrastiveConv
from gnnclr.ops.check import check_positive


class CLIPLoss(LearnedScaleLoss):
    r"""The loss of `"Learning Transferable Visual Models From Natural Language Supervision"
    <https://arxiv.org/abs/2103.00020>`_: each image finds its text among all texts, and each text its image.

    .. math::
        \mathcal{L} = \tfrac{1}{2} \operatorname{mean}_i \Big[ -\log \frac{e^{\mathbf{a}_i^\top \mathbf{b}_i / \tau}}
        {\sum_j e^{\mathbf{a}_i^\top \mathbf{b}_j / \tau}} - \log \frac{e^{\mathbf{a}_i^\top \mathbf{b}_i / \tau}}
        {\sum_j e^{\mathbf{a}_j^\top \mathbf{b}_i / \tau}} \Big]

    The graph is bipartite: no two nodes of one tower repel. The learned parameter is :math:`\log 1/\tau`, as in the
    paper, or the temperature itself where it is given as a parameter, as in the other losses. The :math:`1/\tau` that
    is used never exceeds 100. At and beyond that bound gradients that lead back inside pass, so that a scale that
    overshoots comes back; those that lead further out are zero.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau \ge 0.01`, or where it starts.
            A parameter is used itself, and not copied: its gradient is the one by :math:`\tau`. (default: ``0.07``)
        learnable (bool, optional): Whether the temperature is learned; where it is not, a parameter is refused.
            (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight`` :math:`(n)`; or
          stacked views :math:`(2n, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i ½[-log e^(a_i·b_i/τ) / Σ_j e^(a_i·b_j/τ) - log e^(a_i·b_i/τ) / Σ_j e^(a_j·b_i/τ)]",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="other view, other samples",
        weights="one",
        paper="CLIP, https://arxiv.org/abs/2103.00020",
    )
    max_scale: float = 100.0
    rule: Negatives = Negatives(scope="other")
    pairing: str = "towers"

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.07,
        learnable: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
        reduction: str = "mean",
    ):
        check_positive("temperature", temperature, learnable=learnable)
        temperature = own_scalar("temperature", temperature, learnable)
        super().__init__(ContrastiveConv(temperature, impl=impl), learnable, gather_distributed, reduction)
