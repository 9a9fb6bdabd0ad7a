"""Attention by similarity."""

import torch
from torch import Tensor

from gnnclr.nn.attention.pair_attention import PairAttention
from gnnclr.ops.check import check_number


class CosineAttention(PairAttention):
    r"""The attention of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: alike pairs weigh more, over all positive pairs of a batch.

    .. math::
        \alpha_{ip} = w_{ip} \, e^{\beta \mathbf{u}_i^\top \mathbf{u}_p} \Big/
        \operatorname{mean}_{jq} e^{\beta \mathbf{u}_j^\top \mathbf{u}_q}

    with the mean over all positive pairs by their weights :math:`w`, whether or not a mask says that their anchor has
    no loss of its own. So two views of an image that a crop has torn apart count less, by a factor of at most
    :math:`e^{2\beta}`.

    Args:
        beta (float, optional): Sharpness :math:`\beta`; at zero all weights stay as they are. (default: ``1.0``)
    """

    def __init__(self, beta: float = 1.0):
        super().__init__()
        self.beta: float = float(check_number("beta", beta))

    def forward(self, x: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """See :class:`PairAttention`."""
        if weight.numel() == 0:
            return weight
        source, target = edge_index
        logit = self.beta * torch.linalg.vecdot(x.index_select(0, source), x.index_select(0, target))
        factor = (logit - logit.max()).exp()
        total = (weight * factor).sum().clamp(min=torch.finfo(weight.dtype).tiny)
        return weight * (factor * (weight.sum() / total))

    def extra_repr(self) -> str:
        """The sharpness."""
        return f"beta={self.beta:g}"
