"""GCA: GRACE with views that keep central edges and features more often."""

from typing import Any

from torch import nn

from gnnclr.node.methods.grace import GRACE
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.adaptive import gca_view


class GCA(GRACE):
    r"""The method of `"Graph Contrastive Learning with Adaptive Augmentation" <https://arxiv.org/abs/2010.14945>`_:
    :class:`~gnnclr.node.GRACE` whose views drop edges to central nodes, and features of central nodes, less often.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms. (default: :func:`~gnnclr.node.gca_view` by degree, edges and
            features dropped with mean probabilities .3/.1 and .4/.0, as in the authors' code)
        loss (torch.nn.Module, optional): Called as ``loss(x, graph)`` on the stacked projections.
            (default: ``NTXentLoss(temperature=0.4)``)
        **kwargs (optional): ``rewire`` and ``batch_size`` of :class:`~gnnclr.node.GRACE`.

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        loss: nn.Module | None = None,
        **kwargs: Any,
    ):
        views = (gca_view(0.3, 0.1), gca_view(0.4, 0.0)) if views is None else views
        super().__init__(encoder, projector, views, loss, **kwargs)
