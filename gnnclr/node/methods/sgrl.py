"""SGRL: embeddings that scatter, and neighborhoods that predict them."""

import copy

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import edges_of
from gnnclr.nn.momentum_encoder import ema_update
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count, check_probability
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.unit_rows import unit_rows


class SGRL(NodeMethod):
    r"""The method of `"Exploitation of a Latent Mechanism in Graph Contrastive Learning: Representation Scattering"
    <https://openreview.net/forum?id=R8SolCx62K>`_: a target encoder pushes nodes away from their mean, and the encoder
    predicts it from neighborhoods.

    .. math::
        \mathcal{L} = -\operatorname{mean}_i \cos\big(q(\mathbf{z}_i), \operatorname{sg}(\mathbf{t}_i)\big)
        - \operatorname{mean}_i \big\| \hat{\mathbf{t}}_i - \operatorname{mean}_j \hat{\mathbf{t}}_j \big\|^2, \qquad
        \mathbf{Z} = \mathbf{H} + \hat{\mathbf{A}}^k \mathbf{H}

    :math:`\hat{\mathbf{t}}` are the target's embeddings at length one. The two terms train different encoders;
    :meth:`after_optimizer_step` then moves the target towards the encoder, and must be called after each step.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``; the authors' is one convolution of 1,024 and
            PReLU. The target starts as a copy of it.
        predictor (torch.nn.Module, optional): The map :math:`q`. (default: a linear layer as wide as
            ``encoder.out_channels``, and PReLU)
        hops (int, optional): The power :math:`k`. (default: ``1``)
        momentum (float, optional): The momentum of the target. (default: ``0.99``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(self, encoder: nn.Module, predictor: nn.Module | None = None, hops: int = 1, momentum: float = 0.99):
        super().__init__(encoder)
        if predictor is None:
            size = width(encoder, "predictor")
            predictor = nn.Sequential(nn.Linear(size, size), nn.PReLU())
        self.predictor: nn.Module = predictor
        self.hops: int = check_count("hops", hops, least=0)
        self.momentum: float = check_probability("momentum", momentum)
        self.target: nn.Module = copy.deepcopy(encoder)
        self._adjacency = TensorMemo(as_adjacency)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of both encoders, and the ``scattering`` of the target, 1 at best."""
        data = check_node_data(data)
        target = unit_rows(self.encode(data, self.target))
        scattering = (target - target.mean(dim=0)).square().sum(dim=1).mean()
        prediction = self.predictor(self(data))
        agreement = torch.linalg.vecdot(unit_rows(prediction), unit_rows(target.detach())).mean()
        return -agreement - scattering, {"agreement": agreement.detach(), "scattering": scattering.detach()}

    def after_optimizer_step(self) -> None:
        """Moves the target encoder towards the encoder."""
        ema_update(self.target, self.encoder, self.momentum)

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], those of the encoder and their propagation added."""
        h = self.encode(data)
        adjacency, z = self._adjacency(edges_of(data), h.size(0)), h
        for _ in range(self.hops):
            z = spmm(adjacency, z)
        return h + z
