"""The learning rate over time."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from gnnclr.ops.check import check_count, check_number


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
