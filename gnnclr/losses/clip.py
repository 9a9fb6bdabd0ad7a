"""CLIP: two towers find each other."""

import math

import torch
from torch import Tensor, nn

from gnnclr.graph import Negatives
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import ContrastiveConv
from gnnclr.ops.bound import bound
from gnnclr.ops.check import check_positive


class CLIPLoss(GraphLoss):
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

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(2n, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card = ObjectiveCard(
        formula="mean_i ½[-log e^(a_i·b_i/τ) / Σ_j e^(a_i·b_j/τ) - log e^(a_i·b_i/τ) / Σ_j e^(a_j·b_i/τ)]",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="other view, other samples",
        weights="one",
        paper="CLIP, https://arxiv.org/abs/2103.00020",
    )
    #: The largest inverse temperature.
    max_scale = 100.0

    rule = Negatives(scope="other")

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.07,
        learnable: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        check_positive("temperature", temperature, learnable=learnable)
        start = float(temperature.detach() if isinstance(temperature, Tensor) else temperature)
        super().__init__(ContrastiveConv(start, impl=impl), gather_distributed)
        given = (
            learnable
            and isinstance(temperature, Tensor)
            and (temperature.requires_grad or isinstance(temperature, nn.Parameter))
        )
        #: The temperature, where it is a parameter of the caller's.
        self.temperature = temperature if given else None
        own = torch.tensor(-math.log(start)) if learnable and not given else None
        #: Logarithm of the inverse temperature, where that is learned.
        self.log_scale = None if own is None else nn.Parameter(own)
        self.impl = impl

    def layer(self) -> ContrastiveConv:
        """The layer at the temperature that is learned, within its bound."""
        if self.temperature is not None:
            temperature = bound(self.temperature, low=1 / self.max_scale)
        elif self.log_scale is not None:
            temperature = bound(self.log_scale, high=math.log(self.max_scale)).neg().exp()
        else:
            return self.conv
        # The layer that stays has the temperature as a number: one with a history could be neither copied nor saved.
        self.conv = ContrastiveConv(float(temperature.detach()), impl=self.impl)
        return ContrastiveConv(temperature, impl=self.impl)
