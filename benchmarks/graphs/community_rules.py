"""Community-aware negatives and neighbors as positives, as rewirings of the graph at hand."""

from collections.abc import Callable
from functools import cache

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose
from torch_geometric.utils import to_undirected

from gnnclr.graph import AddNeighborPositives
from gnnclr.graph.communities import (
    ContrastCentroids,
    EdgeCommunities,
    ExcludeCommunity,
    SoftCommunity,
    WeighCentroids,
    WeighCommunity,
    co_association,
    propagated_kmeans,
)
from gnnclr.node import PropagatedNeighbors
from gnnclr.ops.memo import TensorMemo


def communities(data: Data, seed: int = 0, resolution: float = 1.0) -> torch.Tensor:
    """Louvain communities, tiny ones merged."""
    return EdgeCommunities("louvain", resolution, min_size=20)(data.x, data.edge_index, seed)


@cache
def finder(k: int) -> TensorMemo:
    """Finds the nearest neighbors in propagated features [2, nk], of one graph once."""
    return TensorMemo(PropagatedNeighbors(k))


def neighbors(data: Data, k: int, **kwargs) -> AddNeighborPositives:
    """The nearest neighbors as positives."""
    return AddNeighborPositives(finder(k)(data.x, data.edge_index), **kwargs)


def of_both(data: Data, k: int = 10) -> torch.Tensor:
    """Louvain communities of the graph that has the edges, and edges to the nearest neighbors."""
    near = finder(k)(data.x, data.edge_index)
    edges = to_undirected(torch.cat([data.edge_index, near], dim=1), num_nodes=data.num_nodes)
    return communities(Data(x=data.x, edge_index=edges))


@TensorMemo
def co_associated(x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
    """How often twelve partitions, of edges and of features, put two nodes together, as columns."""
    data = Data(x=x, edge_index=edge_index)
    by_edges = [communities(data, seed, resolution) for seed, resolution in enumerate((0.5, 1.0, 2.0) * 2)]
    count = int(torch.stack([part.max() for part in by_edges]).float().median()) + 1
    by_features = [
        propagated_kmeans(data.x, data.edge_index, num_communities=max(2, int(count * factor)), seed=seed)
        for seed, factor in enumerate((0.5, 1.0, 2.0) * 2)
    ]
    return co_association(by_edges + by_features, rank=64)


def together(data: Data) -> SoftCommunity:
    """Weights by co-association."""
    return SoftCommunity(co_associated(data.x, data.edge_index), rho=0.1)


#: Rows with a part of their own in the tables.
PLAIN, ORACLE, FEATURES = "plain", "oracle: own label left out", "A²X, no training"
#: What is more than a rewiring: communities that are found in the embeddings as they become, a loss that expects some
#: negatives to be false, and steps with all communities in them.
LEARNED, DEBIASED, STRATIFIED = "k-means of embeddings left out", "debiased", "stratified steps"
#: Rules, each made of the graph.
RULES: dict[str, Callable[[Data], object]] = {
    PLAIN: lambda data: None,
    "Louvain left out": lambda data: ExcludeCommunity(communities(data)),
    "Louvain of edges and neighbors left out": lambda data: ExcludeCommunity(of_both(data)),
    "Louvain weighs 0.2": lambda data: WeighCommunity(communities(data), rho=0.2),
    "co-association weighs": together,
    "30 neighbors attract": lambda data: neighbors(data, 30),
    "100 neighbors attract": lambda data: neighbors(data, 100),
    "30 attract, and repel": lambda data: neighbors(data, 30, in_denominator=True),
    "Louvain out, 30 attract": lambda data: Compose([ExcludeCommunity(communities(data)), neighbors(data, 30)]),
    "co-association weighs, 100 attract": lambda data: Compose([together(data), neighbors(data, 100)]),
    "Louvain out, centroids weigh (ReSC)": lambda data: Compose(
        [ExcludeCommunity(communities(data)), WeighCentroids(communities(data))]
    ),
    "centroids of Louvain alone repel": lambda data: ContrastCentroids(communities(data)),
    LEARNED: lambda data: ExcludeCommunity(communities(data)),  # until they are found in embeddings
    DEBIASED: lambda data: None,
    "Louvain left out, debiased": lambda data: ExcludeCommunity(communities(data)),
    STRATIFIED: lambda data: None,
    ORACLE: lambda data: ExcludeCommunity(data.y),
}
