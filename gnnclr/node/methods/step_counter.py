"""Counts of the steps of a training."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.node.methods.method import NodeMethod


class StepCounter(NodeMethod):
    """Mixin of methods whose loss changes during training: counts the steps of the optimizer, also in checkpoints.

    It stands before the class of the method, whose arguments it passes on.
    """

    #: The number of steps that are done.
    step: Tensor

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.register_buffer("step", torch.tensor(0))

    def after_optimizer_step(self) -> None:
        """Counts the step, after the updates of the method itself."""
        super().after_optimizer_step()
        self.step += 1
