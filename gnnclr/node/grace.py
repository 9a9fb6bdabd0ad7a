"""GRACE: contrast between two random views of a graph."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph import augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.node.data import check_node_data
from gnnclr.node.views import grace_view

#: A transform of a graph. (Not ``Callable[[Data], Data]``: recipes may name a class.)
View = Callable


class GRACE(nn.Module):
    r"""The method of `"Deep Graph Contrastive Representation Learning" <https://arxiv.org/abs/2006.04131>`_: a node
    finds itself in the other view among all nodes of both views.

    .. math::
        \mathcal{L} = \tfrac{1}{2n} \sum_{i} \ell(\mathbf{u}_i, \mathbf{v}_i) + \ell(\mathbf{v}_i, \mathbf{u}_i), \qquad
        \ell(\mathbf{u}_i, \mathbf{v}_i) = -\log \frac{e^{\langle \mathbf{u}_i, \mathbf{v}_i\rangle / \tau}}
        {\sum_j e^{\langle \mathbf{u}_i, \mathbf{v}_j\rangle / \tau} + \sum_{j \neq i} e^{\langle \mathbf{u}_i,
        \mathbf{u}_j\rangle / \tau}}

    This is NT-Xent over the :math:`2n` views of the nodes, computed exactly over the full graph, in memory linear in
    its nodes.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``: a :class:`~gnnclr.node.GCNEncoder` or any PyG
            model.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms of a :class:`~torch_geometric.data.Data`.
            (default: edges and features dropped with probabilities .2/.3 and .4/.4, as the paper does on Cora)
        loss (torch.nn.Module, optional): Called as ``loss(x, graph)`` on the stacked projections.
            (default: ``NTXentLoss(temperature=0.4)``)
        rewire (callable, optional): A transform of the :class:`~gnnclr.graph.ContrastGraph` of the two views, which
            may add positives or exclude negatives. (default: ``None``)

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
        rewire: Callable | None = None,
    ):
        super().__init__()
        if views is None:
            views = (grace_view(0.2, 0.3), grace_view(0.4, 0.4))
        if len(views) != 2:
            raise ValueError(f"'views' must be two transforms (got {len(views)})")
        self.encoder = encoder
        self.projector = nn.Identity() if projector is None else projector
        self.views = tuple(views)
        self.loss = NTXentLoss(temperature=0.4) if loss is None else loss
        self.rewire = rewire

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph, and measures of the projections to log: ``alignment``, and
        ``uniformity`` of up to 512 nodes."""
        check_node_data(data)
        z0, z1 = (self.projector(self.encoder(v.x, v.edge_index)) for v in (view(data) for view in self.views))
        graph = augmentation_graph([F.normalize(z0, dim=1), F.normalize(z1, dim=1)])
        if self.rewire is not None:
            graph = self.rewire(graph)
        return self.loss(graph.x, graph), _measures(*graph.x.detach().view(2, *z0.shape))

    @torch.no_grad()
    def embed(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d]: the encoder's output on the whole graph, in evaluation mode."""
        check_node_data(data)
        training = self.training
        self.eval()
        z = self.encoder(data.x, data.edge_index)
        self.train(training)
        return z

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], differentiable and in the current mode."""
        return self.encoder(data.x, data.edge_index)


def _measures(z0: Tensor, z1: Tensor) -> dict[str, Tensor]:
    some = z0[:: max(1, z0.size(0) // 512)][:512]
    uniformity = torch.pdist(some).square().mul(-2).exp().mean().log()
    return {"alignment": (z0 - z1).square().sum(dim=1).mean(), "uniformity": uniformity}
