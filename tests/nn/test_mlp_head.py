import pytest
import torch
from torch import nn

from gnnclr.nn.mlp_head import MLPHead


@pytest.mark.parametrize(("layers", "norm", "count"), [(1, True, 1), (2, True, 4), (2, False, 3), (3, True, 7)])
def test_mlp_head(layers, norm, count):
    head = MLPHead(16, 32, 8, layers=layers, norm=norm)
    assert len(head.layers) == count
    assert head(torch.rand(4, 16)).shape == (4, head.out_features) == (4, 8)
    assert head.layers[-1].bias is not None


def test_normalized_output():
    head = MLPHead(16, 32, 8, layers=3, last_norm=True)
    linear, norm = head.layers[-2:]
    assert linear.bias is None and isinstance(norm, nn.BatchNorm1d) and norm.weight is None
    z = head(torch.rand(64, 16))
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(dim=0, correction=0), torch.ones(8), atol=1e-2, rtol=0)


def test_no_bias():
    head = MLPHead(16, 32, 8, layers=1, bias=False)
    assert [name for name, _ in head.named_parameters()] == ["layers.0.weight"]


def test_mlp_head_errors():
    with pytest.raises(ValueError, match="'layers' must be a positive integer"):
        MLPHead(4, 4, 4, layers=0)
