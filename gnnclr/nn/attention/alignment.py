"""Alignment with attention over positive pairs."""

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.nn.alignment import AlignmentConv, PositivePairs, positive_weights
from gnnclr.nn.attention.cosine import CosineAttention
from gnnclr.nn.attention.pair_attention import PairAttention
from gnnclr.ops.check import check_choice
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.unit_rows import unit_rows


class AttentionAlignmentConv(AlignmentConv):
    r"""The alignment update with attention over positive pairs, after `"A Message Passing Perspective on Learning
    Dynamics of Contrastive Learning" <https://arxiv.org/abs/2303.04435>`_. It takes the place of
    :class:`~gnnclr.nn.AlignmentConv` in :class:`~gnnclr.nn.ContrastiveConv` and other softmax objectives.

    With :math:`\alpha` the weights that the attention gives to the positives, of mean :math:`1/n` over anchors, and
    :math:`s` the scores, the objective of a pair :math:`-\log p_{ip} = \log \sum_j e^{s_{ij}} - s_{ip}` becomes

    .. math::
        E_{\text{row}} = \sum_{ip} \alpha_{ip} \Big[ \log \sum_j e^{s_{ij}} - s_{ip} \Big], \qquad
        E_{\text{alignment}} = \sum_{ip} w_{ip} \log \sum_j e^{s_{ij}} - \sum_{ip} \alpha_{ip}\, s_{ip}

    ``"row"`` is the authors' code: the uniformity of an anchor is weighted with its alignment. ``"alignment"`` is the
    paper: only attraction is weighted, and the uniformity keeps the weights :math:`w` of the graph.

    The rows that are compared are ``graph.features``, such as the features of the encoder; where there are none, or
    where rows of the bank attract, which have none, they are the embeddings. They are brought to unit length and held
    constant, so weights without parameters are constants of the message; those of a learned attention are one more
    differentiable input of the energy.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        attention (PairAttention, optional): Gives the weights. (default: ``CosineAttention()``)
        weighs (str, optional): The part that is weighted: ``"row"`` or ``"alignment"``. (default: ``"row"``)
        kernel (PairKernel, optional): The kernel of the scores. (default: ``None``, the dot product)
        mean (str, optional): The mean over ``"anchors"`` or over ``"pairs"``. (default: ``"anchors"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with positives :math:`(2, e)`, weights :math:`(e)` and
          features :math:`(n, D)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        attention: PairAttention | None = None,
        weighs: str = "row",
        kernel: PairKernel | None = None,
        mean: str = "anchors",
    ):
        super().__init__(temperature, kernel, mean)
        self.attention: CosineAttention | PairAttention = CosineAttention() if attention is None else attention
        self.weighs: str = check_choice("weighs", weighs, ("row", "alignment"))

    @property
    def weighs_rows(self) -> bool:
        """See :class:`~gnnclr.nn.AlignmentConv`."""
        return self.weighs == "row" or super().weighs_rows

    @property
    def attracts_apart(self) -> bool:
        """See :class:`~gnnclr.nn.AlignmentConv`."""
        return self.weighs == "alignment"

    def pairs(self, z: Tensor, graph: ContrastGraph) -> PositivePairs:
        """The positives of a graph with the weights of the attention, and their scores."""
        edge_index, weight, share = positive_weights(z, graph, self.mean)
        x = self._rows(z, graph, edge_index)
        with torch.enable_grad():
            attended = self.attention(x, edge_index, weight.clone()).to(z.dtype)
            learned = attended * share.detach() if attended.requires_grad else None
        score, slope = self.pair_scores(z, graph, edge_index)
        attended = attended.detach() * share
        if self.weighs == "row":
            return PositivePairs(edge_index, attended, score, slope, learned=learned)
        return PositivePairs(edge_index, weight * share, score, slope, attract=attended, learned=learned)

    def _rows(self, z: Tensor, graph: ContrastGraph, edge_index: Tensor) -> Tensor:
        """The unit rows that the attention compares."""
        x, from_bank = graph.features, edge_index.numel() and int(edge_index[0].max()) >= z.size(0)
        if x is None or from_bank:
            x = self.candidates(z, graph)
        return unit_rows(x.detach().to(z))

    def extra_repr(self) -> str:
        """Temperature, attention and the part that is weighted."""
        return f"{super().extra_repr()}, {self.attention}, weighs={self.weighs!r}"
