"""Edges, labels and the like may be integers of any size: what comes out is the same."""

import pytest
import torch

from gnnclr import eval as evaluation
from gnnclr import losses, nn, node
from gnnclr.graph import AddNeighborPositives, ContrastGraph, FeatureBank, augmentation_graph, communities, knn_graph

DATA = node.sbm(40, num_classes=2, num_features=8)
EDGES, LABELS, COMMUNITY, NODES = DATA.edge_index, DATA.y, torch.arange(40) // 20, torch.arange(40)
Z = torch.randn(2, 40, 6, generator=torch.Generator().manual_seed(0))
DTYPES = (torch.int32, torch.int16, torch.uint8)


def graph_of(like):
    data = DATA.clone()
    data.edge_index = like(EDGES)
    return data


def rewired(rule):
    graph = augmentation_graph(list(Z))
    return losses.NTXentLoss(0.3)(graph.x, rule(graph))


def explicit(like):
    """A graph all of whose parts are given."""
    far = torch.stack([EDGES[0] + 40, EDGES[1]])
    parts = {"negative_index": far, "ignore_index": far[:, :3], "extra": far[:, 3:9]}
    parts |= {"sample": torch.arange(80), "view": torch.arange(80) // 40, "group": torch.arange(80)}
    parts = {name: like(value) for name, value in parts.items()}
    return losses.NTXentLoss(0.3)(Z.flatten(0, 1), ContrastGraph(Z.flatten(0, 1), like(EDGES), **parts))


def memory(like):
    bank = FeatureBank(40, 8, mode="sample")
    bank.update(DATA.x, like(NODES))
    return bank.search(DATA.x, 3, exclude_ids=like(NODES)).index


USES = {
    "GAT": lambda like: node.GATEncoder(8, 8, 8).eval()(DATA.x, like(EDGES)),
    "SGC": lambda like: node.SGCEncoder(8, 8)(DATA.x, like(EDGES)),
    "SAGE": lambda like: node.PyGEncoder("sage", 8, 8, 8).eval()(DATA.x, like(EDGES)),
    "GIN": lambda like: node.PyGEncoder("gin", 8, 8, 8).eval()(DATA.x, like(EDGES)),
    "layer-wise": lambda like: node.layer_wise_embed(node.PyGEncoder("gat", 8, 8, 8).eval(), graph_of(like)),
    "ContraNorm": lambda like: nn.ContraNorm()(DATA.x, like(EDGES)),
    "signed": lambda like: nn.SignedMessagePassing(8, 8)(DATA.x, like(EDGES), like(EDGES.flip(0))),
    "signed, batch": lambda like: nn.SignedMessagePassing(8, 8)(DATA.x, like(EDGES), batch=like(COMMUNITY)),
    "stages": lambda like: nn.StageMemory(40, 8)(DATA.x, like(NODES)),
    "edge drop": lambda like: node.EdgeDrop(0.3)(graph_of(like)).edge_index,
    "adaptive drop": lambda like: node.AdaptiveEdgeDrop(0.3)(graph_of(like)).edge_index,
    "community drop": lambda like: node.CommunityEdgeDrop(0.3)(graph_of(like)).edge_index,
    "ego nets": lambda like: node.EgoNets(0.3)(graph_of(like)).edge_index,
    "diffusion": lambda like: node.PPRDiffusion()(graph_of(like)).edge_index,
    "batches": lambda like: next(iter(node.RandomNodeLoader(graph_of(like), 10))).edge_index,
    "community batches": lambda like: next(iter(node.CommunityLoader(graph_of(like), like(COMMUNITY), 10))).edge_index,
    "relations": lambda like: node.MultiplexData(DATA.x, {"a": like(EDGES), "b": like(EDGES)}).union().edge_index,
    "leiden": lambda like: communities.leiden(like(EDGES), 40),
    "modularity": lambda like: communities.modularity(like(EDGES), like(COMMUNITY)),
    "merged": lambda like: communities.merge_small(like(COMMUNITY), like(EDGES), 5),
    "co-association": lambda like: communities.co_association([like(COMMUNITY), like(LABELS)]),
    "quality": lambda like: (
        communities.negative_quality(
            communities.ExcludeCommunity(like(COMMUNITY)), like(LABELS), edge_index=like(EDGES)
        ).precision
    ),
    "weighed": lambda like: rewired(communities.WeighCommunity(like(COMMUNITY))),
    "neighbors": lambda like: rewired(AddNeighborPositives(like(EDGES))),
    "neighbors of a batch": lambda like: knn_graph(DATA.x, 3, batch=like(COMMUNITY)),
    "classes": lambda like: losses.SupConLoss()(*Z, labels=like(LABELS)),
    "community loss": lambda like: losses.CommunityNTXentLoss()(*Z, community=like(COMMUNITY)),
    "centroids": lambda like: losses.ReSCLoss()(*Z, community=like(COMMUNITY)),
    "similarity": lambda like: evaluation.positive_similarity(DATA.x, like(EDGES)),
    "links": lambda like: evaluation.LinkSplit.random(graph_of(like), 0.2, 0.2).test_positive,
    "graph": explicit,
    "bank": memory,
}


@pytest.mark.parametrize("use", USES)
def test_the_same_comes_out(use):
    torch.manual_seed(0)
    expected = torch.as_tensor(USES[use](lambda x: x))
    for dtype in DTYPES:
        torch.manual_seed(0)
        found = torch.as_tensor(USES[use](lambda x, dtype=dtype: x.to(dtype)))
        assert found.dtype == expected.dtype and torch.equal(found, expected)


@pytest.mark.parametrize("use", ["GAT", "SAGE", "signed", "edge drop", "leiden", "neighbors", "graph"])
def test_booleans_and_floats_are_no_indices(use):
    for dtype in (torch.bool, torch.float32):
        with pytest.raises(ValueError, match=r"must be (an integer tensor|a Data with 'edge_index'.* of integers)"):
            USES[use](lambda x, dtype=dtype: x.to(dtype))


@pytest.mark.parametrize(
    "loss", [losses.TripletLoss(), losses.KCLLoss(), losses.NTXentLoss(0.2), losses.SpectralContrastiveLoss()]
)
def test_products_of_many_nodes_do_not_overflow(loss):
    """The loss of a few nodes, which stand far apart among 70,001."""
    n, at = 70_001, torch.tensor([5, 40_000, 46_341, 65_536, 69_999, 70_000])
    x = torch.ones(n, 3)
    x[at] = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    parts = {
        "edge_index": torch.tensor([[1, 0, 3, 2], [0, 1, 2, 3]]),
        "negative_index": torch.tensor([[2, 3, 4, 5, 0, 1, 4, 5], [0, 0, 1, 1, 2, 2, 3, 3]]),
        "ignore_index": torch.tensor([[4], [1]]),
    }
    few = ContrastGraph(x[at], **parts)
    many = ContrastGraph(x, **{name: at[pairs].int() for name, pairs in parts.items()})
    torch.testing.assert_close(loss(x, many), loss(x[at], few))
    many.ignore_index = many.ignore_index.int()[:, :0]
    assert loss(x, many) != loss(x[at], few)
