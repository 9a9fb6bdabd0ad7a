"""Vision transformers for images of any size."""

# pyright: reportAttributeAccessIssue=false
# torchvision gives no types to the parts of its models.

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models import VisionTransformer

from gnnclr.ops.check import check_choice, check_count

#: Width, layers and heads, of "An Image is Worth 16x16 Words" and, of the two small ones, of DeiT.
SIZES = {"ti": (192, 12, 3), "s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16), "h": (1280, 32, 16)}


class ViT(VisionTransformer):
    r"""The vision transformer of `"An Image is Worth 16x16 Words" <https://arxiv.org/abs/2010.11929>`_ as torchvision
    has it, whose position embeddings are interpolated where an image has another number of patches, as in `DINO
    <https://arxiv.org/abs/2104.14294>`_. Its weights have torchvision's names and shapes.

    Args:
        image_size (int): Height and width of the images whose patches have positions of their own.
        patch_size (int): Height and width of a patch.
        options: Further arguments of :class:`torchvision.models.VisionTransformer`.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, :math:`H` and :math:`W` in whole patches
        - **output:** features :math:`(B, D)`, the class token; what ``heads`` makes of it
    """

    def __init__(self, image_size: int, patch_size: int, **options: Any) -> None:
        if image_size % patch_size:
            raise ValueError(f"'image_size' must be a multiple of the patch size {patch_size} (got {image_size})")
        super().__init__(image_size, patch_size, **options)

    @classmethod
    def of_size(cls, size: str, patch_size: int, image_size: int, **options: Any) -> "ViT":
        """A transformer of a size that has a name.

        Args:
            size (str): ``"ti"``, ``"s"``, ``"b"``, ``"l"`` or ``"h"``.
            patch_size (int): Height and width of a patch.
            image_size (int): Height and width of the images.
            options: Further arguments of :class:`torchvision.models.VisionTransformer`.
        """
        width, layers, heads = SIZES[check_choice("size", size, tuple(SIZES))]
        check_count("patch_size", patch_size)
        sizes = {"num_layers": layers, "num_heads": heads, "hidden_dim": width, "mlp_dim": 4 * width}
        return cls(image_size, patch_size, **{**sizes, **options})

    def forward(self, x: Tensor) -> Tensor:
        """The features of images."""
        if x.shape[-2] % self.patch_size or x.shape[-1] % self.patch_size:
            raise ValueError(
                f"'images' must have a size in whole patches of {self.patch_size} (got shape {list(x.shape)})"
            )
        patches = self.conv_proj(x)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        tokens = self.encoder.dropout(tokens + self._positions(patches.shape[-2], patches.shape[-1]))
        return self.heads(self.encoder.ln(self.encoder.layers(tokens))[:, 0])

    def _positions(self, height: int, width: int) -> Tensor:
        return resized_positions(self.encoder.pos_embedding, height, width)


def resized_positions(positions: Tensor, height: int, width: int) -> Tensor:
    r"""Position embeddings of a square of patches for another number of them, by bicubic interpolation; that of the
    class token stays as it is.

    Args:
        positions (Tensor): Those of the class token and of the patches, row by row.
        height (int): Patches in a column.
        width (int): Patches in a row.

    Shapes:
        - **positions:** :math:`(1, 1 + S^2, D)`
        - **output:** :math:`(1, 1 + HW, D)`
    """
    side = math.isqrt(positions.shape[1] - 1)
    if (side, side) == (height, width):
        return positions
    square = positions[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    resized = F.interpolate(square, (height, width), mode="bicubic", antialias=True).flatten(2).transpose(1, 2)
    return torch.cat([positions[:, :1], resized], dim=1)
