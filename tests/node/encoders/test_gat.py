import pytest
import torch
import torch.nn.functional as F
from contracts.encoder import EncoderContract

from gnnclr.node import GATEncoder, sbm


class TestGAT(EncoderContract):
    def make(self):
        return GATEncoder(self.in_channels, 4, 4)


def literal(encoder, x, edge_index):
    """Node by node and head by head, a loop at each node."""
    n = x.size(0)
    for i, conv in enumerate(encoder.convs):
        h = (x @ conv.lin.weight.t()).view(n, conv.heads, conv.out_channels)
        source, target = (h * conv.att_src).sum(-1), (h * conv.att_dst).sum(-1)
        rows = []
        for node in range(n):
            senders = [*edge_index[0, edge_index[1] == node].tolist(), node]
            score = F.leaky_relu(source[senders] + target[node], 0.2).softmax(dim=0)
            rows.append((score.unsqueeze(-1) * h[senders]).sum(dim=0).view(-1))
        x = torch.stack(rows) + conv.bias
        if i < len(encoder.activations):
            x = torch.where(x > 0, x, encoder.activations[i].weight * x)
    return x


@pytest.mark.parametrize("act_last", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_layers_and_heads_one_by_one(num_layers, act_last):
    torch.manual_seed(0)
    data = sbm(20, num_features=6)
    encoder = GATEncoder(6, 8, 4, num_layers, heads=2, act_last=act_last).eval()
    for conv in encoder.convs:
        torch.nn.init.normal_(conv.bias)
    z = encoder(data.x, data.edge_index)
    assert z.shape == (20, 4)
    torch.testing.assert_close(z, literal(encoder, data.x, data.edge_index), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(data.x.to_sparse_csr(), data.edge_index), z)


def test_drops_while_training():
    torch.manual_seed(0)
    data = sbm(30, num_features=6)
    for rates in ({"dropout": 0.5, "attention_dropout": 0.0}, {"dropout": 0.0, "attention_dropout": 0.5}):
        encoder = GATEncoder(6, 8, 4, **rates)
        assert not torch.equal(encoder(data.x, data.edge_index), encoder(data.x, data.edge_index))
        encoder.eval()
        assert torch.equal(encoder(data.x, data.edge_index), encoder(data.x, data.edge_index))


def test_gradients_and_new_weights():
    data, encoder = sbm(30, num_features=6), GATEncoder(6, 8, 4)
    encoder(data.x, data.edge_index).square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in encoder.parameters())
    before = encoder.convs[0].lin.weight.clone()
    encoder.reset_parameters()
    assert not torch.equal(before, encoder.convs[0].lin.weight)
    assert str(encoder) == "GATEncoder(6, 4, num_layers=2)"


def test_errors():
    with pytest.raises(ValueError, match="'hidden_channels' must be a multiple of 'heads', 4 \\(got 6\\)"):
        GATEncoder(6, 6, 4)
    with pytest.raises(ValueError, match="'out_channels' must be a multiple of 'heads', 4 \\(got 6\\)"):
        GATEncoder(6, 8, 6)
    with pytest.raises(ValueError, match="'heads' must be a positive integer"):
        GATEncoder(6, 8, 4, heads=0)
    with pytest.raises(ValueError, match="'attention_dropout'"):
        GATEncoder(6, 8, 4, attention_dropout=1.5)
    with pytest.raises(ValueError, match="'x' must have shape"):
        GATEncoder(6, 8, 4)(torch.rand(5, 7), torch.zeros(2, 0, dtype=torch.long))
    with pytest.raises(ValueError, match="'out_channels' must be a multiple"):
        GATEncoder(6, 6, 6, num_layers=1)
    assert GATEncoder(6, 6, 1, num_layers=1, heads=1).out_channels == 1
