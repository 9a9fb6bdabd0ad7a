import torch

from gnnclr.graph import WeightedEdges
from gnnclr.node.rewiring.neighbors import NeighborTable, sample_neighbors


def test_neighbors_are_drawn_evenly():
    edge_index = torch.tensor([[5, 0, 1, 2, 3, 4, 4], [0, 1, 0, 0, 0, 4, 1]])
    torch.manual_seed(0)
    drawn = sample_neighbors(NeighborTable(edge_index, 6), 4000)
    assert drawn.shape == (6, 4000)
    count = torch.bincount(drawn[0], minlength=6)
    assert (count[[1, 2, 3, 5]] > 800).all() and count[[0, 4]].sum() == 0
    assert set(drawn[1].tolist()) == {0, 4} and set(drawn[4].tolist()) == {4}
    assert all((drawn[i] == i).all() for i in (2, 3, 5))  # isolated nodes


def test_without_edges_nodes_are_their_own():
    table = NeighborTable(torch.empty(2, 0, dtype=torch.long), 3)
    assert sample_neighbors(table, 2).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_neighbors_are_drawn_by_weight():
    edge_index = torch.tensor([[5, 0, 1, 2, 3, 4, 4], [0, 1, 0, 0, 0, 4, 1]])
    weight = torch.tensor([0.0, 1, 1, 2, 5, 1, 3])
    torch.manual_seed(0)
    drawn = sample_neighbors(NeighborTable(WeightedEdges(edge_index, weight), 6), 8000)
    share = torch.bincount(drawn[0], minlength=6) / 8000
    assert torch.allclose(share, torch.tensor([0, 1, 2, 5, 0, 0]) / 8, atol=0.02)
    assert torch.allclose((drawn[1] == 4).float().mean(), torch.tensor(0.75), atol=0.02)
    assert all((drawn[i] == i).all() for i in (2, 3, 5))
    ones = []
    for edges in (edge_index, WeightedEdges(edge_index, torch.ones(7))):
        torch.manual_seed(0)
        ones.append(sample_neighbors(NeighborTable(edges, 6), 500))
    assert (ones[0] == ones[1]).float().mean() > 0.99  # up to rounding at the ends
