"""The classifier that a linear probe fitted, as a module."""

import torch
from torch import Tensor, nn

from gnnclr.ops.unit_rows import normalize


class LinearHead(nn.Module):
    r"""The classifier of a linear probe, with the scaling of features before it:

    .. math:: \mathbf{s} = \mathbf{W}^\top \frac{g(\mathbf{x}) - \boldsymbol{\mu}}{\boldsymbol{\sigma}} + \mathbf{b},
        \qquad g(\mathbf{x}) = \mathbf{x} \text{ or } \mathbf{x} / \|\mathbf{x}\|

    It is differentiable by the features: what a probe says of an encoder can be attacked through it.

    Args:
        classes (Tensor): The label of each score.
        weight (Tensor): Weights :math:`\mathbf{W}`.
        bias (Tensor): Biases :math:`\mathbf{b}`.
        mean (Tensor): The mean :math:`\boldsymbol{\mu}` of each feature.
        factor (Tensor): The inverse deviation :math:`1 / \boldsymbol{\sigma}` of each feature.
        unit (bool): Whether rows are brought to unit length first.

    Shapes:
        - **input:** features :math:`(n, d)`
        - **output:** scores :math:`(n, C)`
    """

    classes: Tensor
    weight: Tensor
    bias: Tensor
    mean: Tensor
    factor: Tensor

    def __init__(self, classes: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, factor: Tensor, unit: bool):
        super().__init__()
        parts = {"classes": classes, "weight": weight, "bias": bias, "mean": mean, "factor": factor}
        for name, value in parts.items():
            self.register_buffer(name, value.detach())
        self.unit = unit

    def forward(self, x: Tensor) -> Tensor:
        """The scores of features."""
        x = normalize(x.float()) if self.unit else x.float()
        return ((x - self.mean) * self.factor) @ self.weight + self.bias

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The labels of the highest scores [n]."""
        return self.classes[self(x).argmax(dim=1)]

    def extra_repr(self) -> str:
        """Features and classes."""
        return f"{self.weight.size(0)}, classes={self.weight.size(1)}, unit={self.unit}"
