"""Features of mean zero and standard deviation one."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_number


class Standardized:
    r"""A view whose features are standardised over samples, :math:`\tilde{\mathbf{z}} = (\mathbf{z} - \mu) / \sigma`.

    A feature that does not vary becomes zero, and gets no gradient.

    Args:
        z (Tensor): A view [n, d].
        unbiased (bool, optional): Divide the variance by :math:`n - 1`. (default: ``True``)
        eps (float, optional): Added to the variance. (default: ``0.0``)
    """

    def __init__(self, z: Tensor, unbiased: bool = True, eps: float = 0.0):
        check_number("eps", eps, least=0)
        self.dof = z.size(0) - int(unbiased)
        centred = z - z.mean(dim=0)
        sigma = (centred.square().sum(dim=0) / self.dof + eps).sqrt()
        # Rounding leaves features that are constant a tiny spread.
        constant = sigma <= 1e-6 * z.abs().amax(dim=0) if eps == 0 else torch.zeros_like(sigma, dtype=torch.bool)
        self.inverse = sigma.reciprocal().masked_fill(constant | (sigma == 0), 0)
        #: The standardised view [n, d].
        self.z = centred * self.inverse

    def backward(self, grad: Tensor) -> Tensor:
        """The gradient by the view, from that by the standardised view."""
        along = (grad * self.z).sum(dim=0) / self.dof
        return (grad - grad.mean(dim=0) - self.z * along) * self.inverse
