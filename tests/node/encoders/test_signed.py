import pytest
import torch
from contracts.encoder import EncoderContract

from gnnclr.node import SignedEncoder, label_edges, normalized_adjacency, sbm


class TestSigned(EncoderContract):
    def make(self):
        return SignedEncoder(self.in_channels, 6, 4)


def literal(encoder, x, positive, negative):
    """Node by node; edges as lists of pairs, from source to target."""

    def mean(h, edges, i):
        rows = [h[s] for s, t in edges if t == i]
        return sum(rows) / len(rows) if rows else torch.zeros_like(h[0])

    h = [encoder.first.weight @ row + encoder.first.bias for row in x]
    adjacency = normalized_adjacency(torch.tensor(positive).t(), len(x)).to_dense().to(x)
    for _ in range(encoder.hops):
        h = [sum(adjacency[i, j] * h[j] for j in range(len(h))) for i in range(len(h))]
    h = [row.clamp(min=0) for row in h]
    for conv in encoder.convs:
        near, far = conv.weights()
        h = [
            (conv.lin.weight @ h[i] + near @ mean(h, positive, i) - far @ mean(h, negative, i) + conv.bias).clamp(min=0)
            for i in range(len(h))
        ]
    return torch.stack([encoder.last.weight @ row + encoder.last.bias for row in h])


@pytest.mark.parametrize("constraint", ["psd", "penalty", None])
@pytest.mark.parametrize("given,hops", [(True, 2), (False, 2), (False, 0)])
def test_equals_the_formula(constraint, given, hops):
    torch.manual_seed(0)
    n, encoder = 7, SignedEncoder(3, 5, 2, 2, constraint, hops=hops).double().eval()
    for conv in encoder.convs:
        torch.nn.init.normal_(conv.bias)
    x = torch.randn(n, 3, dtype=torch.float64)
    positive = [(0, 1), (1, 0), (1, 2), (2, 1), (4, 5), (5, 4)]
    absent = [(i, j) for i in range(n) for j in range(n) if i != j and (i, j) not in positive]
    negative = [(0, 4), (4, 0), (2, 6)] if given else absent
    edges = torch.tensor(positive).t()
    out = encoder(x, edges, torch.tensor(negative).t()) if given else encoder(x, edges)
    torch.testing.assert_close(out, literal(encoder, x, positive, negative))


def test_penalty_is_the_sum_of_the_layers():
    encoder = SignedEncoder(3, 4, 2, 3, "penalty")
    torch.testing.assert_close(encoder.penalty(), sum(conv.penalty() for conv in encoder.convs))
    assert encoder.penalty() > 0 and SignedEncoder(3, 4, 2).penalty() == 0


def test_dropout_is_for_training_alone():
    data, encoder = sbm(40, num_features=8), SignedEncoder(8, 6, 4, dropout=0.5)
    assert not torch.equal(encoder(data.x, data.edge_index), encoder(data.x, data.edge_index))
    encoder.eval()
    assert torch.equal(encoder(data.x, data.edge_index), encoder(data.x, data.edge_index))


def test_learns_from_one_label_a_class():
    torch.manual_seed(0)
    data = sbm(300, num_features=64, degree=12, signal=0.3)
    index = torch.stack([(data.y == c).nonzero()[0, 0] for c in data.y.unique()])
    negative = label_edges(data.y, index)[1]
    for edges in (None, negative):
        encoder = SignedEncoder(64, 32, int(data.y.max()) + 1)
        optimizer = torch.optim.Adam(encoder.parameters(), 0.01, weight_decay=5e-4)
        for _ in range(40):
            optimizer.zero_grad()
            out = encoder(data.x, data.edge_index, edges)
            torch.nn.functional.cross_entropy(out[index], data.y[index]).backward()
            optimizer.step()
        hit = encoder.eval()(data.x, data.edge_index, edges).argmax(dim=1) == data.y
        assert hit.float().mean() > 0.4  # of six classes


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'num_layers' must be a positive integer"):
        SignedEncoder(3, 4, 2, 0)
    with pytest.raises(ValueError, match="'constraint' must be one of"):
        SignedEncoder(3, 4, 2, constraint="soft")
    with pytest.raises(ValueError, match="'dropout' must be"):
        SignedEncoder(3, 4, 2, dropout=1.5)
    with pytest.raises(ValueError, match="'neg_edge_index' must be an integer tensor"):
        SignedEncoder(3, 4, 2)(torch.ones(2, 3), torch.zeros(2, 0).long(), torch.ones(2, 1))


def test_repr():
    assert str(SignedEncoder(3, 4, 2)) == "SignedEncoder(3, 4, 2, num_layers=1, constraint='psd', hops=2)"
