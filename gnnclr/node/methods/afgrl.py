"""AFGRL: neighbors in embedding space instead of views."""

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP

from gnnclr.graph import KNNIndex
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.ops.check import check_count
from gnnclr.ops.unit_rows import unit_rows


def k_means_labels(z: Tensor, num_clusters: int, num_runs: int, iterations: int = 20) -> Tensor:
    """The clusters of several runs of k-means, with seeds drawn from torch's generator.

    Args:
        z (Tensor): Rows [n, d].
        num_clusters (int): Clusters a run; no more than there are rows.
        num_runs (int): Number of runs.
        iterations (int, optional): The largest number of iterations. (default: ``20``)

    Shapes:
        - **output:** :math:`(r, n)`
    """
    from sklearn.cluster import KMeans

    rows, labels = z.detach().cpu().numpy(), []
    for seed in torch.randint(2**31 - 1, (num_runs,)).tolist():
        means = KMeans(min(num_clusters, len(rows)), init="random", n_init=1, max_iter=iterations, random_state=seed)
        labels.append(torch.from_numpy(means.fit_predict(rows)).long())
    return torch.stack(labels).to(z.device)


def local_and_global_positives(neighbors: Tensor, edge_index: Tensor, labels: Tensor) -> Tensor:
    """The nearest neighbors of each node that are also its neighbors in the graph, or in its cluster in some run.

    Args:
        neighbors (Tensor): Nearest neighbors as edges [2, m], neighbor and node.
        edge_index (Tensor): Edges of the graph [2, e].
        labels (Tensor): Clusters of the nodes in each run [r, n].

    Shapes:
        - **output:** the edges that stay :math:`(2, m')`
    """
    n = labels.size(1)
    adjacent = torch.isin(neighbors[0] * n + neighbors[1], edge_index[0] * n + edge_index[1])
    together = (labels[:, neighbors[0]] == labels[:, neighbors[1]]).any(dim=0)
    return neighbors[:, adjacent | together]


class AFGRL(NodeMethod):
    r"""The method of `"Augmentation-Free Self-Supervised Learning on Graphs" <https://arxiv.org/abs/2112.02472>`_: a
    predictor finds a slow copy's embeddings of similar nodes, without views and without negatives.

    .. math:: \mathcal{L} = \operatorname{mean}_{(i, j) \in \mathcal{P}} \; 4 - 2 \cos\big(q(\mathbf{h}_i),
        \mathbf{t}_j\big) - 2 \cos\big(q(\mathbf{h}_j), \mathbf{t}_i\big)

    Positives :math:`\mathcal{P}` are each node itself, and those of its :math:`k - 1` nearest neighbors among the
    copy's embeddings that are neighbors in the graph, or in its cluster in one of several runs of k-means (needs
    scikit-learn). :meth:`after_optimizer_step` moves the copy, and must be called after each step.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``; the authors' is one convolution with batch
            normalization and PReLU.
        predictor (torch.nn.Module, optional): The map :math:`q`. (default: two layers with batch normalization and
            PReLU between, hidden twice as wide as ``encoder.out_channels``)
        k (int, optional): Positives of a node at most, itself among them. (default: ``4``)
        num_clusters (int, optional): Clusters of a run. (default: ``100``)
        num_runs (int, optional): Runs of k-means. (default: ``5``)
        momentum (float, optional): The momentum of the copy at the start. (default: ``0.9``)
        steps (int, optional): Steps over which the momentum rises to one. (default: ``None``, constant)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        predictor: nn.Module | None = None,
        k: int = 4,
        num_clusters: int = 100,
        num_runs: int = 5,
        momentum: float = 0.9,
        steps: int | None = None,
    ):
        super().__init__(encoder)
        for name, value in (("k", k), ("num_clusters", num_clusters), ("num_runs", num_runs)):
            check_count(name, value)
        if predictor is None:
            size = width(encoder, "predictor")
            predictor = MLP([size, 2 * size, size], act="prelu", norm="batch_norm")
        self.predictor = predictor
        self.k: int = k
        self.num_clusters: int = num_clusters
        self.num_runs: int = num_runs
        self.target: MomentumEncoder = MomentumEncoder(encoder, momentum, steps)

    def positives(self, h: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
        """The pairs of similar nodes [2, m]: neighbors among ``target`` and nodes, each node with itself first.

        Args:
            h (Tensor): Unit embeddings [n, d].
            target (Tensor): Unit embeddings of the copy [n, d].
            edge_index (Tensor): Edges of the graph [2, e].
        """
        own = torch.arange(h.size(0), device=h.device)
        if self.k == 1:
            return own.expand(2, -1)
        index = KNNIndex(cosine=True)
        index.add(target)
        found = index.search(h.detach(), self.k - 1, exclude=own).index
        neighbors = torch.stack([found, own.unsqueeze(1).expand_as(found)])[:, found >= 0]
        labels = k_means_labels(target, self.num_clusters, self.num_runs)
        neighbors = local_and_global_positives(neighbors, edge_index, labels)
        return torch.cat([own.expand(2, -1), neighbors], dim=1)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the graph, and the number of ``positives`` a node."""
        data = check_node_data(data)
        h = self.encode(data)
        target = unit_rows(self.encode(data, self.target))
        j, i = self.positives(unit_rows(h), target, data.edge_index)
        prediction = unit_rows(self.predictor(h))
        both = (prediction[i] * target[j]).sum(dim=1) + (prediction[j] * target[i]).sum(dim=1)
        return 4 - 2 * both.mean(), {"positives": torch.tensor(i.numel() / max(h.size(0), 1))}

    def after_optimizer_step(self) -> None:
        """Moves the target encoder towards the encoder."""
        self.target.update(self.encoder)
