"""The base of methods that compare two views of the nodes, by any loss."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval.geometry import view_measures
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, check_two_views
from gnnclr.node.transforms.views import grace_view
from gnnclr.ops.check import check_count

#: A transform of a :class:`~torch_geometric.data.Data`. Recipes could not name a class for a fuller annotation.
View: TypeAlias = Callable[..., Any]


class TwoView(NodeMethod):
    r"""Two random views of a graph, one encoder, and a loss of the two embeddings of each node.

    With :class:`~gnnclr.losses.BarlowTwinsLoss` it is `Graph Barlow Twins <https://arxiv.org/abs/2106.02466>`_; with
    any other ``loss(z0, z1)`` the counterpart for graphs of what that loss is for images.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        loss (torch.nn.Module): Called as ``loss(z0, z1)`` on the projections of the views [n, d].
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms of a :class:`~torch_geometric.data.Data`.
            (default: edges and features dropped with probabilities .2/.3 and .4/.4)
        batch_size (int or callable, optional): Nodes whose views are compared in a step, drawn anew; the encoder sees
            the whole graph. What draws them of a graph itself may take the place of their number, such as
            :class:`~gnnclr.node.StratifiedNodes`. (default: ``None``, all nodes)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        loss: nn.Module,
        projector: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        batch_size: int | Callable[..., Any] | None = None,
    ):
        super().__init__(encoder)
        self.loss = loss
        draws = batch_size is None or callable(batch_size)
        self.batch_size: int | Callable[..., Any] | None = (
            batch_size if draws else check_count("batch_size", batch_size)
        )
        self.projector: nn.Module = nn.Identity() if projector is None else projector
        self.views: tuple[View, View] = check_two_views(
            (grace_view(0.2, 0.3), grace_view(0.4, 0.4)) if views is None else views
        )

    def draw(self, data: Data) -> Tensor | None:
        """The nodes of a step [b], or ``None`` for all."""
        data = check_node_data(data)
        n = data.x.size(0)
        if callable(self.batch_size):
            return self.batch_size(data)
        if self.batch_size is None or self.batch_size >= n:
            return None
        return torch.randperm(n, device=data.x.device)[: self.batch_size]

    def project(self, data: Data, nodes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The projections of two fresh views [n, d], or of some nodes of theirs [b, d]."""
        data = check_node_data(data)
        views = (view(data) for view in self.views)
        embeddings = (self.encode(view) for view in views)
        z0, z1 = (self.projector(z if nodes is None else z.index_select(0, nodes)) for z in embeddings)
        return z0, z1

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph, and ``alignment`` and ``uniformity`` of the projections."""
        z0, z1 = self.project(data, self.draw(data))
        return self.loss(z0, z1), view_measures(z0, z1)
