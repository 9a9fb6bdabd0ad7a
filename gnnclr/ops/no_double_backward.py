"""Backward passes that have no derivative of their own."""

import functools
from collections.abc import Callable

import torch


def no_double_backward(backward: Callable) -> Callable:
    """Decorates the ``backward`` of an autograd function: refuses ``create_graph=True`` instead of giving wrong second
    derivatives.

    ``once_differentiable`` of torch raises only when the incoming gradient itself requires one, which that of a scalar
    loss does not.
    """

    @functools.wraps(backward)
    def wrapped(ctx, *grads):
        if torch.is_grad_enabled():  # only under create_graph=True
            raise RuntimeError("gnnclr has no second derivatives: 'create_graph=True' is not supported")
        return backward(ctx, *grads)

    return wrapped
