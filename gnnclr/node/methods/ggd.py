"""GGD: real nodes against corrupted ones, by a sum of features."""

from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.discriminator import discrimination_accuracy, discrimination_loss
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.node.methods.two_view import View
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.node.transforms.shuffle import FeatureShuffle
from gnnclr.node.transforms.views import FeatureMask
from gnnclr.ops.check import check_count
from gnnclr.ops.memo import TensorMemo


class GGD(NodeMethod):
    r"""The method of `"Rethinking and Scaling Up Graph Contrastive Learning: An Extremely Efficient Approach with Group
    Discrimination" <https://arxiv.org/abs/2206.01535>`_: the sum of its projected embedding says whether a node is
    real.

    .. math:: \mathcal{L} = \tfrac{1}{2} \Big[ \operatorname{mean}_i \log\big(1 + e^{-\mathbf{1}^{\top} g(\mathbf{h}_i)}
        \big) + \operatorname{mean}_i \log\big(1 + e^{\mathbf{1}^{\top} g(\tilde{\mathbf{h}}_i)}\big) \Big], \qquad
        \mathbf{Z} = \mathbf{H} + \hat{\mathbf{A}}^k \mathbf{H}

    The authors' encoder is one convolution of 512, with 500 epochs at a learning rate of .001.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        projector (torch.nn.Module, optional): The map :math:`g`.
            (default: a linear layer as wide as ``encoder.out_channels``)
        view (callable, optional): A transform of the graph before it is corrupted.
            (default: features masked with probability .2)
        corruption (callable, optional): A transform. (default: :class:`~gnnclr.node.FeatureShuffle`)
        hops (int, optional): The power :math:`k` in the embeddings; ``0`` leaves :math:`\mathbf{H}` alone.
            (default: ``5``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module | None = None,
        view: View | None = None,
        corruption: View | None = None,
        hops: int = 5,
    ):
        super().__init__(encoder)
        if projector is None:
            size = width(encoder, "projector")
            projector = nn.Linear(size, size)
        self.projector = projector
        self.view: View = FeatureMask(0.2) if view is None else view
        self.corruption: View = FeatureShuffle() if corruption is None else corruption
        self.hops: int = check_count("hops", hops, least=0)
        self._adjacency = TensorMemo(as_adjacency)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a view of the graph and its corruption, and the ``accuracy`` of telling them apart."""
        data = check_node_data(data)
        view = self.view(data)
        graphs = (view, self.corruption(view))
        logits = [self.projector(self.encode(graph)).sum(dim=1) for graph in graphs]
        return 0.5 * discrimination_loss(*logits), {"accuracy": discrimination_accuracy(*logits).detach()}

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], those of the encoder and their propagation added."""
        h = self.encode(data)
        if self.hops == 0:
            return h
        adjacency, z = self._adjacency(edges_of(data), h.size(0)), h
        for _ in range(self.hops):
            z = spmm(adjacency, z)
        return h + z
