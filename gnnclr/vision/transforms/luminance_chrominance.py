"""Brightness and color of an image as two modalities."""

import torch
from torch import Tensor, nn

from gnnclr.ops.check import describe
from gnnclr.vision.transforms.views import Views

#: From RGB to YDbDr: luminance, and differences from blue and from red.
YDBDR = ((0.299, 0.587, 0.114), (-0.450, -0.883, 1.333), (-1.333, 1.116, 0.217))


class LuminanceChrominance(nn.Module):
    r"""The modalities of `"Contrastive Multiview Coding" <https://arxiv.org/abs/1906.05849>`_: the luminance of an
    image, and its chrominance.

    The color space is YDbDr, a linear map of RGB that the paper compares with Lab.

    Args:
        views (Views): Makes the views that are split, with values in :math:`[0, 1]`. Of one view, as in the paper, both
            parts are taken; of two views, luminance is that of the first and chrominance that of the second.

    Shapes:
        - **input:** a batch with ``image`` :math:`(B, 3, H, W)`
        - **output:** luminance :math:`(B, 1, H', W')` in :math:`[0, 1]` and chrominance :math:`(B, 2, H', W')` in
          :math:`[-4/3, 4/3]`
    """

    matrix: Tensor

    def __init__(self, views: Views):
        super().__init__()
        self.views = views
        self.register_buffer("matrix", torch.tensor(YDBDR).view(3, 3, 1, 1), persistent=False)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The inputs of both towers."""
        views = self.views(_check_color(batch["image"]))
        if len(views) > 2:
            raise ValueError(f"'views' must make one view or two (got {len(views)})")
        return self._convert(views[0], slice(0, 1)), self._convert(views[-1], slice(1, 3))

    def plain(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs of both towers, without augmentation."""
        image = self.views.plain(_check_color(images))
        return self._convert(image, slice(0, 1)), self._convert(image, slice(1, 3))

    def _convert(self, image: Tensor, rows: slice) -> Tensor:
        # Not in half precision: chrominance is a difference of near-equal numbers.
        with torch.autocast(image.device.type, enabled=False):
            out = nn.functional.conv2d(image.float(), self.matrix[rows])
        return out.contiguous(memory_format=torch.channels_last)


def _check_color(images: Tensor) -> Tensor:
    if images.dim() != 4 or images.size(1) != 3:
        raise ValueError(f"'image' must have three channels, [b, 3, h, w] (got {describe(images)})")
    return images
