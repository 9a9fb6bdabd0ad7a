"""Embeddings of all processes, with gradients."""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.processes.gather_rows import bring_home, gather_rows


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        return gather_rows(x, sizes)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Every process has a loss that depends on these rows: their gradient is the sum over processes.
        return bring_home(grad, ctx.sizes), None


def gather(x: Tensor, sizes: list[int]) -> Tensor:
    r"""Rows of all processes, in order of rank, with gradients to the process that they came from.

    Args:
        x (Tensor): This process's rows [n, ...].
        sizes (list): Rows of each process, from :func:`gnnclr.ops.processes.agreement.agree`.
    """
    return _Gather.apply(x, sizes)
