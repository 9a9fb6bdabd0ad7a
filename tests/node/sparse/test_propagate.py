import torch
from torch_geometric.nn import SGConv

from gnnclr.node import normalized_adjacency, propagate_features, sbm


def test_equals_sgc():
    data = sbm(60, num_features=5)
    conv = SGConv(5, 5, K=3, bias=False)
    torch.nn.init.eye_(conv.lin.weight)
    expected = conv(data.x, data.edge_index).detach()
    assert torch.allclose(propagate_features(data.x, data.edge_index, hops=3), expected, atol=1e-6)
    adjacency = normalized_adjacency(data.edge_index, 60)
    assert torch.allclose(propagate_features(data.x.to_sparse_csr(), adjacency, hops=3), expected, atol=1e-6)
    assert propagate_features(data.x, data.edge_index, hops=0).equal(data.x)
