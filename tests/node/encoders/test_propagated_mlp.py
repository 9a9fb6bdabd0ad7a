import torch
import torch.nn.functional as F
from contracts.encoder import EncoderContract

from gnnclr.node import PropagatedMLP, SparseFeatures, ppr_features, sbm


class TestPropagatedMLP(EncoderContract):
    def make(self):
        return PropagatedMLP(self.in_channels, 4, 4)


def test_is_an_mlp_of_propagated_features():
    data = sbm(50, num_features=12)
    encoder = PropagatedMLP(12, 8, 4, alpha=0.2, hops=3, centered=False)
    z = encoder(data.x, data.edge_index)
    assert torch.allclose(z, encoder.mlp(ppr_features(data.x, data.edge_index, 0.2, 3)), atol=1e-6)
    index = torch.tensor([7, 0, 7])
    assert torch.allclose(encoder(data.x, data.edge_index, index), z[index], atol=1e-6)
    sparse = SparseFeatures(1.0)(data)
    assert torch.allclose(encoder(sparse.x, sparse.edge_index), z, atol=1e-5)
    assert str(encoder) == "PropagatedMLP(12, 4, num_layers=2, alpha=0.2, hops=3)"


def test_propagation_is_remembered():
    data, encoder = sbm(50, num_features=12), PropagatedMLP(12, 8, 4)
    calls = []
    encoder._memo.function = lambda *graph: calls.append(graph) or encoder.propagate(*graph)
    for x in (data.x, data.x, data.x.clone()):
        encoder(x, data.edge_index)
    assert len(calls) == 2


def test_centered_features():
    data = sbm(50, num_features=12)
    h = PropagatedMLP(12, 8, 4, alpha=0.2, hops=3).propagate(data.x, data.edge_index)
    features = ppr_features(data.x, data.edge_index, 0.2, 3)
    assert torch.allclose(h, F.normalize(features - features.mean(dim=0)), atol=1e-6)


def test_gradients_reach_the_weights():
    data, encoder = sbm(50, num_features=12), PropagatedMLP(12, 8, 4, act="prelu", norm="batch_norm", dropout=0.1)
    encoder(data.x, data.edge_index).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
