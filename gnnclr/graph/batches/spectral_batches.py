"""Batches of high loss: equal clusters of the graph of pairwise losses."""

import torch
from torch import Tensor

from gnnclr.graph.batches.batch_selection import BatchSelection
from gnnclr.graph.batches.equal_size_clusters import equal_size_clusters
from gnnclr.graph.batches.pair_affinity import pair_affinity
from gnnclr.ops.check import check_count, check_positive, check_seed
from gnnclr.ops.unit_rows import unit_rows

#: The most samples of a chunk: its affinities are a dense matrix, of 1 GiB in float32 here.
MAX_CHUNK = 2**14


class SpectralBatches(BatchSelection):
    r"""The batches of `"Mini-Batch Optimization of Contrastive Loss" <https://arxiv.org/abs/2307.05906>`_: samples are
    the nodes of a graph whose edges weigh the loss of the pair (:func:`pair_affinity`), and batches are clusters of
    equal size in it. Samples that are hard to tell apart then meet, and the loss of a batch is high.

    The random order of an epoch is cut into chunks of up to :math:`k` batches. In each chunk

    .. math:: \mathbf{A} = e^{\mathbf{W}}, \qquad
        \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \approx \mathbf{Q} \boldsymbol{\Lambda} \mathbf{Q}^{\top},
        \qquad c = \text{equal-size } k\text{-means of the rows of } \mathbf{Q}

    with :math:`\mathbf{Q}` the leading :math:`k` eigenvectors, rows at unit length. So every sample is in one batch of
    the epoch, whose members are as random as the chunk. With :math:`k = 1` batches are random. A chunk of :math:`m`
    samples takes :math:`m^2` numbers, and time of order :math:`m^2 (d + k)`.

    Args:
        k (int, optional): Batches of a chunk. The chunk must not have more than 16,384 samples. (default: ``40``, the
            paper's for batches of 32)
        temperature (float, optional): The temperature :math:`\tau > 0` of the loss. (default: ``0.1``)
        seed (int, optional): Seed of the eigenvectors' and of k-means' starts. (default: ``0``)
    """

    def __init__(self, k: int = 40, temperature: float = 0.1, seed: int = 0):
        super().__init__()
        self.k: int = check_count("k", k)
        self.seed: int = check_seed("seed", seed)
        self.temperature: float = float(check_positive("temperature", temperature))

    def select(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """Clusters of each chunk; samples that fill no batch are the last one, as they come."""
        full = order.numel() // batch_size
        k = min(self.k, full)
        if k < 2 or batch_size == 1:
            return list(order.split(batch_size))
        if k * batch_size > MAX_CHUNK:
            raise ValueError(
                f"'k' times the batch size must be at most {MAX_CHUNK}, or the affinities of a chunk are too many "
                f"(got {k} batches of {batch_size})"
            )
        if self.embeddings is None:
            return list(order.split(batch_size))
        # Chunks of nearly equal size, rather than whole ones and a rest.
        rows = order[: full * batch_size].view(full, batch_size)
        batches = []
        for chunk in rows.tensor_split(-(-full // k)):
            batches += self._cluster(chunk.flatten(), batch_size)
        return [*batches, order[full * batch_size :]]

    def _cluster(self, chunk: Tensor, batch_size: int) -> list[Tensor]:
        k = chunk.numel() // batch_size
        if k < 2:
            return [chunk]
        log_affinity = pair_affinity(*self.of(chunk), batch_size, self.temperature)
        cluster = equal_size_clusters(spectral_rows(log_affinity, k, self.seed), k, self.seed)
        return list(chunk[cluster.argsort(stable=True).to(chunk.device)].split(batch_size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, temperature={self.temperature:g})"


def spectral_rows(log_affinity: Tensor, k: int, seed: int = 0) -> Tensor:
    r"""The leading :obj:`k` eigenvectors of a normalized affinity matrix, rows at unit length, as in `"On Spectral
    Clustering: Analysis and an Algorithm"
    <https://papers.nips.cc/paper/2092-on-spectral-clustering-analysis-and-an-algorithm>`_.

    Args:
        log_affinity (Tensor): The logarithms of affinities, symmetric; overwritten. The diagonal counts for nothing.
        k (int): The number of eigenvectors.
        seed (int, optional): Seed of their start. (default: ``0``)

    Shapes:
        - **input:** :math:`(m, m)`
        - **output:** :math:`(m, k)`
    """
    # Affinities run over more powers of ten than float32 has; normalized ones do not, and are made of logarithms.
    log_affinity.fill_diagonal_(float("-inf"))
    half = log_affinity.logsumexp(dim=1) / 2
    affinity = log_affinity.sub_(half.unsqueeze(1)).sub_(half).exp_()
    from scipy.sparse.linalg import eigsh

    start = torch.randn(len(affinity), generator=torch.Generator().manual_seed(seed), dtype=affinity.dtype)
    # A tolerance of a hundredth: closer eigenvectors make no better batches.
    vectors = eigsh(affinity.cpu().numpy(), k, which="LA", v0=start.numpy(), tol=1e-2)[1]
    return unit_rows(torch.from_numpy(vectors).to(affinity.device))
