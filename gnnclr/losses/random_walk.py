"""CLRW: random walks on similarities."""

from torch import nn

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import RandomWalkConv


class RandomWalkLaplacianLoss(GraphLoss):
    r"""The loss of `"Contrastive Learning using Random Walk Laplacian" <https://hal.science/hal-04639769>`_: squared
    error in place of cross-entropy, on the softmax of NT-Xent.

    .. math::
        \mathcal{L} = \sum_{i \neq j} (P_{ij} - T_{ij})^2, \qquad
        P_{ij} = \frac{e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau}}{\sum_{k \neq i} e^{\mathbf{z}_i^\top \mathbf{z}_k /
        \tau}}

    with :math:`\mathbf{T}` the walk from each view to the other views of its sample; views :math:`i` without any have
    no term. It is the squared Frobenius distance of the random-walk Laplacians of similarities and of positives.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.4``)
        reduction (str, optional): The ``"sum"`` over anchors, as in the authors' code, their ``"mean"``, or ``"none"``,
            the loss of each, see :class:`~gnnclr.losses.GraphLoss`. (default: ``"sum"``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight``
          :math:`(n)`; or stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="Σ_(i≠j) (P_ij - T_ij)², P = row softmax of s/τ, T = step to the positive",
        kernel="dot product",
        link="square of the softmax",
        pairs="all views of other samples",
        weights="one",
        paper="CLRW, https://hal.science/hal-04639769",
    )

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.4,
        reduction: str = "sum",
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        super().__init__(RandomWalkConv(temperature, impl=impl), gather_distributed, reduction)
