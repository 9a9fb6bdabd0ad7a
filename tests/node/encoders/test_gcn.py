import pytest
import torch
from contracts.encoder import EncoderContract
from torch_geometric.nn import GCNConv
from torch_geometric.utils import dropout_edge, erdos_renyi_graph

from gnnclr.node import GCNEncoder, GCNLayer, normalized_adjacency


class TestGCN(EncoderContract):
    def make(self):
        return GCNEncoder(self.in_channels, 4, 4)


@pytest.fixture
def graph():
    torch.manual_seed(0)
    edge_index = dropout_edge(erdos_renyi_graph(20, 0.3), 0.3)[0]
    x = (torch.rand(20, 6) < 0.3).double()
    return x, edge_index


@pytest.mark.parametrize("out", [3, 6, 9])
@pytest.mark.parametrize("sparse", [False, True])
def test_layer_and_gradients_equal_pyg(graph, out, sparse):
    x, edge_index = graph
    layer, conv = GCNLayer(6, out).double(), GCNConv(6, out).double()
    with torch.no_grad():
        layer.bias.normal_()
        conv.lin.weight.copy_(layer.weight.t())
        conv.bias.copy_(layer.bias)
    adjacency = normalized_adjacency(edge_index, 20).double()
    # float32 in the adjacency matrix
    actual, expected = layer(x.to_sparse_csr() if sparse else x, adjacency), conv(x, edge_index)
    assert torch.allclose(actual, expected, atol=1e-6)
    probe = torch.randn_like(expected)
    actual.backward(probe)
    expected.backward(probe)
    assert torch.allclose(layer.weight.grad, conv.lin.weight.grad.t(), atol=1e-5)
    assert torch.allclose(layer.bias.grad, conv.bias.grad, atol=1e-5)
    assert str(layer) == f"GCNLayer(6, {out})"


def test_input_gradient_equals_pyg(graph):
    x, edge_index = graph
    for out in (3, 9):
        layer, conv = GCNLayer(6, out).double(), GCNConv(6, out).double()
        conv.lin.weight.data.copy_(layer.weight.data.t())
        x0, x1 = x.clone().requires_grad_(), x.clone().requires_grad_()
        layer(x0, normalized_adjacency(edge_index, 20)).square().sum().backward()
        conv(x1, edge_index).square().sum().backward()
        assert torch.allclose(x0.grad, x1.grad, atol=1e-5)


def test_encoder(graph):
    x, edge_index = graph
    x = x.float()
    encoder = GCNEncoder(6, 8, 4, num_layers=3, act="prelu")
    z = encoder(x, edge_index)
    assert z.shape == (20, 4) and encoder.out_channels == 4
    assert torch.allclose(z, encoder(x, normalized_adjacency(edge_index, 20)))
    assert torch.allclose(z, encoder(x.to_sparse_csr(), edge_index), atol=1e-6)
    assert str(encoder) == "GCNEncoder(6, 4, num_layers=3)"
    order = torch.randperm(20)
    rank = torch.argsort(order)
    assert torch.allclose(encoder(x[order], rank[edge_index]), z[order], atol=1e-6)
    encoder.reset_parameters()
    assert not torch.allclose(z, encoder(x, edge_index))


def test_no_layers():
    with pytest.raises(ValueError, match="'num_layers' must be a positive integer"):
        GCNEncoder(2, 2, 2, num_layers=0)


def test_normalization_and_a_linear_last_layer(graph):
    x, edge_index = graph
    x = x.float()
    encoder = GCNEncoder(6, 8, 4, norm="batch_norm", act_last=False)
    adjacency = normalized_adjacency(edge_index, 20)
    h = encoder.layers[0](x, adjacency)
    h = ((h - h.mean(dim=0)) / (h.var(dim=0, correction=0) + 1e-5).sqrt()).relu()
    assert torch.allclose(encoder(x, edge_index), encoder.layers[1](h, adjacency), atol=1e-4)
    assert (encoder(x, edge_index) < 0).any()
    assert [len(GCNEncoder(6, 8, 4, norm="layer_norm").norms), len(encoder.norms)] == [2, 1]


def test_adjacency_is_made_once_for_a_graph(graph):
    x, edge_index = graph
    x, encoder = x.float(), GCNEncoder(6, 8, 4)
    encoder(x, edge_index)
    first = encoder._adjacency._last[1]
    encoder(x, edge_index)
    assert encoder._adjacency._last[1] is first
    other = edge_index[:, 1:]
    assert torch.allclose(encoder(x, other), encoder(x, normalized_adjacency(other, 20)))
