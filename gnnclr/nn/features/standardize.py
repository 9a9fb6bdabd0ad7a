"""Features of mean zero and standard deviation one."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_number
from gnnclr.ops.unit_rows import power_of_two, scale_down


class Standardized:
    r"""A view whose features are standardized over samples, :math:`\tilde{\mathbf{z}} = (\mathbf{z} - \mu) / \sigma`.

    A feature that does not vary becomes zero, and gets no gradient.

    Args:
        z (Tensor): A view [n, d].
        unbiased (bool, optional): Divide the variance by :math:`n - 1`. (default: ``True``)
        eps (float, optional): Added to the variance. (default: ``0.0``)
    """

    def __init__(self, z: Tensor, unbiased: bool = True, eps: float = 0.0):
        check_number("eps", eps, least=0)
        self.dof: int = z.size(0) - int(unbiased)
        # Squares of features far from one would over- or underflow: each has a power of two taken out, which rounds
        # nothing, and which the offset, if any, bounds from below.
        largest = z.abs().amax(dim=0)
        self._exponent = power_of_two(largest.clamp(min=eps**0.5))
        z, largest = scale_down(z, self._exponent), scale_down(largest, self._exponent)
        offset = scale_down(scale_down(z.new_full(largest.shape, eps), self._exponent), self._exponent)
        centered = z - z.mean(dim=0)
        sigma = (centered.square().sum(dim=0) / self.dof + offset).sqrt()
        # Rounding leaves features that are constant a tiny spread.
        constant = (offset == 0) & (sigma <= 1e-6 * largest)
        self.inverse: Tensor = sigma.reciprocal().masked_fill(constant | (sigma == 0), 0)
        #: The standardized view [n, d].
        self.z: Tensor = centered * self.inverse

    def backward(self, grad: Tensor) -> Tensor:
        """The gradient by the view, from that by the standardized view."""
        along = (grad * self.z).sum(dim=0) / self.dof
        most = torch.finfo(grad.dtype).max  # features may vary so little that no number is the gradient
        grad = (grad - grad.mean(dim=0) - self.z * along) * self.inverse
        return scale_down(grad, self._exponent).clamp_(-most, most)
