"""Embeddings of all processes, with gradients."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from gnnclr.ops.first_order import first_order


def gather_sizes(n: int, device: torch.device) -> list[int]:
    """The number of rows that each process holds; batches may be uneven."""
    sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, torch.tensor([n], device=device))
    return [int(size) for size in sizes]


class _Gather(Function):
    @staticmethod
    def forward(ctx, x, sizes):
        ctx.sizes, ctx.rank = sizes, dist.get_rank()
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: x.size(0)] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes)])

    @staticmethod
    @first_order
    def backward(ctx, grad):
        # Every process has a loss that depends on these rows: their gradient is the sum over processes.
        grad = grad.contiguous()
        dist.all_reduce(grad)
        start = sum(ctx.sizes[: ctx.rank])
        return grad[start : start + ctx.sizes[ctx.rank]], None


def gather(x: Tensor, sizes: list[int]) -> Tensor:
    r"""Rows of all processes, in order of rank, with gradients to the process that they came from.

    Args:
        x (Tensor): This process's rows [n, ...].
        sizes (list): Rows of each process, from :func:`gather_sizes`.
    """
    return _Gather.apply(x, sizes)
