"""Color distortions that are exactly torchvision's."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from gnnclr.ops.check import check_number, describe, is_number
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, uniform

LUMA = (0.2989, 0.587, 0.114)
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


class ColorJitter(BatchTransform):
    r"""Changes brightness, contrast, saturation and hue of every image, in an order of its own.

    The same distribution and, for the same parameters, the same images as
    :class:`torchvision.transforms.v2.ColorJitter`: factors are uniform in :math:`[\max(0, 1 - v), 1 + v]`, the shift
    of the hue in :math:`[-v, v]`, the 24 orders are equally likely, and values are clamped after every change.
    Brightness, contrast and saturation are all one blend,

    .. math:: \mathbf{x} \leftarrow \mathrm{clamp}(f \mathbf{x} + (1 - f) \mathbf{r}, 0, 1), \qquad
        \mathbf{r} \in \{0, \textrm{mean grayscale}, \textrm{grayscale}\}

    so a batch takes four blends whatever the samples' orders, and one rotation of the hue per sample.
    Images of one channel have no saturation and hue to change.

    Args:
        brightness (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        contrast (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        saturation (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        hue (float or tuple[float, float], optional): Strength, or bounds of the shift, in turns. (default: ``0.1``)
        p (float, optional): The probability that a sample is changed. (default: ``0.8``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)` in :math:`[0, 1]` with :math:`C \in \{1, 3\}`
        - **output:** images :math:`(B, C, H, W)` in :math:`[0, 1]`
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.4,
        contrast: float | tuple[float, float] = 0.4,
        saturation: float | tuple[float, float] = 0.4,
        hue: float | tuple[float, float] = 0.1,
        p: float = 0.8,
    ):
        super().__init__(p)
        self.brightness: tuple[float, float] = _bounds("brightness", brightness, 1.0)
        self.contrast: tuple[float, float] = _bounds("contrast", contrast, 1.0)
        self.saturation: tuple[float, float] = _bounds("saturation", saturation, 1.0)
        self.hue: tuple[float, float] = _bounds("hue", hue, 0.0)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws the factors of every image, the shift of its hue, and their order."""
        n = shape[0]
        return {
            "brightness": uniform((n,), self.brightness, generator, device),
            "contrast": uniform((n,), self.contrast, generator, device),
            "saturation": uniform((n,), self.saturation, generator, device),
            "hue": uniform((n,), self.hue, generator, device),
            "order": torch.rand((n, 4), generator=generator, device=device).argsort(dim=1),
        }

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The images, in other colors."""
        check_channels(images)
        order = params["order"]
        # Sorted by the turn of the hue, the samples whose hue changes in a turn are a slice.
        turn, index = (order == HUE).byte().argmax(dim=1).sort()
        starts = torch.searchsorted(turn, torch.arange(5, device=turn.device)).tolist()
        order = order[index]
        factors = torch.stack([params["brightness"], params["contrast"], params["saturation"]], dim=1)[index]
        hue = params["hue"][index]

        x = images.index_select(0, index)
        color = x.size(1) == 3
        for k in range(4):
            op = order[:, k]
            kept = op == HUE if color else op >= SATURATION
            factor = factors.gather(1, op.clamp(max=SATURATION).unsqueeze(1)).squeeze(1).masked_fill_(kept, 1.0)
            _blend_(x, factor, op)
            if color and self.hue != (0.0, 0.0) and starts[k] < starts[k + 1]:
                rotate_hue_(x[starts[k] : starts[k + 1]], hue[starts[k] : starts[k + 1]])
        return x.index_select(0, index.argsort())

    def extra_repr(self) -> str:
        """The settings."""
        jitter = f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue}"
        return f"{jitter}, p={self.p}"


class Grayscale(BatchTransform):
    r"""Replaces an image by its grayscale, in all channels, with probability :obj:`p`.

    Args:
        p (float, optional): The probability that a sample is changed. (default: ``0.2``)
    """

    def __init__(self, p: float = 0.2):
        super().__init__(p)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Nothing to draw."""
        return {}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The grayscale images."""
        check_channels(images)
        return images if images.size(1) == 1 else grayscale(images).unsqueeze(1).expand_as(images)


def grayscale(images: Tensor) -> Tensor:
    r"""The grayscale :math:`0.2989 R + 0.587 G + 0.114 B` of images :math:`(B, 3, H, W)`, or the only channel of
    :math:`(B, 1, H, W)`, as :math:`(B, H, W)`."""
    if images.size(1) == 1:
        return images[:, 0]
    out = images[:, 0] * LUMA[0]
    return out.add_(images[:, 1], alpha=LUMA[1]).add_(images[:, 2], alpha=LUMA[2])


def rotate_hue_(images: Tensor, shift: Tensor) -> Tensor:
    r"""Shifts the hue of images :math:`(B, 3, H, W)` by :math:`(B)` turns, in place.

    With largest value :math:`V`, range :math:`C` and hue :math:`h` of a pixel, a channel of the HSV model is

    .. math:: V - C \, \mathrm{clamp}(2 - |k_c - 2|, 0, 1), \qquad k_c = (n_c + 6h) \bmod 6, \quad n = (5, 3, 1)

    so neither saturation nor the sextants of the usual conversion are needed.
    """
    red, green, blue = images.unbind(1)
    largest = torch.maximum(torch.maximum(red, green), blue)
    spread = largest - torch.minimum(torch.minimum(red, green), blue)
    # A gray pixel has no hue; any will do, as its range is zero.
    divisor = spread.clamp(min=torch.finfo(images.dtype).tiny).mul_(6)
    # lerp with weights of 0 and 1 selects, several times faster than where does; red goes before green before blue.
    hue = torch.lerp((red - green).add_(spread, alpha=4), (blue - red).add_(spread, alpha=2), _equal(green, largest))
    hue = torch.lerp(hue, green - blue, _equal(red, largest)).div_(divisor).add_(shift.view(-1, 1, 1))
    for channel, n in zip((red, green, blue), (5, 3, 1)):
        # Another turn keeps the argument positive, where frac is the remainder.
        k = (hue + (n / 6 + 1)).frac_().mul_(6).sub_(2).abs_().neg_().add_(2).clamp_(0, 1)
        torch.addcmul(largest, k, spread, value=-1, out=channel)
    return images


def _equal(value: Tensor, largest: Tensor) -> Tensor:
    return (value - largest).floor_().add_(1)  # 1 where equal and 0 where less, for values in [0, 1]


def _blend_(x: Tensor, factor: Tensor, op: Tensor) -> None:
    gray = grayscale(x)
    rest = 1 - factor
    offset = gray.mean(dim=(1, 2)).mul_(rest).masked_fill_(op != CONTRAST, 0.0)
    rest = rest.masked_fill(op != SATURATION, 0.0)
    reference = torch.addcmul(offset.view(-1, 1, 1), gray, rest.view(-1, 1, 1))
    x.mul_(factor.view(-1, 1, 1, 1)).add_(reference.unsqueeze(1)).clamp_(0, 1)


def check_channels(images: Tensor) -> Tensor:
    """Returns ``images`` if they have one or three channels, and raises a :class:`ValueError` otherwise."""
    if images.size(1) not in (1, 3):
        raise ValueError(f"'images' must have 1 or 3 channels (got {describe(images)})")
    return images


def _bounds(name: str, value: Any, center: float) -> tuple[float, float]:
    low, high = (-0.5, 0.5) if name == "hue" else (0.0, float("inf"))
    if is_number(value) and 0 <= value < math.inf:
        pair = (max(center - value, 0.0) if center else -float(value), center + value)
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        for bound in value:
            check_number(name, bound)
        pair = (float(value[0]), float(value[1]))
    else:
        raise ValueError(f"'{name}' must be a number of at least 0 or a pair of bounds (got {describe(value)})")
    if not low <= pair[0] <= pair[1] <= high:
        raise ValueError(f"'{name}' must have ascending bounds within [{low}, {high}] (got {describe(value)})")
    return pair
