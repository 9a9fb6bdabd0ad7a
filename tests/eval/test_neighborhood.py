import math

import pytest
import torch
import torch.nn.functional as F

from gnnclr.eval import neighborhood_overlap


def literal(z0, z1, k):
    shares = []
    for i in range(len(z0)):
        sets = []
        for z in (z0, z1):
            similarity = F.cosine_similarity(z[i].double(), z.double(), dim=-1)
            similarity[i] = -math.inf
            sets.append(set(similarity.topk(k).indices.tolist()))
        shares.append(len(sets[0] & sets[1]) / k)
    return sum(shares) / len(shares)


@pytest.fixture
def z():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(60, 7, generator=generator)
    return z, torch.cat([z + 0.3 * torch.randn(60, 7, generator=generator), torch.rand(60, 2, generator=generator)], 1)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_equals_the_literal_count(z, k):
    value = neighborhood_overlap(*z, k=k).item()
    assert value == pytest.approx(literal(*z, k), abs=1e-6) and 0 < value < 1


def test_known_values(z):
    assert neighborhood_overlap(z[0], 5 * z[0]).item() == 1.0
    rotation = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(1))).Q
    assert neighborhood_overlap(z[0], z[0] @ rotation).item() > 0.99
    assert neighborhood_overlap(*z, k=59).item() == 1.0 and neighborhood_overlap(*z, k=500).item() == 1.0
    generator = torch.Generator().manual_seed(2)
    by_chance = neighborhood_overlap(*(torch.randn(800, 20, generator=generator) for _ in range(2)), k=40).item()
    assert by_chance == pytest.approx(40 / 799, rel=0.1)


def test_too_few_rows_and_bad_input(z):
    assert math.isnan(neighborhood_overlap(z[0][:1], z[1][:1]).item())
    assert neighborhood_overlap(z[0].half(), z[0]).dtype == torch.float32
    with pytest.raises(ValueError, match="'z1' must have shape"):
        neighborhood_overlap(z[0], z[1][:-1])
    with pytest.raises(ValueError, match="'z0' must be finite"):
        neighborhood_overlap(z[0] / 0, z[1])
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        neighborhood_overlap(*z, k=0)
