"""GRACE: contrast between two random views of a graph."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval.geometry import view_measures
from gnnclr.losses import NTXentLoss
from gnnclr.node.methods.step_graph import step_graph
from gnnclr.node.methods.two_view import TwoView, View


class GRACE(TwoView):
    r"""The method of `"Deep Graph Contrastive Representation Learning" <https://arxiv.org/abs/2006.04131>`_: a node
    finds itself in the other view among all nodes of both views.

    .. math::
        \mathcal{L} = \tfrac{1}{2n} \sum_{i} \ell(\mathbf{u}_i, \mathbf{v}_i) + \ell(\mathbf{v}_i, \mathbf{u}_i), \qquad
        \ell(\mathbf{u}_i, \mathbf{v}_i) = -\log \frac{e^{\langle \mathbf{u}_i, \mathbf{v}_i\rangle / \tau}}
        {\sum_j e^{\langle \mathbf{u}_i, \mathbf{v}_j\rangle / \tau} + \sum_{j \neq i} e^{\langle \mathbf{u}_i,
        \mathbf{u}_j\rangle / \tau}}

    This is NT-Xent over the :math:`2n` views of the nodes, computed exactly over the full graph, in memory linear in
    its nodes. Its time is quadratic; with ``batch_size`` it is that of so many nodes, and linear in the graph.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``: a :class:`~gnnclr.node.GCNEncoder` or any PyG
            model.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms of a :class:`~torch_geometric.data.Data`.
            (default: edges and features dropped with probabilities .2/.3 and .4/.4, as the paper does on Cora)
        loss (torch.nn.Module, optional): Called as ``loss(x, graph)`` on the stacked projections.
            (default: ``NTXentLoss(temperature=0.4)``)
        rewire (callable, optional): A transform of the :class:`~gnnclr.graph.ContrastGraph` of the two views, which
            may add positives or exclude negatives; those by communities or neighbors of the graph are made from it by
            :class:`~gnnclr.node.FittedRewiring`. Batches with ``n_id`` are subgraphs, their nodes those of the whole
            graph. (default: ``None``)
        batch_size (int or callable, optional): Nodes that are contrasted in a step, drawn anew, or what draws them, as
            for :class:`~gnnclr.node.TwoView`; the encoder sees the whole graph. Rewirings find them in
            ``graph.sample_id``. (default: ``None``, all nodes)

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
        rewire: Callable[..., Any] | None = None,
        batch_size: int | Callable[..., Any] | None = None,
    ):
        loss = NTXentLoss(temperature=0.4) if loss is None else loss
        super().__init__(encoder, loss, projector, views, batch_size)
        self.rewire = rewire

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph, and ``alignment`` and ``uniformity`` of the projections."""
        nodes = self.draw(data)
        z0, z1 = self.project(data, nodes)
        graph = step_graph([z0, z1], data, self.rewire, nodes)
        return self.loss(graph.x, graph), view_measures(z0, z1)
