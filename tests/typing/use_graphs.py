"""Layers, graphs and rewirings as they are called; pyright reads this file, and nothing runs it."""

from torch import Tensor
from torch_geometric.transforms import Compose
from typing_extensions import assert_type

from gnnclr.graph import (
    AddKNNPositives,
    AddNeighborPositives,
    ContrastGraph,
    DropNegatives,
    FeatureBank,
    KNNIndex,
    Negatives,
    augmentation_graph,
    knn_graph,
)
from gnnclr.graph.communities import ExcludeCommunity, louvain
from gnnclr.nn import AlignmentConv, ContraNorm, ContrastiveConv, PairConv, UniformityConv, WeightedSum
from gnnclr.ops import PairSoftmax


def layers(z: Tensor, graph: ContrastGraph) -> None:
    conv: PairConv = WeightedSum((1.0, AlignmentConv(0.5)), (2.0, UniformityConv(0.5)))
    assert_type(conv(z, graph), Tensor)
    assert_type(ContrastiveConv(0.2, denominator="all").energy(z, graph), Tensor)
    assert_type(ContraNorm().forward(z), Tensor)
    pairs = PairSoftmax(z, z, exclude=(z, z))
    assert_type(pairs.messages(z), tuple[Tensor, Tensor])
    conv(z)  # pyright: ignore[reportCallIssue]
    conv(graph, z)  # pyright: ignore[reportArgumentType]
    PairSoftmax(z, z, exclude=z)  # pyright: ignore[reportArgumentType]


def graphs(z: Tensor, y: Tensor) -> None:
    graph = augmentation_graph([z, z], labels=y, negatives=Negatives(exclude="group"))
    assert_type(graph, ContrastGraph)
    assert_type(graph.edge_index, Tensor | None)
    assert_type(graph.negatives, Negatives)
    assert_type(knn_graph(z, 5, cosine=True), Tensor)
    assert_type(KNNIndex().search(z, 3).index, Tensor)
    knn_graph(z, k="five")  # pyright: ignore[reportArgumentType]
    augmentation_graph([z, z], label=y)  # pyright: ignore[reportCallIssue]


def rewirings(graph: ContrastGraph, bank: FeatureBank, edge_index: Tensor) -> None:
    assert_type(AddKNNPositives(k=5, bank=bank).forward(graph), ContrastGraph)
    assert_type(ExcludeCommunity(louvain(edge_index, 10)).forward(graph), ContrastGraph)
    Compose([AddNeighborPositives(edge_index), DropNegatives(0.1)])(graph)
    AddKNNPositives(neighbors=5)  # pyright: ignore[reportCallIssue]
    DropNegatives(0.1).forward(edge_index)  # pyright: ignore[reportArgumentType]
