"""Keeps a value within bounds, with a gradient that leads back inside."""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from gnnclr.ops.no_double_backward import no_double_backward


class _Bound(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float | None, high: float | None) -> Tensor:
        ctx.outside = (None if low is None else x <= low, None if high is None else x >= high)
        return x.clamp(low, high)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        below, above = ctx.outside
        # A step of gradient descent lowers x where the gradient is positive.
        for outside, further in ((below, grad > 0), (above, grad < 0)):
            if outside is not None:
                grad = grad.masked_fill(outside & further, 0)
        return grad, None, None


def bound(x: Tensor, low: float | None = None, high: float | None = None) -> Tensor:
    """``x`` within bounds, with a gradient that leads back inside.

    ``clamp`` has no gradient beyond a bound, so that a parameter that has overshot never returns. Here the gradient
    passes unless it leads further out: at and beyond ``low`` it is zero where a step would lower ``x``, at and beyond
    ``high`` where it would raise it.

    Args:
        x (Tensor): Any values.
        low (float, optional): The least value. (default: ``None``, no bound)
        high (float, optional): The largest value. (default: ``None``, no bound)
    """
    return _Bound.apply(x, low, high)
