"""The base of predictors that are set from the correlation of their inputs."""

from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from gnnclr.ops.check import check_count, check_matrix, check_number


class SpectralPredictor(nn.Module):
    r"""Base of linear predictors :math:`\mathbf{p}_i = \mathbf{W} \mathbf{z}_i` whose matrix is a function of the
    correlation of their inputs, as in `"Understanding Self-Supervised Learning Dynamics without Contrastive Pairs"
    <https://arxiv.org/abs/2102.06810>`_.

    .. math:: \mathbf{F} \leftarrow \rho\, \mathbf{F} + (1 - \rho) \operatorname{mean}_i \mathbf{z}_i
        \mathbf{z}_i^{\top}, \qquad \mathbf{W} \leftarrow w(\mathbf{F})

    The mean is over all rows that :meth:`forward` has seen in training mode since the last step, of all views and all
    processes; the first one begins the average. :meth:`after_optimizer_step` updates :math:`\mathbf{F}`, and sets
    :math:`\mathbf{W}` after the first step and every :obj:`frequency` steps from there. In between, :math:`\mathbf{W}`
    learns like any weight; with a frequency of one it has no gradient. All processes must call it.

    A subclass writes :meth:`filter`. A filter of the spectrum amplifies the directions in which embeddings vary most:
    it plays the part that a low-pass filter has on a graph.

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        decay (float, optional): The factor :math:`0 \le \rho < 1`. (default: ``0.3``)
        frequency (int, optional): Steps from one setting of :math:`\mathbf{W}` to the next. (default: ``1``)
        centered (bool, optional): If set to :obj:`True`, :math:`\mathbf{F}` is the covariance
            :math:`\mathbf{F} - \boldsymbol\mu \boldsymbol\mu^{\top}`, with :math:`\boldsymbol\mu` the same average of
            the mean. (default: :obj:`False`)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    moments: Tensor
    pending: Tensor
    step: Tensor

    def __init__(self, channels: int, decay: float = 0.3, frequency: int = 1, centered: bool = False):
        super().__init__()
        self.channels: int = check_count("channels", channels)
        self.frequency: int = check_count("frequency", frequency)
        self.decay: float = float(check_number("decay", decay, least=0, below=1))
        self.centered: bool = centered
        self.weight: nn.Parameter = nn.Parameter(torch.eye(channels), requires_grad=frequency > 1)
        # Moments of rows with a one appended: the correlation, the mean, and in the corner the number of rows.
        self.register_buffer("moments", torch.zeros(channels + 1, channels + 1))  # the average; all zero at the start
        self.register_buffer("pending", torch.zeros(channels + 1, channels + 1))  # sums since the last step
        self.register_buffer("step", torch.tensor(0))  # steps that are done, also those that set no matrix

    @property
    def correlation(self) -> Tensor:
        r"""The average :math:`\mathbf{F}` [d, d]."""
        second, mean = self.moments[:-1, :-1], self.moments[:-1, -1]
        return second - mean.outer(mean) if self.centered else second

    def forward(self, z: Tensor) -> Tensor:
        """The predictions of ``z``."""
        check_matrix("z", z, cols=self.channels)
        if self.training:
            self._observe(z)
        return F.linear(z, self.weight)

    @torch.no_grad()
    def _observe(self, z: Tensor) -> None:
        rows = F.pad(z.detach().to(self.pending), (0, 1), value=1.0)
        self.pending.addmm_(rows.t(), rows)  # in place, since autocast would sum in half precision otherwise

    @torch.no_grad()
    def after_optimizer_step(self) -> None:
        """Averages the correlation of the step's rows into that of earlier steps, and sets the matrix if it is due."""
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(self.pending)
        # Scaling of the loss skips steps that overflow; so are they here.
        if bool(self.pending[-1, -1] > 0) and bool(self.pending.isfinite().all()):
            mean = self.pending / self.pending[-1, -1]
            begun = bool(self.moments[-1, -1] > 0)
            self.moments.copy_(mean.lerp(self.moments, self.decay) if begun else mean)
        self.pending.zero_()
        if int(self.step) % self.frequency == 0 and bool(self.moments[-1, -1] > 0):
            self.weight.copy_(self.filter(self.correlation))
        self.step += 1

    def filter(self, correlation: Tensor) -> Tensor:
        """The matrix for a correlation [d, d]."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.channels}, decay={self.decay:g}, frequency={self.frequency}, centered={self.centered}"


def spectral_map(matrix: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    r"""A function of a symmetric, positive semi-definite matrix,
    :math:`\mathbf{U} f(\boldsymbol\Lambda) \mathbf{U}^{\top}`.

    Args:
        matrix (Tensor): The matrix [d, d].
        function (callable): Maps eigenvalues, in ascending order and not below zero, to others [d].
    """
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * function(values.clamp(min=0))) @ vectors.t()
