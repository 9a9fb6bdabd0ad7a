"""Views of several sizes: a few large crops of an image, and more small ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import check_count, describe
from gnnclr.vision.transforms.crop import RandomResizedCrop
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD
from gnnclr.vision.transforms.views import BatchViews, Views

#: What is said of the crops of a kind.
FIELDS = ("count", "size", "scale")
#: Two large views and four small ones of images of 32×32, by the scales of DINO.
CROPS = ({"count": 2, "size": 32, "scale": (0.4, 1.0)}, {"count": 4, "size": 16, "scale": (0.05, 0.4)})


class MultiCropViews(Views):
    r"""The views of multi-crop, of `"Unsupervised Learning of Visual Features by Contrasting Cluster Assignments"
    <https://arxiv.org/abs/2006.09882>`_: global views, large crops of an image, and local views, small crops of a small
    part of it, which cost little and show whether the whole is known by its parts.

    Views of a kind are those of :class:`BatchViews` of its size and scale; the rest is the same for all. The order is
    that of :obj:`crops`, so that the first views are global. Methods encode the views of each size together;
    :class:`~gnnclr.losses.NTXentLoss` takes global views alone as anchors, each with all other views of its image as
    positives, by ``anchor_views=2``.

    Args:
        crops (Sequence[Mapping], optional): The kinds of views: ``count``, how many there are, ``size``, their height
            and width, and ``scale``, the bounds of the crop's share of the area. (default: two of 32×32 with scales
            .4 to 1, and four of 16×16 with .05 to .4, the scales of DINO)
        mean (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        std (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        **options (optional): ``ratio``, ``flip``, ``jitter``, ``jitter_p``, ``grayscale_p``, ``blur_p``, ``hue`` and
            ``chunk`` of :class:`BatchViews`.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`; or the crops of photos,
          as :class:`~gnnclr.vision.PhotoCrops` makes them, ``uint8`` :math:`(B, \sum_k V_k\, 3\, S_k^2)`
        - **output:** a list of views :math:`(B, C, S_k, S_k)`, ``float32``

    Example:
        >>> views = MultiCropViews([dict(count=2, size=96, scale=(0.4, 1)), dict(count=4, size=48, scale=(0.05, 0.4))])
        >>> [view.shape[2] for view in views(torch.rand(8, 3, 128, 128))]
        [96, 96, 48, 48, 48, 48]
    """

    def __init__(
        self,
        crops: Sequence[Mapping[str, Any]] = CROPS,
        mean: Sequence[float] | float | None = CIFAR_MEAN,
        std: Sequence[float] | float | None = CIFAR_STD,
        **options: Any,
    ):
        kinds = []
        for i, kind in enumerate(_checked(crops)):
            try:
                count = check_count("count", kind["count"])
                kinds.append(BatchViews(kind["size"], count, kind["scale"], mean=mean, std=std, **options))
            except ValueError as error:
                text = str(error)
                field = next((field for field in FIELDS if text.startswith(f"'{field}'")), None)
                raise ValueError(f"'crops[{i}].{text[1:]}" if field else text) from error
        super().__init__((), sum(kind.views for kind in kinds), kinds[0].normalize, kinds[0].chunk)
        self.kinds: nn.ModuleList = nn.ModuleList(kinds)

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        """Makes the views of all kinds, with random numbers from ``generator`` or torch's own."""
        packed = isinstance(images, Tensor) and images.dim() == 2
        inputs = self._unpacked(images) if packed else [images] * len(self.kinds)
        return [view for kind, image in zip(self.kinds, inputs) for view in kind(image, generator)]

    @property
    def photo_crops(self) -> list[tuple[RandomResizedCrop, int]]:
        """The crop of each kind of view, and how many views there are."""
        return [one for kind in self.kinds for one in kind.photo_crops]

    def _unpacked(self, images: Tensor) -> list[Tensor]:
        shapes = [(count, 3, crop.size, crop.size) for crop, count in self.photo_crops]
        sizes = [count * 3 * side * side for count, _, side, _ in shapes]
        if images.dtype != torch.uint8 or images.size(1) != sum(sizes):
            raise ValueError(
                f"'images' must be uint8 of shape [b, {sum(sizes)}] as crops, or [b, c, h, w] (got {describe(images)})"
            )
        return [part.unflatten(1, shape) for part, shape in zip(images.split(sizes, dim=1), shapes)]


def _checked(crops: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(crops, str) or not isinstance(crops, Sequence) or len(crops) == 0:
        raise ValueError(f"'crops' must be a list of kinds of views (got {describe(crops)})")
    for i, kind in enumerate(crops):
        if not isinstance(kind, Mapping) or set(kind) != set(FIELDS):
            got = ", ".join(map(str, kind)) if isinstance(kind, Mapping) else describe(kind)
            raise ValueError(f"'crops[{i}]' must have count, size and scale (got {got})")
    return crops
