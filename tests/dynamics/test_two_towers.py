"""The spectral contrastive loss of two towers factorizes the normalized bipartite adjacency: its minimum is the SVD."""

import pytest
import torch

from gnnclr.dynamics import principal_angles
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, PotentialConv, WeightedSum
from gnnclr.ops.kernels import Square

N, K = 8, 3


def joint(seed=0):
    """The joint distribution of N images and N captions with uniform marginals: a mixture of matchings [N, N]."""
    generator = torch.Generator().manual_seed(seed)
    eye, matchings = torch.eye(N, dtype=torch.float64), [torch.arange(N)]
    matchings += [torch.randperm(N, generator=generator) for _ in range(3)]
    weights = torch.tensor([0.55, 0.2, 0.15, 0.1], dtype=torch.float64)
    return sum(w * eye[order] for w, order in zip(weights, matchings)) / N


def bipartite(p):
    """Images, view 0, are anchors; captions, view 1, attract by their share, and all captions repel."""
    caption, image = (p.t() > 0).nonzero().t()
    return ContrastGraph(
        edge_index=torch.stack([caption + N, image]),
        edge_weight=p[image, caption] * N,
        sample=torch.arange(2 * N),
        view=torch.arange(2).repeat_interleave(N),
        anchor=torch.arange(2 * N) < N,
        negatives=Negatives(scope="other", exclude="self"),
    )


def spectral_layer():
    return WeightedSum((2.0, AlignmentConv(1.0)), (1.0, PotentialConv(Square())))


def normalized(p):
    """The adjacency over the roots of both marginals."""
    return p / p.sum(dim=1, keepdim=True).sqrt() / p.sum(dim=0, keepdim=True).sqrt()


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_error_of_a_factorization(seed):
    p, generator = joint(seed), torch.Generator().manual_seed(seed)
    f, g = torch.randn(2, N, K, dtype=torch.float64, generator=generator)
    literal = 0.0
    for i in range(N):
        for j in range(N):
            literal = literal - 2 * p[i, j] * (f[i] @ g[j]) + p.sum(1)[i] * p.sum(0)[j] * (f[i] @ g[j]) ** 2
    a, big_f, big_g = normalized(p), f * p.sum(1).sqrt()[:, None], g * p.sum(0).sqrt()[:, None]
    torch.testing.assert_close(literal, (a - big_f @ big_g.t()).square().sum() - a.square().sum())
    energy = spectral_layer().energy(torch.cat([f, g]), bipartite(p))
    torch.testing.assert_close(energy, literal)


def test_the_minimum_is_the_truncated_svd():
    p = joint(33)
    u, s, vt = torch.linalg.svd(normalized(p))
    assert s[0] == pytest.approx(1.0) and s[K - 1] - s[K] > 0.05  # the subspace is unique
    layer, graph = spectral_layer(), bipartite(p)
    z = torch.randn(2 * N, K, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [z], max_iter=300, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def energy():
        optimizer.zero_grad()
        value = layer.energy(z, graph)
        value.backward()
        return value

    optimizer.step(energy)
    f, g = z.detach().split(N)
    torch.testing.assert_close(layer.energy(z, graph).detach(), -s[:K].square().sum(), rtol=1e-9, atol=0)
    torch.testing.assert_close(f @ g.t() / N, u[:, :K] * s[:K] @ vt[:K], rtol=0, atol=1e-5)
    for rows, basis in ((f, u[:, :K]), (g, vt[:K].t())):
        assert float(principal_angles(rows, basis).max()) < 1e-4
