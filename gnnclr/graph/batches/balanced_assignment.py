"""Assignment of samples to clusters of equal size."""

from itertools import pairwise

import torch
from torch import Tensor

from gnnclr.ops.check import check_matrix

#: Differences of costs below it are rounding, in double precision and with a mean cost of one.
TOLERANCE = 1e-12


def balanced_assignment(cost: Tensor) -> Tensor:
    r"""Assigns samples to clusters of equal size at the least cost.

    .. math:: \min_{c} \sum_i C_{i c_i} \quad \text{such that} \quad
        \lfloor n / K \rfloor \leq |\{i : c_i = k\}| \leq \lceil n / K \rceil

    Each cluster has a price, from the entropic relaxation of `"Sinkhorn Distances" <https://arxiv.org/abs/1306.0895>`_,
    made sharper in stages, and samples go where it is cheapest at these prices: no other assignment with the same sizes
    costs less. Samples beyond the size of a cluster then move along the cheapest path of clusters to one that has too
    little, which keeps that property (successive shortest paths). So the cost is the least one.

    Prices take :math:`O(n K)` for each of some fifty passes, and so does every path, of which a few per cent of the
    samples need one. The Hungarian algorithm on repeated clusters takes :math:`O(n^3)`.

    Args:
        cost (Tensor): The cost of each sample in each cluster.

    Shapes:
        - **input:** costs :math:`(n, K)`, finite
        - **output:** clusters :math:`(n)`, int64
    """
    device = check_matrix("cost", cost, finite=True).device
    cost = cost.detach().double().cpu()
    if len(cost) == 0:
        return torch.empty(0, dtype=torch.long, device=device)
    cost = cost - cost.amin(dim=1, keepdim=True)
    scale = float(cost.mean()) or 1.0
    return _balance(cost / scale, (cost / scale - _prices(cost / scale)).argmin(dim=1)).to(device)


def _prices(cost: Tensor, stages: int = 5, passes: int = 10) -> Tensor:
    """The price of a place in each cluster [K], nearly: the potentials of balanced optimal transport."""
    price = cost.new_zeros(cost.size(1))
    for stage in range(stages):
        smoothing = 0.5 * 4.0**-stage  # 0.5 to 0.002 of the mean cost
        logits = cost / -smoothing
        for _ in range(passes):
            share = (logits + price / smoothing).log_softmax(dim=1).logsumexp(dim=0)
            price = price - smoothing * share
            price = price - price.mean()
    return price


def _balance(cost: Tensor, cluster: Tensor) -> Tensor:
    """Moves samples between clusters until sizes differ by at most one, and no move pays."""
    n, k = cost.shape
    low, high = n // k, -(-n // k)
    extra = cost - cost.gather(1, cluster.unsqueeze(1))  # of moving a sample to each cluster
    size = torch.bincount(cluster, minlength=k)
    while True:
        balanced = False
        if int(size.max()) > high:
            source, sink = (size - high).clamp(min=0), (high - size).clamp(min=0)
        elif int(size.min()) < low:
            source, sink = (size - low).clamp(min=0), (low - size).clamp(min=0)
        else:  # the larger clusters may still be the wrong ones
            source, sink, balanced = (size == high).long(), (size == low).long(), True
        if balanced and low == high:
            return cluster
        path, distance, least = _cheapest_path(extra, cluster, source > 0, sink > 0)
        if balanced and distance >= -TOLERANCE:
            return cluster
        steps = [
            ((cluster == a) & (extra[:, b] <= least[a, b] + TOLERANCE)).nonzero().squeeze(1) for a, b in pairwise(path)
        ]
        # Samples that cost the same move together.
        count = min(int(source[path[0]]), int(sink[path[-1]]), *map(len, steps))
        for moved, b in zip(steps, path[1:]):
            moved = moved[:count]
            cluster[moved] = b
            extra[moved] = cost[moved] - cost[moved, b].unsqueeze(1)
        size[path[0]] -= count
        size[path[-1]] += count


def _cheapest_path(extra: Tensor, cluster: Tensor, source: Tensor, sink: Tensor) -> tuple[list[int], float, Tensor]:
    """The clusters along the cheapest path from a source to a sink, its cost, and that of each single move [K, K]."""
    k = len(source)
    least = extra.new_full((k, k), float("inf"))
    least.scatter_reduce_(0, cluster.unsqueeze(1).expand_as(extra), extra, "amin")
    # Bellman and Ford: moves may pay, but never in a circle.
    distance = torch.where(source, 0.0, float("inf")).to(extra)
    before = torch.full((k,), -1)
    for _ in range(k):
        through = (distance.unsqueeze(1) + least).min(dim=0)
        shorter = through.values < distance - TOLERANCE
        if not bool(shorter.any()):
            break
        distance = torch.where(shorter, through.values, distance)
        before = torch.where(shorter, through.indices, before)
    cost, last = distance.masked_fill(~sink, float("inf")).min(dim=0)
    path = [int(last)]
    while int(before[path[-1]]) >= 0:
        path.append(int(before[path[-1]]))
    return path[::-1], float(cost), least
