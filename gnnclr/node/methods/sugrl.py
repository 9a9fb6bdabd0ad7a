"""SUGRL: triplets of a node, its neighborhood and other nodes."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import add_remaining_self_loops

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges, edges_of, with_weights
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod
from gnnclr.node.rewiring.neighbors import NeighborTable, sample_neighbors
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count, check_number, check_probability, describe
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.unit_rows import unit_rows


class SUGRL(NodeMethod):
    r"""The method of `"Simple Unsupervised Graph Representation Learning"
    <https://ojs.aaai.org/index.php/AAAI/article/view/20748>`_: an MLP of each node is closer to its propagation and to
    its neighbors than to other nodes, by a margin, and not further than another.

    .. math::
        \mathcal{L} = \sum_{v=1}^{V} \Big( \tfrac{w_1}{n} \sum_i [d_i^{p} - d_{iv}^{-} + m_1]_+
        + \tfrac{w_2}{n} \sum_i [d_i^{q} - d_{iv}^{-} + m_1]_+
        + \tfrac{w_3}{V} \sum_i [d_{iv}^{-} - \operatorname{sg}(d_i^{p}) - m_1 - m_2]_+ \Big)

    :math:`d` are distances from :math:`\mathbf{h}_i = \operatorname{MLP}(\mathbf{x}_i)` to
    :math:`\mathbf{p}_i = (\hat{\mathbf{A}} \mathbf{H})_i`, to the mean :math:`\mathbf{q}_i` of sampled neighbors, and
    to the rows of :math:`V` permutations of :math:`\mathbf{H}`; a node is a neighbor of its own. Neighbors are
    sampled by the weights of edges where they have some. As in the authors'
    code the last term is a sum over nodes, where the others are means. Embeddings are the rows of
    :math:`\hat{\mathbf{A}} \mathbf{H}` at length one.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``, a :class:`~gnnclr.node.MLPEncoder`; the
            authors' has hidden and output sizes of 512 and 128 and drops .3 of the features on Cora.
        margins (tuple, optional): The margins :math:`m_1` and :math:`m_2`. (default: ``(0.8, 0.2)``, for Cora)
        weights (tuple, optional): The weights :math:`w_1`, :math:`w_2` and :math:`w_3`. (default: ``(10, 10, 1)``)
        num_negatives (int, optional): The number :math:`V` of permutations. (default: ``4``)
        num_neighbors (int, optional): Neighbors sampled for each node. (default: ``5``)
        dropout (float, optional): Probability of dropping each entry of :math:`\mathbf{H}` before propagation.
            (default: ``0.2``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    #: Of an MLP, which sees no edges, propagation and neighbors see the weights.
    uses_edge_weights: ClassVar[bool] = True

    def __init__(
        self,
        encoder: nn.Module,
        margins: tuple[float, float] = (0.8, 0.2),
        weights: tuple[float, float, float] = (10.0, 10.0, 1.0),
        num_negatives: int = 4,
        num_neighbors: int = 5,
        dropout: float = 0.2,
    ):
        super().__init__(encoder)
        for name, value, size in (("margins", margins, 2), ("weights", weights, 3)):
            if len(value) != size or min(check_number(name, number) for number in value) < 0:
                raise ValueError(f"'{name}' must be {size} numbers, none negative (got {describe(value)})")
        for name, value in (("num_negatives", num_negatives), ("num_neighbors", num_neighbors)):
            check_count(name, value)
        self.margins: tuple[float, ...] = tuple(margins)
        self.weights: tuple[float, ...] = tuple(weights)
        self.num_negatives: int = num_negatives
        self.num_neighbors: int = num_neighbors
        self.dropout: float = check_probability("dropout", dropout)
        self._adjacency, self._neighbors = TensorMemo(as_adjacency), TensorMemo(_table)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss with fresh neighbors and permutations, and the mean distances ``positive`` and ``negative``."""
        data = check_node_data(data)
        n, edges = data.x.size(0), edges_of(data)
        h = self.encode(data)
        p = spmm(self._adjacency(edges, n), F.dropout(h, self.dropout, self.training))
        index = sample_neighbors(self._neighbors(edges, n), self.num_neighbors)
        q = h[index.t().flatten()].view(self.num_neighbors, n, -1).mean(dim=0)
        near, neighbor = F.pairwise_distance(h, p), F.pairwise_distance(h, q)
        (m1, m2), (w1, w2, w3) = self.margins, self.weights
        loss, total = h.new_zeros(()), h.new_zeros(())
        for _ in range(self.num_negatives):
            far = F.pairwise_distance(h, h[torch.randperm(n, device=h.device)])
            loss = loss + w1 * F.relu(near - far + m1).mean() + w2 * F.relu(neighbor - far + m1).mean()
            loss = loss + w3 / self.num_negatives * F.relu(far - near.detach() - m1 - m2).sum()
            total = total + far.detach().mean() / self.num_negatives
        return loss, {"positive": near.detach().mean(), "negative": total}

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], propagated and of length one."""
        h = self.encode(data)
        return unit_rows(spmm(self._adjacency(edges_of(data), h.size(0)), h))


def _table(edges: Edges, num_nodes: int) -> NeighborTable:
    edge_index, weight = add_remaining_self_loops(*check_weighted_edges(edges, num_nodes), num_nodes=num_nodes)
    return NeighborTable(with_weights(edge_index, weight), num_nodes)
