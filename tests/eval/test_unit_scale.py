import pytest
import torch

from gnnclr.eval.unit_scale import unit_scale


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1.0, 3.0, 1e30, 3e38])
def test_exact_and_about_one(scale):
    x = torch.tensor([[0.5, -1.0], [0.25, 0.0]]) * scale
    y = unit_scale(x)
    assert y.isfinite().all() and (scale < 1e-37 or 0.5 <= y.abs().max() <= 4)
    assert (x[0, 0] / x[0, 1]).equal(y[0, 0] / y[0, 1])


def test_nothing_and_zeros():
    assert unit_scale(torch.zeros(2, 3)).equal(torch.zeros(2, 3))
    assert unit_scale(torch.empty(0, 3)).shape == (0, 3)
