import math

import pytest
import torch
import torch.nn.functional as F

from gnnclr.eval import alignment, effective_rank, negative_similarity, positive_similarity, uniformity, view_measures


@pytest.fixture
def z():
    return torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * 3 + 0.5


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_alignment(z, alpha):
    other = z + torch.randn(z.shape, generator=torch.Generator().manual_seed(1))
    expected = (F.normalize(z) - F.normalize(other)).norm(dim=1).pow(alpha).mean()
    assert alignment(z, other, alpha).item() == pytest.approx(expected.item(), rel=1e-5)
    assert alignment(z, 7 * z).item() == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="'z1' must have shape"):
        alignment(z, z[:-1])


@pytest.mark.parametrize("t", [0.5, 2.0, 60.0])
def test_uniformity(z, t):
    expected = torch.pdist(F.normalize(z.double())).square().mul(-t).exp().mean().log()
    assert uniformity(z, t).item() == pytest.approx(expected.item(), rel=1e-4)
    assert uniformity(torch.ones(9, 3)).item() == pytest.approx(0.0, abs=1e-5)
    assert math.isnan(uniformity(z[:1]).item())
    with pytest.raises(ValueError, match="'t' must be a positive number"):
        uniformity(z, 0.0)


def test_effective_rank(z):
    sigma = torch.linalg.svdvals(z.double())
    p = sigma / sigma.sum()
    assert effective_rank(z).item() == pytest.approx((-(p * p.log()).sum()).exp().item(), rel=1e-5)
    assert effective_rank(torch.eye(5)).item() == pytest.approx(5.0, rel=1e-5)
    assert effective_rank(torch.ones(7, 3)).item() == pytest.approx(1.0, rel=1e-3)
    assert effective_rank(torch.zeros(7, 3)).item() == 0.0
    with pytest.raises(ValueError, match="'z' must be finite"):
        effective_rank(z / 0)


def test_similarities(z):
    cos = F.normalize(z) @ F.normalize(z).t()
    edge_index = torch.tensor([[0, 3, 3, 49], [1, 3, 9, 0]])
    assert positive_similarity(z, edge_index).item() == pytest.approx(cos[edge_index[0], edge_index[1]].mean().item())
    off_diagonal = cos[~torch.eye(50, dtype=torch.bool)]
    assert negative_similarity(z).item() == pytest.approx(off_diagonal.mean().item(), rel=1e-4)
    assert math.isnan(positive_similarity(z, torch.empty(2, 0, dtype=torch.long)).item())
    assert math.isnan(negative_similarity(z[:1]).item())


def test_half_precision_is_computed_in_float32(z):
    assert uniformity(z.bfloat16()).dtype == torch.float32
    assert alignment(z.half(), z.half()).dtype == torch.float32


def test_view_measures():
    z0, z1 = torch.randn(40, 5, requires_grad=True), torch.randn(40, 5)
    logs = view_measures(3 * z0, z1)
    assert torch.equal(logs["alignment"], alignment(3 * z0.detach(), z1)) and not logs["alignment"].requires_grad
    assert torch.equal(logs["uniformity"], uniformity(3 * z0.detach()))
    some = view_measures(z0, z1, most=10)
    assert torch.equal(some["alignment"], alignment(z0.detach()[::4], z1[::4]))


def test_pairs_must_be_rows(z):
    n = z.size(0)
    for pairs in (torch.tensor([[0], [n]]), torch.tensor([[-1], [0]])):
        with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and"):
            positive_similarity(z, pairs)
    with pytest.raises(ValueError, match="'edge_index' must be an integer tensor"):
        positive_similarity(z, torch.zeros(2, 1))
