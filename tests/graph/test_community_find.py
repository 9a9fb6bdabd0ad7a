import pytest
import torch

from gnnclr.graph.communities import (
    EdgeCommunities,
    PropagatedCommunities,
    leiden,
    louvain,
    merge_small,
    propagated_kmeans,
)


@pytest.fixture
def graph():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 12, generator=generator), torch.randint(0, 50, (2, 90), generator=generator)


@pytest.mark.parametrize(("name", "function"), [("louvain", louvain), ("leiden", leiden)])
def test_edge_communities_are_those_of_the_function(name, function, graph):
    x, edge_index = graph
    expected = function(edge_index, 50, 2.0, seed=4)
    assert torch.equal(EdgeCommunities(name, 2.0)(x, edge_index, 4), expected)
    merged = EdgeCommunities(name, 2.0, min_size=6)(x, edge_index, 4)
    assert torch.equal(merged, merge_small(expected, edge_index, 6)) and merged.max() < expected.max()


def test_propagated_communities_are_those_of_the_function(graph):
    x, edge_index = graph
    expected = propagated_kmeans(x, edge_index, 5, hops=1, rank=4, seed=2)
    assert torch.equal(PropagatedCommunities(5, hops=1, rank=4)(x, edge_index, 2), expected)


def test_repr_and_errors():
    assert repr(EdgeCommunities("leiden", 2)) == "EdgeCommunities('leiden', resolution=2, min_size=0)"
    assert repr(PropagatedCommunities(5)) == "PropagatedCommunities(5, hops=2, rank=64)"
    with pytest.raises(ValueError, match="'method' must be one of 'louvain', 'leiden'"):
        EdgeCommunities("spectral")
    with pytest.raises(ValueError, match="'min_size' must be an integer, zero or more"):
        EdgeCommunities(min_size=-1)
    for options, message in (
        ({"num_communities": 0}, "'num_communities' must be a positive integer"),
        ({"num_communities": 3, "hops": -1}, "'hops' must be an integer, zero or more"),
        ({"num_communities": 3, "rank": 0}, "'rank' must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            PropagatedCommunities(**options)
