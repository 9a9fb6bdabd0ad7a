"""Gathers the rows of all processes, which may hold different numbers of them, and brings their gradients home."""

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


def bring_home(gradient: Tensor, sizes: list[int]) -> Tensor:
    """The sum over processes of their gradients by this process's rows [n, ...]; all processes call. Each sends the
    others what is theirs, half of what a sum that all receive would take.

    Args:
        gradient (Tensor): This process's gradient by the rows of all [N, ...].
        sizes (list): Rows of each process.
    """
    n, world = sizes[dist.get_rank()], len(sizes)
    parts = gradient.new_empty(world * n, *gradient.shape[1:])
    dist.all_to_all_single(parts, gradient.contiguous(), [n] * world, sizes)
    return parts.view(world, n, *gradient.shape[1:]).sum(dim=0) if n else parts
