"""Self-attention between the samples of a batch."""

import torch
from torch import Tensor, nn

from gnnclr.ops.check import check_count, check_number, describe
from gnnclr.ops.unit_rows import unit_rows


class SelfAttentionMessagePassing(nn.Module):
    r"""The layer of `"Self-Attention Message Passing for Contrastive Few-Shot Learning"
    <https://arxiv.org/abs/2210.06339>`_ (SAMP): the samples of a batch are the nodes of a complete graph, and refine
    their features by attention to each other.

    .. math::
        \mathbf{h}_i = \operatorname{LN}\Big(\mathbf{x}_i + \mathbf{W}_o \big\Vert_{h}
        \sum_j \operatorname*{softmax}_j \Big(\frac{\mathbf{q}_i^{h\top} \mathbf{k}_j^h}{\sqrt{d_h}}\Big)
        \mathbf{v}_j^h\Big), \qquad
        \mathbf{x}'_i = \operatorname{LN}\big(\mathbf{h}_i + \operatorname{MLP}(\mathbf{h}_i)\big)

    That is a :class:`torch.nn.TransformerEncoderLayer` over the batch, with self-loops and without positions, so the
    order of the samples does not matter. Attention is fused: memory is linear in the batch.

    Args:
        channels (int): Size of the features.
        heads (int, optional): Number of attention heads, a divisor of ``channels``. (default: ``4``)
        layers (int, optional): Number of layers. (default: ``1``)
        dropout (float, optional): Probability of dropping attention weights and features. (default: ``0.0``)

    Shapes:
        - **input:** features of a batch :math:`(n, d)`, or of several batches :math:`(b, n, d)`
        - **output:** as the input
    """

    def __init__(self, channels: int, heads: int = 4, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        self.channels: int = check_count("channels", channels)
        self.heads: int = check_count("heads", heads)
        if channels % heads:
            raise ValueError(f"'heads' must divide the {channels} channels (got {heads})")
        check_count("layers", layers)
        check_number("dropout", dropout, least=0, below=1)
        layer = (
            nn.TransformerEncoderLayer(channels, heads, 4 * channels, dropout, batch_first=True) for _ in range(layers)
        )
        self.layers: nn.ModuleList = nn.ModuleList(layer)

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for module in reversed(list(self.modules())):  # attention after its own output layer, whose bias it clears
            if isinstance(module, nn.MultiheadAttention):
                module._reset_parameters()
            elif isinstance(module, (nn.Linear, nn.LayerNorm)):
                module.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """The refined features."""
        if not isinstance(x, Tensor) or x.dim() not in (2, 3) or x.size(-1) != self.channels:
            raise ValueError(f"'x' must have shape [n, {self.channels}] or [b, n, {self.channels}] (got {describe(x)})")
        for layer in self.layers:
            x = layer(x)
        return x

    def adapt(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """Refines the samples of an episode together and normalizes them: the ``transform`` of
        :func:`gnnclr.eval.few_shot`.

        Args:
            support (Tensor): Features of the support [..., s, d].
            query (Tensor): Features of the queries [..., q, d].
        """
        out = unit_rows(self(torch.cat([support, query], dim=-2)))
        first, second = out.split([support.size(-2), query.size(-2)], dim=-2)
        return first, second

    def extra_repr(self) -> str:
        """Channels and heads."""
        return f"{self.channels}, heads={self.heads}"
