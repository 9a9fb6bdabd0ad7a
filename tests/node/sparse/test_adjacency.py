import pytest
import torch
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import dropout_edge, erdos_renyi_graph, to_dense_adj

from gnnclr.graph import WeightedEdges
from gnnclr.node import normalized_adjacency
from gnnclr.node.sparse.adjacency import as_adjacency


def reference(edge_index, num_nodes, weight=None):
    index, value = gcn_norm(edge_index, weight, num_nodes)
    return to_dense_adj(index, edge_attr=value, max_num_nodes=num_nodes)[0].t()


@pytest.fixture
def edge_index():
    torch.manual_seed(0)
    return erdos_renyi_graph(12, 0.3)


def test_equals_pyg_on_an_undirected_graph(edge_index):
    adjacency = normalized_adjacency(edge_index, 14).to_dense()
    assert torch.allclose(adjacency, reference(edge_index, 14))
    assert torch.allclose(adjacency, adjacency.t())
    assert adjacency[13, 13] == 1.0  # an isolated node


def test_equals_pyg_after_directions_are_dropped_independently(edge_index):
    dropped = dropout_edge(edge_index, 0.5)[0]
    adjacency = normalized_adjacency(dropped, 12).to_dense()
    assert torch.allclose(adjacency, reference(dropped, 12))
    assert not torch.allclose(adjacency, adjacency.t())


def test_order_of_edges_does_not_matter(edge_index):
    order = torch.randperm(edge_index.size(1))
    a, b = normalized_adjacency(edge_index, 12), normalized_adjacency(edge_index[:, order], 12)
    assert torch.allclose(a.to_dense(), b.to_dense())


def test_weights_self_loops_and_duplicates(edge_index):
    index = torch.cat([edge_index, torch.tensor([[3, 5], [3, 5]]), edge_index[:, :4]], dim=1)
    weight = torch.rand(index.size(1))
    assert torch.allclose(normalized_adjacency(index, 12, weight).to_dense(), reference(index, 12, weight), atol=1e-6)


def test_no_edges():
    assert normalized_adjacency(torch.empty(2, 0, dtype=torch.long), 3).to_dense().equal(torch.eye(3))


def test_errors(edge_index):
    with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 4"):
        normalized_adjacency(edge_index, 5)
    with pytest.raises(ValueError, match=r"'edge_index' must be an integer tensor of shape \[2, e\]"):
        normalized_adjacency(torch.rand(2, 3), 5)
    with pytest.raises(ValueError, match=r"got tensor of shape \[3, 2\]"):
        normalized_adjacency(torch.zeros(3, 2, dtype=torch.long), 5)


@pytest.mark.parametrize("weight", [torch.ones(2), torch.tensor([1.0, -1, 1]), torch.tensor([1.0, float("nan"), 1])])
def test_wrong_weights(weight):
    with pytest.raises(ValueError, match="'edge_weight' must"):
        normalized_adjacency(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3, weight)


def test_weights_that_travel_with_their_edges(edge_index):
    weight = torch.rand(edge_index.size(1))
    matrix = as_adjacency(WeightedEdges(edge_index, weight), 12)
    assert matrix.to_dense().equal(normalized_adjacency(edge_index, 12, weight).to_dense())
    ones = as_adjacency(WeightedEdges(edge_index, torch.ones_like(weight)), 12)
    assert ones.to_dense().equal(normalized_adjacency(edge_index, 12).to_dense())


def test_a_matrix_of_another_graph():
    with pytest.raises(ValueError, match=r"'edge_index' must have shape \[2, e\], or \[3, 3\] if sparse"):
        as_adjacency(torch.eye(4).to_sparse_csr(), 3)
