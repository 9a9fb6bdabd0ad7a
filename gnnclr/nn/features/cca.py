"""The CCA-SSG update."""

import torch
from torch import Tensor

from gnnclr.nn.features.base import FeatureConv
from gnnclr.nn.features.standardize import Standardized
from gnnclr.ops.check import check_positive
from gnnclr.ops.value_only import value_only


class CCAConv(FeatureConv):
    r"""The update of `"From Canonical Correlation Analysis to Self-supervised Graph Neural Networks"
    <https://arxiv.org/abs/2106.12484>`_.

    .. math::
        E = -\tfrac{1}{n} \operatorname{tr}(\tilde{\mathbf{X}}^\top \tilde{\mathbf{Y}}) + \lambda \Big(
        \big\|\mathbf{I} - \tfrac{1}{n} \tilde{\mathbf{X}}^\top \tilde{\mathbf{X}}\big\|_F^2 +
        \big\|\mathbf{I} - \tfrac{1}{n} \tilde{\mathbf{Y}}^\top \tilde{\mathbf{Y}}\big\|_F^2 \Big), \qquad
        -\frac{\partial E}{\partial \tilde{\mathbf{X}}} = \tfrac{1}{n} \Big( \tilde{\mathbf{Y}} + 4 \lambda
        \tilde{\mathbf{X}} \big(\mathbf{I} - \tfrac{1}{n} \tilde{\mathbf{X}}^\top \tilde{\mathbf{X}}\big) \Big)

    with features standardized over the batch (unbiased variance).

    Args:
        decorrelation (float, optional): The weight :math:`\lambda`. (default: ``0.001``)

    Shapes:
        - **input:** embeddings :math:`(n, d)` of any length; graph of two or more views
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, decorrelation: float = 1e-3):
        super().__init__()
        self.decorrelation: float = check_positive("decorrelation", decorrelation)

    def between(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """See :class:`FeatureConv`."""
        a, b = Standardized(x), Standardized(y)
        n, d = a.z.shape
        energy, gradients = -(a.z * b.z).sum() / n, []
        for view, other in ((a, b), (b, a)):
            rest = torch.eye(d, dtype=view.z.dtype, device=view.z.device) - view.z.t() @ view.z / n
            energy = energy + self.decorrelation * rest.square().sum()
            if not value_only():
                gradients.append(view.backward((other.z + 4 * self.decorrelation * view.z @ rest) / -n))
        return (energy, gradients[0], gradients[1]) if gradients else (energy, None, None)

    def extra_repr(self) -> str:
        """The weight."""
        return f"decorrelation={self.decorrelation:g}"
