import torch
from torch_geometric.data import Data

from gnnclr.node import UnitFeatures


def test_rows_have_length_one():
    data = Data(x=torch.tensor([[3.0, -4.0], [0.0, 0.0], [0.0, 2.0]]))
    out = UnitFeatures()(data)
    assert torch.allclose(out.x, torch.tensor([[0.6, -0.8], [0.0, 0.0], [0.0, 1.0]]))
    assert data.x[0, 0] == 3  # the graph that was given stays as it is
    assert repr(UnitFeatures()) == "UnitFeatures()"
