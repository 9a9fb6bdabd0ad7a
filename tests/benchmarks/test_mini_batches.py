from itertools import combinations, islice

import pytest
import torch

from benchmarks.mini_batches import LOSSES, POINTS, all_batches, best, choose, retrieval, unit
from benchmarks.pages.mini_batches import BATCHES, OSGD, SC


def points(seed=0, d=5):
    u, v = torch.randn(2, POINTS, d, generator=torch.Generator().manual_seed(seed))
    return unit(u), unit(v)


def test_the_loss_is_that_of_the_pairs():
    u, v = points()
    for tau, loss in LOSSES.items():
        rows = [torch.exp(u @ v[j] / tau) for j in range(POINTS)]  # entries by anchors in u
        own = [float(rows[j][j]) for j in range(POINTS)]
        one = [-torch.log(own[i] / sum(rows[j][i] for j in range(POINTS))) for i in range(POINTS)]
        two = [-torch.log(own[j] / rows[j].sum()) for j in range(POINTS)]
        assert float(loss(3 * u, v)) == pytest.approx(float(sum(one) + sum(two)) / (2 * POINTS), rel=1e-5)


def test_all_batches_are_all_pairs():
    u, v = points()
    pairs = [list(pair) for pair in combinations(range(POINTS), 2)]
    expected = sum(float(LOSSES[1.0](u[pair], v[pair])) for pair in pairs) / len(pairs)
    assert float(all_batches(u, v)) == pytest.approx(expected, rel=1e-5)


def test_best_points_are_a_simplex_and_a_cross_polytope():
    simplex = unit(torch.eye(POINTS) - 1 / POINTS)
    cross = torch.cat([torch.eye(POINTS // 2), -torch.eye(POINTS // 2)])
    for z, d in ((simplex, 2 * POINTS), (cross, POINTS // 2)):
        row, least = best(d)
        assert float(LOSSES[1.0](z, z)) == pytest.approx(least, rel=1e-5)
        torch.testing.assert_close((z @ z.t()).sort(dim=1).values, row.expand(POINTS, POINTS), atol=1e-6, rtol=0)
        assert least < float(LOSSES[1.0](*points(d=d)))


@pytest.mark.parametrize("name", BATCHES)
def test_batches_are_pairs_or_all(name):
    u, v = points()
    batches = list(islice(choose(name, POINTS, 2, 1.0, lambda: (u, v), torch.Generator().manual_seed(0)), 9))
    assert {len(batch) for batch in batches} == {POINTS if "batch" in name else 2}
    if name == SC:
        assert sorted(torch.cat(batches[:4]).tolist()) == list(range(POINTS))
    if name == OSGD:
        chosen = [float(LOSSES[1.0](u[batch], v[batch])) for batch in batches[:4]]
        every = [float(LOSSES[1.0](u[list(p)], v[list(p)])) for p in combinations(range(POINTS), 2)]
        assert sum(chosen) / 4 > sum(every) / len(every)


def test_retrieval_counts_nearest_views():
    z = torch.eye(4)
    assert retrieval(z, z) == 100 and retrieval(z, z[[1, 0, 2, 3]]) == 50
