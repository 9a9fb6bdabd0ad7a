"""Handwritten digits that come with scikit-learn: no file is needed."""

# pyright: reportAttributeAccessIssue=false
# scikit-learn gives no type to what it loads.

import torch

from gnnclr.ops.check import check_count
from gnnclr.vision.datasets.images import Images, Labeled


def digits(seed: int = 0) -> Images:
    r"""The 1,797 handwritten digits of 8×8 pixels in scikit-learn, a quarter of them for the test.

    Args:
        seed (int, optional): The seed of the splits. (default: ``0``)
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(data.target).long()
    classes = [str(label) for label in range(10)]
    every = Labeled(images, labels)
    held = Images.hold_out(every, every, classes, val=0.25, seed=seed)  # no test yet: its place is taken below
    return Images.hold_out(held.train, held.val, classes, seed=seed)


def digits_canvas(size: int = 12, seed: int = 0) -> Images:
    r"""The digits of :func:`digits`, each at a random place of an empty canvas.

    A small task in which learning shows: pixels hardly tell the digits apart linearly.

    Args:
        size (int, optional): Height and width of the canvas, at least 8. (default: ``12``)
        seed (int, optional): The seed of places and splits. (default: ``0``)
    """
    check_count("size", size, least=8)
    data = digits(seed)
    generator = torch.Generator().manual_seed(seed)
    parts = (Labeled(_place(part.images, size, generator), part.labels) for part in (data.train, data.val, data.test))
    return Images(*parts, data.classes)


def _place(images: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    canvas = images.new_zeros(len(images), 1, size, size)
    corner = torch.randint(0, size - 8 + 1, (len(images), 2), generator=generator)
    for place, image, (top, left) in zip(canvas, images, corner.tolist()):
        place[:, top : top + 8, left : left + 8] = image
    return canvas
