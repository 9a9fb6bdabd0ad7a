import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.graph.batches import SpectralBatches, pair_affinity
from gnnclr.graph.batches.spectral_batches import spectral_rows
from gnnclr.losses import NTXentLoss


def clustered(clusters, size, noise=0.3, d=16, seed=0):
    """Two views of samples around random directions, and their clusters."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(clusters * size) % clusters
    x = F.normalize(torch.randn(clusters, d, generator=generator), dim=1)[label]
    x = x + noise * torch.randn(len(label), d, generator=generator) / d**0.5
    return *(x + 0.5 * noise * torch.randn(x.shape, generator=generator) / d**0.5 for _ in range(2)), label


def shuffled(n, seed=0):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def mean_loss(batches, z0, z1, temperature=0.1):
    loss = NTXentLoss(temperature)
    return sum(float(loss(z0[batch], z1[batch])) for batch in batches) / len(batches)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(0, 70), k=st.integers(1, 5), size=st.integers(1, 12), seed=st.integers(0, 9))
def test_every_sample_once_in_batches_of_equal_size(n, k, size, seed):
    z0, z1 = (torch.randn(n + 1, 4, generator=torch.Generator().manual_seed(seed + i)) for i in range(2))
    selection, order = SpectralBatches(k).set_embeddings(z0, z1), shuffled(n, seed)
    batches = selection.batches(order, size)
    joined = torch.cat([*batches, torch.empty(0, dtype=torch.long)])
    assert torch.equal(joined.sort().values, torch.arange(n))
    assert [len(batch) for batch in batches] == [len(batch) for batch in order.split(size) if len(batch)]
    assert len(batches) == selection.num_batches(n, size)
    # Samples that fill no batch come last, as they are.
    if n % size:
        assert torch.equal(batches[-1], order[n - n % size :])


def test_batches_are_clusters():
    z0, z1, label = clustered(8, 16, noise=0.1)
    batches = SpectralBatches(8).set_embeddings(z0, z1).batches(shuffled(128), 16)
    assert all(len(set(label[batch].tolist())) == 1 for batch in batches)


@pytest.mark.parametrize(("noise", "margin"), [(0.3, 1.0), (1.0, 0.1)])
def test_loss_is_higher_than_that_of_random_batches(noise, margin):
    z0, z1, _ = clustered(12, 50, noise)
    order = shuffled(600)
    chosen = SpectralBatches(10).set_embeddings(z0, z1).batches(order, 20)
    assert mean_loss(chosen, z0, z1) > mean_loss(order.split(20), z0, z1) + margin


def test_a_batch_comes_from_one_chunk():
    z0, z1, _ = clustered(6, 40)
    order = shuffled(240)
    batches = SpectralBatches(4).set_embeddings(z0, z1).batches(order, 20)
    for start in range(0, 12, 4):
        chunk = torch.cat(batches[start : start + 4]).sort().values
        assert torch.equal(chunk, order[20 * start : 20 * (start + 4)].sort().values)


def test_chunks_are_nearly_equal():
    """Seven batches in chunks of up to five: four and three, not five and two."""
    z0, z1, _ = clustered(6, 14)
    order = shuffled(84)
    batches = SpectralBatches(5).set_embeddings(z0, z1).batches(order, 12)
    assert torch.equal(torch.cat(batches[:4]).sort().values, order[:48].sort().values)


def test_random_batches_without_embeddings_or_with_chunks_of_one():
    z0, z1, _ = clustered(4, 10)
    order = shuffled(40)
    for selection in (SpectralBatches(4), SpectralBatches(1).set_embeddings(z0, z1)):
        assert all(map(torch.equal, selection.batches(order, 8), order.split(8)))


def test_a_function_of_order_and_embeddings():
    z0, z1, _ = clustered(12, 20, noise=1.0)
    before = torch.get_rng_state()
    first, again, other = (
        torch.cat(SpectralBatches(6).set_embeddings(z0, z1).batches(shuffled(240, seed), 20)) for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again) and not torch.equal(first, other)
    moved = torch.cat(SpectralBatches(6).set_embeddings(z0.flip(0), z1.flip(0)).batches(shuffled(240), 20))
    assert not torch.equal(first, moved)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.005])
def test_rows_are_leading_eigenvectors(temperature):
    """Of the normalized matrix; compared up to a rotation. At low temperatures affinities leave the range of floats."""
    z0, z1, label = clustered(5, 12, noise=0.5)
    log_affinity = pair_affinity(z0.double(), z1.double(), 12, temperature)
    a = log_affinity.clone().fill_diagonal_(float("-inf"))
    half = a.logsumexp(dim=1) / 2
    values, vectors = torch.linalg.eigh((a - half - half.unsqueeze(1)).exp())
    expected = F.normalize(vectors[:, -5:], dim=1)
    rows = spectral_rows(log_affinity.clone().float(), 5).double()
    assert rows.isfinite().all()
    if values[-5] - values[-6] > 0.05:
        torch.testing.assert_close(rows @ rows.t(), expected @ expected.t(), atol=1e-2, rtol=0)
    if temperature == 0.1:
        assert values[-5] - values[-6] > 0.05  # the comparison was made
        assert ((rows @ rows.t() > 0.5) == (label == label.unsqueeze(1))).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes(dtype):
    z0, z1, label = clustered(8, 16, noise=0.1)
    batches = SpectralBatches(8).set_embeddings(z0.to(dtype), z1.to(dtype)).batches(shuffled(128), 16)
    assert all(len(set(label[batch].tolist())) == 1 for batch in batches)


def test_collapsed_embeddings():
    z = torch.ones(64, 4)
    batches = SpectralBatches(4).set_embeddings(z, z).batches(shuffled(64), 16)
    assert [len(batch) for batch in batches] == [16] * 4


def test_wrong_arguments():
    selection = SpectralBatches(40)
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        SpectralBatches(0)
    with pytest.raises(ValueError, match="'temperature' must be a positive number"):
        SpectralBatches(temperature=0)
    with pytest.raises(ValueError, match="'z1' must have shape"):
        selection.set_embeddings(torch.rand(4, 2), torch.rand(3, 2))
    with pytest.raises(ValueError, match="'order' must be below the 4 rows"):
        selection.set_embeddings(torch.rand(4, 2), torch.rand(4, 2)).batches(torch.arange(5), 2)
    with pytest.raises(ValueError, match="'batch_size' must be a positive integer"):
        selection.batches(torch.arange(4), 0)
    with pytest.raises(ValueError, match="'k' times the batch size must be at most 16384"):
        SpectralBatches(40).batches(torch.arange(40 * 512), 512)
    assert len(SpectralBatches(40).batches(torch.arange(2048), 512)) == 4  # no chunk is that large


def test_repr():
    assert str(SpectralBatches(8, 0.5)) == "SpectralBatches(k=8, temperature=0.5)"
