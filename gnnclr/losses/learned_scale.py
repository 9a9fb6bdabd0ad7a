"""The base of losses that learn the logarithm of their inverse temperature."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.nn import PairConv
from gnnclr.ops.bound import bound
from gnnclr.ops.check import check_constant


class LearnedScaleLoss(GraphLoss):
    r"""Base class of losses that learn :math:`\log 1/\tau`, or the temperature itself where it is given as a parameter,
    as in the other losses. A subclass writes :meth:`layer_at`.

    At and beyond :attr:`max_scale` gradients that lead back inside pass, so that a scale that overshoots comes back;
    those that lead further out are zero.

    Args:
        conv (PairConv): The layer at the temperature where it starts, or with the parameter of the caller's.
        learnable (bool, optional): Whether the temperature is learned. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
    """

    #: The largest inverse temperature, if there is one.
    max_scale: ClassVar[float | None] = None

    def __init__(self, conv: PairConv, learnable: bool = True, gather_distributed: bool = False):
        super().__init__(conv, gather_distributed)
        own = learnable and not isinstance(conv.temperature, Tensor)
        #: Logarithm of the inverse temperature, where that is learned.
        self.log_scale = nn.Parameter(torch.tensor(-math.log(conv.temperature))) if own else None

    def layer_at(self, temperature: float | Tensor) -> PairConv:
        """The layer at a temperature, a number or a scalar tensor with a history."""
        raise NotImplementedError

    def layer(self) -> PairConv:
        """The layer at the temperature that is learned, within its bound."""
        if self.log_scale is not None:
            temperature = bound(self.log_scale, high=math.log(self.max_scale or math.inf)).neg().exp()
            # The layer that stays has the temperature as a number: one with a history could be neither copied nor
            # saved.
            self.conv = self.layer_at(float(temperature.detach()))
        elif isinstance(self.conv.temperature, Tensor):
            temperature = bound(self.conv.temperature, low=1 / (self.max_scale or math.inf))
        else:
            return self.conv
        return self.layer_at(temperature)


def own_scalar(name: str, value: float | nn.Parameter, learnable: bool) -> float | nn.Parameter:
    """A number, or the parameter of the caller's where it is learned; a tensor that is no parameter is a number.

    Args:
        name (str): Name of the argument, for messages.
        value (float or torch.nn.Parameter): What was given.
        learnable (bool): Whether it is learned; where it is not, a parameter is refused.
    """
    if not isinstance(value, Tensor) or value.numel() != 1:
        return value
    if learnable and (value.requires_grad or isinstance(value, nn.Parameter)):
        return value
    return float(check_constant(name, value))
