import pytest
import torch
from torch_geometric.nn import GCN

from gnnclr.node import PyGEncoder, sbm


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
