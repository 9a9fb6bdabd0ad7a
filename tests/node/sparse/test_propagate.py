import pytest
import torch
from torch_geometric.nn import APPNP, SGConv

from gnnclr.node import normalized_adjacency, ppr_features, ppr_matrix, propagate_features, sbm
from gnnclr.node.sparse.propagate import ppr_walk


def test_equals_sgc():
    data = sbm(60, num_features=5)
    conv = SGConv(5, 5, K=3, bias=False)
    torch.nn.init.eye_(conv.lin.weight)
    expected = conv(data.x, data.edge_index).detach()
    assert torch.allclose(propagate_features(data.x, data.edge_index, hops=3), expected, atol=1e-6)
    adjacency = normalized_adjacency(data.edge_index, 60)
    assert torch.allclose(propagate_features(data.x.to_sparse_csr(), adjacency, hops=3), expected, atol=1e-6)
    assert propagate_features(data.x, data.edge_index, hops=0).equal(data.x)


@pytest.mark.parametrize("sparse", [False, True])
def test_equals_pyg(sparse):
    data = sbm(60, num_features=9)
    x = data.x.to_sparse_csr() if sparse else data.x
    expected = APPNP(K=7, alpha=0.15)(data.x, data.edge_index)
    assert torch.allclose(ppr_features(x, data.edge_index, 0.15, 7), expected, atol=1e-6)
    adjacency = normalized_adjacency(data.edge_index, 60)
    assert torch.allclose(ppr_features(x, adjacency, 0.15, 7), expected, atol=1e-6)


def test_limits():
    data = sbm(60, num_features=9)
    before = data.x.clone()
    assert torch.allclose(
        ppr_features(data.x, data.edge_index, 0.0, 3), propagate_features(data.x, data.edge_index, 3), atol=1e-6
    )
    assert ppr_features(data.x, data.edge_index, 0.3, 0).equal(data.x)
    many = ppr_features(data.x, data.edge_index, 0.2, 100)
    assert torch.allclose(many, ppr_matrix(data.edge_index, 60, 0.2, 60).to_dense() @ data.x, atol=1e-4)
    assert data.x.equal(before)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_a_walk_passes_all_reaches(alpha):
    data = sbm(60, num_features=9)
    found = list(ppr_walk(data.x, data.edge_index, alpha, [4, 0, 7, 4]))
    assert [hops for hops, _ in found] == [0, 4, 7]
    assert all(torch.equal(h, ppr_features(data.x, data.edge_index, alpha, hops)) for hops, h in found)


def test_gradient():
    data = sbm(20, num_features=3)
    x = data.x.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ppr_features(x, normalized_adjacency(data.edge_index, 20), 0.2, 3), x)
