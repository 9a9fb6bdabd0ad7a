from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from gnnclr.graph.batches import balanced_assignment


def random_cost(n, k, seed, kind):
    generator = torch.Generator().manual_seed(seed)
    if kind == "uniform":
        return torch.rand(n, k, generator=generator)
    if kind == "one favorite":  # all samples want the first cluster
        return torch.rand(n, k, generator=generator) + 3 * torch.arange(k)
    points, centers = torch.randn(n, 3, generator=generator), torch.randn(k, 3, generator=generator)
    return torch.cdist(points, centers).square()


def total(cost, cluster):
    return float(cost.gather(1, cluster.unsqueeze(1)).sum())


def least(cost):
    """The Hungarian algorithm on clusters that are repeated as often as they have room."""
    return least_of_at_most(cost, len(cost) // cost.size(1))


def least_of_at_most(cost, room):
    """Clusters may have less than their share."""
    repeated = np.repeat(cost.numpy(), room, axis=1)
    rows, columns = linear_sum_assignment(repeated)
    return float(repeated[rows, columns].sum())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(n=st.integers(0, 60), k=st.integers(1, 9), seed=st.integers(0, 99), ties=st.booleans())
def test_sizes_differ_by_at_most_one(n, k, seed, ties):
    cost = random_cost(n, k, seed, "points")
    cluster = balanced_assignment(cost.round() if ties else cost)
    assert cluster.shape == (n,) and cluster.dtype == torch.int64
    counts = torch.bincount(cluster, minlength=k)
    assert len(counts) == k and sorted(counts.tolist()) == [n // k] * (k - n % k) + [n // k + 1] * (n % k)


@pytest.mark.parametrize("kind", ["uniform", "one favorite", "points"])
@pytest.mark.parametrize(("n", "k"), [(40, 2), (60, 5), (240, 8), (320, 40)])
def test_cost_is_that_of_the_hungarian_algorithm(n, k, kind):
    for seed in range(3):
        cost = random_cost(n, k, seed, kind).double()
        assert total(cost, balanced_assignment(cost)) == pytest.approx(least(cost), rel=1e-9)


@pytest.mark.parametrize(("n", "k"), [(7, 3), (11, 4), (5, 7), (8, 5)])
def test_cost_is_the_least_of_all_sizes_that_are_allowed(n, k):
    """Every choice of the clusters that are larger by one."""
    for seed in range(5):
        cost = random_cost(n, k, seed, "points").double()
        expected = min(
            least_of_at_most(cost, [n // k + (c in larger) for c in range(k)])
            for larger in combinations(range(k), n % k)
        )
        assert total(cost, balanced_assignment(cost)) == pytest.approx(expected, rel=1e-9)


def test_the_least_cost_where_it_is_clear():
    cluster = torch.arange(60) % 6
    cost = torch.rand(60, 6, generator=torch.Generator().manual_seed(0)) + 2
    cost[torch.arange(60), cluster] -= 2
    assert torch.equal(balanced_assignment(cost), cluster)
    # What is added to all clusters of a sample, or to all samples of a cluster, does not count.
    shifted = cost + 50 * torch.rand(60, 1) + 50 * torch.arange(6)
    assert torch.equal(balanced_assignment(shifted), cluster)


def test_order_of_samples_does_not_count():
    cost, order = random_cost(100, 7, 0, "points"), torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert total(cost[order], balanced_assignment(cost[order])) == pytest.approx(
        total(cost, balanced_assignment(cost)), rel=1e-4
    )


def test_ties():
    """Samples that are copies of each other, all of which want the same cluster."""
    cost = torch.tensor([[0.0, 1.0, 3.0], [0.0, 2.0, 3.0]]).repeat_interleave(9, dim=0)
    cluster = balanced_assignment(cost)
    assert torch.bincount(cluster).tolist() == [6] * 3
    assert total(cost, cluster) == pytest.approx(least(cost))


def test_all_alike():
    assert torch.bincount(balanced_assignment(torch.ones(12, 4))).tolist() == [3] * 4
    assert balanced_assignment(torch.rand(5, 1)).tolist() == [0] * 5


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'cost' must be a floating point tensor"):
        balanced_assignment(torch.zeros(3, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="'cost' must be finite"):
        balanced_assignment(torch.tensor([[1.0, float("inf")]]))
