"""Gathers the rows of all processes, which may hold different numbers of them."""

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(x: Tensor, sizes: list[int]) -> Tensor:
    """The rows of all processes, in order of rank, without gradients.

    Args:
        x (Tensor): This process's rows [n, ...]; alike on all processes but for their number.
        sizes (list): Rows of each process, from :func:`gnnclr.ops.processes.agreement.agree`.
    """
    if min(sizes) == max(sizes):
        joined = x.new_empty(sum(sizes), *x.shape[1:])
        # One tensor, which takes no further copy of all; before torch 2.14 it had another name.
        gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
        gather(joined, x.contiguous())
        return joined
    padded = x.new_zeros(max(sizes), *x.shape[1:])
    padded[: x.size(0)] = x
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes)])
