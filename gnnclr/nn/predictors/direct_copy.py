"""DirectCopy: the correlation itself."""

import torch
from torch import Tensor

from gnnclr.nn.predictors.spectral import SpectralPredictor
from gnnclr.ops.check import check_count, check_number
from gnnclr.ops.unit_rows import unit_rows


class DirectCopy(SpectralPredictor):
    r"""The predictor DirectCopy of `"Towards Demystifying Representation Learning with Non-contrastive
    Self-supervision" <https://arxiv.org/abs/2110.04947>`_: the correlation of its inputs, without an
    eigendecomposition.

    .. math:: \mathbf{W} = \frac{\mathbf{F}}{\|\mathbf{F}\|_2} + \epsilon\, \mathbf{I}

    It is :class:`~gnnclr.nn.predictors.DirectSet` with :math:`\alpha = 1`. The spectral norm is found by power
    iteration from the direction of the last step, as correlations change slowly.

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        decay (float, optional): The factor :math:`\rho` of the average of correlations. (default: ``0.3``)
        eps (float, optional): The number :math:`\epsilon \ge 0` that keeps small eigenvalues alive.
            (default: ``0.01``, as DirectPred's)
        frequency (int, optional): Steps from one setting of :math:`\mathbf{W}` to the next, see
            :class:`~gnnclr.nn.predictors.spectral.SpectralPredictor`. (default: ``1``)
        centered (bool, optional): If set to :obj:`True`, the covariance stands for the correlation.
            (default: :obj:`False`)
        iterations (int, optional): Iterations for the spectral norm at each setting. (default: ``8``)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    direction: Tensor

    def __init__(
        self,
        channels: int,
        decay: float = 0.3,
        eps: float = 0.01,
        frequency: int = 1,
        centered: bool = False,
        iterations: int = 8,
    ):
        super().__init__(channels, decay, frequency, centered)
        self.eps: float = float(check_number("eps", eps, least=0))
        self.iterations: int = check_count("iterations", iterations)
        # A generator of its own: all processes start alike, whatever their seeds.
        start = torch.randn(channels, generator=torch.Generator().manual_seed(0))
        self.register_buffer("direction", unit_rows(start))

    def filter(self, correlation: Tensor) -> Tensor:
        """The matrix for a correlation [d, d]; the direction of its largest eigenvalue is kept for the next one."""
        direction = self.direction
        for _ in range(self.iterations):
            image = correlation @ direction
            norm = image.norm()
            direction = torch.where(norm > 0, image / norm, direction)  # all embeddings may be zero
        self.direction.copy_(direction)
        matrix = correlation / norm.clamp(min=torch.finfo(norm.dtype).tiny)
        matrix.diagonal().add_(self.eps)
        return matrix

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, eps={self.eps:g}"
