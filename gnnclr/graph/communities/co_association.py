"""Co-association: the share of partitions in which two nodes are of one community."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.graph.partition import check_community
from gnnclr.graph.simple_graph import sparse_matrix
from gnnclr.ops.check import check_count, check_seed, describe


def co_association(partitions: Sequence[Tensor], rank: int | None = None, seed: int = 0) -> Tensor:
    r"""The co-association matrix of `"Combining Multiple Clusterings Using Evidence Accumulation"
    <https://doi.org/10.1109/TPAMI.2005.113>`_ as columns, without the :math:`n \times n` matrix.

    .. math:: \langle \mathbf{a}_i, \mathbf{a}_j \rangle = \frac{1}{R} \sum_{r=1}^{R} [c_r(i) = c_r(j)]

    Columns are the memberships in all communities of all :math:`R` partitions, over :math:`\sqrt{R}`. As many
    partitions of hundreds of communities make thousands of columns, they may be cut to a rank.

    Args:
        partitions (list): Community of each node [n] in each partition.
        rank (int, optional): Keep the best approximation of this rank, by a randomized singular value decomposition.
            (default: ``None``, exact)
        seed (int, optional): Seed of the decomposition; the global generator is left alone. (default: ``0``)

    Shapes:
        - **output:** :math:`(n, \sum_r K_r)`, or :math:`(n, \min(\text{rank}, \sum_r K_r, n))`, float32
    """
    if not isinstance(partitions, Sequence) or len(partitions) == 0:
        raise ValueError(f"'partitions' must be a non-empty list of tensors [n] (got {describe(partitions)})")
    check_seed("seed", seed)
    if rank is not None:
        check_count("rank", rank)
    n = check_community("partitions[0]", partitions[0]).numel()
    labels, offset = [], 0
    for i, partition in enumerate(partitions):
        label = torch.unique(check_community(f"partitions[{i}]", partition, n), return_inverse=True)[1]
        labels.append(label + offset)
        offset += int(label.max()) + 1 if n else 0
    column = torch.stack(labels, dim=1)
    value = len(partitions) ** -0.5
    if rank is None or rank >= min(n, offset):
        return torch.zeros(n, offset, device=column.device).scatter_(1, column, value)
    row = torch.arange(n, device=column.device).unsqueeze(1).expand_as(column)
    index = torch.stack([row.flatten(), column.flatten()])
    member = sparse_matrix(index, torch.full((index.size(1),), value, device=index.device), (n, offset))
    with torch.random.fork_rng(devices=[member.device] if member.is_cuda else []):
        torch.manual_seed(seed)
        u, s, _ = torch.svd_lowrank(member, q=min(rank + 8, n, offset), niter=4)
    return (u * s)[:, :rank].contiguous()
