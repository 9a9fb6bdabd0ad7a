"""Random crops of one photo, as many as it has views."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from gnnclr.ops.check import check_count, check_seed
from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.vision.transforms.crop import RandomResizedCrop

if TYPE_CHECKING:
    from PIL.Image import Image


def sample_generator(seed: int, epoch: int, index: int) -> Generator:
    """The random numbers of a sample in an epoch: a function of its arguments, whoever reads it, and when.

    Args:
        seed (int): The seed of the run.
        epoch (int): The epoch.
        index (int): The number of the sample.
    """
    return Generator().manual_seed(mixed_seed(seed, epoch, index))


class PhotoCrops:
    r"""Makes the crops of all views of a photo, mirrored or not, in eight bits.

    Boxes and mirrors are drawn by :class:`~gnnclr.vision.RandomResizedCrop`, so they are distributed as torchvision's,
    over the photo as it is and not over a square of it. They are cut out of it once it is decoded and resized as by
    torchvision, with antialiased bilinear interpolation. All else that a view needs is done in batches, by
    :class:`~gnnclr.vision.Views`, which takes such crops.

    Args:
        crop (RandomResizedCrop): Draws the boxes.
        views (int): The number of views.
        seed (int, optional): The seed of all epochs. (default: ``0``)

    Shapes:
        - **input:** an image of Pillow, or its pixels :math:`(3, H, W)`, ``uint8``
        - **output:** ``uint8`` :math:`(V, 3, S, S)`; with :meth:`of_kinds` :math:`(\sum_k V_k\, 3\, S_k^2)`
    """

    def __init__(self, crop: RandomResizedCrop, views: int, seed: int = 0) -> None:
        self.kinds: list[tuple[RandomResizedCrop, int]] = [(crop, check_count("views", views))]
        self.seed: int = check_seed("seed", seed)

    @classmethod
    def of_kinds(cls, kinds: Sequence[tuple[RandomResizedCrop, int]], seed: int = 0) -> "PhotoCrops":
        """Crops of several kinds, one after the other. As their sizes may differ they come as one row of pixels, which
        :class:`~gnnclr.vision.MultiCropViews` takes apart.

        Args:
            kinds (sequence): What draws the boxes of a kind, and the number of its views; at least one kind.
            seed (int, optional): The seed of all epochs. (default: ``0``)
        """
        crops = cls(*kinds[0], seed)
        crops.kinds = list(kinds)
        return crops

    def __call__(self, photo: "Image | Tensor", epoch: int, index: int) -> Tensor:
        """The crops of a photo in an epoch."""
        from torchvision.transforms.v2 import functional

        image = photo if isinstance(photo, Tensor) else functional.pil_to_tensor(photo)
        generator = sample_generator(self.seed, epoch, index)
        made = [crops_of(image, crop, views, generator) for crop, views in self.kinds]
        return made[0] if len(made) == 1 else torch.cat([crops.flatten() for crops in made])


def crops_of(image: Tensor, crop: RandomResizedCrop, views: int, generator: Generator) -> Tensor:
    """Random crops of an image, mirrored or not.

    Args:
        image (torch.Tensor): The image :math:`(3, H, W)`, ``uint8``.
        crop (RandomResizedCrop): Draws the boxes.
        views (int): The number of crops.
        generator (torch.Generator): The random numbers.
    """
    _, height, width = image.shape
    made = torch.empty(views, 3, crop.size, crop.size, dtype=torch.uint8)
    boxes = crop.boxes((views, 3, height, width), generator)
    for planes, (top, left, h, w, flip) in zip(made.numpy(), boxes):
        # As pixels that lie together torch resizes a third faster; numpy is faster than torch at taking them apart.
        box = image[None, :, top : top + h, left : left + w].contiguous(memory_format=torch.channels_last)
        view = interpolate(box, [crop.size] * 2, mode="bilinear", antialias=True)[0].numpy()
        for plane, channel in zip(planes, view[:, :, ::-1] if flip else view):
            plane[:] = channel
    return made
