"""A small encoder of short texts."""

import torch
from torch import Tensor, nn

from gnnclr.ops.check import check_count, describe


class TextEncoder(nn.Module):
    r"""Words to features: embeddings of words and of their places, layers of a transformer, and the mean over words.

    Args:
        out_channels (int, optional): Size of the features. (default: ``64``)
        layers (int, optional): Layers of the transformer; with ``0`` it is a bag of words without places.
            (default: ``1``)
        heads (int, optional): Attention heads, a divisor of ``out_channels``. (default: ``4``)
        length (int, optional): The most words of a text. (default: ``8``)
        buckets (int, optional): Numbers of words, from 1 on, see :func:`~gnnclr.vision.word_tokens`. 0 is no word.
            (default: ``4096``)

    Shapes:
        - **input:** numbers of words :math:`(n, L)`, ``int64``
        - **output:** features :math:`(n, D)`; a text without words has zeros
    """

    def __init__(self, out_channels: int = 64, layers: int = 1, heads: int = 4, length: int = 8, buckets: int = 4096):
        super().__init__()
        self.out_channels: int = check_count("out_channels", out_channels)
        self.length: int = check_count("length", length)
        if out_channels % check_count("heads", heads):
            raise ValueError(f"'heads' must divide the {out_channels} channels (got {heads})")
        self.words: nn.Embedding = nn.Embedding(check_count("buckets", buckets) + 1, out_channels, padding_idx=0)
        self.places: nn.Parameter = nn.Parameter(0.02 * torch.randn(length, out_channels))
        check_count("layers", layers, least=0)
        layer = (
            nn.TransformerEncoderLayer(out_channels, heads, 2 * out_channels, 0.0, batch_first=True)
            for _ in range(layers)
        )
        self.layers: nn.ModuleList = nn.ModuleList(layer)

    def forward(self, tokens: Tensor) -> Tensor:
        """The features of texts."""
        integers = isinstance(tokens, Tensor) and not tokens.is_floating_point()
        if not integers or tokens.dim() != 2 or tokens.size(1) > self.length:
            raise ValueError(
                f"'tokens' must be integers of shape [n, L], L up to {self.length} (got {describe(tokens)})"
            )
        word = tokens != 0
        x = self.words(tokens)
        if self.layers:
            x = x + self.places[: tokens.size(1)]
            silent = ~word & word.any(dim=1, keepdim=True)  # a text without words attends to its places
            for layer in self.layers:
                x = layer(x, src_key_padding_mask=silent)
        share = word.to(x) / word.sum(dim=1, keepdim=True).clamp(min=1)
        return (x * share.unsqueeze(-1)).sum(dim=1)

    def extra_repr(self) -> str:
        """Features and words."""
        return f"{self.out_channels}, length={self.length}"
