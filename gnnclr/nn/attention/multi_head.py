"""Attention that is learned."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import softmax

from gnnclr.nn.attention.pair_attention import PairAttention
from gnnclr.ops.check import check_count, describe


class MultiHeadAttention(PairAttention):
    r"""Learned attention over the positives of each anchor, with the queries and keys of
    `"Attention Is All You Need" <https://arxiv.org/abs/1706.03762>`_.

    .. math::
        \alpha_{ip} = \frac{1}{H} \sum_h \frac{w_{ip} \, e^{s^h_{ip}}}{\sum_q w_{iq} \, e^{s^h_{iq}}}, \qquad
        s^h_{ip} = \frac{(\mathbf{W}^h_Q \mathbf{u}_i)^\top (\mathbf{W}^h_K \mathbf{u}_p)}{\sqrt{d_h}}

    The weights :math:`w` of the graph are the prior, and at zero projections the result. An anchor with one positive
    gives it all of its weight: there must be three views, or neighbors, for the attention to say anything. It is
    trained by the energy that it weighs, so it leans towards the positives that are found most easily, and away from
    wrong ones.

    Args:
        channels (int): Width :math:`d` of the rows that are compared.
        heads (int, optional): Number :math:`H` of heads. (default: ``4``)
        head_channels (int, optional): Width :math:`d_h` of the queries and keys of a head. (default: ``16``)
    """

    def __init__(self, channels: int, heads: int = 4, head_channels: int = 16):
        super().__init__()
        self.channels: int = check_count("channels", channels)
        self.heads: int = check_count("heads", heads)
        self.head_channels: int = check_count("head_channels", head_channels)
        self.query: nn.Linear = nn.Linear(channels, heads * head_channels, bias=False)
        self.key: nn.Linear = nn.Linear(channels, heads * head_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the projections anew."""
        nn.init.xavier_uniform_(self.query.weight)
        nn.init.xavier_uniform_(self.key.weight)

    def forward(self, x: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """See :class:`PairAttention`."""
        if x.size(1) != self.channels:
            raise ValueError(f"'x' must have shape [n, {self.channels}], the 'channels' (got {describe(x)})")
        source, target = edge_index
        query, key = (linear(x).view(-1, self.heads, self.head_channels) for linear in (self.query, self.key))
        score = torch.linalg.vecdot(query[target], key[source]) / self.head_channels**0.5
        prior = weight.clamp(min=torch.finfo(weight.dtype).tiny).log().unsqueeze(1)
        attended = softmax(score + prior, target, num_nodes=x.size(0)).mean(dim=1)
        return attended.masked_fill(weight == 0, 0)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"channels={self.channels}, heads={self.heads}, head_channels={self.head_channels}"
