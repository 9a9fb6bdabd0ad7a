import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from gnnclr.graph.batches import equal_size_clusters


def blobs(sizes, spread, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = 10 * torch.randn(len(sizes), 5, generator=generator)
    label = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    order = torch.randperm(len(label), generator=generator)
    return (centers[label] + spread * torch.randn(len(label), 5, generator=generator))[order], label[order]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(0, 50), k=st.integers(1, 8), seed=st.integers(0, 9))
def test_sizes_differ_by_at_most_one(n, k, seed):
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    counts = torch.bincount(equal_size_clusters(x, k, seed), minlength=k)
    assert len(counts) == k and counts.sum() == n and counts.max() - counts.min() <= 1


def test_clusters_that_are_there_are_found():
    x, label = blobs([20] * 6, 0.3)
    found = equal_size_clusters(x, 6)
    pairs = set(zip(label.tolist(), found.tolist()))
    assert len(pairs) == 6


def test_large_clusters_are_split():
    x, label = blobs([60, 20, 20], 0.3)
    found = equal_size_clusters(x, 5)
    assert torch.bincount(found).tolist() == [20] * 5
    homes = [set(label[found == cluster].tolist()) for cluster in range(5)]
    assert sum(len(home) == 1 for home in homes) == 5


@pytest.mark.parametrize(("n", "k", "d"), [(120, 4, 2), (400, 10, 8), (640, 20, 20)])
def test_as_good_as_the_hungarian_algorithm(n, k, d):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0)).double()
    distance = KMeans(k, n_init=1, random_state=0).fit(x.numpy()).transform(x.numpy()) ** 2
    repeated = np.repeat(distance, n // k, axis=1)
    least = repeated[linear_sum_assignment(repeated)].sum()
    found = distance[np.arange(n), equal_size_clusters(x, k).numpy()].sum()
    assert found == pytest.approx(least, rel=1e-9)


def test_deterministic_and_silent():
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    assert torch.equal(equal_size_clusters(x, 7, 3), equal_size_clusters(x, 7, 3))
    assert torch.equal(before, torch.get_rng_state())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = equal_size_clusters(torch.ones(30, 2), 5)
    assert torch.bincount(found).tolist() == [6] * 5


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'num_clusters' must be a positive integer"):
        equal_size_clusters(torch.rand(4, 2), 0)
    with pytest.raises(ValueError, match="'x' must be a floating point tensor"):
        equal_size_clusters(torch.zeros(4), 2)
