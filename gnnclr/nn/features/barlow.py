"""The Barlow Twins update."""

import torch
from torch import Tensor

from gnnclr.nn.features.base import FeatureConv, off_diagonal
from gnnclr.nn.features.standardize import Standardized
from gnnclr.ops.check import check_positive
from gnnclr.ops.value_only import value_only


class BarlowTwinsConv(FeatureConv):
    r"""The update of `"Barlow Twins: Self-Supervised Learning via Redundancy Reduction"
    <https://arxiv.org/abs/2103.03230>`_.

    .. math::
        E = \sum_k (1 - C_{kk})^2 + \lambda \sum_{k \neq l} C_{kl}^2, \qquad
        \mathbf{C} = \tfrac{1}{n} \tilde{\mathbf{X}}^\top \tilde{\mathbf{Y}}, \qquad
        -\frac{\partial E}{\partial \tilde{\mathbf{X}}} = -\tfrac{1}{n} \tilde{\mathbf{Y}}
        \Big(\frac{\partial E}{\partial \mathbf{C}}\Big)^\top

    with features standardized over the batch (biased variance plus :math:`10^{-5}`, as batch normalization does).

    Args:
        redundancy (float, optional): The weight :math:`\lambda`. (default: ``0.0051``)

    Shapes:
        - **input:** embeddings :math:`(n, d)` of any length; graph of two or more views
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, redundancy: float = 0.0051):
        super().__init__()
        self.redundancy: float = check_positive("redundancy", redundancy)

    def between(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """See :class:`FeatureConv`."""
        a, b = (Standardized(view, unbiased=False, eps=1e-5) for view in (x, y))
        n = a.z.size(0)
        c = a.z.t() @ b.z / n
        gap, rest = 1 - c.diagonal(), off_diagonal(c)
        energy = gap.square().sum() + self.redundancy * rest.square().sum()
        if value_only():
            return energy, None, None
        by_c = (2 * self.redundancy * rest - 2 * torch.diag(gap)) / n
        return energy, a.backward(b.z @ by_c.t()), b.backward(a.z @ by_c)

    def extra_repr(self) -> str:
        """The weight."""
        return f"redundancy={self.redundancy:g}"
