"""The weight of inferior positives, by how far adversarial views are from clean ones."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gnnclr.ops.check import check_count, check_number, check_positive


class AdaptiveAlpha(nn.Module):
    r"""The :math:`\alpha` of `"Adversarial Contrastive Learning via Asymmetric InfoNCE"
    <https://arxiv.org/abs/2207.08374>`_ as its authors' code adapts it: near adversarial views are taken for ordinary
    positives, far ones for inferior ones.

    .. math:: \alpha_t = \begin{cases}
        \alpha & \delta_t > \bar\delta \\
        \tfrac12 & \delta_t \le d_{\min} \\
        \alpha + \dfrac{\bar\delta - \delta_t}{\bar\delta - d_{\min}} \big(\tfrac12 - \alpha\big) & \text{otherwise}
        \end{cases}

    with :math:`\delta_t` the mean distance of the encoder's features of a batch of clean images and of their
    adversarial views, and :math:`\bar\delta` its mean over all images of the first epochs, in which :math:`\alpha`
    stays. The sums behind that mean are buffers, and so in every checkpoint; after the first epochs they stay as they
    are. Several processes measure the images of all.

    The authors attack the image itself, and compare with it; here both are of the first view. The distance is of the
    features as they are: :math:`d_{\min}` belongs to an encoder and its width.

    Args:
        alpha (float, optional): The smallest weight :math:`\alpha`. (default: ``0.2``)
        start_epoch (int, optional): The epoch, counted from 0, from which on it adapts. The authors take 30 for
            CIFAR-10 and 20 for CIFAR-100. (default: ``30``)
        d_min (float, optional): The distance :math:`d_{\min}`; the authors take 0.4 for CIFAR-10 and 0.5 for
            CIFAR-100. (default: ``0.4``)

    Shapes:
        - **input:** features of clean and of adversarial views :math:`(n, D)` each
        - **output:** :math:`\alpha_t`, a number, and :math:`\delta_t`, a scalar
    """

    distances: Tensor

    def __init__(self, alpha: float = 0.2, start_epoch: int = 30, d_min: float = 0.4):
        super().__init__()
        self.alpha: float = float(check_number("alpha", alpha, least=0, most=0.5))
        self.first_epoch: int = check_count("start_epoch", start_epoch)
        self.d_min: float = check_positive("d_min", d_min)
        self.epoch = 0
        #: The sum of distances in the first epochs, and their number.
        self.register_buffer("distances", torch.zeros(2, dtype=torch.float64))

    def start_epoch(self, epoch: int) -> None:
        """Says which epoch begins."""
        self.epoch: int = epoch

    @torch.no_grad()
    def forward(self, clean: Tensor, adversarial: Tensor) -> tuple[float, Tensor]:
        """The weight for a batch, and the mean distance in it; the batches of the first epochs are remembered."""
        if clean.shape != adversarial.shape or clean.size(0) == 0:
            shapes = f"{list(clean.shape)} and {list(adversarial.shape)}"
            raise ValueError(f"'adversarial' must have a row for each of one or more of 'clean' (got {shapes})")
        apart = torch.linalg.vector_norm((clean - adversarial).double().flatten(1), dim=1)
        batch = torch.stack([apart.sum(), apart.new_tensor(len(apart))])
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(batch)
        distance = batch[0] / batch[1]
        if self.epoch < self.first_epoch:
            self.distances += batch
            return self.alpha, distance
        usual = float(self.distances[0] / self.distances[1]) if float(self.distances[1]) else 0.0
        return self._weight(float(distance), usual), distance

    def _weight(self, distance: float, usual: float) -> float:
        if distance > usual:
            return self.alpha
        if distance <= self.d_min:
            return 0.5
        return self.alpha + (usual - distance) / (usual - self.d_min) * (0.5 - self.alpha)

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha:g}, start_epoch={self.first_epoch}, d_min={self.d_min:g}"
