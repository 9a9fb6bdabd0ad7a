"""Pairs of nodes, as edges [2, e] from source to target."""

import torch
from torch import Tensor


def group_pairs(group: Tensor) -> Tensor:
    r"""Lists all ordered pairs of different nodes of one group [2, e], sorted by target:
    :math:`e = \sum_g |g|(|g| - 1)`.

    Args:
        group (Tensor): The group of each node [n].
    """
    order = torch.argsort(group, stable=True)
    _, size = torch.unique_consecutive(group[order], return_counts=True)
    start = (size.cumsum(0) - size).repeat_interleave(size)  # where the group of each sorted node begins
    size = size.repeat_interleave(size)
    target = torch.arange(group.numel(), device=group.device).repeat_interleave(size)
    offset = torch.arange(target.numel(), device=group.device) - (size.cumsum(0) - size).repeat_interleave(size)
    source = start.repeat_interleave(size) + offset
    keep = source != target
    edge_index = torch.stack([order[source[keep]], order[target[keep]]])
    return edge_index[:, torch.argsort(edge_index[1], stable=True)]


def same_group(group: Tensor, edge_index: Tensor) -> Tensor:
    """Tells whether the nodes of each pair are of one group [e]; rows of a bank, sources from ``len(group)`` on, are
    of none."""
    source, target = edge_index
    if group.numel() == 0:
        return source < 0
    return (group[source.clamp(max=group.numel() - 1)] == group[target]) & (source < group.numel())


def both_ways(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Appends to edges those between nodes the other way round [2, e]: rows of a bank are no targets."""
    return torch.cat([edge_index, edge_index[:, edge_index[0] < num_nodes].flip(0)], dim=1)


def is_among(edge_index: Tensor, known: Tensor, num_nodes: int) -> Tensor:
    """Tells whether each pair of a candidate and a node is one of ``known`` [e]."""
    one, other = (source * num_nodes + target for source, target in (edge_index, known))
    return torch.isin(one, other)
