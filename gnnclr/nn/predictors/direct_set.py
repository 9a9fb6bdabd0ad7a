"""DirectSet: a power of the correlation."""

import torch
from torch import Tensor

from gnnclr.nn.predictors.spectral import SpectralPredictor, spectral_map
from gnnclr.ops.check import check_number, check_positive


class DirectSet(SpectralPredictor):
    r"""The predictor DirectSet(:math:`\alpha`) of `"Towards Demystifying Representation Learning with Non-contrastive
    Self-supervision" <https://arxiv.org/abs/2110.04947>`_: a power of the correlation of its inputs, set and not
    trained.

    .. math:: \mathbf{W} = \Bigl(\frac{\mathbf{F}}{\|\mathbf{F}\|_2}\Bigr)^{\alpha} + \epsilon\, \mathbf{I}

    :class:`~gnnclr.nn.predictors.DirectPred` is :math:`\alpha = 1/2`. For :math:`\alpha = 1`
    :class:`~gnnclr.nn.predictors.DirectCopy` needs no eigendecomposition.

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        alpha (float, optional): The power :math:`\alpha > 0`. (default: ``0.5``)
        decay (float, optional): The factor :math:`\rho` of the average of correlations. (default: ``0.3``)
        eps (float, optional): The number :math:`\epsilon \ge 0` that keeps small eigenvalues alive.
            (default: ``0.01``, as DirectPred's)
        frequency (int, optional): Steps from one setting of :math:`\mathbf{W}` to the next, see
            :class:`~gnnclr.nn.predictors.spectral.SpectralPredictor`. (default: ``1``)
        centered (bool, optional): If set to :obj:`True`, the covariance stands for the correlation.
            (default: :obj:`False`)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    def __init__(
        self,
        channels: int,
        alpha: float = 0.5,
        decay: float = 0.3,
        eps: float = 0.01,
        frequency: int = 1,
        centered: bool = False,
    ):
        super().__init__(channels, decay, frequency, centered)
        self.alpha: float = check_positive("alpha", alpha)
        self.eps: float = float(check_number("eps", eps, least=0))

    def filter(self, correlation: Tensor) -> Tensor:
        """The matrix for a correlation [d, d]."""
        tiny = torch.finfo(correlation.dtype).tiny
        return spectral_map(correlation, lambda s: (s / s.max().clamp(min=tiny)) ** self.alpha + self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, alpha={self.alpha:g}, eps={self.eps:g}"
