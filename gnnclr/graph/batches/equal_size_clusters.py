"""k-means with clusters of equal size."""

import warnings

import torch
from torch import Tensor

from gnnclr.graph.batches.balanced_assignment import balanced_assignment
from gnnclr.ops.check import check_count, check_matrix, check_seed


def equal_size_clusters(x: Tensor, num_clusters: int, seed: int = 0) -> Tensor:
    r"""Clusters whose sizes differ by at most one: k-means, and a balanced assignment to its centers.

    .. math:: \min_{c} \sum_i \|\mathbf{x}_i - \mathbf{m}_{c_i}\|^2 \quad \text{such that} \quad
        \lfloor n / K \rfloor \leq |\{i : c_i = k\}| \leq \lceil n / K \rceil

    The assignment is that of :func:`balanced_assignment`.

    Args:
        x (Tensor): The points.
        num_clusters (int): The number :math:`K` of clusters.
        seed (int, optional): Seed of k-means. (default: ``0``)

    Shapes:
        - **input:** points :math:`(n, d)`
        - **output:** clusters :math:`(n)`, int64, from :math:`0` to :math:`K - 1`
    """
    check_matrix("x", x, finite=True)
    check_count("num_clusters", num_clusters)
    seed = check_seed("seed", seed, bits=32)
    if len(x) <= num_clusters:
        return torch.arange(len(x), device=x.device)
    if num_clusters == 1:
        return torch.zeros(len(x), dtype=torch.long, device=x.device)
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # In double precision the order in which threads add up hardly ever decides.
    rows = x.detach().double().cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer points than clusters are distinct
        model = KMeans(num_clusters, n_init=1, random_state=seed).fit(rows.numpy())
    cost = torch.from_numpy(model.transform(rows.numpy())).square()
    return balanced_assignment(cost).to(x.device)
