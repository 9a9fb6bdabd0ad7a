import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from gnnclr.dynamics import principal_angles


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(n=st.integers(4, 12), k=st.integers(1, 4), l=st.integers(1, 4), seed=st.integers(0, 1000))
def test_equals_scipy(n, k, l, seed):
    a, b = randn(n, k, seed=seed), randn(n, l, seed=seed + 1)
    expected = torch.from_numpy(subspace_angles(a.numpy(), b.numpy()).copy()).flip(0)
    # SciPy reads some angles near zero from their cosine, which leaves half of the digits.
    torch.testing.assert_close(principal_angles(a, b), expected, rtol=1e-9, atol=1e-7)
    torch.testing.assert_close(principal_angles(b, a), principal_angles(a, b), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("angle", [1e-12, 1e-8, 1e-3, 0.7, math.pi / 4, 1.2, math.pi / 2 - 1e-9, math.pi / 2])
def test_known_angles_keep_their_digits(angle):
    a = torch.eye(5, 2, dtype=torch.float64)
    b = torch.zeros(5, 2, dtype=torch.float64)
    b[0, 0], b[2, 0], b[1, 1], b[3, 1] = math.cos(0.3), math.sin(0.3), math.cos(angle), math.sin(angle)
    mixed = b @ torch.tensor([[1.0, 2.0], [-0.5, 3.0]], dtype=torch.float64)
    expected = sorted([0.3, angle])
    assert principal_angles(a, mixed).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_only_the_span_counts():
    a, b = randn(20, 3), randn(20, 4, seed=1)
    angles = principal_angles(a, b)
    doubled = torch.cat([a, a @ randn(3, 2, seed=2)], dim=1)
    torch.testing.assert_close(principal_angles(doubled, 1e6 * b), angles)
    torch.testing.assert_close(principal_angles(doubled.float(), b.float()), angles, rtol=1e-4, atol=1e-5)
    assert principal_angles(a, a @ randn(3, 3, seed=3)).max() < 1e-13
    assert principal_angles(torch.zeros(20, 2), b).shape == (0,)


def test_bad_input():
    with pytest.raises(ValueError, match="'b' must have shape"):
        principal_angles(randn(5, 2), randn(6, 2))
    with pytest.raises(ValueError, match="'a' must be finite"):
        principal_angles(randn(5, 2) / 0, randn(5, 2))
