"""gCooL: communities learned beside the embeddings."""

import math
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval.geometry import view_measures
from gnnclr.graph.weighted_edges import Edges, check_weighted_edges, edges_of
from gnnclr.losses import CLIPLoss, ReSCLoss
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, check_two_views, width
from gnnclr.node.methods.step_counter import StepCounter
from gnnclr.node.methods.two_view import View
from gnnclr.node.sparse.csr import csr_tensor, spmm
from gnnclr.node.transforms.adaptive import gca_view
from gnnclr.ops.check import check_choice, check_count, check_matrix, check_number, check_positive
from gnnclr.ops.unit_rows import unit_rows

SIMILARITIES = ("cosine", "rbf")


class GCooL(StepCounter, NodeMethod):
    r"""The method of `"Graph Communal Contrastive Learning" <https://arxiv.org/abs/2110.14863>`_: nodes agree between
    views, and with the centers of communities that are learned to be dense.

    .. math::
        \mathcal{L} &= \mathcal{L}_{\text{node}} + \alpha(t) \big[ \beta(t)\, \mathcal{L}_{\text{DeCA}}
        + (1 - \beta(t))\, \mathcal{L}_{\text{com}} \big] \\
        \alpha(t) &= \max\big(0,\, 1 - t / (r T)\big), \qquad \beta(t) = e^{-t / T}

    :math:`\mathcal{L}_{\text{node}}` is InfoNCE between the views in both directions, :math:`\mathcal{L}_{\text{DeCA}}`
    is :func:`~gnnclr.node.deca_loss` of soft assignments to learned centers, which alone it trains, and
    :math:`\mathcal{L}_{\text{com}}` is :class:`~gnnclr.losses.ReSCLoss` of the likeliest ones. With the authors'
    :math:`r` the community parts end after a fifth of :math:`T` steps. :meth:`after_optimizer_step` counts the steps
    :math:`t`.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        num_communities (int, optional): The number of communities; the authors take that of the classes.
            (default: ``10``)
        views (sequence, optional): Two transforms. (default: :func:`~gnnclr.node.gca_view`\ ``(0.4, 0.1)`` by PageRank,
            as the authors do on Photo)
        temperature (float, optional): The temperature :math:`\tau`. (default: ``0.4``)
        similarity (str, optional): Of nodes and centers, ``"cosine"`` (gCooL-c) or ``"rbf"`` (gCooL-e).
            (default: ``"cosine"``)
        deca_weight (float, optional): :math:`\lambda` of :func:`~gnnclr.node.deca_loss`. (default: ``1.0``)
        gamma (float, optional): :math:`\gamma` of :class:`~gnnclr.losses.ReSCLoss`; as in the authors' code, it
            counts for ``"rbf"`` only. (default: ``8e-5``)
        stride (int, optional): The number :math:`T` of steps. (default: ``500``)
        alpha_rate (float, optional): The ratio :math:`r`. (default: ``0.2``)
        channels (int, optional): Size of the projections. (default: ``None``, that of ``encoder.out_channels``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    step: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module | None = None,
        num_communities: int = 10,
        views: tuple[View, View] | None = None,
        temperature: float = 0.4,
        similarity: str = "cosine",
        deca_weight: float = 1.0,
        gamma: float = 8e-5,
        stride: int = 500,
        alpha_rate: float = 0.2,
        channels: int | None = None,
    ):
        super().__init__(encoder)
        check_count("num_communities", num_communities, least=2)
        self.projector: nn.Module = nn.Identity() if projector is None else projector
        if views is None:
            views = (gca_view(0.4, 0.1, "pagerank"), gca_view(0.4, 0.1, "pagerank"))
        self.views: tuple[View, View] = check_two_views(views)
        self.node_loss: CLIPLoss = CLIPLoss(temperature, learnable=False)
        self.community_loss: ReSCLoss = ReSCLoss(temperature, similarity, gamma if similarity == "rbf" else 0.0)
        self.temperature: float = temperature
        self.similarity: str = check_choice("similarity", similarity, SIMILARITIES)
        self.deca_weight: float = check_number("deca_weight", deca_weight, least=0)
        check_number("gamma", gamma, least=0)
        self.stride: float = check_positive("stride", stride)
        self.alpha_rate: float = check_positive("alpha_rate", alpha_rate)
        channels = width(encoder, "channels") if channels is None else check_count("channels", channels)
        self.centers: nn.Parameter = nn.Parameter(torch.randn(num_communities, channels))

    def schedule(self) -> tuple[float, float]:
        r"""The weights :math:`\alpha(t)` and :math:`\beta(t)` of the current step."""
        t = int(self.step) / self.stride
        return max(0.0, 1 - t / self.alpha_rate), math.exp(-t)

    def assign(self, z: Tensor) -> Tensor:
        """The probability of each community for each node [n, K]; only the centers get a gradient.

        Args:
            z (Tensor): Unit projections [n, d].
        """
        centers = unit_rows(self.centers)
        return community_similarity(z.detach(), centers, self.temperature, self.similarity).softmax(dim=1)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph; ``alignment`` and ``uniformity`` of the projections, and the losses
        of the communities while they count."""
        data = check_node_data(data)
        views = [view(data) for view in self.views]
        z = [unit_rows(self.projector(self.encode(view))) for view in views]
        loss, logs = self.node_loss(*z), view_measures(*z)
        alpha, beta = self.schedule()
        if alpha == 0:
            return loss, logs
        r = [self.assign(view) for view in z]
        deca = 0.5 * reduce(add, (deca_loss(a, edges_of(v), self.deca_weight) for a, v in zip(r, views)))
        communities = [a.argmax(dim=1) for a in r]
        com = self.community_loss(*z, community=communities[0], other_community=communities[1])
        logs |= {"deca": deca.detach(), "communal": com.detach()}
        return loss + alpha * (beta * deca + (1 - beta) * com), logs


def deca_loss(assignment: Tensor, edge_index: Edges, weight: float = 1.0) -> Tensor:
    r"""The loss that makes communities dense, from `"Graph Communal Contrastive Learning"
    <https://arxiv.org/abs/2110.14863>`_.

    .. math::
        \mathcal{L} = \lambda\, \frac{|\mathcal{E}| - \operatorname{tr} \mathbf{F}}{n (n - 1)}
        - \frac{\operatorname{tr} \mathbf{F}}{n} + \frac{\|\mathbf{R}\|_F^2}{2n}, \qquad
        \operatorname{tr} \mathbf{F} = \operatorname{tr}(\mathbf{R}^{\top} \mathbf{A} \mathbf{R})
        = \sum_i \Big\langle \mathbf{r}_i, \sum_{j \to i} \mathbf{r}_j \Big\rangle

    The entries of the :math:`K \times K` community matrix :math:`\mathbf{F}` sum to the number of edges, as rows of
    :math:`\mathbf{R}` sum to one; so its trace is all that is needed, which is one round of message passing,
    :math:`O(|\mathcal{E}| K)`.

    Args:
        assignment (Tensor): The probability :math:`\mathbf{R}` of each community for each node; rows sum to one.
        edge_index (Tensor or WeightedEdges): Edges, source to target; of edges with weights
            :math:`|\mathcal{E}|` is the sum of those.
        weight (float, optional): The weight :math:`\lambda` of edges between communities. (default: ``1.0``)

    Shapes:
        - **input:** assignment :math:`(n, K)`, edges :math:`(2, e)`
        - **output:** scalar
    """
    check_matrix("assignment", assignment)
    check_number("weight", weight, least=0)
    (source, target), weights = check_weighted_edges(edge_index, assignment.size(0))
    n, edges = max(assignment.size(0), 1), source.numel() if weights is None else weights.sum()
    weights = torch.ones(source.numel(), device=source.device) if weights is None else weights
    adjacency = csr_tensor(target, source, weights, (assignment.size(0),) * 2)
    inside = (assignment * spmm(adjacency, assignment)).sum()
    between = weight * (edges - inside) / (n * max(n - 1, 1))
    return between - inside / n + assignment.square().sum() / (2 * n)


def community_similarity(h: Tensor, centers: Tensor, temperature: float, similarity: str = "cosine") -> Tensor:
    r"""The logarithm of the similarity of nodes and centers: :math:`\mathbf{h}^{\top} \mathbf{c} / \tau`, or
    :math:`-\|\mathbf{h} - \mathbf{c}\|^2 / \tau^2` for ``"rbf"``.

    Args:
        h (Tensor): Unit rows [n, d].
        centers (Tensor): Centers [K, d].
        temperature (float): The temperature :math:`\tau`.
        similarity (str, optional): ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)

    Shapes:
        - **output:** :math:`(n, K)`
    """
    check_choice("similarity", similarity, SIMILARITIES)
    products = h @ centers.t()
    if similarity == "cosine":
        return products / temperature
    squares = h.square().sum(dim=1, keepdim=True) + centers.square().sum(dim=1)
    return (2 * products - squares) / temperature**2
