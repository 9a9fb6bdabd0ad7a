"""The negative cosine of SimSiam and BYOL."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import StopGradientAlignmentConv


class NegativeCosineLoss(GraphLoss):
    r"""The loss of `"Exploring Simple Siamese Representation Learning" <https://arxiv.org/abs/2011.10566>`_:
    predictions move to targets, which get no gradient.

    .. math::
        \mathcal{L} = -\operatorname{mean}_i \cos(\mathbf{p}_i, \mathrm{sg}(\mathbf{z}_i))

    With several targets this is the mean over them. BYOL's squared distance of unit vectors is :math:`2 +
    2\mathcal{L}`. Both methods add the two directions, ``(loss(p0, z1) + loss(p1, z0)) / 2``.

    Args:
        gather_distributed (bool, optional): No pair spans two processes, so this changes the weight of uneven batches
            only, see :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** predictions :math:`(n, d)`, then one or more targets :math:`(n, d)`; or stacked rows and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-mean_i cos(p_i, sg(z_i))",
        kernel="dot product",
        link="mean",
        pairs="none",
        weights="one; targets held constant",
        paper="SimSiam, https://arxiv.org/abs/2011.10566; BYOL, https://arxiv.org/abs/2006.07733",
    )

    row_by_row = True

    def __init__(self, gather_distributed: bool = False, reduction: str = "mean"):
        super().__init__(StopGradientAlignmentConv(), gather_distributed, reduction)

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, weight: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch: predictions, the first view, are anchors; targets are their positives."""
        graph = augmentation_graph((z0, z1, *views), weight=weight, edges=False)
        n, device = z0.size(0), z0.device
        source = torch.arange(n, n * (2 + len(views)), device=device)
        graph.edge_index = torch.stack([source, source % max(n, 1)])
        graph.anchor = graph.view == 0
        return graph
