"""The learning rate schedule of contrastive pretraining."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, final: float = 0.0) -> LambdaLR:
    r"""A linear warm-up followed by half a cosine, as in `"SGDR: Stochastic Gradient Descent with Warm Restarts"
    <https://arxiv.org/abs/1608.03983>`_ without restarts.

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
    if total_steps < 1:
        raise ValueError(f"'total_steps' must be at least 1 (got {total_steps})")
    if warmup_steps < 0:
        raise ValueError(f"'warmup_steps' must not be negative (got {warmup_steps})")
    if not 0.0 <= final <= 1.0:
        raise ValueError(f"'final' must lie in [0, 1] (got {final})")

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
