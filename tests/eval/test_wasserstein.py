import functools
import math
import sys

import forked
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from gnnclr.eval import wasserstein_uniformity


@functools.cache
def quantiles(d, samples=200_000):
    """Quantiles of the dot product of uniform points."""
    share = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
    a = (d - 1) / 2
    return 2 * stats.beta.ppf(share, a, a) - 1 if d > 1 else torch.where(share < 0.5, -1.0, 1.0)


def literal(z):
    """The distance of the list of similarities from the quantiles."""
    z = F.normalize(z.double(), dim=1)
    row, col = torch.triu_indices(len(z), len(z), 1)
    return stats.wasserstein_distance((z @ z.t())[row, col].numpy(), quantiles(z.size(1)))


def points(n, d, shift=0.0, seed=0):
    return 3 * torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("d", [1, 2, 3, 8, 128])
@pytest.mark.parametrize("n", [2, 3, 40])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_equals_the_distance_of_quantiles(n, d, shift):
    z = points(n, d, shift)
    assert wasserstein_uniformity(z).item() == pytest.approx(literal(z), abs=2 / 65536)
    assert wasserstein_uniformity(z, bins=50).item() == pytest.approx(literal(z), abs=2 / 50)


def test_equals_the_distance_of_quantiles_over_several_tiles():
    z = points(1100, 16, 0.3)
    assert wasserstein_uniformity(z).item() == pytest.approx(literal(z), abs=2 / 65536)
    assert wasserstein_uniformity(z.double()).item() == pytest.approx(literal(z), abs=2 / 65536)


def test_known_values():
    # All similarities are 1: the mean distance of the law from one end is 1, whatever the dimension.
    assert wasserstein_uniformity(torch.ones(9, 5)).item() == pytest.approx(1.0, abs=1e-4)
    # On a line the law is ±1, and of 2m points evenly divided m(m−1) of m(2m−1) pairs agree.
    line = torch.tensor([[1.0], [-1.0]]).repeat(10, 1)
    assert wasserstein_uniformity(line).item() == pytest.approx(2 * (0.5 - 90 / 190), abs=1e-4)
    # The dot product of uniform points of the ordinary sphere is uniform on [-1, 1]; that of orthogonal points is 0.
    assert wasserstein_uniformity(torch.eye(3)).item() == pytest.approx(0.5, abs=1e-4)


def test_more_uniform_points_are_nearer():
    values = [wasserstein_uniformity(points(n, 16)).item() for n in (30, 300, 3000)]
    assert values[0] > values[1] > values[2] and values[2] < 1e-3
    assert wasserstein_uniformity(points(300, 16, 1.0)).item() > 10 * values[1]


def test_scale_and_dtype():
    z = points(50, 6)
    assert wasserstein_uniformity(z) == wasserstein_uniformity(4 * z)
    assert wasserstein_uniformity(z.bfloat16()).dtype == torch.float32
    assert wasserstein_uniformity(z.double()).dtype == torch.float64
    assert not wasserstein_uniformity(z.requires_grad_()).requires_grad


def test_too_few_rows_and_bad_input():
    z = points(50, 6)
    assert math.isnan(wasserstein_uniformity(z[:1]).item()) and math.isnan(wasserstein_uniformity(z[:0]).item())
    with pytest.raises(ValueError, match="'z' must be finite"):
        wasserstein_uniformity(z / 0)
    with pytest.raises(ValueError, match="'bins' must be a positive integer"):
        wasserstein_uniformity(z, bins=0)


MEMORY = """
import resource, torch
from gnnclr.eval import wasserstein_uniformity
wasserstein_uniformity(torch.randn(600, 8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wasserstein_uniformity(torch.randn(5800, 8))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts resident memory as Linux does")
def test_memory_is_linear():
    out, _ = forked.Forked(forked.code, MEMORY).finish()
    assert float(out) < 60  # MB; the similarities in float32 take 135
