"""The optimizer of large batches, groups of decayed parameters, and the learning rate over time."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from gnnclr.ops.check import check_count, check_number


class LARS(Optimizer):
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
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        update = weight.grad.add(weight, alpha=group["weight_decay"])
        if weight.dim() > 1:
            update.mul_(self._trust(weight, group))
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        weight.sub_(state["velocity"].mul_(group["momentum"]).add_(update, alpha=group["lr"]))

    @staticmethod
    def _trust(weight: Tensor, group: dict[str, Any]) -> Tensor:
        size, slope = torch.linalg.vector_norm(weight), torch.linalg.vector_norm(weight.grad)
        ratio = group["trust_coefficient"] * size / (slope + group["weight_decay"] * size + group["eps"])
        if group["clip"]:
            ratio = (ratio / group["lr"]).clamp(max=1) if group["lr"] > 0 else torch.zeros_like(ratio)
        # A choice on the device: a comparison in Python would wait for it, once a layer.
        return torch.where((size > 0) & (slope > 0), ratio, torch.ones_like(ratio))


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Splits the parameters of ``module`` into those that weight decay applies to, and biases, norm scales and other
    vectors and scalars (such as the slope of a PReLU), which it does not. A module whose ``decays_vectors`` is true, as
    methods for graphs are, has one group of all.

    Args:
        module (torch.nn.Module): The module to optimize. Parameters that need no gradient are left out.

    Returns:
        list[dict]: Parameter groups for a :class:`torch.optim.Optimizer`; empty groups are left out.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if getattr(module, "decays_vectors", False):
        return [{"params": parameters}]
    decayed = [parameter for parameter in parameters if parameter.dim() > 1]
    kept = [parameter for parameter in parameters if parameter.dim() <= 1]
    groups = [{"params": decayed}, {"params": kept, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, final: float = 0.0) -> LambdaLR:
    r"""A linear warm-up followed by half a cosine, as in `"SGDR: Stochastic Gradient Descent with Warm Restarts"
    <https://arxiv.org/abs/1608.03983>`_ without restarts. A function of the step alone, where torch's own cosine goes
    on from the last rate, with its rounding.

    .. math::
        \eta_t = \eta \cdot \begin{cases} (t + 1) / w & t < w \\
        f + \frac{1 - f}{2} \left( 1 + \cos \frac{\pi (t - w)}{T - w} \right) & t \geq w \end{cases}

    Args:
        optimizer (torch.optim.Optimizer): The optimizer whose learning rates :math:`\eta` are scaled.
        total_steps (int): The number of steps :math:`T`.
        warmup_steps (int, optional): The number of warm-up steps :math:`w`. (default: ``0``)
        final (float, optional): The fraction :math:`f` of the learning rate that is left at the end. ``1.0`` keeps the
            learning rate constant after the warm-up. (default: ``0.0``)

    Raises:
        ValueError: If ``total_steps`` is not positive, or ``warmup_steps`` or ``final`` is out of range.
    """
    check_count("total_steps", total_steps)
    check_count("warmup_steps", warmup_steps, least=0)
    check_number("final", final, least=0, most=1)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)


def follow_schedule(scheduler: LambdaLR) -> None:
    """Sets the learning rates of an optimizer to those of its schedule at the step it is at: those of a checkpoint are
    of the schedule of the run that wrote it, which may end elsewhere.

    Args:
        scheduler (torch.optim.lr_scheduler.LambdaLR): The schedule.
    """
    factors = zip(scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas)
    for group, rate, factor in factors:
        group["lr"] = rate * factor(scheduler.last_epoch)
