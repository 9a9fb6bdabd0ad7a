"""The colors of images."""

from collections.abc import Iterable

import torch
from torch import Tensor


def measured_colors(images: Iterable[Tensor]) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel over all pixels, of values in [0, 1], to four digits.

    Sums are of integers, so they do not depend on the order, nor on who reads.

    Args:
        images (iterable): Batches of images, ``uint8`` :math:`(B, C, H, W)`.
    """
    total, pixels = torch.zeros((), dtype=torch.int64), 0
    for batch in images:
        values = batch.transpose(0, 1).flatten(1).long()
        total = total + torch.stack([values.sum(1), values.square().sum(1)])
        pixels += values.size(1)
    if not pixels:
        return [0.0], [1.0]
    mean, square = (total.double() / pixels).unbind()
    std = (square - mean.square()).clamp(min=0).sqrt()
    # Images of one color have no deviation to divide by.
    return [round(x / 255, 4) for x in mean.tolist()], [max(round(x / 255, 4), 0.0001) for x in std.tolist()]
