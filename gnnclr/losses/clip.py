"""CLIP: two towers find each other."""

import math

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, Negatives, augmentation_graph
from gnnclr.losses.anatomy import Anatomy
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.nn import ContrastiveConv
from gnnclr.ops.check import check_positive


class CLIPLoss(GraphLoss):
    r"""The loss of `"Learning Transferable Visual Models From Natural Language Supervision"
    <https://arxiv.org/abs/2103.00020>`_: each image finds its text among all texts, and each text its image.

    .. math::
        \mathcal{L} = \tfrac{1}{2} \operatorname{mean}_i \Big[ -\log \frac{e^{\mathbf{a}_i^\top \mathbf{b}_i / \tau}}
        {\sum_j e^{\mathbf{a}_i^\top \mathbf{b}_j / \tau}} - \log \frac{e^{\mathbf{a}_i^\top \mathbf{b}_i / \tau}}
        {\sum_j e^{\mathbf{a}_j^\top \mathbf{b}_i / \tau}} \Big]

    The graph is bipartite: no two nodes of one tower repel. What is learned is :math:`\log 1/\tau`, as in the paper,
    and :math:`1/\tau` never exceeds 100.

    Args:
        temperature (float, optional): The temperature :math:`\tau \ge 0.01`, or where it starts. (default: ``0.07``)
        learnable (bool, optional): Whether the temperature is learned. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length; or stacked views :math:`(2n, d)` and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    anatomy = Anatomy(
        formula="mean_i ½[-log e^(a_i·b_i/τ) / Σ_j e^(a_i·b_j/τ) - log e^(a_i·b_i/τ) / Σ_j e^(a_j·b_i/τ)]",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="other view, other samples",
        weights="one",
        paper="CLIP, https://arxiv.org/abs/2103.00020",
    )
    #: The largest inverse temperature.
    max_scale = 100.0

    def __init__(
        self,
        temperature: float = 0.07,
        learnable: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        super().__init__(ContrastiveConv(check_positive("temperature", temperature), impl=impl), gather_distributed)
        log_scale = torch.tensor(-math.log(float(temperature)))
        #: Logarithm of the inverse temperature.
        self.log_scale = nn.Parameter(log_scale) if learnable else None
        self.impl = impl

    def graph(self, *views: Tensor) -> ContrastGraph:
        """The bipartite graph of two towers."""
        return augmentation_graph(views, negatives=Negatives(scope="other"))

    def _energy(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        if self.log_scale is None:
            return super()._energy(x, graph)
        temperature = self.log_scale.clamp(max=math.log(self.max_scale)).neg().exp()
        # The layer that stays has the temperature as a number: one with a history could be neither copied nor saved.
        self.conv = ContrastiveConv(float(temperature.detach()), impl=self.impl)
        if x.size(0) == 0:
            return x.sum()
        return ContrastiveConv(temperature, impl=self.impl).energy(self.project(x), graph)
