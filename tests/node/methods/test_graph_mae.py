import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import GCNEncoder, GraphMAE, PyGEncoder, sbm, scaled_cosine_error


class TestGraphMAE(NodeMethodContract):
    def make(self):
        decoder = PyGEncoder("gcn", self.width, self.width, self.in_channels, num_layers=1)
        return GraphMAE(self.gcn(), decoder, self.in_channels)


def build(**kwargs):
    torch.manual_seed(0)
    return GraphMAE(GCNEncoder(20, 8, 8), PyGEncoder("gcn", 8, 8, 20, num_layers=1), 20, **kwargs)


def test_scaled_cosine_error():
    torch.manual_seed(0)
    x, y = torch.randn(6, 4, requires_grad=True), torch.randn(6, 4)
    expected = sum((1 - a @ b / (a.norm() * b.norm())) ** 3 for a, b in zip(x, y)) / 6
    assert scaled_cosine_error(x, y).item() == pytest.approx(expected.item(), rel=1e-5)
    # Equal rows may have a cosine above one by rounding.
    same = scaled_cosine_error(x, x.detach() * 7, 1.5)
    same.backward()
    assert same.item() < 1e-8 and x.grad.isfinite().all()
    with pytest.raises(ValueError, match="'y' must have shape"):
        scaled_cosine_error(x, y[:3])


def test_masked_features():
    method = build(mask_rate=0.5, replace_rate=0.25)
    method.token.data.fill_(-1)
    x = torch.rand(40, 20)
    torch.manual_seed(1)
    noisy, masked = method.mask(x)
    assert masked.unique().numel() == 20
    kept = torch.ones(40, dtype=torch.bool).index_fill(0, masked, False)
    assert noisy[kept].equal(x[kept])
    token = (noisy == -1).all(dim=1)
    assert token.sum() == 15 and not token[kept].any()
    noise = noisy[~kept & ~token]
    assert len(noise) == 5 and all((x == row).all(dim=1).any() for row in noise)


def test_loss_is_the_error_of_masked_nodes_after_remasking():
    data, method = sbm(40, num_features=20), build(exponent=2.0)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    noisy, masked = method.mask(data.x)
    z = method.bridge(method.encoder(noisy, data.edge_index))
    z = torch.stack([row * (i not in masked) for i, row in enumerate(z)])
    rebuilt = method.decoder(z, data.edge_index)
    expected = (1 - F.cosine_similarity(data.x[masked], rebuilt[masked])).square().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    assert method.token.grad.abs().sum() > 0


def test_errors():
    with pytest.raises(ValueError, match="'mask_rate' must be a probability"):
        build(mask_rate=1.5)
    with pytest.raises(ValueError, match="'exponent' must be a positive number"):
        build(exponent=0)
