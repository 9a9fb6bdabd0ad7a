"""Alignment weighted by how far positives are apart."""

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.nn.alignment import AlignmentConv, PositivePairs, positive_weights
from gnnclr.ops.check import check_positive


class FarPositiveAlignmentConv(AlignmentConv):
    r"""The alignment update with the weights of `"Decoupled Contrastive Learning" <https://arxiv.org/abs/2110.06848>`_:
    positives that are far apart attract more.

    .. math::
        \omega_{ip} = 2 - \frac{e^{\mathbf{z}_i^\top \mathbf{z}_p / \sigma}}
        {\operatorname{mean}_{jq} e^{\mathbf{z}_j^\top \mathbf{z}_q / \sigma}}

    The weights multiply those of the graph, have mean one, and are held constant in the message. The mean runs over all
    positives of the batch, and of all processes where batches are gathered.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.1``)
        sigma (float, optional): The sharpness :math:`\sigma > 0` of the weights. (default: ``0.5``)
        mean (str, optional): The mean over ``"anchors"`` or over ``"pairs"``. (default: ``"anchors"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with positives :math:`(2, e)` and weights :math:`(e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, temperature: float | nn.Parameter = 0.1, sigma: float = 0.5, mean: str = "anchors"):
        super().__init__(temperature, mean=mean)
        self.sigma: float = check_positive("sigma", sigma)

    def pairs(self, z: Tensor, graph: ContrastGraph) -> PositivePairs:
        """The positives of a graph with their weights and scores."""
        pairs = super().pairs(z, graph)
        logit = pairs.score * (self._tau / self.sigma)
        if logit.numel():
            counts = positive_weights(z, graph)[1] > 0
            logit = logit.masked_fill(~counts, float("-inf"))
            factor = 2 - torch.softmax(logit, 0) * counts.sum()
            pairs.weight = torch.where(counts, pairs.weight * factor, 0)
        return pairs

    def extra_repr(self) -> str:
        """Temperature and sharpness."""
        return f"{super().extra_repr()}, sigma={self.sigma:g}"
