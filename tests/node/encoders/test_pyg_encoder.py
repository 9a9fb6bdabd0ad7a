import pytest
import torch
from contracts.encoder import EncoderContract
from torch_geometric.nn import GCN

from gnnclr.nn import ContraNorm
from gnnclr.node import PyGEncoder, sbm


class TestPyGEncoder(EncoderContract):
    def make(self):
        return PyGEncoder("gat", self.in_channels, 4, 4)


@pytest.mark.parametrize("name", ["gcn", "gat", "sage", "gin"])
@pytest.mark.parametrize("jk", [None, "cat", "max"])
def test_models(name, jk):
    data = sbm(40, num_features=12)
    encoder = PyGEncoder(name, 12, 8, 4, jk=jk)
    z = encoder(data.x, data.edge_index)
    assert z.shape == (40, 4) and encoder.out_channels == 4
    assert torch.allclose(encoder(data.x.to_sparse_csr(), data.edge_index), z, atol=1e-5)
    z.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_settings_reach_the_model():
    data = sbm(40, num_features=12)
    encoder = PyGEncoder("gcn", 12, 8, 4, num_layers=3, jk="cat", act="elu", dropout=0.2)
    model = GCN(12, 8, 3, 4, jk="cat", act="elu", dropout=0.2)
    model.load_state_dict(encoder.model.state_dict())
    assert torch.equal(encoder.eval()(data.x, data.edge_index), model.eval()(data.x, data.edge_index))
    assert PyGEncoder("gat", 12, 8, 4, heads=2).model.convs[0].heads == 2


def test_unknown_name():
    with pytest.raises(ValueError, match="'name' must be one of 'gcn', 'gat', 'sage', 'gin'"):
        PyGEncoder("cheb", 2, 2, 2)


@pytest.mark.parametrize("name", ["gcn", "gat", "sage", "gin"])
def test_contra_norm_sees_the_edges(name):
    data, norm = sbm(40, num_features=12), ContraNorm(scale=0.5)
    torch.manual_seed(0)
    encoder = PyGEncoder(name, 12, 8, 4, num_layers=3, norm=norm).eval()
    torch.manual_seed(0)
    plain = PyGEncoder(name, 12, 8, 4, num_layers=3).eval()
    x = data.x
    for conv in plain.model.convs[:-1]:
        x = plain.model.act(norm(conv(x, data.edge_index), data.edge_index))
    expected = plain.model.convs[-1](x, data.edge_index)
    torch.testing.assert_close(encoder(data.x, data.edge_index), expected)
    assert not torch.allclose(plain(data.x, data.edge_index), expected)


def test_a_module_normalizes():
    encoder = PyGEncoder("gcn", 12, 8, 4, norm=torch.nn.LayerNorm(8))
    assert isinstance(encoder.model.norms[0], torch.nn.LayerNorm)
