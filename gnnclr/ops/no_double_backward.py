"""Backward passes that have no derivative of their own."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def no_double_backward(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates the ``backward`` of an autograd function: refuses ``create_graph=True`` instead of giving wrong second
    derivatives.

    ``once_differentiable`` of torch raises only when the incoming gradient itself requires one, which that of a scalar
    loss does not.
    """

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Tensor) -> Any:
        if torch.is_grad_enabled():  # only under create_graph=True
            raise RuntimeError("gnnclr has no second derivatives: 'create_graph=True' is not supported")
        return backward(ctx, *grads)

    return wrapped
