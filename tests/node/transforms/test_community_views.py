import networkx as nx
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import from_networkx

from gnnclr.node import CommunityEdgeDrop, CommunityFeatureMask, community_strength, csgcl_view, sbm

# Two triangles, 0 1 2 and 3 4 5, joined by the edge 2-3.
BARBELL = torch.tensor([[0, 1, 0, 2, 1, 2, 3, 4, 3, 5, 4, 5, 2, 3], [1, 0, 2, 0, 2, 1, 4, 3, 5, 3, 5, 4, 3, 2]])


def triangles(edge_index, num_nodes):
    return torch.arange(num_nodes) * 2 // num_nodes


def test_strengths_by_hand():
    # 3 of 7 edges inside each, half of the volume: 3/7 − 1/4.
    strength = community_strength(BARBELL, triangles(BARBELL, 6))
    assert torch.allclose(strength, torch.full((6,), 3 / 7 - 1 / 4))
    one_way = BARBELL[:, BARBELL[0] < BARBELL[1]]
    assert torch.allclose(community_strength(one_way, triangles(BARBELL, 6)), strength)


def test_strengths_sum_to_the_modularity():
    graph = nx.karate_club_graph()
    communities = nx.community.greedy_modularity_communities(graph)
    labels = torch.empty(34, dtype=torch.long)
    for c, members in enumerate(communities):
        labels[list(members)] = c
    strength = community_strength(from_networkx(graph.to_directed()).edge_index, labels)
    total = sum(strength[labels == c][0].item() for c in range(len(communities)))
    assert total == pytest.approx(nx.community.modularity(graph, communities, weight=None), abs=1e-6)


def test_edge_probabilities_by_hand():
    # Weights: 12 edges inside 5/28, 2 between −10/28; scaled 1 and 0, mean 12/14.
    probability = CommunityEdgeDrop(0.3, triangles)._compute(BARBELL, 6)
    inside = 1 - 0.7 * 14 / 12
    assert torch.allclose(probability, torch.tensor([inside] * 12 + [1.0] * 2))
    assert CommunityEdgeDrop(0.3, triangles, threshold=0.6)._compute(BARBELL, 6).max().item() == pytest.approx(0.6)
    assert (CommunityEdgeDrop(0.1, triangles)._compute(BARBELL, 6)[:12] == 0).all()


def test_features_of_strong_communities_are_spared():
    edge_index = torch.cat([BARBELL[:, :12], torch.tensor([[5], [6]]), torch.tensor([[6], [5]])], dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    x = torch.zeros(7, 3)
    x[:3, 0] = x[3:6, 1] = x[6, 2] = 1  # the last community has no edge inside
    view = CommunityFeatureMask(0.3, lambda *_: labels, threshold=1.0)
    probability = view._compute(x, edge_index)
    assert probability[2] >= probability[1] > probability[0]
    assert torch.allclose(view._compute(x.to_sparse_csr(), edge_index), probability)


def test_view():
    data = sbm(60, num_features=20)
    data.edge_number = torch.arange(data.num_edges)
    calls = []

    def detector(edge_index, n):
        calls.append(n)
        return triangles(edge_index, n)

    view = csgcl_view(0.4, 0.3, detector)
    for _ in range(3):
        seen = view(data)
        assert seen.edge_index.equal(data.edge_index[:, seen.edge_number])
    assert calls == [60, 60]  # once for edges, once for features
    assert 0.3 < seen.num_edges / data.num_edges < 0.9
    assert csgcl_view(0.0, 0.0, detector)(data).edge_index is data.edge_index


def test_graphs_without_edges():
    data = Data(x=torch.ones(4, 3), edge_index=torch.empty(2, 0, dtype=torch.long))
    assert csgcl_view(0.5, 0.5, triangles)(data).num_edges == 0


def test_errors():
    with pytest.raises(ValueError, match="'p' must be a probability"):
        CommunityEdgeDrop(2.0)
    with pytest.raises(ValueError, match="'community' must be an integer tensor"):
        community_strength(BARBELL, torch.zeros(6))


def test_strength_of_any_labels_and_of_wrong_ones():
    edge_index, community = torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([0, 0, 1, 1])
    assert community_strength(edge_index, community * 2**60).equal(community_strength(edge_index, community))
    with pytest.raises(ValueError, match="'community' must not be negative"):
        community_strength(edge_index, community - 1)
    with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 1"):
        community_strength(edge_index, community[:2])
