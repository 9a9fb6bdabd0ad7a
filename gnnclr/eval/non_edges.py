"""Pairs of nodes without an edge."""

import random

import torch
from torch import Tensor


def pair_number(pairs: Tensor, num_nodes: int) -> Tensor:
    r"""The number of each undirected pair [p] among the :math:`n (n - 1) / 2` of all, the same for both directions.

    Args:
        pairs (Tensor): Pairs of different nodes [2, p].
        num_nodes (int): The number :math:`n` of nodes.
    """
    low, high = pairs.min(dim=0).values, pairs.max(dim=0).values
    return _first_of(low, num_nodes) + high - low - 1


def sample_non_edges(edge_index: Tensor, num_nodes: int, count: int, seed: int = 0) -> Tensor:
    """Undirected pairs of different nodes without an edge in any direction [2, count], drawn uniformly without
    replacement: no pair comes twice, nor in its other direction. Time and memory are linear in nodes, edges and pairs.
    :func:`torch_geometric.utils.negative_sampling` may return fewer, and draws from the global generators.

    Args:
        edge_index (Tensor): Edges [2, e] between different nodes, in one or both directions.
        num_nodes (int): The number of nodes.
        count (int): The number of pairs, at most that of pairs without an edge.
        seed (int, optional): Seed of the pairs; the global generators are left alone. (default: ``0``)
    """
    edge = pair_number(edge_index, num_nodes).unique()
    free = num_nodes * (num_nodes - 1) // 2 - edge.numel()
    rank = torch.tensor(random.Random(seed).sample(range(free), count), dtype=torch.int64)
    # Of all pairs in order, the one without an edge before which there are `rank` others.
    before = edge - torch.arange(edge.numel())
    number = rank + torch.searchsorted(before, rank, right=True)
    start = _first_of(torch.arange(num_nodes), num_nodes)
    low = torch.searchsorted(start, number, right=True) - 1
    low = low.clamp(max=num_nodes - 2)  # the last node begins no pair
    return torch.stack([low, number - start[low] + low + 1])


def _first_of(low: Tensor, num_nodes: int) -> Tensor:
    """The number of the first pair whose smaller node is ``low``."""
    return low * (2 * num_nodes - low - 1) // 2
