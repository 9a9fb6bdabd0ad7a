import pytest
import torch

from gnnclr.eval.clustering import ClusteringResult, clustering_scores


def blobs(classes=4, each=30, d=8, noise=0.05, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(classes).repeat_interleave(each)
    centers = torch.eye(classes, d) * 3
    z = centers[y] + noise * torch.randn(classes * each, d, generator=generator)
    order = torch.randperm(classes * each, generator=generator)
    return z[order], y[order]


@pytest.fixture(params=["faiss", "sklearn"])
def backend(request):
    if request.param == "faiss":
        pytest.importorskip("faiss")
    return request.param


def test_separate_classes_are_found(backend):
    z, y = blobs()
    result = clustering_scores(z, y, backend=backend)
    assert result == ClusteringResult(nmi=pytest.approx(1.0), ari=pytest.approx(1.0))
    # Names of classes mean nothing, nor does the scale of a row.
    again = clustering_scores(z * torch.rand(len(z), 1).add(0.5), 7 * y - 3, backend=backend)
    assert again.nmi == pytest.approx(1.0) and again.nmi_std == pytest.approx(0.0)


def test_noise_is_at_chance_level(backend):
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(600, 8, generator=generator), torch.randint(4, (600,), generator=generator)
    result = clustering_scores(z, y, backend=backend)
    assert abs(result.ari) < 0.02 and result.nmi < 0.03


def test_collapsed_embeddings_are_at_chance_level(backend):
    _, y = blobs()
    with pytest.warns() if backend == "sklearn" else torch.no_grad():
        result = clustering_scores(torch.ones(len(y), 8), y, seeds=(0,), backend=backend)
    assert abs(result.ari) < 0.05


def test_two_clusters_of_four_classes(backend):
    # Classes 0, 1 and 2, 3 lie together: H(C) = 1 bit, H(Y) = 2 bits, I = 1 bit.
    y = torch.arange(4).repeat_interleave(10)
    z = torch.eye(2)[y // 2]
    result = clustering_scores(z, y, num_clusters=2, backend=backend)
    assert result.nmi == pytest.approx(2 * 1 / 3)
    # 400 pairs of a cluster hold 180 of a class: (180 - e) / ((180 + 380) / 2 - e), e = 180 * 380 / 780.
    expected = 180 * 380 / 780
    assert result.ari == pytest.approx((180 - expected) / ((180 + 380) / 2 - expected))


def test_all_rows_are_clustered():
    # FAISS would train on 256 rows a cluster: the small far group must have a center all the same.
    faiss = pytest.importorskip("faiss")
    assert faiss.ClusteringParameters().max_points_per_centroid == 256
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5000, 2, generator=generator) * 0.01 + torch.tensor([1.0, 0.0])
    z[:5] = torch.tensor([-1.0, 0.0])
    y = torch.ones(5000, dtype=torch.long)
    y[:5] = 0
    assert clustering_scores(z, y, backend="faiss").ari == pytest.approx(1.0)


def test_length_counts_if_asked_for():
    y = torch.arange(2).repeat_interleave(20)
    z = (torch.rand(40, 1, generator=torch.Generator().manual_seed(0)).mul(0.1) + 1 + 5 * y[:, None]) * torch.ones(3)
    assert clustering_scores(z, y, normalize=False).ari == pytest.approx(1.0)
    assert clustering_scores(z, y).ari < 0.2


def test_mean_and_deviation_over_seeds(backend):
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(100, 4, generator=generator), torch.randint(3, (100,), generator=generator)
    kwargs = {"backend": backend, "num_init": 1}
    single = [clustering_scores(z, y, seeds=(seed,), **kwargs) for seed in (3, 4, 5)]
    result = clustering_scores(z, y, seeds=(3, 4, 5), **kwargs)
    nmi = torch.tensor([s.nmi for s in single], dtype=torch.float64)
    assert result.nmi == pytest.approx(nmi.mean().item()) and result.nmi_std == pytest.approx(nmi.std().item())
    assert all(s.nmi_std == 0 for s in single) and nmi.std() > 0
    assert result == clustering_scores(z, y, seeds=(3, 4, 5), **kwargs)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"z": torch.full((6, 2), float("nan"))}, "'z' must be finite"),
        ({"labels": torch.zeros(6, dtype=torch.long)}, r"'labels' must hold at least two classes \(got 1\)"),
        ({"labels": torch.arange(6) / 2}, r"'labels' must hold whole numbers, .* \(got 0\.5\)"),
        ({"labels": torch.arange(5)}, r"'labels' must be an integer tensor of shape \[6\]"),
        ({"num_clusters": 7}, "'num_clusters' must be an integer from 2 to the 6 labeled rows"),
        ({"num_clusters": 1}, "'num_clusters' must be an integer of at least 2"),
        ({"seeds": ()}, "'seeds' must not be empty"),
        ({"seeds": 5}, "'seeds' must be a sequence"),
        ({"num_init": 0}, "'num_init' must be a positive integer"),
        ({"max_iter": 0}, "'max_iter' must be a positive integer"),
        ({"backend": "cuml"}, "'backend' must be one of 'auto', 'faiss', 'sklearn'"),
    ],
)
def test_errors(change, message):
    arguments = {"z": torch.randn(6, 2), "labels": torch.arange(6) % 2} | change
    with pytest.raises(ValueError, match=message):
        clustering_scores(**arguments)


def test_without_faiss(monkeypatch):
    monkeypatch.setattr("gnnclr.eval.clustering.load_faiss", lambda: None)
    z, y = blobs()
    assert clustering_scores(z, y, seeds=(0,)).ari == pytest.approx(1.0)
    with pytest.raises(ImportError, match=r"pip install \"gnnclr\[cpu\]\""):
        clustering_scores(z, y, backend="faiss")
