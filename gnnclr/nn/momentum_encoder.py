"""The target of bootstrapped methods: a slow copy of the online encoder."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gnnclr.ops.check import check_count, check_probability


@torch.no_grad()
def ema_update(target: nn.Module, online: nn.Module, momentum: float) -> None:
    r"""Moves the parameters of ``target`` towards those of ``online``,
    :math:`\xi \leftarrow m\, \xi + (1 - m)\, \theta`. Buffers are left alone: running statistics of a copy are those
    of its own inputs.

    Args:
        target (torch.nn.Module): The module that follows.
        online (torch.nn.Module): A module with the same parameters.
        momentum (float): The factor :math:`m`.
    """
    pairs = [(xi, theta.to(xi)) for xi, theta in zip(target.parameters(), online.parameters(), strict=True)]
    if pairs:
        get_ema_multi_avg_fn(momentum)(*map(list, zip(*pairs)), None)


class MomentumEncoder(nn.Module):
    r"""An exponential moving average of an encoder, which gets no gradient, as in `"Bootstrap Your Own Latent"
    <https://arxiv.org/abs/2006.07733>`_.

    .. math:: \xi \leftarrow m_t\, \xi + (1 - m_t)\, \theta, \qquad
        m_t = 1 - (1 - m_0)\, \frac{1 + \cos(\pi t / T)}{2}

    Without :math:`T` the momentum stays at :math:`m_0`.

    Args:
        online (torch.nn.Module): The encoder that is copied; its copy starts equal.
        momentum (float, optional): The momentum :math:`m_0` at the start. (default: ``0.99``)
        steps (int, optional): The number :math:`T` of steps after which the momentum is one. (default: ``None``)

    Shapes:
        - as the encoder's
    """

    step: Tensor

    # Not torch's AveragedModel, which copies the online model at its first update and all buffers at each: a target
    # lags from the first step, and has statistics of its own.
    def __init__(self, online: nn.Module, momentum: float = 0.99, steps: int | None = None):
        super().__init__()
        self.momentum: float = check_probability("momentum", momentum)
        self.steps: int | None = check_count("steps", steps, optional=True)
        self.module: nn.Module = copy.deepcopy(online).requires_grad_(False)
        self.register_buffer("step", torch.tensor(0))  # updates that are done

    @torch.no_grad()
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the copy, in the current mode."""
        return self.module(*args, **kwargs)

    def current_momentum(self) -> float:
        """The momentum of the next update."""
        if self.steps is None:
            return self.momentum
        done = min(int(self.step) / self.steps, 1.0)
        return 1 - (1 - self.momentum) * (1 + math.cos(math.pi * done)) / 2

    def update(self, online: nn.Module) -> None:
        """Moves the copy towards ``online``."""
        ema_update(self.module, online, self.current_momentum())
        self.step += 1
