"""One of several captions of an image, drawn anew in each step."""

import torch
from torch import Tensor, nn

from gnnclr.ops.check import describe


class RandomCaption(nn.Module):
    r"""Draws one of the captions of each sample, uniformly: the ``transform`` of
    :class:`~gnnclr.vision.PairedInputs` for several captions of an image.

    Shapes:
        - **input:** captions :math:`(B, K, L)` of :math:`L` words
        - **output:** captions :math:`(B, L)`
    """

    def forward(self, captions: Tensor) -> Tensor:
        """The captions that are drawn."""
        if captions.dim() != 3 or captions.size(1) == 0:
            raise ValueError(f"'captions' must have shape [B, K, L], K at least one (got {describe(captions)})")
        rows = torch.arange(len(captions), device=captions.device)
        return captions[rows, torch.randint(captions.size(1), (len(captions),), device=captions.device)]
