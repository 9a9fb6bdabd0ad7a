"""The base of pair kernels: a function of the similarity, or of the distance, of two rows."""

from typing import Any

import torch
from torch import Tensor


class PairKernel:
    r"""A function :math:`k(x)` of a pair's similarity :math:`x = \mathbf{q}^\top \mathbf{k}`.

    A subclass writes :meth:`evaluate`. The other members say how :math:`x` comes from rows, and how a weight on
    :math:`x` goes back to them; engines and layers need nothing else, so a kernel with another argument than the
    similarity replaces these. Where it is not the same for :math:`(\mathbf{q}, \mathbf{k})` and
    :math:`(\mathbf{k}, \mathbf{q})` a kernel replaces :meth:`pull_tile` too, and is not ``symmetric``: processes do
    not share its pairs.
    """

    #: Whether the two rows of a pair may change places.
    symmetric: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "pull_tile" in vars(cls) and not {"pull", "symmetric"} & vars(cls).keys():
            cls.symmetric = False

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""The values :math:`k(x)` and slopes :math:`k'(x)`, elementwise; ``x`` is not changed."""
        raise NotImplementedError

    def evaluate_above(self, x: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, slopes by ``x`` and slopes by the threshold of each query, of a kernel that has one."""
        raise NotImplementedError

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The argument of all pairs of rows [n, m]."""
        return q @ k.t()

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The argument of each pair of corresponding rows [e]."""
        return torch.linalg.vecdot(a, b)

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        r"""The gradient of :math:`\sum_{ij} w_{ij} x_{ij}` by ``q`` [n, d]."""
        return weight @ k

    def pull_tile(self, weight: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of the same by ``q`` and ``k``."""
        return self.pull(weight, q, k), self.pull(weight.transpose(-2, -1), k, q)

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        r"""The gradient of :math:`w_e x_e` by ``a``, for each pair of corresponding rows [e, d]."""
        return weight.unsqueeze(-1) * b

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class DistanceKernel(PairKernel):
    r"""A function of the squared distance :math:`x = \|\mathbf{q} - \mathbf{k}\|^2`."""

    def tile(self, q: Tensor, k: Tensor) -> Tensor:
        """The squared distances of all pairs of rows [n, m]."""
        x = torch.addmm(k.square().sum(dim=1), q, k.t(), alpha=-2.0)
        return x.add_(q.square().sum(dim=1, keepdim=True)).clamp_(min=0)

    def rows(self, a: Tensor, b: Tensor) -> Tensor:
        """The squared distance of each pair of corresponding rows [e]."""
        return (a - b).square().sum(dim=-1)

    def pull(self, weight: Tensor, q: Tensor, k: Tensor) -> Tensor:
        r"""The gradient of :math:`\sum_{ij} w_{ij} \|\mathbf{q}_i - \mathbf{k}_j\|^2` by ``q`` [n, d]."""
        return torch.addmm(weight.sum(dim=1, keepdim=True) * q, weight, k, alpha=-1).mul_(2)

    def pull_rows(self, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        r"""The gradient of :math:`w_e \|\mathbf{a}_e - \mathbf{b}_e\|^2` by ``a`` [e, d]."""
        return 2 * weight.unsqueeze(-1) * (a - b)
