"""GraphACL: a node predicts its neighbors."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import add_remaining_self_loops, scatter

from gnnclr.graph.weighted_edges import check_weighted_edges, edges_of
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.ops import pair_logsumexp
from gnnclr.ops.check import check_positive
from gnnclr.ops.unit_rows import unit_rows


class GraphACL(NodeMethod):
    r"""The method of `"Simple and Asymmetric Graph Contrastive Learning without Augmentations"
    <https://arxiv.org/abs/2310.18884>`_: a predictor finds the embeddings of a node's neighbors by a slow copy of the
    encoder, while all nodes repel; neighbors need not be alike, so it suits heterophilic graphs too.

    .. math:: \mathcal{L} = \operatorname{mean}_i \operatorname{mean}_{j \in \mathcal{N}(i)} -\log
        \frac{e^{q(\mathbf{h}_i)^{\top} \mathbf{t}_j / \tau}}{e^{q(\mathbf{h}_i)^{\top} \mathbf{t}_j / \tau}
        + \sum_{v} e^{\mathbf{h}_i^{\top} \mathbf{h}_v / \tau}}

    with unit rows, a self-loop on each node, a mean over neighbors by the weights of edges where they have some, and
    :math:`v` over all nodes, the node itself among them as in the
    authors' code. The sum runs in linear memory. :meth:`after_optimizer_step` moves the copy, and must be called after
    each step.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``; the authors' has 2,048 features and no
            activation after the last convolution.
        predictor (torch.nn.Module, optional): The map :math:`q`. (default: a linear layer as wide as
            ``encoder.out_channels``)
        temperature (float, optional): The temperature :math:`\tau`. (default: ``1.0``, for Cora)
        momentum (float, optional): The momentum of the copy. (default: ``0.97``, for Cora)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        predictor: nn.Module | None = None,
        temperature: float = 1.0,
        momentum: float = 0.97,
    ):
        super().__init__(encoder)
        if predictor is None:
            size = width(encoder, "predictor")
            predictor = nn.Linear(size, size)
        self.predictor = predictor
        self.temperature: float = check_positive("temperature", temperature)
        self.target: MomentumEncoder = MomentumEncoder(encoder, momentum)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the graph, and the mean cosine ``positive`` of predictions and neighbors."""
        data = check_node_data(data)
        h = self.encode(data)
        target = unit_rows(self.encode(data, self.target))
        prediction, h = unit_rows(self.predictor(h)), unit_rows(h)
        n = h.size(0)
        edge_index, weight = check_weighted_edges(edges_of(data), n)
        (source, center), weight = add_remaining_self_loops(edge_index, weight, num_nodes=n)
        positive = (prediction[center] * target[source]).sum(dim=1)
        repulsion = pair_logsumexp(h, scale=1 / self.temperature)
        # The positive stays out of the log-sum-exp, so that a small loss keeps its digits.
        loss = F.softplus(repulsion[center] - positive / self.temperature)
        if weight is None:
            loss = scatter(loss, center, dim_size=n, reduce="mean")
        else:
            total = scatter(weight, center, dim_size=n, reduce="sum")[center]
            loss = scatter(loss * weight / total.clamp(min=1e-30), center, dim_size=n, reduce="sum")
        return loss.mean(), {"positive": positive.detach().mean()}

    def after_optimizer_step(self) -> None:
        """Moves the target encoder towards the encoder."""
        self.target.update(self.encoder)
