"""The base of losses that learn the logarithm of their inverse temperature."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.loss_call import called_like
from gnnclr.nn import PairConv
from gnnclr.ops.bound import bound
from gnnclr.ops.check import check_constant, check_positive, looks_at


class LearnedScaleLoss(GraphLoss):
    r"""Base class of losses that learn :math:`\log 1/\tau`, or the temperature itself where it is given as a parameter,
    as in the other losses.

    At and beyond :attr:`max_scale` gradients that lead back inside pass, so that a scale that overshoots comes back;
    those that lead further out are zero.

    Args:
        conv (PairConv): The layer at the temperature where it starts, or with the parameter of the caller's.
        learnable (bool, optional): Whether the temperature is learned. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        reduction (str, optional): See :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)
    """

    #: The largest inverse temperature, if there is one.
    max_scale: ClassVar[float | None] = None

    def __init__(
        self, conv: PairConv, learnable: bool = True, gather_distributed: bool = False, reduction: str = "mean"
    ):
        super().__init__(conv, gather_distributed, reduction)
        self._logit_scale: float | Tensor | None = None
        own = learnable and not isinstance(conv.temperature, Tensor)
        #: Logarithm of the inverse temperature, where that is learned.
        self.log_scale: nn.Parameter | None = nn.Parameter(torch.tensor(-math.log(conv.temperature))) if own else None

    @property
    def temperature(self) -> float | Tensor:
        """The temperature, within its bound: a number, or where it is learned a scalar tensor with a history."""
        if self._logit_scale is not None:
            return 1 / self._logit_scale
        most = self.max_scale or math.inf
        if self.log_scale is not None:
            return bound(self.log_scale, high=math.log(most)).neg().exp()
        own = self.conv.temperature
        return bound(own, low=1 / most) if isinstance(own, Tensor) else own

    def layer(self) -> PairConv:
        """The layer at the temperature that is learned, or that is given with this call."""
        temperature = self.temperature
        if self._logit_scale is None:
            if not isinstance(temperature, Tensor):
                return self.conv
            if self.log_scale is not None:
                self._keep(temperature)
        return self.conv.at(temperature=temperature)

    def plain_temperature(self) -> float | Tensor | None:
        """See :meth:`GraphLoss.plain_temperature`."""
        if not self.conv.plain:
            return None
        temperature = self.temperature
        if self._logit_scale is None and self.log_scale is not None and looks_at(self.log_scale):
            self._keep(temperature)
        return temperature

    def _keep(self, temperature: Tensor) -> None:
        """Says the temperature to the layer that stays, as a number: with a history it could be neither copied nor
        saved."""
        number = float(temperature.detach())
        if number != self.conv.temperature:
            for part in self.conv.modules():
                if isinstance(part, PairConv):
                    part.temperature = number

    if TYPE_CHECKING:

        def __call__(self, *args: Any, logit_scale: float | Tensor | None = None, **kwargs: Any) -> Tensor:
            """The loss of views, or of ``(x, graph)``."""
            ...

    @called_like(GraphLoss.graph)
    def forward(self, *args: Any, logit_scale: float | Tensor | None = None, **kwargs: Any) -> Tensor:
        """The loss of views, or of ``(x, graph)``.

        Args:
            *args: As of :class:`~gnnclr.losses.GraphLoss`.
            logit_scale (float or Tensor, optional): The inverse temperature of this call, in place of the one of the
                loss, for models that learn it themselves; it gets a gradient. (default: ``None``)
            **kwargs: As of :class:`~gnnclr.losses.GraphLoss`.
        """
        if logit_scale is None:
            return super().forward(*args, **kwargs)
        self._logit_scale = check_positive("logit_scale", logit_scale, learnable=True)
        try:
            return super().forward(*args, **kwargs)
        finally:
            self._logit_scale = None


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
