"""Optimizers that move each weight by itself."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class EachWeightOptimizer(Optimizer):
    """Base class of optimizers whose step moves each weight that has a gradient by itself.

    A subclass writes ``move(weight, slope, state, group)``, which changes the weight, by its gradient ``slope``, and
    its state in place.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step.

        Args:
            closure (callable, optional): Computes the loss and its gradients anew, and returns the loss.
                (default: ``None``)
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.move(weight, weight.grad, self.state[weight], group)
        return loss

    def move(self, weight: Tensor, slope: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Moves a weight.

        Args:
            weight (Tensor): The weight.
            slope (Tensor): Its gradient, which stays as it is.
            state (dict): What is remembered of it; empty before the first step.
            group (dict): The settings of its parameter group.
        """
        raise NotImplementedError
