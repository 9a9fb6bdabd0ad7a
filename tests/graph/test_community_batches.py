import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.graph.communities import community_batches, stratified_batches

communities = st.lists(st.integers(0, 9), max_size=120).map(lambda x: torch.tensor(x, dtype=torch.long))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(community=communities, size=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_node_once(community, size, seed):
    for make in (stratified_batches, community_batches):
        batches = make(community, size, seed)
        joined = torch.cat([*batches, torch.empty(0, dtype=torch.long)])
        assert torch.equal(joined.sort().values, torch.arange(community.numel()))
        assert all(0 < batch.numel() <= size for batch in batches)
    assert all(batch.numel() == size for batch in stratified_batches(community, size, seed)[:-1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(community=communities, size=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_community_in_its_share(community, size, seed):
    n, counts = community.numel(), torch.bincount(community, minlength=10)
    k = int((counts > 0).sum())
    for batch in stratified_batches(community, size, seed):
        found = torch.bincount(community[batch], minlength=10)
        share = counts * batch.numel() / max(n, 1)
        assert ((found - share).abs() <= 1 + k * counts / n + 1e-4).all()


def test_shares_are_even_in_practice():
    community = torch.repeat_interleave(torch.arange(5), torch.tensor([1000, 500, 300, 150, 50]))
    share, far = torch.tensor([128, 64, 38.4, 19.2, 6.4]), []
    for seed in range(4):
        for batch in stratified_batches(community, 256, seed)[:-1]:
            far.append(float((torch.bincount(community[batch], minlength=5) - share).abs().max()))
    random = torch.stack([torch.bincount(community[torch.randperm(2000)[:256]], minlength=5) for _ in range(40)])
    assert max(far) < 2.5 < float((random - share).abs().amax(dim=1).mean())


def test_whole_communities():
    community = torch.randint(0, 30, (400,), generator=torch.Generator().manual_seed(0))
    batches = community_batches(community, 64)
    homes = [set(community[batch].tolist()) for batch in batches]
    assert sum(map(len, homes)) == 30  # each community is in one batch
    assert len(batches) <= 2 * (400 / 64) + 1  # two neighboring batches do not fit into one


def test_large_communities_are_split_evenly():
    community = torch.tensor([0] * 25 + [1] * 3)
    sizes = sorted(batch[community[batch] == 0].numel() for batch in community_batches(community, 10))
    assert sizes[-3:] == [8, 8, 9]


@pytest.mark.parametrize("make", [stratified_batches, community_batches])
def test_seeds(make):
    community = torch.arange(60) // 12
    state = torch.get_rng_state()
    first, again, other = make(community, 20, 1), make(community, 20, 1), make(community, 20, 2)
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, first, again)) and not all(map(torch.equal, first, other))
    # Nodes of a community are drawn at random, not by their number.
    starts = {int(make(community * 0, 20, seed)[0][0]) for seed in range(20)}
    assert len(starts) > 10


@pytest.mark.parametrize("make", [stratified_batches, community_batches])
def test_wrong_arguments(make):
    assert make(torch.empty(0, dtype=torch.long), 4) == []
    with pytest.raises(ValueError, match="'batch_size' must be a positive integer"):
        make(torch.zeros(3, dtype=torch.long), 0)
    with pytest.raises(ValueError, match="'community' must be an integer tensor"):
        make(torch.zeros(3), 2)
    with pytest.raises(ValueError, match="'community' must not be negative"):
        make(torch.tensor([0, -1]), 2)
