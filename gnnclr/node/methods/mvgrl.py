"""MVGRL: a graph and its diffusion."""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.discriminator import BilinearDiscriminator, discrimination_accuracy, discrimination_loss
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.diffusion import ppr_matrix
from gnnclr.node.transforms.shuffle import FeatureShuffle
from gnnclr.ops.memo import TensorMemo


class MVGRL(NodeMethod):
    r"""The method of `"Contrastive Multi-View Representation Learning on Graphs"
    <https://arxiv.org/abs/2006.05582>`_: nodes of a graph against the summary of its diffusion, and the other way
    round.

    .. math:: \mathcal{L} = \tfrac{1}{2} \big[ \ell(\mathbf{H}_A, \tilde{\mathbf{H}}_A, \mathbf{s}_S)
        + \ell(\mathbf{H}_S, \tilde{\mathbf{H}}_S, \mathbf{s}_A) \big], \qquad \mathbf{Z} = \mathbf{H}_A + \mathbf{H}_S

    with :math:`\ell` the loss of :class:`~gnnclr.node.DGI`, one encoder on the edges and another on the sparse
    diffusion :func:`~gnnclr.node.ppr_matrix`, which is made once for a graph. The authors train on dense diffusions of
    2,000 sampled nodes; here it is the whole graph. Their encoders are one convolution of 512 each.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        diffusion_encoder (torch.nn.Module): Called as ``encoder(x, matrix)`` with the diffusion as a sparse CSR matrix,
            such as a :class:`~gnnclr.node.GCNEncoder`.
        discriminator (torch.nn.Module, optional): As in :class:`~gnnclr.node.DGI`. (default: bilinear)
        diffusion (callable, optional): Makes a sparse CSR matrix of ``(edge_index, num_nodes)``,
            where edges with weights are :class:`~gnnclr.graph.WeightedEdges`.
            (default: :func:`~gnnclr.node.ppr_matrix`, :math:`\alpha = .2`, 64 entries a row)
        corruption (callable, optional): A transform. (default: :class:`~gnnclr.node.FeatureShuffle`)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        diffusion_encoder: nn.Module,
        discriminator: nn.Module | None = None,
        diffusion: Callable[..., Any] | None = None,
        corruption: View | None = None,
    ):
        super().__init__(encoder)
        self.diffusion_encoder = diffusion_encoder
        if discriminator is None:
            discriminator = BilinearDiscriminator(width(encoder, "discriminator"))
        self.discriminator = discriminator
        self.corruption: View = FeatureShuffle() if corruption is None else corruption
        self._diffusion = TensorMemo(ppr_matrix if diffusion is None else diffusion)

    def _encode(self, data: Data) -> tuple[Tensor, Tensor]:
        matrix = self._diffusion(edges_of(data), data.x.size(0))
        return self.encode(data), self.diffusion_encoder(data.x, matrix)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the graph and a fresh corruption of it, and the ``accuracy`` of the discriminator."""
        data = check_node_data(data)
        real, corrupted = self._encode(data), self._encode(self.corruption(data))
        summaries = [self.discriminator.summary(h) for h in reversed(real)]
        logits = [[self.discriminator(h, s) for h, s in zip(side, summaries)] for side in (real, corrupted)]
        loss = 0.5 * reduce(add, (discrimination_loss(a, b) for a, b in zip(*logits)))
        accuracy = 0.5 * reduce(add, (discrimination_accuracy(a, b) for a, b in zip(*logits)))
        return loss, {"accuracy": accuracy.detach()}

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], those of both encoders added."""
        h, diffused = self._encode(data)
        return h + diffused
