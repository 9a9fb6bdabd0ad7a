"""Integration of differential equations in fixed steps."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_positive

State = TypeVar("State", bound=tuple[Any, ...])


def integrate(
    velocity: Callable[[State], State], start: State, time: float, step: float, record_every: int = 1
) -> tuple[Tensor, list[State]]:
    """Follows a velocity by the Runge-Kutta method of fourth order.

    Args:
        velocity (callable): The time derivative of a state.
        start (named tuple of Tensor): The state at time 0.
        time (float): How long.
        step (float): The time of a step; the last one ends at or just after ``time``.
        record_every (int, optional): Steps between two records. (default: ``1``)

    Returns:
        tuple: The times of the records, the first and the last step among them [t], and the states.

    Raises:
        ValueError: If the state is not finite after some step.
    """
    check_positive("time", time)
    steps = math.ceil(round(time / check_positive("step", step), 9))
    check_count("record_every", record_every)
    kind, state = type(start), start

    def moved(slope: State, by: float) -> State:
        return kind(*(torch.add(x, v, alpha=by) for x, v in zip(state, slope)))

    times, states = [0.0], [start]
    for index in range(1, steps + 1):
        a = velocity(state)
        b = velocity(moved(a, step / 2))
        c = velocity(moved(b, step / 2))
        d = velocity(moved(c, step))
        state = moved(kind(*((p + 2 * q + 2 * r + s) / 6 for p, q, r, s in zip(a, b, c, d))), step)
        if index % record_every == 0 or index == steps:
            if not all(bool(x.isfinite().all()) for x in state):
                raise ValueError(f"'step' must keep the state finite (got {step:g}; time {index * step:g} does not)")
            times.append(index * step)
            states.append(state)
    return torch.tensor(times, dtype=torch.float64), states
