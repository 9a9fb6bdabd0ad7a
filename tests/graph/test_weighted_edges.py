import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from gnnclr.graph import WeightedEdges, edges_of
from gnnclr.graph.communities import leiden, louvain, merge_small, modularity, propagated_kmeans
from gnnclr.graph.simple_graph import simple_edges
from gnnclr.graph.weighted_edges import check_weighted_edges, weight_attribute, with_weights
from gnnclr.ops.memo import TensorMemo

EDGES = torch.tensor([[0, 1, 2, 2], [1, 0, 0, 2]])


def graph(**attributes):
    return Data(edge_index=EDGES, num_nodes=3, **attributes)


@pytest.mark.parametrize(
    "attributes, name",
    [
        ({}, None),
        ({"edge_weight": torch.ones(4)}, "edge_weight"),
        ({"edge_attr": torch.ones(4)}, "edge_attr"),
        ({"edge_attr": torch.ones(4, 1)}, "edge_attr"),
        ({"edge_attr": torch.ones(4, 2)}, None),
        ({"edge_attr": torch.ones(3)}, None),
        ({"edge_attr": torch.ones(4, dtype=torch.bool)}, None),
        ({"edge_attr": torch.ones(4), "edge_weight": torch.ones(4)}, "edge_weight"),
    ],
)
def test_which_attribute_holds_weights(attributes, name):
    data = graph(**attributes)
    assert weight_attribute(data) == name
    edges = edges_of(data)
    assert edges is data.edge_index if name is None else edges.edge_weight.tolist() == [1, 1, 1, 1]


def test_weights_are_floats_of_one_dimension():
    weight = torch.rand(4)
    assert WeightedEdges(EDGES, weight).edge_weight is weight
    for given in (torch.tensor([1, 2, 3, 4]), torch.tensor([[1], [2], [3], [4]]).half(), torch.tensor([1, 2, 3, 4.0])):
        edges = WeightedEdges(EDGES, given)
        assert edges.edge_weight.dtype == torch.float32 and edges.edge_weight.tolist() == [1, 2, 3, 4]
    assert WeightedEdges(EDGES, weight.double()).edge_weight.dtype == torch.float64
    assert with_weights(EDGES, None) is EDGES and check_weighted_edges(EDGES, 3)[1] is None


@pytest.mark.parametrize(
    "weight, message",
    [
        (
            torch.ones(3),
            r"'data\.edge_weight' must be numbers of shape \[4\], one for each edge \(got tensor of",
        ),
        (torch.ones(4, dtype=torch.bool), r"'data\.edge_weight' must be numbers of shape \[4\]"),
        ([1, 2, 3, 4], r"'data\.edge_weight' must be numbers of shape \[4\]"),
        (torch.tensor([1, 2, -0.5, 1]), r"'data\.edge_weight' must be finite, and none negative \(got -0.5\)"),
        (torch.tensor([1, float("nan"), 1, 1]), r"must be finite, and none negative \(got nan\)"),
        (torch.tensor([1, float("inf"), 1, 1]), r"must be finite, and none negative \(got inf\)"),
        (torch.tensor([[1], [2], [-3], [4]]), r"must be finite, and none negative \(got -3\)"),
    ],
)
def test_wrong_weights_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        edges_of(graph(edge_weight=weight))


@pytest.mark.parametrize("data", [Data(x=torch.ones(3, 1)), Data(edge_weight=torch.ones(4)), EDGES])
def test_a_graph_without_edges_is_refused(data):
    with pytest.raises(ValueError, match=r"'data' must be a Data with edges 'edge_index' \(got"):
        edges_of(data)


def test_a_memo_tells_weights_apart_by_their_tensors():
    calls = []
    memo = TensorMemo(lambda edges: calls.append(0) or edges.edge_weight.sum())
    data = graph(edge_weight=torch.ones(4))
    assert memo(edges_of(data)) is memo(edges_of(data)) and len(calls) == 1
    data.edge_weight.mul_(2)
    assert memo(edges_of(data)) == 8
    assert memo(WeightedEdges(EDGES, torch.ones(4))) == 4 and len(calls) == 3
    assert memo(edges_of(data.clone())) == 8  # other tensors


def test_simple_edges_have_the_mean_of_their_weights():
    index = torch.tensor([[0, 1, 0, 2, 1, 2], [1, 0, 1, 2, 2, 0]])
    weight = torch.tensor([1.0, 3.0, 2.0, 5.0, 0.0, 4.0])  # a loop, and an edge that weighs nothing
    edges, found = simple_edges(WeightedEdges(index, weight), 3)
    assert edges.tolist() == [[0, 0, 1, 2], [1, 2, 0, 0]] and found.tolist() == [2, 4, 2, 4]
    edges, found = simple_edges(index, 3)
    assert edges.tolist() == [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] and found.eq(1).all()


def blocks(n=40, seed=0):
    """Two groups that only the weights of a dense graph tell apart."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.combinations(torch.arange(n)).t()
    label = torch.arange(n) % 2
    same = label[index[0]] == label[index[1]]
    weight = torch.where(same, 4.0, 0.5) + torch.rand(index.size(1), generator=generator)
    return index, weight, label


@pytest.mark.parametrize("detect", [louvain, leiden])
def test_communities_by_weight(detect):
    index, weight, label = blocks()
    found = detect(WeightedEdges(index, weight), 40)
    assert found.unique().numel() == 2 and (found == label).float().mean() in (0, 1)
    for factor in (1.0, 0.125):  # equal weights change nothing
        assert detect(WeightedEdges(index, torch.full_like(weight, factor)), 40).equal(detect(index, 40))
    cut = WeightedEdges(index, weight * (label[index[0]] == label[index[1]]))  # edges of weight zero are none
    assert detect(cut, 40).unique().numel() == 2


def test_modularity_by_weight_is_that_of_networkx():
    index, weight, label = blocks(12)
    edges = nx.Graph()
    edges.add_weighted_edges_from([(*pair, w) for pair, w in zip(index.t().tolist(), weight.tolist())])
    parts = [{i for i in range(12) if label[i] == c} for c in (0, 1)]
    expected = nx.community.modularity(edges, parts)
    assert modularity(WeightedEdges(index, weight), label) == pytest.approx(expected)
    both = WeightedEdges(torch.cat([index, index.flip(0)], 1), weight.repeat(2))
    assert modularity(both, label) == pytest.approx(expected)
    assert modularity(WeightedEdges(index, torch.full_like(weight, 3)), label) == pytest.approx(
        modularity(index, label)
    )


def test_small_communities_join_by_weight():
    index = torch.tensor([[0, 1, 3, 4, 2, 2, 2], [1, 0, 4, 3, 0, 1, 3]])  # node 2 has most edges to the first pair
    community = torch.tensor([0, 0, 1, 2, 2])
    assert merge_small(community, index, 2).tolist() == [0, 0, 0, 1, 1]
    weight = torch.tensor([1.0, 1, 1, 1, 0.1, 0.1, 5])
    assert merge_small(community, WeightedEdges(index, weight), 2).tolist() == [0, 0, 1, 1, 1]


def test_propagated_kmeans_by_weight():
    index, weight, _ = blocks()
    torch.manual_seed(0)
    x = torch.rand(40, 6)
    ones = propagated_kmeans(x, WeightedEdges(index, torch.ones_like(weight)), 3)
    assert ones.equal(propagated_kmeans(x, index, 3))
    assert not propagated_kmeans(x, WeightedEdges(index, weight * 9), 3).equal(ones)
