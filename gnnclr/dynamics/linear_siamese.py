"""A linear encoder and a linear predictor, trained without negatives."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gnnclr.dynamics.integrate import integrate
from gnnclr.dynamics.siamese_trajectory import SiameseTrajectory
from gnnclr.ops.check import check_count, check_matrix, check_number, check_positive, check_seed, describe


class SiameseWeights(NamedTuple):
    r"""The weights of :class:`LinearSiamese`: encoder :math:`\mathbf{W}` :math:`(*, k, d)`, predictor
    :math:`\mathbf{W}_p` :math:`(*, k, k)` and target encoder :math:`\mathbf{W}_a` :math:`(*, k, d)`."""

    encoder: Tensor
    predictor: Tensor
    target: Tensor


@dataclass(frozen=True)
class LinearSiamese:
    r"""BYOL and SimSiam as two linear layers, the model of `"Understanding Self-Supervised Learning Dynamics without
    Contrastive Pairs" <https://arxiv.org/abs/2102.06810>`_ (Theorem 1).

    With :math:`x_1, x_2` two views of a sample, :math:`\mathbf{X}` the second moment of the mean view of a sample and
    :math:`\mathbf{X}'` the mean covariance of the views of one sample, the loss is

    .. math:: J = \tfrac12\, \mathbb{E}\, \| \mathbf{W}_p \mathbf{W} x_1 - \mathrm{sg}(\mathbf{W}_a x_2) \|^2

    and gradient descent with small steps is the flow

    .. math::
        \mathbf{G} &= \mathbf{W}_a \mathbf{X} - \mathbf{W}_p \mathbf{W} (\mathbf{X} + \mathbf{X}') \\
        \dot{\mathbf{W}} &= \mathbf{W}_p^\top \mathbf{G} - \eta \mathbf{W} \\
        \dot{\mathbf{W}}_p &= \alpha_p\, \mathbf{G} \mathbf{W}^\top - \eta \mathbf{W}_p \\
        \dot{\mathbf{W}}_a &= \beta\, (\mathbf{W} - \mathbf{W}_a)

    Args:
        moment (Tensor): The matrix :math:`\mathbf{X}`.
        spread (Tensor): The matrix :math:`\mathbf{X}'`.
        predictor_rate (float, optional): The learning rate :math:`\alpha_p > 0` of the predictor, as a multiple of
            that of the encoder. (default: ``1.0``)
        weight_decay (float, optional): The decay :math:`\eta \ge 0` of encoder and predictor. (default: ``0.01``)
        target_rate (float, optional): The rate :math:`\beta > 0` at which the target follows the encoder: with steps
            of length :math:`\Delta` a momentum of :math:`1 - \beta \Delta`. (default: ``None``: the target is the
            encoder, as in SimSiam)
        symmetric (bool, optional): Whether the velocity of the predictor is made symmetric, the paper's third
            assumption. (default: ``False``)

    Shapes:
        - **moment** and **spread:** :math:`(d, d)`, symmetric and without negative eigenvalues

    Raises:
        ValueError: If an argument has the wrong type, shape or range.
    """

    moment: Tensor
    spread: Tensor
    predictor_rate: float = 1.0
    weight_decay: float = 0.01
    target_rate: float | None = None
    symmetric: bool = False

    def __post_init__(self) -> None:
        d = check_matrix("moment", self.moment).size(0)
        for name in ("moment", "spread"):
            object.__setattr__(self, name, _check_moment(name, getattr(self, name), d))
        check_positive("predictor_rate", self.predictor_rate)
        check_number("weight_decay", self.weight_decay, least=0)
        check_number("target_rate", self.target_rate, above=0, optional=True)

    @classmethod
    def isotropic(
        cls,
        in_features: int,
        noise: float = 1.0,
        *,
        predictor_rate: float = 1.0,
        weight_decay: float = 0.01,
        target_rate: float | None = None,
        symmetric: bool = False,
    ) -> "LinearSiamese":
        r"""The paper's first assumption: :math:`\mathbf{X} = \mathbf{I}` and :math:`\mathbf{X}' = \sigma^2 \mathbf{I}`.

        Args:
            in_features (int): The dimension :math:`d`.
            noise (float, optional): The variance :math:`\sigma^2 \ge 0` of views. (default: ``1.0``)
            predictor_rate (float, optional): See the class. (default: ``1.0``)
            weight_decay (float, optional): See the class. (default: ``0.01``)
            target_rate (float, optional): See the class. (default: ``None``)
            symmetric (bool, optional): See the class. (default: ``False``)
        """
        eye = torch.eye(check_count("in_features", in_features), dtype=torch.float64)
        spread = eye * check_number("noise", noise, least=0)
        return cls(eye, spread, predictor_rate, weight_decay, target_rate, symmetric)

    @classmethod
    def of_views(cls, views: Tensor, **settings: float | bool | None) -> "LinearSiamese":
        r"""The model whose moments are those of data, less the mean of all views.

        Args:
            views (Tensor): :math:`v` views of each of :math:`n` samples :math:`(n, v, d)`: all that a sample has, or
                draws of them.
            settings: As of the class.
        """
        if not isinstance(views, Tensor) or views.dim() != 3 or not views.is_floating_point() or not views.numel():
            raise ValueError(f"'views' must be a floating point tensor of shape [n, v, d] (got {describe(views)})")
        views = views.detach().double()
        views = views - views.mean(dim=(0, 1))
        mean = views.mean(dim=1)
        apart = (views - mean.unsqueeze(1)).flatten(0, 1)
        return cls(mean.t() @ mean / len(mean), apart.t() @ apart / len(apart), **settings)

    def start(
        self, out_features: int, scale: float = 1.0, predictor_scale: float = 1.0, seed: int = 0, copies: int = 1
    ) -> SiameseWeights:
        r"""Random weights: entries of the encoder from :math:`\mathcal{N}(0, a^2 / d)`, those of the predictor from
        :math:`\mathcal{N}(0, b^2 / k)`, of its symmetric part where the model is symmetric. The target is the encoder.

        Args:
            out_features (int): The width :math:`k` of the embeddings.
            scale (float, optional): The number :math:`a`. (default: ``1.0``)
            predictor_scale (float, optional): The number :math:`b`. (default: ``1.0``)
            seed (int, optional): The seed. (default: ``0``)
            copies (int, optional): Draws, which are simulated side by side; with more than one, weights have a first
                dimension. (default: ``1``)
        """
        k, d = check_count("out_features", out_features), self.moment.size(0)
        check_positive("scale", scale)
        check_positive("predictor_scale", predictor_scale)
        generator = torch.Generator().manual_seed(check_seed("seed", seed))
        shape = (check_count("copies", copies), k, d + k)
        draws = torch.randn(shape, generator=generator, dtype=torch.float64).to(self.moment.device)
        encoder, predictor = draws.split([d, k], dim=2)
        encoder, predictor = encoder * (scale / d**0.5), predictor * (predictor_scale / k**0.5)
        if self.symmetric:
            predictor = (predictor + predictor.mT) / 2
        weights = SiameseWeights(encoder, predictor, encoder.clone())
        return weights if copies > 1 else SiameseWeights(*(x[0] for x in weights))

    def loss(self, weights: SiameseWeights) -> Tensor:
        r"""The loss :math:`J` of each copy, without weight decay."""
        w, p, a = self._check(weights)
        out, both = p @ w, self.moment + self.spread
        own = ((out @ both) * out).sum(dim=(-2, -1)) + ((a @ both) * a).sum(dim=(-2, -1))
        return own / 2 - ((a @ self.moment) * out).sum(dim=(-2, -1))

    def velocity(self, weights: SiameseWeights) -> SiameseWeights:
        """The time derivative of the weights."""
        w, p, a = weights
        a = w if self.target_rate is None else a
        error = a @ self.moment - p @ (w @ (self.moment + self.spread))
        of_encoder = p.mT @ error - self.weight_decay * w
        of_predictor = self.predictor_rate * (error @ w.mT) - self.weight_decay * p
        if self.symmetric:
            of_predictor = (of_predictor + of_predictor.mT) / 2
        of_target = of_encoder if self.target_rate is None else self.target_rate * (w - a)
        return SiameseWeights(of_encoder, of_predictor, of_target)

    @torch.no_grad()
    def simulate(
        self, start: SiameseWeights, time: float = 100.0, step: float = 0.02, record_every: int = 50
    ) -> SiameseTrajectory:
        """Follows the flow by the Runge-Kutta method of fourth order.

        Args:
            start (SiameseWeights): The weights at time 0. Without a target rate the target is the encoder, whatever
                is given.
            time (float, optional): How long. (default: ``100.0``)
            step (float, optional): The time of a step; the last one ends at or just after ``time``.
                (default: ``0.02``)
            record_every (int, optional): Steps between two records. (default: ``50``)

        Raises:
            ValueError: If weights do not fit the model, or grow beyond all bounds.
        """
        w, p, a = self._check(start)
        start = SiameseWeights(w, p, w.clone() if self.target_rate is None else a)
        times, states = integrate(self.velocity, start, time, step, record_every)
        weights = SiameseWeights(*(torch.stack(part) for part in zip(*states)))
        return SiameseTrajectory.of(times, weights, self.moment)

    def _check(self, weights: SiameseWeights) -> SiameseWeights:
        w, p, a = weights
        d = self.moment.size(0)
        shapes = [tuple(x.shape) if isinstance(x, Tensor) else describe(x) for x in weights]
        first = shapes[0][:-1] if isinstance(w, Tensor) and w.dim() >= 2 else ()
        if shapes != [(*first, d), (*first, *first[-1:]), (*first, d)]:
            raise ValueError(
                f"'start' must hold weights of shapes [*, k, {d}], [*, k, k] and [*, k, {d}] (got {shapes})"
            )
        return SiameseWeights(*(x.detach().to(self.moment) for x in (w, p, a)))


def _check_moment(name: str, x: Tensor, d: int) -> Tensor:
    check_matrix(name, x, finite=True, rows=d, cols=d)
    x = x.detach().double()
    scale = float(x.abs().max()) or 1.0
    apart = float((x - x.t()).abs().max())
    if apart > 1e-5 * scale:
        raise ValueError(f"'{name}' must be symmetric (got entries that differ by {apart:g})")
    least = float(torch.linalg.eigvalsh((x + x.t()) / 2)[0])
    if least < -1e-5 * scale:
        raise ValueError(f"'{name}' must have no negative eigenvalues (got {least:g})")
    return (x + x.t()) / 2
