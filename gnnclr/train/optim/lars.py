"""The optimizer of large batches."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import check_number
from gnnclr.train.optim.each_weight import EachWeightOptimizer


class LARS(EachWeightOptimizer):
    r"""The optimizer of `"Large Batch Training of Convolutional Networks" <https://arxiv.org/abs/1708.03888>`_:
    stochastic gradient descent whose steps are in proportion to the length of each layer's weights.

    .. math::
        \mathbf{v} \leftarrow \mu \mathbf{v} + \gamma \lambda (\mathbf{g} + \beta \mathbf{w}), \qquad
        \mathbf{w} \leftarrow \mathbf{w} - \mathbf{v}, \qquad
        \lambda = \eta\, \frac{\|\mathbf{w}\|}{\|\mathbf{g}\| + \beta \|\mathbf{w}\| + \epsilon}

    with learning rate :math:`\gamma`. As in `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_, vectors and scalars (biases, norm scales) are not adapted:
    :math:`\lambda = 1`, and so it is while a weight or its gradient is zero. Parameter groups say which parameters
    decay: :func:`~gnnclr.train.parameter_groups` gives vectors and scalars no decay. Written here as PyTorch and
    torchvision have none.

    SimCLR takes :math:`\gamma = 0.3\, B / 256` for batches of :math:`B` images, a decay of :math:`10^{-6}` and ten
    epochs of warm-up.

    Args:
        params (iterable): Parameters, or parameter groups.
        lr (float): The learning rate :math:`\gamma`.
        momentum (float, optional): The momentum :math:`\mu`. (default: ``0.9``)
        weight_decay (float, optional): The weight decay :math:`\beta`. (default: ``0.0``)
        trust_coefficient (float, optional): The trust coefficient :math:`\eta`. (default: ``0.001``)
        eps (float, optional): Keeps the denominator from zero. (default: ``1e-8``)
        clip (bool, optional): Take :math:`\min(\lambda / \gamma, 1)` for :math:`\lambda`: the rate of a layer is then
            :math:`\lambda` itself, up to :math:`\gamma`. Many recipes for small images do, with a trust coefficient of
            0.02. (default: ``False``)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        eps: float = 1e-8,
        clip: bool = False,
    ):
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        settings |= {"trust_coefficient": trust_coefficient, "eps": eps}
        for name, value in settings.items():
            check_number(name, value, least=0, below=1 if name == "momentum" else math.inf)
        super().__init__(params, settings | {"clip": clip})

    def move(self, weight: Tensor, slope: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Moves a weight by its velocity."""
        update = slope.add(weight, alpha=group["weight_decay"])
        if weight.dim() > 1:
            update.mul_(self._trust(weight, slope, group))
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        weight.sub_(state["velocity"].mul_(group["momentum"]).add_(update, alpha=group["lr"]))

    @staticmethod
    def _trust(weight: Tensor, slope: Tensor, group: dict[str, Any]) -> Tensor:
        size, steepness = torch.linalg.vector_norm(weight), torch.linalg.vector_norm(slope)
        ratio = group["trust_coefficient"] * size / (steepness + group["weight_decay"] * size + group["eps"])
        if group["clip"]:
            ratio = (ratio / group["lr"]).clamp(max=1) if group["lr"] > 0 else torch.zeros_like(ratio)
        # A choice on the device: a comparison in Python would wait for it, once a layer.
        return torch.where((size > 0) & (steepness > 0), ratio, torch.ones_like(ratio))
