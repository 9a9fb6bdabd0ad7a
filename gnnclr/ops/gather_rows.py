"""Rows of all processes, which may hold different numbers of them."""

import torch
import torch.distributed as dist
from torch import Tensor


def gather_sizes(n: int, device: torch.device) -> list[int]:
    """The number of rows that each process holds, in order of rank."""
    sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, torch.tensor([n], device=device))
    return [int(size) for size in sizes]


def gather_rows(x: Tensor, sizes: list[int] | None = None) -> Tensor:
    """The rows of all processes, in order of rank, without gradients.

    Args:
        x (Tensor): This process's rows [n, ...].
        sizes (list, optional): Rows of each process, where they are known. (default: asked for)
    """
    sizes = gather_sizes(x.size(0), x.device) if sizes is None else sizes
    padded = x.new_zeros(max(sizes), *x.shape[1:])
    padded[: x.size(0)] = x
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes)])
