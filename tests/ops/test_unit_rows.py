import pytest
import torch

from gnnclr.ops.unit_rows import FEW, normalize, row_lengths, squared_excess, unit_rows

SCALES = [(torch.float32, s) for s in (1e-38, 1e-30, 1.0, 1e19, 1e30, 3e37)]
SCALES += [(torch.float64, s) for s in (1e-300, 1.0, 1e200, 1e300)]


@pytest.mark.parametrize("function", [normalize, unit_rows])
@pytest.mark.parametrize("dtype,scale", SCALES)
def test_any_length(function, dtype, scale):
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 5, 8, generator=generator, dtype=dtype)
    expected_z = x / x.norm(dim=1, keepdim=True)
    along = (weight * expected_z).sum(dim=1, keepdim=True)
    expected = (weight - along * expected_z) / x.norm(dim=1, keepdim=True)
    leaf = (x * scale).requires_grad_()
    z = function(leaf)
    (grad,) = torch.autograd.grad((z * weight).sum(), leaf)
    torch.testing.assert_close(z, expected_z)
    torch.testing.assert_close(grad * scale, expected)
    torch.testing.assert_close(row_lengths(leaf.detach()) / scale, x.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("function", [normalize, unit_rows])
def test_extremes(function):
    x = torch.tensor([[1e-45, 0.0], [3e38, 3e38], [0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    z = function(x)
    torch.testing.assert_close(z, torch.tensor([[1.0, 0.0], [0.5**0.5, 0.5**0.5], [0.0, 0.0], [0.6, 0.8]]))
    (grad,) = torch.autograd.grad(z[1:].sum(), x)
    assert torch.isfinite(grad).all() and (grad[2] == 0).all()
    assert function(x[None].half().float()).shape == (1, 4, 2)


def test_half_precision_is_computed_in_float32():
    assert unit_rows(torch.ones(2, 3).half()).dtype == torch.float32


def test_rows_of_unit_length_have_no_excess():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 64, generator=generator)
    assert (squared_excess(normalize(x)) == 0).all()
    torch.testing.assert_close(squared_excess(x), x.square().sum(1) - 1)


@pytest.mark.parametrize("width", [1, 3, 128, FEW, FEW + 1])
def test_lengths_are_exact_to_their_rounding(width):
    x = torch.rand(500, width, generator=torch.Generator().manual_seed(0)) + 0.5
    error = normalize(x).double().norm(dim=1) - 1
    assert error.abs().max() < 2.5e-7 and error.square().mean().sqrt() < 8e-8


@pytest.mark.parametrize("length", [0.0, 1e-20, 1e-17, 1e17, 1e20])
def test_one_row_of_another_size(length):
    """Squares of such a row alone are beyond float32, or close to it."""
    x = torch.full((3, 4), 0.5)
    x[1] *= length
    expected = torch.full_like(x, 0.5)
    expected[1] *= length > 0
    torch.testing.assert_close(normalize(x), expected, rtol=1e-7, atol=0)
