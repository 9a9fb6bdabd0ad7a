"""Clustering: how well k-means on embeddings finds the classes."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gnnclr.eval.labels import check_grid, labeled_rows
from gnnclr.eval.unit_scale import float32_features, unit_scale
from gnnclr.graph.index import load_faiss
from gnnclr.ops.check import check_choice, check_count, check_matrix
from gnnclr.ops.unit_rows import unit_rows

BACKENDS = ("auto", "faiss", "sklearn")


@dataclass(frozen=True)
class ClusteringResult:
    """Agreement of clusters and classes, mean and standard deviation over the seeds of k-means.

    Args:
        nmi (float): Normalized mutual information, in [0, 1].
        ari (float): Adjusted Rand index: 0 at chance level, 1 for equal partitions.
        nmi_std (float): Standard deviation of ``nmi`` (the sample's, over n − 1); 0 for one seed.
        ari_std (float): The same of ``ari``.
    """

    nmi: float
    ari: float
    nmi_std: float = 0.0
    ari_std: float = 0.0


def clustering_scores(
    z: Tensor,
    labels: Tensor,
    num_clusters: int | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    normalize: bool = True,
    num_init: int = 10,
    max_iter: int = 100,
    backend: str = "auto",
) -> ClusteringResult:
    r"""Agreement of the labels with the clusters that k-means finds in the embeddings of all rows that have one.

    .. math:: \mathrm{NMI} = \frac{2\, I(C; Y)}{H(C) + H(Y)}, \qquad
        \mathrm{ARI} = \frac{\mathrm{RI} - \mathbb{E}[\mathrm{RI}]}{1 - \mathbb{E}[\mathrm{RI}]}

    Labels are read after clustering only, and of the restarts the one with the smallest k-means objective counts, so
    nothing is chosen by them but the number of clusters.

    Args:
        z (Tensor): Embeddings; detached and read in float32.
        labels (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out, and counted in a
            printed line.
        num_clusters (int, optional): Number of clusters. (default: ``None``, the number of classes)
        seeds (sequence of int, optional): The seeds of k-means, over which scores are averaged.
            (default: ``(0, 1, 2, 3, 4)``)
        normalize (bool, optional): Divide rows by their norm first, since contrastive methods compare directions.
            (default: ``True``)
        num_init (int, optional): Restarts a seed. (default: ``10``)
        max_iter (int, optional): Most iterations a restart. (default: ``100``)
        backend (str, optional): ``"faiss"``, ``"sklearn"``, or ``"auto"``: FAISS if it is installed, except on macOS,
            where its OpenMP runtime clashes with that of torch. (default: ``"auto"``)

    Shapes:
        - **z:** :math:`(n, d)`; **labels:** :math:`(n)`

    Raises:
        ValueError: If embeddings are not finite, shapes do not fit, there is one class only, or there are more
            clusters than rows.
        ImportError: If the backend is ``"faiss"`` and FAISS is not installed.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    z, labels = labeled_rows("labels", labels, check_matrix("z", z, finite=True))
    n, y, classes = z.size(0), labels.cpu().numpy(), int(labels.unique().numel())
    if classes < 2:
        raise ValueError(f"'labels' must hold at least two classes (got {classes})")
    k = classes if num_clusters is None else num_clusters
    if check_count("num_clusters", k, least=2) > n:
        raise ValueError(f"'num_clusters' must be an integer from 2 to the {n} labeled rows of 'z' (got {k!r})")
    check_grid("seeds", seeds)
    check_count("num_init", num_init)
    check_count("max_iter", max_iter)
    check_choice("backend", backend, BACKENDS)

    x = float32_features(z)
    x = (unit_rows(x) if normalize else unit_scale(x)).contiguous().numpy()
    faiss = None if backend == "sklearn" or (backend == "auto" and sys.platform == "darwin") else load_faiss()
    if backend == "faiss" and faiss is None:
        raise ImportError("'backend' is 'faiss', which is not installed; pip install \"gnnclr[cpu]\"")
    cluster = _faiss_kmeans if faiss is not None else _sklearn_kmeans
    clusters = [cluster(x, k, seed, num_init, max_iter) for seed in seeds]
    nmi = [float(normalized_mutual_info_score(y, c)) for c in clusters]
    ari = [float(adjusted_rand_score(y, c)) for c in clusters]
    return ClusteringResult(*map(statistics.fmean, (nmi, ari)), *(_deviation(values) for values in (nmi, ari)))


def _faiss_kmeans(x: np.ndarray, k: int, seed: int, num_init: int, max_iter: int) -> np.ndarray:
    # FAISS would train on 256 rows a cluster only.
    rows = {"max_points_per_centroid": len(x), "min_points_per_centroid": 1}
    kmeans = load_faiss().Kmeans(x.shape[1], k, niter=max_iter, nredo=num_init, seed=seed, **rows)
    kmeans.train(x)
    return kmeans.index.search(x, 1)[1][:, 0]


def _sklearn_kmeans(x: np.ndarray, k: int, seed: int, num_init: int, max_iter: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=num_init, max_iter=max_iter, random_state=seed).fit_predict(x)


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0
