import pytest
import torch
from contracts.encoder import EncoderContract
from torch_geometric.nn import MLP

from gnnclr.node import FeatureLinear, MLPEncoder


class TestMLPEncoder(EncoderContract):
    def make(self):
        return MLPEncoder(self.in_channels, 4, 4)


@pytest.fixture
def x():
    torch.manual_seed(0)
    return (torch.rand(30, 12) < 0.3).float()


def test_equals_pyg(x):
    encoder = MLPEncoder(12, 8, 4, num_layers=3)
    mlp = MLP([12, 8, 8, 4], norm=None)
    for layer, linear in zip(encoder.layers, mlp.lins):
        linear.load_state_dict(layer.state_dict())
    assert torch.allclose(encoder(x), mlp(x), atol=1e-6)
    assert str(encoder) == "MLPEncoder(12, 4, num_layers=3)"


def test_sparse_features_and_gradients_equal_dense(x):
    layer = FeatureLinear(12, 5)
    probe = torch.randn(30, 5)
    dense = layer(x)
    expected = torch.autograd.grad((dense * probe).sum(), list(layer.parameters()))
    sparse = layer(x.to_sparse_csr())
    actual = torch.autograd.grad((sparse * probe).sum(), list(layer.parameters()))
    assert torch.allclose(dense, sparse, atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(actual, expected))


def test_dropout_of_sparse_features(x):
    encoder = MLPEncoder(12, 8, 4, num_layers=1, in_dropout=0.5)
    torch.nn.init.eye_(encoder.layers[0].weight)
    torch.nn.init.zeros_(encoder.layers[0].bias)
    torch.manual_seed(0)
    for features in (x, x.to_sparse_csr()):
        z = encoder(features)
        assert set(z.unique().tolist()) == {0.0, 2.0} and not (z.bool() & ~x[:, :4].bool()).any()
    assert encoder.eval()(x.to_sparse_csr()).equal(x[:, :4])


def test_dropout_of_hidden_layers(x):
    encoder = MLPEncoder(12, 400, 400, dropout=0.25)
    torch.nn.init.eye_(encoder.layers[1].weight)
    torch.nn.init.ones_(encoder.layers[0].bias)
    torch.nn.init.zeros_(encoder.layers[0].weight)
    torch.nn.init.zeros_(encoder.layers[1].bias)
    torch.manual_seed(0)
    z = encoder(x)
    assert torch.allclose(z.unique(), torch.tensor([0, 4 / 3])) and ((z == 0).float().mean() - 0.25).abs() < 0.02
    assert (encoder.eval()(x) == 1).all()


def test_normalization(x):
    encoder = MLPEncoder(12, 8, 4, norm="batch_norm")
    seen = []
    encoder.activations[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder(x)
    assert torch.allclose(seen[0].mean(dim=0), torch.zeros(8), atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="'num_layers' must be a positive integer"):
        MLPEncoder(2, 2, 2, num_layers=0)
    for name in ("dropout", "in_dropout"):
        with pytest.raises(ValueError, match=f"'{name}' must be a probability"):
            MLPEncoder(2, 2, 2, **{name: 2.0})
