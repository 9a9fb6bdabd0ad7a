"""DHEL: negatives from the anchor's own view."""

from typing import cast

from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv, PairConv, UniformityConv, WeightedSum


class DHELLoss(GraphLoss):
    r"""The decoupled hyperspherical energy loss of `"Bridging Mini-Batch and Asymptotic Analysis in Contrastive
    Learning" <https://arxiv.org/abs/2405.18045>`_: negatives are views of the anchor's own kind, and the positive is
    not among them.

    .. math::
        \mathcal{L} = \operatorname{mean}_i \Big[ -\frac{\mathbf{a}_i^\top \mathbf{b}_i}{\tau} +
        \log \sum_{j \neq i} e^{\mathbf{a}_i^\top \mathbf{a}_j / \tau} +
        \log \sum_{j \neq i} e^{\mathbf{b}_i^\top \mathbf{b}_j / \tau} \Big]

    as in the authors' code; the formula of the paper has the energy of the first view only. With more views the sum of
    two energies becomes twice their mean over views.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.3``)
        both_views (bool, optional): Energies of both views against one alignment, as in the code; ``False`` for the
            energy of the first view, as in the paper. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight`` :math:`(n)`; or
          stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i [-a_i·b_i/τ + log Σ_(j≠i) e^(a_i·a_j/τ) + log Σ_(j≠i) e^(b_i·b_j/τ)]",
        kernel="dot product",
        link="log-sum-exp, positive outside",
        pairs="same view, other samples",
        weights="one",
        paper="DHEL, https://arxiv.org/abs/2405.18045",
    )
    rule: Negatives = Negatives(scope="same")

    row_by_row = True

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.3,
        both_views: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
        reduction: str = "mean",
    ):
        if both_views:
            # The mean over the anchors of both views is half the sum of their two energies.
            conv = WeightedSum((1.0, AlignmentConv(temperature)), (2.0, UniformityConv(temperature, impl)))
        else:
            conv = ContrastiveConv(temperature, denominator="none", impl=impl)
        super().__init__(conv, gather_distributed, reduction)
        self.both_views = both_views

    @property
    def temperature(self) -> float | Tensor:
        """The temperature: a number, or a parameter."""
        return cast(PairConv, self.conv.parts[0] if self.both_views else self.conv).temperature

    def graph(
        self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None, weight: Tensor | None = None
    ) -> ContrastGraph:
        """The graph of a batch: views of a sample attract, and each view repels its own kind."""
        graph = super().graph(z0, z1, *views, labels=labels, weight=weight)
        if not self.both_views:
            graph.anchor = graph.view == 0
        return graph
