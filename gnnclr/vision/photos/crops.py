"""Random crops of one photo, as many as it has views."""

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

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
    over the photo as it is and not over a square of it. They are cut out of it once it is decoded and resized by
    torchvision, with antialiased bilinear interpolation. All else that a view needs is done in batches, by
    :class:`~gnnclr.vision.Views`, which takes such crops.

    Args:
        crop (RandomResizedCrop): Draws the boxes.
        views (int): The number of views.
        seed (int, optional): The seed of all epochs. (default: ``0``)

    Shapes:
        - **output:** ``uint8`` :math:`(V, 3, S, S)`
    """

    def __init__(self, crop: RandomResizedCrop, views: int, seed: int = 0) -> None:
        self.crop: RandomResizedCrop = crop
        self.views: int = check_count("views", views)
        self.seed: int = check_seed("seed", seed)

    def __call__(self, photo: "Image", epoch: int, index: int) -> Tensor:
        """The crops of a photo in an epoch."""
        from torchvision.transforms.v2 import functional

        image, size = functional.pil_to_tensor(photo), [self.crop.size] * 2
        shape = (self.views, 3, photo.height, photo.width)
        params = self.crop.sample(shape, sample_generator(self.seed, epoch, index))
        boxes = zip(*(params[name].tolist() for name in ("top", "left", "height", "width", "flip")))
        views = []
        for top, left, height, width, flip in boxes:
            view = functional.resized_crop(image, top, left, height, width, size, antialias=True)
            views.append(functional.horizontal_flip(view) if flip else view)
        return torch.stack(views)
