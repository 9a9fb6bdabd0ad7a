"""Embeddings of all processes, with gradients."""

from typing import Any

import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad

from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.processes.gather_rows import bring_home, gather_rows


class Gathering:
    """Gathers what all processes need for one loss.

    Attributes:
        whole (bool): Whether each process computes the loss of the joined batch with the whole gradient of its own
            rows, which then come home without an exchange. Otherwise processes have parts of it, which are summed.
            May be set until the first backward pass, by all processes alike.
    """

    def __init__(self) -> None:
        self.whole: bool = False

    def __call__(self, x: Tensor, sizes: list[int]) -> Tensor:
        """Rows of all processes, in order of rank, with gradients to the process that they came from.

        Args:
            x (Tensor): This process's rows [n, ...].
            sizes (list): Rows of each process, from :func:`gnnclr.ops.processes.agreement.agree`.
        """
        return _Gather.apply(x, sizes, self)

    @staticmethod
    def placed(x: Tensor, sizes: list[int]) -> Tensor:
        """This process's rows where they lie among those of all, which are zero: for rows that nobody else needs."""
        start = sum(sizes[: dist.get_rank()])
        return pad(x, (0, 0, start, sum(sizes) - start - x.size(0)))


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int], gathering: Gathering) -> Tensor:
        ctx.sizes, ctx.gathering = sizes, gathering
        return gather_rows(x, sizes)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # The mean over processes, which follows, is that over losses of which each has a part or all of the gradient.
        if not ctx.gathering.whole:
            return bring_home(grad, ctx.sizes), None, None
        own = grad.split(ctx.sizes)[dist.get_rank()]
        return own * len(ctx.sizes), None, None
