"""The discriminator between real and corrupted nodes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import uniform

from gnnclr.ops.check import check_count


class BilinearDiscriminator(nn.Module):
    r"""The discriminator of `"Deep Graph Infomax" <https://arxiv.org/abs/1809.10341>`_.

    .. math:: \mathbf{s} = \sigma\big(\tfrac{1}{n} \sum_i \mathbf{z}_i\big), \qquad
        \mathcal{D}(\mathbf{z}, \mathbf{s}) = \mathbf{z}^{\top} \mathbf{W} \mathbf{s}

    Args:
        channels (int): Size of embeddings and summary.

    Shapes:
        - **input:** embeddings :math:`(n, d)`, a summary :math:`(d)`
        - **output:** logits :math:`(n)`
    """

    def __init__(self, channels: int):
        super().__init__()
        check_count("channels", channels)
        self.weight: nn.Parameter = nn.Parameter(torch.empty(channels, channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        uniform(self.weight.size(0), self.weight)

    @staticmethod
    def summary(z: Tensor) -> Tensor:
        """The summary of a graph [d] by the embeddings of its nodes."""
        return z.mean(dim=0).sigmoid()

    def forward(self, z: Tensor, summary: Tensor) -> Tensor:
        """The logit of each node."""
        return z @ (self.weight @ summary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.size(0)})"


def discrimination_loss(real: Tensor, corrupted: Tensor) -> Tensor:
    r"""The binary cross entropy between the logits of real and corrupted nodes,
    :math:`\operatorname{mean} \log(1 + e^{-a}) + \operatorname{mean} \log(1 + e^{b})`.

    Args:
        real (Tensor): Logits :math:`a` of real nodes [n].
        corrupted (Tensor): Logits :math:`b` of corrupted nodes [m].
    """
    return F.softplus(-real).mean() + F.softplus(corrupted).mean()


def discrimination_accuracy(real: Tensor, corrupted: Tensor) -> Tensor:
    """The share of nodes on the right side, half of it of real ones.

    Args:
        real (Tensor): Logits of real nodes [n].
        corrupted (Tensor): Logits of corrupted nodes [m].
    """
    return 0.5 * ((real > 0).float().mean() + (corrupted < 0).float().mean())
