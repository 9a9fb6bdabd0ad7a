import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.graph import DataNeighbors
from gnnclr.graph.batches import NeighborhoodBatches


def shuffled(n, seed=0):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def random_neighbors(n, k, seed=0):
    """Any samples, some of them missing."""
    return torch.randint(-1, n, (n, k), generator=torch.Generator().manual_seed(seed))


def clustered(clusters=20, size=30, d=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    center = F.normalize(torch.randn(clusters, d, generator=generator), dim=1).repeat(size, 1)
    return DataNeighbors(k=8).find(center + 0.1 * torch.randn(center.shape, generator=generator), epoch=0)


def literal(neighbor, order, batch_size, size):
    left, groups = set(order.tolist()), []
    while left:
        center = next(sample for sample in order.tolist() if sample in left)
        group, i = [center], 0
        left.remove(center)
        while i < len(group):
            for other in neighbor[group[i]].tolist():
                if other in left and len(group) < size:
                    left.remove(other)
                    group.append(other)
            i += 1
        groups.append(group)
    groups = [groups[g] for g in sorted(range(len(groups)), key=lambda g: g * (5**0.5 - 1) / 2 % 1)]
    samples = [sample for group in groups for sample in group]
    return [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]


def share_in_batch(neighbor, batches):
    """The share of the neighbors of a sample that are in its batch."""
    batch = torch.full((len(neighbor),), -2)
    for number, samples in enumerate(batches):
        batch[samples] = number
    inside = batch[neighbor] == batch.unsqueeze(1)
    return float(inside[(neighbor >= 0) & (batch >= 0).unsqueeze(1)].double().mean())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 50),
    left_out=st.integers(0, 5),
    k=st.integers(1, 4),
    batch_size=st.integers(1, 12),
    size=st.integers(2, 9),
    seed=st.integers(0, 9),
)
def test_equals_the_literal_reference(n, left_out, k, batch_size, size, seed):
    neighbor, order = random_neighbors(n, k, seed), shuffled(n, seed)[: max(n - left_out, 0)]
    selection = NeighborhoodBatches(size).set_neighbors(neighbor)
    batches = selection.batches(order, batch_size)
    assert [batch.tolist() for batch in batches] == literal(neighbor, order, batch_size, size)
    # Every sample once, in batches of equal size but the last.
    joined = torch.cat([*batches, torch.empty(0, dtype=torch.long)])
    assert torch.equal(joined.sort().values, order.sort().values)
    assert len(batches) == selection.num_batches(len(order), batch_size)
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("size", [8, 32])
def test_neighbors_meet_in_a_batch(size):
    neighbor, order = clustered().neighbor, shuffled(600)
    random = share_in_batch(neighbor, order.split(64))
    batches = NeighborhoodBatches(size).set_neighbors(neighbor).batches(order, 64)
    assert random < 0.15 and share_in_batch(neighbor, batches) > {8: 0.3, 32: 0.6}[size]
    # Yet a batch is of several clusters, or nothing would tell the samples apart.
    assert all(len({sample % 20 for sample in batch.tolist()}) > 1 for batch in batches[:-1])


def test_random_batches_without_neighbors():
    order, neighbor = shuffled(40), random_neighbors(40, 3)
    none = torch.empty(40, 0, dtype=torch.long)
    for selection in (
        NeighborhoodBatches(),
        NeighborhoodBatches(1).set_neighbors(neighbor),
        NeighborhoodBatches().set_neighbors(none),
    ):
        assert all(map(torch.equal, selection.batches(order, 8), order.split(8)))
    assert NeighborhoodBatches().set_neighbors(neighbor).batches(order[:0], 8) == []


def test_a_function_of_order_and_neighbors():
    neighbor, before = random_neighbors(200, 4), torch.get_rng_state()
    first, again, other = (
        torch.cat(NeighborhoodBatches(8).set_neighbors(neighbor).batches(shuffled(200, seed), 20)) for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'size' must be a positive integer"):
        NeighborhoodBatches(0)
    with pytest.raises(ValueError, match=r"'neighbor' must be an integer tensor of shape \[N, k\]"):
        NeighborhoodBatches().set_neighbors(torch.zeros(3, 2))
    for wrong in (-2, 3):
        with pytest.raises(ValueError, match=r"'neighbor' must be below its 3 rows, or -1"):
            NeighborhoodBatches().set_neighbors(torch.full((3, 2), wrong))
    with pytest.raises(ValueError, match=r"'order' must be below the 3 rows of the neighbors \(got 3\)"):
        NeighborhoodBatches().set_neighbors(torch.zeros(3, 2, dtype=torch.long)).batches(torch.arange(4), 2)


def test_repr():
    assert str(NeighborhoodBatches(16)) == "NeighborhoodBatches(size=16)"
