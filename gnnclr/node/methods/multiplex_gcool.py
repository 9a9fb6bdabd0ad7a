"""gCooL on the relations of a multiplex graph."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from gnnclr.graph.weighted_edges import edges_of
from gnnclr.losses import CLIPLoss
from gnnclr.node.datasets.multiplex import MultiplexData
from gnnclr.node.methods.gcool import GCooL, deca_loss
from gnnclr.node.methods.method import width
from gnnclr.node.methods.multiplex_contrast import MultiplexContrast
from gnnclr.node.methods.two_view import View
from gnnclr.ops.unit_rows import unit_rows


class MultiplexGCooL(MultiplexContrast):
    r"""The method of `"Graph Communal Contrastive Learning" <https://arxiv.org/abs/2110.14863>`_ with the relations of
    a multiplex graph as its views.

    .. math::
        \mathcal{L} = \operatorname*{mean}_{r < s} \mathcal{L}_{\text{node}}^{(r, s)} + \alpha(t) \Big[
        \beta(t) \operatorname*{mean}_{r} \mathcal{L}_{\text{DeCA}}^{(r)}
        + (1 - \beta(t)) \operatorname*{mean}_{r < s} \mathcal{L}_{\text{com}}^{(r, s)} \Big]

    Parts and schedule are those of :class:`~gnnclr.node.GCooL`: communities, whose centers all relations share, are
    dense in each relation, and each relation finds the centroids of the other's. Where the authors' code has random
    views of one graph this has the graphs themselves; for two relations it is :class:`~gnnclr.node.GCooL` with views
    that return them. The embedding is the mean of those by relations.

    Args:
        encoder (torch.nn.Module or sequence): Called as ``encoder(x, edge_index)``: one for all relations, or one for
            each.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        num_communities (int, optional): The number of communities. (default: ``10``)
        views (callable or sequence, optional): As in :class:`~gnnclr.node.MultiplexContrast`. (default: ``None``)
        temperature (float, optional): The temperature :math:`\tau`. (default: ``0.4``)
        similarity (str, optional): Of nodes and centers, ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)
        deca_weight (float, optional): :math:`\lambda` of :func:`~gnnclr.node.deca_loss`. (default: ``1.0``)
        gamma (float, optional): :math:`\gamma` of :class:`~gnnclr.losses.ReSCLoss`, for ``"rbf"`` only.
            (default: ``8e-5``)
        stride (int, optional): The number :math:`T` of steps. (default: ``500``)
        alpha_rate (float, optional): The share of :math:`T` after which the community parts end. (default: ``0.2``)
        channels (int, optional): Size of the projections. (default: ``None``, that of ``encoder.out_channels``)
        fusion (str, optional): ``"mean"`` or ``"cat"``. (default: ``"mean"``)

    Shapes:
        - **input:** a :class:`~gnnclr.node.MultiplexData` with features :math:`(n, F)` and :math:`R \ge 2` relations
        - **output:** embeddings :math:`(n, d)`, or :math:`(n, R d)` for ``"cat"``
    """

    def __init__(
        self,
        encoder: nn.Module | Sequence[nn.Module],
        projector: nn.Module | None = None,
        num_communities: int = 10,
        views: View | Sequence[View] | None = None,
        temperature: float = 0.4,
        similarity: str = "cosine",
        deca_weight: float = 1.0,
        gamma: float = 8e-5,
        stride: int = 500,
        alpha_rate: float = 0.2,
        channels: int | None = None,
        fusion: str = "mean",
    ):
        super().__init__(encoder, CLIPLoss(temperature, learnable=False), projector, views, fusion=fusion)
        if channels is None:
            channels = width(encoder if isinstance(encoder, nn.Module) else encoder[0], "channels")
        settings = {"temperature": temperature, "similarity": similarity, "deca_weight": deca_weight, "gamma": gamma}
        settings |= {"stride": stride, "alpha_rate": alpha_rate, "channels": channels}
        # Centers, assignments and schedule, and no encoder of its own.
        self.communities: GCooL = GCooL(nn.Identity(), None, num_communities, **settings)

    def training_step_loss(self, data: MultiplexData) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the relations; ``alignment`` and ``uniformity`` of the projections, and the losses of the
        communities while they count."""
        graphs, gcool = self.graphs(data), self.communities
        z = [unit_rows(self.projector(h)) for h in self.encode_relations(graphs)]
        loss, logs = self.contrast(z, data)
        alpha, beta = gcool.schedule()
        if alpha == 0:
            return loss, logs
        r = [gcool.assign(part) for part in z]
        dense = [deca_loss(a, edges_of(graph), gcool.deca_weight) for a, graph in zip(r, graphs)]
        found = [(part, a.argmax(dim=1)) for part, a in zip(z, r)]
        across = [
            gcool.community_loss(z0, z1, community=c0, other_community=c1)
            for (z0, c0), (z1, c1) in combinations(found, 2)
        ]
        deca, com = torch.stack(dense).mean(), torch.stack(across).mean()
        logs |= {"deca": deca.detach(), "communal": com.detach()}
        return loss + alpha * (beta * deca + (1 - beta) * com), logs

    def after_optimizer_step(self) -> None:
        """Counts the step."""
        self.communities.after_optimizer_step()
