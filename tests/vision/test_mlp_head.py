import pytest
import torch

from gnnclr.vision import MLPHead


@pytest.mark.parametrize(("layers", "norm", "count"), [(1, True, 1), (2, True, 4), (2, False, 3), (3, True, 7)])
def test_mlp_head(layers, norm, count):
    head = MLPHead(16, 32, 8, layers=layers, norm=norm)
    assert len(head.layers) == count
    assert head(torch.rand(4, 16)).shape == (4, head.out_features) == (4, 8)


def test_mlp_head_errors():
    with pytest.raises(ValueError, match="'layers' must be a positive integer"):
        MLPHead(4, 4, 4, layers=0)
