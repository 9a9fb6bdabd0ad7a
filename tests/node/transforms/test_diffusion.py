import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import is_undirected

from gnnclr.graph import WeightedEdges
from gnnclr.node import PPRDiffusion, normalized_adjacency, ppr_matrix, sbm
from gnnclr.ops.memo import original


def dense(edge_index, n, alpha):
    """The closed form."""
    matrix = normalized_adjacency(edge_index, n).to_dense().double()
    return alpha * torch.linalg.inv(torch.eye(n).double() - (1 - alpha) * matrix)


def largest(matrix, k):
    kept = torch.zeros_like(matrix, dtype=torch.bool)
    return kept.scatter(1, matrix.topk(k, dim=1).indices, True)


@pytest.fixture(params=[False, True], ids=["undirected", "directed, with loops"])
def edges(request):
    edge_index = sbm(80, num_features=4, degree=4).edge_index
    if not request.param:
        assert is_undirected(edge_index)
        return edge_index
    torch.manual_seed(0)
    kept = edge_index[:, torch.rand(edge_index.size(1)) < 0.7]
    return torch.cat([kept, torch.tensor([[3, 5], [3, 5]])], dim=1)


@pytest.mark.parametrize("exact", [True, False])
def test_all_entries_equal_the_closed_form(edges, exact):
    options = {} if exact else {"exact_nodes": 0, "steps": 80, "eps": 0.0}
    actual = ppr_matrix(edges, 80, 0.2, k=80, **options).to_dense().double()
    assert torch.allclose(actual, dense(edges, 80, 0.2), atol=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_rows_keep_their_largest_entries(edges, exact):
    options = {} if exact else {"exact_nodes": 0, "steps": 80, "eps": 0.0}
    matrix = ppr_matrix(edges, 80, 0.2, k=10, **options)
    expected = dense(edges, 80, 0.2)
    rows = matrix.crow_indices().diff()
    reached = (expected > 1e-9).sum(dim=1)
    assert (rows == reached.clamp(max=10)).all()
    actual = matrix.to_dense().double()
    assert torch.allclose(actual, torch.where(actual > 0, expected, 0), atol=1e-6)
    # What is left out is no larger than what is kept.
    kept = torch.where(actual > 0, expected, 2).amin(dim=1)
    assert (torch.where(actual > 0, 0, expected).amax(dim=1) <= kept + 1e-6).all()


@pytest.mark.parametrize("exact", [True, False])
def test_weighted_edges_equal_the_closed_form(edges, exact):
    torch.manual_seed(0)
    weight = 3 * torch.rand(edges.size(1))
    options = {} if exact else {"exact_nodes": 0, "steps": 80, "eps": 0.0}
    actual = ppr_matrix(WeightedEdges(edges, weight), 80, 0.2, k=80, **options).to_dense().double()
    matrix = normalized_adjacency(edges, 80, weight).to_dense().double()
    expected = 0.2 * torch.linalg.inv(torch.eye(80).double() - 0.8 * matrix)
    assert torch.allclose(actual, expected, atol=1e-6)
    ones = ppr_matrix(WeightedEdges(edges, torch.ones_like(weight)), 80, 0.2, k=8, **options)
    assert ones.to_dense().equal(ppr_matrix(edges, 80, 0.2, k=8, **options).to_dense())


def test_dropping_small_entries_costs_little(edges):
    exact = ppr_matrix(edges, 80, 0.2, k=16).to_dense()
    pruned = ppr_matrix(edges, 80, 0.2, k=16, exact_nodes=0).to_dense()
    both = (exact > 0) & (pruned > 0)
    assert torch.allclose(pruned[both], exact[both], rtol=0.05, atol=2e-3)
    assert both.sum() / (exact > 0).sum() > 0.95


def test_chunks_of_rows_change_nothing(edges, monkeypatch):
    whole = ppr_matrix(edges, 80, k=8, exact_nodes=0)
    monkeypatch.setattr("gnnclr.node.transforms.diffusion.CHUNK_ENTRIES", 80 * 7)
    parts = ppr_matrix(edges, 80, k=8, exact_nodes=0)
    assert torch.allclose(whole.to_dense(), parts.to_dense(), atol=1e-7)


@pytest.mark.parametrize("exact_nodes", [0, 100])
def test_isolated_nodes_keep_themselves(exact_nodes):
    matrix = ppr_matrix(torch.tensor([[0, 1], [1, 0]]), 4, exact_nodes=exact_nodes, steps=100).to_dense()
    assert torch.allclose(matrix[2:, 2:], torch.eye(2), atol=1e-3) and not matrix[:2, 2:].any()


def test_transform():
    data = sbm(80, num_features=4)
    data.edge_label = torch.zeros(data.num_edges)
    view = PPRDiffusion(k=8)
    once = view(data)
    assert once.num_edges <= 8 * 80 and "edge_label" not in once and data.edge_label is not None
    total = torch.zeros(80).index_add_(0, once.edge_index[1], once.edge_weight)
    assert torch.allclose(total, torch.ones(80), atol=1e-5)
    again, fresh = view(data).edge_index, PPRDiffusion(k=8)(data).edge_index
    assert original(again) is original(once.edge_index) is not original(fresh)  # diffused once
    matrix = ppr_matrix(data.edge_index, 80, k=8).to_dense()
    adjacency = torch.zeros(80, 80)
    adjacency[once.edge_index[1], once.edge_index[0]] = once.edge_weight
    assert torch.allclose(adjacency, matrix / matrix.sum(dim=1, keepdim=True), atol=1e-6)
    assert str(view) == "PPRDiffusion(alpha=0.2, k=8)"


def test_transform_of_a_weighted_graph():
    data = sbm(80, num_features=4)
    data.edge_attr = torch.rand(data.num_edges, 1) + 0.1
    matrix = ppr_matrix(WeightedEdges(data.edge_index, data.edge_attr), 80, k=8)
    found = PPRDiffusion(k=8)(data)
    assert "edge_attr" not in found and found.edge_index[0].equal(matrix.col_indices().long())
    dense = torch.zeros(80, 80)
    dense[found.edge_index[1], found.edge_index[0]] = found.edge_weight
    expected = matrix.to_dense()
    assert torch.allclose(dense, expected / expected.sum(dim=1, keepdim=True), atol=1e-6)


def test_empty_graph():
    assert ppr_matrix(torch.empty(2, 0, dtype=torch.long), 0).shape == (0, 0)
    view = PPRDiffusion()(Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=3))
    assert view.edge_index.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_errors():
    edge_index = torch.empty(2, 0, dtype=torch.long)
    with pytest.raises(ValueError, match="'alpha' must be a finite number, above 0, below 1"):
        ppr_matrix(edge_index, 3, alpha=1.0)
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        ppr_matrix(edge_index, 3, k=0)
    with pytest.raises(ValueError, match="'steps' must be a positive integer"):
        ppr_matrix(edge_index, 3, steps=1.5)


def test_one_node():
    for edge_index in (torch.empty(2, 0, dtype=torch.long), torch.zeros(2, 1, dtype=torch.long)):
        assert ppr_matrix(edge_index, 1).to_dense().tolist() == [[1.0]]


def test_edges_must_be_between_nodes():
    with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 2"):
        ppr_matrix(torch.tensor([[0], [3]]), 3)


def test_nobody_can_write_into_what_is_remembered():
    data = sbm(40, num_features=4)
    diffusion = PPRDiffusion(k=4)
    expected = diffusion(data).edge_weight.clone()
    for spoil in (lambda x: x.zero_(), lambda x: x.data.zero_(), lambda x: x.numpy().fill(0)):
        out = diffusion(data)
        spoil(out.edge_weight)
        spoil(out.edge_index)
        assert torch.equal(diffusion(data).edge_weight, expected)
    with torch.inference_mode():
        assert torch.equal(diffusion(data).edge_weight, expected)
