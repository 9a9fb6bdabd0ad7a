"""Similarity search: whether the nearest embeddings are of the same class."""

from torch import Tensor

from gnnclr.eval.labels import labeled_rows
from gnnclr.graph import KNNIndex, knn_graph
from gnnclr.ops.check import check_count, check_matrix


def similarity_search(
    z: Tensor, labels: Tensor, k: int = 5, *, cosine: bool = True, index: KNNIndex | str | None = None
) -> float:
    r"""The share of the :math:`k` nearest rows that have a row's label, over all rows, known as Sim@k from `"HDMI:
    High-order Deep Multiplex Infomax" <https://arxiv.org/abs/2102.07810>`_.

    .. math:: \mathrm{Sim@}k = \frac{1}{nk} \sum_i \sum_{j \in \mathcal{N}_k(i)} \mathbb{1}[y_i = y_j]

    A row is no neighbor of itself. Chance level is the probability that two rows share a label.

    Args:
        z (Tensor): Embeddings.
        labels (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out, also as neighbors,
            and counted in a printed line.
        k (int, optional): Neighbors of a row. (default: ``5``)
        cosine (bool, optional): Compare directions instead of distances. (default: ``True``)
        index (KNNIndex or str, optional): Approximate search, as in :func:`~gnnclr.graph.knn_graph`; the mean is over
            the neighbors that it finds. (default: ``None``, exact)

    Shapes:
        - **z:** :math:`(n, d)`; **labels:** :math:`(n)`

    Raises:
        ValueError: If embeddings are not finite, shapes do not fit, or there are fewer than k + 1 rows with a label.
    """
    z, labels = labeled_rows("labels", labels, check_matrix("z", z, finite=True))
    if check_count("k", k) >= z.size(0):
        raise ValueError(f"'k' must be an integer from 1 to the {z.size(0) - 1} other rows (got {k!r})")
    neighbor, center = knn_graph(z, k, cosine=cosine, index=index)
    return (labels[neighbor] == labels[center]).double().mean().item()
