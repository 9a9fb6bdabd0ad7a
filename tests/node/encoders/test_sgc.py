import torch
from contracts.encoder import EncoderContract
from torch_geometric.nn import SGConv

from gnnclr.node import SGCEncoder, normalized_adjacency, sbm


class TestSGC(EncoderContract):
    def make(self):
        return SGCEncoder(self.in_channels, 4)


def test_equals_pyg():
    data = sbm(50, num_features=12)
    encoder, conv = SGCEncoder(12, 4, hops=3), SGConv(12, 4, K=3, bias=False)
    torch.nn.init.zeros_(encoder.linear.bias)
    conv.lin.weight.data.copy_(encoder.linear.weight.data)
    expected = conv(data.x, data.edge_index)
    assert torch.allclose(encoder(data.x, data.edge_index), expected, atol=1e-5)
    adjacency = normalized_adjacency(data.edge_index, 50)
    assert torch.allclose(encoder(data.x.to_sparse_csr(), adjacency), expected, atol=1e-5)
    assert str(encoder) == "SGCEncoder(12, 4, hops=3)"


def test_is_linear_in_features():
    data, encoder = sbm(50, num_features=12), SGCEncoder(12, 4)
    zero = encoder(torch.zeros(50, 12), data.edge_index)
    z = encoder(data.x, data.edge_index)
    assert torch.allclose(encoder(3 * data.x, data.edge_index) - zero, 3 * (z - zero), atol=1e-5)
