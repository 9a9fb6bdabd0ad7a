"""Mixtures of kernels under one logarithm."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_number
from gnnclr.ops.kernels.base import PairKernel


class LogSum(PairKernel):
    r"""The logarithm of a mixture of two exponential kernels of the same rows,
    :math:`\log(\lambda e^{a} + (1 - \lambda) e^{b})`.

    Args:
        first (PairKernel): The logit :math:`a`.
        second (PairKernel): The logit :math:`b`.
        weight (float, optional): The weight :math:`0 < \lambda < 1` of the first. (default: ``0.5``)
    """

    def __init__(self, first: PairKernel, second: PairKernel, weight: float = 0.5):
        self.first: PairKernel = _symmetric("first", first)
        self.second: PairKernel = _symmetric("second", second)
        self.weight: float = check_number("weight", weight, above=0, below=1)
        #: Whether both read the same argument, such as the squared distance.
        self._one = type(first).tile is type(second).tile

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes by the common argument, or by the two arguments, stacked."""
        value, share, slopes = _mix(self, *((x, x) if self._one else x))
        if self._one:
            return value, torch.lerp(slopes[1], slopes[0], share)
        return value, torch.stack([slopes[0] * share, slopes[1] * (1 - share)])

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The argument of all pairs of rows [n, m], or both [2, n, m]."""
        x = self.first.tile(q, k)
        return x if self._one else torch.stack([x, self.second.tile(q, k)])

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The argument of each pair of corresponding rows [e], or both [2, e]."""
        x = self.first.rows(a, b)
        return x if self._one else torch.stack([x, self.second.rows(a, b)])

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """The gradient by queries."""
        if self._one:
            return self.first.pull(weight, q, k)
        return self.first.pull(weight[0], q, k) + self.second.pull(weight[1], q, k)

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The gradients by ``a``."""
        if self._one:
            return self.first.pull_rows(weight, a, b)
        return self.first.pull_rows(weight[0], a, b) + self.second.pull_rows(weight[1], a, b)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.first!r}, {self.second!r}, weight={self.weight:g})"


class LogConcatenation(PairKernel):
    r"""The logarithm of a mixture of two exponential kernels, the first of the first half of the features, the second
    of the second half.

    Args:
        first (PairKernel): The logit on the first half.
        second (PairKernel): The logit on the second half.
        weight (float, optional): The weight :math:`0 < \lambda < 1` of the first. (default: ``0.5``)
    """

    def __init__(self, first: PairKernel, second: PairKernel, weight: float = 0.5):
        self.first: PairKernel = _symmetric("first", first)
        self.second: PairKernel = _symmetric("second", second)
        self.weight: float = check_number("weight", weight, above=0, below=1)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values, and slopes by the two arguments, stacked."""
        value, share, slopes = _mix(self, x[0], x[1])
        return value, torch.stack([slopes[0] * share, slopes[1] * (1 - share)])

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The arguments of both halves [2, n, m]."""
        return torch.stack([kernel.tile(a, b) for kernel, a, b in self._halves(q, k)])

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The arguments of both halves [2, e]."""
        return torch.stack([kernel.rows(a, b) for kernel, a, b in self._halves(a, b)])

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """The gradient by queries, half beside half."""
        return torch.cat([kernel.pull(w, a, b) for w, (kernel, a, b) in zip(weight, self._halves(q, k))], dim=1)

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The gradients by ``a``, half beside half."""
        halves = self._halves(a, b)
        return torch.cat([kernel.pull_rows(w, a, b) for w, (kernel, a, b) in zip(weight, halves)], dim=-1)

    def _halves(self, a: Tensor, b: Tensor) -> list[tuple[PairKernel, Tensor, Tensor]]:
        if a.size(-1) % 2:
            raise ValueError(f"two halves need an even number of features (got {a.size(-1)})")
        return list(zip((self.first, self.second), a.chunk(2, dim=-1), b.chunk(2, dim=-1)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.first!r}, {self.second!r}, weight={self.weight:g})"


class OnHalf(PairKernel):
    r"""A kernel that reads the first or the second half of the features.

    Args:
        kernel (PairKernel): The kernel.
        half (int): ``0`` for the first half, ``1`` for the second.
    """

    def __init__(self, kernel: PairKernel, half: int):
        self.kernel: PairKernel = _symmetric("kernel", kernel)
        self.half: int = check_count("half", half, least=0, most=1)
        self.evaluate: Callable[[Tensor], tuple[Tensor, Tensor]] = kernel.evaluate

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The argument of all pairs of rows [n, m]."""
        return self.kernel.tile(self._half(q), self._half(k))

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The argument of each pair of corresponding rows [e]."""
        return self.kernel.rows(self._half(a), self._half(b))

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """The gradient by queries, zero on the other half."""
        return self._whole(self.kernel.pull(weight, self._half(q), self._half(k)))

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The gradients by ``a``, zero on the other half."""
        return self._whole(self.kernel.pull_rows(weight, self._half(a), self._half(b)))

    def _half(self, x: Tensor) -> Tensor:
        if x.size(-1) % 2:
            raise ValueError(f"two halves need an even number of features (got {x.size(-1)})")
        return x.chunk(2, dim=-1)[self.half]

    def _whole(self, x: Tensor) -> Tensor:
        rest = torch.zeros_like(x)
        return torch.cat([x, rest] if self.half == 0 else [rest, x], dim=-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kernel!r}, half={self.half})"


def _symmetric(name: str, kernel: PairKernel) -> PairKernel:
    if not kernel.symmetric:
        raise ValueError(f"'{name}' must be a kernel whose two rows may change places (got {kernel!r})")
    return kernel


def _mix(mixture: LogSum | LogConcatenation, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Value of a mixture, the share of its first part, and the slopes of both parts."""
    a, slope_a = mixture.first.evaluate(x)
    b, slope_b = mixture.second.evaluate(y)
    a, b = a + math.log(mixture.weight), b + math.log1p(-mixture.weight)
    value = torch.logaddexp(a, b)
    return value, (a - value).exp(), (slope_a, slope_b)
