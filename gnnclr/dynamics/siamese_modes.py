"""The dynamics of single eigenvalues of a predictor and a correlation."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gnnclr.dynamics.integrate import integrate
from gnnclr.ops.check import check_number, check_positive, describe


class Modes(NamedTuple):
    r"""Eigenvalues side by side, any shape: :math:`p_j` of the predictor, :math:`s_j` of the correlation, and the share
    :math:`\tau_j` of the encoder in its target."""

    predictor: Tensor
    correlation: Tensor
    target: Tensor


class ModeTrajectory(NamedTuple):
    """Times :math:`(t)`, and the :class:`Modes` at each of them :math:`(t, *)`."""

    time: Tensor
    modes: Modes


@dataclass(frozen=True)
class SiameseModes:
    r"""What :class:`~gnnclr.dynamics.LinearSiamese` does where views are isotropic and the eigenspaces of predictor and
    correlation are aligned: each pair of eigenvalues moves by itself (`"Understanding Self-Supervised Learning Dynamics
    without Contrastive Pairs" <https://arxiv.org/abs/2102.06810>`_, section 3.2).

    .. math::
        \dot{p}_j &= \alpha_p s_j \left( \tau_j - (1 + \sigma^2)\, p_j \right) - \eta p_j \\
        \dot{s}_j &= 2 p_j s_j \left( \tau_j - (1 + \sigma^2)\, p_j \right) - 2 \eta s_j \\
        \dot{\tau}_j &= \beta (1 - \tau_j) - \tau_j \dot{s}_j / 2 s_j

    so that :math:`s_j - p_j^2 / \alpha_p` falls as :math:`e^{-2 \eta t}`, and a mode comes to rest at zero or at

    .. math:: p_{\pm} = \frac{\tau \pm \sqrt{\tau^2 - 4 \eta (1 + \sigma^2)}}{2 (1 + \sigma^2)}, \qquad
        s_{\pm} = p_{\pm}^2 / \alpha_p

    of which :math:`p_{-}` is the border of the modes that collapse. Above
    :math:`\eta = \tau^2 / 4 (1 + \sigma^2)` all modes do.

    Args:
        noise (float, optional): The variance :math:`\sigma^2 \ge 0` of views. (default: ``1.0``)
        predictor_rate (float, optional): The rate :math:`\alpha_p > 0` of the predictor. (default: ``1.0``)
        weight_decay (float, optional): The decay :math:`\eta \ge 0`. (default: ``0.01``)
        target_rate (float, optional): The rate :math:`\beta > 0` of the target. (default: ``None``:
            :math:`\tau = 1`, as in SimSiam)
    """

    noise: float = 1.0
    predictor_rate: float = 1.0
    weight_decay: float = 0.01
    target_rate: float | None = None

    def __post_init__(self) -> None:
        check_number("noise", self.noise, least=0)
        check_positive("predictor_rate", self.predictor_rate)
        check_number("weight_decay", self.weight_decay, least=0)
        check_number("target_rate", self.target_rate, above=0, optional=True)

    def velocity(self, modes: Modes) -> Modes:
        """The time derivative of each eigenvalue."""
        p, s, tau = modes
        pull = tau - (1 + self.noise) * p
        growth = p * pull - self.weight_decay  # half the rate of s
        of_target = torch.zeros_like(tau) if self.target_rate is None else self.target_rate * (1 - tau) - tau * growth
        return Modes(self.predictor_rate * s * pull - self.weight_decay * p, 2 * s * growth, of_target)

    def simulate(self, start: Modes, time: float = 100.0, step: float = 0.02, record_every: int = 50) -> ModeTrajectory:
        """Follows the equations, as :meth:`LinearSiamese.simulate <gnnclr.dynamics.LinearSiamese.simulate>` follows
        those of the matrices.

        Args:
            start (Modes): The eigenvalues at time 0, tensors of one shape. Without a target rate its part is one,
                whatever is given.
            time (float, optional): How long. (default: ``100.0``)
            step (float, optional): The time of a step. (default: ``0.02``)
            record_every (int, optional): Steps between two records. (default: ``50``)
        """
        shapes = {tuple(x.shape) if isinstance(x, Tensor) else describe(x) for x in start}
        if len(shapes) > 1 or not isinstance(start[0], Tensor) or bool((start[1] < 0).any()):
            raise ValueError(f"'start' must hold tensors of one shape, of correlations not below 0 (got {shapes})")
        p, s, tau = (x.detach().double() for x in start)
        tau = torch.ones_like(tau) if self.target_rate is None else tau
        times, states = integrate(self.velocity, Modes(p, s, tau), time, step, record_every)
        return ModeTrajectory(times, Modes(*(torch.stack(part) for part in zip(*states))))

    def critical_decay(self, tau: float = 1.0) -> float:
        r"""The weight decay :math:`\tau^2 / 4 (1 + \sigma^2)` above which every mode collapses."""
        return check_number("tau", tau, least=0) ** 2 / (4 * (1 + self.noise))

    def fixed_points(self, tau: float = 1.0) -> tuple[float, float] | None:
        r"""The eigenvalues :math:`p_{-}` and :math:`p_{+}` of the predictor at which a mode rests beside zero, or
        :obj:`None` where there are none."""
        left = check_number("tau", tau, least=0) ** 2 - 4 * self.weight_decay * (1 + self.noise)
        if left < 0:
            return None
        root, scale = math.sqrt(left), 2 * (1 + self.noise)
        return (tau - root) / scale, (tau + root) / scale
