import torch

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
